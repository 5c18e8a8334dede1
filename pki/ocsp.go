package pki

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/name"
	"certkdb/pki/path"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// Answer is what an OCSP responder says of a certificate (RFC 6960).
type Answer struct {
	// Status is "good", "revoked" or "unknown".
	Status string
	// RevokedAt and Reason are those of a revoked certificate.
	RevokedAt time.Time
	Reason    Reason
	// ThisUpdate and NextUpdate are when it was so, and when to ask again; NextUpdate may be zero.
	ThisUpdate, NextUpdate time.Time
}

// The statuses of an [Answer].
const (
	StatusGood    = "good"
	StatusRevoked = "revoked"
	StatusUnknown = "unknown"
)

// ocspSkew is how far clocks may differ.
const ocspSkew = 5 * time.Minute

// ocspFresh is how old a response may be that names no next update: its responder has a newer one at any time (RFC 6960, 2.4).
const ocspFresh = 24 * time.Hour

// AskOCSP makes the request that asks a responder for a certificate, without a nonce (RFC 5019, 2.1).
func AskOCSP(c, issuer *cert.Certificate) ([]byte, error) {
	der, err := ocsp.CreateRequest(&x509.Certificate{SerialNumber: c.Serial}, forOCSP(issuer), nil)
	if err != nil {
		return nil, fmt.Errorf("making an OCSP request: %w: %w", ErrArgument, err)
	}
	return der, nil
}

// forOCSP is a certificate as package ocsp wants an issuer.
func forOCSP(c *cert.Certificate) *x509.Certificate {
	return &x509.Certificate{RawSubject: c.RawSubject, RawSubjectPublicKeyInfo: c.RawSPKI}
}

// OCSPURLs are the responders that a certificate names (RFC 5280, 4.2.2.1).
func OCSPURLs(c *cert.Certificate) []string {
	e := c.Extension(cert.IDAuthorityInfoAccess)
	if e == nil {
		return nil
	}
	list, err := cert.ParseAccess(e.Value)
	if err != nil {
		return nil
	}
	var urls []string
	for _, access := range list {
		if access.Method == "1.3.6.1.5.5.7.48.1" && access.Location.Type == cert.URIName {
			urls = append(urls, string(access.Location.Value))
		}
	}
	return urls
}

// PostOCSP sends a request to a responder and returns its response (RFC 6960, appendix A). A nil client is one with a
// timeout.
func PostOCSP(ctx context.Context, client *http.Client, url string, request []byte) ([]byte, error) {
	if client == nil {
		client = &http.Client{Timeout: remoteTimeout}
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(request))
	if err != nil {
		return nil, fmt.Errorf("asking the OCSP responder %q: %w: %w", url, ErrArgument, err)
	}
	q.Header.Set("Content-Type", "application/ocsp-request")
	answer, err := client.Do(q)
	if err != nil {
		return nil, fmt.Errorf("asking the OCSP responder %q: %w: %w", url, ErrRemote, err)
	}
	defer answer.Body.Close()
	der, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("asking the OCSP responder %q: %w: %w", url, ErrRemote, err)
	}
	return der, nil
}

// ReadOCSP verifies a response and returns what it says of a certificate: it is about this certificate of this issuer,
// signed by the issuer or by a responder that the issuer has delegated to (RFC 6960, 4.2.2.2), and of now (4.2.2.1). o has the
// time, what is too weak, and the CRLs that the responder's own certificate may need. The error wraps [ErrParse], or
// [ErrRefused] if the response may not be believed.
func ReadOCSP(response []byte, c, issuer *cert.Certificate, o path.Options) (Answer, error) {
	a, err := readOCSP(response, c, issuer, o)
	if err != nil {
		return Answer{}, fmt.Errorf("reading an OCSP response about %q: %w", c.Subject.String(), err)
	}
	return a, nil
}

func readOCSP(response []byte, c, issuer *cert.Certificate, o path.Options) (Answer, error) {
	if len(response) > maxAnswer {
		return Answer{}, fmt.Errorf("%w: it has %d bytes", ErrParse, len(response))
	}
	r, err := ocsp.ParseResponseForCert(response, &x509.Certificate{SerialNumber: c.Serial}, nil)
	if refused, ok := errors.AsType[ocsp.ResponseError](err); ok {
		return Answer{}, fmt.Errorf("%w: the responder says: %s", ErrRefused, refused.Status)
	}
	if err != nil {
		if _, readable := singleResponses(response); readable {
			return Answer{}, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return Answer{}, fmt.Errorf("%w: it is no OCSP response", ErrParse) // what asn1 says of it helps nobody
	}
	if err := aboutIssuer(response, c.Serial, issuer); err != nil {
		return Answer{}, err
	}
	if err := authorised(r, issuer, o); err != nil {
		return Answer{}, err
	}
	return answerOf(r, o.Time)
}

// authorised checks who signed a response. Package ocsp has verified it by the key of the certificate in it, if there is one.
func authorised(r *ocsp.Response, issuer *cert.Certificate, o path.Options) error {
	switch r.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		if o.Weak.MinHash > 160 {
			return fmt.Errorf("%w: it is signed with SHA-1, which is too weak", ErrRefused)
		}
	}
	if r.Certificate != nil {
		return delegated(r.Certificate, issuer, o)
	}
	if issuer.Key().Bits > hugeRSABits {
		return fmt.Errorf("%w: the issuer's key is too large", ErrRefused)
	}
	public, err := x509.ParsePKIXPublicKey(issuer.RawSPKI)
	if err != nil {
		return fmt.Errorf("%w: signatures of the issuer's key of type %s cannot be verified here", ErrRefused, issuer.KeyType)
	}
	if err := r.CheckSignatureFrom(&x509.Certificate{PublicKey: public}); err != nil {
		return fmt.Errorf("%w: checking its signature with the issuer's key: %w", ErrRefused, err)
	}
	return nil
}

// delegated validates the responder's certificate as one that the issuer has issued for just that (RFC 6960, 4.2.2.2).
func delegated(responder *x509.Certificate, issuer *cert.Certificate, o path.Options) error {
	if key.SameKey(responder.RawSubjectPublicKeyInfo, issuer.RawSPKI) {
		return nil // the issuer itself
	}
	by, err := name.Parse(responder.RawIssuer)
	if err != nil || !name.Equal(by, issuer.Subject) {
		return fmt.Errorf("%w: the responder's certificate is not of the same issuer (RFC 6960, 4.2.2.2)", ErrRefused)
	}
	c, err := cert.Parse(responder.Raw)
	if err != nil {
		return fmt.Errorf("%w: the responder's certificate: %w", ErrRefused, err)
	}
	result := path.Validate(c, path.Options{
		Roots: []path.Anchor{{Certificate: issuer, IgnoreTime: true}}, Time: o.Time, Purpose: path.OCSPSigning, KeyUsage: cert.DigitalSignature,
		CRLs: o.CRLs, RequireCRLs: o.RequireCRLs, Weak: o.Weak,
	})
	if result.Valid {
		return nil
	}
	reason := result.Limit
	if a := result.Attempts; len(a) > 0 && len(a[0].Failures) > 0 {
		reason = a[0].Failures[0].Reason
	}
	return fmt.Errorf("%w: the responder's certificate %q: %s (RFC 6960, 4.2.2.2)", ErrRefused, c.Subject.String(), reason)
}

// answerOf checks that a response is of now.
func answerOf(r *ocsp.Response, now time.Time) (Answer, error) {
	a := Answer{Status: StatusUnknown, ThisUpdate: r.ThisUpdate.UTC(), NextUpdate: r.NextUpdate.UTC()}
	if r.NextUpdate.IsZero() {
		a.NextUpdate = time.Time{}
	}
	switch {
	case a.ThisUpdate.After(now.Add(ocspSkew)):
		return a, fmt.Errorf("%w: it begins at %s, after now", ErrRefused, stamp(a.ThisUpdate))
	case !a.NextUpdate.IsZero() && a.NextUpdate.Before(now.Add(-ocspSkew)):
		return a, fmt.Errorf("%w: it ended at %s; ask the responder again", ErrRefused, stamp(a.NextUpdate))
	case a.NextUpdate.IsZero() && a.ThisUpdate.Before(now.Add(-ocspFresh)):
		return a, fmt.Errorf("%w: it is of %s and does not say how long it is good for; ask the responder again", ErrRefused, stamp(a.ThisUpdate))
	}
	switch r.Status {
	case ocsp.Good:
		a.Status = StatusGood
	case ocsp.Revoked:
		a.Status, a.RevokedAt, a.Reason = StatusRevoked, r.RevokedAt.UTC(), Reason(r.RevocationReason)
	}
	return a, nil
}

// aboutIssuer makes sure that the first answer with the serial number, which package ocsp takes, is about the issuer:
// serial numbers are unique only within one.
func aboutIssuer(response []byte, serial *big.Int, issuer *cert.Certificate) error {
	answers, ok := singleResponses(response)
	for ok && !answers.Empty() {
		var single, id, algorithm, hash, nameHash, keyHash cryptobyte.String
		number := new(big.Int)
		if !answers.ReadASN1(&single, asn1.SEQUENCE) || !single.ReadASN1(&id, asn1.SEQUENCE) || !id.ReadASN1(&algorithm, asn1.SEQUENCE) ||
			!algorithm.ReadASN1(&hash, asn1.OBJECT_IDENTIFIER) || !id.ReadASN1(&nameHash, asn1.OCTET_STRING) ||
			!id.ReadASN1(&keyHash, asn1.OCTET_STRING) || !id.ReadASN1Integer(number) {
			break
		}
		if number.Cmp(serial) != 0 {
			continue
		}
		h := ocspHash(hash)
		if h == 0 || !bytes.Equal(nameHash, digest(h, issuer.RawSubject)) || !bytes.Equal(keyHash, digest(h, publicBits(issuer.RawSPKI))) {
			return fmt.Errorf("%w: it is about a certificate of another issuer (RFC 6960, 4.1.1)", ErrRefused)
		}
		return nil
	}
	return fmt.Errorf("%w: it has no answer about this certificate", ErrRefused)
}

// singleResponses finds the SEQUENCE OF SingleResponse in an OCSPResponse (RFC 6960, 4.2.1).
func singleResponses(response []byte) (list cryptobyte.String, ok bool) {
	in := cryptobyte.String(response)
	var outer, explicit, body, basic, data cryptobyte.String
	tag := func(n asn1.Tag) asn1.Tag { return n.ContextSpecific().Constructed() }
	ok = in.ReadASN1(&outer, asn1.SEQUENCE) && outer.SkipASN1(asn1.ENUM) && outer.ReadASN1(&explicit, tag(0)) &&
		explicit.ReadASN1(&body, asn1.SEQUENCE) && body.SkipASN1(asn1.OBJECT_IDENTIFIER) && body.ReadASN1(&basic, asn1.OCTET_STRING) &&
		basic.ReadASN1(&basic, asn1.SEQUENCE) && basic.ReadASN1(&data, asn1.SEQUENCE) && data.SkipOptionalASN1(tag(0)) &&
		data.SkipOptionalASN1(tag(1)) && data.SkipOptionalASN1(tag(2)) && data.SkipASN1(asn1.GeneralizedTime) &&
		data.ReadASN1(&list, asn1.SEQUENCE)
	return list, ok
}

// ocspHash knows the hash algorithms of certificate identifiers; 0 for others.
func ocspHash(id []byte) crypto.Hash {
	switch {
	case bytes.Equal(id, []byte{0x2b, 0x0e, 0x03, 0x02, 0x1a}):
		return crypto.SHA1
	case bytes.Equal(id, []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01}):
		return crypto.SHA256
	case bytes.Equal(id, []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02}):
		return crypto.SHA384
	case bytes.Equal(id, []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03}):
		return crypto.SHA512
	}
	return 0
}

func digest(h crypto.Hash, data []byte) []byte {
	sum := h.New()
	sum.Write(data)
	return sum.Sum(nil)
}

// publicBits is the content of a SubjectPublicKeyInfo's bit string; nil if there is none.
func publicBits(spki []byte) []byte {
	in := cryptobyte.String(spki)
	var bits []byte
	if !in.ReadASN1(&in, asn1.SEQUENCE) || !in.SkipASN1(asn1.SEQUENCE) || !in.ReadASN1BitStringAsBytes(&bits) {
		return nil
	}
	return bits
}

// Answer makes an OCSP response about a certificate with the given serial number, signed by the CA itself. It can be kept
// in a file and stapled. Keys that package ocsp cannot sign with (Ed25519, ML-DSA) are refused.
func (ca *CA) Answer(serial *big.Int, a Answer) ([]byte, error) {
	status, ok := map[string]int{StatusGood: ocsp.Good, StatusRevoked: ocsp.Revoked, StatusUnknown: ocsp.Unknown}[a.Status]
	if !ok || serial == nil {
		return nil, fmt.Errorf("making an OCSP response: %w: status %q of serial number %v", ErrArgument, a.Status, serial)
	}
	issuer := forOCSP(ca.cert)
	der, err := ocsp.CreateResponse(issuer, issuer, ocsp.Response{
		Status: status, SerialNumber: serial, ThisUpdate: a.ThisUpdate.UTC(), NextUpdate: a.NextUpdate.UTC(),
		RevokedAt: a.RevokedAt.UTC(), RevocationReason: int(a.Reason),
	}, ca.signer)
	if err != nil {
		return nil, fmt.Errorf("making an OCSP response of %q with a key of type %s: %w: %w", ca.cert.Subject.String(), ca.cert.KeyType, ErrRefused, err)
	}
	return der, nil
}
