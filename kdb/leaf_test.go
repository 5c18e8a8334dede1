package kdb_test

import (
	"bytes"
	"testing"

	"certkdb/kdb"
)

// TestLeaf_ofOtherCertificates: a certificate that was parsed before counts only as long as it is the entry's.
func TestLeaf_ofOtherCertificates(t *testing.T) {
	t.Parallel()
	first, _, _ := newPair(t)
	second, _, _ := newPair(t)
	e := kdb.Entry{Certificates: [][]byte{first}}
	c, err := e.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	e = e.WithLeaf(c)
	if same, err := e.Leaf(); err != nil || same != c {
		t.Errorf("it was parsed again, %v", err)
	}
	e.Certificates = [][]byte{second}
	if other, err := e.Leaf(); err != nil || !bytes.Equal(other.Raw, second) {
		t.Errorf("the certificate of before is returned, %v", err)
	}
}
