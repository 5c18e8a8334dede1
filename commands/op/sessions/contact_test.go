package sessions_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/commands/op/sessions"
	"certkdb/kdb"
	"certkdb/pki/session"
)

const (
	serverFile = "TCPPORT 1500\nSSLTCPPORT 1543\nTCPADMINPORT 1600\nLDAPURL ldap://ldap.example.com:389/ou=x\n"
	agentFile  = "TCPPORT 1500\nSERVERNAME vault\n"
)

// TestContact_refuses: what the options file rules out is refused before anything is connected, with the reason.
func TestContact_refuses(t *testing.T) {
	t.Parallel()
	accepting := sessions.Connect{Keep: sessions.Keep{Accept: true}}
	old := sessions.Options{ServerLevel: "7.1.7", ClientLevel: "7.1.6"}
	for name, c := range map[string]struct {
		file, text string
		contact    sessions.Contact
		want       error
		says       string
	}{
		"a server's file":    {"dsmserv.opt", serverFile, sessions.Contact{}, op.ErrUsage, "not the options of a client"},
		"nothing to read":    {"", "", sessions.Contact{}, op.ErrUsage, ""},
		"what it may accept": {"dsm.sys", vault, sessions.Contact{Connect: accepting}, op.ErrUsage, "decides"},
		"no address":         {"dsm.sys", "SERVERNAME vault\n", sessions.Contact{}, op.ErrUsage, "TCPSERVERADDRESS is missing"},
		"not encrypted": {
			"dsm.sys", vault + " SSL No\n", sessions.Contact{Options: old}, op.ErrFindings, "not encrypted",
		},
		"the FIPS module is off": {"dsm.sys", vault + " SSL Yes\n SSLFIPSMODE Yes\n", sessions.Contact{}, op.ErrUsage, "SSLFIPSMODE"},
		"no such label":          {"dsm.sys", vault, sessions.Contact{Connect: sessions.Connect{Certificate: "none"}}, kdb.ErrNotFound, "none"},
	} {
		s := environment(t, nil, nil)
		s.Env.Dial = nil // a connection would panic
		if c.file != "" {
			c.contact.Options.File = optionsFile(t, c.file, c.text)
		}
		if _, err := c.contact.Run(t.Context(), s); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRules_ofServersAndAgents: their files have other peers, and a server's has ports.
func TestRules_ofServersAndAgents(t *testing.T) {
	t.Parallel()
	server, agent := optionsFile(t, "dsmserv.opt", serverFile), optionsFile(t, "dsmsta.opt", agentFile)
	const replica = " REPLSERVERNAME target\n REPLTCPSERVERADDRESS t.example.com\n REPLTCPPORT 1500\n"
	s := environment(t, nil, map[string]*identity{"ldap.example.com": issue(t, nil, named("x"))})
	for name, c := range map[string]struct {
		o     sessions.Options
		roles string
		ports bool
	}{
		"a server":        {sessions.Options{File: server}, "LDAP server, target server", true},
		"a storage agent": {sessions.Options{File: agent}, "LDAP server, target server", false},
		"a client": {
			sessions.Options{File: optionsFile(t, "dsm.sys", vault), ServerOptions: server}, "server, storage agent, replication target", false,
		},
		"a client with a replication target": {
			sessions.Options{File: optionsFile(t, "dsm.sys", vault+replica)},
			"server, storage agent, replication target", false,
		},
	} {
		ruled, err := sessions.Rules{Options: c.o}.Run(t.Context(), s.Env, s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var roles []string
		for _, r := range ruled.Sessions {
			if len(roles) == 0 || roles[len(roles)-1] != r.Role {
				roles = append(roles, r.Role)
			}
			if (r.Role == "LDAP server" && name == "a server") != (r.Label == "ldap.example.com") {
				t.Errorf("%s: %s has the certificate %q", name, r.Role, r.Label)
			}
		}
		if got := strings.Join(roles, ", "); got != c.roles || (len(ruled.Ports) > 0) != c.ports {
			t.Errorf("%s: %s, %d ports", name, got, len(ruled.Ports))
		}
		for i, p := range ruled.Ports {
			if p.Level == "" || i > 0 && p == ruled.Ports[i-1] {
				t.Errorf("port %d: %+v", i, p)
			}
		}
	}
}

// TestRules_oddLines: options that mean nothing here are told.
func TestRules_oddLines(t *testing.T) {
	t.Parallel()
	s := environment(t, nil, nil)
	file := optionsFile(t, "dsm.sys", vault+" NODENAME x\n FROBNICATE Yes\n")
	ruled, err := sessions.Rules{Options: sessions.Options{File: file}}.Run(t.Context(), s.Env, nil)
	if err != nil || !strings.Contains(strings.ToUpper(strings.Join(ruled.Unknown, " ")), "FROBNICATE") || ruled.Database {
		t.Errorf("%q, %v", ruled.Unknown, err)
	}
}

// TestChecklist_servers: without a name all stanzas of the file are looked at; other files have no checklist.
func TestChecklist_servers(t *testing.T) {
	t.Parallel()
	two := vault + "SERVERNAME other\n TCPSERVERADDRESS other.example.com\n SSLACCEPTCERTFROMSERV No\n"
	s := environment(t, nil, map[string]*identity{"vault": issue(t, nil, named("TSM"))})
	servers := func(o sessions.Options) (map[string]bool, error) {
		checked, err := sessions.Checklist{Options: o, Number: 1}.Run(t.Context(), s.Env, s)
		names := map[string]bool{}
		for _, step := range checked.Steps {
			if step.Server != "" {
				names[step.Server] = true
			}
		}
		return names, err
	}
	file := optionsFile(t, "dsm.sys", two)
	if all, err := servers(sessions.Options{File: file}); err != nil || !all["vault"] || !all["other"] {
		t.Errorf("%v, %v", all, err)
	}
	if one, err := servers(sessions.Options{File: file, Server: "other"}); err != nil || one["vault"] {
		t.Errorf("%v, %v", one, err)
	}
	if _, err := servers(sessions.Options{File: optionsFile(t, "dsmserv.opt", serverFile)}); !errors.Is(err, op.ErrUsage) {
		t.Errorf("a server's file: %v", err)
	}
	if _, err := servers(sessions.Options{}); !errors.Is(err, op.ErrUsage) {
		t.Errorf("no file: %v", err)
	}
}

// TestContact_whatATrustedCAContradicts: a certificate for another name by a trusted CA is no first contact, and
// nobody is told to add it by hand.
func TestContact_whatATrustedCAContradicts(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, authority("Root"))
	server := dialer{"vault.example.com:1500": presenting(issue(t, root, named("x", "other")))}
	s := environment(t, server, map[string]*identity{"root": root})
	for _, option := range []string{"", " SSLACCEPTCERTFROMSERV No\n"} {
		contact := sessions.Contact{Options: sessions.Options{File: optionsFile(t, "dsm.sys", vault+option), ServerLevel: "8.1.13"}}
		connected, err := contact.Run(t.Context(), s)
		if err != nil || connected.OK || connected.HasChanged() || len(labels(t, s)) != 1 {
			t.Errorf("%q: %+v, %v", option, connected.Targets, err)
			continue
		}
		byHand := func(f sessions.Finding) bool { return f.Code == sessions.CodeByHand }
		if slices.ContainsFunc(connected.Targets[0].Findings, byHand) {
			t.Errorf("%q: it says to add the wrong certificate by hand", option)
		}
	}
}

// TestChecklist_whatIsToBeDone: a use case is done only when every step is.
func TestChecklist_whatIsToBeDone(t *testing.T) {
	t.Parallel()
	s := environment(t, nil, nil)
	file := optionsFile(t, "dsm.sys", vault+" SSLACCEPTCERTFROMSERV No\n SSL Yes\n")
	toDo := false
	for n := 1; n <= 8; n++ {
		checked, err := sessions.Checklist{Options: sessions.Options{File: file}, Number: n}.Run(t.Context(), s.Env, s)
		open := slices.ContainsFunc(checked.Steps, func(step sessions.Step) bool { return step.State == session.ToDo })
		if err != nil || checked.Done == open {
			t.Errorf("%d: done %t, %v", n, checked.Done, err)
		}
		toDo = toDo || open
	}
	if !toDo {
		t.Error("nothing is to be done without the server's certificate")
	}
}

// TestRules_distrustedCertificates: what is not trusted does not count as the server's certificate.
func TestRules_distrustedCertificates(t *testing.T) {
	t.Parallel()
	s := environment(t, nil, map[string]*identity{"vault": issue(t, nil, named("TSM"))})
	optest.Change(t, s, func(tx kdb.Tx) error { return tx.Mark("vault", kdb.Marks{Trusted: new(false)}) })
	ruled, err := sessions.Rules{Options: sessions.Options{File: optionsFile(t, "dsm.sys", vault)}}.Run(t.Context(), s.Env, s)
	if err != nil || ruled.Sessions[0].Label != "" {
		t.Errorf("%+v, %v", ruled.Sessions[0], err)
	}
}
