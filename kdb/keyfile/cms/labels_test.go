package cms_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"
	"time"

	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/keyfiletest"
)

// relabel changes the labels of slots in place, in the slot and in the record, and signs the file.
func relabel(t *testing.T, c keyfile.Container, from, to string) keyfile.Container {
	t.Helper()
	if len(from) != len(to) {
		t.Fatal("labels of different lengths")
	}
	data := encode(t, c, secret).Main
	old, renewed := append([]byte(from), 0), append([]byte(to), 0)
	inner, newInner := append([]byte{0x1A, byte(len(from))}, from...), append([]byte{0x1A, byte(len(from))}, to...)
	data = bytes.ReplaceAll(bytes.ReplaceAll(data, inner, newInner), old, renewed)
	sign(data)
	return open(t, keyfile.Files{Main: data}, secret)
}

func TestLabels_repeatedInTheFile(t *testing.T) {
	t.Parallel()
	a, b := newIdentity(t, "a", nil), newIdentity(t, "b", nil)
	c := relabel(t, newStore(t, a.personal("label-1"), b.personal("label-2")), "label-2", "label-1")
	if got := labels(c); got != "label-1|label-1 (2)" {
		t.Fatalf("labels %s", got)
	}
	keyfiletest.WantKey(t, c, "label-1 (2)", b.key)
	before := encode(t, c, secret).Main
	keyfiletest.Put(t, c, newIdentity(t, "x", nil).trusted("x"))
	after := encode(t, c, secret).Main
	if !bytes.Equal(after[headerSize:headerSize+2*slotSize], before[headerSize:]) {
		t.Error("the made label was written into an untouched entry")
	}
	if err := c.Delete("label-1"); err != nil {
		t.Fatal(err)
	}
	if got := labels(reopen(t, c)); got != "label-1|x" {
		t.Errorf("after deleting the first: %s", got)
	}
}

func TestLabels_madeWhereTheFileHasNone(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "Some Host", nil)
	for bad, want := range map[string]string{"bad\x01bel": "badbel", "bad\xFFbel": "badbel", "\x7F\x7F\x7F\x7F\x7F\x7F\x7F": "some-host-"} {
		c := relabel(t, newStore(t, a.personal("lab-bel")), "lab-bel", bad)
		if got := labels(c); !strings.HasPrefix(got, want) {
			t.Errorf("%q is listed as %s", bad, got)
		}
		keyfiletest.WantKey(t, c, labels(c), a.key)
		// What is replaced keeps the label that it has in the file.
		e := a.personal(labels(c))
		e.Default = true
		keyfiletest.Put(t, c, e)
		if data := encode(t, c, secret).Main; !bytes.Contains(data, []byte(bad)) {
			t.Errorf("%q is gone", bad)
		}
	}
}

func TestChain_choosesByKeyIdentifier(t *testing.T) {
	t.Parallel()
	old, renewed := caWithIdentifier(t, 1), caWithIdentifier(t, 2)
	issuer, err := x509.ParseCertificate(renewed.cert)
	if err != nil {
		t.Fatal(err)
	}
	leaf := newIdentity(t, "leaf", renewed)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
	}
	if leaf.cert, err = x509.CreateCertificate(rand.Reader, template, issuer, leaf.signer.Public(), renewed.signer); err != nil {
		t.Fatal(err)
	}
	c := reopen(t, newStore(t, old.trusted("old"), renewed.trusted("renewed"), leaf.personal("leaf")))
	chain := entry(t, c, "leaf").Certificates
	if len(chain) != 2 || !bytes.Equal(chain[1], renewed.cert) {
		t.Errorf("the chain has %d certificates or the wrong CA of two with the same name", len(chain))
	}
}

// caWithIdentifier makes one of several CAs of the same name.
func caWithIdentifier(t *testing.T, id byte) *identity {
	t.Helper()
	ca := newIdentity(t, "CA", nil)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(id)), Subject: pkix.Name{CommonName: "CA"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, SubjectKeyId: []byte{id, id, id, id},
	}
	var err error
	if ca.cert, err = x509.CreateCertificate(rand.Reader, template, template, ca.signer.Public(), ca.signer); err != nil {
		t.Fatal(err)
	}
	return ca
}

func parse(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChain_endsWhereNamesGoInCircles(t *testing.T) {
	t.Parallel()
	// Two cross-signed CAs issue each other.
	a := newIdentity(t, "A", nil)
	b := newIdentity(t, "B", a)
	leaf := newIdentity(t, "leaf", b)
	template, issuer := parse(t, a.cert), parse(t, b.cert)
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, a.signer.Public(), b.signer)
	if err != nil {
		t.Fatal(err)
	}
	crossed := &identity{cert: der}
	c := reopen(t, newStore(t, crossed.trusted("a"), b.trusted("b"), leaf.personal("leaf")))
	if n := len(entry(t, c, "leaf").Certificates); n != 3 {
		t.Errorf("the chain has %d certificates, want leaf, B and A", n)
	}
}

func TestNumbers_areWrittenIntoSlotAndRecord(t *testing.T) {
	t.Parallel()
	a, b := newIdentity(t, "a", nil), newIdentity(t, "b", nil)
	data := encode(t, newStore(t, a.trusted("a"), b.trusted("b")), secret).Main
	if n := binary.BigEndian.Uint32(data[0x14:]); n != 2 {
		t.Errorf("%d records", n)
	}
	for i := range 2 {
		slot := data[headerSize+i*slotSize:]
		if typ, number := binary.BigEndian.Uint32(slot), binary.BigEndian.Uint32(slot[4:]); typ != 1 || number != uint32(i+1) {
			t.Errorf("slot %d has type %d and number %d", i+1, typ, number)
		}
		if !bytes.HasPrefix(slot[16:], []byte{2, 1, byte(i + 1)}) {
			t.Errorf("record %d begins with %x", i+1, slot[12:20])
		}
	}
}
