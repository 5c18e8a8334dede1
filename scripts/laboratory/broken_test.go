//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// broken is a server with which something is wrong, and what four clients say of it: connect in its first two lines, the others in the
// words that come closest to a cause. Where their versions differ, | separates the words; the first are those of Debian 12.
type broken struct {
	name            string
	prepare         func(*broker) // makes the certificates in the folder of the name
	options         []string      // of openssl s_server
	host            string        // to ask for; default localhost
	cause, remedy   string
	sClient, gnutls string
	step            string // of step certificate verify, which is asked only where it is installed; "nothing" is no output
	sClientOptions  []string
	plain           bool // no TLS on the port
	// waits keeps the input of the peers open, or they end before the server's answer to the handshake arrives.
	waits bool
}

// goesOn marks the words of a client that does not refuse the server.
const goesOn = " (goes on)"

func brokenServers() []broken {
	const renew = "on the server: renew the certificate, and reload the server"
	return []broken{
		{
			name: "expired", prepare: func(b *broker) { b.signed("sub", "--not-before", "2021-01-01", "--not-after", "2022-01-01") },
			cause: "the server's certificate expired on 2022-01-01T00:00:00Z, N days ago", remedy: renew,
			sClient: "verify error:num=10:certificate has expired", gnutls: "The certificate chain uses expired certificate.",
			step: "x509: certificate has expired or is not yet valid",
		},
		{
			name: "wrong name", prepare: func(b *broker) { b.signed("sub") }, host: "www.example.com",
			cause:   `the server's certificate is not for the host "www.example.com", but for dns:localhost, ip:127.0.0.1`,
			remedy:  "use a name that the certificate has, or have it reissued with this one as a subject alternative name",
			sClient: "verify error:num=62:hostname mismatch", gnutls: "The name in the certificate does not match the expected.",
			step: "x509: certificate is valid for localhost, not www.example.com",
		},
		{
			name: "incomplete chain", prepare: func(b *broker) { b.signed("sub"); b.chain() },
			cause: `the server does not send the certificate of the issuer "CN=Lab Issuing CA": it is not among the trusted certificates either`,
			remedy: `on the server: append the certificate of "CN=Lab Issuing CA" to the file with its own; if it is a root that you trust, ` +
				`here: certkdb add FILE --db root.crt`,
			sClient: "verify error:num=20:unable to get local issuer certificate", gnutls: "The certificate issuer is unknown.",
			step: "x509: certificate signed by unknown authority",
		},
		{
			name: "wrong order", prepare: func(b *broker) { b.signed("low"); b.chain("mid", "low") },
			cause:   "ok, but the server sends its certificates in the wrong order, which TLS 1.2 forbids (RFC 5246, 7.4.2)",
			remedy:  "on the server: put its own certificate first into the file, then each issuer after what it issued",
			sClient: "Verification: OK" + goesOn, gnutls: "The certificate is trusted." + goesOn,
			step: "nothing" + goesOn,
		},
		{
			name: "self-signed", prepare: func(b *broker) { b.signed(""); b.chain() },
			cause: "the server's certificate is self-signed, and not among the trusted certificates",
			remedy: "compare its fingerprint with the server's owner, then: " +
				"certkdb connect HOST:PORT --save localhost --fingerprint SHA256 --db root.crt",
			sClient: "verify error:num=18:self-signed certificate", gnutls: "The certificate issuer is unknown.",
			step: "x509: certificate signed by unknown authority",
		},
		{
			name: "untrusted root", prepare: func(b *broker) { b.signed("stranger"); b.chain("stranger") },
			cause:   `the root "CN=Stranger Root" is not among the trusted certificates`,
			remedy:  `get the root "CN=Stranger Root" from its owner; if you trust it: certkdb add FILE --db root.crt`,
			sClient: "verify error:num=19:self-signed certificate in certificate chain", gnutls: "The certificate issuer is unknown.",
			step: "x509: certificate signed by unknown authority",
		},
		{
			name: "expired intermediate", prepare: func(b *broker) { b.openssl("oldsub", "rsa:2048"); b.chain("oldsub") },
			cause:   `the CA certificate "CN=Old CA" expired on 2022-01-01T00:00:00Z, N days ago`,
			remedy:  `on the server: replace the certificate of "CN=Old CA" in the file with its own by the CA's current one`,
			sClient: "verify error:num=10:certificate has expired", gnutls: "The certificate chain uses expired certificate.",
			step: "x509: certificate has expired or is not yet valid",
		},
		{
			name: "revoked by staple", prepare: (*broker).revoked, options: []string{"-status_file", "ocsp"}, sClientOptions: []string{"-status"},
			cause:   "the server's certificate was revoked on DATE (keyCompromise)",
			remedy:  "on the server: if the certificate was revoked, install a new one; otherwise staple a current response",
			sClient: "Cert Status: revoked" + goesOn, gnutls: "The certificate chain is revoked.",
			step: "nothing" + goesOn,
		},
		{
			name: "weak key", prepare: func(b *broker) { b.openssl("sub", "rsa:1024"); b.chain("sub") },
			options: []string{"-cipher", "DEFAULT:@SECLEVEL=0"},
			cause:   "the server's certificate: its RSA key has 1024 bits, at least 2048 are wanted",
			remedy:  "on the server: install a certificate with a key of 2048 bits or more, signed with SHA-256 or better",
			sClient: "verify error:num=66:EE certificate key too weak",
			gnutls:  "The certificate is trusted." + goesOn + "|The certificate chain uses insecure algorithm.",
			step:    "nothing" + goesOn,
		},
		{
			name: "TLS 1.0 only", prepare: func(b *broker) { b.signed("sub") }, options: []string{"-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"},
			cause:   "the server speaks nothing newer than TLS 1.0, and TLS 1.2 or later is wanted",
			remedy:  "on the server: enable TLS 1.2 or, better, TLS 1.3",
			sClient: "legacy sigalg disallowed or unsupported|unsupported protocol",
			gnutls:  "The certificate is trusted." + goesOn + "|A packet with illegal or unsupported version was received.",
			step:    "tls: protocol version not supported",
		},
		{
			name: "client certificate required", prepare: func(b *broker) { b.signed("sub") },
			options: []string{"-CAfile", "../trust/root.crt", "-Verify", "3", "-verify_return_error"}, waits: true,
			cause: "the server requires a client certificate", remedy: "show it one with --cert LABEL; the server takes those of CN=Lab Root",
			sClient: "certificate required", gnutls: "Certificate is required",
			step: "nothing" + goesOn,
		},
		{
			name: "plain text", plain: true,
			cause:   `the server answers in plain text on this port, not in TLS; it said "220 mail.example.com ESMTP\r\n"`,
			remedy:  "ask for TLS in its protocol: --starttls smtp; or use its port for TLS",
			sClient: "wrong version number", gnutls: "An unexpected TLS packet was received.",
			step: "tls: first record does not look like a TLS handshake",
		},
	}
}

// broker makes what is wrong with a server.
type broker struct {
	certs
	t      *testing.T
	server string // its folder's name
}

func (b *broker) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *broker) folder() string { return b.folderOf(b.server) }

// signed makes a certificate signed by a CA of the lab, or by itself.
func (b *broker) signed(ca string, options ...string) {
	b.t.Helper()
	args := []string{"create", b.server, "--cn", "localhost", "--san", "dns:localhost", "--san", "ip:127.0.0.1"}
	if ca != "" {
		args = append(args, "--ca", ca)
	}
	b.must(b.run(append(args, options...)...))
	b.must(b.run("export", b.server, "--out", filepath.Join(b.folder(), "server.crt")))
	b.must(b.run("export", b.server, "--key", "--out", filepath.Join(b.folder(), "server.key")))
	b.chain("sub")
}

// chain is what the server sends in addition, in this order.
func (b *broker) chain(cas ...string) {
	b.t.Helper()
	text := ""
	for _, ca := range cas {
		pem, err := os.ReadFile(b.path(ca + ".crt"))
		b.must(err)
		text += string(pem)
	}
	b.must(os.WriteFile(filepath.Join(b.folder(), "chain"), []byte(text), 0o600))
}

// openssl makes a certificate that certkdb does not make: below an expired CA, or with a weak key.
func (b *broker) openssl(ca, key string) {
	b.t.Helper()
	for _, line := range []string{
		"req -new -newkey " + key + " -nodes -keyout server.key -subj /CN=localhost -addext subjectAltName=DNS:localhost -out server.csr",
		"x509 -req -in server.csr -CA ../" + ca + ".crt -CAkey ../" + ca + ".key -copy_extensions copy -days 30 -out server.crt",
	} {
		b.tool(line)
	}
}

func (b *broker) tool(line string) {
	b.t.Helper()
	cmd := exec.Command("openssl", strings.Fields(line)...)
	cmd.Dir = b.folder()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("openssl %s: %v\n%s", line, err, out)
	}
}

// revoked makes a certificate, revokes it, and has openssl ocsp sign the response.
func (b *broker) revoked() {
	b.t.Helper()
	b.signed("sub")
	b.must(b.run("revoke", b.server, "--ca", "sub", "--reason", "keyCompromise"))
	index, err := exec.Command(b.certkdb, "issued", "--db", b.path("ca.ckdb"), "--ca", "sub", "-o", "index").Output()
	b.must(err)
	b.must(os.WriteFile(filepath.Join(b.folder(), "index"), index, 0o600))
	// OpenSSL wants to be told that several certificates may have one name.
	b.must(os.WriteFile(filepath.Join(b.folder(), "index.attr"), []byte("unique_subject = no\n"), 0o600))
	b.tool("ocsp -index index -CA ../sub.crt -rsigner ../sub.crt -rkey ../sub.key -issuer ../sub.crt -cert server.crt -noverify -no_nonce " +
		"-respout ocsp -ndays 2")
}

// TestBroken has connect, openssl s_client, gnutls-cli and step say what is wrong with twelve servers. README.md shows it side by side.
func TestBroken(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"openssl", "gnutls-cli"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	document, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{Folder: t.TempDir(), certkdb: buildCertkdb(t)}
	t.Cleanup(l.end)
	authorities(t, l)
	for _, c := range brokenServers() {
		t.Run(c.name, func(t *testing.T) {
			address := c.start(t, l)
			row := c.ask(t, l, address)
			if !strings.Contains(string(document), row) {
				t.Errorf("README.md has no line\n%s", row)
			}
		})
	}
}

// authorities makes the CAs of the broken servers, and exports them with the keys that openssl needs.
func authorities(t *testing.T, l *lab) {
	t.Helper()
	b := &broker{certs: certs{l}, t: t}
	b.must(b.authority())
	b.must(b.all("create mid --is-ca --ca root --cn Middle_CA --days 3600", "create low --is-ca --ca mid --cn Lower_CA --days 3500",
		"create oldsub --is-ca --ca root --cn Old_CA --not-before 2021-01-01 --not-after 2022-01-01"))
	for _, ca := range []string{"sub", "mid", "low", "oldsub", "stranger"} {
		b.must(b.run("export", ca, "--out", l.path(ca+".crt")))
		b.must(b.run("export", ca, "--key", "--out", l.path(ca+".key")))
	}
}

// start runs the server and returns its address.
func (c *broken) start(t *testing.T, l *lab) string {
	t.Helper()
	b := &broker{certs{l}, t, strings.ReplaceAll(c.name, " ", "-")}
	if c.plain {
		return plainText(t)
	}
	b.must(os.Mkdir(b.folder(), 0o700))
	c.prepare(b)
	options := c.options
	if chain, err := os.ReadFile(filepath.Join(b.folder(), "chain")); err == nil && len(chain) > 0 {
		options = append(options, "-cert_chain", "chain")
	}
	b.must(l.openSSL(openSSLServer{name: b.server, options: options, incomplete: true}))
	s, err := l.named(b.server)
	b.must(err)
	return s.Address
}

// plainText is a mail server's port without TLS.
func plainText(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			fmt.Fprint(conn, "220 mail.example.com ESMTP\r\n")
			_, _ = conn.Read(make([]byte, 1000))
			conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return "localhost:" + port
}

// ask has the clients connect, compares what they say, and returns the line of the table.
func (c *broken) ask(t *testing.T, l *lab, address string) string {
	t.Helper()
	host := c.host
	if host == "" {
		host = "localhost"
	}
	root := l.path("trust/root.crt")
	out, _ := exec.Command(l.certkdb, "connect", address, "--servername", host, "--db", root, "--timeout", "60s").Output()
	for _, volatile := range [][2]string{
		{`\A` + regexp.QuoteMeta(address) + ": ", ""},
		{regexp.QuoteMeta(address), "HOST:PORT"},
		{regexp.QuoteMeta(root), "root.crt"},
		{`\d+ days ago`, "N days ago"},
		{`[0-9a-f]{64}`, "SHA256"},
		{`revoked on \S+`, "revoked on DATE"},
	} {
		out = regexp.MustCompile(volatile[0]).ReplaceAll(out, []byte(volatile[1]))
	}
	lines := append(strings.Split(string(out), "\n"), "", "")
	if lines[0] != c.cause || lines[1] != "remedy: "+c.remedy {
		t.Errorf("connect says\n%s\n%s\nwant\n%s\nremedy: %s", lines[0], lines[1], c.cause, c.remedy)
	}
	args := []string{"s_client", "-connect", address, "-CAfile", root, "-verify_return_error", "-verify_hostname", host}
	c.peer(t, c.sClient, "openssl", append(args, c.sClientOptions...)...)
	c.peer(t, c.gnutls, "gnutls-cli", "--x509cafile="+root, "--verify-hostname="+host, address)
	if _, err := exec.LookPath("step"); err == nil {
		c.peer(t, c.step, "step", "certificate", "verify", "https://"+address, "--roots", root, "--host", host, "--servername", host)
	}
	s0, _, _ := strings.Cut(c.sClient, "|")
	g0, _, _ := strings.Cut(c.gnutls, "|")
	return fmt.Sprintf("| %s | %s<br>remedy: %s | %s | %s | %s |", c.name, c.cause, c.remedy, s0, g0, c.step)
}

// peer runs another client, which must say what the table says, and succeed only where the table says so.
func (c *broken) peer(t *testing.T, want, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	if c.waits {
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		defer out.Close()
		cmd.Stdin = in
	}
	out, err := cmd.CombinedOutput()
	for words := range strings.SplitSeq(want, "|") {
		said, succeeds := strings.CutSuffix(words, goesOn)
		if said == "nothing" && len(out) == 0 && succeeds == (err == nil) {
			return
		}
		if strings.Contains(string(out), said) && succeeds == (err == nil) {
			return
		}
	}
	t.Errorf("%s does not say %q: %v\n%s", program, want, err, out)
}
