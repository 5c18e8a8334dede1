package issuing

import (
	"context"
	"fmt"
	"io"
	"math/big"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/status"
)

// CRL makes a revocation list of a CA, from the record of what it issued.
type CRL struct {
	CA         string // label
	NextUpdate time.Duration
	Format     entries.Format // PEM or DER
	Out        op.Output
	// Number is that of the list; 0 is the next one.
	Number uint64
	// After is a file with the CA's last list from elsewhere: what it revokes stays revoked, and the numbers go on from its.
	After string
	// Before makes a new list only if the one in Out ends within this time, or does not say what is revoked; 0 makes one in any case.
	Before time.Duration
}

// CRLDone tells of a new list.
type CRLDone struct {
	Number     uint64    `json:"number,string"`
	Revoked    int       `json:"revoked"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	Out        string    `json:"file,omitempty"`
	Changed    bool      `json:"changed"` // false: the list in the file is still good
	// TakenOver is how many revocations came from the list of After.
	TakenOver int      `json:"taken_over,omitempty"`
	Notes     []string `json:"notes"`
	// PEM is the list when no file was asked for.
	PEM string `json:"crl_pem,omitempty"`
	// Body is what goes to standard output then.
	Body []byte `json:"-"`
}

// revokedStay is how long an expired certificate stays in the lists. RFC 5280, 3.3 wants it on one list behind its end, and
// lists come more often than that.
const revokedStay = 90 * 24 * time.Hour

// HasChanged says whether there is a new list.
func (d CRLDone) HasChanged() bool { return d.Changed }

// listing is a CRL between Plan and Apply.
type listing struct {
	CRL
	ca       *authority
	after    *cert.CRL // the list to follow, nil if there is none
	existing *cert.CRL // what is in Out, nil if that is no list
	der      []byte
}

// Plan opens the CA. The number of the list is taken, and the list noted in the audit log, before it is written.
func (o CRL) Plan(ctx context.Context, s *op.Session) (op.Plan[CRLDone], error) {
	plan := op.Plan[CRLDone]{Name: "crl"}
	if o.Format != entries.FormatPEM && o.Format != entries.FormatDER {
		return plan, &op.Invalid{Field: op.FieldFormat, Value: string(o.Format), Reason: "a revocation list is pem or der"}
	}
	if o.CA == "" {
		return plan, op.Need(op.FieldCA)
	}
	if o.Before > 0 && o.Out.IsStdout() {
		return plan, op.Need(op.FieldOut)
	}
	if o.Format == entries.FormatDER && !s.DryRun {
		if err := o.Out.CheckBytes(s.Env); err != nil {
			return plan, err
		}
	}
	l := &listing{CRL: o, existing: existingList(s.Env, o.Out.Path)}
	if o.Before > 0 && l.existing != nil {
		l.Out.Force = true // a list that was written here before
	}
	if err := l.Out.Check(s.Env); err != nil {
		return plan, err
	}
	var err error
	if o.After != "" {
		if l.after, err = readList(s.Env, o.After); err != nil {
			return plan, err
		}
	}
	if l.ca, err = (Authority{Label: o.CA}).load(ctx, s); err != nil {
		return plan, err
	}
	plan.Apply = func(tx kdb.Tx) (CRLDone, error) { return l.make(tx, s.Env.Now().UTC()) }
	plan.After = func(_ context.Context, done *CRLDone) error { return l.write(s.Env, done) }
	return plan, nil
}

// make signs the next list, unless the existing one is good.
func (l *listing) make(tx kdb.Tx, now time.Time) (done CRLDone, err error) {
	if err := l.ca.basis.Holds(tx); err != nil {
		return done, err
	}
	record, err := ledgerOf(tx, l.CA)
	if err != nil {
		return done, err
	}
	least := l.Number
	if l.after != nil {
		var follows uint64
		if done.TakenOver, follows, err = record.takeList(l.after); err != nil {
			return done, fmt.Errorf("reading %q: %w", l.After, err)
		}
		least = max(least, follows)
	}
	list, first, err := l.list(record, now)
	if err != nil {
		return done, err
	}
	last, err := record.LastCRLNumber(record.issuer)
	if err != nil {
		return done, err
	}
	if l.good(record, list.Revoked, last, now) {
		return l.describe(done, last, len(list.Revoked), l.existing.ThisUpdate, l.existing.NextUpdate), nil
	}
	if err := l.checkNumber(record, last, least); err != nil {
		return done, err
	}
	number, err := record.NextCRLNumber(record.issuer, least)
	if err != nil {
		return done, err
	}
	list.Number = new(big.Int).SetUint64(number)
	if l.der, err = list.Sign(l.ca.CA); err != nil {
		return done, op.PKIError(err)
	}
	done = l.describe(done, number, len(list.Revoked), list.ThisUpdate, list.NextUpdate)
	done.Changed = true
	if first && least == 0 && last == 0 {
		done.Notes = append(done.Notes, NoteFirstList)
	}
	return done, tx.Audit("crl", l.CA)
}

// NoteFirstList warns of a list that could take revocations back.
const NoteFirstList = "it is the first list of the CA in this database; if lists were made elsewhere, or before a backup was restored, " +
	"it must have a higher number, and what they revoked would be valid again"

func (l *listing) describe(done CRLDone, number uint64, revoked int, from, to time.Time) CRLDone {
	done.Number, done.Revoked = number, revoked
	done.ThisUpdate, done.NextUpdate = from.Truncate(time.Second), to.Truncate(time.Second)
	if !l.Out.IsStdout() {
		done.Out = l.Out.Path
	}
	return done
}

// good tells whether the list in the file says what is revoked, and for longer than Before.
func (l *listing) good(record *ledger, revoked []status.Entry, last uint64, now time.Time) bool {
	list := l.existing
	if l.Before <= 0 || l.Number != 0 || list == nil || list.Number == nil || list.Number.Cmp(new(big.Int).SetUint64(last)) != 0 ||
		list.NextUpdate.Sub(now) <= l.Before || len(list.Revoked) != len(revoked) ||
		!record.signed(list.SignatureAlgorithm, list.RawTBS, list.Signature) {
		return false
	}
	wanted := make(map[string]status.Entry, len(revoked))
	for _, r := range revoked {
		wanted[r.Serial.String()] = r
	}
	for _, r := range list.Revoked {
		if e, is := wanted[r.Serial.String()]; !is || e.Reason != r.Reason || !e.InvalidSince.Equal(r.InvalidityDate()) {
			return false
		}
	}
	return true
}

// checkNumber refuses to make a list that clients take for older than one that exists (RFC 5280, 5.2.3).
func (l *listing) checkNumber(record *ledger, last, least uint64) error {
	switch {
	case last == maxNumber:
		return fmt.Errorf("%w: the last revocation list of %q has the largest number that is possible here, %d, and no list can follow it",
			kdb.ErrUnsupported, l.CA, last)
	case l.Number == maxNumber:
		return &op.Invalid{Field: op.FieldNumber, Value: l.Number, Reason: "no list could follow it"}
	}
	if l.Number != 0 && l.Number < max(last+1, least) {
		return &op.Invalid{
			Field: op.FieldNumber, Value: l.Number, Reason: fmt.Sprintf("the next list must have at least the number %d", max(last+1, least)),
		}
	}
	list := l.existing
	if list == nil || list.Number == nil || list.Number.Cmp(new(big.Int).SetUint64(max(last+1, least))) < 0 ||
		!record.signed(list.SignatureAlgorithm, list.RawTBS, list.Signature) {
		return nil
	}
	err := fmt.Errorf("the revocation list in %q has the number %s, and the next one of this database would have %d: it does not know "+
		"what was revoked in between", l.Out.Path, list.Number, max(last+1, least))
	return &op.Problem{Code: op.NewerList, Label: l.CA, Location: l.Out.Path, Err: op.Classify(err, kdb.ErrExists)}
}

func (l *listing) write(env *op.Env, done *CRLDone) error {
	if !done.Changed {
		return nil
	}
	text := op.PEMString("X509 CRL", l.der)
	body := []byte(text)
	if l.Format == entries.FormatDER {
		body = l.der
	}
	if l.Out.IsStdout() {
		done.PEM, done.Body = text, body
		return nil
	}
	return l.Out.Write(env, false, func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	})
}

// list is what the CA revoked; first says that it made nothing else here that is recorded.
func (l *listing) list(record *ledger, now time.Time) (list status.CRL, first bool, err error) {
	list, first = status.CRL{ThisUpdate: now, NextUpdate: now.Add(l.NextUpdate)}, true
	for r, err := range record.AllIssued(record.issuer) {
		if err != nil {
			return list, false, err
		}
		first = false
		if r.RevokedAt.IsZero() {
			continue
		}
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		_, end, _ := subjectAndEnd(&r)
		if !ok {
			return list, false, fmt.Errorf("the record of serial number %s: %w", r.Serial, kdb.ErrCorrupt)
		}
		// A certificate whose end is not known stays in the list.
		if end.IsZero() || now.Sub(end) < revokedStay {
			list.Revoked = append(list.Revoked, status.Entry{
				Serial: serial, Time: r.RevokedAt, Reason: cert.Reason(r.Reason), InvalidSince: r.InvalidSince,
			})
		}
	}
	return list, first || l.ca.broughtAlong, nil
}
