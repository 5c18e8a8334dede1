package op

import (
	"context"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"time"

	"certkdb/kdb"
)

// List shows entries, all or some.
type List struct {
	DB
	Pattern  string // of the label, as in shells: *, ?, [a-z]; "" is every label
	Kind     string // "" is every kind
	Expired  bool   // only certificates that have expired
	Expiring time.Duration
	// WithPEM adds the certificates; they are opened for that.
	WithPEM bool
}

// Entry is what a listing shows of an entry.
type Entry struct {
	Label            string       `json:"label"`
	Kind             string       `json:"kind"`
	Trusted          bool         `json:"trusted"`
	Default          bool         `json:"default"`
	Subject          string       `json:"subject,omitempty"`
	Issuer           string       `json:"issuer,omitempty"`
	Serial           string       `json:"serial,omitempty"`
	NotBefore        *time.Time   `json:"not_before,omitempty"`
	NotAfter         *time.Time   `json:"not_after,omitempty"`
	ExpiresInSeconds *int64       `json:"expires_in_seconds,omitempty"`
	Status           string       `json:"status"`
	KeyType          string       `json:"key_type,omitempty"`
	CA               bool         `json:"ca"`
	SANs             *SANs        `json:"sans,omitempty"`
	Fingerprints     Fingerprints `json:"fingerprints"`
	ChainLength      int          `json:"chain_length"`
	Warning          string       `json:"warning,omitempty"`
	Added            *time.Time   `json:"added,omitempty"`
	PEM              []string     `json:"pem,omitempty"`
}

// SANs are subject alternative names by type.
type SANs struct {
	DNS   []string `json:"dns,omitempty"`
	IP    []string `json:"ip,omitempty"`
	Email []string `json:"email,omitempty"`
	URI   []string `json:"uri,omitempty"`
}

// Fingerprints are digests of the certificate's DER, lower-case hexadecimal.
type Fingerprints struct {
	SHA256 string `json:"sha256"`
}

// The states of an entry in time.
const (
	StatusValid       = "valid"
	StatusExpired     = "expired"
	StatusNotYetValid = "not-yet-valid"
	StatusPending     = "pending" // a request without its certificate
	StatusNone        = "-"       // a secret key has no dates
)

// listChunk is how many entries are read in one look at the database. Between looks nothing is locked, so a slow
// reader of the output never keeps a writer waiting, and memory does not grow with the database.
const listChunk = 2_000

// Run calls each with the entries in the order of their labels' bytes, in chunks, outside of any lock.
func (o List) Run(ctx context.Context, env *Env, each func([]Entry) error) error {
	keep, err := o.filter(env.Now())
	if err != nil {
		return err
	}
	db, err := o.Open(ctx, env)
	if err != nil {
		return err
	}
	defer db.Close()
	for after, more := "", true; more; {
		var chunk []Entry
		err := db.View(ctx, func(tx kdb.Tx) (err error) {
			chunk, after, more, err = o.chunk(tx, after, keep, env.Now())
			return err
		})
		if err != nil {
			return err
		}
		if err := each(chunk); err != nil {
			return err
		}
	}
	return nil
}

// chunk reads up to listChunk entries behind a label; last is the label to go on from.
func (o List) chunk(tx kdb.Tx, after string, keep func(*kdb.Summary) bool, now time.Time) (found []Entry, last string, more bool, err error) {
	n := 0
	for s, err := range tx.Summaries(after) {
		if err != nil {
			return nil, "", false, err
		}
		if keep(&s) {
			entry, err := o.entry(tx, &s, now)
			if err != nil {
				return nil, "", false, err
			}
			found = append(found, entry)
		}
		if n++; n == listChunk {
			return found, s.Label, true, nil
		}
	}
	return found, "", false, nil
}

func (o List) entry(tx kdb.Tx, s *kdb.Summary, now time.Time) (Entry, error) {
	entry := newEntry(s, now)
	if !o.WithPEM || s.ChainLength == 0 {
		return entry, nil
	}
	full, err := tx.Entry(s.Label)
	entry.PEM = pemStrings(full.Certificates)
	return entry, err
}

func (o List) filter(now time.Time) (func(*kdb.Summary) bool, error) {
	if _, err := path.Match(o.Pattern, ""); err != nil {
		return nil, fmt.Errorf("%w: the pattern %q is not closed", ErrUsage, o.Pattern)
	}
	var kind kdb.Kind
	if o.Kind != "" {
		var err error
		if kind, err = kdb.ParseKind(o.Kind); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUsage, err)
		}
	}
	return func(s *kdb.Summary) bool {
		return (kind == 0 || s.Kind == kind) && o.matches(s.Label) && o.inTime(s, now)
	}, nil
}

// matches compares with the pattern. Slashes are ordinary in labels, so path.Match sees them as another byte.
func (o List) matches(label string) bool {
	if o.Pattern == "" {
		return true
	}
	hide := strings.NewReplacer("/", "\x01")
	ok, _ := path.Match(hide.Replace(o.Pattern), hide.Replace(label))
	return ok
}

func (o List) inTime(s *kdb.Summary, now time.Time) bool {
	if !o.Expired && o.Expiring == 0 {
		return true
	}
	if s.NotAfter.IsZero() {
		return false
	}
	return now.After(s.NotAfter) || o.Expiring > 0 && s.NotAfter.Sub(now) <= o.Expiring
}

func newEntry(s *kdb.Summary, now time.Time) Entry {
	entry := Entry{
		Label: s.Label, Kind: s.Kind.String(), Trusted: s.Trusted, Default: s.Default,
		Subject: s.Subject, Issuer: s.Issuer, Serial: s.Serial,
		NotBefore: timePointer(s.NotBefore), NotAfter: timePointer(s.NotAfter), Status: statusOf(s, now),
		KeyType: s.KeyType, CA: s.CA, SANs: newSANs(s),
		Fingerprints: Fingerprints{SHA256: hex.EncodeToString(s.SHA256[:])},
		ChainLength:  s.ChainLength, Warning: s.Warning, Added: timePointer(s.Added),
	}
	if entry.NotAfter != nil {
		seconds := int64(s.NotAfter.Sub(now) / time.Second)
		entry.ExpiresInSeconds = &seconds
	}
	return entry
}

func newSANs(s *kdb.Summary) *SANs {
	if len(s.DNSNames)+len(s.IPAddresses)+len(s.Emails)+len(s.URIs) == 0 {
		return nil
	}
	return &SANs{DNS: s.DNSNames, IP: s.IPAddresses, Email: s.Emails, URI: s.URIs}
}

func statusOf(s *kdb.Summary, now time.Time) string {
	switch {
	case s.Kind == kdb.KindRequest:
		return StatusPending
	case s.Kind == kdb.KindSecretKey || s.NotAfter.IsZero():
		return StatusNone
	case now.After(s.NotAfter):
		return StatusExpired
	case now.Before(s.NotBefore):
		return StatusNotYetValid
	}
	return StatusValid
}
