package issuing

import (
	"bytes"
	"slices"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/key"
)

// refreshChains puts the renewed certificate of a CA, and the chain that came with it, into the chains of the entries that hold the old
// one, and returns their labels: what a server sends would else expire with the old certificate, however long its own is valid. Nothing
// is done for a CA with a new key or name, which did not sign those entries.
func refreshChains(tx kdb.Tx, label string, old []byte, renewed [][]byte) ([]string, error) {
	if !sameIssuer(old, renewed[0]) {
		return nil, nil
	}
	ca, err := cert.Parse(old)
	if err != nil {
		return nil, err // unreachable: it was read before
	}
	var stale []kdb.Entry
	for s, err := range tx.Find(kdb.BySubject(ca.Subject)) {
		if err != nil {
			return nil, err
		}
		if s.Kind != kdb.KindPersonal || s.ChainLength < 2 || s.Label == label {
			continue
		}
		entry, err := tx.Entry(s.Label)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(entry.Certificates[1:], func(der []byte) bool { return bytes.Equal(der, old) })
		if i < 0 || sameCertificates(entry.Certificates[i+1:], renewed) {
			continue
		}
		entry.Certificates = slices.Concat(entry.Certificates[:i+1], renewed)
		stale = append(stale, entry)
	}
	var labels []string
	for _, entry := range stale {
		if err := tx.Certify(entry.Label, entry.Certificates); err != nil {
			return nil, err
		}
		labels = append(labels, entry.Label)
	}
	return labels, nil
}

func sameCertificates(a, b [][]byte) bool {
	return slices.EqualFunc(a, b, bytes.Equal)
}

// sameIssuer tells whether two certificates are of one CA: what verifies with one verifies with the other.
func sameIssuer(a, b []byte) bool {
	one, err := cert.Parse(a)
	if err != nil || !one.IsCA {
		return false
	}
	other, err := cert.Parse(b)
	return err == nil && other.IsCA && bytes.Equal(one.RawSubject, other.RawSubject) && key.SameKey(one.RawSPKI, other.RawSPKI)
}
