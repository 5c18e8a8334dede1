package inspect_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/pki/lint"

	"golang.org/x/crypto/ocsp"
)

// staple is a response of a CA about a certificate.
func staple(t *testing.T, ca, of *optest.Identity, status int) []byte {
	t.Helper()
	certificate, key := ca.Parts()
	c, _ := of.Parts()
	answer := ocsp.Response{Status: status, SerialNumber: c.SerialNumber, ThisUpdate: optest.Now.Add(-time.Minute), RevokedAt: optest.Now}
	der, err := ocsp.CreateResponse(certificate, certificate, answer, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestJudge: what a peer presents is judged by what the database trusts and has recorded, and by the response that it stapled.
func TestJudge(t *testing.T) {
	t.Parallel()
	root, stranger := optest.NewCA(t, "Root"), optest.NewCA(t, "Stranger")
	sub := root.CA(t, "Sub")
	web, gone, lost := sub.Issue(t, "web.example"), root.Issue(t, "gone.example"), stranger.Issue(t, "lost.example")
	pinned := root.Issue(t, "pinned.example")
	s := optest.New(t, root.Trusted("root"), sub.Personal("sub"), pinned.Trusted("pinned"), optest.Secret("aes"))
	revoke(t, s, root, gone, optest.Now.Add(-time.Hour))
	judge, err := inspect.NewJudge(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule string
		peer inspect.Peer
		want string // the rule that is broken, and a part of the reason; "" is valid
	}{
		{"its chain is complete", inspect.Peer{Chain: [][]byte{web.Certificate, sub.Certificate}}, ""},
		{"the database has the intermediate CA", inspect.Peer{Chain: [][]byte{web.Certificate}}, ""},
		{"for its host", inspect.Peer{Chain: [][]byte{web.Certificate}, Host: "web.example"}, ""},
		{"for another host", inspect.Peer{Chain: [][]byte{web.Certificate}, Host: "shop.example"}, "host "},
		{"of a CA that is not trusted", inspect.Peer{Chain: [][]byte{lost.Certificate, stranger.Certificate}}, "untrusted "},
		{"of that CA, but pinned", inspect.Peer{Chain: [][]byte{lost.Certificate}, Pinned: true}, ""},
		{"trusted itself", inspect.Peer{Chain: [][]byte{pinned.Certificate}}, ""},
		{"revoked by its CA here", inspect.Peer{Chain: [][]byte{gone.Certificate}}, "revoked it was revoked on"},
		{"not a certificate", inspect.Peer{Chain: [][]byte{{0x30, 0}}}, "malformed it cannot be read"},
		{"good", inspect.Peer{Chain: [][]byte{web.Certificate}, OCSP: staple(t, sub, web, ocsp.Good)}, ""},
		{"revoked", inspect.Peer{Chain: [][]byte{web.Certificate}, OCSP: staple(t, sub, web, ocsp.Revoked)}, "ocsp it was revoked on"},
		{"unknown", inspect.Peer{Chain: [][]byte{web.Certificate}, OCSP: staple(t, sub, web, ocsp.Unknown)}, "ocsp the responder does not know"},
		{"of another CA", inspect.Peer{Chain: [][]byte{web.Certificate}, OCSP: staple(t, stranger, web, ocsp.Good)}, "ocsp "},
		{"not a response", inspect.Peer{Chain: [][]byte{web.Certificate}, OCSP: []byte("x")}, "ocsp "},
	} {
		known, err := judge.Look(ctx, c.peer.Chain)
		if err != nil {
			t.Fatal(err)
		}
		got, err := known.Judge(ctx, c.peer)
		reason := ""
		if !got.Valid && len(got.Chains) > 0 && len(got.Chains[0].Failures) > 0 {
			reason = got.Chains[0].Failures[0].Rule + " " + got.Chains[0].Failures[0].Reason
		}
		if err != nil || got.Valid != (c.want == "") || !strings.HasPrefix(reason, c.want) {
			t.Errorf("%s: valid %t, %q, %v", c.rule, got.Valid, reason, err)
		}
		if got.OCSP != nil && got.OCSP.Source != "stapled" {
			t.Errorf("%s: the response is from %q", c.rule, got.OCSP.Source)
		}
	}
	known, err := judge.Look(ctx, [][]byte{pinned.Certificate, sub.Certificate, root.Certificate, stranger.Certificate})
	if err != nil {
		t.Fatal(err)
	}
	if known.Label(root.Certificate) != "root" || known.Label(stranger.Certificate) != "" {
		t.Errorf("labels %q, %q", known.Label(root.Certificate), known.Label(stranger.Certificate))
	}
	if !known.Trusts(pinned.Certificate) || known.Trusts(sub.Certificate) || len(known.Trusted()) != 2 {
		t.Errorf("%d certificates are trusted", len(known.Trusted()))
	}
}

// judged is only the error.
func judged(j *inspect.Judge, p inspect.Peer) error {
	known, err := j.Look(ctx, p.Chain)
	if err == nil {
		_, err = known.Judge(ctx, p)
	}
	return err
}

// TestJudge_readsWhatIsAbove: what has nothing to do with the chain is not read, however much there is.
func TestJudge_readsWhatIsAbove(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub")
	web := sub.Issue(t, "web.example")
	accesses := func(others int) (n int) {
		entries := []kdb.Entry{root.Trusted("root"), sub.Trusted("sub")}
		for i := range others {
			entries = append(entries, optest.NewCA(t, fmt.Sprintf("Other %d", i)).Trusted(fmt.Sprintf("other %d", i)))
		}
		peer := inspect.Peer{Name: "web", Chain: [][]byte{web.Certificate}}
		optest.EachFailure(t, func() *op.Session { return optest.New(t, entries...) }, func(s *op.Session) error {
			n++ // once for each access, and once more
			j, err := inspect.NewJudge(ctx, s)
			if err == nil {
				err = judged(j, peer)
			}
			return err
		})
		return n
	}
	if few, many := accesses(0), accesses(20); few != many {
		t.Errorf("%d accesses to a database of 2 entries, %d to one of 22", few, many)
	}
}

// linting lets a session ask a linter that has one answer. It notes what it was asked.
func linting(s *op.Session, answer string, asked *string) {
	s.Env.Lint = func(_ context.Context, request []byte) ([]byte, error) {
		if asked != nil {
			*asked = string(request)
		}
		return []byte(answer), nil
	}
}

// TestLint: findings are told in the linter's order, and only an error among them makes the certificate bad.
func TestLint(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	s := optest.New(t, root.Trusted("root"))
	file := optest.File(t, "root.pem", optest.PEM(root.Trusted("")))
	finding := func(severity, rule string) string {
		return `{"severity":` + severity + `,"rule":"` + rule + `","source":"RFC5280","what":"a demand","section":"4.1","detail":"found"}`
	}
	for _, c := range []struct {
		rule, answer string
		findings     string
		errors       int
	}{
		{"clean", `{}`, "", 0},
		{"a notice and a warning", `{"findings":[` + finding("5", "w_a") + "," + finding("4", "n_b") + `]}`, "warning w_a, notice n_b", 0},
		{"errors", `{"findings":[` + finding("7", "e_a") + "," + finding("6", "e_b") + `]}`, "error e_a, error e_b", 2},
	} {
		var asked string
		linting(s, c.answer, &asked)
		for _, o := range []inspect.Lint{{Label: "root", Profile: "webpki"}, {File: file, Profile: "webpki"}} {
			linted, err := o.Run(ctx, s)
			var got []string
			for _, f := range linted.Findings {
				got = append(got, f.Severity+" "+f.Rule)
				if f.Source != "RFC5280" || f.Section != "4.1" || f.What != "a demand" || f.Detail != "found" {
					t.Errorf("%s: %+v", c.rule, f)
				}
			}
			if strings.Join(got, ", ") != c.findings || linted.Errors != c.errors || linted.Profile != "webpki" || linted.Findings == nil {
				t.Errorf("%s: %+v", c.rule, linted)
			}
			if (err != nil) != (c.errors > 0) || err != nil && !errors.Is(err, op.ErrFindings) || !strings.Contains(asked, "certificate") {
				t.Errorf("%s: asked %.60s, %v", c.rule, asked, err)
			}
		}
	}
	for rule, c := range map[string]struct {
		answer, profile string
		want            error
	}{
		"rules that there are not": {`{}`, "odd", op.ErrUsage},
		"an unreadable one":        {`{"error":"certificate","text":"x"}`, "all", kdb.ErrParse},
		"no answer":                {``, "all", lint.ErrUnavailable},
	} {
		linting(s, c.answer, nil)
		if linted, err := (inspect.Lint{Label: "root", Profile: c.profile}).Run(ctx, s); !errors.Is(err, c.want) || linted.Errors > 0 {
			t.Errorf("%s: %+v, %v", rule, linted, err)
		}
	}
}

// TestJudge_notes: what is valid, and refused by others.
func TestJudge_notes(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	staples := root.Issue(t, "web.example", func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte("\x30\x03\x02\x01\x05")}}
	})
	anything := root.Issue(t, "any.example", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} })
	stranger := root.Issue(t, "stranger.example", func(c *x509.Certificate) {
		id := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 35}, Value: []byte("\x30\x03\x80\x01\x07")}
		c.ExtraExtensions = append(c.ExtraExtensions, id)
	})
	sub := root.CA(t, "Any CA", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} })
	below := sub.Issue(t, "below.example")
	spelt := root.As(t, "ROOT").Issue(t, "spelt.example")
	plain := root.Issue(t, "plain.example")
	anyRoot := optest.NewCA(t, "Any Root", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} })
	nameless := optest.NewCA(t, "")
	judge, err := inspect.NewJudge(ctx, optest.New(t, root.Trusted("root"), anyRoot.Trusted("any"), nameless.Trusted("nameless")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of     *optest.Identity
		staple []byte
		want   string
	}{
		{plain, nil, "[]"},
		{staples, staple(t, root, staples, ocsp.Good), "[]"},
		{staples, nil, "must-staple, but the server stapled no OCSP response"},
		{stranger, nil, "certificate 0 of the chain says of certificate 1: key identifier 07, not "},
		{anything, nil, "anyExtendedKeyUsage, without serverAuth: OpenSSL and NSS refuse it"},
		{below, nil, "certificate 1 of the chain is anyExtendedKeyUsage, without serverAuth: OpenSSL and GnuTLS refuse the chain"},
		{spelt, nil, "certificate 0 of the chain writes the name of its issuer otherwise than certificate 1 does"},
		{anyRoot.Issue(t, "under.example"), nil, "[]"},
		{nameless.Issue(t, "nobody.example"), nil, "certificate 0 of the chain names no issuer (RFC 5280, 4.1.2.4): Java refuses it"},
	} {
		chain := append([][]byte{c.of.Certificate}, c.of.Chain...)
		known, err := judge.Look(ctx, chain)
		if err != nil {
			t.Fatal(err)
		}
		v, err := known.Judge(ctx, inspect.Peer{Chain: chain, OCSP: c.staple})
		if got := fmt.Sprint(v.Notes); err != nil || !v.Valid || !strings.Contains(got, c.want) {
			t.Errorf("%s, %v; want %s", got, err, c.want)
		}
	}
}
