package session_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/pki/session"
)

var roles = []session.Role{
	session.RoleServer, session.RoleStorageAgent, session.RoleReplicationTarget, session.RoleLDAPServer, session.RoleTargetServer,
}

// render shows every cell of a session.
func render(s session.Session) string {
	var todo, ignored []string
	for _, t := range s.Todo {
		text := string(t.Action)
		if t.Option != "" {
			text += " " + t.Option + " " + t.Value
		}
		if t.Port != 0 {
			text += fmt.Sprintf(" %d", t.Port)
		}
		todo = append(todo, text)
	}
	for _, i := range s.Ignored {
		ignored = append(ignored, i.Option)
	}
	session := "plain"
	if s.Encrypted.Value {
		session = "encrypted"
	}
	text := fmt.Sprintf("%s; %s, data %s, %s; certificate %s; port %d", s.Outcome.Value, session, s.ObjectData.Value, s.Versions.Value,
		s.Certificate.Value, s.Port.Value)
	if len(todo) > 0 {
		text += "; todo " + strings.Join(todo, ", ")
	}
	if len(ignored) > 0 {
		text += "; ignored " + strings.Join(ignored, ", ")
	}
	return text
}

// because lists all rules that a session names.
func because(s session.Session) []session.Rule {
	list := slices.Concat(s.Outcome.Because, s.Encrypted.Because, s.ObjectData.Because, s.Versions.Because, s.FIPS.Because,
		s.Certificate.Because, s.Port.Because)
	for _, t := range s.Todo {
		list = append(list, t.Because)
	}
	for _, i := range s.Ignored {
		list = append(list, i.Because)
	}
	return list
}

// check holds a session against what must be true of every session.
func check(t *testing.T, s session.Session) {
	t.Helper()
	for _, rule := range because(s) {
		if rule.Source().Text == "" {
			t.Errorf("the rule %q has no source", rule)
		}
	}
	if len(s.Encrypted.Because)*len(s.ObjectData.Because)*len(s.Versions.Because)*len(s.Certificate.Because) == 0 {
		t.Errorf("a cell has no reason: %s", render(s))
	}
	v := s.Versions.Value
	network := s.Encrypted.Value
	switch {
	case s.Outcome.Value != session.Opens && len(s.Outcome.Because) == 0:
		t.Errorf("no reason for the outcome: %s", render(s))
	case s.Outcome.Value == session.Refused && len(s.Todo) == 0:
		t.Errorf("refused, and nothing to do about it: %s", render(s))
	case v.Min > v.Max, (v.Max != 0) != network, (s.Certificate.Value != session.NotNeeded) != network:
		t.Errorf("encryption, versions and certificate disagree: %s", render(s))
	case s.ObjectData.Value == session.DataEncrypted && !network:
		t.Errorf("object data is encrypted in a session that is not: %s", render(s))
	case s.Certificate.Value == session.ByHand && s.Outcome.Value != session.Refused:
		t.Errorf("the certificate is missing, and the session opens: %s", render(s))
	case s.Peer.HasCertificate && s.Certificate.Value == session.FirstContact:
		t.Errorf("a certificate that is present would be replaced: %s", render(s))
	}
}

func level(t *testing.T, text string) session.Level {
	t.Helper()
	l, err := session.ParseLevel(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// covered collects the rules that a case names and that the result names too.
func covered(t *testing.T, rule session.Rule, named []session.Rule) {
	t.Helper()
	if !slices.Contains(named, rule) {
		t.Errorf("the rule is not among %q", named)
	}
}

func stanza(t *testing.T, options string) *session.Client {
	t.Helper()
	f := session.Parse(session.DsmSys, []byte("SERVERNAME here\nTCPS h.example.org\n"+options))
	if f.Err() != nil {
		t.Fatal(f.Err())
	}
	return client(t, f, "")
}

// title is the name of a case: the sentence that it comes from.
func title(rule session.Rule) string {
	s := rule.Source()
	return fmt.Sprintf("%s: %s: %s", s.Document, s.Section, s.Text)
}

func orNow(s string) string {
	if s == "" {
		return "8.1.14"
	}
	return s
}

func TestClient_Session(t *testing.T) {
	t.Parallel()
	for _, c := range clientCases {
		t.Run(title(c.rule), func(t *testing.T) {
			p := c.with
			p.Level = level(t, orNow(c.peer))
			if p.Role == "" {
				p.Role = session.RoleServer
			}
			s := stanza(t, c.options).Session(level(t, orNow(c.own)), p)
			if got := render(s); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			covered(t, c.rule, because(s))
			check(t, s)
		})
	}
}

func TestClient_Session_fips(t *testing.T) {
	t.Parallel()
	p := session.Peer{Role: session.RoleServer, Level: session.Level{8, 1, 14}}
	for options, want := range map[string]bool{"": false, "SSLFIPSMODE no\n": false, "SSLFIPSMODE yes\n": true} {
		if s := stanza(t, options).Session(session.Level{8, 1, 14}, p); s.FIPS.Value != want {
			t.Errorf("%q: FIPS %v", options, s.FIPS.Value)
		}
	}
}

func TestClient_Session_port(t *testing.T) {
	t.Parallel()
	for _, c := range portCases {
		t.Run(title(c.rule), func(t *testing.T) {
			p := session.Peer{Role: session.RoleServer, Level: level(t, c.level), HasCertificate: true, Admin: c.admin, Options: server(t, c.server)}
			s := stanza(t, c.client).Session(session.Level{8, 1, 14}, p)
			if got := render(s); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			covered(t, c.rule, because(s))
			check(t, s)
		})
	}
	agent := session.Peer{
		Role: session.RoleStorageAgent, Level: session.Level{8, 1, 1}, HasCertificate: true, Options: server(t, "SSLTCPPORT 1500\n"),
	}
	s := stanza(t, "ENABLELANFREE yes\nSSL yes\n").Session(session.Level{8, 1, 14}, agent)
	if len(s.Todo) != 1 || s.Todo[0].Option != "LANFREESSL" {
		t.Errorf("an old storage agent that takes TLS only: %s", render(s))
	}
}

func TestServer_Session(t *testing.T) {
	t.Parallel()
	for _, c := range initiatorCases {
		t.Run(title(c.rule), func(t *testing.T) {
			p := c.with
			p.Level = level(t, c.peer)
			s := server(t, c.options).Session(level(t, c.own), p)
			if got := render(s); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			covered(t, c.rule, because(s))
			check(t, s)
		})
	}
}

func TestServer_Listeners(t *testing.T) {
	t.Parallel()
	for _, c := range listenerCases {
		t.Run(title(c.rule), func(t *testing.T) {
			var got []string
			var named []session.Rule
			for _, l := range server(t, c.options).Listeners(level(t, c.level)) {
				text := fmt.Sprint(l.Port)
				for _, word := range []struct {
					text string
					yes  bool
				}{{" client", l.Client}, {" admin", l.Admin}, {" plain", l.Plain}, {" TLS", l.TLS}} {
					if word.yes {
						text += word.text
					}
				}
				got = append(got, text)
				named = append(named, l.Because...)
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), c.want)
			}
			if c.want != "" {
				covered(t, c.rule, named)
			}
		})
	}
}

// TestRules_eachHasACase: no rule without a case, and none without its document, sentence and standing.
func TestRules_eachHasACase(t *testing.T) {
	t.Parallel()
	tried := map[session.Rule]bool{}
	for _, c := range clientCases {
		tried[c.rule] = true
	}
	for _, c := range portCases {
		tried[c.rule] = true
	}
	for _, c := range initiatorCases {
		tried[c.rule] = true
	}
	for _, c := range listenerCases {
		tried[c.rule] = true
	}
	texts := map[string]session.Rule{}
	for _, rule := range session.Rules() {
		s := rule.Source()
		if !tried[rule] {
			t.Errorf("no case for %s", rule)
		}
		if s.Document == "" || s.Section == "" || !strings.HasSuffix(s.Text, ".") || s.Standing == "" {
			t.Errorf("%s: incomplete source %+v", rule, s)
		}
		if other := texts[s.Text]; other != "" {
			t.Errorf("%s and %s have the same sentence", rule, other)
		}
		texts[s.Text] = rule
	}
	for rule := range tried {
		if !slices.Contains(session.Rules(), rule) {
			t.Errorf("a case names the rule %s, which is unknown", rule)
		}
	}
}

// TestLevels: between two of them nothing changes, and at each of them something does.
func TestLevels(t *testing.T) {
	t.Parallel()
	c := stanza(t, "SSLDISABLELEGACYTLS no\nENABLELANFREE yes\n"+failover)
	s := server(t, "SERVERNAME v\nLDAPURL ldap://d.example.org\n")
	// all renders every session of a program of a level with a peer of the level.
	all := func(own, peer session.Level) string {
		var b strings.Builder
		for i := range 8 * len(roles) {
			p := session.Peer{Role: roles[i/8], Level: peer, HasCertificate: i&1 != 0, CASigned: i&2 != 0, Strict: i&4 != 0, Port: 1}
			for _, result := range []session.Session{c.Session(own, p), s.Session(own, p)} {
				fmt.Fprintln(&b, render(result), because(result))
			}
		}
		return b.String()
	}
	newest := session.Level{8, 2, 0}
	var levels []session.Level
	for fix := range 30 {
		levels = append(levels, session.Level{6, 3, fix}, session.Level{7, 1, fix}, session.Level{8, 1, fix}, session.Level{8, 2, fix})
	}
	changes := session.Levels()
	for _, l := range levels {
		from := changes[0]
		for _, change := range changes {
			if l.AtLeast(change) {
				from = change
			}
		}
		if all(newest, l) != all(newest, from) || all(l, newest) != all(from, newest) || all(l, l) != all(from, from) {
			t.Errorf("%s differs from %s", l, from)
		}
	}
	for i, change := range changes[1:] {
		before := changes[i]
		if all(newest, change) == all(newest, before) && all(change, change) == all(before, before) {
			t.Errorf("nothing changes at %s", change)
		}
	}
}

// TestClient_Session_matrix checks what must hold for every combination of options, levels and peers.
func TestClient_Session_matrix(t *testing.T) {
	t.Parallel()
	options := []string{""}
	for _, more := range [][]string{
		{"", "SSL yes\n"},
		{"", "SSLREQUIRED yes\n", "SSLREQUIRED no\n", "SSLREQUIRED serveronly\n"},
		{"", "SSLACCEPTCERTFROMSERV no\n"},
		{"", "SSLDISABLELEGACYTLS yes\nTESTFLAG disable_tls13\n"},
		{"ENABLELANFREE y\n", "ENABLELANFREE y\nLANFREESSL y\n", failover, "COMMMETHOD shmem\n"},
	} {
		var longer []string
		for _, o := range options {
			for _, m := range more {
				longer = append(longer, o+m)
			}
		}
		options = longer
	}
	for _, text := range options {
		c := stanza(t, text)
		for _, own := range []session.Level{{8, 1, 1}, {8, 1, 14}} {
			for _, theirs := range []session.Level{{7, 1, 7}, {7, 1, 8}, {8, 1, 1}, {8, 1, 2}, {8, 1, 13}} {
				for i := range 16 * len(roles) {
					p := session.Peer{
						Role: roles[i/16], Level: theirs, HasCertificate: i&1 != 0, Strict: i&2 != 0, LDAP: i&4 != 0, CASigned: i&8 != 0,
					}
					s := c.Session(own, p)
					check(t, s)
					secure := own.Secure() && theirs.Secure() && s.Outcome.Value != session.Unused && c.Transport.Value.Network()
					if secure && (!s.Encrypted.Value || s.Versions.Value.Min < 0x0303) || !secure && s.Versions.Value.Max == 0x0304 {
						t.Errorf("%q, %s to %s: %s", text, own, theirs, render(s))
					}
				}
				if t.Failed() {
					return
				}
			}
		}
	}
}
