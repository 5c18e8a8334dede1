package op

import (
	"crypto/x509"
	"errors"

	"certkdb/kdb"
	"certkdb/pki"
)

// Classify makes err count as another error too, which its text does not repeat.
func Classify(err, as error) error { return classified{err, as} }

type classified struct {
	error
	as error
}

func (c classified) Unwrap() []error { return []error{c.error, c.as} }

// PKIError gives errors of pki their place among the errors of operations.
func PKIError(err error) error {
	switch {
	case errors.Is(err, pki.ErrFIPS):
		hint := "approved are RSA of 2048 bits and more, P-256, P-384, P-521, Ed25519 and ML-DSA; or leave --fips out"
		if !FIPSEnabled() {
			hint = "start the program with GODEBUG=fips140=on in its environment, or leave --fips out"
		}
		return WithHint(Classify(err, ErrUsage), hint)
	case errors.Is(err, pki.ErrArgument):
		return Classify(err, ErrUsage)
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return WithHint(Classify(err, ErrNetwork), "if you trust the server, add the certificate of its CA to the database: certkdb add FILE")
	case errors.Is(err, pki.ErrRemote):
		return Classify(err, ErrNetwork)
	case errors.Is(err, pki.ErrParse):
		return Classify(err, kdb.ErrParse)
	case errors.Is(err, pki.ErrRefused):
		return Classify(err, ErrFindings)
	}
	return err
}
