package sessions_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/commands/op/sessions"
	"certkdb/kdb"
	"certkdb/pki/probe"
)

// TestReadTargets: a server a line, with a protocol of its own or the common one; an error names file, line and field.
func TestReadTargets(t *testing.T) {
	t.Parallel()
	common := sessions.Target{ServerName: "www.example.com", StartTLS: probe.Protocol("ldap")}
	text := "# servers\n\nwww.example.com:443\n  [::1]:25\tsmtp \n#x:1\r\nmail.example.com:143 imap\r\n"
	list, err := sessions.ReadTargets(optest.Env(), optest.File(t, "targets", text), common)
	var got []string
	for _, target := range list {
		got = append(got, fmt.Sprintf("%s %s %s", target.Address, target.StartTLS, target.ServerName))
	}
	want := "www.example.com:443 ldap www.example.com, [::1]:25 smtp www.example.com, mail.example.com:143 imap www.example.com"
	if strings.Join(got, ", ") != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	wide := optest.File(t, "targets", "\xff\xfea\x00:\x001\x00\r\x00\n\x00") // as PowerShell writes it
	if list, err := sessions.ReadTargets(optest.Env(), wide, sessions.Target{}); err != nil || len(list) != 1 || list[0].Address != "a:1" {
		t.Errorf("UTF-16: %v, %v", list, err)
	}
	env := optest.Env()
	env.Stdin = strings.NewReader("a:1\n")
	if list, err := sessions.ReadTargets(env, "-", sessions.Target{}); err != nil || len(list) != 1 || list[0].Address != "a:1" {
		t.Errorf("standard input: %v, %v", list, err)
	}
	for rule, c := range map[string]struct {
		text  string
		field op.Field
		line  string
	}{
		"no port":             {"a:1\nwww.example.com\n", op.FieldTargets, "line 2"},
		"a port without host": {":443", op.FieldTargets, "line 1"},
		"port 0":              {"a:0", op.FieldTargets, "line 1"},
		"a port too large":    {"a:65536", op.FieldTargets, "line 1"},
		"a URL":               {"https://www.example.com:443", op.FieldTargets, "line 1"},
		"a user":              {"me@www.example.com:443", op.FieldTargets, "line 1"},
		"an unknown protocol": {"#\na:1 gopher", op.FieldStartTLS, "line 2"},
		"too many words":      {"a:1 smtp now", "", "line 1"},
		"no server":           {"# none\n", "", "names no server"},
	} {
		_, err := sessions.ReadTargets(optest.Env(), optest.File(t, "targets", c.text), sessions.Target{})
		invalid, ok := errors.AsType[*op.Invalid](err)
		if !errors.Is(err, op.ErrUsage) || !strings.Contains(err.Error(), c.line) || ok != (c.field != "") || ok && invalid.Field != c.field {
			t.Errorf("%s: %v", rule, err)
		}
	}
	if _, err := sessions.ReadTargets(optest.Env(), "/none/x", common); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
	long := optest.File(t, "long", strings.Repeat("#", 16<<20)+"\na:1")
	_, err = sessions.ReadTargets(optest.Env(), long, common)
	if !errors.Is(err, kdb.ErrParse) || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a long file: %v", err)
	}
}
