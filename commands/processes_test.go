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
	if os.Getenv("COMMANDS_TEST_PROGRAM") != "" {
		env := commands.ProcessEnv(context.Background(), "test", func() {})
		env.Drivers = testDrivers(nil)
		if os.Getenv("COMMANDS_TEST_PROGRAM") == "forgetful" { // the tests put older states back
			env.State = ""
		}
		os.Exit(commands.Main(context.Background(), env, os.Args))
	}
	os.Exit(optest.Main(m))
}

// processes is how many change one database at the same time.
const processes = 64

// TestProcesses_loseNothing: processes add an entry each to one database of every kind, and all are there in the end.
func TestProcesses_loseNothing(t *testing.T) {
	for _, k := range kinds() {
		if k.absent {
			continue
		}
		t.Run(k.file, func(t *testing.T) {
			dir := k.prepare(t)
			db := []string{"--db", filepath.Join(dir, k.file), "--password", "file:" + filepath.Join(dir, "old.pw")}
			var running [processes]*exec.Cmd
			var output [processes]strings.Builder
			for i := range running {
				running[i] = exec.Command(os.Args[0], append([]string{
					"add", filepath.Join(dir, "other.pem"), "--label", fmt.Sprintf("entry %d", i), "--lock-timeout", "5m",
				}, db...)...)
				running[i].Env = append(os.Environ(), "COMMANDS_TEST_PROGRAM=yes", "XDG_STATE_HOME="+dir)
				running[i].Stderr = &output[i]
				if err := running[i].Start(); err != nil {
					t.Fatal(err)
				}
			}
			for i, cmd := range running {
				if err := cmd.Wait(); err != nil {
					t.Errorf("%v: %s", err, output[i].String())
				}
			}
			list := mustRun(t, dir, append([]string{"list", "-o", "name"}, db...)...)
			for i := range processes {
				if label := fmt.Sprintf("entry %d\n", i); !strings.Contains(list, label) {
					t.Errorf("%q is lost", label)
				}
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
