package dsmcert

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"-add -server SP01 -file a.arm", "{add SP01 a.arm}"},
		{"-ADD -Label SP01 -FILE A.arm", "{add SP01 A.arm}"},
		{"-file a -server b -add -add", "{add b a}"},
		{"-list", "{list  }"},
		{"-delete -server SP01", "{delete SP01 }"},
		{"-?", "{help  }"},
		{"--help", "{help  }"},
		{"-help", "{help  }"},
		{"", "wrong usage: one of -add, -list, -delete is needed"},
		{"-list -Delete", "wrong usage: -list and -Delete exclude each other"},
		{"-add -file a", "wrong usage: -add needs -server NAME"},
		{"-delete", "wrong usage: -delete needs -server NAME"},
		{"-add -server a", "wrong usage: -add needs -file PATH"},
		{"-add -server", "wrong usage: option -server needs a value"},
		{"-frobnicate", `wrong usage: there is no option "-frobnicate"`},
		{"-list more", `wrong usage: there is no option "more"`},
	} {
		r, err := parse(strings.Fields(c.args))
		got := fmt.Sprint(r)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.args, got, c.want)
		}
	}
}

// client is an environment in which a client's database is found and opened.
func client(t *testing.T, entries ...kdb.Entry) *op.Env {
	t.Helper()
	path := optest.Store(t, databaseName, entries...)
	vars := map[string]string{"DSM_DIR": filepath.Dir(path), "CERTKDB_PASSWORD_FILE": optest.File(t, "pw", optest.Password)}
	env := optest.Env()
	env.Getenv = func(name string) string { return vars[name] }
	return env
}

// call runs dsmcert and returns its exit status and what it printed.
func call(env *op.Env, args ...string) (status int, out, errors string) {
	var stdout, stderr bytes.Buffer
	env.Stdout, env.Stderr = &stdout, &stderr
	status = Main(context.Background(), env, args)
	return status, stdout.String(), stderr.String()
}

// TestMain_theWordsThatScriptsLookFor: IBM's playbooks search the output for "successfully".
func TestMain_theWordsThatScriptsLookFor(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	file := optest.File(t, "cert256.arm", optest.PEM(root.Trusted("")))
	env := client(t)
	add := []string{"-add", "-server", "SP01", "-file", file}
	for _, c := range []struct {
		rule   string
		args   []string
		status int
		out    string
	}{
		{"added", add, 0, "Certificate imported successfully for server \"SP01\".\n"},
		{"it is there", add, 0, "The certificate for server \"SP01\" is in the key database already; nothing to do, finished successfully.\n"},
		{"listed", []string{"-list"}, 0, "SP01\n    Subject : CN=Root\n    Not After : 2032-03-01\n    SHA256 : "},
		{"deleted", []string{"-delete", "-server", "SP01"}, 0, "The certificate for server \"SP01\" was deleted successfully.\n"},
		{"it was deleted", []string{"-delete", "-server", "SP01"}, 3, ""},
		{"nothing is left", []string{"-list"}, 0, ""},
		{"help", []string{"-help"}, 0, usageText},
	} {
		status, out, stderr := call(env, c.args...)
		if status != c.status || !strings.HasPrefix(out, c.out) || c.out == "" && out != "" || (stderr == "") != (status == 0) {
			t.Errorf("%s: %d, %q, %q", c.rule, status, out, stderr)
		}
	}
}

func TestMain_refused(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	other, key := optest.File(t, "x", optest.PEM(root.Trusted(""))), optest.File(t, "x", optest.PEM(root.Issue(t, "web").Personal("")))
	env := client(t, optest.NewCA(t, "Old").Trusted("SP01"))
	for _, c := range []struct {
		rule   string
		args   []string
		status int
		text   string
	}{
		{"usage", []string{"-add"}, 2, "dsmcert: see: dsmcert -help\n"},
		{"another certificate", []string{"-add", "-server", "SP01", "-file", other}, 4, "-delete -server NAME\n"},
		{"a private key", []string{"-add", "-server", "SP02", "-file", key}, 2, "only certificates are expected"},
		{"no such file", []string{"-add", "-server", "SP02", "-file", "/none/x"}, 3, "dsmcert: error: "},
		{"no certificate", []string{"-add", "-server", "SP02", "-file", optest.File(t, "x", "hello\n")}, 7, "dsmcert: error: "},
	} {
		status, out, stderr := call(env, c.args...)
		if status != c.status || out != "" || !strings.Contains(stderr, c.text) || !strings.HasPrefix(stderr, "dsmcert: error: ") {
			t.Errorf("%s: %d, %q, %q", c.rule, status, out, stderr)
		}
	}
	if _, out, _ := call(env, "-list"); !strings.Contains(out, "CN=Old") || strings.Contains(out, "SP02") {
		t.Errorf("the database was changed: %q", out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stderr bytes.Buffer
	env.Stderr = &stderr
	if status := Main(ctx, env, []string{"-list"}); status != 130 || stderr.String() != "dsmcert: error: interrupted\n" {
		t.Errorf("interrupted: %d, %q", status, stderr.String())
	}
}

// TestExisting_order: where IBM's scripts look for the client's database.
func TestExisting_order(t *testing.T) {
	t.Parallel()
	folder := func(name string) string {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, databaseName), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	home := strings.TrimSuffix(folder(userFolder), filepath.FromSlash(userFolder))
	passwords, client, empty := folder("a"), folder("b"), t.TempDir()
	for _, c := range []struct {
		rule string
		vars map[string]string
		root bool
		want string
	}{
		{"PASSWORDDIR first", map[string]string{"PASSWORDDIR": passwords, "DSM_DIR": client}, false, passwords},
		{"then DSM_DIR", map[string]string{"PASSWORDDIR": empty, "DSM_DIR": client}, false, client},
		{"then the user's folder", map[string]string{"DSM_DIR": empty}, false, filepath.Join(home, userFolder)},
		{"which root does not have", nil, true, ""},
	} {
		env := &op.Env{Getenv: func(name string) string { return c.vars[name] }, Home: home, Root: c.root}
		want := c.want
		if want != "" {
			want = filepath.Join(want, databaseName)
		}
		if got := existing(env); got != want {
			t.Errorf("%s: %q, want %q", c.rule, got, want)
		}
	}
}
