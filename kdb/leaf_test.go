package kdb_test

import (
	"bytes"
	"reflect"
	"testing"

	"certkdb/kdb"
)

// TestLeaf_ofOtherCertificates: a certificate that was parsed before counts only as long as it is the entry's.
func TestLeaf_ofOtherCertificates(t *testing.T) {
	t.Parallel()
	first, _, _ := newPair(t)
	second, _, _ := newPair(t)
	e := kdb.Entry{Certificates: [][]byte{first}}
	l, err := kdb.ReadLeaf(first)
	if err != nil {
		t.Fatal(err)
	}
	read := e.WithLeaf(l)
	once, err := read.Leaf()
	if again, errAgain := read.Leaf(); err != nil || errAgain != nil || again != once {
		t.Errorf("it was parsed again, %v, %v", err, errAgain)
	}
	sameSummary(t, &read, &e)
	e, read.Certificates = kdb.Entry{Certificates: [][]byte{second}}, [][]byte{second}
	if other, err := read.Leaf(); err != nil || !bytes.Equal(other.Raw, second) {
		t.Errorf("the certificate of before is returned, %v", err)
	}
	sameSummary(t, &read, &e)
}

func sameSummary(t *testing.T, e, want *kdb.Entry) {
	t.Helper()
	s, err := kdb.Summarize(e)
	w, wantErr := kdb.Summarize(want)
	if err != nil || wantErr != nil || !reflect.DeepEqual(s, w) || e.Fingerprint() != want.Fingerprint() {
		t.Errorf("%+v, %v; without its leaf %+v, %v", s, err, w, wantErr)
	}
}
