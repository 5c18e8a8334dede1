package issue_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
	"certkdb/pki/key"

	"github.com/cloudflare/cfssl/api/info"
	"github.com/cloudflare/cfssl/api/signhandler"
	"github.com/cloudflare/cfssl/config"
	"github.com/cloudflare/cfssl/signer/local"
)

const serverConfig = `{"signing": {
	"default": {"usages": ["digital signature", "server auth"], "expiry": "8760h"},
	"profiles": {"auth": {"usages": ["digital signature", "client auth"], "expiry": "24h", "auth_key": "k"}}},
	"auth_keys": {"k": {"type": "standard", "key": "00112233445566778899aabbccddeeff"}}}`

// serveCFSSL runs cfssl's own handlers, those of cfssl serve, over a CA of ours.
func serveCFSSL(t testing.TB) (url string, root issue.Issued) {
	t.Helper()
	_, root = issuetest.NewCA(t, issue.Request{})
	_, goes := issuetest.Parse(t, root.Certificate)
	signer, err := root.Key.Signer()
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.LoadConfig([]byte(serverConfig))
	if err != nil {
		t.Fatal(err)
	}
	s, err := local.NewSigner(signer, goes, goes.SignatureAlgorithm, cfg.Signing)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := signhandler.NewHandlerFromSigner(s)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := signhandler.NewAuthHandlerFromSigner(s)
	if err != nil {
		t.Fatal(err)
	}
	about, err := info.NewHandler(s)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/v1/cfssl/info", about)
	mux.Handle("/api/v1/cfssl/sign", plain)
	mux.Handle("/api/v1/cfssl/authsign", auth)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, root
}

func TestRemote_cfsslsOwnServer(t *testing.T) {
	t.Parallel()
	url, root := serveCFSSL(t)
	made := newRequest(t, issue.Request{Subject: issuetest.Name(t, "CN=remote.example"), SANs: sans(t, "remote.example")})
	for _, c := range []struct {
		rule    string
		remote  issue.Remote
		purpose string
		kind    error
	}{
		{"the default profile", issue.Remote{URL: url}, "1.3.6.1.5.5.7.3.1", nil},
		{"without a scheme", issue.Remote{URL: strings.TrimPrefix(url, "http://")}, "1.3.6.1.5.5.7.3.1", nil},
		{"authenticated", issue.Remote{URL: url, Profile: "auth", AuthKey: "00112233445566778899aabbccddeeff"}, "1.3.6.1.5.5.7.3.2", nil},
		{"wrong key", issue.Remote{URL: url, Profile: "auth", AuthKey: "ff112233445566778899aabbccddeeff"}, "", pki.ErrRefused},
		{"no key", issue.Remote{URL: url, Profile: "auth"}, "", pki.ErrRefused},
		{"an invalid key", issue.Remote{URL: url, AuthKey: "env:HOME"}, "", pki.ErrArgument},
		{"no server", issue.Remote{URL: "http://127.0.0.1:" + issuetest.FreePort(t)}, "", pki.ErrRemote},
		{"no URL", issue.Remote{URL: "ftp://x"}, "", pki.ErrArgument},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			der, err := c.remote.Sign(t.Context(), made.Request)
			if !errors.Is(err, c.kind) {
				t.Fatalf("got %v, want %v", err, c.kind)
			}
			if c.kind != nil {
				return
			}
			ours, goes := issuetest.Parse(t, der)
			_, issuer := issuetest.Parse(t, root.Certificate)
			if err := goes.CheckSignatureFrom(issuer); err != nil || ours.ExtKeyUsage[0] != c.purpose || !key.SameKey(ours.RawSPKI, made.Key.SPKI) {
				t.Errorf("%v, purposes %v", err, ours.ExtKeyUsage)
			}
		})
	}
}

func TestRemote_CA(t *testing.T) {
	t.Parallel()
	url, root := serveCFSSL(t)
	der, err := issue.Remote{URL: url}.CA(t.Context())
	if err != nil || !bytes.Equal(der, root.Certificate) {
		t.Errorf("%d bytes, %v", len(der), err)
	}
}

// A server that answers anything at all makes an error, not a panic, and no other key's certificate is taken.
func TestRemote_answersThatAreNone(t *testing.T) {
	t.Parallel()
	made := newRequest(t, issue.Request{Subject: issuetest.Name(t, "CN=remote.example")})
	other, _, _ := selfSigned(t, issue.Request{Subject: issuetest.Name(t, "CN=remote.example")})
	pem := strings.ReplaceAll(string(pemBytes(other.Certificate)), "\n", `\n`)
	for rule, c := range map[string]struct {
		status int
		body   string
		kind   error
	}{
		"nothing":             {200, "", pki.ErrParse},
		"no JSON":             {200, "<html>", pki.ErrParse},
		"null":                {200, "null", pki.ErrParse},
		"no result":           {200, `{"success":true}`, pki.ErrParse},
		"a number":            {200, `{"success":true,"result":{"certificate":7}}`, pki.ErrParse},
		"no PEM":              {200, `{"success":true,"result":{"certificate":"x"}}`, pki.ErrParse},
		"an error":            {400, `{"success":false,"errors":[{"code":5200,"message":"no"}]}`, pki.ErrRefused},
		"a proxy's error":     {502, "bad gateway", pki.ErrRemote},
		"another certificate": {200, `{"success":true,"result":{"certificate":"` + pem + `"}}`, pki.ErrRemote},
		"no end":              {200, strings.Repeat("x", 2<<20), pki.ErrRemote},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				w.Write([]byte(c.body))
			}))
			defer server.Close()
			if _, err := (issue.Remote{URL: server.URL}).Sign(t.Context(), made.Request); !errors.Is(err, c.kind) {
				t.Errorf("got %v, want %v", err, c.kind)
			}
		})
	}
}

func TestRemote_canBeCancelled(t *testing.T) {
	t.Parallel()
	made := newRequest(t, issue.Request{Subject: issuetest.Name(t, "CN=remote.example")})
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer server.Close()
	defer close(hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := (issue.Remote{URL: server.URL}).Sign(ctx, made.Request); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestReadProfiles(t *testing.T) {
	t.Parallel()
	profiles, err := issue.ReadProfiles([]byte(`{"signing": {"default": {"usages": ["digital signature"], "expiry": "48h"}, "profiles": {
		"www": {"usages": ["digital signature", "server auth"], "expiry": "720h", "backdate": "1h", "crl_url": "http://c.example/a.crl",
			"ocsp_url": "http://o.example", "issuer_urls": ["http://i.example/a.der"], "name_whitelist": "^[a-z.]*example\\.com$",
			"policies": [{"ID": "1.2.3.4", "Qualifiers": [{"type": "id-qt-cps", "value": "http://p.example"}]}],
			"csrwhitelist": {"PublicKey": true, "DNSNames": true, "Subject": true}, "allowed_extensions": ["1.2.3.5"]},
		"sub": {"usages": ["cert sign", "crl sign"], "expiry": "8760h", 
			"ca_constraint": {"is_ca": true, "max_path_len": 0, "max_path_len_zero": true}},
		"far": {"remote": "main"}}}, "remotes": {"main": "https://ca.example:8888"}}`))
	if err != nil {
		t.Fatal(err)
	}
	ca, _ := issuetest.NewCA(t, issue.Request{})
	www, err := issue.ProfileNamed("www", profiles...)
	if err != nil {
		t.Fatal(err)
	}
	issued := issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=a.example.com"), Profile: www})
	ours, goes := issuetest.Parse(t, issued.Certificate)
	if got := ours.NotAfter.Sub(ours.NotBefore); got != 720*time.Hour {
		t.Errorf("valid for %s", got)
	}
	if goes.CRLDistributionPoints[0] != "http://c.example/a.crl" || goes.OCSPServer[0] != "http://o.example" ||
		goes.IssuingCertificateURL[0] != "http://i.example/a.der" {
		t.Error(goes.CRLDistributionPoints, goes.OCSPServer, goes.IssuingCertificateURL)
	}
	if !bytes.Contains(goes.Extensions[len(goes.Extensions)-1].Value, []byte("http://p.example")) &&
		!bytes.Contains(issued.Certificate, []byte("http://p.example")) {
		t.Error("no practice statement")
	}
	if www.Names == nil || www.Take == nil || !www.Take.DNSNames || www.Take.URIs || len(www.AllowedExtensions) != 1 {
		t.Errorf("%+v", www)
	}
	sub, err := issue.ProfileNamed("sub", profiles...)
	if err != nil {
		t.Fatal(err)
	}
	made := issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=Sub"), Profile: sub})
	if ours, _ := issuetest.Parse(t, made.Certificate); !ours.IsCA ||
		ours.MaxPathLen != 0 {
		t.Errorf("CA %v, path length %d", ours.IsCA, ours.MaxPathLen)
	}
	far, err := issue.ProfileNamed("far", profiles...)
	if err != nil {
		t.Fatal(err)
	}
	if remote, ok := far.Remote(); !ok || remote.URL != "https://ca.example:8888" || remote.Profile != "far" {
		t.Errorf("%+v, %v", remote, ok)
	}
	if _, err := issue.ProfileNamed("nope", profiles...); !errors.Is(err, pki.ErrArgument) || !strings.Contains(err.Error(), "www") {
		t.Error(err)
	}
}

func TestReadProfiles_refusals(t *testing.T) {
	t.Parallel()
	for rule, text := range map[string]string{
		"nothing": "", "null": "null", "text": "x", "no signing": "{}", "a list": "[]",
		"no expiry":      `{"signing":{"profiles":{"a":{"usages":["server auth"]}}}}`,
		"bad expiry":     `{"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"soon"}}}}`,
		"null profile":   `{"signing":{"profiles":{"a":null}}}`,
		"unknown usage":  `{"signing":{"profiles":{"a":{"usages":["server auth","fly"],"expiry":"1h"}}}}`,
		"bad expression": `{"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h","name_whitelist":"("}}}}`,
		"unknown remote": `{"signing":{"profiles":{"a":{"remote":"x"}}}}`,
		"dates reversed": `{"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h",` +
			`"not_before":"2030-01-01T00:00:00Z","NOT_AFTER":"2029-01-01T00:00:00Z"}}}}`,
		"unknown member": `{"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h","name_white_list":"x"}}}}`,
		"two of a name": `{"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h"}}},` +
			`"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h","x":1}}}}`,
		"two spellings": `{"signing":{"profiles":{"b":{"usages":["server auth"],"expiry":"1h"}}},` +
			`"Signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h","x":1}}}}`,
		"trailing":      `{"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h"}}}} more`,
		"nested member": `{"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h","policies":[{"ID":"1.2.3","Qualifier":[]}]}}}}`,
		"deeper member": `{"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h",` +
			`"policies":[{"ID":"1.2.3","Qualifiers":[{"Typ":"id-qt-cps"}]}]}}}}`,
		"usages twice":    `{"signing":{"profiles":{"a":{"usages":["server auth"],"Usages":["client auth"],"expiry":"1h"}}}}`,
		"unknown authkey": `{"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h","auth_key":"x"}}}}`,
	} {
		profiles, err := issue.ReadProfiles([]byte(text))
		if err == nil {
			_, err = issue.ProfileNamed("a", profiles...)
		}
		if !errors.Is(err, pki.ErrParse) || strings.Contains(err.Error(), `{"code"`) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}
