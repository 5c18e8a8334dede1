package issue

import (
	"fmt"
	"slices"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/name"
	"certkdb/pki/path"
)

// SetIssuers tells which certificates stand above the CA, so that what they demand is kept too. The chain counts as far as it holds
// together: a chain in which a certificate did not sign the one before it cannot be validated.
func (ca *CA) SetIssuers(chain [][]byte) {
	ca.above = nil
	last := ca.cert
	for _, der := range chain {
		c, err := cert.Parse(der)
		if err != nil || !name.Equal(c.Subject, last.Issuer) || !signed(c, last) {
			return
		}
		ca.above = append(ca.above, c)
		last = c
	}
}

// signed tells whether the key of one certificate made the signature of another.
func signed(by, c *cert.Certificate) bool {
	public, err := key.ParsePublic(by.RawSPKI)
	return err == nil && key.Verify(public, c.SignatureAlgorithm, c.RawTBS, c.Signature) == nil
}

// namesPermitted holds what was signed against the name constraints of the CA and of those above it, by the validator that everything
// else is validated with, so that nothing is given out that is refused later. Without constraints, x509 has verified the
// signature and the rest was checked before: the validator would only verify it once more.
func (ca *CA) namesPermitted(der []byte) error {
	chain := slices.Concat([]*cert.Certificate{ca.cert}, ca.above)
	if !slices.ContainsFunc(chain, func(c *cert.Certificate) bool { return c.Extension(cert.IDNameConstraints) != nil }) {
		return nil
	}
	issued, err := cert.Parse(der)
	if err != nil {
		return fmt.Errorf("%w: %w", pki.ErrParse, err)
	}
	top := len(chain) - 1
	o := path.Options{Roots: path.Anchors(chain[top]), Intermediates: chain[:top], Time: issued.NotBefore}
	o.Roots[0].IgnoreTime = true // the certificate may begin before its CA's, by the backdating
	for _, e := range issued.Extensions {
		o.Critical = append(o.Critical, e.ID) // what was asked for is not judged
	}
	for _, attempt := range path.Validate(issued, o).Attempts {
		for _, failure := range attempt.Failures {
			if failure.Rule == path.RuleNameConstraints || failure.Rule == path.RuleMalformed {
				return fmt.Errorf("%w: %s (RFC 5280, 4.2.1.10)", pki.ErrRefused, failure.Reason)
			}
		}
	}
	return nil
}
