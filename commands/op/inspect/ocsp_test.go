package inspect_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
	"certkdb/kdb"

	"golang.org/x/crypto/ocsp"
)

// responder answers OCSP requests for a CA: the serial numbers in revoked are, all others are good.
func responder(t *testing.T, ca *optest.Identity, revoked ...string) string {
	t.Helper()
	certificate, key := ca.Parts()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		asked, err := ocsp.ParseRequest(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer := ocsp.Response{Status: ocsp.Good, SerialNumber: asked.SerialNumber, ThisUpdate: optest.Now.Add(-time.Minute)}
		for _, serial := range revoked {
			if n, ok := new(big.Int).SetString(serial, 16); ok && n.Cmp(asked.SerialNumber) == 0 {
				answer.Status, answer.RevokedAt, answer.RevocationReason = ocsp.Revoked, optest.Now.Add(-time.Hour), ocsp.KeyCompromise
			}
		}
		der, err := ocsp.CreateResponse(certificate, certificate, answer, key)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(der)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// naming lets a certificate name OCSP responders.
func naming(urls ...string) optest.Adapt {
	return func(c *x509.Certificate) { c.OCSPServer = urls }
}

// TestValidate_OCSP: the verdict follows the responder that was named, or that the certificate names, and the result says who that was.
func TestValidate_OCSP(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	bad := root.Issue(t, "bad.example")
	url := responder(t, root, bad.Serial(t))
	named := root.Issue(t, "named.example", naming("ldap://directory.example/", url))
	s := optest.New(t, root.Trusted("root"), root.Issue(t, "web.example").Personal("web"), bad.Personal("bad"), named.Personal("named"))
	for _, c := range []struct{ label, ocsp, status, reason string }{
		{"web", url, "good", ""},
		{"bad", url, "revoked", "it was revoked on " + optest.Now.Add(-time.Hour).Format(time.RFC3339) + " (keyCompromise)"},
		{"named", "certificate", "good", ""},
		{"web", strings.Replace(url, "http", "HTTP", 1), "good", ""},
	} {
		got, err := inspect.Validate{Labels: []string{c.label}, MaxDepth: -1, OCSP: c.ocsp}.Run(ctx, s)
		if len(got.Results) != 1 || got.Results[0].OCSP == nil {
			t.Fatalf("%s: %+v, %v", c.label, got, err)
		}
		a := got.Results[0].OCSP
		if a.Status != c.status || !strings.EqualFold(a.Source, url) || !a.ThisUpdate.Equal(optest.Now.Add(-time.Minute)) {
			t.Errorf("%s: %+v", c.label, a)
		}
		if (c.reason == "") != (err == nil) || err != nil && (!errors.Is(err, op.ErrInvalid) || !strings.HasSuffix(err.Error(), c.reason)) {
			t.Errorf("%s: %v", c.label, err)
		}
	}
}

// TestValidate_hostileResponders: no answer of another makes a certificate valid, and each failure names the responder.
func TestValidate_hostileResponders(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	s := optest.New(t, root.Trusted("root"), root.Issue(t, "web.example").Personal("web"))
	elsewhere := responder(t, root)
	serve := func(answer http.HandlerFunc) string {
		server := httptest.NewServer(answer)
		t.Cleanup(server.Close)
		return server.URL
	}
	for rule, c := range map[string]struct {
		url  string
		kind error
		want string
	}{
		"a status": {
			serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }), op.ErrNetwork, "HTTP status 403 Forbidden",
		},
		"another host": {
			serve(http.RedirectHandler(elsewhere, http.StatusTemporaryRedirect).ServeHTTP), op.ErrNetwork, "another host",
		},
		"no end": {
			serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, 2<<20) }), op.ErrNetwork, "more than 1048576 bytes",
		},
		"text": {
			serve(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>\x1b[2J") }), kdb.ErrParse, "reading an OCSP response",
		},
	} {
		got, err := inspect.Validate{Labels: []string{"web"}, MaxDepth: -1, OCSP: c.url}.Run(ctx, s)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\x1b") || len(got.Results) > 0 {
			t.Errorf("%s: %+v, %v", rule, got, err)
		}
		if c.kind == op.ErrNetwork && !strings.Contains(err.Error(), c.url) {
			t.Errorf("%s: the error does not name the responder: %v", rule, err)
		}
	}
	other := responder(t, optest.NewCA(t, "Root")) // the same name, another key
	if got, err := (inspect.Validate{Labels: []string{"web"}, MaxDepth: -1, OCSP: other}).Run(ctx, s); !errors.Is(err, op.ErrInvalid) {
		t.Errorf("a response of another CA: %+v, %v", got, err)
	}
}

// zeros is a source without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestValidate_certificateNamesNoFile: only the caller names a file with a response; a certificate that does is not followed.
func TestValidate_certificateNamesNoFile(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	file := optest.File(t, "good.ocsp", "a response")
	sly := root.Issue(t, "sly.example", naming(file, "file://"+file))
	s := optest.New(t, root.Trusted("root"), sly.Personal("sly"))
	_, err := inspect.Validate{Labels: []string{"sly"}, MaxDepth: -1, OCSP: "certificate"}.Run(ctx, s)
	if p, ok := errors.AsType[*op.Problem](err); !ok || p.Code != op.NoResponder {
		t.Error(err)
	}
	if _, err := (inspect.Validate{Labels: []string{"sly"}, MaxDepth: -1, OCSP: file}).Run(ctx, s); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("the caller names it: %v", err)
	}
	if _, err := (inspect.Validate{Labels: []string{"sly"}, MaxDepth: -1, OCSP: "/none/x"}).Run(ctx, s); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}
