package kdb_test

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"certkdb/kdb"
	"certkdb/pki/cert"
)

// TestLeaf_ofOtherCertificates: a certificate that was parsed before counts only as long as it is the entry's.
func TestLeaf_ofOtherCertificates(t *testing.T) {
	t.Parallel()
	first, _, _ := newPair(t)
	second, _, _ := newPair(t)
	e := kdb.Entry{Certificates: [][]byte{first}}
	l, err := kdb.ReadLeaf(first, nil)
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

// TestReadLeaf_afterAnother: a certificate is read as without the one before, whether that has the same issuer or not.
func TestReadLeaf_afterAnother(t *testing.T) {
	t.Parallel()
	first, _, _ := newPair(t)
	again, _, _ := newPair(t)
	other := bytes.ReplaceAll(first, []byte("Web Server 1"), []byte("Web Server 2"))
	var before *kdb.Leaf
	for i, der := range [][]byte{first, again, other, first} {
		l, err := kdb.ReadLeaf(der, before)
		if err != nil {
			t.Fatal(err)
		}
		e := kdb.Entry{Certificates: [][]byte{der}}
		read := e.WithLeaf(l)
		sameSummary(t, &read, &e)
		if got, want := kdb.Traits(&read), kdb.Traits(&e); !slices.Equal(got, want) {
			t.Errorf("%d: traits %q, want %q", i, got, want)
		}
		got, _ := read.Leaf()
		want, _ := cert.Parse(der)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d: %+v, want %+v", i, got, want)
		}
		before = l
	}
}
