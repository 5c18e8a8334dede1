package main

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A terminal that reports no width, such as that of expect or of docker exec -t, is one all the same: it gets no bytes that it may take for
// commands, and tables in colours that fit into 80 columns.
func TestTerminal_withoutAWidth(t *testing.T) {
	t.Parallel()
	folder := newcomersFolder(t)
	long := strings.Repeat("long-", 12) + "name"
	if code, said := mistaken(t, folder, "create", "soon", "--ca", "ca", "--cn", long, "--days", "5"); code != 0 {
		t.Fatal(said)
	}
	shown, said := onScreen(t, folder, "export", "ca", "--format", "der")
	if shown != "" || !strings.Contains(said, "standard output is a terminal") {
		t.Errorf("a certificate in DER: %q, and on standard error %q", shown, said)
	}
	shown, said = onScreen(t, folder, "list")
	if !strings.Contains(shown, "\x1b[33m") || strings.Contains(shown, long) || said != "" {
		t.Errorf("a list: %q, and on standard error %q", shown, said)
	}
}

// onScreen runs the program with a terminal for standard output, and returns what that shows, and standard error.
func onScreen(t *testing.T, folder string, args ...string) (shown, said string) {
	t.Helper()
	master, slave := newTerminal(t)
	cmd := exec.Command("certkdb", args...)
	cmd.Dir, cmd.Stdout = folder, slave
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+folder, "CERTKDB_DB=key.ckdb", "TERM=xterm", "NO_COLOR=", "CLICOLOR=")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	_ = cmd.Run() // what it says tells
	slave.Close()
	text, _ := io.ReadAll(master) // which ends with EIO
	return string(text), stderr.String()
}
