package pem

import (
	"errors"

	"certkdb/kdb"
	"certkdb/pki/key"
	"certkdb/pki/pbe"
)

// ErrNoCertificate says that a private key stands in an input without the certificate or request that belongs to it.
var ErrNoCertificate = errors.New("no certificate or request in the input belongs to this private key")

// marked gives an error a second identity without repeating it in the text.
type marked struct{ err, as error }

// Error returns the text of the error itself.
func (m marked) Error() string { return m.err.Error() }

// Unwrap makes errors.Is find both.
func (m marked) Unwrap() []error { return []error{m.err, m.as} }

// unsupported says that a key cannot be opened here whatever the password.
func unsupported(err error) bool {
	return errors.Is(err, kdb.ErrUnsupported) || errors.Is(err, kdb.ErrEncryption)
}

// translate gives the errors of the leaf readers the sentinels of kdb.
func translate(err error) error {
	for _, pair := range [...]struct{ leaf, ours error }{
		{pbe.ErrPassword, kdb.ErrPassword},
		{pbe.ErrUnsupported, kdb.ErrEncryption},
		{pbe.ErrLimit, kdb.ErrEncryption},
		{pbe.ErrParse, kdb.ErrParse},
		{key.ErrUnsupported, kdb.ErrUnsupported},
		{key.ErrEncrypted, kdb.ErrParse},
		{key.ErrParse, kdb.ErrParse},
	} {
		if errors.Is(err, pair.leaf) {
			return marked{err, pair.ours}
		}
	}
	return err
}
