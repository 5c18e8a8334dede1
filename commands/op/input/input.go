// Package input reads entries from files: certificates, keys, bundles and whole key stores, as add, show and receive take them.
package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
)

// Input is what is to be added: files of certificates and keys, and whole databases. It can be read several times.
type Input struct {
	env      *op.Env
	pieces   []piece     // files of certificates and keys, together
	stored   []kdb.Entry // the contents of databases
	lone     []pem.Item  // private keys of databases whose certificates may be in the pieces
	sources  []string    // the databases that stored is from
	password op.Password
	secrets  map[string][]byte // passwords that were asked for, by place
	// keyPasswords are further passwords of private keys; keySecrets are what was read of them.
	keyPasswords []op.Password
	keySecrets   [][]byte
	lenient      bool // bad pieces are reported and passed over
	ignoreKeys   bool // private keys in files are passed over
	trust        bool // every certificate is trusted
}

// piece is one file; standard input is kept in memory, since it cannot be read twice.
type piece struct {
	name string
	data []byte
}

// Files says which files are read, and how.
type Files struct {
	Names        []string    // "-" is standard input
	Certificates [][]byte    // DER, which come after the files
	Password     op.Password // of databases and encrypted keys
	KeyPassword  []op.Password
	LockTimeout  time.Duration
	Lenient      bool // bad pieces are reported and passed over
	IgnoreKeys   bool // private keys are passed over, but for those in databases
	// Trust yields every certificate without key as trusted. Otherwise those are that are self-signed, or that their file marks as
	// trusted: what comes along in a file, such as the intermediates of a server's chain, is nothing that somebody trusts.
	Trust bool
	// LeaveOut is asked about each entry of a database that cannot be read; true leaves it out. If it is nil, all must be readable.
	LeaveOut func(kdb.Summary, error) bool
}

// Open finds out what the files are. Databases are read at once, so that nothing is locked later.
func (o Files) Open(ctx context.Context, env *op.Env) (*Input, error) {
	in := &Input{
		env: env, password: o.Password, keyPasswords: o.KeyPassword, secrets: map[string][]byte{},
		lenient: o.Lenient, ignoreKeys: o.IgnoreKeys, trust: o.Trust,
	}
	for _, name := range o.Names {
		if err := in.add(ctx, o, name); err != nil {
			in.Close()
			return nil, err
		}
	}
	if len(in.pieces) > 0 {
		in.pairLone()
	}
	if len(o.Certificates) > 0 {
		text := strings.Join(op.PEMStrings(o.Certificates), "")
		in.pieces = append(in.pieces, piece{name: "the certificates", data: []byte(text)})
	}
	return in, nil
}

func (in *Input) add(ctx context.Context, o Files, name string) error {
	driver, err := in.env.RecogniseInput(name)
	var foreign *kdb.ForeignFormat
	switch {
	case errors.As(err, &foreign) && !foreign.Loose, errors.Is(err, kdb.ErrNeedsFile):
		return err
	case errors.Is(err, kdb.ErrNoDatabase):
		return fmt.Errorf("reading %q: %w", name, os.ErrNotExist)
	case errors.Is(err, kdb.ErrVersion), err == nil && driver.Pieces: // no container: certificates and keys
		return in.addPieces(name)
	case errors.Is(err, kdb.ErrZeros):
		return fmt.Errorf("reading %q: %w: %w", name, kdb.ErrParse, kdb.ErrZeros)
	case errors.Is(err, kdb.ErrEmpty):
		return fmt.Errorf("reading %q: %w: the file is empty", name, kdb.ErrParse)
	case err != nil:
		return err
	}
	source := op.DB{Location: name, Password: o.Password, KeyPassword: o.KeyPassword, LockTimeout: o.LockTimeout}
	return in.addDatabase(ctx, driver, source, o.LeaveOut)
}

// addPieces takes a file of certificates and keys; what cannot be read twice comes from memory.
func (in *Input) addPieces(name string) error {
	p := piece{name: name}
	if info, err := os.Stat(name); name == op.Stdin || err == nil && kdb.Irregular(info) {
		data, err := in.env.Piped(name)
		if err != nil {
			return err
		}
		p.name, p.data = op.Named(name), data
	}
	in.pieces = append(in.pieces, p)
	return nil
}

func (in *Input) addDatabase(ctx context.Context, driver *kdb.Driver, source op.DB, leaveOut func(kdb.Summary, error) bool) error {
	options, err := source.Options(ctx, in.env)
	if err != nil {
		return err
	}
	db, err := driver.Open(ctx, op.Named(source.Location), options)
	if err != nil {
		return err
	}
	defer db.Close()
	var entries []kdb.Entry
	err = db.View(ctx, func(tx kdb.Tx) (err error) {
		entries, err = op.ReadEntries(tx, nil, true, leaveOut)
		return err
	})
	in.stored = append(in.stored, entries...)
	for range entries {
		in.sources = append(in.sources, op.Named(source.Location))
	}
	if err == nil {
		err = in.warnOfLosses(ctx, op.Named(source.Location), db, len(entries))
	}
	if warning := op.Attach(in.env, op.Named(source.Location), db).Unverified(); err == nil && warning != nil && in.env.Warn != nil {
		in.env.Warn(warning)
	}
	return err
}

// warnOfLosses says what of a database is not among the entries that were read, because it is damaged, and that there are none.
func (in *Input) warnOfLosses(ctx context.Context, name string, db kdb.Database, entries int) error {
	info, err := db.Info(ctx)
	if err != nil {
		return err
	}
	warn := func(err error) {
		if in.env.Warn != nil {
			in.env.Warn(err)
		}
	}
	damaged := 0
	for _, fact := range info.Facts {
		if fact.Name == kdb.FactKept && fact.Weak {
			damaged++
			warn(fmt.Errorf("reading %q: damaged, and left out: %s", name, fact.Value))
		}
	}
	if damaged > 0 && entries == 0 {
		return fmt.Errorf("reading %q: %w: nothing in it can be read", name, kdb.ErrParse)
	}
	if info.Entries == 0 {
		warn(fmt.Errorf("%q has no entries", name))
	}
	return nil
}

// pairLone moves the private keys of databases that have no certificate to the pieces, where it may be.
func (in *Input) pairLone() {
	var whole []kdb.Entry
	for i, e := range in.stored {
		if isLone(&e) {
			source := fmt.Sprintf("%q", in.sources[i])
			in.lone = append(in.lone, pem.Item{Kind: pem.PrivateKey, DER: e.Key, Label: e.Label, Source: source})
		} else {
			whole = append(whole, e)
		}
	}
	in.stored = whole
}

// isLone says that an entry is a private key and nothing else.
func isLone(e *kdb.Entry) bool {
	return e.Kind == kdb.KindPersonal && len(e.Certificates) == 0 && len(e.Key) > 0
}

// adopted is an entry of a database with the certificates that its private key has elsewhere, if it comes without.
func adopted(entry kdb.Entry, adopt func(key.Private) (kdb.Entry, bool, error)) (kdb.Entry, error) {
	if adopt == nil || !isLone(&entry) {
		return entry, nil
	}
	private, err := key.ReadPrivate(entry.Key)
	if err != nil {
		return entry, nil // the database that it goes to will tell
	}
	found, ok, err := adopt(private)
	if !ok || err != nil {
		return entry, err
	}
	found.Key = entry.Key
	return found, nil
}

// Streams says that the input is read while its entries are used, so that it takes little memory however large it is.
func (in *Input) Streams() bool {
	return len(in.stored) == 0 && !slices.ContainsFunc(in.pieces, func(p piece) bool { return p.data != nil })
}

// Close forgets keys and passwords.
func (in *Input) Close() {
	op.ClearKeys(in.stored)
	for _, item := range in.lone {
		clear(item.DER)
	}
	for _, secret := range in.secrets {
		clear(secret)
	}
	for _, secret := range in.keySecrets {
		clear(secret)
	}
}

// Entries yields everything in the input, as a stream. Errors name the file. adopt, if it is not nil, is asked for the certificates of a
// private key that has none in the input, see [pem.Options].
func (in *Input) Entries(adopt func(key.Private) (kdb.Entry, bool, error)) iter.Seq2[kdb.Entry, error] {
	return func(yield func(kdb.Entry, error) bool) {
		current, stopped := "", false
		name := func(err error) error {
			file := current
			if lone, ok := errors.AsType[*pem.Unpaired](err); ok { // found at the end of the last file
				file = lone.Key.Source
			}
			return fmt.Errorf("reading %s: %w", file, err)
		}
		options := pem.Options{Password: in.secret, KeyPasswords: in.readKeyPasswords, Adopt: adopt}
		if in.lenient {
			options.Invalid = func(err error) { stopped = stopped || !yield(kdb.Entry{}, name(err)) }
		}
		if len(in.pieces) > 0 {
			for entry, err := range pem.Entries(in.items(&current), options) {
				if err != nil {
					err = name(err)
					switch {
					case errors.Is(err, pem.ErrNoCertificate):
						err = op.Mark(op.LoneKey, err)
					case errors.Is(err, kdb.ErrParse) && in.hasCertificate():
						err = &BadPiece{err}
					}
				} else {
					entry.Trusted = entry.Kind == kdb.KindTrusted && (in.trust || entry.Trusted && trustworthy(&entry))
				}
				if stopped || !yield(entry.Entry, err) {
					return
				}
			}
		}
		for _, entry := range in.stored {
			entry.Key = bytes.Clone(entry.Key) // the database that it goes to may clear it
			entry.Trusted = entry.Trusted || in.trust && entry.Kind == kdb.KindTrusted
			entry, err := adopted(entry, adopt)
			if stopped || !yield(entry, err) {
				return
			}
		}
	}
}

// trustworthy says that a certificate is trusted when it is added: it is self-signed, or OpenSSL's trust settings follow it.
func trustworthy(entry *pem.Entry) bool {
	return entry.Item.Aux != nil && len(entry.Item.Aux.Trust) > 0 || SelfSigned(&entry.Entry)
}

// SelfSigned tells whether the certificate of an entry is self-signed. If its key identifiers agree, no signature is verified: anybody can
// sign with a key of their own.
func SelfSigned(entry *kdb.Entry) bool {
	c, err := entry.Leaf()
	return err == nil && (issuers.SelfIssued(c) && issuers.KeyIDs(c, c) > 0 || issuers.SelfSigned(c))
}

// items yields the pieces of all files, one after the other; current is the file that they come from.
func (in *Input) items(current *string) iter.Seq2[pem.Item, error] {
	return func(yield func(pem.Item, error) bool) {
		var public []string // the files of public keys alone
		for _, item := range in.lone {
			*current, item.DER = item.Source, bytes.Clone(item.DER)
			if !yield(item, nil) {
				return
			}
		}
		withKey := len(in.lone) > 0
		for _, p := range in.pieces {
			onlyPublic := true
			r, closeFile, err := p.open()
			if *current = p.name; closeFile != nil {
				*current = fmt.Sprintf("%q", p.name)
			}
			if err != nil {
				yield(pem.Item{}, err)
				return
			}
			for item, err := range pem.Ahead(pem.Items(r)) {
				item.Source = *current
				onlyPublic = onlyPublic && err == nil && item.Kind == pem.PublicKey
				withKey = withKey || err == nil && slices.Contains(keys, item.Kind)
				if err == nil && in.ignoreKeys && slices.Contains(keys, item.Kind) {
					continue
				}
				if !yield(item, err) {
					closePiece(closeFile)
					return
				}
			}
			closePiece(closeFile)
			if onlyPublic {
				public = append(public, *current)
			}
		}
		if len(public) > 0 && !withKey && !in.ignoreKeys {
			*current = public[0]
			yield(pem.Item{}, errOnlyPublic)
		}
	}
}

// hasCertificate says whether some certificate in the files can be read.
func (in *Input) hasCertificate() bool {
	var current string
	for item, err := range in.items(&current) {
		if err != nil || item.Kind != pem.Certificate {
			continue
		}
		if _, err := cert.Parse(item.DER); err == nil {
			return true
		}
	}
	return false
}

// BadPiece is the error about a piece of the files that cannot be read, while others can be.
type BadPiece struct{ Err error }

func (b *BadPiece) Error() string { return b.Err.Error() }

func (b *BadPiece) Unwrap() error { return b.Err }

// errOnlyPublic is about a file that somebody takes for that of the private key.
var errOnlyPublic = fmt.Errorf("%w: it holds a public key, but no certificate and no private key", kdb.ErrParse)

// keys are the kinds of items that are private keys.
var keys = []pem.Kind{pem.PrivateKey, pem.EncryptedKey, pem.OpenSSHKey}

func (p *piece) open() (io.Reader, func() error, error) {
	if p.data != nil {
		return bytes.NewReader(p.data), nil, nil
	}
	f, err := os.Open(p.name)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}

func closePiece(closeFile func() error) {
	if closeFile != nil {
		_ = closeFile() // nothing was written
	}
}

// PasswordMissing ends a reading of the input that needs a password first.
type PasswordMissing struct{ Where string }

func (p PasswordMissing) Error() string { return "the password of " + p.Where + " is needed" }

// secret returns the password of an encrypted key, if it was asked for already: a database may be locked now.
func (in *Input) secret(where string) ([]byte, error) {
	if password, ok := in.secrets[where]; ok {
		return bytes.Clone(password), nil
	}
	return nil, PasswordMissing{where}
}

// readKeyPasswords reads the passwords of single keys, once.
func (in *Input) readKeyPasswords() ([][]byte, error) {
	for _, p := range in.keyPasswords[len(in.keySecrets):] {
		secret, err := p.Read(in.env, "private keys")
		if err != nil {
			return nil, err
		}
		in.keySecrets = append(in.keySecrets, secret)
	}
	return in.keySecrets, nil
}

// Ask gets the password of an encrypted key.
func (in *Input) Ask(where string) error {
	password, err := in.password.Read(in.env, where)
	if err != nil {
		return err
	}
	in.secrets[where] = password
	return nil
}
