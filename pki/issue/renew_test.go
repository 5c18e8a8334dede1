package issue_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
	"certkdb/pki/key"
)

func TestRenewal_keepsWhatTheOldOneSaid(t *testing.T) {
	t.Parallel()
	one := 1
	ca, _ := issuetest.NewCA(t, issue.Request{})
	for _, c := range []struct {
		rule string
		r    issue.Request
	}{
		{
			"server",
			issue.Request{
				SANs: sans(t, "a.example", "ip:192.0.2.1", "uri:https://a.example/"), Days: 90,
				CRLURLs: []string{"http://c.example/x.crl"}, Policies: []string{"1.2.3.4"},
			},
		},
		{"RSA", issue.Request{Key: testKey(t, "rsa2048")}},
		{
			"client with more",
			issue.Request{
				Profile: issuetest.Profile(t, "client"), ExtKeyUsages: []string{"clientAuth", "1.2.3.9"},
				Extensions: []cert.Extension{{ID: "1.2.3.4.5", Value: []byte{5, 0}}},
			},
		},
		{"CA with constraints", issue.Request{IsCA: true, MaxPathLen: &one, Permitted: constraints(t, "dns:example.com"), Days: 300}},
		{"timestamping", issue.Request{Profile: issuetest.Profile(t, "timestamp")}},
		{"responder", issue.Request{Profile: issuetest.Profile(t, "ocsp")}},
		{"post-quantum", issue.Request{KeyType: "mldsa44"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			c.r.Subject = issuetest.Name(t, "CN=renewed.example+UID=1,O=Ünï")
			old := issuetest.Issue(t, ca, c.r)
			before, _ := issuetest.Parse(t, old.Certificate)
			r, err := issue.Renewal(old.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			after, _ := issuetest.Parse(t, issuetest.Issue(t, ca, r).Certificate)
			if !bytes.Equal(before.RawSubject, after.RawSubject) || before.SAN.String() != after.SAN.String() || before.KeyType != after.KeyType {
				t.Errorf("%s %s %s became %s %s %s", before.Subject, before.SAN, before.KeyType, after.Subject, after.SAN, after.KeyType)
			}
			if before.SerialHex() == after.SerialHex() || bytes.Equal(before.SKI, after.SKI) {
				t.Error("the serial number or the key is the old one")
			}
			for _, e := range before.Extensions {
				if e.ID == cert.IDSubjectKeyID {
					continue
				}
				got := after.Extension(e.ID)
				if got == nil || got.Critical != e.Critical || !bytes.Equal(got.Value, e.Value) {
					t.Errorf("extension %s: %x became %+v", e.ID, e.Value, got)
				}
			}
			if len(before.Extensions) != len(after.Extensions) {
				t.Errorf("%d extensions became %d", len(before.Extensions), len(after.Extensions))
			}
			if was, is := before.NotAfter.Sub(before.NotBefore), after.NotAfter.Sub(after.NotBefore); (was-is).Abs() > 2*time.Second &&
				c.rule != "CA with constraints" {
				t.Errorf("valid for %s instead of %s", is, was)
			}
		})
	}
}

func TestRenewal_withTheSameOrAnotherKey(t *testing.T) {
	t.Parallel()
	old, before, _ := selfSigned(t, issue.Request{Subject: issuetest.Name(t, "CN=x.example"), Key: testKey(t, "rsa2048")})
	r, err := issue.Renewal(old.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	same := r
	same.Key = &old.Key
	_, after, _ := selfSigned(t, same)
	if !key.SameKey(before.RawSPKI, after.RawSPKI) || !bytes.Equal(before.SKI, after.SKI) {
		t.Error("the key was to stay")
	}
	for keyType, usage := range map[string]cert.KeyUsage{"p256": cert.DigitalSignature, "mldsa65": cert.DigitalSignature} {
		other := r
		other.KeyType = keyType
		if _, after, _ = selfSigned(t, other); after.KeyType != keyType || after.KeyUsage != usage {
			t.Errorf("renewed with %s: %s, %s", keyType, after.KeyType, after.KeyUsage)
		}
	}
	if _, err := issue.Renewal([]byte("no certificate")); !errors.Is(err, pki.ErrParse) {
		t.Error(err)
	}
}

// TestRenewal_keepsTheKeyIdentifier: what a CA issued names it by its key identifier, which need not be the usual digest of the key.
func TestRenewal_keepsTheKeyIdentifier(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	issuetest.MustTool(t, dir, "openssl", "req", "-x509", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
		"-keyout", "k.pem", "-subj", "/CN=Odd CA", "-out", "c.pem", "-days", "30", "-addext", "subjectKeyIdentifier=01:02:03")
	old := readPEM(t, dir+"/c.pem")
	private, err := key.ReadPrivate(readPEM(t, dir+"/k.pem"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := issue.Renewal(old)
	if err != nil {
		t.Fatal(err)
	}
	same := r
	same.Key = &private
	if _, after, _ := selfSigned(t, same); !bytes.Equal(after.SKI, []byte{1, 2, 3}) || !bytes.Equal(after.AKI, after.SKI) {
		t.Errorf("the key identifiers are %x, %x", after.SKI, after.AKI)
	}
	asked, err := issue.RenewalRequest(old)
	if err != nil {
		t.Fatal(err)
	}
	asked.Key = &private
	request, err := issue.NewRequest(asked)
	if err != nil {
		t.Fatal(err)
	}
	ca, _ := issuetest.NewCA(t, issue.Request{})
	for preserve, want := range map[bool]int{true: 3, false: 20} {
		issued, err := ca.Sign(request.Request, issue.Request{Profile: issuetest.Profile(t, "ca")}, preserve)
		if err != nil {
			t.Fatal(err)
		}
		if after, _ := issuetest.Parse(t, issued.Certificate); len(after.SKI) != want {
			t.Errorf("signed with preserve %v: %x, notes %q", preserve, after.SKI, issued.Notes)
		}
	}
	if _, after, _ := selfSigned(t, r); len(after.SKI) < 20 {
		t.Errorf("the identifier of another key is %x", after.SKI)
	}
}

func TestRenewal_ofACertificateWithoutUsages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	issuetest.MustTool(t, dir, "openssl", "req", "-x509", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
		"-keyout", "k.pem", "-subj", "/CN=plain.example", "-out", "c.pem", "-days", "30")
	old := readPEM(t, dir+"/c.pem")
	r, err := issue.Renewal(old)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := selfSigned(t, r)
	if after.Extension(cert.IDKeyUsage) != nil || after.Extension(cert.IDExtendedKeyUsage) != nil || !after.IsCA {
		t.Errorf("usage %s, purposes %v, CA %v", after.KeyUsage, after.ExtKeyUsage, after.IsCA)
	}
}
