package issuing

import (
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

// Revoke takes a certificate back that a CA of the database issued. It counts from the next revocation list on.
type Revoke struct {
	CA     string // label of the CA
	Label  string // of an entry with the certificate, or
	Serial string // its serial number, hexadecimal
	File   string // or a file with it
	Reason string // a name of RFC 5280, 5.3.1; "" is unspecified
	// InvalidSince is since when the certificate is invalid, a date or time (RFC 5280, 5.3.2); "" does not say.
	InvalidSince string
	// All revokes every certificate of the same subject that the CA issued and that is still valid, such as those that were renewed.
	All bool
}

// Revoked tells of a certificate that was taken back.
type Revoked struct {
	IssuedCertificate
	Changed bool `json:"changed"` // false: it had been revoked before
	// Others are the certificates of the same subject that were revoked with it; Valid are those that remain valid.
	Others []IssuedCertificate `json:"also_revoked"`
	Valid  []IssuedCertificate `json:"still_valid"`
}

// Reasons are the names that Revoke.Reason may have: those of a revocation, and removeFromCRL for a release.
func Reasons() []string {
	var names []string
	for _, r := range append(cert.RevocationReasons(), cert.RemoveFromCRL) {
		names = append(names, r.String())
	}
	return names
}

// releases tells whether a hold is to be taken back: lists that name changes say so by the reason removeFromCRL (RFC 5280, 5.3.1).
func (o Revoke) releases() bool {
	return strings.EqualFold(strings.ReplaceAll(o.Reason, "-", ""), cert.RemoveFromCRL.String())
}

// HasChanged says whether anything was changed.
func (r Revoked) HasChanged() bool { return r.Changed }

// Plan reads the parameters. What was revoked before stays as it was, unless it was only on hold: that is taken back, or made final by a
// reason.
func (o Revoke) Plan(ctx context.Context, s *op.Session) (op.Plan[Revoked], error) {
	plan := op.Plan[Revoked]{Name: "release"}
	if o.CA == "" {
		return plan, op.Need(op.FieldCA)
	}
	if o.All && o.releases() {
		return plan, fmt.Errorf("%w: certificates are released from hold one at a time", op.ErrUsage)
	}
	reason := cert.RemoveFromCRL
	if !o.releases() {
		var err error
		if reason, err = status.ParseReason(o.Reason); err != nil {
			return plan, &op.Invalid{
				Field: op.FieldReason, Value: o.Reason, Reason: "there is no such reason", Wanted: "use " + op.Choice(Reasons()),
			}
		}
		plan.Name = "revoke"
	}
	why := revocation{reason: reason}
	var err error
	if why.invalidSince, err = o.invalidSince(s.Env.Now()); err != nil {
		return plan, err
	}
	var serial string
	var der []byte
	switch {
	case o.Serial != "":
		if serial = normalSerial(o.Serial); !isHex(serial) {
			return plan, &op.Invalid{Field: op.FieldSerial, Value: o.Serial, Reason: "not a hexadecimal number"}
		}
	case o.File != "":
		if der, err = input.ReadCertificateFile(s.Env, o.File); err == nil {
			serial, err = serialOf(der)
		}
	}
	plan.Apply = func(tx kdb.Tx) (Revoked, error) {
		serial, der := serial, der
		if serial == "" {
			var err error
			if serial, der, err = o.named(tx); err != nil {
				return Revoked{}, err
			}
		}
		return o.revoke(tx, serial, der, why, s.Env.Now())
	}
	if err == nil {
		err = newest(ctx, s)
	}
	return plan, err
}

// revocation is what is said of a revocation.
type revocation struct {
	reason       cert.Reason
	invalidSince time.Time // zero if it is not known
}

// invalidSince reads the date. A certificate that becomes invalid later is one to revoke then.
func (o Revoke) invalidSince(now time.Time) (time.Time, error) {
	at, err := op.ParseTime(op.FieldInvalidSince, o.InvalidSince)
	switch {
	case err == nil && o.releases() && !at.IsZero():
		err = &op.Invalid{Field: op.FieldInvalidSince, Value: o.InvalidSince, Reason: "a certificate that is released is valid"}
	case err == nil && at.After(now):
		err = &op.Invalid{Field: op.FieldInvalidSince, Value: o.InvalidSince, Reason: "it is in the future"}
	}
	return at.Truncate(time.Second), err
}

func isHex(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil
}

// revoke changes the record of a certificate; der is nil if only its number is known.
func (o Revoke) revoke(tx kdb.Tx, serial string, der []byte, why revocation, now time.Time) (revoked Revoked, err error) {
	l, err := ledgerOf(tx, o.CA)
	if err != nil {
		return revoked, err
	}
	record, err := l.find(serial, der)
	if err != nil {
		return revoked, signedByOther(tx, der, err)
	}
	if revoked.Changed, err = o.change(&record, why, now); err == nil && revoked.Changed {
		err = l.PutIssued(record)
	}
	revoked.IssuedCertificate = Issued{}.describe(record, now)
	if err != nil || o.releases() {
		return revoked, err
	}
	return revoked, o.revokeOthers(l, &record, &revoked, why, now)
}

// revokeOthers revokes the other certificates of the same subject under All, and lists them otherwise.
func (o Revoke) revokeOthers(l *ledger, record *kdb.Issued, revoked *Revoked, why revocation, now time.Time) error {
	others, err := l.alike(record, now)
	for i := range others {
		other := &others[i]
		if !o.All {
			revoked.Valid = append(revoked.Valid, Issued{}.describe(*other, now))
			continue
		}
		if _, err := o.change(other, why, now); err != nil {
			return err
		}
		if err := l.PutIssued(*other); err != nil {
			return err
		}
		revoked.Others, revoked.Changed = append(revoked.Others, Issued{}.describe(*other, now)), true
	}
	return err
}

// alike finds the other certificates of a subject that are valid and not revoked.
func (l *ledger) alike(record *kdb.Issued, now time.Time) (others []kdb.Issued, err error) {
	subject, _, ok := subjectAndEnd(record)
	if !ok {
		return nil, nil
	}
	for other, err := range l.AllIssued(l.issuer) {
		if err != nil {
			return nil, err
		}
		if other.Serial == record.Serial || !other.RevokedAt.IsZero() {
			continue
		}
		if of, end, _ := subjectAndEnd(&other); of == subject && now.Before(end) {
			others = append(others, other)
		}
	}
	return others, nil
}

// subjectAndEnd are what a record tells of its certificate; ok is false for a subject that is empty or unknown.
func subjectAndEnd(r *kdb.Issued) (subject string, end time.Time, ok bool) {
	if len(r.Certificate) == 0 {
		return r.Subject, r.NotAfter, r.Subject != ""
	}
	c, err := cert.Parse(r.Certificate)
	if err != nil || c.Subject.Empty() {
		return "", time.Time{}, false
	}
	return indexSubject(c.Subject), c.NotAfter, true
}

// change puts the revocation into the record, or takes it out.
func (o Revoke) change(record *kdb.Issued, why revocation, now time.Time) (changed bool, err error) {
	was := cert.Reason(record.Reason)
	switch {
	case record.RevokedAt.IsZero() && o.releases():
		return false, nil
	case record.RevokedAt.IsZero():
		record.RevokedAt, record.Reason = now.UTC().Truncate(time.Second), int(why.reason)
	case o.releases() && was == cert.CertificateHold:
		record.RevokedAt, record.Reason, record.InvalidSince = time.Time{}, 0, time.Time{}
	case o.releases():
		err = fmt.Errorf("serial number %s is revoked for good (%s): only a hold can be taken back (RFC 5280, 5.3.1)", record.Serial, was)
		return false, op.Classify(err, kdb.ErrExists)
	default:
		return why.amend(record, o.Reason != ""), nil
	}
	why.amend(record, false)
	return true, nil
}

// amend makes a hold final, and sets the invalidity date. When the certificate was revoked stays.
func (r revocation) amend(record *kdb.Issued, hasReason bool) (changed bool) {
	if hasReason && cert.Reason(record.Reason) == cert.CertificateHold && r.reason != cert.CertificateHold {
		record.Reason, changed = int(r.reason), true
	}
	if !r.invalidSince.IsZero() && !r.invalidSince.Equal(record.InvalidSince) {
		record.InvalidSince, changed = r.invalidSince, true
	}
	return changed
}

// named returns the certificate of a label and its serial number.
func (o Revoke) named(tx kdb.Tx) (serial string, der []byte, err error) {
	if _, err := op.MustHave(tx, o.Label); err != nil {
		if e, ok := errors.AsType[*op.NotFound](err); ok {
			e.Issuer = o.CA
		}
		return "", nil, err
	}
	entry, err := tx.Entry(o.Label)
	if err != nil {
		return "", nil, err
	}
	if len(entry.Certificates) == 0 {
		return "", nil, &op.WrongKind{Label: o.Label, Kind: entry.Kind, Reason: "it has no certificate"}
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
