package probe_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/pki/probe"
)

// cut closes a connection once n bytes were written.
type cut struct {
	net.Conn
	n int
}

var errCut = errors.New("cut")

func (c *cut) Write(p []byte) (int, error) {
	if len(p) > c.n {
		n, _ := c.Conn.Write(p[:c.n])
		c.n -= n
		c.Conn.Close()
		return n, errCut
	}
	c.n -= len(p)
	return c.Conn.Write(p)
}

// dialOnce probes over a connection that is there already.
func dialOnce(t testing.TB, conn net.Conn, p probe.Protocol) *probe.Failure {
	t.Helper()
	dial := func(context.Context, string, string) (net.Conn, error) {
		if conn == nil {
			return nil, errors.New("once only")
		}
		only := conn
		conn = nil
		return only, nil
	}
	_, f := run(t, probe.Options{Dial: dial, Address: "pipe:1", StartTLS: p, ServerName: "localhost"})
	return f
}

// TestRun_closesAnywhere cuts the handshake after every byte of the server.
func TestRun_closesAnywhere(t *testing.T) {
	t.Parallel()
	leaf := issue(t, nil, "server")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			server := config(leaf.tls())
			server.MaxVersion, server.SessionTicketsDisabled = version, true
			for n := 0; ; n++ {
				if n > 150 {
					n += 6 // the rest in steps, to be quick
				}
				if n > 10_000 {
					t.Fatal("it never succeeds")
				}
				client, peer := net.Pipe()
				go func() {
					defer peer.Close()
					_ = peer.SetDeadline(time.Now().Add(limit))
					serveTLS(server)(&cut{peer, n})
				}()
				f := dialOnce(t, client, "")
				if f == nil {
					if n < 300 {
						t.Errorf("success after %d bytes", n)
					}
					return
				}
				if f.Class != probe.ClassClosed {
					t.Errorf("cut after %d bytes: %v", n, f)
				}
			}
		})
	}
}

// record frames handshake bytes as TLS 1.2 records.
func record(body []byte) []byte {
	var b bytes.Buffer
	for part := range slices.Chunk(body, 1<<14) {
		b.Write([]byte{22, 3, 3, byte(len(part) >> 8), byte(len(part))})
		b.Write(part)
	}
	return b.Bytes()
}

func uint24(n int) []byte { return []byte{byte(n >> 16), byte(n >> 8), byte(n)} }

// helloTLS12 is a ServerHello of TLS 1.2 without extensions but renegotiation_info.
func helloTLS12() []byte {
	body := slices.Concat([]byte{3, 3}, make([]byte, 32), []byte{0, 0xc0, 0x2b, 0, 0, 5, 0xff, 1, 0, 1, 0})
	return slices.Concat([]byte{2}, uint24(len(body)), body)
}

// certificateMessage frames certificates as TLS 1.2 does.
func certificateMessage(list ...[]byte) []byte {
	var all []byte
	for _, der := range list {
		all = slices.Concat(all, uint24(len(der)), der)
	}
	return slices.Concat([]byte{11}, uint24(len(all)+3), uint24(len(all)), all)
}

func TestRun_hostile(t *testing.T) {
	t.Parallel()
	leaf := issue(t, nil, "server")
	endless := func(part []byte) func(net.Conn) {
		return func(conn net.Conn) {
			for {
				if _, err := conn.Write(part); err != nil {
					return
				}
			}
		}
	}
	once := func(parts ...[]byte) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1))
			for _, p := range parts {
				_, _ = conn.Write(p)
			}
			_, _ = io.Copy(io.Discard, conn)
		}
	}
	for name, c := range map[string]struct {
		serve func(net.Conn)
		want  probe.Class
	}{
		"zeros":                {endless(make([]byte, 4096)), probe.ClassProtocol},
		"ones":                 {endless(bytes.Repeat([]byte{0xff}, 4096)), probe.ClassProtocol},
		"text":                 {endless([]byte("hello\r\n")), probe.ClassPlainText},
		"empty records":        {endless([]byte{22, 3, 3, 0, 0}), probe.ClassProtocol},
		"warnings":             {endless([]byte{21, 3, 3, 0, 2, 1, 90}), probe.ClassProtocol},
		"change cipher specs":  {endless([]byte{20, 3, 3, 0, 1, 1}), probe.ClassProtocol},
		"hello requests":       {endless([]byte{22, 3, 3, 0, 4, 0, 0, 0, 0}), probe.ClassProtocol},
		"hellos":               {endless(record(helloTLS12())), probe.ClassProtocol},
		"record too long":      {once([]byte{22, 3, 3, 0xff, 0xff}, make([]byte, 0xffff)), probe.ClassProtocol},
		"SSL 3.0":              {once(record(slices.Concat(helloTLS12()[:5], []byte{0}, helloTLS12()[6:]))), probe.ClassVersion},
		"TLS 1.1 ServerHello":  {once(record(slices.Concat(helloTLS12()[:5], []byte{2}, helloTLS12()[6:]))), probe.ClassVersion},
		"certificate of 1 MiB": {once(record(helloTLS12()), record(certificateMessage(make([]byte, 1<<20)))), probe.ClassProtocol},
		"chain of 1000": {
			once(record(helloTLS12()), record(certificateMessage(slices.Repeat([][]byte{leaf.Raw}, 1000)...))), probe.ClassProtocol,
		},
		"certificate unreadable": {
			once(record(helloTLS12()), record(certificateMessage([]byte("\x30\x03abc"))), record([]byte{14, 0, 0, 0})),
			probe.ClassCertificate,
		},
		"no certificate": {once(record(helloTLS12()), record(certificateMessage()), record([]byte{14, 0, 0, 0})), probe.ClassProtocol},
		"chain, then nothing": {
			once(record(helloTLS12()), record(certificateMessage(leaf.Raw)), []byte{21, 3, 3, 0, 2, 2, 80}), probe.ClassAlert,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, f := run(t, probe.Options{Address: listen(t, c.serve)})
			if class(f) != c.want {
				t.Errorf("%v", f)
			}
			if r.Version != 0 && name != "chain, then nothing" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestRun_memory: a peer that sends as much as it can costs little.
func TestRun_memory(t *testing.T) {
	address := listen(t, func(conn net.Conn) {
		_, _ = conn.Write(record(helloTLS12()))
		big := record(slices.Concat([]byte{11}, uint24(1<<24-1), make([]byte, 1<<20)))
		for {
			if _, err := conn.Write(big); err != nil {
				return
			}
		}
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, f := run(t, probe.Options{Address: address}); class(f) != probe.ClassProtocol {
		t.Error(f)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
}

// TestRun_certificateThatGoCannotRead: the caller gets the certificate, whichever version the server prefers.
func TestRun_certificateThatGoCannotRead(t *testing.T) {
	t.Parallel()
	leaf, ca := issue(t, nil, "server"), issue(t, nil, "CA")
	odd := bytes.Clone(leaf.Raw)
	i := bytes.Index(odd, []byte("\x06\x03\x55\x1d\x11")) // subjectAltName
	odd[i+6] ^= 0x7f                                      // its value is not an OCTET STRING any more, or of another length
	certificate := leaf.tls()
	certificate.Certificate = [][]byte{odd, ca.Raw}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := config(certificate)
		server.MaxVersion = version
		r, f := run(t, probe.Options{Address: listen(t, serveTLS(server)), ServerName: "localhost"})
		if class(f) != probe.ClassCertificate || len(r.Chain) != 2 || !bytes.Equal(r.Chain[0], odd) || !bytes.Equal(r.Chain[1], ca.Raw) {
			t.Errorf("%s: %v, chain of %d", tls.VersionName(version), f, len(r.Chain))
		}
		if r.HostError != nil {
			t.Errorf("a certificate that cannot be read has no host: %v", r.HostError)
		}
	}
}

// FuzzStartTLS: whatever a server says, there is an answer, and its text is safe for a terminal.
func FuzzStartTLS(f *testing.F) {
	protocols := probe.Protocols()
	for i, p := range protocols {
		for name, script := range scripts {
			if protocolOf(name) == p {
				f.Add(uint8(i), []byte(strings.Join(script, "")))
			}
		}
	}
	f.Add(uint8(200), slices.Concat(record(helloTLS12()), record(certificateMessage([]byte("x")))))
	block := pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: []byte("y")})
	f.Add(uint8(201), block)
	f.Fuzz(func(t *testing.T, n uint8, said []byte) {
		var p probe.Protocol
		if n < 200 {
			p = protocols[int(n)%len(protocols)]
		}
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			go func() { _, _ = io.Copy(io.Discard, server) }()
			_, _ = server.Write(said)
		}()
		failure := dialOnce(t, client, p)
		if failure == nil || failure.Class == probe.ClassTimeout {
			t.Fatalf("%v", failure)
		}
		if strings.ContainsFunc(failure.Error(), func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
			t.Errorf("%q", failure.Error())
		}
	})
}
