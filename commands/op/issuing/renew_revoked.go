package issuing

import (
	"errors"
	"fmt"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/cert"
)

// settle looks at what the CA's database says of the certificate that is replaced: a compromised key is not certified again, and the
// certificate is revoked if that is asked for.
func (r *renewal) settle(tx kdb.Tx) error {
	if !r.Revoke && !r.ReuseKey {
		return nil
	}
	l, record, err := r.oldRecord(tx)
	switch {
	case !r.Revoke && (errors.Is(err, kdb.ErrNotFound) || errors.Is(err, kdb.ErrUnsupported)): // another CA issued it
		return nil
	case err != nil:
		return err
	}
	if r.ReuseKey && compromised(&record) {
		err := fmt.Errorf("%w: the certificate of %q was %s: its key is not certified again", op.ErrFindings, r.Label, op.RevokedOn(record))
		return &op.Problem{Code: op.CompromisedKey, Label: r.Label, Err: err}
	}
	if !r.Revoke {
		return nil
	}
	return r.revokeOld(l, record)
}

func compromised(r *kdb.Issued) bool {
	reason := cert.Reason(r.Reason)
	return !r.RevokedAt.IsZero() && (reason == cert.KeyCompromise || reason == cert.CACompromise)
}

// oldRecord is that of the certificate that is replaced.
func (r *renewal) oldRecord(tx kdb.Tx) (l *ledger, record kdb.Issued, err error) {
	c, err := cert.Parse(r.old.Certificates[0])
	if err != nil {
		return nil, record, err
	}
	if l, err = ledgerOf(tx, r.ca.label); err != nil {
		return nil, record, err
	}
	if !l.certified(c) { // the CA has a new key, and what the old one signed is in the records of that
		if _, errOld := tx.Summary(r.ca.label + OldSuffix); errOld == nil { // looked for here, where nothing similar is searched for
			if before, errOld := ledgerOf(tx, r.ca.label+OldSuffix); errOld == nil {
				l = before
			}
		}
	}
	record, err = l.find(c.SerialHex(), c.Raw)
	return l, record, err
}

// revokeOld revokes the certificate that is replaced, which makes a hold final. A revocation for another reason stays.
func (r *renewal) revokeOld(l *ledger, record kdb.Issued) error {
	switch {
	case record.RevokedAt.IsZero():
		record.RevokedAt = r.env.Now().UTC().Truncate(time.Second)
	case cert.Reason(record.Reason) != cert.CertificateHold:
		r.settled = []string{fmt.Sprintf("the old certificate was %s already", op.RevokedOn(record))}
		return nil
	}
	record.Reason, r.revoked = int(cert.Superseded), record.Serial
	return l.PutIssued(record)
}
