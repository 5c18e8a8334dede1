package entries

import (
	"bytes"
	"slices"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
)

// keepKey gives a certificate that replaces one with a private key that key, if it is the same: a renewed certificate came without it.
// The chain stays if its first certificate may have issued the new one. It returns the key, or nil.
func keepKey(tx kdb.Tx, old *kdb.Summary, entry *kdb.Entry) ([]byte, error) {
	if entry.Kind != kdb.KindTrusted || old.Kind != kdb.KindPersonal && old.Kind != kdb.KindRequest {
		return nil, nil
	}
	before, err := tx.Entry(old.Label)
	if err != nil {
		return nil, err
	}
	was, errOld := spkiOf(&before)
	is, errNew := spkiOf(entry)
	if errOld != nil || errNew != nil || !bytes.Equal(was, is) {
		return nil, nil // certificates that cannot be read are not paired
	}
	entry.Kind, entry.Trusted = kdb.KindPersonal, old.Trusted
	if entry.Key, err = tx.Key(old.Label); err != nil {
		return nil, err
	}
	if len(entry.Certificates) == 1 && len(before.Certificates) > 1 && mayHaveIssued(before.Certificates[1], entry.Certificates[0]) {
		entry.Certificates = append(slices.Clone(entry.Certificates), before.Certificates[1:]...)
	}
	return entry.Key, nil
}

func mayHaveIssued(issuer, der []byte) bool {
	above, errAbove := cert.Parse(issuer)
	c, err := cert.Parse(der)
	return errAbove == nil && err == nil && issuers.MayHaveIssued(above, c)
}
