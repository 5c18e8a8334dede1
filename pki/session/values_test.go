package session_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/pki/session"
)

// TestParse_ports: a value that is not a port is an error, even in quotes; it never becomes the port 0.
func TestParse_ports(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind         session.Kind
		option, text string
		want         int // 0 for a port that is refused
	}{
		{session.DsmOpt, "TCPPORT", "1", 1},
		{session.DsmOpt, "TCPPORT", "1500", 1500},
		{session.DsmOpt, "TCPPORT", "65535", 65535},
		{session.DsmOpt, "TCPPORT", "0", 0},
		{session.DsmOpt, "TCPPORT", "-1", 0},
		{session.DsmOpt, "TCPPORT", "65536", 0},
		{session.DsmOpt, "TCPPORT", "18446744073709553116", 0},
		{session.DsmOpt, "TCPPORT", "0x5dc", 0},
		{session.DsmOpt, "TCPPORT", "1500.0", 0},
		{session.DsmOpt, "TCPPORT", "1500 1501", 0},
		{session.DsmOpt, "TCPPORT", "ssh", 0},
		{session.DsmOpt, "TCPPORT", `"1601"`, 1601},
		{session.DsmOpt, "TCPPORT", `"1601'`, 0},
		{session.DsmOpt, "TCPPORT", `1601"`, 0},
		{session.DsmOpt, "TCPPORT", `'"1601"'`, 0},
		{session.DsmOpt, "TCPPORT", `"ssh"`, 0},
		{session.DsmOpt, "TCPPORT", `""`, 0},
		{session.DsmServ, "SSLTCPPORT", "1024", 1024},
		{session.DsmServ, "SSLTCPPORT", "32767", 32767},
		{session.DsmServ, "SSLTCPPORT", "1023", 0},
		{session.DsmServ, "SSLTCPPORT", "32768", 0},
		{session.DsmServ, "SSLTCPPORT", `"1543"`, 0},
	} {
		f := session.Parse(c.kind, []byte(c.option+" "+c.text+"\n"))
		if refused := f.Err() != nil; refused != (c.want == 0) {
			t.Errorf("%s %s: %v", c.option, c.text, f.Err())
		}
		got := 0
		if c.kind == session.DsmOpt {
			if port := client(t, f, "").Port; !port.Default() {
				got = port.Value
			}
		} else if s, err := f.Server(); err != nil || s.Port.Value != 1500 {
			t.Errorf("%+v, %v", s, err)
		} else {
			got = s.SSLPort.Value
		}
		if got != c.want {
			t.Errorf("%s %s: port %d, want %d", c.option, c.text, got, c.want)
		}
	}
}

// TestParse_quotes: quotes are removed only around the whole value.
func TestParse_quotes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"a b"`: "a b", `'a b'`: "a b", `"it's"`: "it's", `'say "a"'`: `say "a"`, `""`: "", `''`: "",
		`"`: `"`, `'`: `'`, `"a`: `"a`, `a"`: `a"`, `"a'`: `"a'`, `"a" "b"`: `"a" "b"`, `"a"b"`: `"a"b"`, `"a" b`: `"a" b`,
	} {
		if u := session.Parse(session.DsmOpt, []byte("ERRORLOGNAME "+text)).Unknown(); len(u) != 1 || u[0].Value != want {
			t.Errorf("%s: %+v, want %q", text, u, want)
		}
	}
}

// TestParse_blanks: an option may be indented, and end with blanks, tabs and the end-of-file mark of DOS.
func TestParse_blanks(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"SSL yes", "  SSL yes", "\tSSL\tyes", "SSL \t yes \t", "SSL\vyes\f", "\x1aSSL yes\x1a", "ssl YES\r\n", "SSL y",
		"SSL=yes", "SSL =yes", "SSL= yes",
	} {
		f := session.Parse(session.DsmOpt, []byte(text))
		if c := client(t, f, ""); f.Err() != nil || !c.SSL.Value || c.SSL.Line != 1 {
			t.Errorf("%q: %+v, %v", text, c.SSL, f.Err())
		}
	}
}

// TestParse_lastValidCounts: what a bad line would have set stays as it was, and the bad line is an error.
func TestParse_lastValidCounts(t *testing.T) {
	t.Parallel()
	for bad, reason := range map[string]session.Reason{
		"SSL": session.NoValue, "SSL maybe": session.BadValue, `SSL "no"`: session.Quoted, "SSL n\x00o": session.ControlCharacter,
		"SSL no way": session.BadValue, "SSL nope": session.BadValue, "SSL = maybe": session.BadValue, "SSL =": session.NoValue,
	} {
		f := session.Parse(session.DsmOpt, []byte("SSL yes\n"+bad+"\n"))
		if c := client(t, f, ""); !c.SSL.Value || c.SSL.Line != 1 {
			t.Errorf("%q: SSL is %+v", bad, c.SSL)
		}
		hard := slices.ContainsFunc(f.Problems, func(p *session.Problem) bool { return p.Reason == reason && p.Line == 2 && !p.Warning })
		if !hard || f.Err() == nil {
			t.Errorf("%q: %q, want %s", bad, problems(f), reason)
		}
	}
}

// TestParse_transports: each communication method, and whether it can carry TLS.
func TestParse_transports(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		transport session.Transport
		network   bool
	}{
		"tcpip": {session.TCPIP, true}, "TCP": {session.TCPIP, true}, "v6tcpip": {session.V6TCPIP, true}, "V6T": {session.V6TCPIP, true},
		"sharedmem": {session.SharedMemory, false}, "shmem": {session.SharedMemory, false}, "namedpipes": {session.NamedPipes, false},
	} {
		f := session.Parse(session.DsmOpt, []byte("COMMMETHOD "+text))
		if c := client(t, f, ""); f.Err() != nil || c.Transport.Value != want.transport || c.Transport.Value.Network() != want.network {
			t.Errorf("%s: %+v, %v", text, c.Transport, f.Err())
		}
	}
}

// TestFile_Server_everyOption reads each option of a server, and the default of each.
func TestFile_Server_everyOption(t *testing.T) {
	t.Parallel()
	text := strings.Join([]string{
		"COMMmethod V6TCPIP", "commm shmem", "TCPP 1601", "TCPADMINP 1602", "ADMINONCLIENTPORT n", "SSLTCPPORT 1603", "SSLTCPADMINPORT 1604",
		"SSLFIPSMODE yes", "LDAPURL \"ldaps://one.example.org/ou=a b\"", "LDAPURL ldap://two.example.org", "TESTFLAG disable_tls13",
	}, "\n")
	s := server(t, text)
	want := "[] 1601/3 1602/4 1603/6 1604/7 false/5 true/8 true/11 [V6TCPIP SHMEM] [ldaps://one.example.org/ou=a b ldap://two.example.org]"
	if got := settings(s); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := settings(server(t, "")), "[] 1500/0 1500/0 0/0 0/0 true/0 false/0 false/0 [] []"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s := server(t, "TCPPORT 1700\n"); s.AdminPort.Value != 1700 || !s.AdminPort.Default() {
		t.Errorf("TCPADMINPORT is by default that of TCPPORT: %+v", s.AdminPort)
	}
}

// settings renders a server: each value with its line.
func settings(s *session.Server) string {
	text := fmt.Sprint(s.Names)
	for _, port := range []session.Setting[int]{s.Port, s.AdminPort, s.SSLPort, s.SSLAdminPort} {
		text += fmt.Sprintf(" %d/%d", port.Value, port.Line)
	}
	for _, yes := range []session.Setting[bool]{s.AdminOnClientPort, s.FIPS, s.NoTLS13} {
		text += fmt.Sprintf(" %v/%d", yes.Value, yes.Line)
	}
	return text + fmt.Sprintf(" %v %v", s.Transports, s.LDAP)
}

// TestFile_Stanza_sameName: the last stanza of a name counts, for servers and for failover servers.
func TestFile_Stanza_sameName(t *testing.T) {
	t.Parallel()
	f := session.Parse(session.DsmSys, []byte("SERVERNAME a\nTCPS one\nMYREPLICATIONSERVER r\nREPLSERVERNAME r\nREPLTCPPORT 1\n"+
		"SERVERNAME A\nTCPS two\nMYREPLICATIONSERVER R\nREPLSERVERNAME R\nREPLTCPPORT 2\n"))
	c := client(t, f, "a")
	if c.Address.Value != "two" || len(c.Replicas) != 1 || c.Replicas[0].Port.Value != 2 {
		t.Errorf("%+v", c)
	}
	if want := []string{"6 same-name SERVERNAME", "9 same-name REPLSERVERNAME"}; !slices.Equal(problems(f), want) {
		t.Errorf("%q, want %q", problems(f), want)
	}
}

// TestStanzaError_many: a message names ten stanzas at most, in the order of the file.
func TestStanzaError_many(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 30 {
		fmt.Fprintf(&text, "SERVERNAME depot%02d\n", i)
	}
	_, err := session.Parse(session.DsmSys, []byte(text.String())).Client("elsewhere")
	if err == nil || strings.Count(err.Error(), "depot") != 10 || !strings.HasSuffix(err.Error(), `"depot09"`) {
		t.Errorf("%v", err)
	}
}
