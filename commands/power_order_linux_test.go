package commands_test

import (
	"fmt"
	"strings"
	"testing"

	"certkdb/kdb/atomicfile/atomicfiletest"
)

// unsafeCalls says which calls of a command leave something to chance if the power fails: a file gets a name before all of it is on
// the disk, or the command ends before a file, or the names in its folder, are. Of the files without names it is the last one that gets
// one. What is written to the database where it is, TestPowerFailure judges.
func unsafeCalls(database string, calls []atomicfiletest.Call) (faults []string) {
	unsynced := map[string]bool{} // files that were written; folders are "names in" them
	folder := func(file string) string { return "names in " + file[:max(0, strings.LastIndex(file, "/"))] }
	last := ""
	for _, c := range calls {
		file := c.Files[0]
		switch c.Name {
		case "write", "pwrite64", "ftruncate", "fallocate":
			unsynced[file] = true
			if strings.HasPrefix(file, "#") {
				last = file
			}
		case "fsync", "fdatasync":
			delete(unsynced, file)
			delete(unsynced, "names in "+file)
		case "renameat", "renameat2", "linkat":
			for _, source := range []string{file, last} {
				if unsynced[source] {
					faults = append(faults, fmt.Sprintf("%s while %s is not on the disk", c, source))
				}
			}
			unsynced[folder(c.Files[len(c.Files)-1])] = true
		}
	}
	for name := range unsynced {
		if name != database && !strings.HasPrefix(name, "#") {
			faults = append(faults, name+": not on the disk in the end")
		}
	}
	return faults
}

// TestPowerFailure_order: commands that put another file in the place of a native database, or make one, have it on the disk before it
// gets its name, and the name before they are done. So after a power failure the old or the new file is there, in whatever order the disk
// wrote.
func TestPowerFailure_order(t *testing.T) {
	t.Parallel()
	of := map[string][]string{
		"key.ckdb": {
			"passwd --generate-password --password-out DIR/new.pw", "rekey", "compact", "stash create", "backup DIR/copy.ckdb",
			"recover --to DIR/recovered.ckdb", "copy --all --key --to DIR/copy.p12 --to-password file:DIR/old.pw --profile legacy",
		},
		"restored.ckdb": {"restore DIR/backup.ckdb --force"},
		"new.ckdb":      {"init --generate-password --stash"},
	}
	for _, k := range kinds() {
		if of[k.file] == nil {
			continue
		}
		dir := k.prepare(t)
		template := copyOf(t, dir)
		for _, command := range of[k.file] {
			k.restore(t, template, dir)
			var calls []atomicfiletest.Call
			code, text := supervised(t, dir, "forgetful", func(_ int, c atomicfiletest.Call) (v atomicfiletest.Verdict) {
				calls = append(calls, c)
				return v
			}, k.arguments(command)...)
			if code != 0 || len(calls) < 5 {
				t.Errorf("%s: exit code %d, %d calls, %s", command, code, len(calls), text)
			}
			for _, fault := range unsafeCalls(k.file, calls) {
				t.Errorf("%s: %s\n%s", command, fault, calls)
			}
		}
	}
}

// TestUnsafeCalls: what the test above looks for would be found.
func TestUnsafeCalls(t *testing.T) {
	t.Parallel()
	call := func(name string, files ...string) atomicfiletest.Call {
		return atomicfiletest.Call{Name: name, Files: files}
	}
	for faults, calls := range map[int][]atomicfiletest.Call{
		0: {call("write", "#0"), call("write", "db"), call("write", "#1"), call("fsync", "#1"), call("linkat", "a"), call("fsync", "")},
		1: {call("write", "a~"), call("fsync", "a~"), call("renameat", "a~", "a")},
		2: {call("write", "#1"), call("linkat", "a")},
		3: {call("write", "b/a~"), call("renameat", "b/a~", "b/a"), call("fsync", "")},
	} {
		if got := unsafeCalls("db", calls); len(got) != faults {
			t.Errorf("%s: %q", calls, got)
		}
	}
}
