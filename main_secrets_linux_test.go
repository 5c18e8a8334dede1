package main

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
		waitUntilHidden(t, cmd.Process.Pid, "hidden-Secret-1", "key.kdb")
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// waitUntilHidden waits for the program to start and to overwrite its password; all of its other arguments, such as shown, stay readable.
func waitUntilHidden(t *testing.T, pid int, secret, shown string) {
	t.Helper()
	var line string
	for range 1000 {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			t.Fatal(err)
		}
		line = strings.ReplaceAll(string(data), "\x00", " ")
		if strings.Contains(line, strings.Repeat("*", len(secret))) && !strings.Contains(line, secret) && strings.Contains(line, shown) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the list of processes shows %q", line)
}

// TestSecrets_crash: a program that crashes while it knows a password leaves no core file, and does not print the password.
func TestSecrets_crash(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certkdb(t, "init", "--db", filepath.Join(folder, "new.p12"), "--password", "pass:hidden-Secret-1")
	if err := syscall.Mkfifo(filepath.Join(folder, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGQUIT} {
		cmd := exec.Command("sh", "-c", "unset GOTRACEBACK; ulimit -c unlimited 2>/dev/null;"+
			"exec certkdb add fifo --db new.p12 --password pass:hidden-Secret-1")
		cmd.Dir = folder
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitUntilHidden(t, cmd.Process.Pid, "hidden-Secret-1", "new.p12")
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.CoreDump() || cmd.ProcessState.Success() {
			t.Errorf("after %v: %v", signal, cmd.ProcessState)
		}
		if strings.Contains(said.String(), "hidden-Secret") {
			t.Errorf("after %v it prints the password", signal)
		}
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 2 {
		t.Errorf("there are %v, %v", files, err)
	}
}
