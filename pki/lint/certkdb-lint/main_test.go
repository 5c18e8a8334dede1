package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// A test binary with this in its environment is the program.
const asProgram = "CERTKDB_LINT_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Args = os.Args[:1]
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// selfSigned is a certificate with a country that is not one, and valid for too long.
func selfSigned(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "internal", Country: []string{"DEUTSCH"}},
		NotBefore: time.Now(), NotAfter: time.Now().AddDate(10, 0, 0), DNSNames: []string{"internal"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// ask gives requests to the program's loop and returns its answers.
func ask(t *testing.T, requests ...request) []answer {
	t.Helper()
	var in strings.Builder
	for _, r := range requests {
		if err := json.NewEncoder(&in).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := serve(strings.NewReader(in.String()), &out, func() { t.Error("late") }); err != nil {
		t.Fatal(err)
	}
	var answers []answer
	for line := range strings.Lines(out.String()) {
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(requests) {
		t.Fatalf("%d answers to %d requests", len(answers), len(requests))
	}
	return answers
}

func rulesOf(a answer) (names []string) {
	for _, f := range a.Findings {
		names = append(names, f.Rule)
	}
	return names
}

func TestReply_chooses(t *testing.T) {
	t.Parallel()
	const country = "e_subject_country_not_iso"
	der := selfSigned(t)
	answers := ask(
		t, request{Certificate: der}, request{Certificate: der, Sources: []string{"RFC5280"}},
		request{Certificate: der, IgnoreSources: []string{"CABF_BR"}},
		request{Certificate: der, Ignore: []string{country, "e_ext_authority_key_identifier_missing"}},
	)
	for i, want := range []bool{true, false, false, false} {
		names := rulesOf(answers[i])
		if answers[i].Error != "" || len(names) == 0 || slices.Contains(names, country) != want {
			t.Errorf("request %d: %+v", i, answers[i])
		}
	}
	for _, f := range answers[0].Findings {
		if f.Severity < 4 || f.Severity > 7 || f.Source == "" || f.What == "" || f.Section == "" {
			t.Errorf("%+v", f)
		}
	}
	if !slices.IsSortedFunc(answers[0].Findings, func(a, b finding) int { return b.Severity - a.Severity }) {
		t.Error("the worst are not first")
	}
}

func TestReply_refuses(t *testing.T) {
	t.Parallel()
	der := selfSigned(t)
	answers := ask(
		t, request{}, request{Certificate: der[:40]}, request{Certificate: der, Sources: []string{"Nobody"}},
		request{Certificate: der, IgnoreSources: []string{"Unknown"}}, request{Certificate: der, Ignore: []string{"e_nosuch"}},
	)
	for i, want := range []string{"certificate", "certificate", "rules", "rules", "rules"} {
		if answers[i].Error != want || answers[i].Text == "" || len(answers[i].Findings) > 0 {
			t.Errorf("request %d: %+v, want %s", i, answers[i], want)
		}
	}
	for _, line := range []string{"", "{", "[]", `{"certificate":"%"}`, `{"certificate":7}`} {
		if a := reply([]byte(line)); a.Error != "request" {
			t.Errorf("%s: %+v", line, a)
		}
	}
}

// Every source that the main program may name, and every retired rule, is known.
func TestChoose_knowsTheNames(t *testing.T) {
	t.Parallel()
	asked := request{Sources: []string{
		"RFC3279", "RFC5280", "RFC5480", "RFC5891", "RFC6960", "RFC6962", "RFC8813", "CABF_BR", "CABF_CS_BR", "CABF_SMIME_BR", "CABF_EV",
		"Mozilla", "Apple", "Chrome", "Community", "ETSI_ESI",
	}}
	for name := range retired {
		asked.Ignore = append(asked.Ignore, name)
	}
	if _, err := choose(asked); err != nil {
		t.Error(err)
	}
}

func TestServe_boundsARequest(t *testing.T) {
	t.Parallel()
	long := io.MultiReader(strings.NewReader(`{"certificate":"`), io.LimitReader(endless{}, maxRequest))
	if err := serve(long, io.Discard, func() {}); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
	broke := errors.New("broke")
	if err := serve(io.MultiReader(strings.NewReader("{}\n"), failing{broke}), io.Discard, func() {}); !errors.Is(err, broke) {
		t.Error(err)
	}
	if err := serve(strings.NewReader("{}\n"), failing{broke}, func() {}); !errors.Is(err, broke) {
		t.Error(err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'A'
	}
	return len(p), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestCut(t *testing.T) {
	t.Parallel()
	if got := cut("short"); got != "short" {
		t.Error(got)
	}
	if got := cut(strings.Repeat("ä", maxDetail)); len(got) > maxDetail+len("…") || !strings.HasSuffix(got, "ä…") {
		t.Error(got)
	}
}

// The system refuses memory beyond the limit, and the program ends.
func TestProgram_boundsItsMemory(t *testing.T) {
	t.Parallel()
	if os.Getenv("CERTKDB_LINT_GROW") != "" {
		if err := limitMemory(256 << 20); err != nil {
			t.Fatal(err)
		}
		var held [][]byte
		for range 64 {
			held = append(held, make([]byte, 16<<20))
			held[len(held)-1][0] = 1
		}
		t.Fatalf("%d blocks of 16 MiB", len(held))
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestProgram_boundsItsMemory$")
	cmd.Env = append(os.Environ(), "CERTKDB_LINT_GROW=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "out of memory") {
		t.Errorf("%v: %.500s", err, out)
	}
}

func TestProgram_endsWithItsInput(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdin = strings.NewReader("{}\n{}\n")
	out, err := cmd.Output()
	if err != nil || strings.Count(string(out), `"error":"certificate"`) != 2 {
		t.Errorf("%s, %v", out, err)
	}
}
