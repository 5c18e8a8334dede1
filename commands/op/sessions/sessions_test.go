package sessions_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/sessions"
	"certkdb/kdb"
	"certkdb/kdb/memory"
)

// identity is a certificate with its key.
type identity struct {
	*x509.Certificate
	key crypto.Signer
}

var serial atomic.Int64

// issue makes a certificate; a nil issuer makes it self-signed.
func issue(t testing.TB, issuer *identity, c x509.Certificate) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(serial.Add(1))
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	c.BasicConstraintsValid = c.IsCA
	i := &identity{key: key}
	parent, signer := &c, crypto.Signer(key)
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if i.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return i
}

func named(cn string, dns ...string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: cn}, DNSNames: dns}
}

func authority(cn string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: cn}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
}

// dialer has the servers of addresses. Each connection is one over loopback of its own.
type dialer map[string]func(net.Conn)

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	serve := d[address]
	if serve == nil {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		server, err := listener.Accept()
		listener.Close()
		if err != nil {
			return
		}
		defer server.Close()
		_ = server.SetDeadline(time.Now().Add(20 * time.Second))
		serve(server)
	}()
	return new(net.Dialer).DialContext(ctx, network, listener.Addr().String())
}

// presenting makes handshakes with a certificate and what it sends besides.
func presenting(leaf *identity, more ...*identity) func(net.Conn) {
	pair := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: leaf.key}
	for _, m := range more {
		pair.Certificate = append(pair.Certificate, m.Raw)
	}
	return with(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10})
}

func with(config *tls.Config) func(net.Conn) {
	return func(conn net.Conn) {
		server := tls.Server(conn, config)
		if server.Handshake() == nil {
			_, _ = io.Copy(io.Discard, server)
		}
		_ = server.Close()
	}
}

// environment is a session on a database in memory that trusts some certificates.
func environment(t testing.TB, d dialer, trusted map[string]*identity) *op.Session {
	t.Helper()
	db := memory.New("x", "ckdb")
	env := &op.Env{Now: time.Now, Dial: d.dial, User: func() string { return "" }, Host: func() string { return "" }}
	err := db.Update(t.Context(), "add", func(tx kdb.Tx) error {
		for label, i := range trusted {
			if err := tx.Put(kdb.Entry{Label: label, Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{i.Raw}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return op.Attach(env, "x", db)
}

func targets(addresses ...string) []sessions.Target {
	var list []sessions.Target
	for _, a := range addresses {
		list = append(list, sessions.Target{Address: a})
	}
	return list
}

// labels lists what a database has.
func labels(t testing.TB, s *op.Session) []string {
	t.Helper()
	var list []string
	err := s.View(t.Context(), func(tx kdb.Tx) error {
		for summary, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			list = append(list, summary.Label)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
