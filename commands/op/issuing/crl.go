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
}

// CRLDone tells of a new list.
type CRLDone struct {
	Number     uint64    `json:"number"`
	Revoked    int       `json:"revoked"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	Out        string    `json:"out,omitempty"`
	// PEM is the list when no file was asked for.
	PEM string `json:"crl_pem,omitempty"`
	// Body is what goes to standard output then.
	Body []byte `json:"-"`
}

// revokedStay is how long an expired certificate stays in the lists. RFC 5280, 3.3 wants it on one list behind its end, and
// lists come more often than that.
const revokedStay = 90 * 24 * time.Hour

// HasChanged is always true: each list takes a number.
func (CRLDone) HasChanged() bool { return true }

// Plan opens the CA. The number of the list is taken, and the list noted in the audit log, before it is written.
func (o CRL) Plan(ctx context.Context, s *op.Session) (op.Plan[CRLDone], error) {
	plan := op.Plan[CRLDone]{Name: "crl"}
	if o.Format != entries.FormatPEM && o.Format != entries.FormatDER {
		return plan, &op.Invalid{Field: op.FieldFormat, Value: string(o.Format), Reason: "a revocation list is pem or der"}
	}
	if o.CA == "" {
		return plan, op.Need(op.FieldCA)
	}
	if err := o.Out.Check(s.Env); err != nil {
		return plan, err
	}
	ca, err := Authority{Label: o.CA}.load(ctx, s)
	if err != nil {
		return plan, err
	}
	var der []byte
	plan.Apply = func(tx kdb.Tx) (done CRLDone, err error) {
		done, der, err = o.make(tx, ca, s.Env.Now().UTC())
		return done, err
	}
	plan.After = func(_ context.Context, done *CRLDone) error { return o.write(s.Env, der, done) }
	return plan, nil
}

// make signs the next list.
func (o CRL) make(tx kdb.Tx, ca *authority, now time.Time) (CRLDone, []byte, error) {
	if err := ca.basis.Holds(tx); err != nil {
		return CRLDone{}, nil, err
	}
	list, err := o.list(tx, now)
	if err != nil {
		return CRLDone{}, nil, err
	}
	der, err := list.Sign(ca.CA)
	if err != nil {
		return CRLDone{}, nil, op.PKIError(err)
	}
	done := CRLDone{
		Number: list.Number.Uint64(), Revoked: len(list.Revoked), ThisUpdate: list.ThisUpdate.Truncate(time.Second),
		NextUpdate: list.NextUpdate.Truncate(time.Second),
	}
	if !o.Out.IsStdout() {
		done.Out = o.Out.Path
	}
	return done, der, tx.Audit("crl", o.CA)
}

func (o CRL) write(env *op.Env, der []byte, done *CRLDone) error {
	text := op.PEMString("X509 CRL", der)
	body := []byte(text)
	if o.Format == entries.FormatDER {
		body = der
	}
	if o.Out.IsStdout() {
		done.PEM, done.Body = text, body
		return nil
	}
	return o.Out.Write(env, false, func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	})
}

func (o CRL) list(tx kdb.Tx, now time.Time) (status.CRL, error) {
	issuer, registry, err := issuerOf(tx, o.CA)
	if err != nil {
		return status.CRL{}, err
	}
	number, err := registry.NextCRLNumber(issuer)
	if err != nil {
		return status.CRL{}, err
	}
	list := status.CRL{Number: new(big.Int).SetUint64(number), ThisUpdate: now, NextUpdate: now.Add(o.NextUpdate)}
	for record, err := range registry.AllIssued(issuer) {
		if err != nil {
			return list, err
		}
		if record.RevokedAt.IsZero() {
			continue
		}
		c, err := cert.Parse(record.Certificate)
		if err != nil {
			return list, fmt.Errorf("the record of serial number %s: %w: %w", record.Serial, kdb.ErrCorrupt, err)
		}
		if now.Sub(c.NotAfter) < revokedStay {
			list.Revoked = append(list.Revoked, status.Entry{Serial: c.Serial, Time: record.RevokedAt, Reason: cert.Reason(record.Reason)})
		}
	}
	return list, nil
}
