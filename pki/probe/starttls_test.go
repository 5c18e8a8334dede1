package probe_test

import (
	"net"
	"strings"
	"testing"

	"certkdb/pki/probe"
)

const (
	ldapRequest   = "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
	sslRequest    = "\x00\x00\x00\x08\x04\xd2\x16\x2f"
	mysqlGreeting = "\x0a8.0.36\x00\x01\x00\x00\x00saltsalt\x00" +
		"\xff\xff\x2d\x02\x00\xff\xcf\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00saltsaltsalt\x00"
	mysqlRequest = " \x00\x00\x01\x01\x8a\x00\x00\x00\x00\x00\x01\x2d" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	stream = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' " +
		"xmlns:stream='http://etherx.jabber.org/streams'>"
	features = "<?xml version='1.0'?><stream:stream id='1' version='1.0' " +
		"xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>" +
		"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
	starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
)

// packet frames a packet of MySQL.
func packet(body string) string { return string([]byte{byte(len(body)), 0, 0, 0}) + body }

// scripts are what servers say, and expect ("C:"), before the handshake. Several are variants of one protocol.
var scripts = map[string][]string{
	"smtp": {
		"220 mail\r\n", "C:EHLO localhost\r\n", "250-mail\r\n250-SIZE 10\r\n250 STARTTLS\r\n", "C:STARTTLS\r\n", "220 go\r\n",
	},
	"smtp bare": {"220\r\n", "C:EHLO localhost\r\n", "250-mail\r\n250-starttls\r\n250 HELP\r\n", "C:STARTTLS\r\n", "220\r\n"},
	"smtp long": {
		"220-a\r\n220-b\r\n220 c\r\n", "C:EHLO localhost\r\n", "250-m\r\n250-STARTTLS\r\n250 x\r\n", "C:STARTTLS\r\n",
		"220-a\r\n220 b\r\n",
	},
	"imap":              {"* OK ready\r\n", "C:a1 STARTTLS\r\n", "a1 OK go\r\n"},
	"imap capabilities": {"* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n", "C:a1 STARTTLS\r\n", "* CAPABILITY x\r\nA1 OK\r\n"},
	"pop3":              {"+OK\r\n", "C:STLS\r\n", "+OK go\r\n"},
	"ftp":               {"220-hello\r\nwelcome\r\n 220 not yet\r\n220 FTP\r\n", "C:AUTH TLS\r\n", "234 go\r\n"},
	"nntp":              {"201 news\r\n", "C:STARTTLS\r\n", "382 go\r\n"},
	"sieve": {
		"\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK \"ready\"\r\n", "C:STARTTLS\r\n", "OK\r\n",
	},
	"ldap":         {"C:" + ldapRequest, "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"},
	"ldap long":    {"C:" + ldapRequest, "\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00"},
	"ldap name":    {"C:" + ldapRequest, "\x30\x24\x02\x01\x01\x78\x1f\x0a\x01\x00\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20037"},
	"postgres":     {"C:" + sslRequest, "S"},
	"mysql":        {packet(mysqlGreeting), "C:" + mysqlRequest},
	"xmpp":         {"C:" + stream, features, "C:" + starttls, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
	"xmpp element": {"C:" + stream, features, "C:" + starttls, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>"},
}

// protocolOf is the first word of a script's name.
func protocolOf(name string) probe.Protocol {
	word, _, _ := strings.Cut(name, " ")
	return probe.Protocol(word)
}

func TestStartTLS_thenTheHandshake(t *testing.T) {
	t.Parallel()
	leaf := issue(t, nil, "server")
	tried := map[probe.Protocol]bool{}
	for name, script := range scripts {
		tried[protocolOf(name)] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := make(chan error, 1)
			address := listen(t, func(conn net.Conn) {
				err := play(conn, script)
				failed <- err
				if err == nil {
					serveTLS(config(leaf.tls()))(conn)
				}
			})
			r, f := run(t, probe.Options{Address: address, StartTLS: protocolOf(name), ServerName: "localhost"})
			if err := <-failed; err != nil {
				t.Error(err)
			}
			if f != nil || len(r.Chain) != 1 {
				t.Errorf("%v, %+v", f, r)
			}
		})
	}
	for _, p := range probe.Protocols() {
		if !tried[p] {
			t.Errorf("no script for %s", p)
		}
	}
}

// TestStartTLS_injection: plain text behind the answer is never taken for part of the session, and neither is it in a packet of its own.
func TestStartTLS_injection(t *testing.T) {
	t.Parallel()
	for name, script := range scripts {
		if protocolOf(name) == probe.MySQL {
			script = script[:1] // the server's greeting is its last word before TLS
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			glued := append([]string{}, script...)
			glued[len(glued)-1] += "250 injected\r\n"
			address := listen(t, func(conn net.Conn) {
				if play(conn, glued) == nil {
					_, _ = conn.Read(make([]byte, 4096))
				}
			})
			r, f := run(t, probe.Options{Address: address, StartTLS: protocolOf(name), ServerName: "localhost"})
			if class(f) != probe.ClassInjection || !strings.Contains(f.Said, "250 injected") || r.Version != 0 {
				t.Errorf("%v, %+v", f, r)
			}
		})
	}
	address := listen(t, func(conn net.Conn) {
		if play(conn, scripts["smtp"]) == nil {
			_, _ = conn.Read(make([]byte, 1)) // the ClientHello
			_, _ = conn.Write([]byte("250 injected\r\n"))
			_, _ = conn.Read(make([]byte, 4096))
		}
	})
	_, f := run(t, probe.Options{Address: address, StartTLS: probe.SMTP})
	if class(f) != probe.ClassPlainText || f.Said != `250 injected\r\n` {
		t.Errorf("in a packet of its own: %v", f)
	}
}

func TestStartTLS_refusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script []string
		want   probe.Class
		said   string
	}{
		"smtp no greeting": {[]string{"554 go away\r\n"}, probe.ClassNoStartTLS, "554 go away"},
		"smtp not offered": {
			[]string{"220 a\r\n", "C:EHLO localhost\r\n", "250-a\r\n250 SIZE\r\n"}, probe.ClassNoStartTLS, `250-a\n250 SIZE`,
		},
		"smtp no EHLO":          {[]string{"220 a\r\n", "C:EHLO localhost\r\n", "502 no\r\n"}, probe.ClassNoStartTLS, "502 no"},
		"smtp refused":          {append(scripts["smtp"][:4:4], "454 later\r\n"), probe.ClassNoStartTLS, "454 later"},
		"smtp other protocol":   {[]string{"+OK\r\n"}, probe.ClassProtocol, "+OK"},
		"smtp two codes":        {[]string{"22\r\n"}, probe.ClassProtocol, "22"},
		"smtp half a line":      {[]string{"220 a"}, probe.ClassProtocol, "220 a"},
		"imap preauthenticated": {[]string{"* PREAUTH x\r\n"}, probe.ClassNoStartTLS, "* PREAUTH x"},
		"imap bye":              {[]string{"* BYE x\r\n"}, probe.ClassNoStartTLS, "* BYE x"},
		"imap refused":          {[]string{"* OK\r\n", "C:a1 STARTTLS\r\n", "a1 BAD no\r\n"}, probe.ClassNoStartTLS, "a1 BAD no"},
		"imap other protocol":   {[]string{"220 x\r\n"}, probe.ClassProtocol, "220 x"},
		"imap other answer":     {[]string{"* OK\r\n", "C:a1 STARTTLS\r\n", "b2 OK\r\n"}, probe.ClassProtocol, "b2 OK"},
		"pop3 refused":          {[]string{"+OK\r\n", "C:STLS\r\n", "-ERR no\r\n"}, probe.ClassNoStartTLS, "-ERR no"},
		"pop3 other protocol":   {[]string{"* OK\r\n"}, probe.ClassProtocol, "* OK"},
		"ftp refused":           {[]string{"220 x\r\n", "C:AUTH TLS\r\n", "530 no\r\n"}, probe.ClassNoStartTLS, "530 no"},
		"nntp refused":          {[]string{"200 x\r\n", "C:STARTTLS\r\n", "580 no\r\n"}, probe.ClassNoStartTLS, "580 no"},
		"sieve not offered":     {[]string{"\"SIEVE\" \"x\"\r\nOK\r\n"}, probe.ClassNoStartTLS, `"SIEVE" "x"\n`},
		"sieve refused":         {[]string{"\"STARTTLS\"\r\nOK\r\n", "C:STARTTLS\r\n", "NO \"x\"\r\n"}, probe.ClassNoStartTLS, `NO "x"`},
		"sieve other protocol":  {[]string{"220 x\r\n"}, probe.ClassProtocol, "220 x"},
		"ldap refused": {
			[]string{"C:" + ldapRequest, "\x30\x0e\x02\x01\x01\x78\x09\x0a\x01\x34\x04\x00\x04\x02no"},
			probe.ClassNoStartTLS,
			"result code 52: no",
		},
		"ldap disconnected": {
			[]string{"C:" + ldapRequest, "\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x02\x04\x00\x04\x00"},
			probe.ClassNoStartTLS,
			"result code 2: ",
		},
		"ldap other protocol":    {[]string{"C:" + ldapRequest, "220 x\r\n"}, probe.ClassProtocol, "22"},
		"ldap endless length":    {[]string{"C:" + ldapRequest, "\x30\x84\xff\xff\xff\xff"}, probe.ClassProtocol, `0\x84\xff\xff\xff\xff`},
		"ldap indefinite length": {[]string{"C:" + ldapRequest, "\x30\x80\x02\x01"}, probe.ClassProtocol, `0\x80`},
		"ldap other operation": {
			[]string{"C:" + ldapRequest, "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"}, probe.ClassProtocol, "",
		},
		"ldap empty":       {[]string{"C:" + ldapRequest, "\x30\x00"}, probe.ClassProtocol, ""},
		"postgres refused": {[]string{"C:" + sslRequest, "N"}, probe.ClassNoStartTLS, "N"},
		"postgres error": {
			[]string{"C:" + sslRequest, "E\x00\x00\x00\x08no\x00"}, probe.ClassNoStartTLS, `E\u0000\u0000\u0000\u0008no\u0000`,
		},
		"postgres other":       {[]string{"C:" + sslRequest, "HTTP/1.1 400"}, probe.ClassProtocol, "HTTP/1.1 400"},
		"mysql no TLS":         {[]string{packet(strings.Replace(mysqlGreeting, "\xff\xff", "\xff\xf7", 1))}, probe.ClassNoStartTLS, "8.0.36"},
		"mysql host refused":   {[]string{packet("\xff\x6a\x04Host is not allowed")}, probe.ClassNoStartTLS, "Host is not allowed"},
		"mysql short error":    {[]string{packet("\xff")}, probe.ClassNoStartTLS, ""},
		"mysql old":            {[]string{packet("\x093.2\x00")}, probe.ClassProtocol, `\u00093.2\u0000`},
		"mysql short":          {[]string{packet("\x0a8.0\x00")}, probe.ClassProtocol, `\n8.0\u0000`},
		"mysql other protocol": {[]string{"220 x\r\n"}, probe.ClassProtocol, "220 "},
		"mysql empty":          {[]string{"\x00\x00\x00\x00"}, probe.ClassProtocol, `\u0000\u0000\u0000\u0000`},
		"xmpp not offered": {
			[]string{"C:" + stream, "<stream:stream><stream:features></stream:features>"},
			probe.ClassNoStartTLS,
			"<stream:stream><stream:features></stream:features>",
		},
		"xmpp refused": {append([]string{"C:" + stream, features, "C:" + starttls}, "<failure/>"), probe.ClassNoStartTLS, "<failure/>"},
		"xmpp ends": {
			[]string{"C:" + stream, "<stream:error/></stream:stream>"}, probe.ClassNoStartTLS, "<stream:error/></stream:stream>",
		},
		"xmpp half": {[]string{"C:" + stream, "<stream"}, probe.ClassProtocol, "<stream"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := listen(t, func(conn net.Conn) {
				if err := play(conn, c.script); err != nil {
					t.Error(err)
				}
			})
			_, f := run(t, probe.Options{Address: address, StartTLS: protocolOf(name), ServerName: "localhost"})
			if class(f) != c.want || f.Stage != probe.StageStartTLS || c.said != "" && !strings.HasPrefix(f.Said, c.said) {
				t.Errorf("%v, said %q", f, f.Said)
			}
		})
	}
}

// TestStartTLS_hostile: what a peer may say before TLS is bounded for each protocol.
func TestStartTLS_hostile(t *testing.T) {
	t.Parallel()
	for _, p := range probe.Protocols() {
		for name, flood := range map[string]string{
			"no line end": strings.Repeat("x", 4096), "lines": "220-x\r\n",
			"long lines": "220-" + strings.Repeat("x", 3000) + "\r\n", "long untagged": "* " + strings.Repeat("x", 3000) + "\r\n",
			"untagged": "* OK x\r\n", "empty lines": "\r\n",
			"zeros":        strings.Repeat("\x00", 4096),
			"capabilities": "\"x\"\r\n", "elements": "<x>", "brackets": strings.Repeat(">", 4096), "packets": "\xff\xff\x7f\x00",
			"binary": "\x30\x83\xff\xff\xff",
		} {
			t.Run(string(p)+" "+name, func(t *testing.T) {
				t.Parallel()
				sent := make(chan int, 1)
				address := listen(t, func(conn net.Conn) {
					n := 0
					for n < 8<<20 {
						if _, err := conn.Write([]byte(flood)); err != nil {
							break
						}
						n += len(flood)
					}
					sent <- n
				})
				if _, f := run(t, probe.Options{Address: address, StartTLS: p}); f == nil || f.Class == probe.ClassTimeout {
					t.Errorf("%v", f)
				}
				if n := <-sent; n >= 8<<20 {
					t.Errorf("%d bytes were read", n)
				}
			})
		}
		t.Run(string(p)+" closes", func(t *testing.T) {
			t.Parallel()
			if _, f := run(t, probe.Options{Address: listen(t, func(net.Conn) {}), StartTLS: p}); class(f) != probe.ClassClosed {
				t.Errorf("%v", f)
			}
		})
	}
}

// TestStartTLS_closesAnywhere cuts every dialogue after every byte of the server.
func TestStartTLS_closesAnywhere(t *testing.T) {
	t.Parallel()
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := 0
			for _, step := range script {
				if !strings.HasPrefix(step, "C:") {
					said += len(step)
				}
			}
			for n := range said {
				client, server := net.Pipe()
				go func() {
					defer server.Close()
					_ = play(&cut{server, n}, script)
				}()
				if f := dialOnce(t, client, protocolOf(name)); f == nil || f.Class == probe.ClassTimeout || f.Stage != probe.StageStartTLS {
					t.Errorf("cut after %d bytes: %v", n, f)
				}
			}
		})
	}
}
