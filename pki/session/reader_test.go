package session_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/pki/session"
)

// problems renders the problems of a file: "2 quoted SSL", a warning in brackets.
func problems(f *session.File) []string {
	var list []string
	for _, p := range f.Problems {
		s := fmt.Sprintf("%d %s %s", p.Line, p.Reason, p.Option)
		if p.Warning {
			s = "(" + s + ")"
		}
		list = append(list, strings.TrimSuffix(s, " "))
	}
	return list
}

func client(t *testing.T, f *session.File, name string) *session.Client {
	t.Helper()
	c, err := f.Client(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func server(t *testing.T, text string) *session.Server {
	t.Helper()
	f := session.Parse(session.DsmServ, []byte(text))
	s, err := f.Server()
	if err := errors.Join(err, f.Err()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParse_problems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind session.Kind
		text string
		want []string
	}{
		"comments, boxes, empty lines": {session.DsmSys, "**** box ****\n\n*SSL maybe\n   * x\nSErvername a\n *SSL yes\n", nil},
		"number sign":                  {session.DsmSys, "# other language\nServername a\n", []string{"1 not-an-option #"}},
		"option before the first stanza": {
			session.DsmSys, "TCPPort 1500\nDEFAULTServer a\nServername a\n", []string{"1 outside-stanza TCPPORT"},
		},
		"unknown option before the first stanza": {session.DsmSys, "Foo 1\nServername a\n", []string{"1 outside-stanza FOO"}},
		"abbreviated too much": {
			session.DsmSys, "Servername a\nSS yes\nSSLR yes\n",
			[]string{"2 too-short SS", "3 too-short SSLR"},
		},
		"too short, with an equals sign": {session.DsmOpt, "SSLR=yes\n", []string{"1 too-short SSLR=YES"}},
		"misspelled": {
			session.DsmOpt, "SSLACCEPTCERTFORMSERV No\nSSLREQUIRD yes\n",
			[]string{"(1 misspelled SSLACCEPTCERTFORMSERV)", "(2 misspelled SSLREQUIRD)"},
		},
		"option of a server in a client's file": {session.DsmOpt, "SSLTCPPORT 1543\n", []string{"(1 other-file SSLTCPPORT)"}},
		"option of a client in a server's file": {session.DsmServ, "LANFREESSL yes\n", []string{"(1 other-file LANFREESSL)"}},
		"bad keyword": {
			session.DsmOpt, "SSL maybe\nSSLREQ SERVERS\nCOMMM TCPPI\n",
			[]string{"1 bad-value SSL", "2 bad-value SSLREQUIRED", "3 bad-value COMMMETHOD"},
		},
		"keyword with more behind it":     {session.DsmOpt, "SSL yes please\n", []string{"1 bad-value SSL"}},
		"abbreviation below the capitals": {session.DsmOpt, "SSLREQUIRED SERV\n", []string{"1 bad-value SSLREQUIRED"}},
		"bad ports": {
			session.DsmOpt, "TCPP 0\nREPLSSLPORT 65536\n",
			[]string{"1 bad-value TCPPORT", "2 bad-value REPLSSLPORT"},
		},
		"ports of TLS on a server": {
			session.DsmServ, "SSLTCPPORT 1023\nSSLTCPADMINPORT 32768\n",
			[]string{"1 bad-value SSLTCPPORT", "2 bad-value SSLTCPADMINPORT"},
		},
		"no value": {
			session.DsmOpt, "SSL\nTCPServeraddress\n",
			[]string{"1 no-value SSL", "2 no-value TCPSERVERADDRESS"},
		},
		"quoted": {
			session.DsmOpt, "SSL \"yes\"\nPASSWORDACCESS 'generate'\nTCPP \"1\"\n",
			[]string{"1 quoted SSL", "(2 quoted PASSWORDACCESS)", "(3 quoted TCPPORT)"},
		},
		"empty quotes": {session.DsmOpt, `SSL ""`, []string{"1 quoted SSL", "1 no-value SSL"}},
		"equals sign": {
			session.DsmOpt, "SSL = yes\nSSLFIPSMODE=no\nSSLREQ= Yes\n",
			[]string{"(1 equals-sign SSL)", "(2 equals-sign SSLFIPSMODE)", "(3 equals-sign SSLREQUIRED)"},
		},
		"equals sign as IBM's server page has it": {
			session.DsmServ, "SSLFIPSMODE=Yes\nSSLFIPSMODE = no\n",
			[]string{"(2 repeated SSLFIPSMODE)"},
		},
		"repeated": {
			session.DsmOpt, "SSL yes\nSSL no\nTESTFLAG a\nTESTFLAG b\nFoo\nFoo\n",
			[]string{"(2 repeated SSL)"},
		},
		"same name in another case": {
			session.DsmSys, "Servername a\nServername b\nServername A\n",
			[]string{"3 same-name SERVERNAME"},
		},
		"same failover server": {
			session.DsmSys, "Servername a\nREPLSERVERNAME a\nREPLSERVERNAME a\n",
			[]string{"3 same-name REPLSERVERNAME"},
		},
		"NUL":                     {session.DsmOpt, "SSL y\x00es\n", []string{"1 control-character SSL"}},
		"escape":                  {session.DsmOpt, "Foo \x1b[31m\n", []string{"1 control-character FOO"}},
		"UTF-16":                  {session.DsmOpt, "\xff\xfeS\x00S\x00L\x00", []string{"1 encoding"}},
		"end-of-file mark of DOS": {session.DsmOpt, "SSL yes\r\n\x1a", nil},
		"removed": {
			session.DsmServ, "SSLTLS12 YES\nUSETLS12 YES\nSSLHIDELEGACY YES\nSSLDISABLELEGACYTLS YES\n",
			[]string{"(1 removed SSLTLS12)", "(2 removed USETLS12)", "(3 removed SSLHIDELEGACY)", "(4 removed SSLDISABLELEGACYTLS)"},
		},
		"TLS ports that must differ": {
			session.DsmServ, "SSLTCPPORT 1543\nADMINONCLIENTPORT NO\nSSLTCPADMINPORT 1543\n",
			[]string{"3 port-conflict SSLTCPADMINPORT"},
		},
		"TLS ports that may be the same": {session.DsmServ, "SSLTCPPORT 1543\nSSLTCPADMINPORT 1543\n", nil},
		"TLS port without TCP/IP": {
			session.DsmServ, "COMMM SHAREDMEM\nSSLTCPPORT 1543\n",
			[]string{"(2 no-network SSLTCPPORT)"},
		},
		"TLS port with TCP/IP second":         {session.DsmServ, "COMMM SHMEM\nCOMMMETHOD V6TCPIP\nSSLTCPPORT 1543\n", nil},
		"a storage agent names servers twice": {session.DsmSta, "SERVERNAME a\nServername A\n", nil},
	} {
		f := session.Parse(c.kind, []byte(c.text))
		if got := problems(f); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if hard := slices.ContainsFunc(c.want, func(s string) bool { return s[0] != '(' }); (f.Err() != nil) != hard {
			t.Errorf("%s: Err is %v", name, f.Err())
		}
	}
}

func TestProblem_Error(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	for text, want := range map[string]string{
		"SS yes": "line 1: SS: too short; write SSL or SSLREQUIRED or " +
			"SSLACCEPTCERTFROMSERV or SSLFIPSMODE or SSLDISABLELEGACYTLS",
		"SSLREQUIRD yes":            "line 1: SSLREQUIRD: unknown option; did you mean SSLREQUIRED?",
		"SSLREQUIRED SERVERONYL":    `line 1: SSLREQUIRED: the value "SERVERONYL" is not SERVERONLY`,
		"SSL " + long:               `line 1: SSL: the value "` + long[:60] + `"… is not Yes or No`,
		"SSL":                       "line 1: SSL: the value is missing",
		`SSL "yes"`:                 `line 1: SSL: the value "\"yes\"" must not be quoted`,
		"SSL = yes":                 "line 1: SSL: write a blank between the option and its value, not =",
		"\nSSL y\nSSL y":            "line 3: SSL: set before, in line 2; the last one is assumed to count",
		"#\u009b31m x":              `line 1: "#\u009b31m": not an option; a comment begins with *`,
		"FOO\x1b[2J":                `line 1: "FOO\x1b[2J": the line has a control character`,
		"TCPPORT x":                 `line 1: TCPPORT: the value "x" is not a port from 1 to 65535`,
		"SSLTCPPORT 2000":           "line 1: SSLTCPPORT: this option belongs to dsmserv.opt",
		"\xfe\xff":                  "line 1: the file is UTF-16; save it as UTF-8 or in the system's code page",
		"REPLSERVERNAME a\nREPLS a": "line 2: REPLS: too short; write REPLSERVERNAME or REPLSSLPORT or REPLSERVERGUID",
	} {
		f := session.Parse(session.DsmOpt, []byte(text))
		if len(f.Problems) != 1 || f.Problems[0].Error() != want {
			t.Errorf("%q: %v, want %s", text, f.Problems, want)
		}
	}
	for text, want := range map[string]string{
		"SSLTLS12 YES":                     "line 1: SSLTLS12: the option is gone since 8.1.2 and has no effect",
		"COMMMETHOD NONE\nSSLTCPPORT 1543": "line 2: SSLTCPPORT: needs COMMMETHOD TCPIP or V6TCPIP",
		"SSLTCPPORT 1543\nSSLTCPADMINPORT 1543\nADMINONCLIENTPORT N": "line 2: SSLTCPADMINPORT: the port 1543 must differ from SSLTCPPORT " +
			"because ADMINONCLIENTPORT is NO",
	} {
		if f := session.Parse(session.DsmServ, []byte(text)); len(f.Problems) != 1 || f.Problems[0].Error() != want {
			t.Errorf("%q: %v, want %s", text, f.Problems, want)
		}
	}
	f := session.Parse(session.DsmSys, []byte("Foo 1\nServername a\nServername a\n"))
	want := "line 1: FOO: only DEFAULTSERVER may stand before the first SERVERNAME\n" +
		"line 3: SERVERNAME: \"a\" has a stanza already, in line 2"
	if f.Err().Error() != want {
		t.Errorf("Err: %v", f.Err())
	}
}

func TestClient_defaultsAreMarked(t *testing.T) {
	t.Parallel()
	c := client(t, session.Parse(session.DsmSys, []byte("SErvername depot\n  TCPServeraddress depot.example.org\n")), "")
	if c.Name != "depot" || c.Address.Value != "depot.example.org" || c.Address.Line != 2 || c.Port.Value != 1500 || !c.Port.Default() {
		t.Errorf("address %v, port %v", c.Address, c.Port)
	}
	if c.SSL.Value || !c.SSL.Default() || c.Required.Value != session.RequiredDefault || !c.Required.Default() ||
		!c.AcceptCertificate.Value || !c.AcceptCertificate.Default() || c.FIPS.Value || c.Transport.Value != session.TCPIP {
		t.Errorf("%+v", c)
	}
}

func TestClient_everyOption(t *testing.T) {
	t.Parallel()
	text := strings.Join([]string{
		"\xef\xbb\xbfServername\tOne", " COMMM V6TCPIP", " TCPS\t2001:db8::1", "TCPP 1601", " TCPADMINP 1602", "ssl Y", "sslreq serveronly",
		"SslAcceptCertFromServ n", "SSLFIPSMODE yes", "ssldisablelegacytls YES", "testflag other", "testflag DISABLE_TLS13",
		"enablelanfree yes", "lanfreessl yes", "lanfreecommmethod sharedmem", "lanfreetcpserveraddress 127.0.0.1", "lanfreetcpport 1603",
		"MYREPLICATIONServer two three", "REPLSERVERNAME TWO", "REPLTCPSERVERADDRESS two.example.org", "REPLTCPPORT 1604", "REPLSSLPORT 1605",
		"REPLSERVERGUID 01.02", "* caf\xe9",
	}, "\r\n")
	f := session.Parse(session.DsmSys, []byte(text))
	if f.Err() != nil || len(f.Problems) > 0 || len(f.Unknown()) > 0 {
		t.Fatalf("%v", f.Problems)
	}
	c := client(t, f, "ONE")
	if c.Transport.Value != session.V6TCPIP || c.Address.Value != "2001:db8::1" || c.Port.Value != 1601 || c.AdminPort.Value != 1602 ||
		!c.SSL.Value || c.Required.Value != session.RequiredServerOnly || c.AcceptCertificate.Value ||
		!c.FIPS.Value || !c.DisableLegacyTLS.Value ||
		!c.NoTLS13.Value || c.NoTLS13.Line != 12 {
		t.Errorf("%+v", c)
	}
	want := session.LANFree{
		Enabled: session.Setting[bool]{Value: true, Line: 13}, SSL: session.Setting[bool]{Value: true, Line: 14},
		Transport: session.Setting[session.Transport]{Value: session.SharedMemory, Line: 15},
		Address:   session.Setting[string]{Value: "127.0.0.1", Line: 16}, Port: session.Setting[int]{Value: 1603, Line: 17},
	}
	if c.LANFree != want {
		t.Errorf("%+v", c.LANFree)
	}
	if len(c.Replicas) != 2 || c.Replicas[1].Stanza || c.Replicas[1].Name != "three" || c.Replicas[0].SSLPort.Value != 1605 ||
		c.Replicas[0].Port.Value != 1604 || c.Replicas[0].Address.Value != "two.example.org" || c.Replicas[0].GUID != "01.02" {
		t.Errorf("%+v", c.Replicas)
	}
}

func TestClient_lastValueCountsUnlessInvalid(t *testing.T) {
	t.Parallel()
	f := session.Parse(session.DsmOpt, []byte("SSL no\nSSL yes\nSSL \"no\"\nSSL perhaps\n"))
	if c := client(t, f, ""); !c.SSL.Value || c.SSL.Line != 2 {
		t.Errorf("SSL is %+v", c.SSL)
	}
}

func TestFile_Stanza(t *testing.T) {
	t.Parallel()
	text := "Servername north\nTCPS n\nServername South\nTCPS s\rTCPP 9\r\nServername EAST\nTCPS e"
	f := session.Parse(session.DsmSys, []byte(text))
	for name, address := range map[string]string{"": "n", "NORTH": "n", "south": "s", "East": "e"} {
		if c := client(t, f, name); c.Address.Value != address {
			t.Errorf("%q: %q", name, c.Address.Value)
		}
	}
	if c := client(t, f, "south"); c.Port.Value != 9 {
		t.Error("a lone CR does not end a line")
	}
	f = session.Parse(session.DsmSys, []byte("DEFAULTS south\n"+text))
	if c := client(t, f, ""); c.Address.Value != "s" {
		t.Errorf("DEFAULTSERVER is not followed: %q", c.Address.Value)
	}
	for name, want := range map[string]string{
		"sotuh":  `there is no SERVERNAME "sotuh"; did you mean "South"?`,
		"west\n": `there is no SERVERNAME "west\n", but "north", "South", "EAST"`,
		"moon":   `there is no SERVERNAME "moon", but "north", "South", "EAST"`,
	} {
		var e *session.StanzaError
		if _, err := f.Client(name); !errors.As(err, &e) || err.Error() != want {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := session.Parse(session.DsmSys, nil).Client(""); err == nil || err.Error() != "the file has no SERVERNAME" {
		t.Errorf("empty file: %v", err)
	}
}

func TestFile_keepsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	text := "early 1\nServername a\nINCLEXCL \"/etc/x y\"\nInclude /srv/.../* LONG\nErrorlogname C:\\Program Files\\x.log \nQuiet\n" +
		"SCHEDCMDEXCEPTION \"a\"\nSCHEDCMDEXCEPTION 'b'\nExclude.dir /media/*\nMixed \"a\" b \"c\"\n"
	var got []string
	for _, o := range session.Parse(session.DsmSys, []byte(text)).Unknown() {
		got = append(got, o.Name+"="+o.Value)
	}
	want := []string{
		"EARLY=1", "INCLEXCL=/etc/x y", "INCLUDE=/srv/.../* LONG", `ERRORLOGNAME=C:\Program Files\x.log`, "QUIET=", "SCHEDCMDEXCEPTION=a",
		"SCHEDCMDEXCEPTION=b", "EXCLUDE.DIR=/media/*", `MIXED="a" b "c"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestFile_wrongKind(t *testing.T) {
	t.Parallel()
	if _, err := session.Parse(session.DsmServ, nil).Client(""); err == nil || err.Error() != "this is a dsmserv.opt, not a dsm.sys" {
		t.Errorf("%v", err)
	}
	if _, err := session.Parse(session.DsmOpt, nil).Server(); err == nil || err.Error() != "this is a dsm.opt, not a dsmserv.opt" {
		t.Errorf("%v", err)
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]session.Kind{
		"/opt/tivoli/tsm/client/ba/bin/dsm.sys": session.DsmSys,
		"DSM.SYS":                               session.DsmSys, "dsm.sys.smp": session.DsmSys, `C:\x\dsm.opt`: session.DsmOpt,
		"dsmserv.opt": session.DsmServ, "/s/DSMSTA.OPT": session.DsmSta, "other": session.DsmOpt, "/etc/my.system/dsm.opt": session.DsmOpt,
	} {
		if got := session.KindOf(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestParseLevel(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"8.1.2": "8.1.2", "V7.1.8": "7.1.8", "8.1.14.100": "8.1.14.100", "8.2": "8.2.0"} {
		if l, err := session.ParseLevel(text); err != nil || l.String() != want {
			t.Errorf("%s: %s, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "8", "8.x", "8.1.2.3.4", "8.-1.2", "8..2", "8.1.99999"} {
		if l, err := session.ParseLevel(text); err == nil {
			t.Errorf("%q is %s", text, l)
		}
	}
	for text, want := range map[string]bool{
		"7.1.7": false, "7.1.8": true, "7.1.9": true, "7.2.0": true,
		"8.1.0": false, "8.1.1.100": false, "8.1.2": true, "8.2.0": true, "6.4.3": false,
	} {
		if l, _ := session.ParseLevel(text); l.Secure() != want {
			t.Errorf("%s: Secure is %v", text, !want)
		}
	}
}

// FuzzParse: no panic, problems with a line, everything but comments kept, selection that works, text safe for a terminal.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"SErvername a\n TCPServeraddress x\nSSL yes\n", "\xef\xbb\xbf* \xe4\rSSL y\x00\r\nSSL=Yes", "#x\nREPLSERVERNAME r\nSSLR \"no\"",
		"SSLTCPPORT 1543\nSSLTCPADMINPORT 1543\nADMINONCLIENTPORT NO",
		"LDAPURL ldap://h:1/o=x\nSSLFIPSMODE = y", "MYREPLICATIONS r\nREPLSERVERNAME R\n",
	} {
		for kind := range uint8(4) {
			f.Add(kind, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		file := session.Parse(session.Kind(kind%4), data)
		for _, p := range file.Problems {
			if text := p.Error(); p.Line < 1 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("line %d: %q", p.Line, text)
			}
		}
		for _, s := range file.Stanzas {
			found, err := file.Stanza(s.Name)
			if err != nil || file.Kind == session.DsmSys && s.Name != "" && !strings.EqualFold(found.Name, s.Name) {
				t.Errorf("stanza %q: %v", s.Name, err)
			}
		}
		if c, err := file.Client(""); err == nil {
			for _, role := range roles {
				check(t, c.Session(session.Level{8, 1, 14}, session.Peer{Role: role, Level: session.Level{7, 1, 7}}))
			}
		}
		if s, err := file.Server(); err == nil {
			check(t, s.Session(session.Level{8, 2, 0}, session.Peer{Role: session.RoleLDAPServer}))
			s.Listeners(session.Level{8, 1, 2})
		}
	})
}

// TestParse_hostileSizes: time and memory grow with the file, not faster.
func TestParse_hostileSizes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a long line":      "Foo " + strings.Repeat("x", 1<<20) + "\nSSL yes",
		"a long word":      strings.Repeat("S", 1<<20) + "\nSSL yes",
		"many stanzas":     strings.Repeat("Servername a\n", 2e4) + "SSL yes",
		"many options":     strings.Repeat("SSL no\nTCPP 1\nFoo\n", 1e4) + "SSL yes",
		"many line breaks": strings.Repeat("\r", 1<<18) + "SErvername a\nSSL yes",
	} {
		f := session.Parse(session.DsmSys, []byte("Servername a\n"+text))
		if c := client(t, f, "a"); !c.SSL.Value {
			t.Errorf("%s: the last line is lost", name)
		}
	}
}
