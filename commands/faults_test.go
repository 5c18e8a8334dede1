package commands_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"certkdb/commands"
	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/jks"
	"certkdb/kdb/keyfile/pem"
	"certkdb/kdb/keyfile/pkcs12"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
	"certkdb/kdb/store/boltstore"
)

// run runs a command in a folder, with a disk, and returns its exit code and what it printed. Relative paths are not used, as the folder of
// the process belongs to all tests: DIR in an argument stands for the folder.
func run(disk atomicfile.FS, dir string, args ...string) (code int, out, errors string) {
	on := func(c keyfile.Codec) kdb.Driver {
		c.Disk = disk
		return keyfile.Driver(c)
	}
	native := store.Backend{
		Matches: boltread.Matches, Exists: kdb.FileExists,
		Open: func(path string, o store.Options) store.Store {
			return boltstore.Open(path, boltstore.Options{Options: o, Disk: disk})
		},
	}
	var stdout, stderr strings.Builder
	env := commands.ProcessEnv("test")
	env.Stdin, env.Stdout, env.Stderr, env.Disk = strings.NewReader(""), &stdout, &stderr, disk
	env.State = "" // the tests put older states back
	env.Terminal = func() (op.Terminal, error) { return nil, op.ErrNoTerminal }
	env.Getenv = func(string) string { return "" }
	env.Drivers = []kdb.Driver{sealed.Driver(native), on(cms.Codec()), on(pkcs12.Codec()), on(jks.JKS()), on(pem.Codec())}
	argv := []string{"certkdb"}
	for _, arg := range args {
		argv = append(argv, strings.ReplaceAll(arg, "DIR", dir))
	}
	code = commands.Main(context.Background(), env, argv)
	return code, stdout.String(), stderr.String()
}

// kind is a kind of database with commands that change it. The first word of a command says what it is called.
type kind struct {
	file     string
	create   []string
	plain    bool // it can be listed without a password
	commands []string
}

// kinds have a certificate and a private key each. The commands run on a database that has the entry web and, where requests can be
// kept, ca and wait.
func kinds() []kind {
	common := []string{"add DIR/other.pem", "add DIR/bundle.pem", "delete web", "rename web www"}
	outputs := []string{"export web --key --out DIR/web.key", "export web --out DIR/old.crt --force"}
	passwd := "passwd --new-password file:DIR/new.pw"
	generated := " --generate-password --password-out DIR/new.pw" // opens at once
	return []kind{
		{nativeFile, strings.Fields("--generate-password --password-out DIR/old.pw"), false, slices.Concat(common, outputs, []string{
			"compact", "rekey", "backup DIR/copy.ckdb", "receive DIR/wait.crt", "passwd" + generated, "slots add" + generated,
		})},
		{"key.kdb", []string{"--stash"}, false, append(slices.Clone(common), passwd, "receive DIR/wait.crt")},
		{"key.p12", []string{"--profile", "legacy", "--stash"}, false, append(slices.Clone(common), passwd)},
		{"key.jks", nil, false, append(slices.Clone(common), passwd)},
		{"key.pem", nil, true, append(slices.Clone(common), passwd)},
	}
}

// nativeFile is the database whose passwords are generated.
const nativeFile = "key.ckdb"

func changesPassword(command string) bool {
	return strings.HasPrefix(command, "passwd") || strings.HasPrefix(command, "slots")
}

// faultyDisks are the ways in which the n-th call goes wrong.
func faultyDisks(n int) map[string]*atomicfiletest.Disk {
	return map[string]*atomicfiletest.Disk{
		"an error":    {Fail: atomicfiletest.At(n, syscall.EIO), Unnamed: true},
		"a full disk": {Fail: atomicfiletest.At(n, syscall.ENOSPC), Unnamed: true},
		"a kill":      {Fail: atomicfiletest.From(n, syscall.EIO), Unnamed: true},
	}
}

// TestFaults lets every command meet an error, a full disk and its end at each call that changes the disk. Afterwards the old or the new
// state is there, with a password that opens it, and after two more commands no file that should not be there.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.file, func(t *testing.T) {
			t.Parallel()
			template := k.prepare(t)
			for _, command := range k.commands {
				k.everyFault(t, template, command)
			}
		})
	}
}

// mustRun runs a command that has to work.
func mustRun(t *testing.T, dir string, args ...string) string {
	t.Helper()
	code, out, text := run(&atomicfiletest.Disk{Unnamed: true}, dir, args...)
	if code != 0 {
		t.Fatalf("%q: exit code %d, %s", args, code, text)
	}
	return out
}

// prepare makes a folder with the database and the files that the commands use.
func (k kind) prepare(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"old.pw": "the old one\n", "new.pw": "the new one\n", "old.crt": "old\n"} {
		if k.file == nativeFile && strings.HasSuffix(name, ".pw") {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db := []string{"--db", "DIR/" + k.file, "--password", "file:DIR/old.pw"}
	making := db
	if k.file == nativeFile {
		making = db[:2]
	}
	mustRun(t, dir, append(append([]string{"init"}, k.create...), making...)...)
	with := func(args ...string) string { return mustRun(t, dir, append(args, db...)...) }
	with("create", "web", "--cn", "web.example.com", "--key-type", "ed25519")
	for _, name := range []string{"other", "third"} {
		with("create", name, "--cn", name)
		with("export", name, "--out", "DIR/"+name+".pem")
		with("delete", name)
	}
	one, err1 := os.ReadFile(filepath.Join(dir, "other.pem"))
	two, err2 := os.ReadFile(filepath.Join(dir, "third.pem"))
	if err := errors.Join(err1, err2, os.WriteFile(filepath.Join(dir, "bundle.pem"), append(one, two...), 0o600)); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(k.commands, func(c string) bool { return strings.HasPrefix(c, "receive") }) {
		with("create", "ca", "--cn", "CA", "--is-ca")
		with("request", "wait", "--cn", "wait.example.com", "--out", "DIR/wait.csr")
		with("sign", "DIR/wait.csr", "--ca", "ca", "--out", "DIR/wait.crt")
	}
	return dir
}

// state says what the database holds and which passwords open it, and what outputs hold.
func (k kind) state(t *testing.T, dir, command string) string {
	t.Helper()
	var all []string
	sources, looks := []string{"file:DIR/old.pw"}, []string{"list -o csv"}
	if changesPassword(command) {
		sources = append(sources, "file:DIR/new.pw", "stash")
		if k.plain {
			looks = []string{"export web --key"}
		}
	}
	for _, source := range sources {
		for _, look := range looks {
			args := append(strings.Fields(look), "--db", "DIR/"+k.file, "--password", source)
			code, out, text := run(&atomicfiletest.Disk{}, dir, args...)
			if code == 2 {
				t.Fatal(text)
			}
			all = append(all, fmt.Sprintf("%s with %s: %v %s", look, source, code == 0, out))
		}
	}
	for _, name := range []string{"web.key", "old.crt", "copy.ckdb"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			all = append(all, fmt.Sprintf("%s: something: %v", name, info.Size() > 4))
		}
	}
	return strings.Join(all, "\n")
}

// copyOf copies a folder of files.
func copyOf(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err := fs.WalkDir(os.DirFS(to), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(filepath.Join(to, name), 0o600) // a stash that others can read is refused
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		list = append(list, f.Name())
	}
	return list
}

func (k kind) everyFault(t *testing.T, template, command string) {
	args := append(strings.Fields(command), "--db", "DIR/"+k.file, "--password", "file:DIR/old.pw")
	before := k.state(t, template, command)
	done := copyOf(t, template)
	mustRun(t, done, args...)
	after := k.state(t, done, command)
	for n := 1; ; n++ {
		over := true
		for name, disk := range faultyDisks(n) {
			dir := copyOf(t, template)
			code, _, text := run(disk, dir, args...)
			calls := disk.Calls()
			if len(calls) < n {
				continue
			}
			over = false
			what := fmt.Sprintf("%s at call %d of %s, %s: exit code %d, %s", name, n, command, calls[n-1], code, text)
			if got := k.state(t, dir, command); got != after && (got != before || code == 0) {
				t.Errorf("%s\nthere is\n%s\nbefore it was\n%s\nafter it should be\n%s", what, got, before, after)
			}
			k.nothingIsLeft(t, dir, what, done, args, changesPassword(command))
			if t.Failed() {
				return
			}
		}
		if over {
			return
		}
	}
}

// nothingIsLeft repeats the command, which may have nothing more to do, and then makes another change.
func (k kind) nothingIsLeft(t *testing.T, dir, what, done string, args []string, otherPassword bool) {
	t.Helper()
	run(&atomicfiletest.Disk{Unnamed: true}, dir, args...)
	passwords := []string{"old"}
	if otherPassword {
		passwords = append(passwords, "new")
	}
	for _, password := range passwords {
		run(&atomicfiletest.Disk{Unnamed: true}, dir, "add", "DIR/third.pem", "--label", "last", "--db", "DIR/"+k.file,
			"--password", "file:DIR/"+password+".pw")
	}
	for _, name := range names(t, dir) {
		if !slices.Contains(names(t, done), name) {
			t.Errorf("%s\nlater commands left %s", what, name)
		}
	}
}
