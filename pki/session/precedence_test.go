package session_test

import (
	"slices"
	"testing"

	"certkdb/pki/session"
)

// TestClient_Session_whyByHand: of several reasons against automatic distribution, the one that an administrator meets first is named, and
// what to do fits it.
func TestClient_Session_whyByHand(t *testing.T) {
	t.Parallel()
	const no = "SSLACCEPTCERTFROMSERV no\n"
	now, old := session.Level{8, 1, 14}, session.Level{8, 1, 1}
	all := session.Peer{LDAP: true, Strict: true, CASigned: true}
	for name, c := range map[string]struct {
		options string
		peer    session.Peer
		level   session.Level
		rule    session.Rule
		todo    []session.Action
	}{
		"an old server before all": {
			no + "SSL yes\n", all, old, "accept-old", []session.Action{session.ImportCertificate, session.CheckPort},
		},
		"the option before the server":  {no, all, now, "accept-no", []session.Action{session.ImportCertificate}},
		"LDAP before STRICT":            {"", all, now, "accept-ldap", []session.Action{session.ImportCertificate, session.SetOption}},
		"STRICT before the CA":          {"", session.Peer{Strict: true, CASigned: true}, session.Level{8, 1, 8}, "accept-strict", nil},
		"CA-signed, 8.1.8":              {"", session.Peer{CASigned: true}, session.Level{8, 1, 8}, "accept-ca-8.1.2", nil},
		"CA-signed, 8.1.9":              {"", session.Peer{CASigned: true}, session.Level{8, 1, 9}, "accept-ca-8.1.9", nil},
		"CA-signed, 8.1.12":             {"", session.Peer{CASigned: true}, session.Level{8, 1, 12}, "accept-ca-8.1.9", nil},
		"CA-signed, 7.1.8 is before it": {"", session.Peer{CASigned: true}, session.Level{7, 1, 8}, "accept-ca-8.1.2", nil},
	} {
		c.peer.Role, c.peer.Level = session.RoleServer, c.level
		s := stanza(t, c.options).Session(now, c.peer)
		if s.Certificate.Value != session.ByHand || s.Certificate.Because[0] != c.rule || s.Outcome.Value != session.Refused {
			t.Errorf("%s: %s because of %q, want %s", name, render(s), s.Certificate.Because, c.rule)
		}
		if got := actions(s); c.todo != nil && !slices.Equal(got, c.todo) {
			t.Errorf("%s: to do %q, want %q", name, got, c.todo)
		}
	}
}

func actions(s session.Session) (list []session.Action) {
	for _, t := range s.Todo {
		list = append(list, t.Action)
	}
	return list
}

// TestClient_Session_eachThingOnce: two rules that refuse a session ask for the same thing once, and both are named.
func TestClient_Session_eachThingOnce(t *testing.T) {
	t.Parallel()
	p := session.Peer{Role: session.RoleServer, Level: session.Level{8, 1, 1}, LDAP: true, Options: server(t, "SSLTCPPORT 1500\n")}
	s := stanza(t, "").Session(session.Level{8, 1, 14}, p)
	if want := []session.Rule{"sslrequired-default-ldap", "ssl-only-port"}; !slices.Equal(s.Outcome.Because, want) {
		t.Errorf("refused because of %q, want %q", s.Outcome.Because, want)
	}
	if len(s.Todo) != 1 || s.Todo[0].Option != "SSL" || s.Todo[0].Because != "sslrequired-default-ldap" {
		t.Errorf("%+v", s.Todo)
	}
}

// TestClient_Session_replica selects a failover server: by its name in any case, otherwise the first that MYREPLICATIONSERVER names.
func TestClient_Session_replica(t *testing.T) {
	t.Parallel()
	c := stanza(t, "MYREPLICATIONSERVER North South\nMYREPLICATIONSERVER east\n"+
		"REPLSERVERNAME south\nREPLTCPPORT 1602\nREPLSERVERNAME NORTH\nREPLTCPPORT 1601\nREPLSERVERNAME other\nREPLTCPPORT 1604\n")
	for name, want := range map[string]struct {
		outcome session.Outcome
		port    int
		rule    session.Rule
	}{
		"":      {session.Opens, 1601, "replsslport-ignored"},
		"north": {session.Opens, 1601, "replsslport-ignored"},
		"SOUTH": {session.Opens, 1602, "replsslport-ignored"},
		"east":  {session.Unused, 0, "replservername"},
		"other": {session.Unused, 0, "myreplicationserver"},
		"nort":  {session.Unused, 0, "myreplicationserver"},
	} {
		now := session.Level{8, 1, 14}
		s := c.Session(now, session.Peer{Role: session.RoleReplicationTarget, Level: now, Replica: name, HasCertificate: true})
		if s.Outcome.Value != want.outcome || s.Port.Value != want.port || !slices.Contains(because(s), want.rule) {
			t.Errorf("%q: %s because of %q, want %+v", name, render(s), because(s), want)
		}
		if logOn := slices.Equal(actions(s), []session.Action{session.LogOn}); logOn != (want.rule == "replservername") {
			t.Errorf("%q: to do %q", name, actions(s))
		}
	}
}

// TestClient_Session_usePort: the port that is suggested takes the session, and is 0 if none does.
func TestClient_Session_usePort(t *testing.T) {
	t.Parallel()
	const dead = "TCPPORT 9\n"
	old, now := session.Level{8, 1, 1}, session.Level{8, 1, 2}
	for name, c := range map[string]struct {
		client, server string
		level          session.Level
		admin          bool
		want           int
	}{
		"a client, in the clear": {dead, "", old, false, 1500},
		"a client, with TLS":     {dead + "SSL yes\n", "SSLTCPPORT 1543\nSSLTCPADMINPORT 1042\n", old, false, 1543},
		"an administrator, with TLS": {
			dead + "SSL yes\n", "SSLTCPPORT 1543\nSSLTCPADMINPORT 1544\nADMINONCLIENTPORT no\n", old, true, 1544,
		},
		"an administrator, clear":           {dead, "TCPADMINPORT 1501\nADMINONCLIENTPORT no\n", old, true, 1501},
		"the lowest of several":             {dead, "TCPPORT 1601\nTCPADMINPORT 1600\n", now, true, 1600},
		"a port that takes both":            {dead + "SSL yes\n", "", now, false, 1500},
		"TLS with a server that opens none": {dead + "SSL yes\n", "", old, false, 0},
		"a server without a network":        {dead, "COMMMETHOD SHMEM\n", now, false, 0},
	} {
		p := session.Peer{Role: session.RoleServer, Level: c.level, HasCertificate: true, Admin: c.admin, Options: server(t, c.server)}
		s := stanza(t, c.client).Session(session.Level{8, 1, 14}, p)
		if len(s.Todo) != 1 || s.Todo[0].Action != session.UsePort || s.Todo[0].Port != c.want || s.Outcome.Value != session.Refused {
			t.Errorf("%s: %s, want port %d", name, render(s), c.want)
		}
	}
}

// TestClient_Session_ignored: an option without effect is reported with its line, and only if the file sets it.
func TestClient_Session_ignored(t *testing.T) {
	t.Parallel()
	const options = "SSLREQUIRED yes\nSSLDISABLELEGACYTLS yes\nENABLELANFREE yes\nLANFREESSL yes\nSSLACCEPTCERTFROMSERV yes\n" + failover
	c := stanza(t, options) // its first option is in line 3
	for _, tt := range []struct {
		role  session.Role
		level session.Level
		has   bool
		want  []session.Ignored
	}{
		{session.RoleServer, session.Level{8, 1, 2}, false, []session.Ignored{
			{Option: "SSLREQUIRED", Line: 3, Because: "sslrequired-ignored"},
			{Option: "SSLDISABLELEGACYTLS", Line: 4, Because: "ssldisablelegacytls-ignored"},
		}},
		{session.RoleStorageAgent, session.Level{8, 1, 2}, true, []session.Ignored{
			{Option: "SSLREQUIRED", Line: 3, Because: "sslrequired-ignored"},
			{Option: "SSLDISABLELEGACYTLS", Line: 4, Because: "ssldisablelegacytls-ignored"},
			{Option: "LANFREESSL", Line: 6, Because: "lanfreessl-ignored"},
			{Option: "SSLACCEPTCERTFROMSERV", Line: 7, Because: "accept-present"},
		}},
		{session.RoleStorageAgent, session.Level{8, 1, 1}, true, []session.Ignored{
			{Option: "SSLACCEPTCERTFROMSERV", Line: 7, Because: "accept-present"},
		}},
		{session.RoleStorageAgent, session.Level{8, 1, 1}, false, []session.Ignored{
			{Option: "SSLACCEPTCERTFROMSERV", Line: 7, Because: "accept-old"},
		}},
		{session.RoleReplicationTarget, session.Level{8, 1, 2}, false, []session.Ignored{
			{Option: "REPLSSLPORT", Line: 11, Because: "replsslport-ignored"},
			{Option: "SSLREQUIRED", Line: 3, Because: "sslrequired-ignored"},
			{Option: "SSLDISABLELEGACYTLS", Line: 4, Because: "ssldisablelegacytls-ignored"},
		}},
	} {
		s := c.Session(session.Level{8, 1, 14}, session.Peer{Role: tt.role, Level: tt.level, HasCertificate: tt.has})
		if !slices.Equal(s.Ignored, tt.want) {
			t.Errorf("%s %s: %+v, want %+v", tt.role, tt.level, s.Ignored, tt.want)
		}
		bare := stanza(t, "ENABLELANFREE yes\nMYREPLICATIONSERVER r\nREPLSERVERNAME r\n")
		if s := bare.Session(session.Level{8, 1, 14}, s.Peer); len(s.Ignored) > 0 {
			t.Errorf("%s %s: nothing is set, and %+v is ignored", tt.role, tt.level, s.Ignored)
		}
	}
}

// TestVersions_String: a session without TLS, with one version, and with a range of them.
func TestVersions_String(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]session.Versions{
		"none": {}, "TLS 1.2": {Min: 0x0303, Max: 0x0303},
		"TLS 1.0 to TLS 1.2": {Min: 0x0301, Max: 0x0303}, "TLS 1.2 to TLS 1.3": {Min: 0x0303, Max: 0x0304},
	} {
		if got := v.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestLevel_AtLeast compares each part of a level before the next one.
func TestLevel_AtLeast(t *testing.T) {
	t.Parallel()
	rising := []session.Level{
		{}, {6, 9, 9, 9}, {7, 1, 8}, {7, 1, 8, 1}, {7, 2}, {8}, {8, 0, 9}, {8, 1, 2}, {8, 1, 2, 100}, {8, 1, 10}, {8, 2}, {10},
	}
	for i, a := range rising {
		for j, b := range rising {
			if a.AtLeast(b) != (i >= j) {
				t.Errorf("%s at least %s: %v", a, b, i < j)
			}
		}
	}
}
