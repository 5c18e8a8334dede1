//go:build unix

package databases_test

import (
	"fmt"
	"os"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// piped is a new password in a pipe, as the shell makes it for file:<(…): it can be read once.
func piped(t *testing.T, text string) op.NewPassword {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if _, err := w.WriteString(text + "\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return op.NewPassword{Password: op.Password{Source: op.FromFile(fmt.Sprintf("/dev/fd/%d", r.Fd()))}}
}

// TestNewPassword_fromAPipe: a password that can be read once is read once.
func TestNewPassword_fromAPipe(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.ckdb", "a.p12"} {
		path := optest.Store(t, name)
		s, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: optest.Secrets()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := op.Perform(ctx, s, databases.Passwd{NewPassword: piped(t, "another"), Cost: kdb.CostTest}); err != nil {
			t.Errorf("passwd of %s: %v", name, err)
		}
		if name != "a.ckdb" {
			continue
		}
		if _, err := op.Perform(ctx, s, databases.AddSlot{NewPassword: piped(t, "third"), Cost: kdb.CostTest}); err != nil {
			t.Errorf("slots add: %v", err)
		}
	}
}
