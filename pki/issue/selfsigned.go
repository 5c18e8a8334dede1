package issue

import (
	"crypto"
	"crypto/x509"
	"fmt"

	"certkdb/pki"
)

// SelfSigned makes a key, unless the request has one, and a certificate for it that is signed with it: a root CA's, or
// that of a server without a CA.
func SelfSigned(r Request) (Issued, error) {
	issued, err := r.selfSigned()
	if err != nil {
		return Issued{}, fmt.Errorf("making a self-signed certificate: %w", err)
	}
	return issued, nil
}

func (r *Request) selfSigned() (Issued, error) {
	if err := r.check(r.profile()); err != nil { // before a key is made, which for RSA takes its time
		return Issued{}, err
	}
	private, signing, err := r.makeKey()
	if err != nil {
		return Issued{}, err
	}
	d, err := r.draft(signing.Public(), nil)
	if err != nil {
		return Issued{}, err
	}
	// The issuer is the subject itself; the identifier helps programs that look for issuers by it (RFC 5280, 4.2.1.1).
	d.AuthorityKeyId = d.SubjectKeyId
	algorithm, err := r.signatureAlgorithm(signing)
	if err != nil {
		return Issued{}, err
	}
	der, err := r.sign(d, d.Certificate, signing, algorithm)
	if err != nil {
		return Issued{}, err
	}
	return Issued{Certificate: der, Key: private, Notes: d.notes}, nil
}

// sign signs a draft; x509 verifies the signature before it returns it.
func (r *Request) sign(d draft, parent *x509.Certificate, signing crypto.Signer, algorithm x509.SignatureAlgorithm) ([]byte, error) {
	d.SignatureAlgorithm = algorithm
	der, err := x509.CreateCertificate(r.random(), d.Certificate, parent, d.PublicKey, signing)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", pki.ErrRefused, err)
	}
	return der, r.profile().lintProfile(r.Lint, der)
}
