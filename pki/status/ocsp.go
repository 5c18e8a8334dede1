package status

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/exchange"
	"certkdb/pki/oid"

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
	Reason    cert.Reason
	// ThisUpdate and NextUpdate are when it was so, and when to ask again; NextUpdate may be zero.
	ThisUpdate, NextUpdate time.Time
}

// The statuses of an [Answer].
const (
	Good    = "good"
	Revoked = "revoked"
	Unknown = "unknown"
)

// ocspSkew is how far clocks may differ.
const ocspSkew = 5 * time.Minute

// ocspFresh is how old a response may be that names no next update: its responder has a newer one at any time (RFC 6960, 2.4).
const ocspFresh = 24 * time.Hour

// AskOCSP makes the request that asks a responder for a certificate, without a nonce (RFC 5019, 2.1).
func AskOCSP(c, issuer *cert.Certificate) ([]byte, error) {
	der, err := ocsp.CreateRequest(&x509.Certificate{SerialNumber: c.Serial}, forOCSP(issuer), nil)
	if err != nil {
		return nil, fmt.Errorf("making an OCSP request: %w: %w", pki.ErrArgument, err)
	}
	return der, nil
}

// forOCSP is a certificate as package ocsp wants an issuer.
func forOCSP(c *cert.Certificate) *x509.Certificate {
	return &x509.Certificate{RawSubject: c.RawSubject, RawSubjectPublicKeyInfo: c.RawSPKI}
}

// PostOCSP sends a request to a responder and returns its response (RFC 6960, appendix A). The responder is not trusted; package exchange
// has the limits.
func PostOCSP(ctx context.Context, responder string, request []byte) ([]byte, error) {
	answer, err := exchange.Request{URL: responder, Type: "application/ocsp-request", Body: request}.Post(ctx)
	if err == nil {
		err = answer.Refused()
	}
	if err != nil {
		return nil, fmt.Errorf("asking the OCSP responder %q: %w", responder, err)
	}
	return answer.Body, nil
}

// digestOf is the digest of a certificate identifier, nil if it is unknown or broken.
func digestOf(id []byte) *oid.Digest {
	dotted, err := oid.Decode(id)
	if err != nil || dotted == oid.MD5 {
		return nil
	}
	return oid.DigestByOID(dotted)
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
