package pki_test

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
	"certkdb/pki/path"

	"golang.org/x/crypto/ocsp"
)

func TestOCSP_ours(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	week := now.AddDate(0, 0, 7)
	for _, keyType := range []string{"p256", "rsa2048"} {
		ca, root := newCA(t, pki.Request{KeyType: keyType})
		leaf := issue(t, ca, pki.Request{Subject: dn(t, "CN=leaf.example"), OCSPURLs: []string{"http://ocsp.example/a"}})
		c, _ := parsed(t, leaf.Certificate)
		for _, a := range []pki.Answer{
			{Status: pki.StatusGood, ThisUpdate: now, NextUpdate: week},
			{Status: pki.StatusUnknown, ThisUpdate: now, NextUpdate: week},
			{Status: pki.StatusRevoked, ThisUpdate: now, NextUpdate: week, RevokedAt: now.Add(-time.Hour), Reason: pki.Superseded},
		} {
			der, err := ca.Answer(c.Serial, a)
			if err != nil {
				t.Fatal(err)
			}
			got, err := pki.ReadOCSP(der, c, ca.Certificate(), path.Options{Time: now})
			if err != nil || got.Status != a.Status || got.Reason != a.Reason || !got.ThisUpdate.Equal(a.ThisUpdate) || !got.NextUpdate.Equal(a.NextUpdate) || !got.RevokedAt.Equal(a.RevokedAt) {
				t.Errorf("%s: got %+v, %v", keyType, got, err)
			}
			dir := t.TempDir()
			writePEM(t, dir, "ca.pem", "CERTIFICATE", root.Certificate)
			writePEM(t, dir, "leaf.pem", "CERTIFICATE", leaf.Certificate)
			if err := os.WriteFile(filepath.Join(dir, "r.der"), der, 0o600); err != nil {
				t.Fatal(err)
			}
			out := mustTool(t, dir, "openssl", "ocsp", "-issuer", "ca.pem", "-cert", "leaf.pem", "-CAfile", "ca.pem", "-respin", "r.der", "-no_nonce")
			if !strings.Contains(out, "Response verify OK") || !strings.Contains(out, "leaf.pem: "+a.Status) {
				t.Errorf("%s: %s", keyType, out)
			}
		}
		if got := pki.OCSPURLs(c); !slices.Equal(got, []string{"http://ocsp.example/a"}) {
			t.Error(got)
		}
	}
}

// opensslResponder lets openssl ocsp answer a request of ours, as a responder that the CA has delegated to.
func TestOCSP_delegatedOpenSSLResponder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, root := newCA(t, pki.Request{})
	leaf := issue(t, ca, pki.Request{Subject: dn(t, "CN=leaf.example")})
	c, _ := parsed(t, leaf.Certificate)
	writePEM(t, dir, "ca.pem", "CERTIFICATE", root.Certificate)
	index := "V\t300101000000Z\t\t" + strings.ToUpper(hex.EncodeToString(c.Serial.Bytes())) + "\tunknown\t/CN=leaf.example\n"
	if err := os.WriteFile(filepath.Join(dir, "index.txt"), []byte(index), 0o600); err != nil {
		t.Fatal(err)
	}
	question, err := pki.AskOCSP(c, ca.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "q.der"), question, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, responder := range []struct {
		profile string
		ok      bool
	}{{"ocsp", true}, {"server", false}} {
		issued := issue(t, ca, pki.Request{Subject: dn(t, "CN=responder"), Profile: profile(t, responder.profile)})
		writePEM(t, dir, "rsigner.pem", "CERTIFICATE", issued.Certificate)
		writePEM(t, dir, "rkey.pem", "PRIVATE KEY", issued.Key.PKCS8)
		mustTool(t, dir, "openssl", "ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", "rsigner.pem", "-rkey", "rkey.pem", "-reqin", "q.der", "-respout", "a.der", "-ndays", "1")
		answer, err := os.ReadFile(filepath.Join(dir, "a.der"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := pki.ReadOCSP(answer, c, ca.Certificate(), path.Options{Time: time.Now()})
		if responder.ok && (err != nil || got.Status != pki.StatusGood) {
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
	ca, _ := newCA(t, pki.Request{})
	other, _ := newCA(t, pki.Request{Subject: dn(t, "CN=Other")})
	leaf := issue(t, ca, pki.Request{Subject: dn(t, "CN=leaf")})
	c, _ := parsed(t, leaf.Certificate)
	answer := func(by *pki.CA, serial *big.Int, from, to time.Time) []byte {
		der, err := by.Answer(serial, pki.Answer{Status: pki.StatusGood, ThisUpdate: from, NextUpdate: to})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	good := answer(ca, c.Serial, now, now.Add(time.Hour))
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
		{"another CA", answer(other, c.Serial, now, now.Add(time.Hour)), pki.ErrRefused},
		{"another certificate", answer(ca, big.NewInt(5), now, now.Add(time.Hour)), pki.ErrRefused},
		{"over", answer(ca, c.Serial, now.Add(-2*time.Hour), now.Add(-time.Hour)), pki.ErrRefused},
		{"not yet", answer(ca, c.Serial, now.Add(time.Hour), now.Add(2*time.Hour)), pki.ErrRefused},
		{"old, without a next update", answer(ca, c.Serial, now.Add(-25*time.Hour), time.Time{}), pki.ErrRefused},
		{"try later", ocsp.TryLaterErrorResponse, pki.ErrRefused},
		{"unauthorized", ocsp.UnauthorizedErrorResponse, pki.ErrRefused},
		{"about another issuer", signer(other.Certificate(), c.Serial), pki.ErrRefused},
		{"too long", make([]byte, 2<<20), pki.ErrParse},
	} {
		if _, err := pki.ReadOCSP(x.der, c, ca.Certificate(), path.Options{Time: now}); !errors.Is(err, x.kind) {
			t.Errorf("%s: %v", x.rule, err)
		}
	}
	if _, err := ca.Answer(c.Serial, pki.Answer{Status: "fine"}); !errors.Is(err, pki.ErrArgument) {
		t.Error(err)
	}
	edwards, _ := newCA(t, pki.Request{KeyType: "ed25519"})
	if _, err := edwards.Answer(c.Serial, pki.Answer{Status: pki.StatusGood, ThisUpdate: now}); !errors.Is(err, pki.ErrRefused) || !strings.Contains(err.Error(), "ed25519") {
		t.Error(err)
	}
}

// leafSigner answers in the name of another issuer with a responder of ca.
func leafSigner(ca *pki.CA, t testing.TB) (func(issuer *cert.Certificate, serial *big.Int) []byte, error) {
	responder := issue(t, ca, pki.Request{Subject: dn(t, "CN=responder"), Profile: profile(t, "ocsp")})
	_, goes := parsed(t, responder.Certificate)
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
	if got, err := pki.PostOCSP(t.Context(), nil, server.URL, []byte("q")); err != nil || string(got) != "answer" {
		t.Errorf("%q, %v", got, err)
	}
	for _, url := range []string{server.URL + "/bad", "http://127.0.0.1:" + freePort(t)} {
		if _, err := pki.PostOCSP(t.Context(), nil, url, nil); !errors.Is(err, pki.ErrRemote) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func FuzzReadOCSP(f *testing.F) {
	now := time.Now()
	ca, _ := newCA(f, pki.Request{})
	c, _ := parsed(f, issue(f, ca, pki.Request{Subject: dn(f, "CN=leaf")}).Certificate)
	good, err := ca.Answer(c.Serial, pki.Answer{Status: pki.StatusGood, ThisUpdate: now, NextUpdate: now.Add(time.Hour)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(ocsp.TryLaterErrorResponse)
	f.Fuzz(func(t *testing.T, der []byte) {
		if a, err := pki.ReadOCSP(der, c, ca.Certificate(), path.Options{Time: now}); err == nil && a.Status != pki.StatusGood {
			t.Fatalf("%+v was never signed", a)
		}
	})
}
