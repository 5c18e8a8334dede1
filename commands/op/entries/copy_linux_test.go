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

// piped is a password in a pipe, as the shell makes it for file:<(…): it can be read once.
func piped(t *testing.T) op.Password {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if _, err := w.WriteString(optest.Password + "\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return op.Password{Source: op.FromFile(fmt.Sprintf("/dev/fd/%d", r.Fd()))}
}

// TestCopyTo_passwordFromAPipe: also where the file has a password and its private keys have the same.
func TestCopyTo_passwordFromAPipe(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"new.ckdb", "new.p12", "new.kdb", "new.jks", "new.pem"} {
		db := op.DB{Location: filepath.Join(t.TempDir(), name), Password: piped(t)}
		o := entries.Copy{From: optest.New(t, fixture(t)...), Labels: []string{"web"}}
		if _, err := o.CopyTo(ctx, databases.Init{DB: db, Cost: kdb.CostTest}, false); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		db.Password = optest.Secrets()
		s, err := op.Open(ctx, optest.Env(), db)
		if err == nil {
			_, err = entries.Export{Labels: []string{"web"}, Key: true, Out: op.Output{Path: filepath.Join(t.TempDir(), "key.pem")}}.Run(ctx, s)
			s.Close()
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

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
	for name, password := range map[string]op.Password{path: optest.Secrets(), filepath.Join(folder.Name(), "new.ckdb"): piped(t)} {
		to := databases.Init{DB: op.DB{Location: name, Password: password, LockTimeout: time.Hour}, Cost: kdb.CostTest}
		o := entries.Copy{From: optest.New(t, fixture(t)...), Labels: []string{"root"}}
		if _, err := o.CopyTo(ctx, to, false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
