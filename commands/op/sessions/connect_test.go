package sessions_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/sessions"
	"certkdb/kdb"
	"certkdb/pki/probe"
)

func TestConnect_namesTheCause(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, authority("Root"))
	sub := issue(t, root, authority("Sub"))
	low := issue(t, sub, authority("Low"))
	past := named("old", "server")
	past.NotBefore, past.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	future := named("new", "server")
	future.NotBefore, future.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
	leaf := issue(t, sub, named("server", "server"))
	strange := issue(t, nil, authority("Root")) // the same name, another key
	pair := tls.Certificate{Certificate: [][]byte{leaf.Raw, sub.Raw}, PrivateKey: leaf.key}
	old := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}
	mutual := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}
	plain := func(c net.Conn) {
		_, _ = io.WriteString(c, "220 ready\r\n")
		_, _ = io.Copy(io.Discard, c)
	}
	for name, c := range map[string]struct {
		serve        func(net.Conn)
		status, code string
		class        error
	}{
		"fine":                    {presenting(leaf, sub), "ok", "", nil},
		"expired":                 {presenting(issue(t, sub, past), sub), "expired", "expired", op.ErrExpired},
		"not yet valid":           {presenting(issue(t, sub, future), sub), "refused", "validity", op.ErrFindings},
		"another name":            {presenting(issue(t, sub, named("x", "other")), sub), "refused", "host", op.ErrFindings},
		"incomplete":              {presenting(leaf), "refused", "incomplete-chain", op.ErrFindings},
		"wrong order":             {presenting(issue(t, low, named("l", "server")), sub, low), "warning", "wrong-order", nil},
		"superfluous":             {presenting(leaf, sub, low), "warning", "superfluous", nil},
		"self-signed":             {presenting(issue(t, nil, named("s", "server"))), "refused", "self-signed", op.ErrFindings},
		"untrusted root":          {presenting(issue(t, strange, named("s", "server")), strange), "refused", "signature", op.ErrFindings},
		"two things at once":      {presenting(issue(t, nil, past)), "refused", "self-signed", op.ErrFindings},
		"TLS 1.0":                 {with(old), "failed", "version", op.ErrNetwork},
		"a client certificate":    {with(mutual), "failed", "certificate-required", op.ErrNetwork},
		"plain text":              {plain, "failed", "plain-text", op.ErrNetwork},
		"closed without a word":   {func(net.Conn) {}, "failed", "closed", op.ErrNetwork},
		"no name of this address": {nil, "failed", "name", op.ErrNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dialer{}
			if c.serve != nil {
				d["server:443"] = c.serve
			}
			s := environment(t, d, map[string]*identity{"root": root})
			connected, err := sessions.Connect{Targets: targets("server:443")}.Run(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			r, code := connected.Targets[0], ""
			if len(r.Findings) > 0 {
				code = r.Findings[0].Code
			}
			if string(r.Status) != c.status || code != c.code {
				t.Errorf("%s: %+v", r.Status, r.Findings)
			}
			if failed := connected.Incomplete(); !errors.Is(failed, c.class) || (failed == nil) != (c.class == nil) {
				t.Errorf("the error is %v", failed)
			}
		})
	}
}

// TestConnect_hostile: an answer in time, nothing stored, whatever the peer sends.
func TestConnect_hostile(t *testing.T) {
	t.Parallel()
	endless := func(part []byte) func(net.Conn) {
		return func(conn net.Conn) {
			for {
				if _, err := conn.Write(part); err != nil {
					return
				}
			}
		}
	}
	cutAt := func(n int64) func(net.Conn) {
		leaf := issue(t, nil, named("server", "server"))
		return func(conn net.Conn) {
			client, server := net.Pipe()
			go presenting(leaf)(server)
			go func() { _, _ = io.Copy(client, conn) }()
			_, _ = io.CopyN(conn, client, n)
			_ = client.Close()
		}
	}
	servers := dialer{
		"nothing:1": func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
		"zeros:1":   endless(make([]byte, 4096)),
		"text:1":    endless([]byte("\x1b[2J\u009b hello\r\n")),
		"records:1": endless([]byte{22, 3, 3, 0, 0}),
		"huge:1":    endless(append([]byte{22, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff}, bytes.Repeat([]byte{3}, 1<<14-4)...)),
	}
	for _, n := range []int64{1, 5, 6, 50, 130, 200, 400} {
		servers[fmt.Sprintf("cut%d:1", n)] = cutAt(n)
	}
	s := environment(t, servers, nil)
	o := sessions.Connect{Timeout: 300 * time.Millisecond, Keep: sessions.Keep{Accept: true}}
	for address := range servers {
		for _, protocol := range append(probe.Protocols(), "") {
			o.Targets = append(o.Targets, sessions.Target{Address: address, StartTLS: protocol})
		}
	}
	start := time.Now()
	connected, err := o.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range connected.Targets {
		if r.Status != sessions.StatusFailed || strings.ContainsAny(r.Findings[0].Cause, "\x1b\u009b\r\n") {
			t.Errorf("%s %s: %s %+v", r.Address, r.StartTLS, r.Status, r.Findings)
		}
	}
	if failed := connected.Incomplete(); !errors.Is(failed, op.ErrNetwork) || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %s", failed, time.Since(start))
	}
	if stored := labels(t, s); len(stored) > 0 {
		t.Errorf("stored %q", stored)
	}
}

func TestConnect_acceptStoresOnceAlsoInParallel(t *testing.T) {
	t.Parallel()
	first, second := issue(t, nil, named("TSM")), issue(t, nil, named("TSM"))
	var changed atomic.Bool
	d := dialer{"vault:1500": func(conn net.Conn) {
		if changed.Load() {
			presenting(second)(conn)
			return
		}
		presenting(first)(conn)
	}}
	s := environment(t, d, nil)
	accept := sessions.Connect{Targets: targets("vault:1500"), Keep: sessions.Keep{Accept: true}}
	var group sync.WaitGroup
	var added atomic.Int32
	for range 8 {
		group.Go(func() {
			mine := *s // a Session is for one goroutine
			connected, err := accept.Run(t.Context(), &mine)
			if err != nil || !connected.OK {
				t.Errorf("%v %+v", err, connected)
			}
			if connected.Changed {
				added.Add(1)
			}
		})
	}
	group.Wait()
	if got := labels(t, s); !slices.Equal(got, []string{"vault"}) || added.Load() != 1 {
		t.Fatalf("%q, added %d times", got, added.Load())
	}
	changed.Store(true)
	for _, keep := range []sessions.Keep{{}, {Accept: true}, {Save: true, Label: "vault", Fingerprint: hexSum(first)}} {
		accept.Keep = keep
		connected, err := accept.Run(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		f := connected.Targets[0].Findings[0]
		if connected.OK || connected.Changed || !strings.Contains(f.Cause, hexSum(first)) || !strings.Contains(f.Cause, hexSum(second)) {
			t.Errorf("%+v", f)
		}
	}
}

func hexSum(i *identity) string { return op.HexDigest(sha256.Sum256(i.Raw)) }

// What a trusted CA contradicts, and what is wrong in itself, is no first contact.
func TestConnect_acceptWantsNothingButTrust(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, authority("Root"))
	past := named("old", "server")
	past.NotBefore, past.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	for name, serve := range map[string]func(net.Conn){
		"expired":                         presenting(issue(t, nil, past)),
		"for another name, by a known CA": presenting(issue(t, root, named("x", "other"))),
		"of a known CA":                   presenting(issue(t, root, named("x", "server"))),
	} {
		s := environment(t, dialer{"server:443": serve}, map[string]*identity{"root": root})
		connected, err := sessions.Connect{Targets: targets("server:443"), Keep: sessions.Keep{Accept: true}}.Run(t.Context(), s)
		if err != nil || connected.Changed || len(labels(t, s)) != 1 {
			t.Errorf("%s: %v %+v", name, err, connected.Targets[0])
		}
	}
}

// counting counts the connections that are open at a time.
type counting struct {
	net.Conn
	open *atomic.Int32
	once sync.Once
}

func (c *counting) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// TestConnect_many: 500 servers that take half a second each need two rounds of 256, no more sockets than that, and no other time. The
// clock is that of the bubble, so that a busy machine makes no difference.
func TestConnect_many(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const slowest = 500 * time.Millisecond
		var all []sessions.Target
		for i := range 500 {
			all = append(all, sessions.Target{Address: fmt.Sprintf("server%d:443", i)})
		}
		s := environment(t, nil, nil)
		var open, most, steps, last atomic.Int32
		s.Env.Dial = func(context.Context, string, string) (net.Conn, error) {
			conn, silent := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, silent) }()
			if n := open.Add(1); n > most.Load() {
				most.Store(n)
			}
			return &counting{Conn: conn, open: &open}, nil
		}
		progress := func(done, total int) {
			steps.Add(1)
			if done == total {
				last.Add(1)
			}
		}
		start := time.Now()
		connected, err := sessions.Connect{Targets: all, Timeout: slowest, Progress: progress}.Run(t.Context(), s)
		if err != nil || connected.Counts.Failed != 500 {
			t.Fatalf("%v %+v", err, connected.Counts)
		}
		if took := time.Since(start); took != 2*slowest || most.Load() > 256 || open.Load() != 0 {
			t.Errorf("%s, %d connections at a time, %d left open", took, most.Load(), open.Load())
		}
		if steps.Load() != 500 || last.Load() != 1 {
			t.Errorf("progress was told %d times, and %d times that all is done", steps.Load(), last.Load())
		}
	})
}

func TestConnect_endsWhenInterrupted(t *testing.T) {
	t.Parallel()
	s := environment(t, dialer{"server:443": func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := (sessions.Connect{Targets: targets("server:443", "server:443")}).Run(ctx, s); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The names that a server sends are escaped in findings and results.
func TestConnect_namesAreSafe(t *testing.T) {
	t.Parallel()
	evil := issue(t, nil, x509.Certificate{Subject: pkix.Name{CommonName: "\x1b[2J\u009b" + strings.Repeat("x", 5000)}, IsCA: true})
	leaf := issue(t, evil, named("leaf", "server"))
	s := environment(t, dialer{"server:443": presenting(leaf)}, nil)
	connected, err := sessions.Connect{Targets: targets("server:443")}.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if text := connected.Incomplete().Error(); strings.ContainsAny(text, "\x1b\u009b") || len(text) > 1000 {
		t.Errorf("%q", text)
	}
}

// Two certificates for one name at once: the transaction finds out that the label is no longer free.
func TestConnect_acceptDecidesInTheTransaction(t *testing.T) {
	t.Parallel()
	first, second := issue(t, nil, named("TSM")), issue(t, nil, named("TSM"))
	s := environment(t, dialer{"vault:1500": presenting(first), "vault:1501": presenting(second)}, nil)
	o := sessions.Connect{Targets: targets("vault:1500", "vault:1501"), Keep: sessions.Keep{Accept: true}}
	connected, err := o.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	r := connected.Targets[1]
	if connected.Counts.OK != 1 || r.Status != sessions.StatusRefused || r.Findings[0].Code != sessions.CodeChanged {
		t.Errorf("%+v %s %+v", connected.Counts, r.Status, r.Findings)
	}
	if got := labels(t, s); !slices.Equal(got, []string{"vault"}) {
		t.Errorf("%q", got)
	}
}

// A certificate that somebody distrusted is not trusted again by a first contact.
func TestConnect_acceptKeepsDistrust(t *testing.T) {
	t.Parallel()
	self := issue(t, nil, named("TSM"))
	s := environment(t, dialer{"vault:1500": presenting(self)}, map[string]*identity{"vault": self})
	err := s.Database().Update(t.Context(), "distrust", func(tx kdb.Tx) error { return tx.Mark("vault", kdb.Marks{Trusted: new(false)}) })
	if err != nil {
		t.Fatal(err)
	}
	connected, err := sessions.Connect{Targets: targets("vault:1500"), Keep: sessions.Keep{Accept: true}}.Run(t.Context(), s)
	if err != nil || connected.OK || connected.Targets[0].Findings[0].Code != sessions.CodeDistrusted {
		t.Errorf("%v %+v", err, connected.Targets)
	}
}
