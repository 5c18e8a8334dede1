package jks

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"iter"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/document"
	"certkdb/kdb/keyfile/jks/javaser"
	"certkdb/pki/cert"
	"certkdb/pki/pbe"
)

// container is a decoded JKS or JCEKS file.
type container struct {
	store
	records   []*record                   // in the order of store.entries
	shown     *document.Document[*record] // those that are shown
	hidden    []*record                   // the others
	passwords keyfile.Passwords
	password  []byte // of the file; nil if it was not given
	missing   error  // says why it was not
	verified  bool   // the digest was right, or the store is new
	budget    *pbe.Budget
}

// record is an entry of the file with what the database makes of it.
type record struct {
	*entry
	hidden string // why it is not shown; "" if it is
	// plain is the opened key, or one that was put and is sealed when the file is written.
	plain  []byte
	secret *secretKey // the opened secret key
	listed bool       // a listing tried to open the secret key
	toSeal bool       // plain is to be sealed
}

// decode reads a file. Without its password it can be listed, as in Java, but nothing vouches for it.
func decode(data []byte, passwords keyfile.Passwords, magic uint32) (keyfile.Container, error) {
	s, digest, err := parse(data)
	if err != nil {
		return nil, err
	}
	if s.magic != magic {
		return nil, fmt.Errorf(
			"reading a key store: %w: it begins with %08x, a %s file with %08x",
			kdb.ErrParse,
			s.magic,
			formatName(magic),
			magic,
		)
	}
	c := &container{store: s, passwords: passwords, budget: pbe.NewBudget(pbe.UsualWork)}
	if err := c.askPassword(); err != nil {
		return nil, err
	}
	if c.password != nil {
		if subtle.ConstantTimeCompare(digest, storeDigest(data[:len(data)-s.trailing-digestSize], c.password)) != 1 {
			return nil, fmt.Errorf(
				"verifying the digest of a %s key store (SHA-1 with the password): %w, or the file was changed",
				formatName(magic),
				kdb.ErrPassword,
			)
		}
		c.verified = true
	}
	c.describe()
	return c, nil
}

// askPassword leaves the password nil if none is available.
func (c *container) askPassword() error {
	c.missing = kdb.ErrNoPassword
	if c.passwords.Database == nil {
		return nil
	}
	password, err := c.passwords.Database()
	if errors.Is(err, kdb.ErrNoPassword) {
		c.missing = err
		return nil
	}
	c.password = bytes.Clone(password)
	return err
}

// describe makes the records. Of entries with the same alias Java sees the last one.
func (c *container) describe() {
	last := map[string]int{}
	for i, e := range c.entries {
		last[e.alias] = i
	}
	c.shown = document.New[*record](fold)
	for i, e := range c.entries {
		r := &record{entry: e}
		switch {
		case last[e.alias] != i:
			r.hidden = "a later entry has the same alias, and Java sees only that one"
		default:
			r.hidden = e.unreadable()
		}
		if r.hidden != "" {
			c.hidden = append(c.hidden, r)
		} else {
			c.shown.AddNamed(e.alias, document.Automatic(&kdb.Entry{Certificates: r.certificates()}), r)
		}
		c.records = append(c.records, r)
	}
}

// fold is JavaKeyStore.convertAlias.
func fold(alias string) string { return strings.ToLower(alias) }

func (e *entry) certificates() [][]byte {
	var list [][]byte
	for _, crt := range e.chain {
		list = append(list, crt.der)
	}
	return list
}

// unreadable says why an entry cannot be shown; "" if it can.
func (e *entry) unreadable() string {
	for _, crt := range e.chain {
		if !isX509(crt.kind) {
			return fmt.Sprintf("its certificate is of type %q", crt.kind)
		}
		if _, err := cert.Parse(crt.der); err != nil {
			return err.Error()
		}
	}
	if e.tag != tagSecret {
		return ""
	}
	if o, err := javaser.Parse(e.sealed); err != nil || !o.Is("javax.crypto.SealedObject") {
		return "it holds a Java object that is not a sealed key"
	}
	return ""
}

// Version implements keyfile.Container.
func (c *container) Version() string { return fmt.Sprint(c.version) }

// Entries implements keyfile.Container.
func (c *container) Entries() []kdb.Entry {
	budget := pbe.NewBudget(0) // the keys that it does not suffice for are listed without their algorithm
	var list []kdb.Entry
	for label, r := range c.shown.All() {
		list = append(list, c.entryOf(label, r, budget))
	}
	return list
}

// Shortened implements keyfile.Shortener.
func (c *container) Shortened() iter.Seq2[string, int] { return c.shown.Shortened() }

// Entry implements keyfile.Container.
func (c *container) Entry(label string) (kdb.Entry, error) {
	r, err := c.shown.Find(label)
	if err != nil {
		return kdb.Entry{}, err
	}
	label, err = c.shown.Label(label)
	return c.entryOf(label, r, pbe.NewBudget(0)), err
}

func (c *container) entryOf(label string, r *record, budget *pbe.Budget) kdb.Entry {
	e := kdb.Entry{Label: label, Added: r.added()}
	for _, der := range r.certificates() {
		e.Certificates = append(e.Certificates, bytes.Clone(der))
	}
	switch r.tag {
	case tagKey:
		e.Kind = kdb.KindPersonal
	case tagTrusted:
		e.Kind, e.Trusted = kdb.KindTrusted, true
	case tagSecret:
		// The name of the algorithm is sealed together with the key.
		e.Kind = kdb.KindSecretKey
		if r.secret == nil && !r.listed {
			r.listed = true
			c.openSecret(r, budget) //nolint:errcheck // a key that does not open is listed without its algorithm
		}
		if r.secret != nil {
			e.KeyAlgorithm = r.secret.algorithm
		}
	}
	return e
}

// Key implements keyfile.Container.
func (c *container) Key(label string) ([]byte, error) {
	r, err := c.shown.Find(label)
	switch {
	case err != nil:
		return nil, err
	case r.tag == tagTrusted:
		return nil, fmt.Errorf("label %q: %w: a trusted certificate has no key", label, kdb.ErrNotFound)
	case r.tag == tagSecret:
		k, err := c.openSecret(r, c.budget)
		return bytes.Clone(k.key), err
	}
	key, err := c.openKey(r)
	return bytes.Clone(key), err
}

// candidates are the passwords that a key may have, the file's own first, as keytool does it.
func (c *container) candidates() [][]byte {
	var list [][]byte
	if c.password != nil {
		list = append(list, c.password)
	}
	return append(list, c.passwords.Keys...)
}

// openKey opens a private key with the first password that fits.
func (c *container) openKey(r *record) ([]byte, error) {
	if r.plain != nil {
		return r.plain, nil
	}
	err := fmt.Errorf("opening a private key: %w", c.missing)
	for _, password := range c.candidates() {
		if r.plain, err = unprotect(r.sealed, password, c.budget); err == nil {
			return r.plain, nil
		}
		if !errors.Is(err, kdb.ErrPassword) {
			break
		}
	}
	return nil, &kdb.ClosedKey{Encryption: r.encryption(), Err: err}
}

// openSecret opens a secret key; the derivations that it takes come off the budget.
func (c *container) openSecret(r *record, budget *pbe.Budget) (secretKey, error) {
	if r.secret != nil {
		return *r.secret, nil
	}
	sealed, err := readSealedKey(r.sealed)
	if err != nil {
		return secretKey{}, fmt.Errorf("reading a secret key: %w", err)
	}
	err = fmt.Errorf("opening a secret key: %w", c.missing)
	for _, password := range c.candidates() {
		if limit := sealed.parameters.spend(budget); limit != nil {
			return secretKey{}, fmt.Errorf("opening a secret key: %w", limit)
		}
		var k secretKey
		if k, err = sealed.open(password); err == nil {
			r.secret = &k
			return k, nil
		}
		if !errors.Is(err, kdb.ErrPassword) {
			break
		}
	}
	return secretKey{}, err
}

// Encode implements keyfile.Container. Under another password the keys that opened with the old one are sealed again;
// the others keep what they have, as with keytool -storepasswd.
func (c *container) Encode(password []byte) (keyfile.Files, error) {
	switch {
	case c.magic == magicJCEKS:
		return keyfile.Files{}, errReadOnly()
	case password == nil:
		return keyfile.Files{}, fmt.Errorf("writing a JKS key store: %w: its digest needs one", kdb.ErrNoPassword)
	case !c.verified:
		return keyfile.Files{}, fmt.Errorf("writing a JKS key store that was read without its password: %w", kdb.ErrNoPassword)
	}
	changed := c.password != nil && !bytes.Equal(password, c.password)
	for _, r := range c.records {
		if err := c.reseal(r, password, changed); err != nil {
			return keyfile.Files{}, fmt.Errorf("key of label %q: %w", r.alias, err)
		}
	}
	c.password = bytes.Clone(password)
	body := c.body()
	return keyfile.Files{Main: append(body, storeDigest(body, password)...)}, nil
}

func (c *container) reseal(r *record, password []byte, changed bool) error {
	if changed && !r.toSeal && r.tag == tagKey {
		plain, err := unprotect(r.sealed, c.password, c.budget)
		if err != nil {
			return nil // it has a password of its own, or is sealed in a way that is not known here
		}
		r.plain, r.toSeal = plain, true
	}
	if !r.toSeal {
		return nil
	}
	sealed, err := protect(r.plain, password)
	if err != nil {
		return err
	}
	r.sealed, r.raw, r.toSeal = sealed, nil, false
	return nil
}
