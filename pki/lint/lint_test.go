package lint_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"certkdb/commands/lintprogram/linttest"
	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/key"
	"certkdb/pki/lint"
	"certkdb/pki/name"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := linttest.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func TestCheck_whatIsMadeHereIsClean(t *testing.T) {
	t.Parallel()
	program := linttest.Program(t)
	for what, der := range threeGenerations(t) {
		findings, err := program.Check(der, "rfc5280")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			if f.Severity == lint.Error {
				t.Errorf("%s: %s", what, f)
			}
		}
	}
	for _, p := range issue.Profiles() {
		for _, keyType := range []string{"rsa2048", "p256"} {
			issued := selfSigned(t, issue.Request{Subject: dn(t, "CN=x.example,O=Example,C=DE"), Profile: p, KeyType: keyType})
			findings, err := program.Check(issued.Certificate, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if f.Severity >= lint.Warning {
					t.Errorf("%s, %s: %s", p.Name, keyType, f)
				}
			}
		}
	}
}

func TestCheck_findsWhatIsWrong(t *testing.T) {
	t.Parallel()
	program := linttest.Program(t)
	issued := selfSigned(t, issue.Request{
		Subject: dn(t, "CN=internal,C=DEUTSCH"), Days: 4000,
		SANs: []cert.GeneralName{{Type: cert.DNSName, Value: []byte("internal")}},
	})
	findings, err := program.Check(issued.Certificate, "webpki")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range findings {
		names = append(names, f.Name)
		if f.Source == "" || f.What == "" || f.String() == "" {
			t.Errorf("%+v", f)
		}
	}
	for _, want := range []string{"e_tls_server_cert_valid_time_longer_than_398_days", "e_subject_country_not_iso"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not in %q", want, names)
		}
	}
	if !slices.IsSortedFunc(findings, func(a, b lint.Finding) int { return int(b.Severity - a.Severity) }) {
		t.Error("the worst are not first")
	}
}

func TestCheck_refusals(t *testing.T) {
	t.Parallel()
	program := linttest.Program(t)
	if _, err := program.Check([]byte("no certificate"), ""); !errors.Is(err, pki.ErrParse) {
		t.Error(err)
	}
	issued := selfSigned(t, issue.Request{Subject: dn(t, "CN=x")})
	if _, err := program.Check(issued.Certificate, "mood"); !errors.Is(err, pki.ErrArgument) {
		t.Error(err)
	}
	for _, keyType := range key.Types() {
		if keyType == "rsa3072" || keyType == "rsa4096" {
			continue // as rsa2048, but slow to make
		}
		issued := selfSigned(t, issue.Request{Subject: dn(t, "CN=x"), KeyType: keyType})
		for _, rules := range lint.RuleSets() {
			if _, err := program.Check(issued.Certificate, rules); err != nil {
				t.Errorf("%s, %s: %v", keyType, rules, err)
			}
		}
	}
}

// dn reads a name or fails the test.
func dn(t testing.TB, text string) name.Name {
	t.Helper()
	n, err := name.ParseString(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func requestFor(t testing.TB, subject string) issue.Request {
	t.Helper()
	return issue.Request{Subject: dn(t, subject), KeyType: "p256"}
}

func selfSigned(t testing.TB, r issue.Request) issue.Issued {
	t.Helper()
	issued, err := issue.SelfSigned(r)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// threeGenerations are a root, an intermediate with name constraints and a path length, and a server.
func threeGenerations(t testing.TB) map[string][]byte {
	t.Helper()
	zero := 0
	root := selfSigned(t, issue.Request{Subject: dn(t, "CN=Root,O=Example,C=DE"), IsCA: true})
	constraint, err := issue.ParseConstraint("dns:example.com")
	if err != nil {
		t.Fatal(err)
	}
	below := issuedBy(t, root, issue.Request{
		Subject: dn(t, "CN=Issuing,O=Example,C=DE"), IsCA: true, MaxPathLen: &zero, Permitted: []cert.GeneralName{constraint},
	})
	leaf := issuedBy(t, below, issue.Request{
		Subject: dn(t, "CN=tls.example.com,O=Example,C=DE"), Days: 90,
		CRLURLs: []string{"http://crl.example.com/i.crl"}, OCSPURLs: []string{"http://ocsp.example.com"},
		IssuerURLs: []string{"http://example.com/i.der"},
	})
	return map[string][]byte{"root": root.Certificate, "intermediate": below.Certificate, "leaf": leaf.Certificate}
}

func issuedBy(t testing.TB, by issue.Issued, r issue.Request) issue.Issued {
	t.Helper()
	ca, err := issue.NewCA(by.Certificate, by.Key)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}
