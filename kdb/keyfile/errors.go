package keyfile

import (
	"errors"

	"certkdb/kdb"
	"certkdb/pki/key"
	"certkdb/pki/pbe"
)

// KeyError gives an error of package pbe or key the sentinel of kdb that says the same, and keeps its text.
func KeyError(err error) error {
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
			return AlsoError(err, pair.ours)
		}
	}
	return err
}

// AlsoError returns an error with the text of err that is other, too.
func AlsoError(err, other error) error { return also{err, other} }

type also struct{ err, other error }

// Error returns the text of the error itself.
func (a also) Error() string { return a.err.Error() }

// Unwrap makes errors.Is find both.
func (a also) Unwrap() []error { return []error{a.err, a.other} }
