package pki

import (
	"fmt"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// namesPermitted holds what was signed against the CA's name constraints, by the validator that everything else is
// validated with, so that nothing is given out that is refused later. Without constraints, x509 has verified the
// signature and the rest was checked before: the validator would only verify it once more.
func (ca *CA) namesPermitted(der []byte) error {
	if ca.cert.Extension(cert.IDNameConstraints) == nil {
		return nil
	}
	issued, err := cert.Parse(der)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrParse, err)
	}
	o := path.Options{Roots: path.Anchors(ca.cert), Time: issued.NotBefore}
	o.Roots[0].IgnoreTime = true // the certificate may begin before its CA's, by the backdating
	for _, e := range issued.Extensions {
		o.Critical = append(o.Critical, e.ID) // what was asked for is not judged
	}
	if err := path.Validate(issued, o).Err(); err != nil {
		return fmt.Errorf("%w: %w (RFC 5280, 4.2.1.10)", ErrRefused, err)
	}
	return nil
}
