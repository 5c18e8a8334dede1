package databases_test

import (
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

// person is a terminal at which somebody sees whether others in the folder have to wait.
type person struct {
	folder *os.File
	waits  error
	asked  int
}

func (p *person) ReadPassword(string) ([]byte, error) {
	p.asked++
	p.waits = syscall.Flock(int(p.folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return []byte("secret"), syscall.Flock(int(p.folder.Fd()), syscall.LOCK_UN)
}

func (*person) Close() error { return nil }

// TestInit_ensureAsksFirst: nobody in the folder has to wait for a person, who is asked once, and twice for what is new.
func TestInit_ensureAsksFirst(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"new.ckdb", "new.p12"} {
		folder, err := os.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close()
		p := &person{folder: folder}
		env := optest.Env()
		env.Terminal = func() (op.Terminal, error) { return p, nil }
		o := databases.Init{DB: op.DB{Location: filepath.Join(folder.Name(), name)}, Stash: true, Ensure: true, Cost: kdb.CostTest}
		s, _, err := o.Run(ctx, env)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if p.waits != nil || p.asked != 2 {
			t.Errorf("%s: %v, asked %d times", name, p.waits, p.asked)
		}
	}
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
