package databases_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// TestInit_ensureWaitsForNoOther: what may wait for a person or a pipe does not keep others in the folder waiting.
func TestInit_ensureWaitsForNoOther(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	db := op.DB{Location: filepath.Join(folder.Name(), "new.ckdb"), LockTimeout: time.Hour}
	s, _, err := databases.Init{DB: db, NewPassword: piped(t, "secret"), Ensure: true, Cost: kdb.CostTest}.Run(ctx, optest.Env())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// TestInit_stashTogether: of several runs at the same time one makes the database, the others say that it is there, and leave nothing.
func TestInit_stashTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new.ckdb")
	db := op.DB{Location: path, LockTimeout: time.Minute}
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			s, _, err := databases.Init{DB: db, Stash: true, NewPassword: op.NewPassword{Generate: true}}.Run(ctx, optest.Env())
			if err == nil {
				err = s.Close()
			}
			results <- err
		}()
	}
	made := 0
	for range cap(results) {
		if err := <-results; err == nil {
			made++
		} else if op.ClassOf(err) != op.ClassDatabaseExists {
			t.Error(err)
		}
	}
	s, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: op.Password{Source: op.FromStash()}})
	if err == nil {
		_, err = databases.CreateStash{}.Do(ctx, s)
		s.Close()
	}
	if files, errFiles := os.ReadDir(filepath.Dir(path)); made != 1 || err != nil || errFiles != nil || len(files) != 2 {
		t.Errorf("%d made it, %v, %v, there are %v", made, err, errFiles, files)
	}
}
