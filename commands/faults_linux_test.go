package commands_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"certkdb/kdb/atomicfile/atomicfiletest"
)

// supervised runs the program as a process of its own, under [atomicfiletest.Supervise], and returns its exit code, -1 if it was killed,
// and what it said.
func supervised(
	t *testing.T, dir, program string, decide func(n int, c atomicfiletest.Call) atomicfiletest.Verdict, args ...string,
) (code int, text string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	for _, arg := range args {
		cmd.Args = append(cmd.Args, strings.ReplaceAll(arg, "DIR", dir))
	}
	var stderr strings.Builder
	cmd.Env = append(os.Environ(), "COMMANDS_TEST_PROGRAM="+program, "PASSWORDDIR="+dir, "XDG_STATE_HOME="+dir, "TMPDIR="+dir)
	cmd.Stderr = &stderr
	if err := atomicfiletest.Supervise(cmd, dir, decide); err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// callOf are the system calls by which a Disk for tests does what it notes. It spares the syncs.
var callOf = map[string]string{
	"create": "openat", "write": "write", "truncate": "ftruncate", "chown": "fchown", "chmod": "fchmod", "setattribute": "fsetxattr",
	"link": "linkat", "rename": "renameat", "remove": "unlinkat",
}

// process runs the command as a process of its own. decide is asked about each call that changes the folder, with a description if it is
// not one of atomicfile.FS. Those, the process announces.
func (tr *trial) process(
	t *testing.T, decide func(other string, c atomicfiletest.Call) atomicfiletest.Verdict,
) (announced []string, code int, text string) {
	t.Helper()
	tr.restore(t, tr.template, tr.dir)
	expected, seen := map[string]int{}, map[string]int{}
	code, text = supervised(t, tr.dir, "announcing", func(_ int, c atomicfiletest.Call) atomicfiletest.Verdict {
		if call, found := strings.CutPrefix(c.Files[0], announcements+"/"); found {
			announced = append(announced, call)
			word, name, _ := strings.Cut(call, " ")
			expected[callOf[word]]++
			if word == "syncfolder" && name != filepath.Base(tr.dir) && !isThere(filepath.Join(tr.dir, name)) {
				clear(expected) // its files are elsewhere
			}
			return atomicfiletest.Verdict{}
		}
		if expected[c.Name] > 0 {
			expected[c.Name]--
			return decide("", c)
		}
		call := c.Name
		for _, file := range c.Files {
			if isUnnamed(file) { // its number is random
				file = "#"
			}
			if name, id, found := strings.Cut(file, ".stash.certkdb-"); found && len(id) == 32 { // so is the id of a new database
				file = name + ".stash.certkdb-#"
			}
			call += " " + file
		}
		seen[call]++
		return decide(fmt.Sprintf("%s (%d)", call, seen[call]), c)
	}, tr.args...)
	delete(expected, "") // syncs
	for name, n := range expected {
		if n != 0 && code == 0 {
			t.Errorf("%s: %d announced calls of %s were not made", tr.command, n, name)
		}
	}
	return announced, code, text
}

// isUnnamed says whether a file has no name, in which case it has a number.
func isUnnamed(file string) bool { return strings.HasPrefix(filepath.Base(file), "#") }

// others kills a process at each of its calls that change the folder, and lets those fail that are not made through atomicfile.FS: those
// of bbolt, for example. With the ones of [trial.errors], these are all.
func (tr *trial) others(t *testing.T) {
	var others []string
	var kills []killed
	snapshots, changed := fastDir(t), false
	announced, code, text := tr.process(t, func(other string, c atomicfiletest.Call) (v atomicfiletest.Verdict) {
		if other != "" {
			others = append(others, other)
		}
		if changed {
			kills = append(kills, killed{c.String(), filepath.Join(snapshots, strconv.Itoa(len(kills)))})
			copyAll(t, tr.dir, kills[len(kills)-1].dir)
		}
		changed = !strings.HasSuffix(c.Name, "sync") && !isUnnamed(c.Files[len(c.Files)-1])
		return v
	})
	if code != 0 || !sameCalls(announced, tr.calls) {
		t.Errorf("%s: exit code %d, %s; calls of a process\n%q, of the test\n%q", tr.command, code, text, announced, tr.calls)
	}
	if len(tr.calls)+len(others) < 2 {
		t.Errorf("%s: there are hardly any calls", tr.command)
	}
	for _, k := range kills {
		if err := errors.Join(os.RemoveAll(tr.dir), os.Rename(k.dir, tr.dir)); err != nil {
			t.Fatal(err)
		}
		tr.judge(t, "a kill at "+k.at, -1, "")
	}
	for _, call := range others {
		for _, errno := range errnos {
			met := false
			_, code, text := tr.process(t, func(other string, _ atomicfiletest.Call) (v atomicfiletest.Verdict) {
				if other == call {
					met, v.Err = true, errno
				}
				return v
			})
			switch {
			case met:
				tr.judge(t, fmt.Sprintf("%v at %s", errno, call), code, text)
			case !strings.HasPrefix(call, "pwrite64 "): // how many pages are written depends on random numbers
				t.Errorf("%s: another process did not call %s", tr.command, call)
			}
		}
	}
}

// killed is a process that was about to make a call, and what it left: a file without a name is gone, and a sync changes nothing.
type killed struct{ at, dir string }

// sameCalls says whether two lists have the same calls of atomicfile.FS, in any order: goroutines may write files at the same time. Folders
// may have random names.
func sameCalls(a, b []string) bool {
	inOrder := func(calls []string) (list []string) {
		for _, call := range calls {
			if strings.HasPrefix(call, "syncfolder ") {
				call = "syncfolder"
			}
			list = append(list, call)
		}
		slices.Sort(list)
		return list
	}
	return slices.Equal(inOrder(a), inOrder(b))
}

// copyAll copies a folder with names, rights and attributes of its files.
func copyAll(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
