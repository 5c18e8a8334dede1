package issuing

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/status"
)

// Issued lists what a CA of the database issued.
type Issued struct {
	op.DB
	CA        string // label
	Serial    string // only this one, hexadecimal
	WithPEM   bool
	WithIndex bool
}

// IssuedCertificate is the record of one certificate.
type IssuedCertificate struct {
	Serial    string     `json:"serial"`
	Subject   string     `json:"subject"`
	Status    op.Status  `json:"status"`
	IssuedAt  time.Time  `json:"issued_at"`
	NotAfter  time.Time  `json:"not_after"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	SHA256    string     `json:"sha256"`
	PEM       string     `json:"pem,omitempty"`
	Index     string     `json:"-"` // its line in the index of openssl ca
}

// Run calls each with the records in chunks, outside of any lock.
func (o Issued) Run(ctx context.Context, env *op.Env, each func([]IssuedCertificate) error) error {
	var all []IssuedCertificate
	err := o.View(ctx, env, func(tx kdb.Tx) error {
		all = nil
		issuer, registry, err := issuerOf(tx, o.CA)
		if err != nil {
			return err
		}
		if o.Serial != "" {
			record, err := registry.Issued(issuer, normalSerial(o.Serial))
			if errors.Is(err, kdb.ErrNotFound) {
				err = op.Classify(fmt.Errorf("serial number %s is not among the certificates that %q issued", normalSerial(o.Serial), o.CA), err)
			}
			if err != nil {
				return op.WithHint(err, "see the serial numbers with: certkdb issued --ca "+op.Quote(o.CA))
			}
			all = append(all, o.describe(record, env.Now()))
			return nil
		}
		for record, err := range registry.AllIssued(issuer) {
			if err != nil {
				return err
			}
			all = append(all, o.describe(record, env.Now()))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(all)
}

func (o Issued) describe(r kdb.Issued, now time.Time) IssuedCertificate {
	e := kdb.Entry{Kind: kdb.KindTrusted, Certificates: [][]byte{r.Certificate}}
	s, _ := kdb.Summarize(&e) // what cannot be read has no subject
	record := IssuedCertificate{
		Serial: r.Serial, Subject: s.Subject, Status: op.StatusOf(&s, now), IssuedAt: r.At.UTC(), NotAfter: s.NotAfter.UTC(), SHA256: op.HexDigest(s.SHA256),
	}
	if !r.RevokedAt.IsZero() {
		record.Status, record.RevokedAt, record.Reason = op.StatusRevoked, op.TimePointer(r.RevokedAt), cert.Reason(r.Reason).String()
	}
	if o.WithPEM {
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
		return [32]byte{}, nil, op.WithHint(fmt.Errorf("%w: a record of issued certificates", kdb.ErrUnsupported),
			"keep the CA in a native database: certkdb copy --all --to CA.ckdb")
	}
	if _, err := op.MustHave(tx, label); err != nil {
		return [32]byte{}, nil, err
	}
	entry, err := tx.Entry(label)
	if err != nil {
		return [32]byte{}, nil, err
	}
	if len(entry.Certificates) == 0 {
		return [32]byte{}, nil, fmt.Errorf("label %q: %w: it has no certificate", label, op.ErrUsage)
	}
	id, err := op.IssuerID(entry.Certificates[0])
	return id, registry, err
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

// Revoke takes a certificate back that a CA of the database issued. It counts from the next revocation list on.
type Revoke struct {
	op.DB
	CA     string // label of the CA
	Label  string // of an entry with the certificate, or
	Serial string // its serial number, hexadecimal
	File   string // or a file with it
	Reason string // a name of RFC 5280, 5.3.1; "" is unspecified
}

// Revoked tells of a certificate that was taken back.
type Revoked struct {
	IssuedCertificate
	Changed bool `json:"changed"` // false: it had been revoked before
}

// releases tells whether a hold is to be taken back: lists that name changes say so by the reason removeFromCRL (RFC 5280, 5.3.1).
func (o Revoke) releases() bool {
	return strings.EqualFold(strings.ReplaceAll(o.Reason, "-", ""), cert.RemoveFromCRL.String())
}

// Run revokes. What was revoked before stays as it was, unless it was only on hold: that is taken back, or made final by a reason.
func (o Revoke) Run(ctx context.Context, env *op.Env) (Revoked, error) {
	reason, operation := cert.RemoveFromCRL, "release"
	if !o.releases() {
		var err error
		if reason, err = status.ParseReason(o.Reason); err != nil {
			return Revoked{}, op.PKIError(err)
		}
		operation = "revoke"
	}
	var revoked Revoked
	err := o.Update(ctx, env, operation, func(tx kdb.Tx) error {
		issuer, registry, err := issuerOf(tx, o.CA)
		if err != nil {
			return err
		}
		serial, der, err := o.serial(tx, env)
		if err != nil {
			return err
		}
		record, err := registry.Issued(issuer, serial)
		if errors.Is(err, kdb.ErrNotFound) {
			err = fmt.Errorf("serial number %s is not among the certificates that %q issued", serial, o.CA)
			return op.WithHint(op.Classify(err, kdb.ErrNotFound), "see them with: certkdb issued --ca "+op.Quote(o.CA))
		}
		if err != nil {
			return err
		}
		if der != nil && !bytes.Equal(der, record.Certificate) { // serial numbers of other CAs are no wonder
			err = fmt.Errorf("serial number %s: %q issued another certificate under it", serial, o.CA)
			return op.Classify(err, kdb.ErrNotFound)
		}
		if revoked.Changed, err = o.change(&record, reason, env.Now()); err == nil && revoked.Changed {
			err = registry.PutIssued(record)
		}
		revoked.IssuedCertificate = Issued{}.describe(record, env.Now())
		return err
	})
	return revoked, err
}

// change puts the revocation into the record, or takes it out.
func (o Revoke) change(record *kdb.Issued, reason cert.Reason, now time.Time) (changed bool, err error) {
	was := cert.Reason(record.Reason)
	switch {
	case record.RevokedAt.IsZero() && o.releases():
		return false, nil
	case record.RevokedAt.IsZero():
		record.RevokedAt, record.Reason = now.UTC().Truncate(time.Second), int(reason)
	case o.releases() && was == cert.CertificateHold:
		record.RevokedAt, record.Reason = time.Time{}, 0
	case o.releases():
		err = fmt.Errorf("serial number %s is revoked for good (%s): only a hold can be taken back (RFC 5280, 5.3.1)", record.Serial, was)
		return false, op.Classify(err, kdb.ErrExists)
	case was == cert.CertificateHold && o.Reason != "" && reason != was: // since when it is not to be relied on stays
		record.Reason = int(reason)
	default:
		return false, nil
	}
	return true, nil
}

// serial finds out which certificate is meant. The certificate is nil if only its number is known.
func (o Revoke) serial(tx kdb.Tx, env *op.Env) (serial string, der []byte, err error) {
	switch {
	case o.Serial != "":
		serial = normalSerial(o.Serial)
		if _, err := hex.DecodeString(serial); err != nil {
			return "", nil, fmt.Errorf("%w: --serial %q is no hexadecimal number", op.ErrUsage, o.Serial)
		}
		return serial, nil, nil
	case o.File != "":
		if der, err = input.ReadCertificateFile(env, o.File); err != nil {
			return "", nil, err
		}
		serial, err = serialOf(der)
		return serial, der, err
	}
	if _, err := op.MustHave(tx, o.Label); err != nil {
		return "", nil, err
	}
	entry, err := tx.Entry(o.Label)
	if err != nil {
		return "", nil, err
	}
	if len(entry.Certificates) == 0 {
		return "", nil, fmt.Errorf("label %q: %w: it has no certificate", o.Label, op.ErrUsage)
	}
	serial, err = serialOf(entry.Certificates[0])
	return serial, entry.Certificates[0], err
}

func serialOf(der []byte) (string, error) {
	c, err := cert.Parse(der)
	if err != nil {
		return "", err
	}
	return c.SerialHex(), nil
}
