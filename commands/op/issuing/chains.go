package issuing

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
	"certkdb/pki/name"
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

// below is how many entries that a CA issued are looked at for a note.
const below = 100

// orphans says which certificates name the old certificate of a renewed CA as their issuer's: those of easy-rsa and openssl ca by its
// serial number, and some by a key identifier that the new one does not have. Below the new one OpenSSL refuses them. "" if there seem
// to be none.
func orphans(tx kdb.Tx, label string, old, renewed []byte) (note string, err error) {
	if !sameIssuer(old, renewed) {
		return "", nil
	}
	before, errOld := cert.Parse(old)
	now, errNow := cert.Parse(renewed)
	if err := errors.Join(errOld, errNow); err != nil {
		return "", err // unreachable: they were read before
	}
	var labels []string
	seen := 0
	for s, err := range tx.Find(kdb.ByIssuer(before.Subject)) {
		if err != nil {
			return "", err
		}
		if seen++; seen > below {
			break
		}
		entry, err := tx.Entry(s.Label)
		if err != nil {
			return "", err
		}
		if s.Label == label || len(entry.Certificates) == 0 {
			continue
		}
		c, err := cert.Parse(entry.Certificates[0])
		if err == nil && name.Equal(c.Issuer, before.Subject) && issuers.Misnames(c, before) == "" && issuers.Misnames(c, now) != "" {
			labels = append(labels, strconv.Quote(s.Label))
		}
	}
	if len(labels) == 0 && !issuers.NamesSerial(before) {
		return "", nil
	}
	note = "OpenSSL takes no certificate below the new one that names the old one by serial number or key identifier: renew such certificates"
	if len(labels) > 0 {
		note += ", here " + strings.Join(labels[:min(len(labels), most)], ", ")
	}
	if more := len(labels) - most; more > 0 {
		note += fmt.Sprintf(" and %d more", more)
	}
	return note, nil
}

// most is how many labels a note names.
const most = 5

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
