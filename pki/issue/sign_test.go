package issue_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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

func newRequest(t testing.TB, r issue.Request) issue.Requested {
	t.Helper()
	made, err := issue.NewRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestNewRequest_othersReadIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made := newRequest(t, issue.Request{
		Subject: issuetest.Name(t, "CN=tls.example.com+UID=7,O=Ünïcode,C=DE"), Profile: issuetest.Profile(t, "peer"),
		SANs: sans(t, "tls.example.com", "192.0.2.1"),
	})
	issuetest.WritePEM(t, dir, "req.pem", "CERTIFICATE REQUEST", made.Request)
	out := issuetest.MustTool(t, dir, "openssl", "req", "-in", "req.pem", "-verify", "-noout", "-text", "-nameopt", "RFC2253,-esc_msb,utf8")
	for _, want := range []string{
		"self-signature verify OK", "DNS:tls.example.com, IP Address:192.0.2.1",
		"TLS Web Server Authentication, TLS Web Client Authentication", "Digital Signature", "CA:FALSE", "O=Ünïcode",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("openssl does not show %q in\n%s", want, out)
		}
	}
	issuetest.MustTool(t, dir, "certtool", "--crq-info", "--infile", "req.pem")
	if out := issuetest.MustTool(t, dir, "keytool", "-printcertreq", "-file", "req.pem"); !strings.Contains(out, "tls.example.com") {
		t.Error(out)
	}
}

func TestNewRequest_everyKeyType(t *testing.T) {
	t.Parallel()
	for _, keyType := range key.Types() {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			made := newRequest(t, issue.Request{Subject: issuetest.Name(t, "CN=x.example"), Key: testKey(t, keyType)})
			read, err := issue.ReadRequest(made.Request)
			if err != nil {
				t.Fatal(err)
			}
			if read.KeyType != keyType || !key.SameKey(read.RawSPKI, made.Key.SPKI) || read.SAN.String() != "dns:x.example" {
				t.Errorf("key of type %s, names %s", read.KeyType, read.SAN)
			}
			if len(read.Extensions) != 1 {
				t.Errorf("without a profile it asks for %v", read.Extensions)
			}
		})
	}
}

func TestSign_takesWhatTheProfileAllows(t *testing.T) {
	t.Parallel()
	ca, _ := issuetest.NewCA(t, issue.Request{})
	asked := newRequest(t, issue.Request{
		Subject: issuetest.Name(t, "CN=a.example,O=Asked"), SANs: sans(t, "a.example", "b.example", "ip:192.0.2.9"),
		Profile:    issuetest.Profile(t, "client"),
		Extensions: []cert.Extension{{ID: "1.2.3.4", Value: []byte{5, 0}}, {ID: "1.3.6.1.5.5.7.1.24", Value: []byte{0x30, 3, 2, 1, 5}}},
	})
	server := []string{"1.3.6.1.5.5.7.3.1"}
	client := []string{"1.3.6.1.5.5.7.3.2"}
	for _, c := range []struct {
		rule     string
		r        issue.Request
		preserve bool
		subject  string
		names    string
		purposes []string
		extra    bool
		note     string
	}{
		{
			"by default subject and names",
			issue.Request{},
			false, "CN=a.example,O=Asked", "dns:a.example, dns:b.example, ip:192.0.2.9", server,
			false, "left to the profile",
		},
		{
			"with preserve the extensions too",
			issue.Request{},
			true, "CN=a.example,O=Asked", "dns:a.example, dns:b.example, ip:192.0.2.9", client,
			true, "",
		},
		{
			"what the signer says is so",
			issue.Request{Subject: issuetest.Name(t, "CN=mine"), SANs: sans(t, "mine.example"), ExtKeyUsages: []string{"clientAuth"}},
			true, "CN=mine",
			"dns:mine.example", client, true, "",
		},
		{
			"copied extensions, not the purposes",
			issue.Request{Profile: with(issuetest.Profile(t, "server"), func(p *issue.Profile) { p.CopyExtensions = true })},
			false, "CN=a.example,O=Asked",
			"dns:a.example, dns:b.example, ip:192.0.2.9", server, true, "keyusage, extkeyusage",
		},
		{
			"allowed extensions",
			issue.Request{Profile: with(issuetest.Profile(t, "server"), func(p *issue.Profile) { p.AllowedExtensions = []string{"1.2.3.4"} })},
			false,
			"CN=a.example,O=Asked", "dns:a.example, dns:b.example, ip:192.0.2.9", server, true, "tlsfeature",
		},
		{
			"a profile that takes DNS names alone",
			issue.Request{Subject: issuetest.Name(t, "CN=mine"), Profile: with(issuetest.Profile(t, "server"),
				func(p *issue.Profile) { p.Take = &issue.Take{DNSNames: true} })},
			false, "CN=mine", "dns:a.example, dns:b.example", server, false, "ip:192.0.2.9 is not taken",
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			issued, err := ca.Sign(asked.Request, c.r, c.preserve)
			if err != nil {
				t.Fatal(err)
			}
			ours, _ := issuetest.Parse(t, issued.Certificate)
			names := ours.SAN.String()
			if ours.Subject.String() != c.subject || names != c.names || !slices.Equal(ours.ExtKeyUsage, c.purposes) ||
				(ours.Extension("1.2.3.4") != nil) != c.extra {
				t.Errorf("subject %s, names %s, purposes %v, extension %v", ours.Subject, names, ours.ExtKeyUsage, ours.Extension("1.2.3.4") != nil)
			}
			if !key.SameKey(ours.RawSPKI, asked.Key.SPKI) || len(issued.Key.PKCS8) != 0 {
				t.Error("not the requested key")
			}
			if notes := strings.ToLower(strings.Join(issued.Notes, "\n")); !strings.Contains(notes, c.note) || c.note == "" && notes != "" {
				t.Errorf("notes %q", issued.Notes)
			}
		})
	}
}

func with(p issue.Profile, change func(*issue.Profile)) issue.Profile {
	change(&p)
	return p
}

func TestSign_authorityIsTheSignersDecision(t *testing.T) {
	t.Parallel()
	two := 2
	ca, _ := issuetest.NewCA(t, issue.Request{MaxPathLen: &two})
	asked := newRequest(t, issue.Request{
		Subject: issuetest.Name(t, "CN=Sub CA"), IsCA: true, Profile: issuetest.Profile(t, "ca"),
		Permitted: constraints(t, "dns:example.com"),
	})
	plain, err := ca.Sign(asked.Request, issue.Request{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if ours, _ := issuetest.Parse(t, plain.Certificate); ours.IsCA || ours.KeyUsage&cert.KeyCertSign != 0 ||
		ours.Extension(cert.IDNameConstraints) != nil {
		t.Error("a server's profile made a CA")
	}
	if _, err := ca.Sign(asked.Request, issue.Request{}, true); !errors.Is(err, pki.ErrRefused) {
		t.Errorf("preserving a request for a CA with a server's profile: %v", err)
	}
	sub, err := ca.Sign(asked.Request, issue.Request{IsCA: true}, true)
	if err != nil {
		t.Fatal(err)
	}
	if ours, _ := issuetest.Parse(t, sub.Certificate); !ours.IsCA || ours.MaxPathLen != 1 || ours.Extension(cert.IDNameConstraints) == nil {
		t.Errorf("CA %v, path length %d", ours.IsCA, ours.MaxPathLen)
	}
	long := newRequest(t, issue.Request{
		Subject: issuetest.Name(t, "CN=Sub CA"), IsCA: true, Profile: issuetest.Profile(t, "ca"), MaxPathLen: &two,
	})
	if _, err := ca.Sign(long.Request, issue.Request{IsCA: true}, true); !errors.Is(err, pki.ErrRefused) ||
		!strings.Contains(err.Error(), "path length") {
		t.Errorf("a path length not below the CA's: %v", err)
	}
}

// badRequests are those that issuing must refuse, with the reason.
func badRequests(t testing.TB) map[string]struct {
	der  []byte
	kind error
	word string
} {
	t.Helper()
	type bad = struct {
		der  []byte
		kind error
		word string
	}
	good := newRequest(t, issue.Request{Subject: issuetest.Name(t, "CN=x.example")}).Request
	signature := bytes.Clone(good)
	signature[len(signature)-3] ^= 1
	changed := bytes.Replace(good, []byte("x.example"), []byte("y.example"), 2)
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprintf("h%d.example", i)
	}
	return map[string]bad{
		"nothing":         {nil, pki.ErrParse, ""},
		"text":            {[]byte("hello"), pki.ErrParse, ""},
		"cut off":         {good[:len(good)-1], pki.ErrParse, ""},
		"bad signature":   {signature, pki.ErrRefused, "signature"},
		"changed subject": {changed, pki.ErrRefused, "signature"},
		"P-224":           {gosRequest(t, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}, weak), pki.ErrRefused, "P-224"},
		"10 000 names":    {gosRequest(t, &x509.CertificateRequest{DNSNames: many}, k), pki.ErrRefused, "10000"},
		"NUL in the subject": {
			gosRequest(t, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "good.example\x00.bad.example"}}, k),
			pki.ErrRefused, `\x00`,
		},
		"NUL in a name": {
			gosRequest(t, &x509.CertificateRequest{DNSNames: []string{"good.example\x00.bad.example"}}, k), pki.ErrRefused,
			"4.2.1.6",
		},
		"too long": {make([]byte, 2<<20), pki.ErrParse, "bytes"},
	}
}

func gosRequest(t testing.TB, template *x509.CertificateRequest, k any) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, k)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestSign_refusesBadRequests(t *testing.T) {
	t.Parallel()
	ca, _ := issuetest.NewCA(t, issue.Request{})
	for rule, c := range badRequests(t) {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			if _, err := ca.Sign(c.der, issue.Request{}, true); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.word) {
				t.Errorf("got %v, want %v with %q", err, c.kind, c.word)
			}
		})
	}
}

func TestSign_refusesOpenSSLsOddKeys(t *testing.T) {
	t.Parallel()
	ca, _ := issuetest.NewCA(t, issue.Request{})
	for word, args := range map[string][]string{
		"rsa1024":   {"-newkey", "rsa:1024"},
		"ed448":     {"-newkey", "ed448"},
		"secp256k1": {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"},
		"explicit":  {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"},
	} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args = append([]string{"req", "-new", "-nodes", "-keyout", "k.pem", "-subj", "/CN=x", "-out", "r.pem"}, args...)
			issuetest.MustTool(t, dir, "openssl", args...)
			if _, err := ca.Sign(readPEM(t, filepath.Join(dir, "r.pem")), issue.Request{}, false); !errors.Is(err, pki.ErrRefused) ||
				!strings.Contains(err.Error(), strings.TrimPrefix(word, "rsa")) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func readPEM(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatalf("no PEM in %s", path)
	}
	return block.Bytes
}

// The modulus alone decides: nothing is verified with it, so that a hostile size costs nothing.
func TestReadRequest_hugeRSA(t *testing.T) {
	t.Parallel()
	made := newRequest(t, issue.Request{Subject: issuetest.Name(t, "CN=x"), Key: testKey(t, "rsa2048")})
	der := growModulus(t, made.Request, 16384/8)
	if _, err := issue.ReadRequest(der); !errors.Is(err, pki.ErrRefused) || !strings.Contains(err.Error(), "16384 bits") {
		t.Errorf("got %v", err)
	}
}

func TestSign_namesOfTheProfile(t *testing.T) {
	t.Parallel()
	ca, _ := issuetest.NewCA(t, issue.Request{})
	only := with(issuetest.Profile(t, "server"), func(p *issue.Profile) { p.Names = regexp.MustCompile(`^[a-z]+\.example\.com$`) })
	for host, ok := range map[string]bool{"www.example.com": true, "www.example.org": false} {
		made := newRequest(t, issue.Request{Subject: issuetest.Name(t, "CN="+host)})
		if _, err := ca.Sign(made.Request, issue.Request{Profile: only}, false); (err == nil) != ok || err != nil &&
			!errors.Is(err, pki.ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestSelfSigned_namesOfTheProfile: the profile's expression holds for names of every kind.
func TestSelfSigned_namesOfTheProfile(t *testing.T) {
	t.Parallel()
	only := with(issuetest.Profile(t, "server"), func(p *issue.Profile) {
		p.Names = regexp.MustCompile(`[.@]example\.com$|^192\.0\.2\.|^1\.2\.3$`)
	})
	for san, ok := range map[string]bool{
		"dns:a.example.com": true, "dns:a.example.org": false, "ip:192.0.2.1": true, "ip:198.51.100.1": false, "ip:2001:db8::1": false,
		"upn:a@example.com": true, "upn:a@example.org": false, "directory:CN=a.example.com": true, "directory:CN=a.example.org": false,
		"email:a@example.com": true, "email:a@example.org": false, "uri:spiffe://b/a.example.com": true, "uri:spiffe://b/a.example.org": false,
		"rid:1.2.3": true, "rid:1.2.4": false, "other:1.2.3;UTF8:a.example.com": true, "other:1.2.3;UTF8:a.example.org": false,
	} {
		_, err := issue.SelfSigned(issue.Request{
			Profile: only, Subject: issuetest.Name(t, "CN=www.example.com"), SANs: sans(t, san), KeyType: "p256", Now: time.Now,
		})
		if (err == nil) != ok || err != nil && !errors.Is(err, pki.ErrRefused) {
			t.Errorf("%s: %v", san, err)
		}
	}
	_, err := issue.SelfSigned(issue.Request{
		Profile: only, Subject: issuetest.Name(t, "CN=www.example.com,emailAddress=a@example.org"), KeyType: "p256", Now: time.Now,
	})
	if !errors.Is(err, pki.ErrRefused) || !strings.Contains(err.Error(), `does not allow the name "a@example.org"`) {
		t.Error(err)
	}
}

func FuzzReadRequest(f *testing.F) {
	for _, c := range badRequests(f) {
		if len(c.der) < 5000 {
			f.Add(c.der)
		}
	}
	f.Add(newRequest(f, issue.Request{Subject: issuetest.Name(f, "CN=x"), KeyType: "mldsa44"}).Request)
	ca, _ := issuetest.NewCA(f, issue.Request{})
	f.Fuzz(func(t *testing.T, der []byte) {
		if _, err := ca.Sign(der, issue.Request{}, true); err != nil && !errors.Is(err, pki.ErrParse) && !errors.Is(err, pki.ErrRefused) &&
			!errors.Is(err, pki.ErrArgument) {
			t.Fatal(err)
		}
	})
}

// BenchmarkSign holds signing a request against what cannot be left out: verifying the request, and the signature with
// x509's own check of it.
func BenchmarkSign(b *testing.B) {
	for _, keyType := range []string{"p256", "rsa2048", "mldsa65"} {
		ca, root := issuetest.NewCA(b, issue.Request{KeyType: keyType})
		made := newRequest(b, issue.Request{Subject: issuetest.Name(b, "CN=host.example.com,O=Example"), SANs: sans(b, "host.example.com")})
		b.Run(keyType+"/sign", func(b *testing.B) {
			for b.Loop() {
				if _, err := ca.Sign(made.Request, issue.Request{}, false); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(keyType+"/least", func(b *testing.B) {
			signer, err := root.Key.Signer()
			if err != nil {
				b.Fatal(err)
			}
			_, parent := issuetest.Parse(b, root.Certificate)
			for b.Loop() {
				asked, err := x509.ParseCertificateRequest(made.Request)
				if err == nil {
					err = asked.CheckSignature()
				}
				if err != nil {
					b.Fatal(err)
				}
				template := &x509.Certificate{SerialNumber: parent.SerialNumber, RawSubject: asked.RawSubject, NotAfter: parent.NotAfter}
				if _, err := x509.CreateCertificate(rand.Reader, template, parent, asked.PublicKey, signer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
