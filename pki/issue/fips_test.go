package issue_test

import (
	"crypto/fips140"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"certkdb/pki"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
	"certkdb/pki/key"
)

func TestFIPS_needsTheModule(t *testing.T) {
	t.Parallel()
	if fips140.Enabled() {
		t.Skip("it is on")
	}
	_, err := issue.SelfSigned(issue.Request{Subject: issuetest.Name(t, "CN=x"), FIPS: true})
	if !errors.Is(err, pki.ErrFIPS) || !strings.Contains(err.Error(), "GODEBUG=fips140=on") {
		t.Error(err)
	}
}

// The module is chosen at the start of a program, so that the test runs itself again with it.
func TestFIPS_withTheModule(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFIPS_everyKeyType$")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=on", "CERTKDB_TEST_FIPS=1")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestFIPS_everyKeyType(t *testing.T) {
	if os.Getenv("CERTKDB_TEST_FIPS") == "" {
		t.Skip("run by TestFIPS_withTheModule")
	}
	if !fips140.Enabled() {
		t.Fatal("the module is off")
	}
	for _, keyType := range key.Types() {
		if keyType == "rsa3072" || keyType == "rsa4096" {
			continue // as rsa2048, but slow to make
		}
		ca, root := issuetest.NewCA(t, issue.Request{KeyType: keyType, FIPS: true})
		made := newRequest(t, issue.Request{Subject: issuetest.Name(t, "CN=x.example"), Key: &root.Key, FIPS: true})
		if _, err := ca.Sign(made.Request, issue.Request{FIPS: true}, true); err != nil {
			t.Errorf("%s: %v", keyType, err)
		}
	}
}
