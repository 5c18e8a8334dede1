package sealed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"maps"
	"math/big"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store/storetest"
)

// indexFindings are the findings of a check about the index.
func indexFindings(t *testing.T, db *Database) (list []string) {
	t.Helper()
	err := db.Check(t.Context(), func(p kdb.Problem) {
		if strings.HasPrefix(p.Where, "index") {
			list = append(list, p.What)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestCheck_indexWithoutAnEntry: an index whose records are all sound, and that does not have an entry.
func TestCheck_indexWithoutAnEntry(t *testing.T) {
	t.Parallel()
	db := newInternal(t, storetest.NewMemory())
	e := kdb.Entry{Label: "x", Kind: kdb.KindTrusted, Certificates: [][]byte{anyCertificate(t)}}
	err := db.update(t.Context(), "add", strict, func(tx *tx) error {
		err := errors.Join(tx.Put(e), tx.sealBatch())
		tx.postings = tx.postings[1:]
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := indexFindings(t, db); len(got) != 1 || !strings.Contains(got[0], "not found") {
		t.Errorf("findings %q", got)
	}
}

// TestCheck_olderIndexThatSaysTheSame: a record of the index that was put back, and has the same postings as the newer one.
func TestCheck_olderIndexThatSaysTheSame(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db := newInternal(t, st)
	e := kdb.Entry{Label: "x", Kind: kdb.KindTrusted, Certificates: [][]byte{anyCertificate(t)}}
	change := func(fn func(kdb.Tx) error) {
		if err := db.Update(t.Context(), "change", fn); err != nil {
			t.Fatal(err)
		}
	}
	change(func(tx kdb.Tx) error { return tx.Put(e) })
	older := st.Records()
	change(func(tx kdb.Tx) error { return tx.Delete("x") })
	change(func(tx kdb.Tx) error { return tx.Put(e) })
	if got := indexFindings(t, db); len(got) > 0 {
		t.Errorf("findings before: %q", got)
	}
	records := maps.Clone(st.Records())
	records[blockKey(lastSpot)] = older[blockKey(lastSpot)]
	st.Replace(records)
	if got := indexFindings(t, db); len(got) != 1 || !strings.Contains(got[0], "older") {
		t.Errorf("findings %q", got)
	}
}

// anyCertificate is a self-signed certificate.
func anyCertificate(t *testing.T) []byte {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "any"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
