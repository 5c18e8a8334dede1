package issue_test

import (
	"crypto/mldsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
	"certkdb/pki/key"
	"certkdb/pki/name"
)

// sans reads alternative names or fails the test.
func sans(t testing.TB, texts ...string) []cert.GeneralName {
	t.Helper()
	var out []cert.GeneralName
	for _, text := range texts {
		n, err := issue.ParseSAN(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// keys are made once a type for the tests where it does not matter which: RSA keys take their time.
var keys sync.Map

func newKey(keyType string) (key.Private, error) {
	subject, err := name.ParseString("CN=key")
	if err != nil {
		return key.Private{}, err
	}
	issued, err := issue.SelfSigned(issue.Request{KeyType: keyType, Subject: subject})
	return issued.Key, err
}

func testKey(t testing.TB, keyType string) *key.Private {
	t.Helper()
	once, _ := keys.LoadOrStore(keyType, sync.OnceValues(func() (key.Private, error) { return newKey(keyType) }))
	k, err := once.(func() (key.Private, error))()
	if err != nil {
		t.Fatal(err)
	}
	return &k
}

// selfSigned issues or fails the test, and reads what came of it with both parsers.
func selfSigned(t testing.TB, r issue.Request) (issue.Issued, *cert.Certificate, *x509.Certificate) {
	t.Helper()
	issued, err := issue.SelfSigned(r)
	if err != nil {
		t.Fatal(err)
	}
	ours, goes := issuetest.Parse(t, issued.Certificate)
	return issued, ours, goes
}

func TestSelfSigned_everyKeyType(t *testing.T) {
	t.Parallel()
	for _, keyType := range key.Types() {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			issued, ours, goes := selfSigned(t, issue.Request{Subject: issuetest.Name(t, "CN=tls.example.com,O=Example,C=DE"), KeyType: keyType})
			if issued.Key.Type != keyType || ours.KeyType != keyType {
				t.Errorf("key of type %s, certificate of %s", issued.Key.Type, ours.KeyType)
			}
			if !key.SameKey(issued.Key.SPKI, ours.RawSPKI) {
				t.Error("the key does not belong to the certificate")
			}
			pool := x509.NewCertPool()
			pool.AddCert(goes)
			if _, err := goes.Verify(x509.VerifyOptions{Roots: pool, DNSName: "tls.example.com"}); err != nil {
				t.Error(err)
			}
			if err := goes.CheckSignature(goes.SignatureAlgorithm, goes.RawTBSCertificate, goes.Signature); err != nil {
				t.Error(err)
			}
			if w := ours.Warning(); w != "" {
				t.Error(w)
			}
		})
	}
}

// RFC 9881, 4: the parameters are absent and the bits are the raw key; the private key is the seed under tag 0.
func TestSelfSigned_mldsaEncodings(t *testing.T) {
	t.Parallel()
	issued, ours, goes := selfSigned(t, issue.Request{Subject: issuetest.Name(t, "CN=pq"), KeyType: "mldsa65"})
	public, ok := goes.PublicKey.(*mldsa.PublicKey)
	if !ok {
		t.Fatalf("public key of type %T", goes.PublicKey)
	}
	var spki struct {
		Algorithm struct{ ID asn1.ObjectIdentifier }
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(ours.RawSPKI, &spki); err != nil || len(rest) > 0 {
		t.Fatal(err)
	}
	if spki.Algorithm.ID.String() != "2.16.840.1.101.3.4.3.18" || !slices.Equal(spki.Key.Bytes, public.Bytes()) {
		t.Errorf("SubjectPublicKeyInfo of %s with %d bytes", spki.Algorithm.ID, len(spki.Key.Bytes))
	}
	if ours.SignatureAlgorithm.OID != "2.16.840.1.101.3.4.3.18" || ours.SignatureAlgorithm.Params != nil {
		t.Errorf("signature algorithm %+v", ours.SignatureAlgorithm)
	}
	if !strings.Contains(hex.EncodeToString(issued.Key.PKCS8), "04228020") {
		t.Errorf("PKCS #8 without the seed form: %x", issued.Key.PKCS8[:30])
	}
	if goes.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("key usage %b for a key that can only sign", goes.KeyUsage)
	}
}

func TestSelfSigned_subjectStaysAsItIs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"CN=server,OU=b,OU=a,O=Example,C=DE",
		"C=DE,O=Example,CN=first is last",
		"CN=a+UID=42,O=Example",
		`CN=Smith\, J\"o\+e,O=Ünïcode 株式会社,DC=example,DC=com`,
		"CN=x,1.2.3.4=#0c0461626364",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			subject := issuetest.Name(t, text)
			_, ours, _ := selfSigned(t, issue.Request{Subject: subject, Profile: issuetest.Profile(t, "client")})
			if !slices.Equal(ours.RawSubject, subject.DER()) || !slices.Equal(ours.RawIssuer, ours.RawSubject) {
				t.Errorf("subject %s, issuer %s", ours.Subject, ours.Issuer)
			}
		})
	}
}

func TestSelfSigned_profiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile, keyType string
		usage            cert.KeyUsage
		purposes         []string
		ca               bool
	}{
		{"server", "p256", cert.DigitalSignature, []string{"1.3.6.1.5.5.7.3.1"}, false},
		{"server", "rsa2048", cert.DigitalSignature | cert.KeyEncipherment, []string{"1.3.6.1.5.5.7.3.1"}, false},
		{"client", "ed25519", cert.DigitalSignature, []string{"1.3.6.1.5.5.7.3.2"}, false},
		{"peer", "p256", cert.DigitalSignature, []string{"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}, false},
		{"ca", "p256", cert.DigitalSignature | cert.KeyCertSign | cert.CRLSign, nil, true},
		{"code", "p256", cert.DigitalSignature, []string{"1.3.6.1.5.5.7.3.3"}, false},
		{"email", "p256", cert.DigitalSignature | cert.ContentCommitment, []string{"1.3.6.1.5.5.7.3.4"}, false},
		{"ocsp", "p256", cert.DigitalSignature, []string{"1.3.6.1.5.5.7.3.9"}, false},
		{"timestamp", "p256", cert.DigitalSignature, []string{"1.3.6.1.5.5.7.3.8"}, false},
	} {
		t.Run(c.profile+"/"+c.keyType, func(t *testing.T) {
			t.Parallel()
			_, ours, _ := selfSigned(t, issue.Request{
				Subject: issuetest.Name(t, "CN=who"), Key: testKey(t, c.keyType), Profile: issuetest.Profile(t, c.profile),
			})
			if ours.KeyUsage != c.usage || !slices.Equal(ours.ExtKeyUsage, c.purposes) || ours.IsCA != c.ca {
				t.Errorf("usage %s, purposes %v, CA %v", ours.KeyUsage, ours.ExtKeyUsage, ours.IsCA)
			}
			if e := ours.Extension(cert.IDBasicConstraints); e == nil || !e.Critical {
				t.Error("basic constraints are not critical")
			}
			if e := ours.Extension(cert.IDKeyUsage); e == nil || !e.Critical {
				t.Error("key usage is not critical")
			}
			if e := ours.Extension(cert.IDExtendedKeyUsage); e != nil && e.Critical != (c.profile == "timestamp") {
				t.Errorf("extended key usage critical: %v (RFC 3161, 2.3)", e.Critical)
			}
			if (ours.Extension("1.3.6.1.5.5.7.48.1.5") != nil) != (c.profile == "ocsp") {
				t.Error("ocsp-nocheck")
			}
		})
	}
}

func TestSelfSigned_alternativeNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule, subject, profile string
		sans, want             []string
	}{
		{
			"all kinds in their order", "CN=x", "server",
			[]string{"dns:*.example.com", "ip:192.0.2.1", "ip:2001:db8::1", "email:a@example.com", "uri:https://example.com/a", "bücher.example"},
			[]string{
				"dns:*.example.com", "ip:192.0.2.1", "ip:2001:db8::1", "email:a@example.com", "uri:https://example.com/a",
				"dns:xn--bcher-kva.example",
			},
		},
		{"from the common name", "CN=host.example.com", "server", nil, []string{"dns:host.example.com"}},
		{"a word for a server", "CN=server1", "server", nil, []string{"dns:server1"}},
		{"no word for a client", "CN=alice", "client", nil, nil},
		{"an address in the common name", "CN=192.0.2.7", "server", nil, []string{"ip:192.0.2.7"}},
		{"not from a person's name", "CN=Alice Smith", "client", nil, nil},
		{"not for a CA", "CN=ca.example.com", "ca", nil, nil},
		{
			"a CA keeps those it asked for", "CN=ca", "ca",
			[]string{"dns:ca.example.com", "uri:spiffe://example.com"},
			[]string{"dns:ca.example.com", "uri:spiffe://example.com"},
		},
		{"no repetitions", "CN=x", "server", []string{"a.example", "dns:a.example"}, []string{"dns:a.example"}},
		{
			"directory names and registered IDs", "CN=x", "server",
			[]string{"dirname:CN=y,O=z", "rid:1.2.3.4"},
			[]string{"directory:CN=y,O=z", "rid:1.2.3.4"},
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			issued, ours, _ := selfSigned(t, issue.Request{
				Subject: issuetest.Name(t, c.subject), Profile: issuetest.Profile(t, c.profile), SANs: sans(t, c.sans...),
			})
			var got []string
			for _, n := range ours.SAN {
				got = append(got, n.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if told := len(issued.Notes) > 0; told != (len(c.sans) == 0 && len(c.want) > 0) {
				t.Errorf("notes %q", issued.Notes)
			}
		})
	}
}

// TestSelfSigned_commasInNames: a name that goes on to the end of the text was perhaps meant to be several.
func TestSelfSigned_commasInNames(t *testing.T) {
	t.Parallel()
	for san, noted := range map[string]bool{
		"upn:a@example.com,dns:b.example": true, "uri:https://a.example/x, IP Address:192.0.2.1": true, "other:1.2.3;UTF8:a,rid:1.2": true,
		"upn:a,b@example.com": false, "uri:urn:a,b:c": false, "directory:CN=a,O=b": false, "dns:b.example": false,
	} {
		issued, err := issue.SelfSigned(issue.Request{
			Profile: issuetest.Profile(t, "client"), Subject: issuetest.Name(t, "CN=x"), SANs: sans(t, san), KeyType: "p256", Now: time.Now,
		})
		got := slices.ContainsFunc(issued.Notes, func(note string) bool { return strings.Contains(note, " is one name: ") })
		if err != nil || got != noted {
			t.Errorf("%s: %q, %v", san, issued.Notes, err)
		}
	}
}

func TestSelfSigned_emptySubjectMakesNamesCritical(t *testing.T) {
	t.Parallel()
	_, ours, goes := selfSigned(t, issue.Request{SANs: sans(t, "dns:only.example")})
	if e := ours.Extension(cert.IDSubjectAltName); e == nil || !e.Critical {
		t.Error("RFC 5280, 4.2.1.6: not critical")
	}
	if err := goes.VerifyHostname("only.example"); err != nil {
		t.Error(err)
	}
}

func TestSelfSigned_validity(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 30, 15, 500, time.UTC)
	clock := func() time.Time { return now }
	for _, c := range []struct {
		rule     string
		r        issue.Request
		from, to string
	}{
		{"a year by default, backdated", issue.Request{}, "2026-03-01T12:25:15Z", "2027-03-01T12:30:15Z"},
		{"days from now", issue.Request{Days: 90}, "2026-03-01T12:25:15Z", "2026-05-30T12:30:15Z"},
		{"days from the beginning", issue.Request{Days: 1, NotBefore: now.AddDate(0, 0, 10)}, "2026-03-11T12:30:15Z", "2026-03-12T12:30:15Z"},
		{"the end as given", issue.Request{Days: 5, NotAfter: now.AddDate(30, 0, 0)}, "2026-03-01T12:25:15Z", "2056-03-01T12:30:15Z"},
		{"ten years for a CA", issue.Request{IsCA: true}, "2026-03-01T12:25:15Z", "2036-02-27T12:30:15Z"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			c.r.Subject, c.r.Now = issuetest.Name(t, "CN=x"), clock
			_, ours, _ := selfSigned(t, c.r)
			if from, to := ours.NotBefore.Format(time.RFC3339), ours.NotAfter.Format(time.RFC3339); from != c.from || to != c.to {
				t.Errorf("from %s to %s", from, to)
			}
		})
	}
}

func TestSelfSigned_caConstraints(t *testing.T) {
	t.Parallel()
	zero := 0
	var permitted, excluded []cert.GeneralName
	for _, text := range []string{"dns:example.com", "ip:10.0.0.0/8", "email:.example.com", "dirname:O=Example,C=DE"} {
		n, err := issue.ParseConstraint(text)
		if err != nil {
			t.Fatal(err)
		}
		permitted = append(permitted, n)
	}
	n, err := issue.ParseConstraint("uri:bad.example")
	if err != nil {
		t.Fatal(err)
	}
	excluded = append(excluded, n)
	_, ours, goes := selfSigned(t, issue.Request{
		Subject: issuetest.Name(t, "CN=CA"), IsCA: true, MaxPathLen: &zero, Permitted: permitted, Excluded: excluded,
		Policies: []string{"2.23.140.1.2.1"}, CRLURLs: []string{"http://c.example/1", "http://c.example/2"},
		OCSPURLs: []string{"http://o.example"}, IssuerURLs: []string{"http://i.example/ca.der"},
	})
	if ours.MaxPathLen != 0 || !goes.MaxPathLenZero || !goes.IsCA {
		t.Errorf("path length %d", ours.MaxPathLen)
	}
	e := ours.Extension(cert.IDNameConstraints)
	if e == nil || !e.Critical {
		t.Fatal("name constraints are not critical")
	}
	nc, err := cert.ParseNameConstraints(e.Value)
	if err != nil {
		t.Fatal(err)
	}
	if len(nc.Permitted) != 4 || len(nc.Excluded) != 1 || nc.Permitted[1].String() != permitted[1].String() {
		t.Errorf("constraints %v", nc)
	}
	if !slices.Equal(goes.CRLDistributionPoints, []string{"http://c.example/1", "http://c.example/2"}) ||
		!slices.Equal(goes.OCSPServer, []string{"http://o.example"}) ||
		!slices.Equal(goes.IssuingCertificateURL, []string{"http://i.example/ca.der"}) {
		t.Error(goes.CRLDistributionPoints, goes.OCSPServer, goes.IssuingCertificateURL)
	}
	if len(goes.Policies) != 1 || goes.Policies[0].String() != "2.23.140.1.2.1" {
		t.Error(goes.Policies)
	}
	if !slices.Equal(ours.SKI, ours.AKI) || len(ours.SKI) != 20 {
		t.Errorf("key identifiers %x, %x", ours.SKI, ours.AKI)
	}
}

func TestSelfSigned_serialsAreRandom(t *testing.T) {
	t.Parallel()
	private := testKey(t, "p256")
	seen, longest := map[string]bool{}, 0
	for range 50 {
		_, ours, _ := selfSigned(t, issue.Request{Subject: issuetest.Name(t, "CN=x"), Key: private})
		seen[ours.SerialHex()] = true
		longest = max(longest, ours.Serial.BitLen())
		if ours.Serial.Sign() <= 0 || ours.Serial.BitLen() > 159 {
			t.Errorf("serial number %s", ours.Serial)
		}
	}
	if len(seen) != 50 || longest < 120 {
		t.Errorf("%d different ones, the longest of %d bits", len(seen), longest)
	}
}

func TestSelfSigned_overrides(t *testing.T) {
	t.Parallel()
	_, ours, _ := selfSigned(t, issue.Request{
		Subject: issuetest.Name(t, "CN=x"), KeyUsages: []string{"digitalSignature", "keyagreement"},
		ExtKeyUsages: []string{"clientAuth", "1.2.3.4"},
		Extensions:   []cert.Extension{{ID: "1.2.3.4.5", Critical: false, Value: []byte{5, 0}}},
	})
	if ours.KeyUsage != cert.DigitalSignature|cert.KeyAgreement || !slices.Equal(ours.ExtKeyUsage, []string{"1.3.6.1.5.5.7.3.2", "1.2.3.4"}) {
		t.Errorf("%s, %v", ours.KeyUsage, ours.ExtKeyUsage)
	}
	if e := ours.Extension("1.2.3.4.5"); e == nil || len(e.Value) != 2 {
		t.Error("the further extension is missing")
	}
}

func TestSelfSigned_refusals(t *testing.T) {
	t.Parallel()
	one := 1
	constraint, _ := issue.ParseConstraint("dns:example.com")
	many := make([]cert.GeneralName, 10_000)
	for i := range many {
		many[i] = cert.GeneralName{Type: cert.DNSName, Value: []byte("a.example")}
	}
	weak := name.Name{RDNs: []name.RDN{{{Type: name.CommonName, Value: "a\x00b"}}}}
	for _, c := range []struct {
		rule string
		r    issue.Request
		kind error
		word string
	}{
		{"unknown key type", issue.Request{KeyType: "rsa512"}, pki.ErrArgument, "rsa2048"},
		{"key type that cannot sign", issue.Request{KeyType: "x25519"}, pki.ErrArgument, "p256"},
		{"negative days", issue.Request{Days: -1}, pki.ErrArgument, "never be valid"},
		{"end before beginning", issue.Request{NotAfter: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)}, pki.ErrArgument, "never be valid"},
		{"beyond 9999", issue.Request{Days: 10_000 * 366}, pki.ErrArgument, "9999"},
		{"path length without CA", issue.Request{MaxPathLen: &one}, pki.ErrArgument, "4.2.1.9"},
		{"constraints without CA", issue.Request{Permitted: []cert.GeneralName{constraint}}, pki.ErrArgument, "4.2.1.10"},
		{"certificate signing without CA", issue.Request{KeyUsages: []string{"keyCertSign"}}, pki.ErrArgument, "4.2.1.9"},
		{"ML-DSA for encryption", issue.Request{KeyType: "mldsa44", KeyUsages: []string{"keyEncipherment"}}, pki.ErrArgument, "RFC 9881"},
		{"unknown usage", issue.Request{KeyUsages: []string{"fly"}}, pki.ErrArgument, "digitalSignature"},
		{"unknown purpose", issue.Request{ExtKeyUsages: []string{"fly"}}, pki.ErrArgument, "serverAuth"},
		{"policy that is not an identifier", issue.Request{Policies: []string{"1.2.x"}}, pki.ErrArgument, "1.2.x"},
		{"LDAP without an attribute", issue.Request{CRLURLs: []string{"ldap://a.example/cn=a"}}, pki.ErrArgument, "name an attribute"},
		{
			"LDAP with two attributes for a CRL",
			issue.Request{CRLURLs: []string{"ldap://a.example/cn=a?b,c"}},
			pki.ErrArgument,
			"more than one attribute",
		},
		{"LDAP without a name", issue.Request{IssuerURLs: []string{"ldap://a.example/?b"}}, pki.ErrArgument, "name of an entry"},
		{"URL that is not one", issue.Request{CRLURLs: []string{"crl.pem"}}, pki.ErrArgument, "crl.pem"},
		{"10 000 names", issue.Request{SANs: many}, pki.ErrRefused, "10000"},
		{"NUL in the subject", issue.Request{Subject: weak}, pki.ErrRefused, "CN"},
		{
			"NUL in a name",
			issue.Request{SANs: []cert.GeneralName{{Type: cert.DNSName, Value: []byte("a\x00.example")}}},
			pki.ErrRefused,
			"4.2.1.6",
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			if c.r.Subject.Empty() {
				c.r.Subject = issuetest.Name(t, "CN=x")
			}
			_, err := issue.SelfSigned(c.r)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.word) {
				t.Errorf("got %v, want %v with %q", err, c.kind, c.word)
			}
		})
	}
	if _, err := issue.SelfSigned(issue.Request{}); !errors.Is(err, pki.ErrArgument) {
		t.Errorf("neither subject nor names: %v", err)
	}
}

func BenchmarkSelfSigned(b *testing.B) {
	for _, keyType := range []string{"p256", "ed25519", "mldsa65"} {
		b.Run(keyType, func(b *testing.B) {
			r := issue.Request{Subject: issuetest.Name(b, "CN=host.example.com,O=Example"), KeyType: keyType}
			for b.Loop() {
				if _, err := issue.SelfSigned(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
