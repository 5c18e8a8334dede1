package oid_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"testing"
	"time"

	"certkdb/pki/oid"
)

// certificate has crypto/x509 make a certificate of a template and read it.
func certificate(t *testing.T, template *x509.Certificate, signer crypto.Signer) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(1)
	template.NotAfter = time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Signatures that Go makes are named by the constants of their algorithms.
func TestConstants_signaturesAsGo(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecKey := newECKey(t)
	for _, test := range []struct {
		algorithm x509.SignatureAlgorithm
		signer    crypto.Signer
		want      string
	}{
		{x509.SHA256WithRSA, rsaKey, oid.RSAWithSHA256},
		{x509.SHA384WithRSA, rsaKey, oid.RSAWithSHA384},
		{x509.SHA512WithRSA, rsaKey, oid.RSAWithSHA512},
		{x509.SHA256WithRSAPSS, rsaKey, oid.RSAPSS},
		{x509.ECDSAWithSHA256, ecKey, oid.ECDSAWithSHA256},
		{x509.ECDSAWithSHA384, ecKey, oid.ECDSAWithSHA384},
		{x509.ECDSAWithSHA512, ecKey, oid.ECDSAWithSHA512},
		{x509.PureEd25519, edKey, oid.Ed25519},
	} {
		c := certificate(t, &x509.Certificate{SignatureAlgorithm: test.algorithm}, test.signer)
		var outer struct {
			Signed, Algorithm asn1.RawValue
			Signature         asn1.BitString
		}
		if _, err := asn1.Unmarshal(c.Raw, &outer); err != nil {
			t.Fatal(err)
		}
		if a, err := oid.ParseAlgorithm(outer.Algorithm.FullBytes); err != nil || a.OID != test.want {
			t.Errorf("%s: %+v, %v; want %s", test.algorithm, a, err, test.want)
		}
	}
}

// Names that Go writes have the attribute types of the constants.
func TestConstants_attributesAsGo(t *testing.T) {
	t.Parallel()
	one := []string{"x"}
	name := pkix.Name{
		Country: one, Organization: one, OrganizationalUnit: one, Locality: one, Province: one, StreetAddress: one, PostalCode: one,
		SerialNumber: "x", CommonName: "x",
	}
	written := map[string]bool{}
	for _, set := range name.ToRDNSequence() {
		for _, attribute := range set {
			written[attribute.Type.String()] = true
		}
	}
	want := []string{
		oid.CountryName, oid.OrganizationName, oid.OrganizationalUnitName, oid.LocalityName, oid.StateOrProvinceName, oid.StreetAddress,
		oid.PostalCode, oid.SerialNumber, oid.CommonName,
	}
	for _, dotted := range want {
		if !written[dotted] {
			t.Errorf("Go does not write %s (%s)", dotted, oid.Name(dotted))
		}
	}
	if len(written) != len(want) {
		t.Errorf("Go writes %d types, want %d", len(written), len(want))
	}
}

// Extensions that Go writes have the identifiers of the constants.
func TestConstants_extensionsAsGo(t *testing.T) {
	t.Parallel()
	anyPolicy, err := x509.ParseOID(oid.AnyPolicy)
	if err != nil {
		t.Fatal(err)
	}
	parent := &url.URL{Scheme: "http", Host: "ca.example"}
	c := certificate(t, &x509.Certificate{
		KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true,
		SubjectKeyId: []byte{1}, AuthorityKeyId: []byte{2}, OCSPServer: []string{parent.String()}, URIs: []*url.URL{parent},
		PermittedDNSDomains: []string{"example"}, CRLDistributionPoints: []string{parent.String()}, Policies: []x509.OID{anyPolicy},
	}, newECKey(t))
	written := map[string]bool{}
	for _, e := range c.Extensions {
		written[e.Id.String()] = true
	}
	for _, dotted := range []string{
		oid.KeyUsage, oid.ExtKeyUsage, oid.BasicConstraints, oid.SubjectKeyIdentifier, oid.AuthorityInfoAccess, oid.SubjectAltName,
		oid.NameConstraints, oid.CRLDistributionPoints, oid.CertificatePolicies,
	} {
		if !written[dotted] {
			t.Errorf("Go does not write %s (%s)", dotted, oid.Name(dotted))
		}
		delete(written, dotted)
	}
	delete(written, oid.AuthorityKeyIdentifier) // of a self-signed certificate it may be left out
	if len(written) > 0 {
		t.Errorf("Go writes %v too", written)
	}
}
