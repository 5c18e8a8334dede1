package commands_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/commands"
	"certkdb/commands/op/optest"
	"certkdb/kdb/atomicfile/atomicfiletest"
)

// TestMain is the program, or the tests.
func TestMain(m *testing.M) {
	if kind := os.Getenv("COMMANDS_TEST_PROGRAM"); kind != "" {
		env := commands.ProcessEnv(context.Background(), "test", func() {})
		if kind != "remembering" && !isThere(env.State) { // the tests put older states back
			env.State = ""
		}
		if kind == "announcing" {
			env.Disk = &atomicfiletest.Disk{Unnamed: true, Fail: announce}
		}
		env.Drivers = testDrivers(env.Disk)
		os.Exit(commands.Main(context.Background(), env, os.Args))
	}
	os.Exit(optest.Main(m))
}

// announcements is a folder that does not exist.
const announcements = ".announced"

// announce makes a call that fails, for a supervisor to see.
func announce(_ int, call string) error {
	_ = os.Symlink("", filepath.Join(os.Getenv("PASSWORDDIR"), announcements, call))
	return nil
}

// processes is how many change one database at the same time.
const processes = 64

// TestProcesses_loseNothing: while one command writes to a database, of every kind, a process that may not wait fails with exit code 6 and
// others wait to add an entry each. In the end all entries are there but that of the first process.
func TestProcesses_loseNothing(t *testing.T) {
	for _, k := range kinds() {
		if k.absent || k.setup != nil { // the others are of the same kinds
			continue
		}
		t.Run(k.file, func(t *testing.T) {
			dir := k.prepare(t)
			db := []string{"--db", filepath.Join(dir, k.file), "--password", "file:" + filepath.Join(dir, "old.pw")}
			add := func(label, timeout string) *process {
				return start(t, dir, append([]string{
					"add", filepath.Join(dir, "other.pem"), "--label", label, "--lock-timeout", timeout,
				}, db...)...)
			}
			var running []*process
			whileWriting(t, dir, append([]string{"add", "DIR/other.pem", "--label", "writer"}, db...), func() {
				for i := range processes {
					running = append(running, add(fmt.Sprintf("entry %d", i), "5m"))
				}
				if code, text := add("impatient", "0s").wait(); code != 6 || !strings.Contains(text, "locked") {
					t.Errorf("without waiting: exit code %d, %s", code, text)
				}
			})
			for _, p := range running {
				if code, text := p.wait(); code != 0 {
					t.Errorf("exit code %d: %s", code, text)
				}
			}
			list := mustRun(t, dir, append([]string{"list", "-o", "name"}, db...)...)
			for i := range processes {
				if label := fmt.Sprintf("entry %d\n", i); !strings.Contains(list, label) {
					t.Errorf("%q is lost", label)
				}
			}
			if !strings.Contains(list, "writer\n") || strings.Contains(list, "impatient") {
				t.Errorf("there is\n%s", list)
			}
			for _, name := range names(t, dir) {
				if strings.HasPrefix(name, ".") {
					t.Errorf("%s was left", name)
				}
			}
			if code, out, text := run(&atomicfiletest.Disk{}, dir, append([]string{"check"}, db...)...); code != 0 {
				t.Errorf("check: %d %s %s", code, out, text)
			}
		})
	}
}

// whileWriting runs a command, which has to work, and calls fn as it writes: when it has the lock.
func whileWriting(t *testing.T, dir string, args []string, fn func()) {
	t.Helper()
	called := false
	disk := &atomicfiletest.Disk{Unnamed: true, Fail: func(_ int, call string) error {
		if !called && strings.HasPrefix(call, "write ") {
			called = true
			fn()
		}
		return nil
	}}
	if code, _, text := run(disk, dir, args...); code != 0 || !called {
		t.Fatalf("%q: exit code %d, wrote: %v, %s", args, code, called, text)
	}
}

// process is the program, running.
type process struct {
	cmd    *exec.Cmd
	stderr strings.Builder
}

// start starts the program as a process of its own.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], args...)}
	p.cmd.Env = append(os.Environ(), "COMMANDS_TEST_PROGRAM=remembering", "XDG_STATE_HOME="+dir)
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// wait returns the exit code of the process, -1 if a signal ended it, and what it said.
func (p *process) wait() (code int, text string) {
	if err := p.cmd.Wait(); err != nil {
		text = err.Error() + ": "
	}
	return p.cmd.ProcessState.ExitCode(), text + p.stderr.String()
}
