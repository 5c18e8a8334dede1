package kdb

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"certkdb/pki/cert"
	"certkdb/pki/key"
)

// Kind says what an entry holds.
type Kind uint8

// The kinds of entries. The numbers are stored in databases: append, never renumber.
const (
	KindTrusted   Kind = 1 // a certificate without a private key (IBM: signer)
	KindPersonal  Kind = 2 // a certificate with its private key and its chain
	KindRequest   Kind = 3 // a PKCS #10 request waiting for its certificate, with its private key
	KindSecretKey Kind = 4 // a symmetric key
)

var kindNames = sync.OnceValue(func() map[Kind]string {
	return map[Kind]string{
		KindTrusted: "trusted", KindPersonal: "personal", KindRequest: "request", KindSecretKey: "secret-key",
	}
})

// String returns the name used in listings: trusted, personal, request or secret-key.
func (k Kind) String() string {
	if name, ok := kindNames()[k]; ok {
		return name
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// MarshalText writes the name of the kind, for JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (k *Kind) UnmarshalText(text []byte) (err error) {
	*k, err = ParseKind(string(text))
	return err
}

// ParseKind is the inverse of [Kind.String].
func ParseKind(name string) (Kind, error) {
	for kind, n := range kindNames() {
		if n == name {
			return kind, nil
		}
	}
	return 0, fmt.Errorf("unknown kind of entry %q: use trusted, personal, request or secret-key", name)
}

// Entry is what a database keeps under one label.
type Entry struct {
	Label string
	Kind  Kind
	// Trusted says that the first certificate may end a chain of trust. A trusted entry that was distrusted has
	// KindTrusted and Trusted false; a personal entry is trusted only if somebody said so.
	Trusted bool
	// Default marks the personal entry that a server uses when nothing names one. At most one entry has it: giving it
	// to an entry takes it from the one that had it.
	Default bool
	// Certificates are DER as they came: the entry's own certificate first, followed by its chain in issuing order.
	// Empty for requests and secret keys.
	Certificates [][]byte
	// Request is the DER of the PKCS #10 request of a KindRequest entry.
	Request []byte
	// Key is the private key as a PKCS #8 PrivateKeyInfo in DER, or the bytes of a secret key. Entries given to [Tx.Put]
	// have it, entries from [Tx.Entry] do not: [Tx.Key] opens it.
	Key []byte
	// KeyAlgorithm names the algorithm of a secret key: "AES", "DESede", or an OID in dotted form.
	KeyAlgorithm string
	// LocalKeyID is the PKCS #9 localKeyId of PKCS #12 files; empty elsewhere.
	LocalKeyID []byte
	// Deployments say where the certificate and the key are to be written, in the form of the program that does it; empty if nowhere. They
	// belong to the label: [Deployer] sets them, and [Tx.Put] keeps those that are there, whatever the entry says.
	Deployments []byte
	// Added is when the entry was first put under its label, UTC, to the second; zero where the format has no place for it.
	Added time.Time

	leaf *Leaf // see WithLeaf
}

// Marks are what an entry is marked as, apart from its content; nil leaves a mark as it is.
type Marks struct {
	Trusted *bool // see [Entry.Trusted]
	Default *bool // see [Entry.Default]
}

// KeepMarks gives an entry that takes the place of another one the marks that the label keeps. The default entry stays
// the default as long as it is personal. Trust belongs to a certificate: it stays if the first certificate does, and a
// different one is trusted only if the entry that is put says so.
func (e *Entry) KeepMarks(old *Summary) {
	e.Default = e.Default || old.Default && e.Kind == KindPersonal
	e.Trusted = e.Trusted || old.Trusted && len(e.Certificates) > 0 && e.Fingerprint() == old.SHA256
}

// Check reports why an entry cannot have the marks, wrapping [ErrUnsupported].
func (m Marks) Check(s *Summary) error {
	switch {
	case m.Default != nil && *m.Default && s.Kind != KindPersonal:
		return fmt.Errorf("label %q: %w: only a personal entry can be the default", s.Label, ErrUnsupported)
	case m.Trusted != nil && *m.Trusted && s.ChainLength == 0:
		return fmt.Errorf("label %q: %w: there is no certificate to trust", s.Label, ErrUnsupported)
	}
	return nil
}

// Fingerprint is the SHA-256 of what identifies the entry: its first certificate, else its request, else its
// secret key's label (a digest of a secret key would help to guess it).
func (e *Entry) Fingerprint() [32]byte {
	switch {
	case len(e.Certificates) > 0:
		if l := e.leaf.of(e.Certificates[0]); l != nil {
			return l.sha256
		}
		return sha256.Sum256(e.Certificates[0])
	case len(e.Request) > 0:
		return sha256.Sum256(e.Request)
	}
	return sha256.Sum256([]byte(e.Label))
}

// MaxLabel is the longest label in bytes.
const MaxLabel = 255

// CheckLabel reports why label cannot be one, wrapping [ErrLabel]: a label is 1 to 255 bytes of UTF-8 without control
// characters. Everything else is legal in it, spaces, quotes, commas and slashes too.
func CheckLabel(label string) error {
	switch {
	case label == "":
		return fmt.Errorf("%w: it is empty", ErrLabel)
	case len(label) > MaxLabel:
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrLabel, len(label), MaxLabel)
	case !utf8.ValidString(label):
		return fmt.Errorf("%w: %q is not UTF-8", ErrLabel, label)
	}
	for _, r := range label {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return fmt.Errorf("%w: %q contains a control character", ErrLabel, label)
		}
	}
	return nil
}

// CheckNewLabel is [CheckLabel] for a label that is chosen now: it also refuses format characters and separators of lines, because nobody
// sees them, and some change the direction of the text around them (Unicode, categories Cf, Zl and Zp).
func CheckNewLabel(label string) error {
	if err := CheckLabel(label); err != nil {
		return err
	}
	for _, r := range label {
		if r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return fmt.Errorf("%w: %q contains %U, which is invisible or changes the direction of text", ErrLabel, label, r)
		}
	}
	return nil
}

// Check reports why the entry cannot be stored, wrapping [ErrLabel] or [ErrUnsupported]: a bad label, or parts that its
// kind must or must not have; and of its private key what [Entry.CheckKey] does.
func (e *Entry) Check() error {
	if err := CheckLabel(e.Label); err != nil {
		return err
	}
	switch e.Kind {
	case KindTrusted:
		return e.want(len(e.Certificates) > 0 && len(e.Key) == 0 && len(e.Request) == 0, "a certificate and no key")
	case KindPersonal:
		if err := e.want(len(e.Certificates) > 0 && len(e.Key) > 0 && len(e.Request) == 0, "a certificate and its key"); err != nil {
			return err
		}
		return e.CheckKey()
	case KindRequest:
		if err := e.want(len(e.Certificates) == 0 && len(e.Key) > 0 && len(e.Request) > 0, "a request and its key"); err != nil {
			return err
		}
		return e.CheckKey()
	case KindSecretKey:
		return e.want(len(e.Certificates) == 0 && len(e.Key) > 0 && len(e.Request) == 0, "a secret key and nothing else")
	}
	return errors.New("the entry has no kind")
}

// CheckKey reports, wrapping [ErrParse], that the private key cannot be read or, as a [WrongKey], that it does not belong to the first
// certificate or the request. A key whose public key cannot be computed here, and a certificate that cannot be read, prove nothing.
func (e *Entry) CheckKey() error {
	private, err := key.ReadPrivate(e.Key)
	if err != nil {
		return fmt.Errorf("the private key of label %q: %w: %w", e.Label, ErrParse, err)
	}
	var public []byte
	what := "certificate"
	if len(e.Certificates) > 0 {
		if c, err := e.Leaf(); err == nil {
			public = c.RawSPKI
		}
	} else if r, err := cert.ParseRequest(e.Request); err == nil {
		public, what = r.RawSPKI, "request"
	}
	if private.SPKI == nil || public == nil || key.SameKey(private.SPKI, public) {
		return nil
	}
	return &WrongKey{Label: e.Label, To: what}
}

// WrongKey says that the private key of an entry is not that of its certificate or request. It wraps [ErrParse].
type WrongKey struct {
	Label string
	To    string // "certificate" or "request"
}

func (e *WrongKey) Error() string {
	return fmt.Sprintf("the private key of label %q does not belong to its %s", e.Label, e.To)
}

func (*WrongKey) Unwrap() error { return ErrParse }

func (e *Entry) want(ok bool, what string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: entry %q of kind %s needs %s", ErrUnsupported, e.Label, e.Kind, what)
}
