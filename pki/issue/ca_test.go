package issue_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
	"certkdb/pki/key"
)

func constraints(t testing.TB, texts ...string) []cert.GeneralName {
	t.Helper()
	var out []cert.GeneralName
	for _, text := range texts {
		n, err := issue.ParseConstraint(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

func pool(ders ...[]byte) *x509.CertPool {
	p := x509.NewCertPool()
	for _, der := range ders {
		if c, err := x509.ParseCertificate(der); err == nil {
			p.AddCert(c)
		}
	}
	return p
}

// threeGenerations are a root, an intermediate with name constraints and a path length, and a server.
func threeGenerations(t testing.TB, keyType string) (root, intermediate, leaf issue.Issued) {
	t.Helper()
	zero := 0
	ca, root := issuetest.NewCA(t, issue.Request{KeyType: keyType})
	intermediate = issuetest.Issue(t, ca, issue.Request{
		Subject: issuetest.Name(t, "CN=Issuing,O=Example,C=DE"), IsCA: true, MaxPathLen: &zero, Key: testKey(t, keyType),
		Permitted: constraints(t, "dns:example.com", "ip:127.0.0.0/8", "directory:O=Example,C=DE"),
		Excluded:  constraints(t, "dns:secret.example.com"),
	})
	leaf = issuetest.Issue(t, issuetest.AsCA(t, intermediate), issue.Request{
		Subject: issuetest.Name(t, "CN=tls.example.com,O=Example,C=DE"), KeyType: keyType, SANs: sans(t, "tls.example.com", "127.0.0.1"),
		Days:    90,
		CRLURLs: []string{"http://crl.example.com/i.crl"}, OCSPURLs: []string{"http://ocsp.example.com"},
		IssuerURLs: []string{"http://example.com/i.der"},
	})
	return root, intermediate, leaf
}

func TestIssue_threeGenerationsAreAcceptedByOthers(t *testing.T) {
	t.Parallel()
	for _, keyType := range []string{"rsa2048", "p256", "ed25519"} {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			root, intermediate, leaf := threeGenerations(t, keyType)
			issuetest.WritePEM(t, dir, "root.pem", "CERTIFICATE", root.Certificate)
			issuetest.WritePEM(t, dir, "int.pem", "CERTIFICATE", intermediate.Certificate)
			issuetest.WritePEM(t, dir, "leaf.pem", "CERTIFICATE", leaf.Certificate)
			issuetest.WritePEM(t, dir, "chain.pem", "CERTIFICATE", leaf.Certificate, intermediate.Certificate, root.Certificate)
			issuetest.MustTool(t, dir, "openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "tls.example.com",
				"-CAfile", "root.pem", "-untrusted", "int.pem", "leaf.pem")
			out := issuetest.MustTool(t, dir, "certtool", "--verify-chain", "--infile", "chain.pem")
			if !strings.Contains(out, "The certificate is trusted") {
				t.Error(out)
			}
			if keyType == "ed25519" {
				return // NSS stores no certificates with such keys
			}
			issuetest.MustTool(t, dir, "certutil", "-N", "-d", "sql:.", "--empty-password")
			issuetest.MustTool(t, dir, "certutil", "-A", "-d", "sql:.", "-n", "root", "-t", "CT,,", "-a", "-i", "root.pem")
			issuetest.MustTool(t, dir, "certutil", "-A", "-d", "sql:.", "-n", "int", "-t", ",,", "-a", "-i", "int.pem")
			issuetest.MustTool(t, dir, "certutil", "-A", "-d", "sql:.", "-n", "leaf", "-t", ",,", "-a", "-i", "leaf.pem")
			issuetest.MustTool(t, dir, "certutil", "-V", "-d", "sql:.", "-n", "leaf", "-u", "V", "-e")
			issuetest.MustTool(t, dir, "keytool", "-printcert", "-file", "leaf.pem")
		})
	}
}

func TestIssue_postQuantumChain(t *testing.T) {
	t.Parallel()
	root, intermediate, leaf := threeGenerations(t, "mldsa65")
	// Go knows no directory name constraints, so that it validates a chain without them.
	zero := 0
	plain := issuetest.Issue(t, issuetest.AsCA(t, root), issue.Request{
		Subject: issuetest.Name(t, "CN=Plain"), IsCA: true, MaxPathLen: &zero, KeyType: "mldsa44",
	})
	server := issuetest.Issue(t, issuetest.AsCA(t, plain), issue.Request{Subject: issuetest.Name(t, "CN=pq.example.com"), KeyType: "mldsa87"})
	_, goes := issuetest.Parse(t, server.Certificate)
	if _, err := goes.Verify(x509.VerifyOptions{
		Roots: pool(root.Certificate), Intermediates: pool(plain.Certificate),
		DNSName: "pq.example.com",
	}); err != nil {
		t.Error(err)
	}
	for _, c := range []issue.Issued{intermediate, leaf} {
		if ours, _ := issuetest.Parse(t, c.Certificate); ours.SignatureAlgorithm.OID != "2.16.840.1.101.3.4.3.18" {
			t.Error(ours.SignatureAlgorithm)
		}
	}
	signer, err := server.Key.Signer()
	if err != nil {
		t.Fatal(err)
	}
	chain := tls.Certificate{Certificate: [][]byte{server.Certificate, plain.Certificate}, PrivateKey: signer}
	if err := handshake(&tls.Config{Certificates: []tls.Certificate{chain}},
		&tls.Config{RootCAs: pool(root.Certificate), ServerName: "pq.example.com"}); err != nil {
		t.Error(err)
	}
}

// What Issue refuses for the CA's constraints, x509 must refuse to verify, and the other way round.
func TestIssue_nameConstraintsAsValidatorsSeeThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		permitted, excluded []string
		san                 string
		ok                  bool
	}{
		{[]string{"dns:example.com"}, nil, "dns:a.example.com", true},
		{[]string{"dns:example.com"}, nil, "dns:example.com", true},
		{[]string{"dns:example.com"}, nil, "dns:EXAMPLE.com", true},
		{[]string{"dns:example.com"}, nil, "dns:badexample.com", false},
		{[]string{"dns:example.com"}, nil, "dns:*.example.com", true},
		{[]string{"dns:example.com"}, nil, "ip:192.0.2.1", true},
		{nil, []string{"dns:example.com"}, "dns:a.example.com", false},
		{nil, []string{"dns:a.example.com"}, "dns:b.example.com", true},
		{nil, []string{"dns:a.example.com"}, "dns:*.example.com", false},
		{nil, []string{"dns:a.b.example.com"}, "dns:*.example.com", true},
		{[]string{"ip:10.0.0.0/8"}, nil, "ip:10.255.0.1", true},
		{[]string{"ip:10.0.0.0/8"}, nil, "ip:11.0.0.1", false},
		{[]string{"ip:10.0.0.0/8"}, nil, "ip:2001:db8::1", false},
		{nil, []string{"ip:2001:db8::/32"}, "ip:2001:db8::1", false},
		{[]string{"email:example.com"}, nil, "email:a@example.com", true},
		{[]string{"email:example.com"}, nil, "email:a@b.example.com", false},
		{[]string{"email:.example.com"}, nil, "email:a@b.example.com", true},
		{[]string{"email:a@example.com"}, nil, "email:a@EXAMPLE.com", true},
		{[]string{"email:a@example.com"}, nil, "email:A@example.com", false},
		{[]string{"uri:.example.com"}, nil, "uri:https://a.example.com/x", true},
		{[]string{"uri:.example.com"}, nil, "uri:https://example.com/x", false},
		{[]string{"uri:example.com"}, nil, "uri:https://example.com:8443/x", true},
	} {
		rule := fmt.Sprintf("%v %v %s", c.permitted, c.excluded, c.san)
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			ca, root := issuetest.NewCA(t, issue.Request{Permitted: constraints(t, c.permitted...), Excluded: constraints(t, c.excluded...)})
			r := issue.Request{Subject: issuetest.Name(t, "CN=a name"), SANs: sans(t, c.san)}
			_, err := ca.Issue(r)
			if (err == nil) != c.ok || err != nil && (!errors.Is(err, pki.ErrRefused) || !strings.Contains(err.Error(), "4.2.1.10")) {
				t.Errorf("issued: %v", err)
			}
			free := issueUnconstrained(t, root, r)
			_, goes := issuetest.Parse(t, free)
			// Go takes a host in an email constraint for all hosts below it too, and compares the wildcard label as text.
			if c.san == "email:a@b.example.com" || c.san == "dns:*.example.com" {
				return
			}
			if _, err := goes.Verify(x509.VerifyOptions{Roots: pool(root.Certificate)}); (err == nil) != c.ok {
				t.Errorf("verified: %v", err)
			}
		})
	}
}

// issueUnconstrained signs with the CA's key under a certificate of the same name without constraints.
func issueUnconstrained(t testing.TB, root issue.Issued, r issue.Request) []byte {
	t.Helper()
	ours, _ := issuetest.Parse(t, root.Certificate)
	_, sameName := issuetest.NewCA(t, issue.Request{Subject: ours.Subject, Key: &root.Key})
	return issuetest.Issue(t, issuetest.AsCA(t, sameName), r).Certificate
}

func TestIssue_directoryNameConstraints(t *testing.T) {
	t.Parallel()
	ca, _ := issuetest.NewCA(t, issue.Request{
		Permitted: constraints(t, "directory:O=Example,C=DE"),
		Excluded:  constraints(t, "directory:OU=Secret,O=Example,C=DE"),
	})
	for subject, ok := range map[string]bool{
		"CN=a,O=Example,C=DE": true, "CN=a,O=EXAMPLE ,C=de": true, "CN=a,O=Other,C=DE": false, "CN=a,OU=Secret,O=Example,C=DE": false,
	} {
		if _, err := ca.Issue(issue.Request{Subject: issuetest.Name(t, subject)}); (err == nil) != ok {
			t.Errorf("%s: %v", subject, err)
		}
	}
	ca, _ = issuetest.NewCA(t, issue.Request{Permitted: constraints(t, "email:example.com")})
	if _, err := ca.Issue(issue.Request{
		Subject: issuetest.Name(t, "CN=a,1.2.840.113549.1.9.1=a@other.example"),
		SANs:    sans(t, "dns:x.example"),
	}); !errors.Is(err, pki.ErrRefused) {
		t.Errorf("an email address in the subject passes: %v", err)
	}
}

func TestIssue_limitsOfTheCA(t *testing.T) {
	t.Parallel()
	zero, one, two := 0, 1, 2
	now := time.Now()
	for _, c := range []struct {
		rule string
		ca   issue.Request
		r    issue.Request
		word string
	}{
		{"path length 0 issues no CA", issue.Request{MaxPathLen: &zero}, issue.Request{IsCA: true}, "4.2.1.9"},
		{"path length not below", issue.Request{MaxPathLen: &one}, issue.Request{IsCA: true, MaxPathLen: &two}, "4.2.1.9"},
		{"longer than the CA", issue.Request{Days: 10}, issue.Request{Days: 20}, "ends at"},
		{"CA expired", issue.Request{NotBefore: now.AddDate(0, 0, -9), NotAfter: now.AddDate(0, 0, -1)}, issue.Request{}, "expired"},
		{"CA not yet valid", issue.Request{NotBefore: now.AddDate(0, 0, 9)}, issue.Request{}, "begins"},
		{"CA for other purposes", issue.Request{ExtKeyUsages: []string{"clientAuth"}}, issue.Request{}, "serverAuth"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			ca, _ := issuetest.NewCA(t, c.ca)
			c.r.Subject = issuetest.Name(t, "CN=below")
			if _, err := ca.Issue(c.r); !errors.Is(err, pki.ErrRefused) || !strings.Contains(err.Error(), c.word) {
				t.Errorf("got %v", err)
			}
		})
	}
	ca, _ := issuetest.NewCA(t, issue.Request{Days: 30, MaxPathLen: &two})
	below := issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=below"), IsCA: true})
	ours, _ := issuetest.Parse(t, below.Certificate)
	if ours.MaxPathLen != 1 || !ours.NotAfter.Equal(ca.Certificate().NotAfter) || len(below.Notes) != 2 {
		t.Errorf("path length %d, end %s, notes %q", ours.MaxPathLen, ours.NotAfter, below.Notes)
	}
}

func TestNewCA_refusals(t *testing.T) {
	t.Parallel()
	ca, root := issuetest.NewCA(t, issue.Request{})
	leaf := issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=leaf")})
	noSign, err := issue.SelfSigned(issue.Request{Subject: issuetest.Name(t, "CN=x"), IsCA: true, KeyUsages: []string{"cRLSign"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule string
		der  []byte
		key  key.Private
		kind error
		word string
	}{
		{"no certificate", []byte{1, 2, 3}, root.Key, pki.ErrParse, ""},
		{"another's key", root.Certificate, *testKey(t, "p256"), pki.ErrRefused, "does not belong"},
		{"no CA", leaf.Certificate, leaf.Key, pki.ErrRefused, "4.2.1.9"},
		{"no certificate signing", noSign.Certificate, noSign.Key, pki.ErrRefused, "keyCertSign"},
		{"no key", root.Certificate, key.Private{}, pki.ErrRefused, "does not belong"},
	} {
		if _, err := issue.NewCA(c.der, c.key); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
}

func TestNewOldCA_takesWhatOldProgramsTook(t *testing.T) {
	t.Parallel()
	weak, err := issue.SelfSigned(issue.Request{Subject: issuetest.Name(t, "CN=old"), KeyType: "rsa1024", AllowWeak: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issue.NewCA(weak.Certificate, weak.Key); !errors.Is(err, pki.ErrRefused) {
		t.Errorf("a CA of today: %v", err)
	}
	ca, err := issue.NewOldCA(weak.Certificate, weak.Key)
	if err != nil {
		t.Fatal(err)
	}
	issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=leaf")})
	if _, err := issue.NewOldCA(weak.Certificate, *testKey(t, "p256")); !errors.Is(err, pki.ErrRefused) {
		t.Errorf("another's key: %v", err)
	}
}

func TestIssue_identifiesItsIssuer(t *testing.T) {
	t.Parallel()
	root, intermediate, leaf := threeGenerations(t, "p256")
	r, _ := issuetest.Parse(t, root.Certificate)
	i, _ := issuetest.Parse(t, intermediate.Certificate)
	l, _ := issuetest.Parse(t, leaf.Certificate)
	if !bytes.Equal(i.AKI, r.SKI) || !bytes.Equal(l.AKI, i.SKI) || !bytes.Equal(l.RawIssuer, i.RawSubject) {
		t.Error("the key identifiers or names do not make a chain")
	}
	if i.MaxPathLen != 0 || !slices.Equal(l.ExtKeyUsage, []string{"1.3.6.1.5.5.7.3.1"}) || l.IsCA {
		t.Errorf("intermediate %+v, leaf %+v", i, l)
	}
}

func BenchmarkIssue(b *testing.B) {
	ca, _ := issuetest.NewCA(b, issue.Request{})
	r := issue.Request{Subject: issuetest.Name(b, "CN=host.example.com,O=Example"), Key: testKey(b, "p256")}
	for b.Loop() {
		if _, err := ca.Issue(r); err != nil {
			b.Fatal(err)
		}
	}
}

// A chain that does not hold together does not weaken what the CA's own certificate demands.
func TestSetIssuers_brokenChain(t *testing.T) {
	t.Parallel()
	root, rootIssued := issuetest.NewCA(t, issue.Request{})
	middle := issuetest.Issue(t, root, issue.Request{Subject: issuetest.Name(t, "CN=Middle"), IsCA: true})
	low := issuetest.Issue(t, issuetest.AsCA(t, middle), issue.Request{
		Subject: issuetest.Name(t, "CN=Low"), IsCA: true, Permitted: constraints(t, "dns:example.com"),
	})
	_, namesake := issuetest.NewCA(t, issue.Request{Subject: issuetest.Name(t, "CN=Middle")})
	for rule, above := range map[string][][]byte{
		"whole":                     {middle.Certificate, rootIssued.Certificate},
		"a namesake in the middle":  {namesake.Certificate, rootIssued.Certificate},
		"a namesake at the end":     {namesake.Certificate},
		"the middle one is missing": {rootIssued.Certificate},
		"unreadable":                {[]byte("odd"), rootIssued.Certificate},
		"nothing":                   nil,
	} {
		ca := issuetest.AsCA(t, low)
		ca.SetIssuers(above)
		if _, err := ca.Issue(issue.Request{Subject: issuetest.Name(t, "CN=www.other.org")}); !errors.Is(err, pki.ErrRefused) ||
			!strings.Contains(err.Error(), "CN=Low permit") {
			t.Errorf("%s: %v", rule, err)
		}
		if _, err := ca.Issue(issue.Request{Subject: issuetest.Name(t, "CN=www.example.com")}); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
	}
}
