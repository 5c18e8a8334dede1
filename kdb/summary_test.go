package kdb_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
)

var (
	notBefore = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	notAfter  = time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
)

// newPair makes a key with a certificate and a request for the same name and alternative names.
func newPair(t *testing.T) (certificate, request []byte, private ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	subject := pkix.Name{CommonName: "Web Server 1", Organization: []string{"Example, Inc."}}
	names, mails := []string{"example.com", "*.example.com"}, []string{"admin@example.com"}
	addresses, uris := []net.IP{net.IPv4(192, 0, 2, 7)}, []*url.URL{{Scheme: "https", Host: "example.com"}}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xabc), Subject: subject, NotBefore: notBefore, NotAfter: notAfter,
		DNSNames: names, EmailAddresses: mails, IPAddresses: addresses, URIs: uris, IsCA: true, BasicConstraintsValid: true,
	}
	if certificate, err = x509.CreateCertificate(nil, template, template, public, private); err != nil {
		t.Fatal(err)
	}
	request, err = x509.CreateCertificateRequest(nil, &x509.CertificateRequest{
		Subject: subject, DNSNames: names, EmailAddresses: mails, IPAddresses: addresses, URIs: uris,
	}, private)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, request, private
}

func TestSummarize_certificate(t *testing.T) {
	t.Parallel()
	certificate, _, _ := newPair(t)
	added := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	got, err := kdb.Summarize(&kdb.Entry{
		Label: "web", Kind: kdb.KindPersonal, Trusted: true, Default: true, Certificates: [][]byte{certificate, {1}}, Added: added,
	})
	want := kdb.Summary{
		Label: "web", Kind: kdb.KindPersonal, Trusted: true, Default: true, SHA256: sha256.Sum256(certificate),
		Subject: `CN=Web Server 1,O=Example\, Inc.`, Issuer: `CN=Web Server 1,O=Example\, Inc.`, Serial: "0abc",
		NotBefore: notBefore, NotAfter: notAfter, KeyType: "ed25519", CA: true,
		DNSNames: []string{"example.com", "*.example.com"}, IPAddresses: []string{"192.0.2.7"},
		Emails: []string{"admin@example.com"}, URIs: []string{"https://example.com"}, ChainLength: 2, Added: added,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
}

func TestSummarize_request(t *testing.T) {
	t.Parallel()
	_, request, _ := newPair(t)
	got, err := kdb.Summarize(&kdb.Entry{Label: "web", Kind: kdb.KindRequest, Request: request})
	want := kdb.Summary{
		Label: "web", Kind: kdb.KindRequest, SHA256: sha256.Sum256(request), Subject: `CN=Web Server 1,O=Example\, Inc.`, KeyType: "ed25519",
		DNSNames: []string{"example.com", "*.example.com"}, IPAddresses: []string{"192.0.2.7"},
		Emails: []string{"admin@example.com"}, URIs: []string{"https://example.com"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
}

func TestSummarize_secretKey(t *testing.T) {
	t.Parallel()
	got, err := kdb.Summarize(&kdb.Entry{Label: "s", Kind: kdb.KindSecretKey, Key: []byte("key"), KeyAlgorithm: "AES"})
	want := kdb.Summary{Label: "s", Kind: kdb.KindSecretKey, SHA256: sha256.Sum256([]byte("s")), KeyType: "AES"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
}

// TestSummarize_unreadable: what is known without the content is there all the same.
func TestSummarize_unreadable(t *testing.T) {
	t.Parallel()
	for _, e := range []kdb.Entry{
		{Label: "odd", Kind: kdb.KindTrusted, Certificates: [][]byte{{0x30, 0}}},
		{Label: "odd", Kind: kdb.KindRequest, Request: []byte{0x30, 0}},
	} {
		got, err := kdb.Summarize(&e)
		if err == nil || got.Label != "odd" || got.Kind != e.Kind || got.SHA256 != e.Fingerprint() {
			t.Errorf("%s: %+v, %v", e.Kind, got, err)
		}
	}
}

func TestAutoLabel(t *testing.T) {
	t.Parallel()
	certificate, request, _ := newPair(t)
	for _, e := range []kdb.Entry{{Certificates: [][]byte{certificate}}, {Request: request}} {
		if label := kdb.AutoLabel(&e); !strings.HasPrefix(label, "web-server-1-") || label != kdb.AutoLabel(&e) {
			t.Errorf("%q", label)
		}
	}
}

// withoutPoint is an EC key of brainpoolP256r1 without its public key, which nothing here can compute.
func withoutPoint(t *testing.T) []byte {
	t.Helper()
	inner, err := asn1.Marshal(struct {
		Version int
		Secret  []byte
	}{1, bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	type algorithm struct{ ID, Curve asn1.ObjectIdentifier }
	der, err := asn1.Marshal(struct {
		Version   int
		Algorithm algorithm
		Key       []byte
	}{0, algorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, asn1.ObjectIdentifier{1, 3, 36, 3, 3, 2, 8, 1, 1, 7}}, inner})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestCheckKey(t *testing.T) {
	t.Parallel()
	certificate, request, private := newPair(t)
	other, _ := newKey(t)
	own, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule string
		e    kdb.Entry
		want string // of the error
	}{
		{"the certificate's", kdb.Entry{Certificates: [][]byte{certificate}, Key: own}, ""},
		{"not the certificate's", kdb.Entry{Certificates: [][]byte{certificate}, Key: other}, "does not belong to its certificate"},
		{"the first certificate counts", kdb.Entry{Certificates: [][]byte{{1}, certificate}, Key: other}, ""},
		{"the request's", kdb.Entry{Request: request, Key: own}, ""},
		{"not the request's", kdb.Entry{Request: request, Key: other}, "does not belong to its request"},
		{"unreadable", kdb.Entry{Certificates: [][]byte{certificate}, Key: []byte("key")}, "private key of label"},
		{"its public key is not known", kdb.Entry{Certificates: [][]byte{certificate}, Key: withoutPoint(t)}, ""},
	} {
		err := c.e.CheckKey()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.rule, err, c.want)
		}
	}
}
