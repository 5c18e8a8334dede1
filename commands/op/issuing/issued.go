package issuing

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/cert"
)

// Issued lists what a CA of the database issued.
type Issued struct {
	CA        string // label
	Serial    string // only this one, hexadecimal
	Subject   string // only those with this in their subject, in whatever case
	WithPEM   bool
	WithIndex bool
}

// IssuedCertificate is the record of one certificate.
type IssuedCertificate struct {
	Serial    string     `json:"serial"`
	Subject   string     `json:"subject"`
	Status    op.Status  `json:"status"`
	IssuedAt  *time.Time `json:"issued_at,omitempty"` // these are missing if another program issued it, whose record does not say
	NotAfter  *time.Time `json:"not_after,omitempty"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	// InvalidSince is the invalidity date: since when the key is suspected to be compromised, or the certificate invalid.
	InvalidSince *time.Time `json:"invalid_since,omitempty"`
	SHA256       string     `json:"sha256,omitempty"` // of the certificate; missing if only its number is known
	PEM          string     `json:"pem,omitempty"`
	Index        string     `json:"-"` // its line in the index of openssl ca
}

// Run calls each with the records in chunks, outside of any lock.
func (o Issued) Run(ctx context.Context, s *op.Session, each func([]IssuedCertificate) error) error {
	if o.CA == "" {
		return op.Need(op.FieldCA)
	}
	var all []IssuedCertificate
	now := s.Env.Now()
	err := s.View(ctx, func(tx kdb.Tx) error {
		all = nil
		issuer, registry, err := issuerOf(tx, o.CA)
		if err != nil {
			return err
		}
		if o.Serial != "" {
			record, err := recordOf(registry, issuer, normalSerial(o.Serial), o.CA)
			if err != nil {
				return err
			}
			all = append(all, o.describe(record, now))
			return nil
		}
		for record, err := range registry.AllIssued(issuer) {
			if err != nil {
				return err
			}
			if d := o.describe(record, now); strings.Contains(strings.ToLower(d.Subject), strings.ToLower(o.Subject)) {
				all = append(all, d)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(all)
}

func (o Issued) describe(r kdb.Issued, now time.Time) IssuedCertificate {
	s := kdb.Summary{Kind: kdb.KindTrusted, Subject: r.Subject, NotAfter: r.NotAfter} // all that is known without the certificate
	if len(r.Certificate) > 0 {
		e := kdb.Entry{Kind: kdb.KindTrusted, Certificates: [][]byte{r.Certificate}}
		s, _ = kdb.Summarize(&e) // what cannot be read has no subject
	}
	record := IssuedCertificate{
		Serial: r.Serial, Subject: s.Subject, Status: op.StatusOf(&s, now), IssuedAt: op.TimePointer(r.At), NotAfter: op.TimePointer(s.NotAfter),
	}
	if len(r.Certificate) > 0 {
		record.SHA256 = op.HexDigest(s.SHA256)
	}
	if !r.RevokedAt.IsZero() {
		record.Status, record.RevokedAt, record.Reason = op.StatusRevoked, op.TimePointer(r.RevokedAt), cert.Reason(r.Reason).String()
		record.InvalidSince = op.TimePointer(r.InvalidSince)
	}
	if o.WithPEM && len(r.Certificate) > 0 {
		record.PEM = op.PEMString("CERTIFICATE", r.Certificate)
	}
	if o.WithIndex {
		record.Index = indexLine(r, now)
	}
	return record
}

// issuerOf finds the CA under a label, and the record of what it issued.
func issuerOf(tx kdb.Tx, label string) ([32]byte, kdb.Registry, error) {
	registry, ok := tx.(kdb.Registry)
	if !ok {
		return [32]byte{}, nil, &op.Unsupported{Feature: op.FeatureRecords}
	}
	if _, err := op.MustHave(tx, label); err != nil {
		return [32]byte{}, nil, err
	}
	entry, err := tx.Entry(label)
	if err != nil {
		return [32]byte{}, nil, err
	}
	if len(entry.Certificates) == 0 {
		return [32]byte{}, nil, &op.WrongKind{Label: label, Kind: entry.Kind, Reason: "it has no certificate"}
	}
	id, err := op.IssuerID(entry.Certificates[0])
	return id, registry, err
}

// recordOf returns the record of a certificate by its serial number.
func recordOf(registry kdb.Registry, issuer [32]byte, serial, ca string) (kdb.Issued, error) {
	record, err := registry.Issued(issuer, serial)
	if errors.Is(err, kdb.ErrNotFound) {
		err = fmt.Errorf("serial number %s is not among the certificates that %q issued", serial, ca)
		err = &op.Problem{Code: op.NotIssued, Label: ca, Found: serial, Err: op.Classify(err, kdb.ErrNotFound)}
	}
	return record, err
}

// normalSerial takes a serial number as other programs print it: with colons, with 0x, in capitals, with leading zeros or
// without. The records have whole bytes.
func normalSerial(text string) string {
	text = strings.ToLower(strings.NewReplacer(":", "", " ", "", "0x", "", "0X", "").Replace(text))
	text = strings.TrimLeft(text, "0")
	if len(text) == 0 {
		return "00"
	}
	return strings.Repeat("0", len(text)%2) + text
}
