package op

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// revocationOf looks for the certificate of an entry among what its CA revoked, when the CA's certificate is at hand.
func revocationOf(tx kdb.Tx, entry *kdb.Entry) (record kdb.Issued, revoked bool, err error) {
	registry, ok := tx.(kdb.Registry)
	if !ok || len(entry.Certificates) == 0 {
		return record, false, nil
	}
	var issuer []byte
	if len(entry.Certificates) > 1 {
		issuer = entry.Certificates[1]
	} else if issuer, err = rootOf(tx, entry.Certificates[0]); err != nil || issuer == nil {
		return record, false, err
	}
	return revocationBy(registry, entry.Certificates[0], issuer)
}

// revocationBy looks for a certificate among what its issuer revoked.
func revocationBy(registry kdb.Registry, der, issuer []byte) (record kdb.Issued, revoked bool, err error) {
	c, err := cert.Parse(der)
	if err != nil {
		return record, false, err
	}
	id, err := issuerID(issuer)
	if err != nil {
		return record, false, err
	}
	record, err = registry.Issued(id, c.SerialHex())
	if errors.Is(err, kdb.ErrNotFound) {
		return record, false, nil
	}
	return record, err == nil && !record.RevokedAt.IsZero(), err
}

// revokedOn says when a certificate was revoked, and why.
func revokedOn(record kdb.Issued) string {
	return fmt.Sprintf("revoked on %s (%s)", record.RevokedAt.UTC().Format(time.RFC3339), cert.Reason(record.Reason))
}

// revokedAbove looks for a CA of a chain that the one above it has revoked, as the records of the database say: what it issues would be
// refused wherever that is known. Lists it may go on to sign.
func revokedAbove(tx kdb.Tx, chain [][]byte) (revoked, err error) {
	registry, ok := tx.(kdb.Registry)
	if !ok {
		return nil, nil
	}
	for i := range len(chain) - 1 {
		record, is, err := revocationBy(registry, chain[i], chain[i+1])
		if err != nil {
			return nil, err
		}
		if is {
			e := kdb.Entry{Certificates: [][]byte{record.Certificate}}
			s, _ := kdb.Summarize(&e) // it was parsed before
			err := fmt.Errorf("%w: the CA's certificate %q was %s", ErrFindings, s.Subject, revokedOn(record))
			return WithHint(err, "make another CA; what is only on hold is given back with: certkdb revoke --reason removeFromCRL"), nil
		}
	}
	return nil, nil
}

// checkRecords takes the validity from those chains in which a CA of the database has revoked a certificate, also while no list tells.
func checkRecords(ctx context.Context, db kdb.Database, at time.Time, list []Validation, chains [][]*cert.Certificate, labels map[[32]byte]string) error {
	if db == nil {
		return nil
	}
	return db.View(ctx, func(tx kdb.Tx) error {
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
		record, revoked, err := revocationBy(registry, c.Raw, chain[i+1].Raw)
		if err != nil {
			return err
		}
		if !revoked || record.RevokedAt.After(at) {
			continue
		}
		v.refuse(Failure{
			Position: i, Subject: c.Subject.String(), Label: labels[sha256.Sum256(c.Raw)],
			Rule: string(path.RuleRevoked), Section: path.RuleRevoked.Section(),
			Reason: fmt.Sprintf("it was %s, as its CA's record in this database says", revokedOn(record)),
		})
	}
	return nil
}
