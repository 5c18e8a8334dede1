package status_test

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
	"certkdb/pki/oid"
	"certkdb/pki/path"
	"certkdb/pki/status"

	"golang.org/x/crypto/ocsp"
)

func TestOCSP_ours(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	week := now.AddDate(0, 0, 7)
	for _, keyType := range []string{"p256", "rsa2048"} {
		ca, root := issuetest.NewCA(t, issue.Request{KeyType: keyType})
		leaf := issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=leaf.example"), OCSPURLs: []string{"http://ocsp.example/a"}})
		c, _ := issuetest.Parse(t, leaf.Certificate)
		for _, a := range []status.Answer{
			{Status: status.Good, ThisUpdate: now, NextUpdate: week},
			{Status: status.Unknown, ThisUpdate: now, NextUpdate: week},
			{Status: status.Revoked, ThisUpdate: now, NextUpdate: week, RevokedAt: now.Add(-time.Hour), Reason: cert.Superseded},
		} {
			der := answer(t, root, c.Serial, a)
			got, err := status.ReadOCSP(der, c, ca.Certificate(), path.Options{Time: now})
			if err != nil || got.Status != a.Status || got.Reason != a.Reason || !got.ThisUpdate.Equal(a.ThisUpdate) ||
				!got.NextUpdate.Equal(a.NextUpdate) || !got.RevokedAt.Equal(a.RevokedAt) {
				t.Errorf("%s: got %+v, %v", keyType, got, err)
			}
			dir := t.TempDir()
			issuetest.WritePEM(t, dir, "ca.pem", "CERTIFICATE", root.Certificate)
			issuetest.WritePEM(t, dir, "leaf.pem", "CERTIFICATE", leaf.Certificate)
			if err := os.WriteFile(filepath.Join(dir, "r.der"), der, 0o600); err != nil {
				t.Fatal(err)
			}
			out := issuetest.MustTool(t, dir, "openssl", "ocsp", "-issuer", "ca.pem", "-cert", "leaf.pem", "-CAfile", "ca.pem", "-respin", "r.der",
				"-no_nonce")
			if !strings.Contains(out, "Response verify OK") || !strings.Contains(out, "leaf.pem: "+a.Status) {
				t.Errorf("%s: %s", keyType, out)
			}
		}
		if got := c.AccessURLs(oid.OCSP); !slices.Equal(got, []string{"http://ocsp.example/a"}) {
			t.Error(got)
		}
	}
}

// opensslResponder lets openssl ocsp answer a request of ours, as a responder that the CA has delegated to.
func TestOCSP_delegatedOpenSSLResponder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, root := issuetest.NewCA(t, issue.Request{})
	leaf := issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=leaf.example")})
	c, _ := issuetest.Parse(t, leaf.Certificate)
	issuetest.WritePEM(t, dir, "ca.pem", "CERTIFICATE", root.Certificate)
	index := "V\t300101000000Z\t\t" + strings.ToUpper(hex.EncodeToString(c.Serial.Bytes())) + "\tunknown\t/CN=leaf.example\n"
	if err := os.WriteFile(filepath.Join(dir, "index.txt"), []byte(index), 0o600); err != nil {
		t.Fatal(err)
	}
	question, err := status.AskOCSP(c, ca.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "q.der"), question, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, responder := range []struct {
		profile string
		name    []string // how the response names the responder
		ok      bool
	}{{"ocsp", nil, true}, {"ocsp", []string{"-resp_key_id"}, true}, {"server", nil, false}} {
		issued := issuetest.Issue(t, ca, issue.Request{
			Subject: issuetest.Name(t, "CN=responder"), Profile: issuetest.Profile(t, responder.profile),
		})
		issuetest.WritePEM(t, dir, "rsigner.pem", "CERTIFICATE", issued.Certificate)
		issuetest.WritePEM(t, dir, "rkey.pem", "PRIVATE KEY", issued.Key.PKCS8)
		issuetest.MustTool(t, dir, "openssl", append([]string{
			"ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", "rsigner.pem", "-rkey", "rkey.pem", "-reqin",
			"q.der", "-respout", "a.der", "-ndays", "1",
		}, responder.name...)...)
		answer, err := os.ReadFile(filepath.Join(dir, "a.der"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := status.ReadOCSP(answer, c, ca.Certificate(), path.Options{Time: time.Now()})
		if responder.ok && (err != nil || got.Status != status.Good) {
			t.Errorf("%+v, %v", got, err)
		}
		if !responder.ok && (!errors.Is(err, pki.ErrRefused) || !strings.Contains(err.Error(), "OCSPSigning")) {
			t.Errorf("a server's certificate answers: %v", err)
		}
	}
}

func TestReadOCSP_refusals(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ca, root := issuetest.NewCA(t, issue.Request{})
	_, other := issuetest.NewCA(t, issue.Request{Subject: issuetest.Name(t, "CN=Other")})
	leaf := issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=leaf")})
	c, _ := issuetest.Parse(t, leaf.Certificate)
	good := answer(t, root, c.Serial, status.Answer{Status: status.Good, ThisUpdate: now, NextUpdate: now.Add(time.Hour)})
	says := func(by issue.Issued, serial *big.Int, from, to time.Time) []byte {
		return answer(t, by, serial, status.Answer{Status: status.Good, ThisUpdate: from, NextUpdate: to})
	}
	touched := slices.Clone(good)
	touched[len(touched)-2] ^= 1
	// An answer of the right key and serial number, but about another issuer.
	signer, err := leafSigner(ca, t)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		rule string
		der  []byte
		kind error
	}{
		{"nothing", nil, pki.ErrParse},
		{"cut off", good[:len(good)-1], pki.ErrParse},
		{"touched", touched, pki.ErrRefused},
		{"another CA", says(other, c.Serial, now, now.Add(time.Hour)), pki.ErrRefused},
		{"another certificate", says(root, big.NewInt(5), now, now.Add(time.Hour)), pki.ErrRefused},
		{"over", says(root, c.Serial, now.Add(-2*time.Hour), now.Add(-time.Hour)), pki.ErrRefused},
		{"not yet", says(root, c.Serial, now.Add(time.Hour), now.Add(2*time.Hour)), pki.ErrRefused},
		{"old, without a next update", says(root, c.Serial, now.Add(-25*time.Hour), time.Time{}), pki.ErrRefused},
		{"try later", ocsp.TryLaterErrorResponse, pki.ErrRefused},
		{"unauthorized", ocsp.UnauthorizedErrorResponse, pki.ErrRefused},
		{"about another issuer", signer(issuetest.AsCA(t, other).Certificate(), c.Serial), pki.ErrRefused},
		{"too long", make([]byte, 2<<20), pki.ErrParse},
	} {
		if _, err := status.ReadOCSP(x.der, c, ca.Certificate(), path.Options{Time: now}); !errors.Is(err, x.kind) {
			t.Errorf("%s: %v", x.rule, err)
		}
	}
}

// answer is a response signed by the CA itself.
func answer(t testing.TB, ca issue.Issued, serial *big.Int, a status.Answer) []byte {
	t.Helper()
	_, issuer := issuetest.Parse(t, ca.Certificate)
	signer, err := ca.Key.Signer()
	if err != nil {
		t.Fatal(err)
	}
	der, err := ocsp.CreateResponse(issuer, issuer, ocsp.Response{
		Status:       map[string]int{status.Good: ocsp.Good, status.Revoked: ocsp.Revoked, status.Unknown: ocsp.Unknown}[a.Status],
		SerialNumber: serial, ThisUpdate: a.ThisUpdate.UTC(), NextUpdate: a.NextUpdate.UTC(), RevokedAt: a.RevokedAt.UTC(),
		RevocationReason: int(a.Reason),
	}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// leafSigner answers in the name of another issuer with a responder of ca.
func leafSigner(ca *issue.CA, t testing.TB) (func(issuer *cert.Certificate, serial *big.Int) []byte, error) {
	responder := issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=responder"), Profile: issuetest.Profile(t, "ocsp")})
	_, goes := issuetest.Parse(t, responder.Certificate)
	signer, err := responder.Key.Signer()
	if err != nil {
		return nil, err
	}
	return func(issuer *cert.Certificate, serial *big.Int) []byte {
		of := &x509.Certificate{RawSubject: issuer.RawSubject, RawSubjectPublicKeyInfo: issuer.RawSPKI}
		der, err := ocsp.CreateResponse(of, goes, ocsp.Response{
			Status: ocsp.Good, SerialNumber: serial, ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour), Certificate: goes,
		}, signer)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}, nil
}

func TestPostOCSP(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" || r.Header.Get("Content-Type") != "application/ocsp-request" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.Write([]byte("answer"))
	}))
	defer server.Close()
	if got, err := status.PostOCSP(t.Context(), server.URL, []byte("q")); err != nil || string(got) != "answer" {
		t.Errorf("%q, %v", got, err)
	}
	for _, url := range []string{server.URL + "/bad", "http://127.0.0.1:" + issuetest.FreePort(t)} {
		if _, err := status.PostOCSP(t.Context(), url, nil); !errors.Is(err, pki.ErrRemote) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func FuzzReadOCSP(f *testing.F) {
	now := time.Now()
	ca, root := issuetest.NewCA(f, issue.Request{})
	c, _ := issuetest.Parse(f, issuetest.Issue(f, ca, issue.Request{Subject: issuetest.Name(f, "CN=leaf")}).Certificate)
	good := answer(f, root, c.Serial, status.Answer{Status: status.Good, ThisUpdate: now, NextUpdate: now.Add(time.Hour)})
	f.Add(good)
	f.Add(ocsp.TryLaterErrorResponse)
	f.Fuzz(func(t *testing.T, der []byte) {
		if a, err := status.ReadOCSP(der, c, ca.Certificate(), path.Options{Time: now}); err == nil && a.Status != status.Good {
			t.Fatalf("%+v was never signed", a)
		}
	})
}
