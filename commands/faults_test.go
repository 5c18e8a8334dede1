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

// testDrivers are kinds of databases on a disk, nil for the machine's, with private keys in PEM that are cheap to open.
func testDrivers(disk atomicfile.FS) []kdb.Driver {
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
	return []kdb.Driver{sealed.Driver(native), on(cms.Codec()), on(pkcs12.Codec()), on(jks.JKS()), on(pem.Codec(1000))}
}

// run runs a command in a folder, with a disk, and returns its exit code and what it printed. Relative paths are not used, as the folder of
// the process belongs to all tests: DIR in an argument stands for the folder.
func run(disk atomicfile.FS, dir string, args ...string) (code int, out, errors string) {
	var stdout, stderr strings.Builder
	env := commands.ProcessEnv(context.Background(), "test", func() {})
	env.Stdin, env.Stdout, env.Stderr, env.Disk = strings.NewReader(""), &stdout, &stderr, disk
	env.State = "" // the tests put older states back
	env.Terminal = func() (op.Terminal, error) { return nil, op.ErrNoTerminal }
	env.Getenv = func(string) string { return "" }
	env.Drivers = testDrivers(disk)
	argv := []string{"certkdb"}
	for _, arg := range args {
		argv = append(argv, strings.ReplaceAll(arg, "DIR", dir))
	}
	code = commands.Main(context.Background(), env, argv)
	return code, stdout.String(), stderr.String()
}

// kind is a kind of database with commands that change it. The first word of a command says what it is called.
type kind struct {
	file      string
	create    []string
	generated bool // its passwords are random, so that they open it at once
	issues    bool // what it issues is random, so that only the numbers are compared
	backedUp  bool // it has a backup, and was changed since
	absent    bool // it is not there yet
	plain     bool // it can be listed without a password
	receives  bool // it keeps certificate requests
	second    bool // it has a second key slot
	commands  []string
}

// kinds have two certificates and private keys. The commands run on a database that has the entries web, which is personal, root, and,
// where requests can be kept, ca and wait.
func kinds() []kind {
	common := []string{
		"add DIR/other.pem", "add DIR/bundle.pem", "delete web", "delete web root", "rename web www",
	}
	outputs := []string{"export web --out DIR/web.crt", "export web --key --out DIR/web.key", "export web --out DIR/old.crt --force"}
	passwd, receive := "passwd --new-password file:DIR/new.pw", "receive DIR/wait.crt"
	random := " --generate-password --password-out DIR/new.pw"
	generated := strings.Fields("--generate-password --password-out DIR/old.pw")
	return []kind{
		{file: "key.ckdb", create: generated, generated: true, receives: true, commands: slices.Concat(common, outputs, []string{
			receive, "default web", "distrust root", "compact", "rekey", "backup DIR/copy.ckdb", "passwd" + random, "slots add" + random,
			"stash create", "backup DIR/copy.ckdb --with-stash --password-out DIR/new.pw",
			"copy --all --key --to DIR/copy.p12 --to-password file:DIR/old.pw --profile legacy",
		})},
		{file: "stashed.ckdb", create: append(generated, "--stash"), generated: true, second: true, commands: []string{
			"stash create", "stash remove", "slots remove second", "rekey --drop-slots", "passwd" + random,
		}},
		{file: "issuing.ckdb", create: generated, generated: true, receives: true, issues: true, commands: []string{
			"create api --ca ca --cn api.example.com --key-type ed25519", "request more --cn more.example.com --out DIR/more.csr",
			"sign DIR/wait.csr --ca ca --out DIR/again.crt", "renew web", "revoke --file DIR/wait.crt --ca ca", "crl --ca ca --out DIR/ca.crl",
		}},
		{file: "restored.ckdb", create: append(generated, "--stash"), generated: true, backedUp: true, commands: []string{
			"restore DIR/backup.ckdb --force", "backup DIR/backup.ckdb --force", "recover --to DIR/recovered.ckdb",
		}},
		{file: "new.ckdb", generated: true, absent: true, commands: []string{"init --generate-password --stash", "init" + random}},
		{file: "key.kdb", create: []string{"--stash"}, receives: true, commands: slices.Concat(common, []string{
			receive, "default web", "distrust root", passwd, "stash create", "stash remove",
		})},
		{file: "key.p12", create: []string{"--profile", "legacy", "--stash"}, receives: true, commands: slices.Concat(common, []string{
			receive, "default web", "distrust root", passwd, "stash remove",
		})},
		{file: "key.jks", commands: append(slices.Clone(common), passwd, "stash create")},
		{file: "key.pem", plain: true, receives: true, commands: append(slices.Clone(common), receive, passwd)},
	}
}

// changesPassword says that a command changes what opens the database.
func changesPassword(command string) bool {
	return slices.Contains([]string{"passwd", "slots", "stash", "rekey", "init"}, strings.Fields(command)[0])
}

// fault runs a command that the n-th call meets with something, and returns that call too; "" if there are fewer.
type fault func(t *testing.T, dir string, n int, args []string) (code int, text, call string)

// faults are the ways in which the n-th call of atomicfile.FS goes wrong: it is the last one of the process, or fails, with an error if its
// number is odd, for want of space if it is even.
func faults() map[string]fault {
	on := func(fail func(n int, err error) func(int, string) error) fault {
		return func(_ *testing.T, dir string, n int, args []string) (code int, text, call string) {
			disk := &atomicfiletest.Disk{Fail: fail(n, failure(n)), Unnamed: true}
			code, _, text = run(disk, dir, args...)
			if calls := disk.Calls(); len(calls) >= n {
				call = calls[n-1]
			}
			return code, text, call
		}
	}
	return map[string]fault{"an error": on(atomicfiletest.At), "a kill": on(atomicfiletest.From)}
}

// failure is how the n-th call fails.
func failure(n int) syscall.Errno { return []syscall.Errno{syscall.ENOSPC, syscall.EIO}[n%2] }

// TestFaults lets every command meet an error, a full disk and its end at each call that changes the disk. Afterwards the old or the new
// state is there, with a password that opens it, and after two more commands no file that should not be there.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.file, func(t *testing.T) {
			t.Parallel()
			template := k.prepare(t)
			for _, command := range k.commands {
				k.everyFault(t, template, command, faults())
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

// fastDir is a folder in memory where there is one: the disk would wait for each of the thousands of syncs.
func fastDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "commands-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// prepare makes a folder with the database and the files that the commands use.
func (k kind) prepare(t *testing.T) string {
	t.Helper()
	dir := fastDir(t)
	for name, text := range map[string]string{"old.pw": "the old one\n", "new.pw": "the new one\n", "old.crt": "old\n"} {
		if k.generated && strings.HasSuffix(name, ".pw") {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if k.absent {
		return dir
	}
	db := []string{"--db", "DIR/" + k.file, "--password", "file:DIR/old.pw"}
	making := db
	if k.generated {
		making = db[:2]
	}
	mustRun(t, dir, append(append([]string{"init"}, k.create...), making...)...)
	with := func(args ...string) string { return mustRun(t, dir, append(args, db...)...) }
	with("create", "web", "--cn", "web.example.com", "--key-type", "ed25519")
	for _, name := range []string{"other", "third", "root"} {
		with("create", name, "--cn", name, "--key-type", "ed25519")
		with("export", name, "--out", "DIR/"+name+".pem")
		with("delete", name)
	}
	with("add", "DIR/root.pem", "--label", "root")
	one, err1 := os.ReadFile(filepath.Join(dir, "other.pem"))
	two, err2 := os.ReadFile(filepath.Join(dir, "third.pem"))
	if err := errors.Join(err1, err2, os.WriteFile(filepath.Join(dir, "bundle.pem"), append(one, two...), 0o600)); err != nil {
		t.Fatal(err)
	}
	if k.receives {
		with("create", "ca", "--cn", "CA", "--is-ca")
		with("request", "wait", "--cn", "wait.example.com", "--out", "DIR/wait.csr")
		with("sign", "DIR/wait.csr", "--ca", "ca", "--out", "DIR/wait.crt")
	}
	if k.backedUp {
		with("backup", "DIR/backup.ckdb")
		with("delete", "web")
	}
	if k.second {
		with("slots", "add", "--name", "second", "--generate-password", "--password-out", "DIR/second.pw")
	}
	return dir
}

// state says what the database holds, whether it is sound, which passwords open it, and whether outputs are whole.
func (k kind) state(t *testing.T, dir, command string) string {
	t.Helper()
	var all []string
	sources, looks := []string{"file:DIR/old.pw"}, []string{"list -o csv"}
	if k.generated { // what lists the others reads all of them
		looks = append(looks, "check")
	}
	if k.issues {
		looks[0] = "list -o name"
		_, out, _ := run(&atomicfiletest.Disk{}, dir, "issued", "--ca", "ca", "--json", "--db", "DIR/"+k.file, "--password", sources[0])
		all = append(all, fmt.Sprintf("issued %d, revoked %d", strings.Count(out, `"serial"`), strings.Count(out, `"revoked_at"`)))
	}
	if changesPassword(command) {
		sources = append(sources, "file:DIR/new.pw", "file:DIR/second.pw", "stash")
		if k.plain {
			looks = append(looks, "export web --key")
		}
	}
	for _, source := range sources {
		for _, look := range looks {
			args := append(strings.Fields(look), "--db", "DIR/"+k.file, "--password", source)
			code, out, text := run(&atomicfiletest.Disk{}, dir, args...)
			if code == 2 {
				t.Fatal(text)
			}
			if look == "check" {
				out = "" // it tells how many free pages there are
			}
			all = append(all, fmt.Sprintf("%s with %s: %v %s", look, source, code == 0, out))
		}
	}
	for _, name := range []string{"web.crt", "web.key", "old.crt", "copy.p12", "more.csr", "again.crt", "ca.crl"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			all = append(all, fmt.Sprintf("%s: something: %v", name, info.Size() > 4))
		}
	}
	return strings.Join(append(all, copies(dir)...), "\n")
}

// copies says what opens the copies of a database, and what they hold.
func copies(dir string) (all []string) {
	for _, name := range []string{"copy.ckdb", "backup.ckdb", "recovered.ckdb"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			continue
		}
		for _, source := range []string{"file:DIR/old.pw", "file:DIR/new.pw", "stash"} {
			code, out, _ := run(&atomicfiletest.Disk{}, dir, "list", "-o", "name", "--db", "DIR/"+name, "--password", source)
			all = append(all, fmt.Sprintf("%s with %s: %v %q", name, source, code == 0, out))
		}
	}
	return all
}

// copyOf copies a folder of files.
func copyOf(t *testing.T, from string) string {
	t.Helper()
	to := fastDir(t)
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

// everyFault lets a command meet each of the faults at its first call, its second, and so on.
func (k kind) everyFault(t *testing.T, template, command string, faults map[string]fault) {
	args := append(strings.Fields(command), "--db", "DIR/"+k.file, "--password", "file:DIR/old.pw")
	if k.absent {
		args = args[:len(args)-2]
	}
	before := k.state(t, template, command)
	done := copyOf(t, template)
	mustRun(t, done, args...)
	after := k.state(t, done, command)
	n := 1
	for over := false; !over; n++ {
		over = true
		for name, fault := range faults {
			dir := copyOf(t, template)
			code, text, call := fault(t, dir, n, args)
			if call == "" {
				continue
			}
			over = false
			got, old, wanted := k.state(t, dir, command), before, after
			if k.issues && code != 0 { // what was issued is stored before it is written, and can be written again
				got, old, wanted = withoutOutputs(got), withoutOutputs(old), withoutOutputs(wanted)
			}
			what := fmt.Sprintf("%s at call %d of %s, %s: exit code %d, %s", name, n, command, call, code, text)
			if got != wanted && (got != old || code == 0) {
				t.Errorf("%s\nthere is\n%s\nbefore it was\n%s\nafter it should be\n%s", what, got, old, wanted)
			}
			k.nothingIsLeft(t, dir, what, done, args, changesPassword(command))
			if t.Failed() {
				return
			}
			os.RemoveAll(dir)
		}
	}
	if n < 3 {
		t.Errorf("%s: there are hardly any calls", command)
	}
}

func withoutOutputs(state string) string {
	lines := strings.Split(state, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, ": something: ") }), "\n")
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
		if k.absent && strings.HasPrefix(name, k.file+".stash.") {
			continue // of a database that was never made; it could be that of one which was moved
		}
		if !slices.Contains(names(t, done), name) {
			t.Errorf("%s\nlater commands left %s", what, name)
		}
	}
}
