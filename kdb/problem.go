package kdb

import "errors"

// Severity says what a finding of [Database.Check] means for the database.
type Severity uint8

const (
	// Damage: something was changed or lost.
	Damage Severity = iota
	// Mismatch: a private key does not belong to its certificate; each is as its writer left it.
	Mismatch
	// Closed: something could not be checked without another password.
	Closed
	// Note: something is unusual, and no harm: the file is as its writer left it.
	Note
)

// Problem is a finding of [Database.Check].
type Problem struct {
	Where    string // "certificates of label \"x\"", "audit log, record 17", "head"
	What     string // "the seal does not open: it was changed, or moved from elsewhere"
	Severity Severity
}

// Unopened is the finding that a key does not open, or cannot be used. Another password may open it, and an unsupported encryption does no
// harm.
func Unopened(where string, err error) Problem {
	p := Problem{Where: where, What: err.Error()}
	_, wrong := errors.AsType[*WrongKey](err)
	switch {
	case wrong:
		p.Severity = Mismatch
	case errors.Is(err, ErrPassword), errors.Is(err, ErrNoPassword):
		p.Severity = Closed
	case errors.Is(err, ErrEncryption), errors.Is(err, ErrUnsupported):
		p.Severity = Note
	}
	return p
}

// ClosedKey is the error of a key that does not open: it names how the key is encrypted.
type ClosedKey struct {
	Encryption string // "PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256, 10000 iterations"
	Err        error
}

func (k *ClosedKey) Error() string { return k.Err.Error() }

func (k *ClosedKey) Unwrap() error { return k.Err }
