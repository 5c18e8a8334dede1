package entries

import (
	"bytes"
	"errors"
	"slices"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
)

// takeKey makes a certificate that is to replace an entry a personal one if it is for the private key of that entry: renewed certificates
// come without their keys. The chain stays if its first certificate may have issued the new one. Trust does not: anybody can make a
// certificate for a public key. It returns whether the key is the same.
func takeKey(tx kdb.Tx, old *kdb.Summary, entry *kdb.Entry) (bool, error) {
	if entry.Kind != kdb.KindTrusted || old.Kind != kdb.KindPersonal && old.Kind != kdb.KindRequest {
		return false, nil
	}
	before, err := tx.Entry(old.Label)
	if err != nil {
		return false, err
	}
	was, errOld := spkiOf(&before)
	is, errNew := spkiOf(entry)
	if errOld != nil || errNew != nil || !bytes.Equal(was, is) {
		return false, nil // certificates that cannot be read are not paired
	}
	entry.Kind = kdb.KindPersonal
	if len(entry.Certificates) == 1 && len(before.Certificates) > 1 && mayHaveIssued(before.Certificates[1], entry.Certificates[0]) {
		entry.Certificates = append(slices.Clone(entry.Certificates), before.Certificates[1:]...)
	}
	return true, nil
}

func mayHaveIssued(issuer, der []byte) bool {
	above, errAbove := cert.Parse(issuer)
	c, err := cert.Parse(der)
	return errAbove == nil && err == nil && issuers.MayHaveIssued(above, c)
}

// certify stores an entry whose private key is there already. What becomes of the trust in a format that has none is said elsewhere.
func certify(tx kdb.Tx, entry *kdb.Entry) error {
	if err := tx.Certify(entry.Label, entry.Certificates); err != nil || !entry.Trusted {
		return err
	}
	err := tx.Mark(entry.Label, kdb.Marks{Trusted: new(true)})
	if errors.Is(err, kdb.ErrUnsupported) {
		return nil
	}
	return err
}

// adopter finds the certificate of a private key among those that the database has without their keys.
func adopter(tx kdb.Tx) func(key.Private) (kdb.Entry, bool, error) {
	return func(private key.Private) (kdb.Entry, bool, error) {
		if len(private.SPKI) == 0 {
			return kdb.Entry{}, false, nil
		}
		for s, err := range tx.Find(kdb.ByKey(private.SPKI)) {
			if err != nil {
				return kdb.Entry{}, false, err
			}
			if s.ChainLength == 0 {
				continue
			}
			e, err := tx.Entry(s.Label)
			if err != nil {
				return kdb.Entry{}, false, err
			}
			if spki, err := spkiOf(&e); err == nil && bytes.Equal(spki, private.SPKI) {
				return kdb.Entry{Label: e.Label, Kind: kdb.KindPersonal, Trusted: e.Trusted, Certificates: e.Certificates}, true, nil
			}
		}
		return kdb.Entry{}, false, nil
	}
}
