package pki

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"certkdb/pki/cert"
)

// Reason is why a certificate was revoked (RFC 5280, 5.3.1).
type Reason int

// The reasons of RFC 5280. RemoveFromCRL is for delta lists and 7 is not used.
const (
	Unspecified          Reason = 0
	KeyCompromise        Reason = 1
	CACompromise         Reason = 2
	AffiliationChanged   Reason = 3
	Superseded           Reason = 4
	CessationOfOperation Reason = 5
	CertificateHold      Reason = 6
	RemoveFromCRL        Reason = 8
	PrivilegeWithdrawn   Reason = 9
	AACompromise         Reason = 10
)

// reasonNames is only read. The index is the reason.
var reasonNames = [...]string{
	"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
	"certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise",
}

// Reasons returns the names of the reasons that a certificate can be revoked for.
func Reasons() []string {
	return slices.DeleteFunc(slices.Clone(reasonNames[:]), func(n string) bool { return n == "" || n == "removeFromCRL" })
}

// String returns the name in RFC 5280.
func (r Reason) String() string {
	if r >= 0 && int(r) < len(reasonNames) && reasonNames[r] != "" {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", int(r))
}

// ParseReason reads a name of [Reasons], in any case and with or without hyphens; "" is Unspecified.
func ParseReason(text string) (Reason, error) {
	wanted := strings.ReplaceAll(text, "-", "")
	if wanted == "" {
		return Unspecified, nil
	}
	for i, n := range reasonNames {
		if n != "" && Reason(i) != RemoveFromCRL && strings.EqualFold(n, wanted) {
			return Reason(i), nil
		}
	}
	return 0, fmt.Errorf("%w: no reason %q for a revocation, there are %s", ErrArgument, text, strings.Join(Reasons(), ", "))
}

// Revocation is an entry of a revocation list.
type Revocation struct {
	Serial *big.Int
	Time   time.Time
	Reason Reason
}

// List says what a revocation list shall be.
type List struct {
	// Number grows with each list of a CA (RFC 5280, 5.2.3).
	Number *big.Int
	// ThisUpdate is now if it is zero. NextUpdate is when the next list comes at the latest.
	ThisUpdate, NextUpdate time.Time
	Revoked                []Revocation
	// FIPS refuses what is not approved under FIPS 140-3.
	FIPS bool
	// Rand is crypto/rand's if it is nil.
	Rand io.Reader
}

// Revoke makes a complete revocation list, signed by the CA, with its key identifier and number (RFC 5280, 5). It is
// DER.
func (ca *CA) Revoke(l List) ([]byte, error) {
	der, err := ca.revoke(&l)
	if err != nil {
		return nil, fmt.Errorf("making a revocation list of %q: %w", ca.cert.Subject.String(), err)
	}
	return der, nil
}

func (ca *CA) revoke(l *List) ([]byte, error) {
	if err := ca.checkList(l); err != nil {
		return nil, err
	}
	template := &x509.RevocationList{
		SignatureAlgorithm: ca.algorithm, Number: l.Number, ThisUpdate: l.ThisUpdate.UTC(), NextUpdate: l.NextUpdate.UTC(),
	}
	seen := make(map[string]bool, len(l.Revoked))
	for _, r := range l.Revoked {
		if r.Serial == nil || r.Serial.Sign() == 0 || seen[r.Serial.String()] {
			return nil, fmt.Errorf("%w: the serial number %v is none or is there twice", ErrArgument, r.Serial)
		}
		seen[r.Serial.String()] = true
		// x509 leaves the extension out for Unspecified, as RFC 5280, 5.3.1 wants it.
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: r.Serial, RevocationTime: r.Time.UTC().Truncate(time.Second), ReasonCode: int(r.Reason),
		})
	}
	random := l.Rand
	if random == nil {
		random = rand.Reader
	}
	der, err := x509.CreateRevocationList(random, template, ca.parent(), ca.signer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return der, nil
}

// checkList finds what makes a list useless, and fills in the time.
func (ca *CA) checkList(l *List) error {
	if l.ThisUpdate.IsZero() {
		l.ThisUpdate = time.Now()
	}
	l.ThisUpdate, l.NextUpdate = l.ThisUpdate.Truncate(time.Second), l.NextUpdate.Truncate(time.Second)
	switch {
	case ca.cert.KeyUsage != 0 && ca.cert.KeyUsage&cert.CRLSign == 0:
		return fmt.Errorf("%w: the CA's key usage lacks cRLSign (RFC 5280, 4.2.1.3)", ErrRefused)
	case len(ca.cert.SKI) == 0:
		return fmt.Errorf("%w: the CA's certificate has no subject key identifier for the list to name (RFC 5280, 5.2.1); renew it", ErrRefused)
	case l.Number == nil || l.Number.Sign() < 0 || l.Number.BitLen() > 159:
		return fmt.Errorf("%w: a list needs a number of at most 20 bytes (RFC 5280, 5.2.3)", ErrArgument)
	case !l.NextUpdate.After(l.ThisUpdate):
		return fmt.Errorf("%w: the next update at %s is not after this one at %s", ErrArgument, stamp(l.NextUpdate), stamp(l.ThisUpdate))
	}
	for _, r := range l.Revoked {
		if n := int(r.Reason); n < 0 || n >= len(reasonNames) || reasonNames[n] == "" || r.Reason == RemoveFromCRL {
			return fmt.Errorf("%w: %s in a complete list (RFC 5280, 5.3.1)", ErrArgument, r.Reason)
		}
	}
	return checkKey(ca.signer.Public(), l.FIPS)
}
