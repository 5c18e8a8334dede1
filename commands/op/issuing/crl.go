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
	op.DB
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

// Run makes the list. Its number is taken, and the list noted in the audit log, before it is written.
func (o CRL) Run(ctx context.Context, env *op.Env) (CRLDone, error) {
	if o.Format != entries.FormatPEM && o.Format != entries.FormatDER {
		return CRLDone{}, fmt.Errorf("%w: --format %q: a revocation list is pem or der", op.ErrUsage, o.Format)
	}
	if err := o.Out.Check(); err != nil {
		return CRLDone{}, err
	}
	db, err := o.Open(ctx, env)
	if err != nil {
		return CRLDone{}, err
	}
	defer db.Close()
	ca, err := Authority{Label: o.CA}.load(ctx, env, db)
	if err != nil {
		return CRLDone{}, err
	}
	var done CRLDone
	var der []byte
	err = db.Update(ctx, "crl", func(tx kdb.Tx) error {
		list, err := o.list(tx, env.Now().UTC())
		if err != nil {
			return err
		}
		if der, err = list.Sign(ca.CA); err != nil {
			return op.PKIError(err)
		}
		done = CRLDone{
			Number: list.Number.Uint64(), Revoked: len(list.Revoked), ThisUpdate: list.ThisUpdate.Truncate(time.Second),
			NextUpdate: list.NextUpdate.Truncate(time.Second), Out: o.Out.Path,
		}
		return tx.Audit("crl", o.CA)
	})
	if err != nil {
		return CRLDone{}, err
	}
	text := op.PEMString("X509 CRL", der)
	body := []byte(text)
	if o.Format == entries.FormatDER {
		body = der
	}
	if o.Out.IsStdout() {
		done.Out, done.PEM, done.Body = "", text, body
		return done, nil
	}
	return done, o.Out.Write(env, false, func(w io.Writer) error {
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
