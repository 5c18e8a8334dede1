package inspect

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/key"
)

// Filter chooses entries by what is in them. All fields that are given must fit.
type Filter struct {
	Subject, Issuer, SAN string // a part of the name, in whatever case
	Serial               string // hexadecimal, as any program prints it
	// Fingerprint is the beginning of the SHA-256 or SHA-1 digest of the certificate, hexadecimal.
	Fingerprint string
	// Key is a file with a key, certificate or request, or the beginning of the SHA-256 digest of the public key.
	Key string

	keys []string // the digests that Key stands for
}

// prepare reads the file of Key and brings numbers into their usual form.
func (f *Filter) prepare(ctx context.Context, env *op.Env) error {
	f.Subject, f.Issuer, f.SAN = strings.ToLower(f.Subject), strings.ToLower(f.Issuer), strings.ToLower(f.SAN)
	for _, number := range []struct {
		field op.Field
		text  *string
	}{{op.FieldSerial, &f.Serial}, {op.FieldFingerprint, &f.Fingerprint}} {
		digits := hexDigits(*number.text)
		if *number.text != "" && digits == "" {
			return &op.Invalid{Field: number.field, Value: *number.text, Reason: "write hexadecimal digits"}
		}
		*number.text = digits
	}
	f.Serial = strings.TrimLeft(f.Serial, "0")
	if f.Key == "" {
		return nil
	}
	var err error
	f.keys, err = keysIn(ctx, env, f.Key)
	if digits := hexDigits(f.Key); errors.Is(err, fs.ErrNotExist) && digits != "" {
		f.keys, err = []string{digits}, nil
	}
	return err
}

// Chooses says whether any field is given.
func (f *Filter) Chooses() bool {
	return f.Subject+f.Issuer+f.SAN+f.Serial+f.Fingerprint+f.Key != ""
}

// keysIn returns the digests of the public keys of what is in a file.
func keysIn(ctx context.Context, env *op.Env, file string) ([]string, error) {
	found, err := Inspect{File: file}.Run(ctx, env)
	var keys []string
	for _, item := range found.Items {
		if item.SPKISHA256 != "" {
			keys = append(keys, item.SPKISHA256)
		}
	}
	if len(keys) == 0 && err == nil {
		err = &op.Invalid{Field: op.FieldKey, Value: file, Reason: "it holds no key that could be compared"}
	}
	if len(keys) > 0 {
		err = nil
	}
	return keys, err
}

// hexDigits are those of a number in lower case, without 0x, colons and spaces; "" if it is not hexadecimal.
func hexDigits(text string) string {
	text = strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(text))
	text = strings.TrimPrefix(text, "0x")
	if strings.Trim(text, "0123456789abcdef") != "" {
		return ""
	}
	return text
}

// fits says whether an entry is one of those that are looked for. It is opened only if the summary does not tell.
func (f *Filter) fits(tx kdb.Tx, s *kdb.Summary) (bool, error) {
	switch {
	case !strings.Contains(strings.ToLower(s.Subject), f.Subject), !strings.Contains(strings.ToLower(s.Issuer), f.Issuer),
		f.SAN != "" && !slices.ContainsFunc(namesOf(s), func(n string) bool { return strings.Contains(strings.ToLower(n), f.SAN) }),
		f.Serial != "" && strings.TrimLeft(s.Serial, "0") != f.Serial:
		return false, nil
	case f.Fingerprint == "" && f.keys == nil:
		return true, nil
	}
	d, err := digestsOf(tx, s)
	begins := func(digits string) bool { return strings.HasPrefix(d.key, digits) }
	return (f.Fingerprint == "" || d.begins(f.Fingerprint)) && (f.keys == nil || slices.ContainsFunc(f.keys, begins)), err
}

// digests are hexadecimal; "" is the digest of what an entry does not have.
type digests struct{ sha256, sha1, key string }

// begins says whether a fingerprint of the certificate, or of the request, begins with these digits.
func (d digests) begins(digits string) bool {
	return strings.HasPrefix(d.sha256, digits) || strings.HasPrefix(d.sha1, digits)
}

// digestsOf opens an entry. A private key is opened only where no certificate and no request tells the public key; if its password is not
// known, the entry has no digest of a key.
func digestsOf(tx kdb.Tx, s *kdb.Summary) (digests, error) {
	d := digests{sha256: op.HexDigest(s.SHA256)}
	entry, err := tx.Entry(s.Label)
	if err != nil {
		return d, err
	}
	var spki []byte
	switch {
	case len(entry.Certificates) > 0:
		old := sha1.Sum(entry.Certificates[0]) // what many programs still show; nothing depends on it
		d.sha1 = hex.EncodeToString(old[:])
		if c, err := cert.Parse(entry.Certificates[0]); err == nil {
			spki = c.RawSPKI
		}
	case len(entry.Request) > 0:
		if r, err := cert.ParseRequest(entry.Request); err == nil {
			spki = r.RawSPKI
		}
	case s.Kind == kdb.KindPersonal:
		spki = publicOf(tx, s.Label)
	}
	if spki != nil {
		d.key = op.HexDigest(sha256.Sum256(spki))
	}
	return d, nil
}

// publicOf computes the public key of a private one; nil if it cannot be opened or computed.
func publicOf(tx kdb.Tx, label string) []byte {
	der, err := tx.Key(label)
	if err != nil {
		return nil
	}
	defer clear(der)
	private, err := key.ReadPrivate(der)
	if err != nil {
		return nil
	}
	return private.SPKI
}

// namesOf are the subject alternative names.
func namesOf(s *kdb.Summary) []string {
	return slices.Concat(s.DNSNames, s.IPAddresses, s.Emails, s.URIs)
}
