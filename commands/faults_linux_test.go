package commands_test

import (
	"os"
	"os/exec"
	"strings"
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
	cmd.Env, cmd.Stderr = append(os.Environ(), "COMMANDS_TEST_PROGRAM=forgetful", "PASSWORDDIR="+dir), &stderr
	if err := atomicfiletest.Supervise(cmd, dir, decide); err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// TestFaults_processes is TestFaults with the real program, stopped from outside at every call that changes the folder, those of bbolt too.
// Each call is the last one of a process, and each fails once: with an error if its number is odd, for want of space if it is even.
func TestFaults_processes(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.file, func(t *testing.T) {
			t.Parallel()
			dir := k.prepare(t)
			template := copyOf(t, dir)
			for _, command := range k.commands {
				k.everyFault(t, dir, template, command, processFaults())
			}
		})
	}
}

// processFaults are the ways in which the n-th call that changes the folder goes wrong.
func processFaults() map[string]fault {
	meet := func(v func(n int) atomicfiletest.Verdict) fault {
		return func(t *testing.T, dir string, n int, args []string) (code int, text, call string) {
			code, text = supervised(t, dir, func(i int, c atomicfiletest.Call) atomicfiletest.Verdict {
				if i != n {
					return atomicfiletest.Verdict{}
				}
				call = c.String()
				return v(n)
			}, args...)
			return code, text, call
		}
	}
	return map[string]fault{
		"a kill":   meet(func(int) atomicfiletest.Verdict { return atomicfiletest.Verdict{Kill: true} }),
		"an error": meet(func(n int) atomicfiletest.Verdict { return atomicfiletest.Verdict{Err: failure(n)} }),
	}
}
