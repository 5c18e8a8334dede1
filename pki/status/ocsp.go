package status

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
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

// Limits on an exchange with a responder.
const (
	timeout   = 30 * time.Second
	maxAnswer = 1 << 20
)

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

// PostOCSP sends a request to a responder and returns its response (RFC 6960, appendix A). A nil client is one with a
// timeout.
func PostOCSP(ctx context.Context, client *http.Client, responder string, request []byte) ([]byte, error) {
	if client == nil {
		client = &http.Client{Timeout: timeout}
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, responder, bytes.NewReader(request))
	if err != nil {
		return nil, fmt.Errorf("asking the OCSP responder %q: %w: %w", responder, pki.ErrArgument, err)
	}
	q.Header.Set("Content-Type", "application/ocsp-request")
	answer, err := client.Do(q)
	if err != nil {
		return nil, fmt.Errorf("asking the OCSP responder %q: %w: %w", responder, pki.ErrRemote, reason(err))
	}
	defer answer.Body.Close()
	der, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("asking the OCSP responder %q: %w: %w", responder, pki.ErrRemote, err)
	}
	return der, nil
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

// reason is the cause in an error of an HTTP client, without the URL, which the caller names.
func reason(err error) error {
	if named, ok := errors.AsType[*url.Error](err); ok {
		return named.Err
	}
	return err
}
