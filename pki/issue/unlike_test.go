package issue_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
)

// unlikeCases change one thing in a request for CN=www.example.com; each must be found in what was made without the change.
func unlikeCases(t *testing.T) map[string]struct {
	change func(*issue.Request)
	want   string
} {
	t.Helper()
	return map[string]struct {
		change func(*issue.Request)
		want   string
	}{
		"nothing": {func(*issue.Request) {}, ""},
		"other dates": {func(r *issue.Request) {
			r.NotBefore, r.NotAfter = time.Now().AddDate(0, 0, -9), time.Now().AddDate(0, 0, 9)
		}, ""},
		"another number of days": {func(r *issue.Request) { r.Days = 7 }, ""},
		"another type of key":    {func(r *issue.Request) { r.KeyType = "p384" }, "its key is p256"},
		"another subject": {
			func(r *issue.Request) { r.Subject = issuetest.Name(t, "CN=www.example.com,O=Example") },
			"its subject is CN=www.example.com",
		},
		"another name":  {func(r *issue.Request) { r.SANs = sans(t, "other.example.com") }, "its subjectAltName differs"},
		"a CA":          {func(r *issue.Request) { r.IsCA = true }, "its "},
		"another usage": {func(r *issue.Request) { r.KeyUsages = []string{"keyAgreement"} }, "its keyUsage differs"},
		"a further extension": {func(r *issue.Request) {
			r.Extensions = []cert.Extension{{ID: cert.IDTLSFeature, Value: []byte{0x30, 3, 2, 1, 5}}}
		}, "it has no tlsFeature"},
		"a policy":      {func(r *issue.Request) { r.Policies = []string{"1.2.3.4"} }, "it has no certificatePolicies"},
		"a CRL's place": {func(r *issue.Request) { r.CRLURLs = []string{"http://crl.example.com/"} }, "it has no cRLDistributionPoints"},
	}
}

func TestUnlike(t *testing.T) {
	t.Parallel()
	ca, root := issuetest.NewCA(t, issue.Request{})
	base := issue.Request{Subject: issuetest.Name(t, "CN=www.example.com"), SANs: sans(t, "www.example.com")}
	self, _, _ := selfSigned(t, base)
	below := issuetest.Issue(t, ca, base)
	for rule, c := range unlikeCases(t) {
		r := base
		c.change(&r)
		for by, der := range map[*issue.CA][]byte{nil: self.Certificate, ca: below.Certificate} {
			got, err := r.Unlike(der, by)
			if err != nil || (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
				t.Errorf("%s: %q, %v, want %q", rule, got, err, c.want)
			}
		}
	}
	for rule, c := range map[string]struct {
		der []byte
		by  *issue.CA
	}{
		"self-signed, wanted of a CA": {self.Certificate, ca}, "of a CA, wanted self-signed": {below.Certificate, nil},
		"of another CA": {below.Certificate, issuetest.AsCA(t, namesake(t))},
	} {
		if got, err := base.Unlike(c.der, c.by); err != nil || !strings.HasPrefix(got, "its issuer is ") {
			t.Errorf("%s: %q, %v", rule, got, err)
		}
	}
	if got, err := base.Unlike(root.Certificate, nil); err != nil || got == "" {
		t.Errorf("the root is like a server's certificate: %q, %v", got, err)
	}
	if _, err := base.Unlike([]byte("odd"), nil); !errors.Is(err, pki.ErrParse) {
		t.Error(err)
	}
}

// namesake is another CA of the same name as the one of newCA.
func namesake(t *testing.T) issue.Issued {
	t.Helper()
	_, issued := issuetest.NewCA(t, issue.Request{})
	return issued
}

// A remote CA decides about all but key type, subject and names.
func TestUnlikeNames(t *testing.T) {
	t.Parallel()
	ca, _ := issuetest.NewCA(t, issue.Request{})
	base := issue.Request{Subject: issuetest.Name(t, "CN=www.example.com"), SANs: sans(t, "www.example.com")}
	der := issuetest.Issue(t, ca, base).Certificate
	for rule, c := range map[string]struct {
		change func(*issue.Request)
		same   bool
	}{
		"nothing":       {func(*issue.Request) {}, true},
		"usages":        {func(r *issue.Request) { r.KeyUsages = []string{"keyAgreement"} }, true},
		"a CRL's place": {func(r *issue.Request) { r.CRLURLs = []string{"http://crl.example.com/"} }, true},
		"type of key":   {func(r *issue.Request) { r.KeyType = "ed25519" }, false},
		"subject":       {func(r *issue.Request) { r.Subject = issuetest.Name(t, "CN=other") }, false},
		"its case":      {func(r *issue.Request) { r.Subject = issuetest.Name(t, "CN=WWW.example.com") }, false},
		"names":         {func(r *issue.Request) { r.SANs = sans(t, "other.example.com") }, false},
	} {
		r := base
		c.change(&r)
		if got, err := r.UnlikeNames(der); err != nil || (got == "") != c.same {
			t.Errorf("%s: %q, %v", rule, got, err)
		}
	}
}

// TestUnlikeNames_otherStringTypes: CAs that copy a subject, such as those written in Go, may choose other string types for the same text.
func TestUnlikeNames_otherStringTypes(t *testing.T) {
	t.Parallel()
	base := issue.Request{Subject: issuetest.Name(t, "CN=www.example.com,O=Example"), SANs: sans(t, "www.example.com")}
	made := newRequest(t, base)
	asked, err := x509.ParseCertificateRequest(made.Request)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := made.Key.Signer()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: asked.Subject, DNSNames: asked.DNSNames}
	der, err := x509.CreateCertificate(rand.Reader, template, template, asked.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if c, _ := issuetest.Parse(t, der); bytes.Equal(c.RawSubject, asked.RawSubject) {
		t.Fatal("the subjects are the same to the byte")
	}
	if got, err := base.UnlikeNames(der); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestUnlikeRequest(t *testing.T) {
	const (
		otherName = "its subjectAltName differs: it has dns:www.example.com; asked for dns:other.example.com"
		noUsage   = "it has no keyUsage: asked for keyAgreement (critical)"
	)
	t.Parallel()
	base := issue.Request{Subject: issuetest.Name(t, "CN=www.example.com"), SANs: sans(t, "www.example.com")}
	plain := newRequest(t, base).Request
	for rule, c := range map[string]struct {
		change func(*issue.Request)
		want   string
	}{
		"nothing":              {func(*issue.Request) {}, ""},
		"days are the CA's":    {func(r *issue.Request) { r.Days = 7 }, ""},
		"another type of key":  {func(r *issue.Request) { r.KeyType = "p521" }, "its key is p256"},
		"another subject":      {func(r *issue.Request) { r.Subject = issuetest.Name(t, "CN=other") }, "its subject is CN=www.example.com"},
		"another name":         {func(r *issue.Request) { r.SANs = sans(t, "other.example.com") }, otherName},
		"usages are asked for": {func(r *issue.Request) { r.KeyUsages = []string{"keyAgreement"} }, noUsage},
	} {
		r := base
		c.change(&r)
		if got, err := r.UnlikeRequest(plain); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", rule, got, err, c.want)
		}
	}
	asksMore := base
	asksMore.KeyUsages = []string{"keyAgreement"}
	if got, err := base.UnlikeRequest(newRequest(t, asksMore).Request); err != nil || got != "it has keyUsage, which is not asked for" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := base.UnlikeRequest([]byte("odd")); !errors.Is(err, pki.ErrParse) {
		t.Error(err)
	}
}
