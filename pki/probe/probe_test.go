package probe_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"certkdb/pki/probe"
)

func TestRun_reportsTheSession(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, "CA")
	leaf := issue(t, ca, "server")
	for name, c := range map[string]struct {
		change func(*tls.Config)
		want   func(*probe.Result) bool
	}{
		"TLS 1.3, hybrid key exchange": {func(*tls.Config) {}, func(r *probe.Result) bool {
			yes, hybrid := r.PostQuantum()
			return r.Version == tls.VersionTLS13 && r.KeyExchange == tls.X25519MLKEM768 && r.KeyExchangeName() == "X25519MLKEM768" && yes && hybrid
		}},
		"TLS 1.3, X25519": {func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.X25519} }, func(r *probe.Result) bool {
			yes, _ := r.PostQuantum()
			return r.KeyExchangeName() == "X25519" && !yes
		}},
		"TLS 1.2, P-256": {func(c *tls.Config) {
			c.MaxVersion, c.CurvePreferences = tls.VersionTLS12, []tls.CurveID{tls.CurveP256}
		}, func(r *probe.Result) bool {
			return r.Version == tls.VersionTLS12 && r.KeyExchangeName() == "P256" &&
				tls.CipherSuiteName(r.CipherSuite) == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
		}},
		"ALPN": {func(c *tls.Config) { c.NextProtos = []string{"x", "h2"} }, func(r *probe.Result) bool { return r.ALPN == "h2" }},
		"staple": {func(c *tls.Config) {
			c.Certificates[0].OCSPStaple, c.Certificates[0].SignedCertificateTimestamps = []byte("response"), [][]byte{[]byte("sct")}
		}, func(r *probe.Result) bool { return string(r.OCSP) == "response" && string(r.SCTs[0]) == "sct" }},
		"no request": {func(*tls.Config) {}, func(r *probe.Result) bool {
			return r.Request == nil && r.OCSP == nil && r.ALPN == "" && r.Legacy == nil
		}},
		"certificate requested": {func(c *tls.Config) {
			c.ClientAuth, c.ClientCAs = tls.RequestClientCert, x509.NewCertPool()
			c.ClientCAs.AddCert(ca.Certificate)
		}, func(r *probe.Result) bool {
			return r.Request != nil && len(r.Request.CAs) == 1 && bytes.Equal(r.Request.CAs[0], ca.RawSubject) && len(r.Request.Schemes) > 0
		}},
		"certificate requested, TLS 1.2": {func(c *tls.Config) {
			c.ClientAuth, c.MaxVersion = tls.RequestClientCert, tls.VersionTLS12
		}, func(r *probe.Result) bool { return r.Request != nil && len(r.Request.CAs) == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := config(leaf.tls(ca))
			c.change(server)
			address := listen(t, serveTLS(server))
			r, f := run(t, probe.Options{Address: address, ServerName: "localhost", ALPN: []string{"h2", "http/1.1"}})
			if server.NextProtos == nil && f != nil || f != nil && f.Class != probe.ClassALPN {
				t.Fatal(f)
			}
			if !c.want(r) {
				t.Errorf("%+v", r)
			}
			sent := len(r.Chain) == 2 && bytes.Equal(r.Chain[0], leaf.Raw) && bytes.Equal(r.Chain[1], ca.Raw)
			if !sent || r.HostError != nil || r.Address != address {
				t.Errorf("chain of %d, host %v, address %s", len(r.Chain), r.HostError, r.Address)
			}
		})
	}
}

func TestResult_KeyExchangeName(t *testing.T) {
	t.Parallel()
	r := &probe.Result{Version: tls.VersionTLS12, CipherSuite: tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
	if r.KeyExchangeName() != "RSA" || (&probe.Result{}).KeyExchangeName() != "" {
		t.Error(r.KeyExchangeName())
	}
	r.KeyExchange = tls.MLKEM1024
	if yes, hybrid := r.PostQuantum(); !yes || hybrid {
		t.Error("MLKEM1024 is post-quantum and not hybrid")
	}
}

func TestRun_hostError(t *testing.T) {
	t.Parallel()
	address := listen(t, serveTLS(config(issue(t, nil, "server").tls())))
	names := map[string]bool{"": true, "127.0.0.1": true, "localhost": true, "localhost.": true, "other.example.com": false}
	for name, matches := range names {
		r, f := run(t, probe.Options{Address: address, ServerName: name})
		var host x509.HostnameError
		if f != nil || (r.HostError == nil) != matches || !matches && !errors.As(r.HostError, &host) {
			t.Errorf("%q: %v, %v", name, f, r.HostError)
		}
	}
}

func TestRun_legacyIsReportedOnly(t *testing.T) {
	t.Parallel()
	leaf := issue(t, nil, "server")
	for name, c := range map[string]struct {
		server  func(*tls.Config)
		options probe.Options
		class   probe.Class
		version uint16
		alert   string
	}{
		"TLS 1.0": {
			func(c *tls.Config) { c.MaxVersion = tls.VersionTLS10 },
			probe.Options{},
			probe.ClassVersion, tls.VersionTLS10,
			"protocol_version",
		},
		"TLS 1.1": {
			func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 },
			probe.Options{},
			probe.ClassVersion, tls.VersionTLS11,
			"protocol_version",
		},
		"TLS 1.2 where 1.3 is wanted": {
			func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
			probe.Options{MinVersion: tls.VersionTLS13},
			probe.ClassVersion, tls.VersionTLS12, "protocol_version",
		},
		"CBC with SHA-256 only": {func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256}
		}, probe.Options{}, probe.ClassNoCipher, tls.VersionTLS12, "handshake_failure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := config(leaf.tls())
			c.server(server)
			c.options.Address = listen(t, serveTLS(server))
			r, f := run(t, c.options)
			if class(f) != c.class || f.Alert != c.alert || r.Legacy == nil || r.Legacy.Version != c.version || r.Version != 0 || len(r.Chain) != 1 {
				t.Errorf("%v, %+v", f, r)
			}
		})
	}
}

func TestRun_noLegacyWhereNothingIsSpoken(t *testing.T) {
	t.Parallel()
	address := listen(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_, _ = conn.Write([]byte{21, 3, 3, 0, 2, 2, 70})
	})
	r, f := run(t, probe.Options{Address: address})
	if class(f) != probe.ClassVersion || f.AlertCode != 70 || r.Legacy != nil || r.Chain != nil {
		t.Errorf("%v, %+v", f, r)
	}
}

func TestRun_alerts(t *testing.T) {
	t.Parallel()
	for code, want := range map[byte]probe.Class{
		40: probe.ClassNoCipher, 71: probe.ClassNoCipher, 70: probe.ClassVersion, 112: probe.ClassServerName, 120: probe.ClassALPN,
		116: probe.ClassCertificateRequired, 80: probe.ClassAlert, 42: probe.ClassAlert, 200: probe.ClassAlert,
	} {
		address := listen(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1))
			_, _ = conn.Write([]byte{21, 3, 3, 0, 2, 2, code})
		})
		_, f := run(t, probe.Options{Address: address})
		if class(f) != want || f.AlertCode != code || f.Alert == "" || f.Stage != probe.StageHandshake {
			t.Errorf("%d: %v", code, f)
		}
	}
}

func TestRun_ALPN(t *testing.T) {
	t.Parallel()
	server := config(issue(t, nil, "server").tls())
	server.NextProtos = []string{"imap"}
	if _, f := run(t, probe.Options{Address: listen(t, serveTLS(server)), ALPN: []string{"h2"}}); class(f) != probe.ClassALPN {
		t.Error(f)
	}
}

func TestRun_clientCertificate(t *testing.T) {
	t.Parallel()
	ca, other := issue(t, nil, "CA"), issue(t, nil, "other CA")
	usage := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	good, bad := issue(t, ca, "client", usage).tls(), issue(t, other, "client", usage).tls()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := config(issue(t, ca, "server").tls())
		server.ClientAuth, server.ClientCAs, server.MaxVersion = tls.RequireAndVerifyClientCert, x509.NewCertPool(), version
		server.ClientCAs.AddCert(ca.Certificate)
		address := listen(t, serveTLS(server))
		for name, c := range map[string]struct {
			certificate *tls.Certificate
			want        probe.Class
		}{"none": {nil, probe.ClassCertificateRequired}, "good": {&good, ""}, "bad": {&bad, probe.ClassCertificateRejected}} {
			r, f := run(t, probe.Options{Address: address, Certificate: c.certificate})
			if class(f) != c.want || r.Request == nil || len(r.Chain) != 1 || r.Version != version {
				t.Errorf("%s, %s: %v, %+v", tls.VersionName(version), name, f, r)
			}
			if f != nil && (f.Alert == "" || (f.Stage == probe.StageAfter) != (version == tls.VersionTLS13)) {
				t.Errorf("%s: %v in stage %s", tls.VersionName(version), f, f.Stage)
			}
		}
	}
}

// TestRun_silentAfterHandshake: a server that asked for a certificate and says nothing more is content.
func TestRun_silentAfterHandshake(t *testing.T) {
	t.Parallel()
	server := config(issue(t, nil, "server").tls())
	server.ClientAuth = tls.RequestClientCert
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	address := listen(t, func(conn net.Conn) {
		s := tls.Server(conn, server)
		_ = s.Handshake()
		<-done // it would keep the client waiting for as long as that likes
	})
	if r, f := run(t, probe.Options{Address: address}); f != nil || r.Request == nil {
		t.Errorf("%v", f)
	}
}

func TestRun_connect(t *testing.T) {
	t.Parallel()
	closed := listen(t, func(net.Conn) {})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := l.Addr().String()
	l.Close()
	fails := func(err error) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) { return nil, err }
	}
	for name, c := range map[string]struct {
		options probe.Options
		want    probe.Class
	}{
		"no port":          {probe.Options{Address: "localhost"}, probe.ClassAddress},
		"unknown protocol": {probe.Options{Address: closed, StartTLS: "gopher"}, probe.ClassNoStartTLS},
		"refused":          {probe.Options{Address: refusing}, probe.ClassRefused},
		"no such name":     {probe.Options{Address: "x:1", Dial: fails(&net.DNSError{Err: "no such host", Name: "x"})}, probe.ClassName},
		"unreachable":      {probe.Options{Address: "x:1", Dial: fails(errors.New("no route"))}, probe.ClassUnreachable},
		"closes at once":   {probe.Options{Address: closed}, probe.ClassClosed},
	} {
		r, f := run(t, c.options)
		if class(f) != c.want || r.Version != 0 || r.Shape.Root != 0 && r.Shape.Root != -1 {
			t.Errorf("%s: %v", name, f)
		}
	}
}

// TestRun_timeouts: the clock is that of a bubble, so that a busy machine makes no difference.
func TestRun_timeouts(t *testing.T) {
	t.Parallel()
	silent := piped(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	drip := piped(func(conn net.Conn) {
		for _, c := range slices.Repeat([]byte("220-x\r\n"), 1000) {
			time.Sleep(20 * time.Millisecond)
			if _, err := conn.Write([]byte{c}); err != nil {
				return
			}
		}
	})
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, c := range map[string]struct {
		options probe.Options
		stage   probe.Stage
	}{
		"silent":              {probe.Options{Address: "x:1", Dial: silent}, probe.StageHandshake},
		"silent before TLS":   {probe.Options{Address: "x:1", Dial: silent, StartTLS: probe.SMTP}, probe.StageStartTLS},
		"a byte at a time":    {probe.Options{Address: "x:1", Dial: drip, StartTLS: probe.SMTP}, probe.StageStartTLS},
		"no connection":       {probe.Options{Address: "x:1", Dial: hang}, probe.StageConnect},
		"a greeting too slow": {probe.Options{Address: "x:1", Dial: silent, StartTLS: probe.MySQL}, probe.StageStartTLS},
	} {
		check := func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			defer cancel()
			if _, f := runContext(ctx, t, c.options); class(f) != probe.ClassTimeout || f.Stage != c.stage {
				t.Errorf("deadline: %v", f)
			}
			ctx, cancel = context.WithCancel(context.Background())
			time.AfterFunc(100*time.Millisecond, cancel)
			if _, f := runContext(ctx, t, c.options); class(f) != probe.ClassCanceled || f.Stage != c.stage {
				t.Errorf("cancel: %v", f)
			}
			time.Sleep(limit) // until the servers have ended
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, check)
		})
	}
}

// piped connects to a server without the network.
func piped(serve func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go serve(server)
		return client, nil
	}
}

// TestRun_defaultTimeout: a context without a deadline gets one.
func TestRun_defaultTimeout(t *testing.T) {
	t.Parallel()
	_, f := runContext(context.Background(), t, probe.Options{Address: "x:1", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		deadline, ok := ctx.Deadline()
		if left := time.Until(deadline); !ok || left > probe.DefaultTimeout || left < probe.DefaultTimeout/2 {
			t.Errorf("deadline in %s", left)
		}
		return nil, errors.New("enough")
	}})
	if class(f) != probe.ClassUnreachable {
		t.Error(f)
	}
}

// TestRun_legacyShowsNoCertificate: in old versions the client's certificate would cross the wire in the clear.
func TestRun_legacyShowsNoCertificate(t *testing.T) {
	t.Parallel()
	client := issue(t, nil, "client").tls()
	server := config(issue(t, nil, "server").tls())
	server.MaxVersion, server.ClientAuth = tls.VersionTLS11, tls.RequestClientCert
	server.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) > 0 {
			t.Error("the client's certificate was shown in TLS 1.1")
		}
		return nil
	}
	r, f := run(t, probe.Options{Address: listen(t, serveTLS(server)), Certificate: &client})
	if class(f) != probe.ClassVersion || r.Legacy == nil {
		t.Errorf("%v, %+v", f, r)
	}
}

func TestRun_plainText(t *testing.T) {
	t.Parallel()
	for greeting, speaks := range map[string]probe.Protocol{
		"220 mail.example.com ESMTP\r\n": probe.SMTP, "220 FTP server ready\r\n": probe.FTP, "* OK IMAP4rev1\r\n": probe.IMAP,
		"* PREAUTH hello\r\n": probe.IMAP,
		"+OK POP3\r\n":        probe.POP3, "200 news\r\n": probe.NNTP, "201 news\r\n": probe.NNTP,
		"\"IMPLEMENTATION\" \"x\"\r\nOK\r\n":   probe.Sieve,
		"<?xml version='1.0'?><stream:stream>": probe.XMPP, packet(mysqlGreeting): probe.MySQL,
		"HTTP/1.1 400 Bad Request\r\n": "http", "SSH-2.0-x\r\n": "ssh", "who are you?\r\n": "",
	} {
		address := listen(t, func(conn net.Conn) {
			_, _ = conn.Write([]byte(greeting))
			_, _ = conn.Read(make([]byte, 4096))
		})
		_, f := run(t, probe.Options{Address: address})
		if class(f) != probe.ClassPlainText || f.Speaks != speaks || !strings.Contains(greeting, f.Said[:5]) {
			t.Errorf("%q: %v, speaks %q, said %q", greeting, f, f.Speaks, f.Said)
		}
	}
}

func TestFailure_isSafeForATerminal(t *testing.T) {
	t.Parallel()
	address := listen(t, func(conn net.Conn) {
		_, _ = conn.Write([]byte("554 \x1b[31mred \u202e\xff\u009b2J\t\r\n" + strings.Repeat("x", 1000) + "\r\n"))
		_, _ = conn.Read(make([]byte, 4096))
	})
	_, f := run(t, probe.Options{Address: address, StartTLS: probe.SMTP})
	if class(f) != probe.ClassNoStartTLS || f.Said != `554 \u001b[31mred \u202e\xff\u009b2J\u0009` {
		t.Errorf("%v: %q", f, f.Said)
	}
	f = &probe.Failure{Class: probe.ClassProtocol, Err: errors.New("odd \x1b[2J"), Said: "x"}
	if got := f.Error(); got != `protocol: odd \u001b[2J: the peer said "x"` {
		t.Error(got)
	}
	f = &probe.Failure{Class: probe.ClassAlert, Alert: "internal_error", Err: errors.New("long")}
	if got := f.Error(); got != "alert: the peer sent the alert internal_error" {
		t.Error(got)
	}
}

func TestRun_closesTheConnection(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	address := listen(t, func(conn net.Conn) {
		serveTLS(config(issue(t, nil, "server").tls()))(conn)
		close(done)
	})
	if _, f := run(t, probe.Options{Address: address}); f != nil {
		t.Fatal(f)
	}
	select {
	case <-done:
	case <-time.After(limit):
		t.Error("the connection stays open")
	}
}
