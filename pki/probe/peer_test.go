package probe_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/probe"
)

// limit is longer than any test should take.
const limit = 20 * time.Second

// identity is a certificate with its key and issuer.
type identity struct {
	*x509.Certificate
	key    crypto.Signer
	issuer *identity
}

var serial atomic.Int64

// issue makes a certificate; a nil issuer makes it self-signed.
func issue(t testing.TB, issuer *identity, cn string, changes ...func(*x509.Certificate)) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: cn}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: strings.Contains(cn, "CA"),
	}
	if !c.IsCA {
		c.DNSNames = []string{"localhost"}
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	for _, change := range changes {
		change(c)
	}
	i := &identity{key: key, issuer: issuer}
	parent, signer := c, crypto.Signer(key)
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if i.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return i
}

// tls makes what a server or client shows, with more certificates behind it.
func (i *identity) tls(more ...*identity) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{i.Raw}, PrivateKey: i.key}
	for _, m := range more {
		c.Certificate = append(c.Certificate, m.Raw)
	}
	return c
}

func (i *identity) trusted(t testing.TB) []*cert.Certificate {
	t.Helper()
	c, err := cert.Parse(i.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return []*cert.Certificate{c}
}

// listen serves each connection on loopback until the test ends.
func listen(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(limit))
				serve(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// serveTLS makes a handshake and waits for the client to end.
func serveTLS(config *tls.Config) func(net.Conn) {
	return func(conn net.Conn) {
		server := tls.Server(conn, config)
		if server.Handshake() == nil {
			_, _ = io.Copy(io.Discard, server)
		}
		_ = server.Close()
	}
}

func config(certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS10}
}

// run probes with a limit of time.
func run(t testing.TB, o probe.Options) (*probe.Result, *probe.Failure) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return runContext(ctx, t, o)
}

func runContext(ctx context.Context, t testing.TB, o probe.Options) (*probe.Result, *probe.Failure) {
	t.Helper()
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	r, err := probe.Run(ctx, o)
	var f *probe.Failure
	if err != nil && !errors.As(err, &f) {
		t.Fatalf("the error is not a Failure: %v", err)
	}
	if r == nil {
		t.Fatal("no result")
	}
	return r, f
}

// class is the class of a failure, empty without one.
func class(f *probe.Failure) probe.Class {
	if f == nil {
		return ""
	}
	return f.Class
}

// play follows a script: what begins with "C:" is expected from the peer, the rest is sent. It returns what went wrong.
func play(conn net.Conn, script []string) error {
	for _, step := range script {
		if want, expect := strings.CutPrefix(step, "C:"); expect {
			got := make([]byte, len(want))
			if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, []byte(want)) {
				return fmt.Errorf("got %q, want %q: %w", got, want, err)
			}
		} else if _, err := io.WriteString(conn, step); err != nil {
			return err
		}
	}
	return nil
}
