package sessions_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/sessions"
	"certkdb/kdb"
	"certkdb/pki/session"
)

func optionsFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const vault = "SERVERNAME vault\n TCPSERVERADDRESS vault.example.com\n"

// Rows follow each other without a gap, from "before all levels" to "any later one", and next to each other they differ.
func TestRules_rowsCoverTheLevels(t *testing.T) {
	t.Parallel()
	s := environment(t, nil, nil)
	file := optionsFile(t, "dsm.sys", vault+" ENABLELANFREE Yes\n")
	ruled, err := sessions.Rules{Options: sessions.Options{File: file}}.Run(t.Context(), s.Env, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]sessions.Ruling{}
	for _, r := range ruled.Sessions {
		rows[r.Role] = append(rows[r.Role], r)
	}
	for role, list := range rows {
		if first, last := list[0], list[len(list)-1]; first.From != "" || last.Before != "" {
			t.Errorf("%s: from %q, before %q", role, first.From, last.Before)
		}
		for i := range list[1:] {
			if list[i].Before == "" || list[i].Before != list[i+1].From {
				t.Errorf("%s: before %q, from %q", role, list[i].Before, list[i+1].From)
			}
		}
	}
	if len(rows["server"]) < 3 || len(rows["storage agent"]) < 3 || len(rows["replication target"]) != 1 {
		t.Errorf("%d, %d and %d rows", len(rows["server"]), len(rows["storage agent"]), len(rows["replication target"]))
	}
	for _, r := range ruled.Sessions {
		for _, a := range r.Answers() {
			for _, rule := range a.Because {
				if !slices.ContainsFunc(ruled.Reasons, func(x sessions.Reason) bool { return x.Rule == rule && x.Text != "" && x.Source != "" }) {
					t.Errorf("%s: the reason %s is not explained", r.Role, rule)
				}
			}
		}
	}
}

func TestRules_certificatesOfTheDatabase(t *testing.T) {
	t.Parallel()
	file := optionsFile(t, "dsm.sys", vault)
	for label, want := range map[string]session.Acquisition{
		"vault": session.Present, "VAULT.example.com": session.Present, "vault2": session.FirstContact,
	} {
		s := environment(t, nil, map[string]*identity{label: issue(t, nil, named("TSM"))})
		ruled, err := sessions.Rules{Options: sessions.Options{File: file, ServerLevel: "8.1.13"}}.Run(t.Context(), s.Env, s)
		if err != nil || ruled.Sessions[0].Certificate.Value != string(want) {
			t.Errorf("%s: %v %+v", label, err, ruled.Sessions)
		}
	}
}

func TestRules_files(t *testing.T) {
	t.Parallel()
	env := environment(t, nil, nil).Env
	for name, c := range map[string]struct {
		options sessions.Options
		want    error
	}{
		"no file":         {sessions.Options{}, op.ErrUsage},
		"a wrong value":   {sessions.Options{File: optionsFile(t, "dsm.sys", vault+" SSL perhaps\n")}, kdb.ErrParse},
		"no such server":  {sessions.Options{File: optionsFile(t, "dsm.sys", vault), Server: "other"}, op.ErrUsage},
		"no level":        {sessions.Options{File: optionsFile(t, "dsm.sys", vault), ServerLevel: "new"}, op.ErrUsage},
		"no such file":    {sessions.Options{File: filepath.Join(t.TempDir(), "dsm.sys")}, os.ErrNotExist},
		"too long a file": {sessions.Options{File: optionsFile(t, "dsm.sys", string(make([]byte, 5<<20)))}, kdb.ErrParse},
		"a client's options for the server's": {
			sessions.Options{File: optionsFile(t, "dsm.sys", vault), ServerOptions: optionsFile(t, "dsm.opt", "")}, op.ErrUsage,
		},
	} {
		if _, err := (sessions.Rules{Options: c.options}).Run(t.Context(), env, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChecklist_everyUseCase(t *testing.T) {
	t.Parallel()
	s := environment(t, nil, map[string]*identity{"vault": issue(t, nil, named("TSM"))})
	file := optionsFile(t, "dsm.sys", vault+" SSLACCEPTCERTFROMSERV No\n SSL Yes\n")
	for n := range 10 {
		checked, err := sessions.Checklist{Options: sessions.Options{File: file}, Number: n}.Run(t.Context(), s.Env, s)
		if n < 1 || n > 8 {
			if !errors.Is(err, op.ErrUsage) {
				t.Errorf("%d: %v", n, err)
			}
			continue
		}
		if err != nil || checked.Number != n || len(checked.Steps) == 0 || !checked.Done {
			t.Errorf("%d: %v %+v", n, err, checked)
		}
	}
}

func TestContact_obeysTheOptions(t *testing.T) {
	t.Parallel()
	self := issue(t, nil, named("TSM"))
	signed := issue(t, issue(t, nil, authority("CA")), named("TSM"))
	for name, c := range map[string]struct {
		server  *identity
		options string
		level   string
		code    string // of the finding; "" is that it was accepted and stored
	}{
		"self-signed":             {self, "", "8.1.2", ""},
		"self-signed, old server": {self, " SSL Yes\n", "8.1.1", sessions.CodeByHand},
		"refused by the option":   {self, " SSLACCEPTCERTFROMSERV No\n", "8.1.13", sessions.CodeByHand},
		"by a CA, before 8.1.13":  {signed, "", "8.1.12", sessions.CodeByHand},
		"by a CA, from 8.1.13 on": {signed, "", "8.1.13", ""},
	} {
		s := environment(t, dialer{"vault.example.com:1500": presenting(c.server)}, nil)
		contact := sessions.Contact{Options: sessions.Options{File: optionsFile(t, "dsm.sys", vault+c.options), ServerLevel: c.level}}
		connected, err := contact.Run(t.Context(), s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := connected.Targets[0]
		if c.code != "" {
			if len(r.Findings) == 0 || r.Findings[0].Code != c.code || len(labels(t, s)) != 0 {
				t.Errorf("%s: %+v", name, r.Findings)
			}
			continue
		}
		if !connected.OK || !slices.Equal(labels(t, s), []string{"vault"}) {
			t.Errorf("%s: %+v %q", name, r.Findings, labels(t, s))
		}
	}
}
