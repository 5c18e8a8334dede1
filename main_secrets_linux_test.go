package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A password among the arguments is not in the list of processes while the program runs.
func TestSecrets_leaveTheListOfProcesses(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "key.kdb")
	if out, err := exec.Command("gsk8capicmd_64", "-keydb", "-create", "-db", db, "-pw", "hidden-Secret-1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	input := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(input, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{
		{"gsk8capicmd_64", "-cert", "-add", "-db", db, "-pw", "hidden-Secret-1", "-label", "x", "-file", input},
		{"certkdb", "add", input, "--db", db, "--password", "pass:hidden-Secret-1"},
	} {
		cmd := exec.Command(argv[0], argv[1:]...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitUntilHidden(t, cmd.Process.Pid, "hidden-Secret-1")
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// waitUntilHidden waits for the program to start and to overwrite its password; all of its other arguments stay readable.
func waitUntilHidden(t *testing.T, pid int, secret string) {
	t.Helper()
	var line string
	for range 1000 {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			t.Fatal(err)
		}
		line = strings.ReplaceAll(string(data), "\x00", " ")
		if strings.Contains(line, strings.Repeat("*", len(secret))) && !strings.Contains(line, secret) && strings.Contains(line, "key.kdb") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the list of processes shows %q", line)
}
