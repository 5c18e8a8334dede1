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
	"certkdb/commands/op/entries"
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
		{"–add -server a", `wrong usage: "–add" begins with '–' (U+2013, en dash) in place of an ordinary hyphen`},
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
		{"listed", []string{"-list"}, 0, "SP01\n    Subject : CN=Root\n    Issuer : CN=Root\n    Not After : 2032-03-01\n    SHA256 : "},
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
	if status := Main(ctx, env, []string{"-list"}); status != 130 || stderr.String() != "dsmcert: error: interrupted; nothing was changed\n" {
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
	home := strings.TrimSuffix(folder(filepath.FromSlash(userFolders[0])), filepath.FromSlash(userFolders[0]))
	older := strings.TrimSuffix(folder(filepath.FromSlash(userFolders[1])), filepath.FromSlash(userFolders[1]))
	passwords, client, empty := folder("a"), folder("b"), t.TempDir()
	for _, c := range []struct {
		rule string
		vars map[string]string
		home string
		want string
	}{
		{"PASSWORDDIR first", map[string]string{"PASSWORDDIR": passwords, "DSM_DIR": client}, home, passwords},
		{"then DSM_DIR", map[string]string{"PASSWORDDIR": empty, "DSM_DIR": client}, home, client},
		{"then the user's folder", map[string]string{"DSM_DIR": empty}, home, filepath.Join(home, filepath.FromSlash(userFolders[0]))},
		{"or that of 8.1", nil, older, filepath.Join(older, filepath.FromSlash(userFolders[1]))},
		{"which root does not have", nil, "root", ""},
	} {
		env := &op.Env{Getenv: func(name string) string { return c.vars[name] }, Home: c.home, Root: c.home == "root"}
		want := c.want
		if want != "" {
			want = filepath.Join(want, databaseName)
		}
		if got := existing(env); got != want {
			t.Errorf("%s: %q, want %q", c.rule, got, want)
		}
	}
}

// TestPlace_ofANewDatabase: where the client has it, and nowhere if there is no client.
func TestPlace_ofANewDatabase(t *testing.T) {
	t.Parallel()
	named, client, home := t.TempDir(), t.TempDir(), t.TempDir()
	for _, c := range []struct {
		rule     string
		dir      string
		clients  []string
		root     bool
		expected string
	}{
		{"a variable's folder", named, []string{client}, false, named},
		{"which has to be there", filepath.Join(named, "none"), []string{filepath.Join(named, "none"), client}, true, client},
		{"a user's own folder", "", []string{client}, false, filepath.Join(home, filepath.FromSlash(userFolders[0]))},
		{"no client", "", []string{filepath.Join(named, "none")}, true, ""},
	} {
		env := &op.Env{Getenv: func(name string) string { return map[string]string{"DSM_DIR": c.dir}[name] }, Home: home, Root: c.root}
		if c.expected != "" {
			c.expected = filepath.Join(c.expected, databaseName)
		}
		if got := place(env, c.clients); got != c.expected {
			t.Errorf("%s: %q, want %q", c.rule, got, c.expected)
		}
	}
}

func TestIndex_isReadAndWritten(t *testing.T) {
	t.Parallel()
	real := []byte("127.0.0.1:1500\x00127.0.0.1:1500\x00\x00\x00") // the one that was seen: 32 bytes
	list, ok := decodeIndex(real)
	if !ok || len(list) != 1 || list[0].server != "127.0.0.1:1500" || !bytes.Equal(encodeIndex(list), real) {
		t.Errorf("%q, %t, %q", list, ok, encodeIndex(list))
	}
	for _, odd := range []string{"", "a", "a\x00b", "\x00\x00a", "a\x00b\x00c"} {
		if list, ok := decodeIndex([]byte(odd)); ok {
			t.Errorf("%q is read as %q", odd, list)
		}
	}
	two := append(list, indexed{"name", "label"})
	if got := labelOf(two, "name"); got != "label" || labelOf(two, "other") != "other" || len(without(two, "", "label")) != 1 {
		t.Errorf("the label is %q", got)
	}
}

func TestMain_indexFollows(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	file := optest.File(t, "cert256.arm", optest.PEM(root.Trusted(""), root.Issue(t, "leaf").Trusted("")))
	env := client(t)
	path := indexPath(filepath.Join(env.Getenv("DSM_DIR"), databaseName))
	if err := os.WriteFile(path, encodeIndex([]indexed{{"vault", "192.0.2.7:1500"}}), 0o644); err != nil {
		t.Fatal(err)
	}
	status, out, _ := call(env, "-add", "-server", "192.0.2.7:1500", "-file", file)
	if want := "A further certificate of the file was imported as \"CN=leaf\".\n"; status != 0 || !strings.HasSuffix(out, want) {
		t.Errorf("added: %d, %q", status, out)
	}
	call(env, "-add", "-server", "SP02", "-file", optest.File(t, "x", optest.PEM(optest.NewCA(t, "Other").Trusted(""))))
	if list, _ := readIndex(strings.TrimSuffix(path, ".idx") + ".kdb"); fmt.Sprint(list) != "[{192.0.2.7:1500 192.0.2.7:1500} {SP02 SP02}]" {
		t.Errorf("the index after adding: %v", list)
	}
	if status, _, stderr := call(env, "-delete", "-server", "SP02"); status != 0 {
		t.Errorf("deleted: %d, %q", status, stderr)
	}
	if list, _ := readIndex(strings.TrimSuffix(path, ".idx") + ".kdb"); len(list) != 1 {
		t.Errorf("the index after deleting: %v", list)
	}
	if err := os.WriteFile(path, []byte("odd"), 0o644); err != nil {
		t.Fatal(err)
	}
	call(env, "-delete", "-server", "192.0.2.7:1500")
	if data, err := os.ReadFile(path); err != nil || string(data) != "odd" {
		t.Errorf("an index of another form was changed: %q, %v", data, err)
	}
}

// TestMain_deletesWhatTheServerHas: neither another server's certificate, for which an older line of the index stands, nor a private key.
func TestMain_deletesWhatTheServerHas(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	env := client(t, root.Trusted("SP01"), root.Issue(t, "web").Personal("web"))
	path := indexPath(filepath.Join(env.Getenv("DSM_DIR"), databaseName))
	if err := os.WriteFile(path, encodeIndex([]indexed{{"SP02", "SP01"}}), 0o644); err != nil {
		t.Fatal(err)
	}
	file := optest.File(t, "cert256.arm", optest.PEM(optest.NewCA(t, "Other").Trusted("")))
	for _, args := range [][]string{{"-add", "-server", "SP02", "-file", file}, {"-delete", "-server", "SP02"}} {
		if status, _, stderr := call(env, args...); status != 0 {
			t.Errorf("%q: %d, %s", args, status, stderr)
		}
	}
	if status, _, stderr := call(env, "-delete", "-server", "web"); status != 2 || !strings.Contains(stderr, "has a key of its own") {
		t.Errorf("a private key: %d, %s", status, stderr)
	}
	_, out, _ := call(env, "-list")
	if !strings.Contains(out, "SP01\n") || !strings.Contains(out, "web\n") || strings.Contains(out, "CN=Other") {
		t.Errorf("the list is %s", out)
	}
}

// TestMain_clientWithoutDatabase: what the client is to have is not looked for in the user's own database; a failed -add leaves no folders.
func TestMain_clientWithoutDatabase(t *testing.T) {
	t.Parallel()
	folder, own := t.TempDir(), optest.Store(t, "own.kdb", optest.NewCA(t, "Mine").Trusted("mine"))
	vars := map[string]string{"DSM_DIR": folder, "CERTKDB_DB": own, "CERTKDB_PASSWORD_FILE": optest.File(t, "pw", optest.Password)}
	env := optest.Env()
	env.Getenv = func(name string) string { return vars[name] }
	for _, args := range [][]string{{"-list"}, {"-delete", "-server", "mine"}} {
		if status, out, stderr := call(env, args...); status != 3 || out != "" || !strings.Contains(stderr, folder) {
			t.Errorf("%q: %d, %q, %q", args, status, out, stderr)
		}
	}
	path := filepath.Join(folder, "a", "b", databaseName)
	if _, err := create(context.Background(), env, path, entries.Add{Files: []string{os.DevNull}, CertificatesOnly: true}); err == nil {
		t.Error("nothing was added")
	}
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestMain_together: processes that add certificates at the same time find the database that one of them makes, in the client's folder or
// in the default place, and none takes what another wrote out of the index.
func TestMain_together(t *testing.T) {
	t.Parallel()
	file := optest.File(t, "cert256.arm", optest.PEM(optest.NewCA(t, "Root").Trusted("")))
	for _, name := range []string{"DSM_DIR", "CERTKDB_DB"} {
		folder := t.TempDir()
		vars := map[string]string{name: folder}
		if name != "DSM_DIR" {
			vars[name] = filepath.Join(folder, "own.ckdb")
		}
		done := make(chan string, 6)
		for i := range cap(done) {
			go func() {
				env := optest.Env()
				env.Getenv = func(name string) string { return vars[name] }
				status, _, stderr := call(env, "-add", "-server", fmt.Sprintf("SP%d", i), "-file", file)
				done <- fmt.Sprint(status, stderr)
			}()
		}
		for range cap(done) {
			if got := <-done; got != "0" {
				t.Errorf("%s: %s", name, got)
			}
		}
		if list, _ := readIndex(filepath.Join(folder, databaseName)); name == "DSM_DIR" && len(list) != cap(done) {
			t.Errorf("the index has %v", list)
		}
	}
}

// TestMain_furtherCertificateIsThere: what the database has under another label is not stored again.
func TestMain_furtherCertificateIsThere(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	leaf := root.Issue(t, "leaf")
	env := client(t, root.Trusted("corp root"), leaf.Trusted("the leaf"))
	file := optest.File(t, "chain.pem", optest.PEM(leaf.Trusted(""), root.Trusted(""), leaf.Trusted("")))
	want := "Certificate imported successfully for server \"SP01\".\n" +
		"A further certificate of the file is in the key database already, as \"corp root\".\n" +
		"A further certificate of the file is in the key database already, as \"SP01\".\n"
	if status, out, stderr := call(env, "-add", "-server", "SP01", "-file", file); status != 0 || out != want {
		t.Errorf("%d, %s, %s", status, out, stderr)
	}
	if _, out, _ := call(env, "-list"); strings.Count(out, "Subject :") != 3 {
		t.Errorf("the list is %s", out)
	}
}

// TestMain_afterAKill: a process was killed between a change of the key database and that of the index. The same command completes it.
func TestMain_afterAKill(t *testing.T) {
	t.Parallel()
	env := client(t)
	path := indexPath(filepath.Join(env.Getenv("DSM_DIR"), databaseName))
	file := optest.File(t, "cert256.arm", optest.PEM(optest.NewCA(t, "Root").Trusted("")))
	index := func(data string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what, want string) {
		t.Helper()
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("%s: the index is %q, %v", what, data, err)
		}
	}
	const with, none = "SP01\x00SP01\x00\x00\x00", "\x00\x00"
	index(none)
	call(env, "-add", "-server", "SP01", "-file", file)
	index(none)
	if status, out, text := call(env, "-add", "-server", "SP01", "-file", file); status != 0 {
		t.Errorf("-add: %d, %s %s", status, out, text)
	}
	want("-add", with)
	call(env, "-delete", "-server", "SP01")
	index(with)
	if status, _, text := call(env, "-delete", "-server", "SP01"); status == 0 {
		t.Errorf("-delete of what is not there: %s", text)
	}
	want("-delete", none)
}
