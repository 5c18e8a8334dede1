package cert_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/pki/cert"
	"certkdb/scripts/conformancedata"
)

var when = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// makeCertificate signs a template with a fresh P-256 key.
func makeCertificate(t testing.TB, template *x509.Certificate) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber == nil {
		template.SerialNumber = big.NewInt(0x1234)
	}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = when, when.AddDate(30, 0, 0)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func fullTemplate() *x509.Certificate {
	uri, _ := url.Parse("https://example.com/x")
	return &x509.Certificate{
		Subject:  pkix.Name{CommonName: "example.com", Organization: []string{"Example"}},
		DNSNames: []string{"example.com", "*.example.com"}, EmailAddresses: []string{"a@example.com"},
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")}, URIs: []*url.URL{uri},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: 2, SubjectKeyId: []byte{1, 2, 3},
		PermittedDNSDomains: []string{"example.com"}, PermittedDNSDomainsCritical: true,
		ExcludedIPRanges:      []*net.IPNet{{IP: net.IP{10, 0, 0, 0}, Mask: net.IPMask{255, 0, 0, 0}}},
		CRLDistributionPoints: []string{"http://example.com/crl"}, OCSPServer: []string{"http://example.com/ocsp"},
		Policies: []x509.OID{mustOID("2.23.140.1.2.1")},
	}
}

func mustOID(s string) x509.OID {
	id, err := x509.ParseOID(s)
	if err != nil {
		panic(err)
	}
	return id
}

func TestParse_fields(t *testing.T) {
	t.Parallel()
	c, err := cert.Parse(makeCertificate(t, fullTemplate()))
	if err != nil {
		t.Fatal(err)
	}
	dns, ips, emails, uris := c.SAN.Strings()
	got := fmt.Sprintln(c.Subject, c.Version, c.SerialHex(), c.KeyType, c.IsCA, c.MaxPathLen, c.KeyUsage, c.ExtKeyUsage,
		c.SKI, c.NotBefore, c.NotAfter, c.SignatureAlgorithm.Name, dns, ips, emails, uris, c.Warning())
	want := fmt.Sprintln("CN=example.com,O=Example", 3, "1234", "p256", true, 2, "digitalSignature, keyCertSign", "[1.3.6.1.5.5.7.3.1]",
		[]byte{1, 2, 3}, when, when.AddDate(30, 0, 0), "ecdsa-with-SHA256", "[example.com *.example.com]", "[192.0.2.1 2001:db8::1]",
		"[a@example.com]", "[https://example.com/x]", "")
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	c, err := cert.Parse(makeCertificate(t, fullTemplate()))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"keyUsage! digitalSignature, keyCertSign",
		"extKeyUsage serverAuth",
		"basicConstraints! CA, at most 2 further CAs",
		"subjectKeyIdentifier 010203",
		"authorityInfoAccess OCSP uri:http://example.com/ocsp",
		"subjectAltName dns:example.com, dns:*.example.com, email:a@example.com, ip:192.0.2.1, ip:2001:db8::1, uri:https://example.com/x",
		"certificatePolicies 2.23.140.1.2.1 (domain validated)",
		"nameConstraints! permitted dns:example.com, excluded ip:10.0.0.0/8",
		"cRLDistributionPoints uri:http://example.com/crl",
	}
	var got []string
	for _, line := range c.Describe() {
		mark := ""
		if line.Critical {
			mark = "!"
		}
		got = append(got, line.Name+mark+" "+line.Value)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func extension(id string, critical bool, value string) cert.Extension {
	return cert.Extension{ID: id, Critical: critical, Value: []byte(value)}
}

func TestDescribeExtensions_rare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		e    cert.Extension
		want string
	}{
		{
			extension(cert.IDPolicyConstraints, true, "\x30\x06\x80\x01\x00\x81\x01\x02"),
			"explicit policy after 0 certificates, no mapping after 2 certificates",
		},
		{extension(cert.IDInhibitAnyPolicy, true, "\x02\x01\x03"), "after 3 certificates"},
		{extension(cert.IDPolicyMappings, true, "\x30\x0a\x30\x08\x06\x02\x2a\x03\x06\x02\x2a\x04"), "1.2.3 = 1.2.4"},
		{extension(cert.IDTLSFeature, false, "\x30\x06\x02\x01\x05\x02\x01\x11"), "status_request, 17"},
		{extension(cert.IDSCTList, false, "\x04\x09\x00\x07\x00\x01a\x00\x02bc"), "2 timestamps"},
		{extension(cert.IDCTPoison, true, "\x05\x00"), "precertificate"},
		{extension(cert.IDCRLNumber, false, "\x02\x02\x01\x00"), "256"},
		{extension("1.2.3.4", false, "\x05\x00"), "#0500"},
		{extension(cert.IDKeyUsage, false, "\x05\x00"), "#0500 (it is not a BIT STRING)"},
		{extension(cert.IDBasicConstraints, true, "\x30\x00"), "no CA"},
		{extension(cert.IDAuthorityKeyID, false, "\x30\x07\x80\x02\xab\xcd\x82\x01\x05"), "abcd, serial 05"},
		{
			extension(cert.IDCRLDistributionPoints, false, "\x30\x13\x30\x11\xa0\x0b\xa1\x09\x30\x07\x06\x03\x55\x04\x03\x0c\x00\x81\x02\x01\x06"),
			"relative CN= reasons 0x060",
		},
		{
			extension(cert.IDSubjectAltName, false,
				"\x30\x0b\x82\x03a\x1b\xffb\x88\x01\x2a\x87\x01\x01"[:2]+"\x82\x03a\x1b\xff\x88\x01\x2a\x87\x01\x01"),
			`dns:a\x1b\xff, rid:1.2, ip:#01`,
		},
	}
	for _, test := range tests {
		lines := cert.DescribeExtensions([]cert.Extension{test.e})
		if lines[0].Value != test.want {
			t.Errorf("%s: %q, want %q", lines[0].Name, lines[0].Value, test.want)
		}
	}
}

// TestParse_agreesWithGo compares every field with crypto/x509 for the certificates that it reads.
func TestParse_agreesWithGo(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, r := range conformancedata.Files(t, "cert", "root-cert") {
		for _, der := range certificatesIn(r.Data) {
			want, err := x509.ParseCertificate(der)
			if err != nil {
				continue
			}
			c, err := cert.Parse(der)
			if err != nil {
				t.Errorf("%s: only crypto/x509 reads it: %v", r.Path, err)
				continue
			}
			compared++
			if len(c.Malformed()) == 0 {
				compareWithGo(t, r.Path, c, want)
			}
		}
	}
	if compared < 500 {
		t.Errorf("only %d certificates compared", compared)
	}
}

func compareWithGo(t *testing.T, path string, c *cert.Certificate, want *x509.Certificate) {
	t.Helper()
	dns, ips, emails, uris := c.SAN.Strings()
	var wantIPs, wantURIs []string
	for _, ip := range want.IPAddresses {
		wantIPs = append(wantIPs, ip.String())
	}
	for _, u := range want.URIs {
		wantURIs = append(wantURIs, u.String())
	}
	for i := range uris { // net/url changes some spellings
		if u, err := url.Parse(uris[i]); err == nil {
			uris[i] = u.String()
		}
	}
	if want.Subject.CommonName == "" {
		want.Subject.CommonName = c.Subject.CommonName() // crypto/x509 knows no UniversalString
	}
	maxPathLen := want.MaxPathLen
	if !want.BasicConstraintsValid {
		maxPathLen = -1
	}
	got := fmt.Sprintln(c.Version, c.Serial, c.NotBefore, c.NotAfter, c.IsCA, c.MaxPathLen, int(c.KeyUsage), len(c.ExtKeyUsage),
		c.SKI, c.AKI, dns, ips, emails, uris, c.Subject.CommonName(), len(c.Extensions))
	expected := fmt.Sprintln(want.Version, want.SerialNumber, want.NotBefore, want.NotAfter, want.IsCA, maxPathLen, int(want.KeyUsage),
		len(want.ExtKeyUsage)+len(want.UnknownExtKeyUsage), want.SubjectKeyId, want.AuthorityKeyId, want.DNSNames, wantIPs,
		want.EmailAddresses, wantURIs, want.Subject.CommonName, len(want.Extensions))
	if got != expected && want.Version == 3 {
		t.Errorf("%s:\ngot  %s\nwant %s", path, got, expected)
	}
	if !bytes.Equal(c.RawTBS, want.RawTBSCertificate) || !bytes.Equal(c.RawSPKI, want.RawSubjectPublicKeyInfo) ||
		!bytes.Equal(c.RawIssuer, want.RawIssuer) || !bytes.Equal(c.Signature, want.Signature) {
		t.Errorf("%s: the raw parts differ", path)
	}
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()
	good := makeCertificate(t, fullTemplate())
	if _, err := cert.Parse(append(slices.Clone(good), 0)); err == nil || !strings.Contains(err.Error(), "1 bytes follow") {
		t.Errorf("trailing byte: %v", err)
	}
	for length := range good {
		if _, err := cert.Parse(good[:length]); err == nil {
			t.Fatalf("cut to %d bytes: read", length)
		}
	}
	twice := fullTemplate()
	twice.ExtraExtensions = []pkix.Extension{
		{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}},
		{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}},
	}
	if _, err := cert.Parse(makeCertificate(t, twice)); err == nil || !strings.Contains(err.Error(), "1.2.3) occurs twice") {
		t.Errorf("duplicate extension: %v", err)
	}
}

func TestWarning(t *testing.T) {
	t.Parallel()
	der := makeCertificate(t, &x509.Certificate{SerialNumber: big.NewInt(1), ExtraExtensions: []pkix.Extension{
		{Id: asn1.ObjectIdentifier{2, 5, 29, 14}, Critical: true, Value: []byte{4, 1, 1}},
		{Id: asn1.ObjectIdentifier{2, 5, 29, 32}, Value: []byte{0x30, 0x0c, 0x30, 4, 6, 2, 0x2a, 3, 0x30, 4, 6, 2, 0x2a, 3}},
		{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Value: []byte{5, 0}},
	}})
	c, err := cert.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	want := "the extension keyUsage cannot be decoded: it is not a BIT STRING; the extension subjectKeyIdentifier is marked critical; " +
		"the extension certificatePolicies: reading certificate policies: 1.2.3 occurs twice"
	if got := c.Warning(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestParseRequest(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "a"}, DNSNames: []string{"a.example"},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: []byte{3, 2, 7, 0x80}}},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	r, err := cert.ParseRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(r.Subject, r.Version, r.KeyType, r.SAN, r.KeyUsage, len(r.Extensions), r.SignatureAlgorithm.Name, r.ChallengePassword)
	if want := "CN=a 1 p384 dns:a.example digitalSignature 2 ecdsa-with-SHA384 false\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for length := range der {
		if _, err := cert.ParseRequest(der[:length]); err == nil {
			t.Fatalf("cut to %d bytes: read", length)
		}
	}
}

func TestParseRequest_conformance(t *testing.T) {
	t.Parallel()
	for _, r := range conformancedata.Files(t, "csr") {
		data := r.Data
		if block, _ := pem.Decode(data); block != nil {
			data = block.Bytes
		}
		if _, err := cert.ParseRequest(data); err != nil && r.Expected == "parse" {
			t.Errorf("%s: %v", r.Path, err)
		}
	}
}

func TestParseCRL_conformance(t *testing.T) {
	t.Parallel()
	for _, r := range conformancedata.Files(t, "crl") {
		data := r.Data
		if block, _ := pem.Decode(data); block != nil {
			data = block.Bytes
		}
		c, err := cert.ParseCRL(data)
		if r.Expected == "parse" && err != nil || r.Expected == "refuse" && err == nil {
			t.Errorf("%s (%s): %v", r.Path, r.Expected, err)
		}
		if want, goErr := x509.ParseRevocationList(data); goErr == nil && err == nil {
			if len(want.RevokedCertificateEntries) != len(c.Revoked) || !want.ThisUpdate.Equal(c.ThisUpdate) ||
				!bytes.Equal(want.AuthorityKeyId, c.AKI) {
				t.Errorf("%s: differs from crypto/x509", r.Path)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(makeCertificate(f, fullTemplate()))
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := cert.Parse(der)
		if err != nil {
			return
		}
		_, _ = c.Describe(), c.SerialHex()
		c.SAN.Strings()
		warning := c.Warning()
		if _, err := x509.ParseCertificate(der); err != nil && warning == "" && !strings.Contains(err.Error(), "not on curve") {
			t.Fatalf("crypto/x509 says %v, Warning says nothing", err)
		}
	})
}

func FuzzParseCRL(f *testing.F) {
	f.Add(makeCRL(f))
	f.Fuzz(func(_ *testing.T, der []byte) {
		if c, err := cert.ParseCRL(der); err == nil {
			cert.DescribeExtensions(c.Extensions)
		}
	})
}

func makeCRL(t testing.TB) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, KeyUsage: x509.KeyUsageCRLSign, SubjectKeyId: []byte{1}}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(7), ThisUpdate: when, NextUpdate: when.AddDate(0, 1, 0),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(5), RevocationTime: when, ReasonCode: 1}},
	}, issuer, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestParseCRL(t *testing.T) {
	t.Parallel()
	der := makeCRL(t)
	c, err := cert.ParseCRL(der)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(c.Version, c.Issuer, c.ThisUpdate, c.NextUpdate, c.Number, c.AKI, c.Revoked[0].Serial, c.Revoked[0].Reason,
		c.Revoked[0].Date)
	if want := fmt.Sprintln(2, "CN=ca", when, when.AddDate(0, 1, 0), 7, []byte{1}, 5, "keyCompromise", when); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for length := range der {
		if _, err := cert.ParseCRL(der[:length]); err == nil {
			t.Fatalf("cut to %d bytes: read", length)
		}
	}
}

func FuzzExtensions(f *testing.F) {
	f.Add([]byte("\x30\x06\x80\x01\x00\x81\x01\x02"))
	f.Add([]byte("\x30\x13\x30\x11\xa0\x0b\xa1\x09\x30\x07\x06\x03\x55\x04\x03\x0c\x00\x81\x02\x01\x06"))
	c, err := cert.Parse(makeCertificate(f, fullTemplate()))
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range c.Extensions {
		f.Add(e.Value)
	}
	f.Fuzz(func(_ *testing.T, value []byte) {
		for _, id := range []string{
			cert.IDNameConstraints, cert.IDCertificatePolicies, cert.IDPolicyMappings, cert.IDPolicyConstraints, cert.IDInhibitAnyPolicy,
			cert.IDCRLDistributionPoints, cert.IDAuthorityInfoAccess, cert.IDAuthorityKeyID, cert.IDSubjectAltName, cert.IDSCTList,
			cert.IDTLSFeature,
		} {
			cert.DescribeExtensions([]cert.Extension{{ID: id, Value: value}})
		}
		_, _ = cert.ParseIssuingDistributionPoint(value)
	})
}
