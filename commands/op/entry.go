package op

import (
	"encoding/hex"
	"slices"
	"time"

	"certkdb/kdb"
)

// StatusRevoked is the state of a certificate that its CA has revoked.
const StatusRevoked Status = "revoked"

// Entry is what a listing shows of an entry. The kind of a distrusted certificate is trusted, as databases store it; see Trusted.
type Entry struct {
	Database         string     `json:"location,omitempty"` // where it is, in a list of several
	Label            string     `json:"label"`
	Kind             kdb.Kind   `json:"kind"`
	Trusted          bool       `json:"trusted"`
	Default          bool       `json:"default"`
	Subject          string     `json:"subject,omitempty"`
	Issuer           string     `json:"issuer,omitempty"`
	Serial           string     `json:"serial,omitempty"`
	NotBefore        *time.Time `json:"not_before,omitempty"`
	NotAfter         *time.Time `json:"not_after,omitempty"`
	ExpiresInSeconds *int64     `json:"expires_in_seconds,omitempty"`
	Status           Status     `json:"status"`
	KeyType          string     `json:"key_type,omitempty"`
	CA               bool       `json:"ca"`
	SANs             *SANs      `json:"sans,omitempty"`
	SHA256           string     `json:"sha256"` // of the DER of the certificate or request, hexadecimal
	HasKey           bool       `json:"has_private_key"`
	ChainLength      int        `json:"chain_length"`
	ChainEnds        *ChainEnd  `json:"chain_ends,omitempty"`
	Warning          string     `json:"warning,omitempty"`
	Added            *time.Time `json:"added_at,omitempty"`
	PEM              []string   `json:"certificates_pem,omitempty"`
}

// ChainEnd is the certificate of an entry's chain for which the entry is listed by time, because it expires before the entry's own.
type ChainEnd struct {
	Subject  string    `json:"subject"`
	NotAfter time.Time `json:"not_after"`
}

// SANs are subject alternative names by type.
type SANs struct {
	DNS   []string `json:"dns"`
	IP    []string `json:"ip"`
	Email []string `json:"email"`
	URI   []string `json:"uri"`
}

// All are the names of every type; nil has none.
func (s *SANs) All() []string {
	if s == nil {
		return nil
	}
	return slices.Concat(s.DNS, s.IP, s.Email, s.URI)
}

// Status is the state of an entry in time.
type Status string

// The states of an entry in time.
const (
	StatusValid       Status = "valid"
	StatusExpired     Status = "expired"
	StatusNotYetValid Status = "not-yet-valid"
	StatusPending     Status = "pending" // a request without its certificate
	StatusDamaged     Status = "damaged" // its certificate cannot be read
	StatusNone        Status = "-"       // a secret key has no dates
)

// NewEntry shows an entry by its summary.
func NewEntry(s *kdb.Summary, now time.Time) Entry {
	entry := Entry{
		Label: s.Label, Kind: s.Kind, Trusted: s.Trusted, Default: s.Default,
		Subject: s.Subject, Issuer: s.Issuer, Serial: s.Serial, Status: StatusOf(s, now), KeyType: s.KeyType, CA: s.CA,
		SHA256: hex.EncodeToString(s.SHA256[:]), HasKey: s.Kind == kdb.KindPersonal || s.Kind == kdb.KindRequest,
		ChainLength: s.ChainLength, Warning: s.Warning,
	}
	there := &struct { // in one piece of memory, as lists are long
		notBefore, notAfter, added time.Time
		seconds                    int64
		sans                       SANs
	}{
		s.NotBefore.UTC(), s.NotAfter.UTC(), s.Added.UTC(), int64(s.NotAfter.Sub(now) / time.Second),
		SANs{DNS: orNone(s.DNSNames), IP: orNone(s.IPAddresses), Email: orNone(s.Emails), URI: orNone(s.URIs)},
	}
	if !s.NotBefore.IsZero() {
		entry.NotBefore = &there.notBefore
	}
	if !s.NotAfter.IsZero() {
		entry.NotAfter, entry.ExpiresInSeconds = &there.notAfter, &there.seconds
	}
	if !s.Added.IsZero() {
		entry.Added = &there.added
	}
	if len(s.DNSNames)+len(s.IPAddresses)+len(s.Emails)+len(s.URIs) > 0 {
		entry.SANs = &there.sans
	}
	return entry
}

// orNone is a list that JSON writes as one, even if it has nothing in it.
func orNone(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

// StatusOf is the state of an entry at a moment.
func StatusOf(s *kdb.Summary, now time.Time) Status {
	switch {
	case s.Kind == kdb.KindRequest:
		return StatusPending
	case s.Unreadable():
		return StatusDamaged
	case s.Kind == kdb.KindSecretKey || s.NotAfter.IsZero():
		return StatusNone
	case now.After(s.NotAfter):
		return StatusExpired
	case now.Before(s.NotBefore):
		return StatusNotYetValid
	}
	return StatusValid
}
