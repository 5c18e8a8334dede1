package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Inspect tells what is in a file of any kind that is known here, without a database: certificates, keys, requests, revocation
// lists, key stores. It changes nothing.
type Inspect struct {
	// File is the path; "-" is standard input.
	File string
	// Password opens the file or the encrypted keys in it. Encrypted keys among PEM or DER stay closed when none is given; a key
	// store asks for it.
	Password op.Password
	// KeyPasswords are for private keys that have passwords of their own.
	KeyPasswords []op.Password
	// Expect refuses a file that does not hold this: a type of item ("certificate", "key"), or a format. "" takes all.
	Expect string
	// LockTimeout is as in [DB].
	LockTimeout time.Duration
}

// Inspected is what a file holds.
type Inspected struct {
	File string `json:"file"`
	// Format is "pem", "der", "base64" (without armour), "pkcs7", or the kind of a database.
	Format  string `json:"format"`
	Version string `json:"version,omitempty"`
	Items   []Item `json:"items"`
}

// Item is one piece of a file: a block, a bag of PKCS #12, an entry of another key store.
type Item struct {
	// Type is "certificate", "private-key", "public-key", "request", "crl", "secret-key", "parameters", "block", another type of PKCS
	// #12 bag, or the kind of a database's entry: "personal", "trusted", "request", "secret-key".
	Type string `json:"type"`
	// PEMType is the word after BEGIN, Line its line; Offset is the position in DER.
	PEMType string `json:"pem_type,omitempty"`
	Line    int    `json:"line,omitempty"`
	Offset  *int64 `json:"offset,omitempty"`
	// Label is the friendlyName or alias; LocalKeyID is hexadecimal.
	Label      string `json:"label,omitempty"`
	LocalKeyID string `json:"local_key_id,omitempty"`
	// Trusted and Default are set on entries of databases; TrustedKeyUsage on bags with Oracle's attribute.
	Trusted         bool `json:"trusted,omitempty"`
	Default         bool `json:"default,omitempty"`
	TrustedKeyUsage bool `json:"trusted_key_usage,omitempty"`
	// SHA256 is the digest of the item's certificate, request, revocation list or other public content.
	SHA256    string     `json:"sha256,omitempty"`
	Subject   string     `json:"subject,omitempty"`
	Issuer    string     `json:"issuer,omitempty"`
	Serial    string     `json:"serial,omitempty"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	NotAfter  *time.Time `json:"not_after,omitempty"`
	Status    op.Status  `json:"status,omitempty"`
	SANs      *op.SANs   `json:"sans,omitempty"`
	Warning   string     `json:"warning,omitempty"`
	// KeyType and SPKISHA256 describe the public key of whatever the item is, PKCS8SHA256 the private key.
	KeyType     string `json:"key_type,omitempty"`
	SPKISHA256  string `json:"spki_sha256,omitempty"`
	PKCS8SHA256 string `json:"pkcs8_sha256,omitempty"`
	// Encryption tells how a private key is encrypted, Locked that it was not opened, Unsupported that no password opens it here.
	Encryption  string `json:"encryption,omitempty"`
	Locked      bool   `json:"locked,omitempty"`
	Unsupported bool   `json:"unsupported_encryption,omitempty"`
	// Algorithm is that of a secret key.
	Algorithm string `json:"algorithm,omitempty"`
	// ThisUpdate, NextUpdate, Number and Revoked are of a revocation list.
	ThisUpdate *time.Time `json:"this_update,omitempty"`
	NextUpdate *time.Time `json:"next_update,omitempty"`
	Number     string     `json:"number,omitempty"`
	Revoked    *int       `json:"revoked,omitempty"`
	// RevokedCertificates are the entries of a revocation list.
	RevokedCertificates []RevokedCertificate `json:"revoked_certificates,omitempty"`
	// Extensions are those that a request asks for, or those of a revocation list; those of a certificate stand with it.
	Extensions []Extension `json:"extensions,omitempty"`
	// Certificates are the item's certificate, and the rest of the chain of an entry.
	Certificates []Certificate `json:"certificates,omitempty"`
	PEM          string        `json:"pem,omitempty"`
	// Error says why the piece could not be read.
	Error string `json:"error,omitempty"`

	// flaw says why a certificate is of no use; it is kept and shown all the same.
	flaw string
}

// RevokedCertificate is an entry of a revocation list (RFC 5280, 5.3).
type RevokedCertificate struct {
	Serial    string    `json:"serial"`
	RevokedAt time.Time `json:"revoked_at"`
	Reason    string    `json:"reason"`
	// InvalidSince is the invalidity date: since when the key is suspected to be compromised, or the certificate invalid.
	InvalidSince *time.Time `json:"invalid_since,omitempty"`
	Hold         bool       `json:"hold,omitempty"` // it may be released
	// Issuer is that of the certificate, if another CA issued it (an indirect list).
	Issuer string `json:"issuer,omitempty"`
}

// maxInspected bounds what is held in memory and printed; longer bundles are for add and list.
const maxInspected = 64 << 20

// ShowsFile says whether the argument of show means a file: there is one of that name, and the database has no such label. A native
// database is not opened for that.
func ShowsFile(ctx context.Context, env *op.Env, d op.DB, argument string) bool {
	if info, err := os.Stat(argument); err != nil || info.IsDir() {
		return false
	}
	location, err := d.Path(env)
	if err != nil {
		return true
	}
	driver, err := env.Recognise(location)
	if errors.Is(err, kdb.ErrNoDatabase) {
		return true
	}
	if err == nil && driver.Labels != nil {
		// The label itself is the first with its beginning.
		return !slices.Contains(Completion{DB: d, Prefix: argument, Most: 1}.Labels(ctx, env), argument)
	}
	session, err := op.Open(ctx, env, d)
	if err != nil {
		return false
	}
	defer session.Close()
	err = session.View(ctx, func(tx kdb.Tx) error {
		_, err := tx.Summary(argument)
		return err
	})
	return errors.Is(err, kdb.ErrNotFound)
}

// Run inspects. It may return both a result and an error: the error is about the first piece that could not be read.
func (o Inspect) Run(ctx context.Context, env *op.Env) (Inspected, error) {
	if err := o.check(env); err != nil {
		return Inspected{}, err
	}
	data, err := o.read(env)
	if err != nil {
		return Inspected{}, err
	}
	s := &inspection{Inspect: o, ctx: ctx, env: env, found: Inspected{File: o.File, Items: []Item{}}}
	defer s.forget()
	err = s.inspect(data)
	if o.Expect == "" || o.Expect == s.found.Format {
		return s.found, err
	}
	if err := s.expected(err); err != nil {
		return Inspected{}, err
	}
	return s.found, nil
}

func (o Inspect) read(env *op.Env) ([]byte, error) {
	name := fmt.Sprintf("%q", op.Named(o.File))
	var data []byte
	var err error
	if info, errStat := os.Stat(o.File); o.File == op.Stdin || errStat == nil && kdb.Irregular(info) {
		data, err = env.Piped(o.File) // its errors name it
	} else if data, err = readFile(o.File); err != nil {
		err = fmt.Errorf("reading %s: %w", name, op.UnwrapPath(err))
	}
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxInspected:
		return nil, op.Mark(op.TooLong, fmt.Errorf("reading %s: it is longer than 64 MiB, which is the most that can be shown", name))
	case len(data) == 0:
		return nil, fmt.Errorf("reading %s: %w: the file is empty", name, kdb.ErrParse)
	case len(bytes.TrimRight(data, "\x00")) == 0:
		return nil, fmt.Errorf("reading %s: %w: there is nothing in the file but zeros", name, kdb.ErrParse)
	}
	return data, nil
}

// readFile reads a file as far as it is shown, and a byte more.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxInspected+1))
}

// expectations are what Expect may name, and the items that meet it.
var expectations = sync.OnceValue(func() map[string][]string {
	return map[string][]string{
		"certificate": {"certificate", "personal", "trusted"},
		"private-key": {"private-key", "personal"},
		"public-key":  {"public-key"},
		"key":         {"private-key", "public-key", "personal"},
		"request":     {"request"},
		"crl":         {"crl"},
		typeSecretKey: {typeSecretKey},
		"parameters":  {"parameters"},
	}
})

// Expectations are what Inspect.Expect takes: types of items, and kinds of databases.
func Expectations(drivers []kdb.Driver) []string {
	all := []string{"certificate", "private-key", "public-key", "key", "request", "crl", typeSecretKey, "parameters"}
	for i := range drivers {
		all = append(all, drivers[i].Name)
	}
	return all
}

// check refuses an Expect that no file can meet.
func (o Inspect) check(env *op.Env) error {
	if o.Expect == "" || slices.Contains(Expectations(env.Drivers), o.Expect) {
		return nil
	}
	return &op.Invalid{
		Field: op.FieldExpect, Value: o.Expect, Reason: "nothing is called that",
		Wanted: "expect " + op.Choice(Expectations(env.Drivers)),
	}
}

// expected compares with what was asked for: the file holds it, and what it holds of it is good. Other pieces may be bad, as people
// keep notes and remains of keys next to certificates. bad is the first bad piece.
func (s *inspection) expected(bad error) error {
	var good bool
	var locked *Item
	for i := range s.found.Items {
		item := &s.found.Items[i]
		switch {
		case !slices.Contains(expectations()[s.Expect], item.Type):
		case item.Error != "":
			return bad
		case item.flaw != "":
			return fmt.Errorf("reading %q: %w: the %s is not well-formed: %s", s.File, kdb.ErrParse, item.Type, item.flaw)
		case item.Locked && s.Expect != "certificate":
			locked = item
		default:
			good = true
		}
	}
	switch {
	case locked != nil && locked.Unsupported:
		return fmt.Errorf("reading %q: %w: the private key is encrypted with %s", s.File, kdb.ErrEncryption, locked.Encryption)
	case locked != nil:
		return op.Mark(op.ClosedFile, fmt.Errorf("reading %q: %w", s.File, errClosed))
	case good:
		return nil
	case bad != nil:
		return bad
	}
	return fmt.Errorf("reading %q: %w: it holds no %s%s", s.File, kdb.ErrParse, s.Expect, butHolds(&s.found))
}

func butHolds(found *Inspected) string {
	if len(found.Items) == 0 {
		return ""
	}
	return ", but a " + found.Items[0].Type
}
