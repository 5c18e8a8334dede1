package commands_test

import (
	"fmt"
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

// diskWrite is one call that changes a file: a write, another size, or a wait until all before it is on the disk.
type diskWrite struct {
	call string
	at   int64 // or the size
	data []byte
}

// record runs a command and returns what it does to the database.
func (k kind) record(t *testing.T, dir string, args ...string) (writes []diskWrite) {
	t.Helper()
	code, text := supervised(t, dir, "forgetful", func(_ int, c atomicfiletest.Call) (v atomicfiletest.Verdict) {
		if c.Files[0] != k.file {
			return v
		}
		w, err := diskWrite{call: c.Name}, error(nil)
		switch c.Name {
		case "pwrite64", "write", "ftruncate":
			w.at, w.data, err = c.Write()
		case "fsync", "fdatasync":
		default:
			t.Errorf("%s: the replay does not know %s", args, c)
		}
		if err != nil {
			t.Error(err)
		}
		writes = append(writes, w)
		return v
	}, args...)
	if code != 0 {
		t.Fatalf("%q: exit code %d, %s", args, code, text)
	}
	return writes
}

// medium is a file on a disk: what is there for certain, and what was written since.
type medium struct {
	content []byte
	pending []diskWrite
}

// do notes a call.
func (m *medium) do(w diskWrite) {
	if w.call != "fsync" && w.call != "fdatasync" {
		m.pending = append(m.pending, w)
		return
	}
	m.content = m.after(func(int) bool { return true }, func() bool { return true })
	m.pending = nil
}

// after is the content if the chosen writes reached the disk, and the chosen sectors of them.
func (m *medium) after(written func(i int) bool, whole func() bool) []byte {
	content := slices.Clone(m.content)
	for i, w := range m.pending {
		if !written(i) {
			continue
		}
		if end := max(int(w.at)+len(w.data), len(content)); w.call == "ftruncate" {
			content = append(content, make([]byte, max(0, int(w.at)-len(content)))...)[:w.at]
		} else {
			content = append(content, make([]byte, end-len(content))...)
		}
		for from := 0; from < len(w.data); from += sector {
			if whole() {
				copy(content[int(w.at)+from:], w.data[from:min(from+sector, len(w.data))])
			}
		}
	}
	return content
}

// everySubset is up to how many writes between two syncs are tried in all combinations; torn is how often sectors are mixed at random.
const everySubset, torn = 5, 24

// afterPowerFailure are contents that the file may have: the writes since the last sync in any combination, and broken at any sector.
func (m *medium) afterPowerFailure(random *rand.Rand) (contents [][]byte) {
	all := func() bool { return true }
	half := func() bool { return random.IntN(2) == 0 }
	combinations := 1 << min(everySubset, len(m.pending))
	for c := range combinations {
		contents = append(contents, m.after(func(i int) bool {
			if i < everySubset {
				return c>>i&1 == 1
			}
			return half()
		}, all))
	}
	for range torn {
		contents = append(contents, m.after(func(int) bool { return true }, half), m.after(func(int) bool { return half() }, half))
	}
	return contents
}

// TestPowerFailure records what the program writes to a native database, and lets the power fail between any two waits for the disk, which
// may have written things in any order until then. The file must hold the state before or after the change, take another change, and once
// the program has said that it is done, hold the state after.
func TestPowerFailure(t *testing.T) {
	t.Parallel()
	k := kinds()[0]
	dir := k.prepare(t)
	db := []string{"--db", "DIR/" + k.file, "--password", "file:DIR/old.pw"}
	start, err := os.ReadFile(filepath.Join(dir, k.file))
	if err != nil {
		t.Fatal(err)
	}
	m, random := &medium{content: start}, rand.New(rand.NewPCG(1, 2))
	trial := copyOf(t, dir)
	list := func(in string) string { return mustRun(t, in, append([]string{"list", "-o", "csv"}, db...)...) }
	fails := func(what string, states ...string) {
		for i, content := range m.afterPowerFailure(random) {
			if err := os.WriteFile(filepath.Join(trial, k.file), content, 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, text := run(nil, trial, append([]string{"list", "-o", "csv"}, db...)...)
			if code != 0 || !slices.Contains(states, out) {
				t.Fatalf("%s, case %d: exit code %d, %s\nit holds\n%s\nand should hold\n%s", what, i, code, text, out, strings.Join(states, "\nor\n"))
			}
			mustRun(t, trial, append([]string{"add", "DIR/third.pem", "--label", "last"}, db...)...)
		}
	}
	before := list(dir)
	for _, command := range []string{
		"add DIR/other.pem --label other", "rename web www", "default www", "delete root", "add DIR/bundle.pem --replace", "receive DIR/wait.crt",
		"delete www", "slots add --generate-password --password-out DIR/new.pw", "stash create", "slots remove password-2", "stash remove",
	} {
		writes := k.record(t, dir, append(strings.Fields(command), db...)...)
		after := list(dir)
		for i, w := range writes {
			if strings.HasSuffix(w.call, "sync") {
				fails(fmt.Sprintf("%s, before sync %d", command, i), before, after)
			}
			m.do(w)
		}
		fails(command+", done", after)
		before = after
	}
	current, err := os.ReadFile(filepath.Join(dir, k.file))
	if replayed := m.after(func(int) bool { return true }, func() bool { return true }); err != nil || string(replayed) != string(current) {
		t.Errorf("the record is not what happened, %v", err)
	}
}
