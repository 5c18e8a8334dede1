package op

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
)

// IssuerID is how a database identifies the CA in what it records: the SHA-256 of its public key.
func IssuerID(certificate []byte) ([32]byte, error) {
	c, err := cert.Parse(certificate)
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(c.RawSPKI), nil
}

// RevocationOf looks for the certificate of an entry among what its CA revoked, when the CA's certificate is at hand.
func RevocationOf(tx kdb.Tx, entry *kdb.Entry) (record kdb.Issued, revoked bool, err error) {
	registry, ok := tx.(kdb.Registry)
	if !ok || len(entry.Certificates) == 0 {
		return record, false, nil
	}
	chain := entry.Certificates
	if len(chain) == 1 {
		if chain, err = Above(tx, chain, time.Time{}); err != nil || len(chain) == 1 {
			return record, false, err
		}
	}
	return RevocationBy(registry, chain[0], chain[1])
}

// RevocationBy looks for a certificate among what its issuer revoked.
func RevocationBy(registry kdb.Registry, der, issuer []byte) (record kdb.Issued, revoked bool, err error) {
	c, err := cert.Parse(der)
	if err != nil {
		return record, false, err
	}
	id, err := IssuerID(issuer)
	if err != nil {
		return record, false, err
	}
	record, err = registry.Issued(id, c.SerialHex())
	if errors.Is(err, kdb.ErrNotFound) {
		return record, false, nil
	}
	return record, err == nil && !record.RevokedAt.IsZero(), err
}

// RevokedOn says when a certificate was revoked, and why.
func RevokedOn(record kdb.Issued) string {
	return fmt.Sprintf("revoked on %s (%s)", record.RevokedAt.UTC().Format(time.RFC3339), cert.Reason(record.Reason))
}
