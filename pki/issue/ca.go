package issue

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
)

// CA is a certification authority: a certificate and its private key.
type CA struct {
	cert      *cert.Certificate
	signer    crypto.Signer
	algorithm x509.SignatureAlgorithm
	above     []*cert.Certificate
}

// NewCA checks that the certificate is one of a CA and that the private key belongs to it. The error wraps
// [pki.ErrRefused] and says what is missing.
func NewCA(der []byte, private key.Private) (*CA, error) { return newCA(der, private, false) }

// NewOldCA is NewCA for certificates that programs took for those of a CA before RFC 5280: without basic constraints and key usage, and
// with an RSA key from 1024 bits. What they issue is refused by every validator of today.
func NewOldCA(der []byte, private key.Private) (*CA, error) { return newCA(der, private, true) }

func newCA(der []byte, private key.Private, old bool) (*CA, error) {
	c, err := cert.Parse(der)
	if err != nil {
		return nil, fmt.Errorf("reading the CA's certificate: %w: %w", pki.ErrParse, err)
	}
	ca := &CA{cert: c}
	if err := ca.usable(private, old); err != nil {
		return nil, fmt.Errorf("using %q as a CA: %w", c.Subject.String(), err)
	}
	return ca, nil
}

// usable checks the certificate and fills in the rest of the CA.
func (ca *CA) usable(private key.Private, old bool) error {
	c := ca.cert
	switch {
	case !key.SameKey(private.SPKI, c.RawSPKI):
		return fmt.Errorf("%w: the private key does not belong to the certificate", pki.ErrRefused)
	case !c.IsCA && !old:
		return fmt.Errorf("%w: its basic constraints do not make it a CA (RFC 5280, 4.2.1.9)", pki.ErrRefused)
	case c.KeyUsage != 0 && !old && c.KeyUsage&cert.KeyCertSign == 0:
		return fmt.Errorf("%w: its key usage lacks keyCertSign (RFC 5280, 4.2.1.3)", pki.ErrRefused)
	}
	signer, err := private.Signer()
	if err != nil {
		return fmt.Errorf("%w: %w", pki.ErrRefused, err)
	}
	if err := (&Request{AllowWeak: old}).checkKey(signer.Public()); err != nil {
		return err
	}
	ca.signer = signer
	ca.algorithm, err = signatureAlgorithm(signer)
	if strings.HasPrefix(private.Type, "rsapss") {
		ca.algorithm = x509.SHA256WithRSAPSS // the key may be used for nothing else (RFC 4055, 1.2)
	}
	return err
}

// Certificate is the CA's certificate.
func (ca *CA) Certificate() *cert.Certificate { return ca.cert }

// end returns when the CA's certificate ends; for none, zero.
func (ca *CA) end() time.Time {
	if ca == nil {
		return time.Time{}
	}
	return ca.cert.NotAfter
}

// parent is the CA as x509 wants the issuer: its name, byte for byte, and key identifier.
func (ca *CA) parent() *x509.Certificate {
	return &x509.Certificate{RawSubject: ca.cert.RawSubject, SubjectKeyId: ca.keyID(), KeyUsage: x509.KeyUsageCRLSign}
}

// keyID is the identifier of the CA's key: that of its certificate, else one that is made of the key (RFC 7093, 2, method 1), which
// nobody compares with a certificate that has none.
func (ca *CA) keyID() []byte {
	if len(ca.cert.SKI) > 0 {
		return ca.cert.SKI
	}
	in := cryptobyte.String(ca.cert.RawSPKI)
	public, err := key.ReadSPKI(&in)
	if err != nil {
		return nil // unreachable: the key was read before
	}
	sum := sha256.Sum256(public.Bits)
	return sum[:20]
}

// SignCRL signs a revocation list with what identifies the CA (RFC 5280, 5.1 and 5.2.1); package status makes the template. With fips, a
// key that FIPS 140-3 does not approve is refused.
func (ca *CA) SignCRL(random io.Reader, template x509.RevocationList, fips bool) ([]byte, error) {
	if ca.cert.KeyUsage != 0 && ca.cert.KeyUsage&cert.CRLSign == 0 {
		return nil, fmt.Errorf("%w: the CA's key usage lacks cRLSign (RFC 5280, 4.2.1.3)", pki.ErrRefused)
	}
	if err := checkKey(ca.signer.Public(), fips); err != nil {
		return nil, err
	}
	template.SignatureAlgorithm = ca.algorithm
	der, err := x509.CreateRevocationList(random, &template, ca.parent(), ca.signer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", pki.ErrRefused, err)
	}
	return der, nil
}

// Issue makes a key, unless the request has one, and a certificate for it that the CA signs.
func (ca *CA) Issue(r Request) (Issued, error) {
	issued, err := ca.issue(&r)
	if err != nil {
		return Issued{}, fmt.Errorf("issuing a certificate by %q: %w", ca.cert.Subject.String(), err)
	}
	return issued, nil
}

func (ca *CA) issue(r *Request) (Issued, error) {
	if err := r.check(r.profile()); err != nil {
		return Issued{}, err
	}
	if err := ca.valid(r.now()); err != nil {
		return Issued{}, err
	}
	if r.publicKey != nil {
		return ca.certify(r, r.publicKey, key.Private{})
	}
	private, signer, err := r.makeKey()
	if err != nil {
		return Issued{}, err
	}
	return ca.certify(r, signer.Public(), private)
}

func (ca *CA) valid(now time.Time) error {
	switch {
	case now.After(ca.cert.NotAfter):
		return fmt.Errorf("%w: the CA's certificate expired at %s; renew it first", pki.ErrRefused, stamp(ca.cert.NotAfter))
	case now.Before(ca.cert.NotBefore):
		return fmt.Errorf("%w: the CA's certificate begins at %s", pki.ErrRefused, stamp(ca.cert.NotBefore))
	}
	return nil
}

// certify signs a certificate for a public key.
func (ca *CA) certify(r *Request, public crypto.PublicKey, private key.Private) (Issued, error) {
	if r.FIPS {
		if err := checkKey(ca.signer.Public(), true); err != nil {
			return Issued{}, err
		}
	}
	d, err := r.draft(public, ca)
	if err != nil {
		return Issued{}, err
	}
	if err := ca.allows(&d, r); err != nil {
		return Issued{}, err
	}
	ca.identify(&d)
	algorithm := ca.algorithm
	if r.Signature != "" {
		if algorithm, err = r.signatureAlgorithm(ca.signer); err != nil {
			return Issued{}, err
		}
	}
	der, err := r.sign(d, ca.parent(), ca.signer, algorithm)
	if err != nil {
		return Issued{}, err
	}
	if err := ca.namesPermitted(der); err != nil {
		if len(d.notes) > 0 { // a name that was added may be the one
			err = fmt.Errorf("%w (%s)", err, strings.Join(d.notes, "; "))
		}
		return Issued{}, err
	}
	return Issued{Certificate: der, Key: private, Notes: d.notes}, nil
}

// identify names the CA's key in the draft. x509 leaves that out when issuer and subject have the same name, but only a self-signed
// certificate may lack it (RFC 5280, 4.2.1.1): with the same name, nothing else tells it from one.
func (ca *CA) identify(d *draft) {
	if !bytes.Equal(d.RawSubject, ca.cert.RawSubject) {
		return // x509 takes the identifier from the parent
	}
	d.AuthorityKeyId = ca.keyID()
	if !d.IsCA {
		d.notes = append(d.notes, "it has the name of its CA: programs that ignore key identifiers take it for self-signed")
	}
}

// allows holds the draft against the CA's path length and purposes.
func (ca *CA) allows(d *draft, r *Request) error {
	// A new key of the CA itself does not count (RFC 5280, 6.1.4 (l)).
	if d.IsCA && !bytes.Equal(d.RawSubject, ca.cert.RawSubject) {
		if err := ca.limitPath(d); err != nil {
			return err
		}
	}
	asked := d.purposes(r)
	if len(ca.cert.ExtKeyUsage) == 0 || slices.Contains(ca.cert.ExtKeyUsage, oid.AnyExtendedKeyUsage) {
		return nil
	}
	for _, id := range asked {
		// A responder's certificate comes from the CA whose certificates it answers for, whatever these are for.
		if id != oid.OCSPSigning && !slices.Contains(ca.cert.ExtKeyUsage, id) {
			return fmt.Errorf("%w: the CA is limited to other purposes than %s (its extended key usage)", pki.ErrRefused, oid.Name(id))
		}
	}
	return nil
}

// limitPath makes the path length of a CA below this one fit (RFC 5280, 4.2.1.9).
func (ca *CA) limitPath(d *draft) error {
	most := ca.cert.MaxPathLen
	unlimited := d.MaxPathLen < 0 || d.MaxPathLen == 0 && !d.MaxPathLenZero
	switch {
	case most < 0:
		return nil
	case most == 0:
		return fmt.Errorf("%w: the CA's path length is 0: it may not issue to CAs (RFC 5280, 4.2.1.9)", pki.ErrRefused)
	case unlimited:
		d.MaxPathLen, d.MaxPathLenZero = most-1, most == 1
		d.notes = append(d.notes, fmt.Sprintf("path length %d, because the CA has %d", most-1, most))
	case d.MaxPathLen >= most:
		return fmt.Errorf("%w: a path length of %d below a CA that has %d (RFC 5280, 4.2.1.9)", pki.ErrRefused, d.MaxPathLen, most)
	}
	return nil
}
