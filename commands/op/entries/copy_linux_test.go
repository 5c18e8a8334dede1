package entries_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// TestCopyTo_waitsForNoOther: while another process makes a database in the folder, one that is there is used all the same, and what may
// wait for a person or a pipe does not keep others waiting.
func TestCopyTo_waitsForNoOther(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	path := optest.Store(t, "there.ckdb")
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("secret\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	piped := op.Password{Source: op.FromFile(fmt.Sprintf("/dev/fd/%d", r.Fd()))}
	for name, password := range map[string]op.Password{path: optest.Secrets(), filepath.Join(folder.Name(), "new.ckdb"): piped} {
		to := databases.Init{DB: op.DB{Location: name, Password: password, LockTimeout: time.Hour}, Cost: kdb.CostTest}
		o := entries.Copy{From: optest.New(t, fixture(t)...), Labels: []string{"root"}}
		if _, err := o.CopyTo(ctx, to, false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
