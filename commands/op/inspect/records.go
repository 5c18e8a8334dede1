package inspect

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// checkRecords marks chains as invalid in which a CA of the database has revoked a certificate, even if no list says so yet.
func checkRecords(
	ctx context.Context, s *op.Session, at time.Time, list []Validation, chains [][]*cert.Certificate, labels map[[32]byte]string,
) error {
	return s.View(ctx, func(tx kdb.Tx) error {
		registry, ok := tx.(kdb.Registry)
		if !ok {
			return nil
		}
		for i := range list {
			if !list[i].Valid {
				continue
			}
			if err := list[i].checkRecords(registry, at, chains[i], labels); err != nil {
				return err
			}
		}
		return nil
	})
}

func (v *Validation) checkRecords(registry kdb.Registry, at time.Time, chain []*cert.Certificate, labels map[[32]byte]string) error {
	for i, c := range chain[:len(chain)-1] {
		record, revoked, err := op.RevocationBy(registry, c.Raw, chain[i+1].Raw)
		if err != nil {
			return err
		}
		if !revoked || record.RevokedAt.After(at) {
			continue
		}
		v.refuse(Failure{
			Position: i, Subject: c.Subject.String(), Label: labels[sha256.Sum256(c.Raw)],
			Rule: string(path.RuleRevoked), Section: path.RuleRevoked.Section(),
			Reason: fmt.Sprintf("it was %s, as its CA's record in this database says", op.RevokedOn(record)),
		})
	}
	return nil
}
