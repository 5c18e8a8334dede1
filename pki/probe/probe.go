// Package probe makes a TLS handshake with a server, directly or after STARTTLS, and reports what it saw: protocol, cipher suite, key
// exchange, the chain as the server sent it, the stapled OCSP response, what the server asks of the client; or why there was no handshake.
//
//	result, err := probe.Run(ctx, probe.Options{Dial: dialer.DialContext, Address: "db.example.com:5432", StartTLS: probe.Postgres})
//	var failure *probe.Failure
//	if errors.As(err, &failure) {
//		fmt.Println(failure.Class, failure.Alert)
//	}
//
// Nothing is trusted and nothing judged here: the caller validates Result.Chain. All that comes from the peer is bounded, and the context
// limits the time. The package opens no files; connections come from the caller.
package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"certkdb/pki/cert"
)

// DefaultTimeout limits a probe whose context has no deadline.
const DefaultTimeout = 10 * time.Second

// afterHandshake is how long a TLS 1.3 server that asked for a certificate may take to refuse the client.
const afterHandshake = 2 * time.Second

// secondLook limits the time of a second connection, which only explains what the first one has found.
const secondLook = 3 * time.Second

// Options say whom to connect to, and how.
type Options struct {
	// Dial opens a connection, as net.Dialer.DialContext does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Address is host:port.
	Address string
	// ServerName is the name to ask for (SNI) and to compare with the certificate; the host of Address if empty.
	ServerName string
	// StartTLS is the protocol in which to ask for TLS; empty for none.
	StartTLS Protocol
	// MinVersion and MaxVersion are TLS 1.2 and 1.3 by default. TLS 1.0 and 1.1 are tried only to report them, see Result.Legacy.
	MinVersion, MaxVersion uint16
	ALPN                   []string
	// Certificate is shown to a server that asks for one.
	Certificate *tls.Certificate
	// Trust returns, for the chain that the peer presented, trusted certificates that may stand for a missing issuer in Result.Shape. It is
	// called once if there is a chain; nil knows none.
	Trust func(chain [][]byte) []*cert.Certificate
}

// Presented is what a server presents of itself.
type Presented struct {
	// Chain is in DER and in the server's order.
	Chain [][]byte
	// OCSP is the stapled response, nil if there is none.
	OCSP []byte
	// SCTs are the signed certificate timestamps of the TLS extension.
	SCTs [][]byte
}

// Result is what a handshake showed. After a failure it has what was seen until then.
type Result struct {
	// Version is the protocol (tls.VersionTLS13, …), 0 if the server did not choose one.
	Version     uint16
	CipherSuite uint16
	// KeyExchange is the group, 0 for RSA key exchange.
	KeyExchange tls.CurveID
	ALPN        string
	ServerName  string
	Presented
	// Shape says how the chain is made up.
	Shape Shape
	// HostError says that the certificate is not for ServerName; nil also if Go cannot read the certificate.
	HostError error
	// Request is what the server asks of a client certificate, nil if it does not ask.
	Request *CertificateRequest
	// Legacy is what the server speaks if it has nothing in common with the options; it is never used for a session.
	Legacy *Legacy
	// Address is the address of the peer.
	Address string
	// Duration is the time from the first byte of TLS to the end of the handshake.
	Duration time.Duration
}

// CertificateRequest is what a server asks of a client certificate.
type CertificateRequest struct {
	// CAs are the DER names of the issuers that the server takes; none means any.
	CAs [][]byte
	// Schemes are the signature algorithms that the server takes.
	Schemes []tls.SignatureScheme
}

// Legacy is an outdated protocol or cipher suite.
type Legacy struct {
	Version, CipherSuite uint16
}

// PostQuantum says whether the key exchange withstands a quantum computer; Hybrid ones are also as good as a classical one.
func (r *Result) PostQuantum() (yes, hybrid bool) {
	switch r.KeyExchange {
	case tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024:
		return true, true
	case tls.MLKEM1024:
		return true, false
	}
	return false, false
}

// KeyExchangeName names the key exchange as IANA does; "RSA" where the client encrypts a secret to the certificate's key.
func (r *Result) KeyExchangeName() string {
	switch {
	case r.KeyExchange != 0:
		return strings.TrimPrefix(r.KeyExchange.String(), "Curve")
	case strings.HasPrefix(tls.CipherSuiteName(r.CipherSuite), "TLS_RSA_"):
		return "RSA"
	}
	return ""
}

// attempt is one connection.
type attempt struct {
	*Options
	*Result
	legacy bool
	wire   *recorder
	// stage is how far it came.
	stage Stage
}

// Run connects and makes a handshake. The result is never nil; the error is a [Failure].
func Run(ctx context.Context, o Options) (*Result, error) {
	host, _, err := net.SplitHostPort(o.Address)
	if err != nil {
		return &Result{}, &Failure{Class: ClassAddress, Stage: StageConnect, Err: err}
	}
	if o.StartTLS != "" && dialogues()[o.StartTLS] == nil {
		return &Result{}, &Failure{Class: ClassNoStartTLS, Stage: StageConnect, Err: fmt.Errorf("unknown protocol %q", o.StartTLS)}
	}
	if o.ServerName == "" {
		o.ServerName = host
	}
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	r := &Result{ServerName: o.ServerName}
	a := &attempt{Options: &o, Result: r}
	err = a.failure(ctx, a.run(ctx))
	var f *Failure
	if errors.As(err, &f) {
		a.lookCloser(ctx, f)
	}
	var trust []*cert.Certificate
	if o.Trust != nil && len(r.Chain) > 0 {
		trust = o.Trust(r.Chain)
	}
	r.Shape = shapeOf(r.Chain, trust)
	r.HostError = hostError(r.Chain, o.ServerName)
	return r, err
}

// lookCloser finds out more about a failure, if need be by a second connection.
func (a *attempt) lookCloser(ctx context.Context, f *Failure) {
	ctx, cancel := context.WithTimeout(ctx, secondLook)
	defer cancel()
	if a.Chain == nil {
		// crypto/tls does not hand out certificates that crypto/x509 cannot read; up to TLS 1.2 they cross the wire in the clear.
		a.Chain = a.wire.certificates()
	}
	switch {
	case f.Class == ClassVersion || f.Class == ClassNoCipher:
		a.lookForLegacy(ctx)
	case f.Class == ClassProtocol && a.wire.serverVersion() == tls.VersionTLS13 && a.Chain == nil:
		again := a.again()
		again.MaxVersion = tls.VersionTLS12
		_ = again.run(ctx) // it fails as the first one did
		a.Chain = again.wire.certificates()
	}
	if f.Class == ClassProtocol && len(a.Chain) > 0 {
		if _, err := x509.ParseCertificate(a.Chain[0]); err != nil {
			f.Class = ClassCertificate
		}
	}
}

// lookForLegacy tries outdated protocols and cipher suites.
func (a *attempt) lookForLegacy(ctx context.Context) {
	again := a.again()
	again.legacy = true
	_ = again.run(ctx) // what was seen counts
	if again.Version == 0 {
		return
	}
	a.Legacy = &Legacy{again.Version, again.CipherSuite}
	if a.Chain == nil {
		a.Presented = again.Presented
	}
}

// again prepares a second connection. It shows no certificate: in old versions that would cross the wire in the clear.
func (a *attempt) again() *attempt {
	o := *a.Options
	o.Certificate = nil
	return &attempt{Options: &o, Result: &Result{}}
}

// run makes one connection.
func (a *attempt) run(ctx context.Context) error {
	a.stage = StageConnect
	a.wire = &recorder{}
	conn, err := a.Dial(ctx, "tcp", a.Options.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if remote := conn.RemoteAddr(); remote != nil {
		a.Result.Address = remote.String()
	}
	if a.StartTLS != "" {
		a.stage = StageStartTLS
		if err := startTLS(conn, a.StartTLS, a.Options.ServerName); err != nil {
			return err
		}
	}
	a.stage = StageHandshake
	a.wire.Conn = conn
	return a.handshake(ctx)
}

func (a *attempt) handshake(ctx context.Context) error {
	start := time.Now()
	conn := tls.Client(a.wire, a.config())
	err := conn.HandshakeContext(ctx)
	a.Duration = time.Since(start)
	if a.Version != 0 {
		a.KeyExchange = conn.ConnectionState().CurveID // TLS 1.2 agrees on it after the certificates
	}
	if err != nil {
		return err
	}
	if a.Version == tls.VersionTLS13 && a.Request != nil {
		a.stage = StageAfter
		return a.acceptance(ctx, conn)
	}
	_ = conn.Close() // the handshake is what counts
	return nil
}

// acceptance waits for the server's word on the client's certificate, which in TLS 1.3 follows the handshake (RFC 8446, 4.4.2.4). The
// client ends its side first, so that a server that is content has nothing more to say.
func (a *attempt) acceptance(ctx context.Context, conn *tls.Conn) error {
	if err := conn.CloseWrite(); err != nil {
		return nil // the server has closed the connection without a word
	}
	deadline, _ := ctx.Deadline()
	if soon := time.Now().Add(afterHandshake); soon.Before(deadline) {
		deadline = soon
	}
	_ = conn.SetReadDeadline(deadline)
	buf := make([]byte, 4096)
	for range 16 {
		if _, err := conn.Read(buf); err != nil {
			if _, remote := alertOf(err); remote {
				return err
			}
			return nil
		}
	}
	return nil
}

// config makes the client that reports everything and trusts nothing; trust is decided in inspect.
func (a *attempt) config() *tls.Config {
	c := &tls.Config{
		ServerName: a.Options.ServerName, NextProtos: a.Options.ALPN, InsecureSkipVerify: true,
		MinVersion: max(a.MinVersion, tls.VersionTLS12), MaxVersion: a.MaxVersion,
		VerifyPeerCertificate: a.keepChain, VerifyConnection: a.inspect, GetClientCertificate: a.present,
	}
	if a.legacy {
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS12
		for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
			c.CipherSuites = append(c.CipherSuites, suite.ID)
		}
	}
	return c
}

func (a *attempt) keepChain(chain [][]byte, _ [][]*x509.Certificate) error {
	a.Chain = nil
	for _, der := range chain {
		a.Chain = append(a.Chain, slices.Clone(der))
	}
	return nil
}

func (a *attempt) inspect(state tls.ConnectionState) error {
	a.Version, a.CipherSuite = state.Version, state.CipherSuite
	a.Result.ALPN, a.OCSP, a.SCTs = state.NegotiatedProtocol, state.OCSPResponse, state.SignedCertificateTimestamps
	return nil
}

func (a *attempt) present(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	a.Request = &CertificateRequest{CAs: slices.Clone(info.AcceptableCAs), Schemes: slices.Clone(info.SignatureSchemes)}
	if a.Certificate == nil {
		return &tls.Certificate{}, nil
	}
	return a.Certificate, nil
}

func hostError(chain [][]byte, name string) error {
	if len(chain) == 0 {
		return nil
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil // the caller's validation says so
	}
	return leaf.VerifyHostname(strings.TrimSuffix(name, "."))
}
