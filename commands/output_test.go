package commands_test

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"certkdb/commands"
	"certkdb/commands/op/optest"
)

// failingWriter is standard output of which every write fails.
type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestMain_closedOutput: only a reader that closed standard output makes a failed write a success, and it does not hide a verdict.
func TestMain_closedOutput(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	file := optest.File(t, "root.pem", optest.PEM(root.Trusted("")))
	closed := fmt.Errorf("write: %w", syscall.EPIPE)
	for name, c := range map[string]struct {
		stdout error
		args   []string
		want   int
		says   string
	}{
		"the reader is gone": {closed, []string{"list", "--db", file}, 0, ""},
		"the disk is full":   {syscall.ENOSPC, []string{"list", "--db", file}, 1, "no space"},
		"a verdict":          {closed, []string{"list", "--db", file, "--expiring", "100y", "--check"}, 9, "have expired or will soon"},
	} {
		var stderr bytes.Buffer
		env := optest.Env()
		env.Stdout, env.Stderr, env.Drivers = failingWriter{c.stdout}, &stderr, testDrivers(nil)
		got := commands.Main(t.Context(), env, append([]string{"certkdb"}, c.args...))
		if got != c.want || !strings.Contains(stderr.String(), c.says) || c.says == "" && strings.Contains(stderr.String(), "error") {
			t.Errorf("%s: exit %d, %s", name, got, stderr.String())
		}
	}
}
