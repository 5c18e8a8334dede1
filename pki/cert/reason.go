package cert

import (
	"fmt"
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

// reasons is only read; the index is the reason. The first is the name in RFC 5280, the second the same in words.
var reasons = [...][2]string{
	Unspecified:          {"unspecified", "no reason given"},
	KeyCompromise:        {"keyCompromise", "key compromise"},
	CACompromise:         {"cACompromise", "CA compromise"},
	AffiliationChanged:   {"affiliationChanged", "affiliation changed"},
	Superseded:           {"superseded", "superseded"},
	CessationOfOperation: {"cessationOfOperation", "cessation of operation"},
	CertificateHold:      {"certificateHold", "certificate hold"},
	RemoveFromCRL:        {"removeFromCRL", "removed from CRL"},
	PrivilegeWithdrawn:   {"privilegeWithdrawn", "privilege withdrawn"},
	AACompromise:         {"aACompromise", "AA compromise"},
}

// RevocationReasons are the reasons for which a certificate can be revoked: all but RemoveFromCRL.
func RevocationReasons() []Reason {
	var all []Reason
	for r := range Reason(len(reasons)) {
		if r.Known() && r != RemoveFromCRL {
			all = append(all, r)
		}
	}
	return all
}

// Known tells whether RFC 5280 defines the reason.
func (r Reason) Known() bool { return r >= 0 && int(r) < len(reasons) && reasons[r][0] != "" }

// String is the name in RFC 5280.
func (r Reason) String() string { return r.column(0) }

// Words is the name in plain words.
func (r Reason) Words() string { return r.column(1) }

func (r Reason) column(n int) string {
	if !r.Known() {
		return fmt.Sprintf("reason %d", int(r))
	}
	return reasons[r][n]
}
