package main

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certkdb/scripts/conformancedata"
)

// stashed makes a database that opens without a password, and returns its path.
func stashed(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.ckdb")
	certkdb(t, "init", "--db", path, "--generate-password", "--stash")
	return path
}

// certkdb runs the program, which must succeed, and returns what it printed.
func certkdb(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("certkdb", args...)
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("certkdb %q: %v\n%s", args, err, errors.String())
	}
	return string(out)
}

// A certificate with an ML-DSA key (RFC 9881) is one that Go verifies, and one that serves TLS 1.3.
func TestMLDSA_verifiesAndServes(t *testing.T) {
	t.Parallel()
	db := stashed(t)
	for _, keyType := range []string{"mldsa44", "mldsa65", "mldsa87"} {
		certkdb(t, "create", keyType, "--db", db, "--cn", "localhost", "--key-type", keyType)
		cert, key := filepath.Join(t.TempDir(), "crt"), filepath.Join(t.TempDir(), "key")
		certkdb(t, "export", keyType, "--db", db, "--out", cert, "--format", "pem")
		certkdb(t, "export", keyType, "--db", db, "--key", "--out", key, "--format", "pem")
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatalf("%s: %v", keyType, err)
		}
		pem, err := os.ReadFile(cert)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			t.Fatalf("%s: no certificate in the exported file", keyType)
		}
		if err := pair.Leaf.CheckSignature(pair.Leaf.SignatureAlgorithm, pair.Leaf.RawTBSCertificate, pair.Leaf.Signature); err != nil {
			t.Errorf("%s: %v", keyType, err)
		}
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "localhost"}); err != nil {
			t.Errorf("%s: %v", keyType, err)
		}
		state, err := handshake(pair, roots)
		if err != nil || state.Version != tls.VersionTLS13 {
			t.Errorf("%s: TLS %x, %v", keyType, state.Version, err)
		}
		if _, err := handshake(pair, x509.NewCertPool()); err == nil {
			t.Errorf("%s: accepted without trust", keyType)
		}
	}
}

// handshake connects a client that trusts roots to a server with the certificate.
func handshake(pair tls.Certificate, roots *x509.CertPool) (state tls.ConnectionState, err error) {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		return state, err
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			conn.(*tls.Conn).Handshake() // the client tells whether it went well
			conn.Close()
		}
	}()
	dialer := &net.Dialer{Timeout: 20 * time.Second}
	client, err := tls.DialWithDialer(dialer, "tcp", listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		return state, err
	}
	defer client.Close()
	return client.ConnectionState(), nil
}

// ML-DSA keys come as a seed or as the expanded key (RFC 9881, 6): of both there are keys with certificates of others, and both
// sign.
func TestMLDSA_seedAndExpandedKeysSign(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(conformancedata.Folder(t), "pq", "lamps-wg-dilithium-certificates")
	for _, level := range []string{"44", "65", "87"} {
		for _, form := range []string{"seed", "expanded"} {
			t.Run(level+"-"+form, func(t *testing.T) {
				t.Parallel()
				key, err := os.ReadFile(filepath.Join(folder, "ML-DSA-"+level+"-"+form+".priv"))
				if err != nil {
					t.Skip(err)
				}
				cert, err := os.ReadFile(filepath.Join(folder, "ML-DSA-"+level+".crt"))
				if err != nil {
					t.Skip(err)
				}
				file := filepath.Join(t.TempDir(), "key.pem")
				if err := os.WriteFile(file, append(key, cert...), 0o600); err != nil {
					t.Fatal(err)
				}
				db := stashed(t)
				certkdb(t, "add", file, "--db", db, "--label", "pq")
				if shown := certkdb(t, "show", "pq", "--db", db, "--json"); !strings.Contains(shown, `"kind":"personal"`) ||
					!strings.Contains(shown, `"key_type":"mldsa`+level+`"`) {
					t.Fatalf("shown as %s", shown)
				}
				if said := certkdb(t, "renew", "pq", "--db", db, "--reuse-key"); !strings.Contains(said, "with the same key, signed by itself") {
					t.Errorf("renewing: %s", said)
				}
				certkdb(t, "trust", "pq", "--db", db)
				certkdb(t, "validate", "pq", "--db", db)
			})
		}
	}
}
