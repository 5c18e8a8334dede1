package probe_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certkdb/pki/probe"

	"golang.org/x/crypto/ocsp"
)

// writePEM writes a key with its certificate, and returns the file's name.
func (i *identity) writePEM(t *testing.T) string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	data := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Raw})...)
	file := filepath.Join(t.TempDir(), "identity.pem")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// openssl starts openssl s_server and waits until it listens.
func openssl(t *testing.T, options ...string) string {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl")
	}
	for range 5 { // somebody else may take the port
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		l.Close()
		cmd := exec.Command(program, append([]string{"s_server", "-quiet", "-accept", address}, options...)...)
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
		if listens(address, ended) {
			return address
		}
		<-ended
		t.Logf("openssl s_server: %s", said.String())
	}
	t.Fatal("openssl s_server does not start")
	return ""
}

func listens(address string, ended <-chan struct{}) bool {
	for start := time.Now(); time.Since(start) < limit; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			conn.Close()
			return true
		}
		select {
		case <-ended:
			return false
		default:
		}
	}
	return false
}

func TestRun_openssl(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, "CA")
	leaf, client := issue(t, ca, "server"), issue(t, ca, "client")
	identity, authority := leaf.writePEM(t), ca.writePEM(t)
	shown := client.tls()
	for name, c := range map[string]struct {
		server  []string
		options probe.Options
		want    string
	}{
		"TLS 1.3": {[]string{"-tls1_3"}, probe.Options{}, "TLS 1.3, TLS_AES_128_GCM_SHA256"},
		"TLS 1.2": {
			[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"},
			probe.Options{},
			"TLS 1.2, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
		},
		"TLS 1.0":                     {[]string{"-tls1", "-cipher", "DEFAULT@SECLEVEL=0"}, probe.Options{}, "version, legacy TLS 1.0"},
		"TLS 1.2 where 1.3 is wanted": {[]string{"-tls1_2"}, probe.Options{MinVersion: tls.VersionTLS13}, "version, legacy TLS 1.2"},
		"ALPN": {
			[]string{"-alpn", "h2"}, probe.Options{ALPN: []string{"x", "h2"}}, "TLS 1.3, TLS_AES_128_GCM_SHA256, h2",
		},
		"client certificate, TLS 1.2": {[]string{"-tls1_2", "-Verify", "1", "-CAfile", authority}, probe.Options{}, "certificate-required"},
		"client certificate, TLS 1.3": {[]string{"-tls1_3", "-Verify", "1", "-CAfile", authority}, probe.Options{}, "certificate-required"},
		"client certificate, is shown": {
			[]string{"-Verify", "1", "-CAfile", authority, "-verify_return_error"},
			probe.Options{Certificate: &shown},
			"TLS 1.3, TLS_AES_128_GCM_SHA256, request",
		},
		"client certificate, unknown": {
			[]string{"-Verify", "1", "-CAfile", identity, "-verify_return_error"}, probe.Options{Certificate: &shown}, "certificate-rejected",
		},
		"client certificate, voluntary": {
			[]string{"-verify", "1", "-CAfile", authority}, probe.Options{}, "TLS 1.3, TLS_AES_128_GCM_SHA256, request",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.options.Address = openssl(t, append([]string{"-cert", identity, "-key", identity}, c.server...)...)
			r, f := run(t, c.options)
			got := string(class(f))
			if f == nil {
				got = tls.VersionName(r.Version) + ", " + tls.CipherSuiteName(r.CipherSuite)
			}
			for _, more := range []struct {
				yes  bool
				text string
			}{
				{r.Legacy != nil, ", legacy " + legacy(r)}, {r.ALPN != "", ", " + r.ALPN}, {f == nil && r.Request != nil, ", request"},
			} {
				if more.yes {
					got += more.text
				}
			}
			if got != c.want {
				t.Errorf("%s, want %s (%v)", got, c.want, f)
			}
		})
	}
}

// rsaPEM writes an RSA key with its self-signed certificate.
func rsaPEM(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rsa"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return (&identity{Certificate: parsed, key: key}).writePEM(t)
}

// TestRun_opensslRSAKeyExchange: a server without forward secrecy has nothing in common with a modern client; the report says so.
func TestRun_opensslRSAKeyExchange(t *testing.T) {
	t.Parallel()
	file := rsaPEM(t)
	r, f := run(t, probe.Options{Address: openssl(t, "-cert", file, "-key", file, "-tls1_2", "-cipher", "AES128-SHA")})
	if class(f) != probe.ClassNoCipher || f.Alert != "handshake_failure" || r.Legacy == nil || len(r.Chain) != 1 {
		t.Fatalf("%v, %+v", f, r)
	}
	if got := tls.CipherSuiteName(r.Legacy.CipherSuite); got != "TLS_RSA_WITH_AES_128_CBC_SHA" {
		t.Error(got)
	}
}

// TestRun_opensslServerName: a server that insists on a name it knows.
func TestRun_opensslServerName(t *testing.T) {
	t.Parallel()
	file := issue(t, nil, "server").writePEM(t)
	address := openssl(t, "-cert", file, "-key", file, "-cert2", file, "-key2", file, "-servername", "known.example.com", "-servername_fatal")
	if _, f := run(t, probe.Options{Address: address, ServerName: "known.example.com"}); f != nil {
		t.Error(f)
	}
	if _, f := run(t, probe.Options{Address: address, ServerName: "other.example.com"}); class(f) != probe.ClassServerName {
		t.Errorf("%v", f)
	}
}

// TestRun_opensslChain: chain and staple as openssl sends them.
func TestRun_opensslChain(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, "root CA")
	inner := issue(t, root, "inner CA")
	leaf := issue(t, inner, "server")
	staple := filepath.Join(t.TempDir(), "staple.der")
	response := goodResponse(t, inner, leaf)
	if err := os.WriteFile(staple, response, 0o600); err != nil {
		t.Fatal(err)
	}
	file := leaf.writePEM(t)
	address := openssl(t, "-cert", file, "-key", file, "-cert_chain", inner.writePEM(t), "-status_file", staple)
	r, f := run(t, probe.Options{Address: address, Trust: trusting(root.trusted(t))})
	if f != nil || len(r.Chain) != 2 || render(r.Shape) != "path [0 1]" || !bytes.Equal(r.OCSP, response) {
		t.Errorf("%v, %s, a staple of %d bytes", f, render(r.Shape), len(r.OCSP))
	}
}

func goodResponse(t *testing.T, issuer, subject *identity) []byte {
	t.Helper()
	now := time.Now().Truncate(time.Hour)
	der, err := ocsp.CreateResponse(issuer.Certificate, issuer.Certificate, ocsp.Response{
		Status: ocsp.Good, SerialNumber: subject.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(2 * time.Hour),
	}, issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func legacy(r *probe.Result) string {
	if r.Legacy == nil {
		return ""
	}
	return tls.VersionName(r.Legacy.Version)
}
