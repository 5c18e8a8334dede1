package pki_test

import (
	"errors"
	"slices"
	"testing"

	"certkdb/pki"
	"certkdb/pki/key"
)

func TestLint_whatIsMadeHereIsClean(t *testing.T) {
	t.Parallel()
	root, intermediate, leaf := threeGenerations(t, "p256")
	for what, issued := range map[string]pki.Issued{"root": root, "intermediate": intermediate, "leaf": leaf} {
		findings, err := pki.Lint(issued.Certificate, "rfc5280")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			if f.Severity == pki.LintError {
				t.Errorf("%s: %s", what, f)
			}
		}
	}
	for _, p := range pki.Profiles() {
		for _, keyType := range []string{"rsa2048", "p256"} {
			issued, _, _ := selfSigned(t, pki.Request{Subject: dn(t, "CN=x.example,O=Example,C=DE"), Profile: p, Key: testKey(t, keyType)})
			findings, err := pki.Lint(issued.Certificate, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if f.Severity >= pki.LintWarning {
					t.Errorf("%s, %s: %s", p.Name, keyType, f)
				}
			}
		}
	}
}

func TestLint_findsWhatIsWrong(t *testing.T) {
	t.Parallel()
	issued, _, _ := selfSigned(t, pki.Request{Subject: dn(t, "CN=internal,C=DEUTSCH"), Days: 4000, SANs: sans(t, "internal")})
	findings, err := pki.Lint(issued.Certificate, "webpki")
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
	if !slices.IsSortedFunc(findings, func(a, b pki.Finding) int { return int(b.Severity - a.Severity) }) {
		t.Error("the worst are not first")
	}
}

func TestLint_refusals(t *testing.T) {
	t.Parallel()
	if _, err := pki.Lint([]byte("no certificate"), ""); !errors.Is(err, pki.ErrParse) {
		t.Error(err)
	}
	issued, _, _ := selfSigned(t, pki.Request{Subject: dn(t, "CN=x")})
	if _, err := pki.Lint(issued.Certificate, "mood"); !errors.Is(err, pki.ErrArgument) {
		t.Error(err)
	}
	for _, keyType := range key.Types() {
		issued, _, _ := selfSigned(t, pki.Request{Subject: dn(t, "CN=x"), Key: testKey(t, keyType)})
		for _, rules := range pki.LintProfiles() {
			if _, err := pki.Lint(issued.Certificate, rules); err != nil {
				t.Errorf("%s, %s: %v", keyType, rules, err)
			}
		}
	}
}
