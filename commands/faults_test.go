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
	if state := filepath.Join(dir, stateName); isThere(state) {
		env.State = state // with those
	}
	env.Terminal = func() (op.Terminal, error) { return nil, op.ErrNoTerminal }
	env.Getenv = func(name string) string { return map[string]string{"PASSWORDDIR": dir}[name] }
	env.Drivers = testDrivers(disk)
	argv := []string{"certkdb"}
	for _, arg := range args {
		argv = append(argv, strings.ReplaceAll(arg, "DIR", dir))
	}
	code = commands.Main(context.Background(), env, argv)
	return code, stdout.String(), stderr.String()
}

// stateName is the program's folder below $XDG_STATE_HOME.
const stateName = "certkdb"

// changesPassword says that a command changes what opens the database.
func (k kind) changesPassword(command string) bool {
	return k.absent || slices.Contains([]string{"passwd", "slots", "stash", "rekey", "init"}, strings.Fields(command)[0])
}

// TestFaults lets every command meet its end, an error and a full disk at each call that changes the disk. Afterwards the old or the new
// state is there, with a password that opens it, and after two more commands no file that should not be there.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.file, func(t *testing.T) {
			t.Parallel()
			dir := k.prepare(t)
			template := copyOf(t, dir)
			for _, command := range k.commands {
				if k.try(t, dir, template, command); t.Failed() {
					return
				}
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
	if k.changesPassword(command) {
		sources = append(sources, "file:DIR/new.pw", "file:DIR/second.pw", "stash")
		if k.plain {
			looks = append(looks, "export web --key")
		}
	}
	if k.file == "trusted.ckdb" {
		_, out, _ := run(&atomicfiletest.Disk{}, dir, "list", "-o", "csv", "--db", "DIR/cacerts.jks", "--password", "pass:changeit")
		all = append(all, out)
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
	all = append(all, k.rightsIn(t, dir)...)
	return strings.Join(slices.Concat(all, written(dir), copies(dir), deployed(dir)), "\n")
}

// written says of the files that commands write whether each is whole, and which ones hold something new.
func written(dir string) (all []string) {
	for _, name := range []string{
		"web.crt", "web.key", "old.crt", "more.csr", "again.crt", "ca.crl", "web.p12",
		"out/web.crt", "out/api.key", "signed/one.crt", "signed/two.crt",
	} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		whole := strings.HasSuffix(string(data), "-----\n") || name == "web.p12" && len(data) > 4
		if err == nil {
			all = append(all, fmt.Sprintf("%s: something: %v, old: %v", name, whole, string(data) == "old\n"))
		}
	}
	anchors, _ := filepath.Glob(filepath.Join(dir, "anchors", "*.crt"))
	for _, path := range anchors {
		data, _ := os.ReadFile(path)
		all = append(all, fmt.Sprintf("%s: %s", path, data))
	}
	return all
}

// copies says what opens the copies of a database, and what they hold.
func copies(dir string) (all []string) {
	for _, name := range []string{
		"copy.ckdb", "copy.p12", "backup.ckdb", "recovered.ckdb", "target.ckdb", "target.kdb", "target.p12", "target.jks", "target.pem",
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			continue
		}
		sources := []string{"file:DIR/old.pw", "file:DIR/new.pw", "stash"}
		if target, found := strings.CutPrefix(name, "target"); found && target != ".ckdb" { // what opens it does not change
			sources = sources[:1]
		}
		for _, source := range sources {
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
	kind{}.restore(t, from, to)
	return to
}

// restore makes a folder a copy of another one.
func (k kind) restore(t *testing.T, from, to string) {
	t.Helper()
	old, err := os.ReadDir(to)
	for _, f := range old {
		err = errors.Join(err, os.RemoveAll(filepath.Join(to, f.Name())))
	}
	if err := errors.Join(err, os.CopyFS(to, os.DirFS(from))); err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, to) {
		path := filepath.Join(to, name)
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			err = errors.Join(err, os.Chmod(path, 0o600)) // a stash that others can read is refused
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if k.rights {
		setRights(t, filepath.Join(to, k.file))
	}
	for _, name := range k.linked {
		if err := os.Link(filepath.Join(to, k.file), filepath.Join(to, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// names are the paths of what is in a folder and below it.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, _ fs.DirEntry, err error) error {
		if name != "." {
			list = append(list, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// trial is a command that meets faults.
type trial struct {
	kind
	dir, template string // where it runs, and what is there before
	command       string
	args          []string
	before, after string   // the states
	calls         []string // of atomicfile.FS
	done          result
	judged        map[string]bool // by what was in the folder
}

// try lets a command meet each fault at its first call, its second, and so on.
func (k kind) try(t *testing.T, dir, template, command string) {
	k.restore(t, template, dir)
	tr := &trial{kind: k, dir: dir, template: template, command: command, args: k.arguments(command), judged: map[string]bool{}}
	tr.before = k.state(t, dir, command)
	disk := &atomicfiletest.Disk{Unnamed: true}
	if code, _, text := run(disk, dir, tr.args...); code != 0 {
		t.Fatalf("%q: exit code %d, %s", tr.args, code, text)
	}
	tr.calls, tr.after, tr.done = disk.Calls(), k.state(t, dir, command), result{names(t, dir), finished(dir)}
	tr.errors(t)
	tr.others(t)
}

// errnos are the ways in which a call fails.
var errnos = []syscall.Errno{syscall.EIO, syscall.ENOSPC}

// errors lets the calls of atomicfile.FS fail.
func (tr *trial) errors(t *testing.T) {
	for n, call := range tr.calls {
		for _, errno := range errnos {
			tr.restore(t, tr.template, tr.dir)
			code, _, text := run(&atomicfiletest.Disk{Fail: atomicfiletest.At(n+1, errno), Unnamed: true}, tr.dir, tr.args...)
			tr.judge(t, fmt.Sprintf("%v at call %d, %s", errno, n+1, call), code, text)
		}
	}
}

// judge looks at what a fault left.
func (tr *trial) judge(t *testing.T, fault string, code int, text string) {
	t.Helper()
	files := fmt.Sprint(code == 0, contents(t, tr.dir), tr.rightsIn(t, tr.dir))
	if tr.judged[files] { // so it was seen what follows
		return
	}
	tr.judged[files] = true
	got, old, wanted := tr.state(t, tr.dir, tr.command), tr.before, tr.after
	if tr.issues && code != 0 { // what was issued is stored before it is written, and can be written again
		got, old, wanted = without(": something: ", got), without(": something: ", old), without(": something: ", wanted)
	}
	if isUnfinished(tr.dir) {
		got, old, wanted = without("deployed: ", got), without("deployed: ", old), without("deployed: ", wanted)
	}
	what := fmt.Sprintf("%s: %s: exit code %d, %s", tr.command, fault, code, text)
	if got != wanted && (code == 0 || got != old && !(tr.isSeveral(tr.command) && mixes(got, old, wanted))) {
		t.Fatalf("%s\nthere is\n%s\nbefore it was\n%s\nafter it should be\n%s", what, got, old, wanted)
	}
	tr.nothingIsLeft(t, what)
	if t.Failed() {
		t.FailNow()
	}
}

// result is what a command leaves: the names of all files, and what is in some.
type result struct{ names, finished []string }

func without(what, state string) string {
	lines := strings.Split(state, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, what) }), "\n")
}

// nothingIsLeft repeats the command, which may have nothing more to do, and then makes another change.
func (tr *trial) nothingIsLeft(t *testing.T, what string) {
	t.Helper()
	dir := tr.dir
	code, _, text := run(&atomicfiletest.Disk{Unnamed: true}, dir, tr.args...)
	if strings.Contains(tr.command, "--ensure") && tr.absent && code != 0 {
		t.Errorf("%s\nrepeated: exit code %d, %s", what, code, text)
	}
	if repeated := finished(dir); !slices.Equal(repeated, tr.done.finished) {
		t.Errorf("%s\nrepeated, the command left %q", what, repeated)
	}
	passwords := []string{"file:DIR/old.pw"}
	if tr.changesPassword(tr.command) {
		passwords = append(passwords, "file:DIR/new.pw")
	}
	if tr.absent {
		passwords = append(passwords, "stash")
	}
	for _, password := range passwords {
		run(&atomicfiletest.Disk{Unnamed: true}, dir, "add", "DIR/third.pem", "--label", "last", "--db", "DIR/"+tr.file, "--password", password)
	}
	if made := filepath.Join(dir, "copy.ckdb"); slices.Contains(tr.done.names, "copy.ckdb") && !isThere(made) { // the password file is there
		run(&atomicfiletest.Disk{Unnamed: true}, dir, "backup", made, "--db", "DIR/"+tr.file, "--password", passwords[0])
	}
	for name, password := range map[string]string{"copy.p12": "file:DIR/new.pw", "copy.ckdb": "stash", "recovered.ckdb": "stash"} {
		if isThere(filepath.Join(dir, name)) { // it exists, so that the command was refused
			run(&atomicfiletest.Disk{Unnamed: true}, dir, "add", "DIR/third.pem", "--db", "DIR/"+name, "--password", password)
		}
	}
	for _, name := range names(t, dir) {
		if !slices.Contains(tr.done.names, name) {
			t.Errorf("%s\nlater commands left %s", what, name)
		}
	}
}
