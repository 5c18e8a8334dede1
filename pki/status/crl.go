// Package status says whether certificates are revoked: it makes CRLs, and asks and reads OCSP responders.
package status

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
)

// Entry is a revoked certificate in a list.
type Entry struct {
	Serial *big.Int
	Time   time.Time
	Reason cert.Reason
	// InvalidSince is the invalidity date, not in the entry if it is zero (RFC 5280, 5.3.2).
	InvalidSince time.Time
}

// extensions are those of the entry but for the reason, which x509 adds. A date outside the years that ASN.1 can write is left out.
func (e *Entry) extensions() []pkix.Extension {
	value, err := asn1.MarshalWithParams(e.InvalidSince.UTC().Truncate(time.Second), "generalized")
	if e.InvalidSince.IsZero() || err != nil {
		return nil
	}
	return []pkix.Extension{{Id: idInvalidityDate, Value: value}}
}

var idInvalidityDate = asn1.ObjectIdentifier{2, 5, 29, 24} // RFC 5280, 5.3.2

// CRL describes a complete revocation list (RFC 5280, 5).
type CRL struct {
	// Number grows with each list of a CA (RFC 5280, 5.2.3).
	Number *big.Int
	// ThisUpdate is now if it is zero. NextUpdate is when the next list comes at the latest.
	ThisUpdate, NextUpdate time.Time
	Revoked                []Entry
	// FIPS refuses what is not approved under FIPS 140-3.
	FIPS bool
	// Rand is crypto/rand's if it is nil.
	Rand io.Reader
}

// Sign makes the list, signed by the CA, with the CA's key identifier and the list's number. It is DER.
func (l CRL) Sign(ca *issue.CA) ([]byte, error) {
	der, err := l.sign(ca)
	if err != nil {
		return nil, fmt.Errorf("making a revocation list of %q: %w", ca.Certificate().Subject.String(), err)
	}
	return der, nil
}

func (l CRL) sign(ca *issue.CA) ([]byte, error) {
	if l.ThisUpdate.IsZero() {
		l.ThisUpdate = time.Now()
	}
	l.ThisUpdate, l.NextUpdate = l.ThisUpdate.UTC().Truncate(time.Second), l.NextUpdate.UTC().Truncate(time.Second)
	if err := l.check(); err != nil {
		return nil, err
	}
	template := x509.RevocationList{Number: l.Number, ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate}
	for _, r := range l.Revoked {
		// x509 leaves the extension out for Unspecified, as RFC 5280, 5.3.1 demands.
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: r.Serial, RevocationTime: r.Time.UTC().Truncate(time.Second), ReasonCode: int(r.Reason),
			ExtraExtensions: r.extensions(),
		})
	}
	random := l.Rand
	if random == nil {
		random = rand.Reader
	}
	return ca.SignCRL(random, template, l.FIPS)
}

// check finds what makes a list useless.
func (l CRL) check() error {
	switch {
	case l.Number == nil || l.Number.Sign() < 0 || l.Number.BitLen() > 159:
		return fmt.Errorf("%w: a list needs a number of at most 20 bytes (RFC 5280, 5.2.3)", pki.ErrArgument)
	case !l.NextUpdate.After(l.ThisUpdate):
		return fmt.Errorf("%w: the next update at %s is not after this one at %s", pki.ErrArgument, stamp(l.NextUpdate), stamp(l.ThisUpdate))
	}
	seen := make(map[string]bool, len(l.Revoked))
	for _, r := range l.Revoked {
		if r.Serial == nil || seen[r.Serial.String()] {
			return fmt.Errorf("%w: the serial number %v is missing or repeated", pki.ErrArgument, r.Serial)
		}
		seen[r.Serial.String()] = true
		if r.Reason == cert.RemoveFromCRL || !r.Reason.Known() {
			return fmt.Errorf("%w: %s in a complete list (RFC 5280, 5.3.1)", pki.ErrArgument, r.Reason)
		}
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
