package commands_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"certkdb/kdb/atomicfile/atomicfiletest"
)

// supervised runs the program as a process of its own, under [atomicfiletest.Supervise], and returns its exit code, -1 if it was killed,
// and what it said.
func supervised(
	t *testing.T, dir string, decide func(n int, c atomicfiletest.Call) atomicfiletest.Verdict, args ...string,
) (code int, text string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	for _, arg := range args {
		cmd.Args = append(cmd.Args, strings.ReplaceAll(arg, "DIR", dir))
	}
	var stderr strings.Builder
	cmd.Env, cmd.Stderr = append(os.Environ(), "COMMANDS_TEST_PROGRAM=forgetful", "PASSWORDDIR="+dir, "XDG_STATE_HOME="+dir), &stderr
	if err := atomicfiletest.Supervise(cmd, dir, decide); err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// TestFaults_processes is TestFaults with the real program, stopped from outside at every call that changes the folder, those of bbolt too.
// Each call is the last one of a process, and each fails: with an error or for want of space.
func TestFaults_processes(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.file, func(t *testing.T) {
			t.Parallel()
			dir := k.prepare(t)
			template := copyOf(t, dir)
			for i, command := range k.commands {
				k.everyFault(t, dir, template, command, k.processFaults(t, dir, template, command, i))
			}
		})
	}
}

// processFaults are the ways in which the n-th call that changes the folder goes wrong. Each run takes a process, so the calls of one kind,
// such as fsync, fail by turns with an error and for want of space, but the first one in both ways. The turn depends on the command: where
// the next one makes the same calls, they fail in the other way. [TestFaults] lets all its calls fail in both ways.
func (k kind) processFaults(t *testing.T, dir, template, command string, turn int) map[string]fault {
	t.Helper()
	k.restore(t, template, dir)
	var errnos [][]syscall.Errno // of each call
	seen := make(map[string]int)
	supervised(t, dir, func(_ int, c atomicfiletest.Call) atomicfiletest.Verdict {
		both := []syscall.Errno{syscall.EIO, syscall.ENOSPC}
		if i := seen[c.Name]; i > 0 {
			i = (i + turn) % 2
			both = both[i : i+1]
		}
		seen[c.Name]++
		errnos = append(errnos, both)
		return atomicfiletest.Verdict{}
	}, k.arguments(command)...)
	meet := func(v atomicfiletest.Verdict) fault {
		return func(t *testing.T, dir string, n int, args []string) (code int, text, call string) {
			if v.Err != 0 && n <= len(errnos) && !slices.Contains(errnos[n-1], v.Err) {
				return 0, "", ""
			}
			code, text = supervised(t, dir, func(i int, c atomicfiletest.Call) atomicfiletest.Verdict {
				if i != n {
					return atomicfiletest.Verdict{}
				}
				call = c.String()
				return v
			}, args...)
			return code, text, call
		}
	}
	return map[string]fault{
		"an error":    meet(atomicfiletest.Verdict{Err: syscall.EIO}),
		"a full disk": meet(atomicfiletest.Verdict{Err: syscall.ENOSPC}),
		"a kill":      meet(atomicfiletest.Verdict{Kill: true}),
	}
}
