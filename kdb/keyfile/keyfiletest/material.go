package keyfiletest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// material is DER to fill containers with: a chain of three, a lonely pair with RSA, and a request.
type material struct {
	root, sub, leaf, other            []byte
	leafKey, otherKey                 []byte
	request, requestKey               []byte
	rootSigner, subSigner, leafSigner crypto.Signer
	rootCert                          *x509.Certificate
}

func newMaterial(t testing.TB) *material {
	t.Helper()
	m := &material{}
	m.rootSigner, m.subSigner, m.leafSigner = ecKey(t), ecKey(t), ecKey(t)
	root := template("keyfiletest root", 1, true)
	m.root = certificate(t, root, root, m.rootSigner.Public(), m.rootSigner)
	m.rootCert = root
	sub := template("keyfiletest sub", 2, true)
	m.sub = certificate(t, sub, root, m.subSigner.Public(), m.rootSigner)
	m.leaf = certificate(t, template("server.example", 3, false), sub, m.leafSigner.Public(), m.subSigner)
	m.leafKey = pkcs8(t, m.leafSigner)

	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	lonely := template("lonely.example", 4, false)
	m.other, m.otherKey = certificate(t, lonely, lonely, rsaKey.Public(), rsaKey), pkcs8(t, rsaKey)

	requestKey := ecKey(t)
	m.requestKey = pkcs8(t, requestKey)
	if m.request, err = x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: "pending.example"}}, requestKey); err != nil {
		t.Fatal(err)
	}
	return m
}

func ecKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func template(cn string, serial int64, ca bool) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: cn, Organization: []string{"Example"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: ca, BasicConstraintsValid: true,
	}
	if ca {
		c.SubjectKeyId = []byte(cn)
	}
	return c
}

func certificate(t testing.TB, c, issuer *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// forged makes a self-signed certificate with the name and the key identifier of the intermediate, and another key.
func (m *material) forged(t testing.TB) []byte {
	t.Helper()
	sub, err := x509.ParseCertificate(m.sub)
	if err != nil {
		t.Fatal(err)
	}
	c, signer := template(sub.Subject.CommonName, 99, true), ecKey(t)
	return certificate(t, c, c, signer.Public(), signer)
}

// trusted makes a further certificate that the root signed; the serial number makes it differ.
func (m *material) trusted(t testing.TB, cn string, serial int64) []byte {
	t.Helper()
	return certificate(t, template(cn, serial, false), m.rootCert, m.subSigner.Public(), m.rootSigner)
}
