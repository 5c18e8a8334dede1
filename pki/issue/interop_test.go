package issue_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
)

func TestSelfSigned_othersAccept(t *testing.T) {
	t.Parallel()
	for _, keyType := range []string{"rsa2048", "p256", "p384", "p521", "ed25519"} {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			issued, _, _ := selfSigned(t, issue.Request{
				Subject: issuetest.Name(t, "CN=localhost,O=Example,C=DE"), KeyType: keyType,
				SANs: sans(t, "localhost", "127.0.0.1"),
			})
			issuetest.WritePEM(t, dir, "cert.pem", "CERTIFICATE", issued.Certificate)
			issuetest.WritePEM(t, dir, "key.pem", "PRIVATE KEY", issued.Key.PKCS8)
			issuetest.MustTool(t, dir, "openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost",
				"-CAfile", "cert.pem", "cert.pem")
			issuetest.MustTool(t, dir, "openssl", "pkey", "-in", "key.pem", "-check", "-noout")
			// certtool --verify takes no anchor that is not a CA's, so that it only reads here; a handshake is below.
			out := issuetest.MustTool(t, dir, "certtool", "--certificate-info", "--infile", "cert.pem")
			if !strings.Contains(out, "DNSname: localhost") {
				t.Error(out)
			}
		})
	}
}

func TestSelfSigned_caIsAcceptedByOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	issued, _, _ := selfSigned(t, issue.Request{Subject: issuetest.Name(t, "CN=Root,O=Example"), IsCA: true, KeyType: "p384"})
	issuetest.WritePEM(t, dir, "ca.pem", "CERTIFICATE", issued.Certificate)
	issuetest.MustTool(t, dir, "openssl", "verify", "-x509_strict", "-check_ss_sig", "-CAfile", "ca.pem", "ca.pem")
	issuetest.MustTool(t, dir, "certtool", "--verify", "--load-ca-certificate", "ca.pem", "--infile", "ca.pem")
}

// serveOpenSSL runs openssl s_server with cert.pem and key.pem of dir until the test ends.
func serveOpenSSL(t testing.TB, dir string, args ...string) (port string) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	port = issuetest.FreePort(t)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, append([]string{
		"s_server", "-quiet", "-accept", "127.0.0.1:" + port, "-cert", "cert.pem", "-key",
		"key.pem",
	}, args...)...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); cmd.Wait() })
	for range 100 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
			return port
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("openssl s_server does not listen")
	return ""
}

func TestSelfSigned_handshakes(t *testing.T) {
	t.Parallel()
	for _, keyType := range []string{"rsa2048", "p256", "ed25519"} {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			issued, _, goes := selfSigned(t, issue.Request{Subject: issuetest.Name(t, "CN=localhost"), KeyType: keyType})
			issuetest.WritePEM(t, dir, "cert.pem", "CERTIFICATE", issued.Certificate)
			issuetest.WritePEM(t, dir, "key.pem", "PRIVATE KEY", issued.Key.PKCS8)
			port := serveOpenSSL(t, dir)
			issuetest.MustTool(t, dir, "openssl", "s_client", "-connect", "127.0.0.1:"+port, "-servername", "localhost",
				"-verify_hostname", "localhost", "-verify_return_error", "-CAfile", "cert.pem", "-brief")
			roots := x509.NewCertPool()
			roots.AddCert(goes)
			c, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: roots, ServerName: "localhost"})
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		})
	}
}

// ML-DSA in TLS 1.3 (draft-ietf-tls-mldsa) is between two Go programs; OpenSSL has it from 3.5 on.
func TestSelfSigned_goHandshakeByKeyType(t *testing.T) {
	t.Parallel()
	for _, keyType := range []string{"p384", "p521", "mldsa44", "mldsa65", "mldsa87"} {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			issued, _, goes := selfSigned(t, issue.Request{Subject: issuetest.Name(t, "CN=localhost"), KeyType: keyType})
			signer, err := issued.Key.Signer()
			if err != nil {
				t.Fatal(err)
			}
			server := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{issued.Certificate}, PrivateKey: signer}}}
			roots := x509.NewCertPool()
			roots.AddCert(goes)
			if err := handshake(server, &tls.Config{RootCAs: roots, ServerName: "localhost"}); err != nil {
				t.Error(err)
			}
		})
	}
}

// handshake runs one between two configurations over a pipe.
func handshake(server, client *tls.Config) error {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	go func() { done <- tls.Server(a, server).Handshake() }()
	if err := tls.Client(b, client).Handshake(); err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if err := <-done; err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

func pemBytes(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
