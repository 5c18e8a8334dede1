package op

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"certkdb/kdb"
	"certkdb/pki"
	"certkdb/pki/path"
)

// checkRecords takes the validity from a chain when a CA of the database has revoked a certificate in it, also while no list tells.
func (o Validate) checkRecords(ctx context.Context, env *Env, db kdb.Database, v *Validation, result path.Result, labels map[[32]byte]string) error {
	if db == nil || !v.Valid {
		return nil
	}
	at := env.Now()
	if t, err := parseTime("--at", o.At); err == nil && !t.IsZero() {
		at = t
	}
	return db.View(ctx, func(tx kdb.Tx) error {
		registry, ok := tx.(kdb.Registry)
		if !ok {
			return nil
		}
		for i, c := range result.Chain[:len(result.Chain)-1] {
			record, err := registry.Issued(sha256.Sum256(result.Chain[i+1].RawSPKI), c.SerialHex())
			if errors.Is(err, kdb.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if record.RevokedAt.IsZero() || record.RevokedAt.After(at) {
				continue
			}
			v.refuse(Failure{
				Position: i, Subject: c.Subject.String(), Label: labels[sha256.Sum256(c.Raw)],
				Rule: string(path.RuleRevoked), Section: path.RuleRevoked.Section(),
				Reason: fmt.Sprintf("it was revoked on %s (%s), as its CA's record in this database says",
					record.RevokedAt.UTC().Format(time.RFC3339), pki.Reason(record.Reason)),
			})
		}
		return nil
	})
}
