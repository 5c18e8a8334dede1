package op

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/big"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/status"
)

func issuerID(certificate []byte) ([32]byte, error) {
	c, err := cert.Parse(certificate)
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(c.RawSPKI), nil
}

// CRL makes a revocation list of a CA, from the record of what it issued.
type CRL struct {
	DB
	CA         string // label
	NextUpdate time.Duration
	Format     string // "pem" or "der"
	Out        Output
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
func (o CRL) Run(ctx context.Context, env *Env) (CRLDone, error) {
	if o.Format != formatPEM && o.Format != formatDER {
		return CRLDone{}, fmt.Errorf("%w: --format %q: a revocation list is pem or der", ErrUsage, o.Format)
	}
	if err := o.Out.check(); err != nil {
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
			return pkiError(err)
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
	text := pemString("X509 CRL", der)
	body := []byte(text)
	if o.Format == formatDER {
		body = der
	}
	if o.Out.isStdout() {
		done.Out, done.PEM, done.Body = "", text, body
		return done, nil
	}
	return done, o.Out.write(env, false, func(w io.Writer) error {
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
