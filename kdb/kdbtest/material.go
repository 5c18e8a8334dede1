package kdbtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"certkdb/kdb"
)

// material is what entries are made of.
type material struct {
	root                         []byte
	webCert, shopCert, otherCert []byte
	again                        []byte // a second certificate for the key of webCert
	webKey, shopKey, otherKey    []byte
	request                      []byte // with webKey
}

func newMaterial(t *testing.T) material {
	t.Helper()
	var m material
	root, _ := newKey(t)
	m.root = selfSigned(t, "Root", 1, root)
	var web, shop, other crypto.Signer
	web, m.webKey = newKey(t)
	m.webCert, m.again = selfSigned(t, "web", 2, web), selfSigned(t, "web", 3, web)
	shop, m.shopKey = newKey(t)
	m.shopCert = selfSigned(t, "shop", 4, shop)
	other, m.otherKey = newKey(t)
	m.otherCert = selfSigned(t, "other", 5, other)
	var err error
	m.request, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "web"}}, web)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *material) web(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindPersonal, Certificates: [][]byte{m.webCert}, Key: m.webKey}
}

func (m *material) shop(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindPersonal, Certificates: [][]byte{m.shopCert}, Key: m.shopKey}
}

func (m *material) other(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindPersonal, Certificates: [][]byte{m.otherCert}, Key: m.otherKey}
}

func (m *material) trusted(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{m.root}}
}

func newKey(t *testing.T) (crypto.Signer, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

func selfSigned(t *testing.T, name string, serial int64, key crypto.Signer) []byte {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, IsCA: name == "Root", BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
