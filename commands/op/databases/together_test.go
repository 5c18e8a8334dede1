package databases_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// TestInit_ensureTogether: of several runs at the same time one makes the database, and the others find it. None leaves a stash that opens
// nothing.
func TestInit_ensureTogether(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"alone.ckdb", "alone.p12", "password.ckdb", "password.p12", "file.ckdb", "file.p12"} {
		dir := t.TempDir()
		db := op.DB{Location: filepath.Join(dir, name), LockTimeout: time.Minute}
		o := databases.Init{DB: db, Stash: true, Ensure: true, Cost: kdb.CostTest}
		files := 2
		switch {
		case strings.HasPrefix(name, "alone"):
			o.NewPassword.Generate = true
		case strings.HasPrefix(name, "file"):
			o.NewPassword, files = op.NewPassword{Generate: true, OutFile: filepath.Join(dir, "pw")}, 3
		default:
			o.NewPassword = newPassword("pw")
		}
		results := make(chan error, 8)
		for range cap(results) {
			go func() {
				s, _, err := o.Run(ctx, optest.Env())
				if err == nil {
					err = s.Close()
				}
				results <- err
			}()
		}
		for range cap(results) {
			if err := <-results; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if there, err := os.ReadDir(dir); err != nil || len(there) != files {
			t.Errorf("%s: %v, %v", name, there, err)
		}
	}
}

// TestPasswd_together: of several runs at the same time one sets the password, and the others find it set.
func TestPasswd_together(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.ckdb", "a.p12", "a.jks"} {
		path := optest.Store(t, name, optest.NewCA(t, "Root").Trusted("root"))
		results := make(chan error, 5)
		for range cap(results) {
			go func() {
				s, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: optest.Secrets(), LockTimeout: time.Minute})
				if err == nil {
					_, err = op.Perform(ctx, s, databases.Passwd{NewPassword: newPassword("another"), Cost: kdb.CostTest})
					s.Close()
				}
				results <- err
			}()
		}
		for range cap(results) {
			if err := <-results; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
