package commands_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb/atomicfile/atomicfiletest"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// medium is a folder on a disk: what is there for certain, and what was changed since.
type medium struct {
	names   map[string]*onDisk // for certain
	live    map[string]*onDisk // as programs see them, also those of open files without a name
	pending []diskChange
}

// onDisk is the content of a file for certain.
type onDisk struct{ content []byte }

// diskChange is a write, another size, or another name.
type diskChange struct {
	call string
	file *onDisk
	at   int64 // or the size
	data []byte
	name string // that the file gets, or loses if there is no file
	old  string // that it loses; "" for none
}

// mediumOf is what is in a folder, for certain.
func mediumOf(t *testing.T, dir string) *medium {
	t.Helper()
	m := &medium{names: map[string]*onDisk{}}
	for _, name := range names(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		m.names[name] = &onDisk{data}
	}
	m.live = maps.Clone(m.names)
	return m
}

// do notes a call.
func (m *medium) do(c diskCall) error {
	file := c.files[0]
	change := diskChange{call: c.name, file: m.live[file], at: c.at, data: c.data}
	switch c.name {
	case "fchmod":
		return nil
	case "fsync", "fdatasync":
		m.sync(file)
		return nil
	case "openat":
		if file == "" { // one without a name
			return nil
		}
		change.name, change.file = file, &onDisk{}
	case "pwrite64", "write", "ftruncate":
		if change.file == nil {
			change.file = &onDisk{}
			m.live[file] = change.file
		}
	case "linkat":
		change.name = c.files[1]
		delete(m.live, file)
	case "renameat":
		change.name, change.old = c.files[1], file
	case "unlinkat":
		change.name, change.file = file, nil
	default:
		return fmt.Errorf("the replay does not know %s", c.name)
	}
	if c.name == "openat" && m.live[file] != nil || c.name != "unlinkat" && change.file == nil || strings.Contains(change.name, "/") {
		return fmt.Errorf("the replay does not know this kind of %s %q", c.name, c.files)
	}
	change.rename(m.live)
	m.pending = append(m.pending, change)
	return nil
}

// rename changes the names of files as the change does.
func (c *diskChange) rename(names map[string]*onDisk) {
	switch {
	case c.name != "" && c.file == nil:
		delete(names, c.name)
	case c.name != "":
		names[c.name] = c.file
		delete(names, c.old)
	}
}

// sync makes what was done to a file certain, or to the names in the folder: "".
func (m *medium) sync(file string) {
	m.pending = slices.DeleteFunc(m.pending, func(c diskChange) bool {
		switch {
		case file == "" && c.name != "":
			c.rename(m.names)
		case file != "" && c.name == "" && c.file == m.live[file]:
			c.file.content = c.write(c.file.content, func() bool { return true })
		default:
			return false
		}
		return true
	})
}

// write returns the content of a file after a change, of which the chosen sectors reached the disk.
func (c *diskChange) write(content []byte, reached func() bool) []byte {
	content = slices.Clone(content)
	if end := max(int(c.at)+len(c.data), len(content)); c.call == "ftruncate" {
		content = append(content, make([]byte, max(0, int(c.at)-len(content)))...)[:c.at]
	} else {
		content = append(content, make([]byte, end-len(content))...)
	}
	for from := 0; from < len(c.data); from += sector {
		if reached() {
			copy(content[int(c.at)+from:], c.data[from:min(from+sector, len(c.data))])
		}
	}
	return content
}

// after is what the folder holds if the chosen changes reached the disk, and the chosen sectors of them.
func (m *medium) after(done func(i int) bool, reached func() bool) map[string][]byte {
	names, contents := maps.Clone(m.names), map[*onDisk][]byte{}
	for i, c := range m.pending {
		if !done(i) {
			continue
		}
		if c.rename(names); c.name == "" {
			before, changed := contents[c.file]
			if !changed {
				before = c.file.content
			}
			contents[c.file] = c.write(before, reached)
		}
	}
	files := map[string][]byte{}
	for name, file := range names {
		files[name] = file.content
		if content, changed := contents[file]; changed {
			files[name] = content
		}
	}
	return files
}

// torn is how often changes and sectors are chosen at random.
const torn = 8

// afterPowerFailure is what the folder may hold: of the changes that are not certain, each alone reached the disk, or all but it, or all
// before it, or any, and any sectors.
func (m *medium) afterPowerFailure(random *rand.Rand) (states []map[string][]byte) {
	all := func() bool { return true }
	half := func() bool { return random.IntN(2) == 0 }
	states = append(states, m.after(func(int) bool { return true }, all))
	for n := range m.pending {
		states = append(states, m.after(func(i int) bool { return i == n }, all), m.after(func(i int) bool { return i != n }, all),
			m.after(func(i int) bool { return i < n }, all))
	}
	for range torn {
		states = append(states, m.after(func(int) bool { return half() }, half), m.after(func(int) bool { return true }, half))
	}
	return states
}

// diskCall is a call that changes a folder.
type diskCall struct {
	name  string
	files []string
	at    int64
	data  []byte
}

// record runs a command and returns what it does to the folder.
func record(t *testing.T, dir string, args ...string) (calls []diskCall) {
	t.Helper()
	code, text := supervised(t, dir, "forgetful", func(_ int, c atomicfiletest.Call) (v atomicfiletest.Verdict) {
		call := diskCall{name: c.Name, files: c.Files}
		if c.Name == "pwrite64" || c.Name == "write" || c.Name == "ftruncate" {
			var err error
			if call.at, call.data, err = c.Write(); err != nil {
				t.Error(err)
			}
		}
		calls = append(calls, call)
		return v
	}, args...)
	if code != 0 {
		t.Fatalf("%q: exit code %d, %s", args, code, text)
	}
	return calls
}

// powerFailures are a folder whose changes are recorded, and one that is what a power failure left.
type powerFailures struct {
	dir, trial string
	medium     *medium
	random     *rand.Rand
	seen       map[[sha256.Size]byte]bool
	making     []string // the command, if it makes a database
	made       []string // the names of all files that are there then
}

// TestPowerFailure records what the program writes, to native databases above all, and lets the power fail before any wait for the disk,
// which may have written things in any order until then. The folder must hold the state before or after the change, with a password that
// opens it, take another change, and once the program has said that it is done, hold the state after.
func TestPowerFailure(t *testing.T) {
	t.Parallel()
	k := kinds()[0]
	dir := k.prepare(t)
	p := &powerFailures{dir: dir, trial: fastDir(t), medium: mediumOf(t, dir), random: rand.New(rand.NewPCG(1, 2))}
	for _, command := range []string{
		"add DIR/other.pem --label other", "rename web www", "default www", "delete root", "add DIR/bundle.pem --replace", "receive DIR/wait.crt",
		"delete www", "slots add --generate-password --password-out DIR/second.pw", "stash create", "slots remove password-2",
		"backup DIR/copy.ckdb", "recover --to DIR/recovered.ckdb", "add DIR/other.pem --label again",
		"copy --all --key --to DIR/copy.p12 --to-password file:DIR/old.pw --profile legacy", "compact", "rekey", "stash remove",
		"passwd --generate-password --password-out DIR/new.pw", "restore DIR/copy.ckdb --force", "init --generate-password --stash",
	} {
		args := append(strings.Fields(command), "--db", "DIR/key.ckdb", "--password", "file:DIR/old.pw")
		if args[0] == "init" {
			args = append(strings.Fields(command), "--db", "DIR/new.ckdb")
		}
		p.try(t, command, args)
	}
	replayed := p.medium.after(func(int) bool { return true }, func() bool { return true })
	for name, file := range mediumOf(t, dir).names {
		if !bytes.Equal(replayed[name], file.content) {
			t.Errorf("%s: the record is not what happened", name)
		}
		delete(replayed, name)
	}
	if len(replayed) > 0 {
		t.Errorf("of the record, %q did not happen", slices.Collect(maps.Keys(replayed)))
	}
}

// try lets the power fail while a command runs, and after it.
func (p *powerFailures) try(t *testing.T, command string, args []string) {
	t.Helper()
	before := p.state(t, p.dir)
	calls := record(t, p.dir, args...)
	after := p.state(t, p.dir)
	if args[0] == "init" {
		p.making, p.made = args, names(t, p.dir)
	}
	if len(calls) < 5 {
		t.Errorf("%s: only %d calls", command, len(calls))
	}
	p.seen = map[[sha256.Size]byte]bool{}
	for i, c := range calls {
		if strings.HasSuffix(c.name, "sync") {
			p.fail(t, fmt.Sprintf("%s, before call %d, %s %q", command, i, c.name, c.files), before, after)
		}
		if err := p.medium.do(c); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
	p.seen = map[[sha256.Size]byte]bool{}
	p.fail(t, command+", done", after)
}

// fail lets the power fail: one of the states must be there, and can be changed.
func (p *powerFailures) fail(t *testing.T, what string, states ...string) {
	t.Helper()
	for i, files := range p.medium.afterPowerFailure(p.random) {
		sum := digest(files)
		if p.seen[sum] {
			continue
		}
		p.seen[sum] = true
		fill(t, p.trial, files)
		if got := p.state(t, p.trial); !slices.Contains(states, got) {
			t.Fatalf("%s, case %d: there is\n%s\nand should be\n%s", what, i, got, strings.Join(states, "\nor\n"))
		}
		if p.making != nil {
			p.makeAgain(t, fmt.Sprintf("%s, case %d", what, i))
		}
		changed := i%4 != 0 // it is seen often enough
		for _, source := range []string{"file:DIR/old.pw", "file:DIR/new.pw"} {
			if changed {
				break
			}
			code, _, _ := run(nil, p.trial, "add", "DIR/third.pem", "--label", "last", "--db", "DIR/key.ckdb", "--password", source)
			changed = code == 0
		}
		if !changed {
			t.Fatalf("%s, case %d: it cannot be changed", what, i)
		}
	}
}

// makeAgain repeats a command that makes a database, and changes the database: it must be there, and no other file.
func (p *powerFailures) makeAgain(t *testing.T, what string) {
	t.Helper()
	run(nil, p.trial, p.making...) // it may be there
	code, _, text := run(nil, p.trial, "add", "DIR/third.pem", "--db", "DIR/new.ckdb", "--password", "stash")
	if code != 0 {
		t.Errorf("%s: once more: exit code %d, %s", what, code, text)
	}
	for _, name := range names(t, p.trial) {
		if !slices.Contains(p.made, name) {
			t.Errorf("%s: once more, it left %s", what, name)
		}
	}
}

// state says what databases hold and what opens them.
func (p *powerFailures) state(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{"key.ckdb", "copy.ckdb", "recovered.ckdb", "copy.p12", "new.ckdb"} {
		if !isThere(filepath.Join(dir, name)) {
			continue
		}
		sources := []string{"file:DIR/old.pw", "stash", "file:DIR/new.pw", "file:DIR/second.pw"}
		if name != "key.ckdb" {
			sources = sources[:2]
		}
		for _, source := range sources {
			code, out, _ := run(nil, dir, "list", "-o", "csv", "--db", "DIR/"+name, "--password", source)
			fmt.Fprintf(&all, "%s with %s: %v\n%s", name, source, code == 0, out)
		}
	}
	return all.String()
}

// fill makes a folder hold certain files and no others.
func fill(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for _, name := range names(t, dir) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func digest(files map[string][]byte) (sum [sha256.Size]byte) {
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(hash, "%q %d\n", name, len(files[name]))
		hash.Write(files[name])
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// TestMedium: what a power failure can do without a sync is among what is tried.
func TestMedium(t *testing.T) {
	t.Parallel()
	write := func(file string) diskCall { return diskCall{"write", []string{file}, 0, []byte("new")} }
	sync := func(file string) diskCall { return diskCall{name: "fsync", files: []string{file}} }
	link, rename := diskCall{name: "linkat", files: []string{"#1", "a~"}}, diskCall{name: "renameat", files: []string{"a~", "a"}}
	for _, test := range []struct {
		rule  string
		calls []diskCall
		want  []string // what the files named a and a~ may be
	}{
		{"a write may be lost", []diskCall{write("a")}, []string{"new -", "old -"}},
		{"but not after a sync", []diskCall{write("a"), sync("a")}, []string{"new -"}},
		{"a file without a name is lost", []diskCall{write("#1"), sync("#1")}, []string{"old -"}},
		{"a new name may be lost", []diskCall{write("#1"), sync("#1"), link, sync("#1")}, []string{"old -", "old new"}},
		{
			"a rename may be lost, alone or with the link before",
			[]diskCall{write("#1"), sync("#1"), link, rename},
			[]string{"new -", "old -", "old new"},
		},
		{"a name may come before the content", []diskCall{write("#1"), link, rename, sync("")}, []string{" -", "new -"}},
	} {
		file := &onDisk{[]byte("old")}
		m := &medium{names: map[string]*onDisk{"a": file}, live: map[string]*onDisk{"a": file}}
		for _, c := range test.calls {
			if err := m.do(c); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, files := range m.afterPowerFailure(rand.New(rand.NewPCG(1, 2))) {
			temporary, there := files["a~"]
			if !there {
				temporary = []byte("-")
			}
			got = append(got, fmt.Sprintf("%s %s", files["a"], temporary))
		}
		slices.Sort(got)
		got = slices.DeleteFunc(slices.Compact(got), func(state string) bool { return strings.Contains(state, "\x00") }) // torn
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, not %q", test.rule, got, test.want)
		}
	}
}
