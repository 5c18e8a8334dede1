package status_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/name"
)

// dn reads a name or fails the test.
func dn(t testing.TB, text string) name.Name {
	t.Helper()
	n, err := name.ParseString(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// newCA makes a self-signed CA or fails the test.
func newCA(t testing.TB, r issue.Request) (*issue.CA, issue.Issued) {
	t.Helper()
	r.IsCA = true
	if r.Subject.Empty() {
		r.Subject = dn(t, "CN=Root,O=Example,C=DE")
	}
	issued, err := issue.SelfSigned(r)
	if err != nil {
		t.Fatal(err)
	}
	return asCA(t, issued), issued
}

func asCA(t testing.TB, issued issue.Issued) *issue.CA {
	t.Helper()
	ca, err := issue.NewCA(issued.Certificate, issued.Key)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func mustIssue(t testing.TB, ca *issue.CA, r issue.Request) issue.Issued {
	t.Helper()
	issued, err := ca.Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func parsed(t testing.TB, der []byte) (*cert.Certificate, *x509.Certificate) {
	t.Helper()
	ours, err := cert.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	goes, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return ours, goes
}

func profile(t testing.TB, wanted string) issue.Profile {
	t.Helper()
	p, err := issue.ProfileNamed(wanted)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tool runs a foreign program, skipping the test only where it is not installed.
func tool(t testing.TB, dir, program string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mustTool is tool for runs that must succeed.
func mustTool(t testing.TB, dir, program string, args ...string) string {
	t.Helper()
	out, err := tool(t, dir, program, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return out
}

func writePEM(t testing.TB, dir, file, kind string, ders ...[]byte) string {
	t.Helper()
	var b bytes.Buffer
	for _, der := range ders {
		if err := pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, file)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// freePort finds a TCP port that is free now.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
