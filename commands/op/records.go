package op

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
)

// RootOf finds the issuer of the last certificate of a CA's chain, which is kept without its root; nil if it is not here.
func RootOf(tx kdb.Tx, last []byte) ([]byte, error) {
	c, err := cert.Parse(last)
	if err != nil || c.Issuer.Canonical() == c.Subject.Canonical() {
		return nil, nil // the CA could not be used, or is the root
	}
	wanted := c.Issuer.String()
	for s, err := range tx.Summaries("") {
		if err != nil {
			return nil, err
		}
		if !s.CA || s.Subject != wanted {
			continue
		}
		entry, err := tx.Entry(s.Label)
		if err != nil {
			return nil, err
		}
		issuer, err := cert.Parse(entry.Certificates[0])
		if err == nil && (len(c.AKI) == 0 || bytes.Equal(c.AKI, issuer.SKI)) {
			return issuer.Raw, nil
		}
	}
	return nil, nil
}

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
	var issuer []byte
	if len(entry.Certificates) > 1 {
		issuer = entry.Certificates[1]
	} else if issuer, err = RootOf(tx, entry.Certificates[0]); err != nil || issuer == nil {
		return record, false, err
	}
	return RevocationBy(registry, entry.Certificates[0], issuer)
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
