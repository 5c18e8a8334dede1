// Package issuetest makes CAs and certificates for tests, and runs the programs of others on them.
package issuetest

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

// Name reads a distinguished name.
func Name(t testing.TB, text string) name.Name {
	t.Helper()
	n, err := name.ParseString(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Profile returns a profile by its name.
func Profile(t testing.TB, wanted string) issue.Profile {
	t.Helper()
	p, err := issue.ProfileNamed(wanted)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// NewCA makes a self-signed CA, with a subject of its own unless the request has one.
func NewCA(t testing.TB, r issue.Request) (*issue.CA, issue.Issued) {
	t.Helper()
	r.IsCA = true
	if r.Subject.Empty() {
		r.Subject = Name(t, "CN=Root,O=Example,C=DE")
	}
	issued, err := issue.SelfSigned(r)
	if err != nil {
		t.Fatal(err)
	}
	return AsCA(t, issued), issued
}

// AsCA opens the CA of an issued certificate.
func AsCA(t testing.TB, issued issue.Issued) *issue.CA {
	t.Helper()
	ca, err := issue.NewCA(issued.Certificate, issued.Key)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// Issue issues a certificate.
func Issue(t testing.TB, ca *issue.CA, r issue.Request) issue.Issued {
	t.Helper()
	issued, err := ca.Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// Parse reads a certificate with the parser of this module and with Go's.
func Parse(t testing.TB, der []byte) (*cert.Certificate, *x509.Certificate) {
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

// Tool runs the program of somebody else in a folder, and returns all that it prints. Where it is not installed, the test is skipped.
func Tool(t testing.TB, dir, program string, args ...string) (string, error) {
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

// MustTool is [Tool] for runs that must succeed.
func MustTool(t testing.TB, dir, program string, args ...string) string {
	t.Helper()
	out, err := Tool(t, dir, program, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return out
}

// WritePEM writes blocks of one type to a file, and returns its path.
func WritePEM(t testing.TB, dir, file, kind string, ders ...[]byte) string {
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

// FreePort finds a TCP port that is free now.
func FreePort(t testing.TB) string {
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
