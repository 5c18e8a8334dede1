package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// waiting are commands that wait for something that never comes. In their lines, DB is a database, FIFO a named pipe that nobody writes to,
// SILENT the address of a server that says nothing. Standard input is a pipe that stays open.
var waiting = []struct{ what, line, said string }{
	{"standard input with certificates", "add - --db DB", "interrupted; nothing was changed"},
	{"standard input with a request", "sign - --ca ca --db DB", "interrupted; nothing was changed"},
	{"standard input with a password", "list --password stdin --db DB", "interrupted"},
	{"standard input to show", "show --file -", "interrupted"},
	{"a named pipe with certificates", "add FIFO --db DB", "interrupted"},
	{"a named pipe with a password", "list --password file:FIFO --db DB", "interrupted"},
	{"a named pipe to show", "show FIFO --db DB", "interrupted"},
	{"a named pipe with trust anchors", "validate ca --trust FIFO --db DB", "interrupted"},
	{"a lock", "trust ca --db DB --lock-timeout 10m", "interrupted; nothing was changed"},
	{"a server", "connect SILENT --timeout 10m --db DB", "interrupted"},
	{"a person", "list --password prompt --db DB", "interrupted"},
	{"a person, in another tool's words", "gsk8capicmd_64 -cert -list -db p.p12", ""},
	{"a reader of standard output", "export ca REPEATED --db DB", "interrupted"},
}

// TestSignals_endEveryCommand: within a second on a machine that has time, with the documented exit code, also where the system call that
// waits cannot be interrupted.
func TestSignals_endEveryCommand(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db, fifo := filepath.Join(folder, "key.ckdb"), filepath.Join(folder, "fifo")
	certkdb(t, "init", "--db", db, "--generate-password", "--stash")
	certkdb(t, "create", "ca", "--is-ca", "--cn", "CA", "--db", db)
	certkdb(t, "init", "--db", filepath.Join(folder, "p.p12"), "--password", "pass:secret")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_SH); err != nil { // readers go on
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	words := strings.NewReplacer("DB", db, "FIFO", fifo, "SILENT", silent.Addr().String(), "p.p12", filepath.Join(folder, "p.p12"),
		"REPEATED", strings.Repeat("ca ", 1000))
	for _, c := range waiting {
		for s, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
			t.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(c.what, " ", "_"), code), func(t *testing.T) {
				t.Parallel()
				args := strings.Fields(words.Replace(c.line))
				got, said := signalled(t, s, args)
				if got != code || !strings.Contains(said, c.said) {
					t.Errorf("%q exits with %d, want %d: %s", args, got, code, said)
				}
			})
		}
	}
}

// signalled starts a command, sends it a signal once it waits, and returns its exit code and what it wrote to standard error and to its
// terminal. A signal that comes before the program handles it, on a busy machine, is sent again later.
func signalled(t *testing.T, s syscall.Signal, args []string) (int, string) {
	t.Helper()
	for wait := 200 * time.Millisecond; ; wait *= 3 {
		cmd := exec.Command("certkdb", args...)
		var said bytes.Buffer
		cmd.Stderr = &said
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe() // nobody reads it
		if err != nil {
			t.Fatal(err)
		}
		terminal := onTerminal(t, cmd)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			t.Errorf("%q does not end: %v", args, <-ended)
		}
		in.Close()
		out.Close()
		echoes(t, terminal)
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if status.Signaled() && wait < 10*time.Second {
			continue
		}
		return status.ExitStatus(), said.String()
	}
}

// onTerminal gives a command a terminal of its own and returns its other side.
func onTerminal(t *testing.T, cmd *exec.Cmd) *os.File {
	t.Helper()
	_, slave := newTerminal(t)
	cmd.ExtraFiles = []*os.File{slave}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	return slave
}

// newTerminal makes a terminal without a width, and returns its side of the person and that of the program.
func newTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// echoes reports a terminal that does not show any more what is typed.
func echoes(t *testing.T, terminal *os.File) {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil || state.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal does not echo: %v", err)
	}
}

// A pipe or a device is no database: it is not even opened.
func TestDatabase_isARegularFile(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"list", "add /etc/hostname", "copy a --to x.pem", "check", "info", "slots list", "backup x"} {
		for _, path := range []string{fifo, "/dev/null", "/dev/zero"} {
			code, said := exitOf(t, append(strings.Fields(line), "--db", path)...)
			if code != 2 || !strings.Contains(said, "it is a pipe or a device, not a regular file") {
				t.Errorf("%s --db %s exits with %d: %s", line, path, code, said)
			}
		}
	}
}
