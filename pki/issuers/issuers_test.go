package issuers_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"slices"
	"testing"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/name"
)

// now is when the tests take place; certificates are valid for a year around it unless a test changes that.
var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// entity is a name with a key.
type entity struct {
	subject []byte
	signer  crypto.Signer
	ski     []byte
}

func dn(t testing.TB, text string) []byte {
	t.Helper()
	n, err := name.ParseString(text)
	if err != nil {
		t.Fatal(err)
	}
	return n.DER()
}

// newEntity makes a key for a name. The identifier is the key identifier in what it issues and in its own certificates; "" for none.
func newEntity(t testing.TB, subject, identifier string) *entity {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &entity{dn(t, subject), signer, []byte(identifier)}
}

// certify makes a certificate of e, signed by another entity or itself; changes come last.
func (e *entity) certify(t testing.TB, by *entity, serial int64, changes ...func(*x509.Certificate)) *cert.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), RawSubject: e.subject, SubjectKeyId: e.ski, AuthorityKeyId: by.ski,
		NotBefore: now.AddDate(0, -6, 0), NotAfter: now.AddDate(0, 6, 0),
	}
	parent := &x509.Certificate{RawSubject: by.subject, SubjectKeyId: by.ski}
	for _, change := range changes {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, e.signer.Public(), by.signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cert.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func validIn(from, to int) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.AddDate(0, 0, from), now.AddDate(0, 0, to) }
}

func TestSelfIssued_andSelfSigned(t *testing.T) {
	t.Parallel()
	root, newKey, other := newEntity(t, "CN=Root", "one"), newEntity(t, "CN=Root", "two"), newEntity(t, "CN=Other", "three")
	plain, again, alike := newEntity(t, "CN=Root", ""), newEntity(t, "CN=Root", ""), newEntity(t, "CN=Root", "one")
	spelled := &entity{dn(t, "CN=ROOT "), root.signer, root.ski}
	for _, test := range []struct {
		rule           string
		c              *cert.Certificate
		issued, signed bool
	}{
		{"a root", root.certify(t, root, 1), true, true},
		{"RFC 5280, 7.1: a name in another spelling", root.certify(t, spelled, 1), true, true},
		{"RFC 5280, 3.2: a new key certified with the old one", newKey.certify(t, root, 1), true, false},
		{"without key identifiers", plain.certify(t, plain, 1), true, true},
		{"RFC 5280, 3.2: a new key certified with the old one, without key identifiers", plain.certify(t, again, 1), true, false},
		{"the signature counts for more than the identifiers", alike.certify(t, root, 1), true, false},
		{"another name", other.certify(t, root, 1), false, false},
	} {
		if issued, signed := issuers.SelfIssued(test.c), issuers.SelfSigned(test.c); issued != test.issued || signed != test.signed {
			t.Errorf("%s: self-issued %v, self-signed %v", test.rule, issued, signed)
		}
	}
}

func TestMayHaveIssued(t *testing.T) {
	t.Parallel()
	ca, leaf := newEntity(t, "CN=Test Root", "one"), newEntity(t, "CN=leaf", "two")
	own := ca.certify(t, ca, 1)
	for _, test := range []struct {
		rule string
		by   *entity
		want bool
		ids  int
	}{
		{"the same", ca, true, 1},
		{"RFC 5280, 7.1: case and spaces do not count", &entity{dn(t, "CN=TEST  root"), ca.signer, ca.ski}, true, 1},
		{"another key identifier", &entity{ca.subject, ca.signer, []byte("x")}, false, -1},
		{"no key identifier", &entity{ca.subject, ca.signer, nil}, true, 0},
		{"another name", &entity{dn(t, "CN=Root"), ca.signer, ca.ski}, false, 1},
	} {
		c := leaf.certify(t, test.by, 2)
		if got, ids := issuers.MayHaveIssued(own, c), issuers.KeyIDs(c, own); got != test.want || ids != test.ids {
			t.Errorf("%s: %v, identifiers %d", test.rule, got, ids)
		}
	}
}

func TestWithoutRoot(t *testing.T) {
	t.Parallel()
	root, sub, newKey := newEntity(t, "CN=Root", "one"), newEntity(t, "CN=Sub", "two"), newEntity(t, "CN=Root", "three")
	r, s, link := root.certify(t, root, 1).Raw, sub.certify(t, root, 2).Raw, newKey.certify(t, root, 3).Raw
	for _, test := range []struct {
		rule        string
		chain, want [][]byte
	}{
		{"nothing", nil, nil},
		{"ends with the root", [][]byte{s, r}, [][]byte{s}},
		{"ends before it", [][]byte{s}, [][]byte{s}},
		{"the root alone", [][]byte{r}, [][]byte{}},
		{"a self-issued certificate is not a root", [][]byte{s, link}, [][]byte{s, link}},
		{"what cannot be read stays", [][]byte{s, []byte("odd")}, [][]byte{s, []byte("odd")}},
	} {
		if got := issuers.WithoutRoot(test.chain); !slices.EqualFunc(got, test.want, slices.Equal[[]byte]) {
			t.Errorf("%s: %d certificates", test.rule, len(got))
		}
	}
}
