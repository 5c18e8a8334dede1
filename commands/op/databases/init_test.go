package databases_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs12"
)

func TestInit(t *testing.T) {
	t.Parallel()
	env := optest.Env()
	path := filepath.Join(t.TempDir(), "new.ckdb")
	o := databases.Init{DB: op.DB{Location: path}, NewPassword: newPassword("pw"), Cost: kdb.CostTest, Stash: true}
	planned, err := o.Plan(ctx, env)
	if err != nil || planned.Location != path || planned.Format != "ckdb" || !planned.HasChanged() {
		t.Errorf("%+v, %v", planned, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the plan made a file")
	}
	s, created, err := o.Run(ctx, env)
	if err != nil || len(created.ID) != 32 || created.Stash == "" {
		t.Fatalf("%+v, %v", created, err)
	}
	defer s.Close()
	if !opens(t, s, path, "pw") {
		t.Error("the password does not open it")
	}
	if _, err := o.Plan(ctx, env); !errors.Is(err, kdb.ErrDatabaseExists) {
		t.Errorf("again: %v", err)
	}
}

func TestInit_refuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) op.DB { return op.DB{Location: filepath.Join(dir, name)} }
	generated := op.NewPassword{Generate: true}
	both := newPassword("x")
	both.Generate = true
	env := optest.Env()
	readOnly := env.Drivers[0]
	readOnly.Name, readOnly.Create, readOnly.Extensions = "old", nil, []string{".old"}
	env.Drivers = append(env.Drivers, readOnly)
	for _, c := range []struct {
		rule string
		o    databases.Init
		code op.Code
		err  error
	}{
		{"a password that is kept nowhere", databases.Init{DB: at("a.ckdb"), NewPassword: generated}, op.LostPassword, op.ErrUsage},
		{"a contradiction", databases.Init{DB: at("a.ckdb"), NewPassword: both}, 0, op.ErrUsage},
		{"a kind that is only read", databases.Init{DB: at("a.old"), NewPassword: newPassword("x")}, op.ReadOnlyKind, kdb.ErrUnsupported},
		{"an unknown kind", databases.Init{DB: at("a"), Type: "floppy", NewPassword: newPassword("x")}, 0, op.ErrUsage},
		{"nowhere", databases.Init{NewPassword: newPassword("x")}, op.NoDefaultDatabase, op.ErrUsage},
		{"no password", databases.Init{DB: at("a.ckdb")}, op.NoPassword, kdb.ErrNoPassword},
		{"an empty password", databases.Init{DB: at("a.ckdb"), NewPassword: newPassword("")}, op.EmptyPassword, kdb.ErrNoPassword},
	} {
		s, _, err := c.o.Run(ctx, env)
		if s != nil || problem(err) != c.code || !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("left over: %v, %v", files, err)
	}
}

// TestInit_stashOfAForeignFormat: both files appear in one step, so that a generated password is never lost between them; and an output
// of the same command is neither.
func TestInit_stashOfAForeignFormat(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	generated := op.NewPassword{Generate: true}
	if err := os.WriteFile(at("key.sth"), []byte("of an earlier database"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, old := range []bool{false, true} {
		disk := &atomicfiletest.Disk{}
		codec := pkcs12.Codec()
		codec.Disk = disk
		env := optest.Env()
		env.Drivers = []kdb.Driver{keyfile.Driver(codec)}
		s, created, err := databases.Init{DB: op.DB{Location: at("key.p12")}, NewPassword: generated, Stash: true, OldStash: old}.Run(ctx, env)
		if err != nil || created.Stash != at("key.sth") {
			t.Fatalf("%+v, %v", created, err)
		}
		s.Close()
		if !slices.Contains(disk.Calls(), "link key.p12~ key.p12") || slices.Index(disk.Calls(), "link key.sth~ key.sth") >
			slices.Index(disk.Calls(), "link key.p12~ key.p12") {
			t.Errorf("the stash is not there before the database: %q", disk.Calls())
		}
		s, err = op.Open(ctx, env, op.DB{Location: at("key.p12")}) // by its stash
		if err == nil {
			err = s.Database().View(ctx, func(kdb.Tx) error { return nil })
			s.Close()
		}
		if err := errors.Join(err, os.Remove(at("key.p12"))); err != nil { // but not the stash
			t.Error(err)
		}
	}
	generated.OutFile = at("key.sth")
	_, err := databases.Init{DB: op.DB{Location: at("key.p12")}, NewPassword: generated}.Plan(ctx, optest.Env())
	if !errors.Is(err, op.ErrUsage) {
		t.Errorf("a password in the place of the stash: %v", err)
	}
	_, _, err = databases.Init{DB: op.DB{Location: at("a.pem")}, NewPassword: newPassword("x"), Stash: true}.Run(ctx, optest.Env())
	if _, missing := os.Stat(at("a.pem")); !errors.Is(err, kdb.ErrUnsupported) || !errors.Is(missing, fs.ErrNotExist) {
		t.Errorf("a stash that the format does not have: %v, the database: %v", err, missing)
	}
}

// adding is an operation that adds a secret key; closed counts how often its plan was closed.
type adding struct {
	fail   error
	closed *int
}

func (a adding) Plan(context.Context, *op.Session) (op.Plan[string], error) {
	return op.Plan[string]{
		Name: "add", Close: func() { *a.closed++ },
		Apply: func(tx kdb.Tx) (string, error) {
			if a.fail != nil {
				return "", a.fail
			}
			return "added", tx.Put(optest.Secret("aes"))
		},
	}, nil
}

// TestRunNew: an operation that fails leaves no empty database, nor does a dry run make one.
func TestRunNew(t *testing.T) {
	t.Parallel()
	env := optest.Env()
	failed := errors.New("failed")
	for _, c := range []struct {
		rule   string
		dryRun bool
		fail   error
		exists bool
	}{
		{"it fails", false, failed, false},
		{"a dry run", true, nil, false},
		{"in earnest", false, nil, true},
	} {
		path := filepath.Join(t.TempDir(), "new.ckdb")
		init := databases.Init{DB: op.DB{Location: path}, NewPassword: newPassword("pw"), Cost: kdb.CostTest}
		closed := 0
		result, err := databases.RunNew(ctx, env, init, c.dryRun, op.Operation[string](adding{c.fail, &closed}))
		if !errors.Is(err, c.fail) || c.fail == nil && result != "added" || closed != 1 {
			t.Errorf("%s: %q, %v, closed %d times", c.rule, result, err, closed)
		}
		if _, err := os.Stat(path); (err == nil) != c.exists {
			t.Errorf("%s: %v", c.rule, err)
		}
		if c.exists {
			init.DB.Password = init.NewPassword.Password
			s, err := op.Open(ctx, env, init.DB)
			if err != nil {
				t.Fatal(err)
			}
			optest.Expect(t, s, "aes=secret-key")
			s.Close()
		}
	}
}

// TestRunNew_removesWhatItMade: a plan that streams is not tried first. When it fails, what was made for it is removed: the database, its
// stash and the file of its password, but no database that has something in it, and no other file.
func TestRunNew_removesWhatItMade(t *testing.T) {
	t.Parallel()
	damaged := fmt.Errorf("%w: a later entry", kdb.ErrCorrupt)
	for rule, c := range map[string]struct {
		stash    bool
		password op.NewPassword
		fail     error
		meantime []kdb.Entry // what somebody else stores before it fails
		want     string      // the files at the end
	}{
		"a password":           {password: newPassword("pw"), fail: damaged, want: "other"},
		"a stash too":          {stash: true, password: newPassword("pw"), fail: damaged, want: "other"},
		"a stash alone":        {stash: true, password: op.NewPassword{Generate: true}, fail: damaged, want: "other"},
		"a generated password": {password: op.NewPassword{Generate: true, OutFile: "pw"}, fail: damaged, want: "other"},
		"both":                 {stash: true, password: op.NewPassword{Generate: true, OutFile: "pw"}, fail: damaged, want: "other"},
		"an interruption":      {stash: true, password: newPassword("pw"), fail: context.Canceled, want: "other"},
		"another one's entries": {
			stash: true, password: newPassword("pw"), fail: damaged, meantime: []kdb.Entry{optest.Secret("aes")},
			want: "new.ckdb new.ckdb.stash other",
		},
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "other"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if c.password.OutFile != "" {
			c.password.OutFile = filepath.Join(folder, c.password.OutFile)
		}
		path := filepath.Join(folder, "new.ckdb")
		init := databases.Init{DB: op.DB{Location: path}, NewPassword: c.password, Stash: c.stash, Cost: kdb.CostTest}
		made := false
		_, err := databases.RunNew(ctx, optest.Env(), init, false, op.Planned(op.Plan[string]{
			Name: "copy", Streams: true,
			Before: func(context.Context) error {
				if len(c.meantime) == 0 {
					return nil
				}
				s, err := op.Open(ctx, optest.Env(), op.DB{Location: path})
				if err == nil {
					optest.Put(t, s, c.meantime...)
					err = s.Close()
				}
				return err
			},
			Apply: func(tx kdb.Tx) (string, error) {
				_, errStat := os.Stat(path)
				made = errStat == nil
				return "", errors.Join(tx.Put(optest.Secret("first")), c.fail)
			},
		}))
		if !made || !errors.Is(err, c.fail) {
			t.Errorf("%s: %v, the file was made: %v", rule, err, made)
		}
		if c.fail == context.Canceled && !strings.Contains(op.Interruption(err), "not changed") {
			t.Errorf("%s: %s", rule, op.Interruption(err))
		}
		if got := files(t, folder); got != c.want {
			t.Errorf("%s: the folder has %s, want %s", rule, got, c.want)
		}
	}
}

// files are the names in a folder.
func files(t *testing.T, folder string) string {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Name())
	}
	return strings.Join(names, " ")
}

// TestInit_stashFails: a database whose stash cannot be made is not made either.
func TestInit_stashFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "new.ckdb")
	if err := os.Mkdir(path+".stash", 0o700); err != nil {
		t.Fatal(err)
	}
	o := databases.Init{DB: op.DB{Location: path}, NewPassword: newPassword("pw"), Stash: true, Cost: kdb.CostTest}
	_, _, err := o.Run(ctx, optest.Env())
	if err == nil || files(t, folder) != "new.ckdb.stash" {
		t.Errorf("%v, the folder has %s", err, files(t, folder))
	}
}

// failing is an operation whose plan fails when it has read secrets already.
type failing struct{ closed *int }

func (f failing) Plan(context.Context, *op.Session) (op.Plan[string], error) {
	return op.Plan[string]{Close: func() { *f.closed++ }}, errors.New("failed")
}

func TestRunNew_clearsWhatAFailedPlanRead(t *testing.T) {
	t.Parallel()
	init := databases.Init{DB: op.DB{Location: filepath.Join(t.TempDir(), "new.ckdb")}, NewPassword: newPassword("pw")}
	closed := 0
	if _, err := databases.RunNew(ctx, optest.Env(), init, false, op.Operation[string](failing{&closed})); err == nil || closed != 1 {
		t.Errorf("closed %d times, %v", closed, err)
	}
}

// TestRunNew_nothingToStore: what has no entries becomes a database without entries.
func TestRunNew_nothingToStore(t *testing.T) {
	t.Parallel()
	nothing := op.Planned(op.Plan[string]{Name: "copy", Apply: func(kdb.Tx) (string, error) { return "", nil }})
	for _, name := range []string{"new.p12", "new.ckdb"} {
		folder := t.TempDir()
		init := databases.Init{
			DB:          op.DB{Location: filepath.Join(folder, name)},
			NewPassword: op.NewPassword{Generate: true, OutFile: filepath.Join(folder, "pw")},
		}
		if _, err := databases.RunNew(ctx, optest.Env(), init, false, nothing); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, path := range []string{init.DB.Location, init.NewPassword.OutFile} {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestInit_leavesNoPasswordWithoutItsDatabase: the next try could not write the file.
func TestInit_leavesNoPasswordWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	init := databases.Init{
		DB:          op.DB{Location: filepath.Join(folder, "new.p12")},
		NewPassword: op.NewPassword{Generate: true, OutFile: filepath.Join(folder, "pw")},
		Profile:     "none of them",
	}
	if _, _, err := init.Run(ctx, optest.Env()); err == nil {
		t.Fatal("a profile that does not exist")
	}
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Errorf("files were left: %v", left)
	}
	init.Profile = ""
	s, _, err := init.Run(ctx, optest.Env())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := os.Stat(init.NewPassword.OutFile); err != nil {
		t.Errorf("the password of the database: %v", err)
	}
}

// TestInit_ensure: a database that is there is left alone if it is of the kind, and the password opens it.
func TestInit_ensure(t *testing.T) {
	t.Parallel()
	env := optest.Env()
	for _, name := range []string{"a.ckdb", "a.p12", "a.pem"} {
		o := databases.Init{DB: op.DB{Location: optest.Store(t, name)}, NewPassword: newPassword(optest.Password), Ensure: true}
		before, err := os.ReadFile(o.DB.Location)
		if err != nil {
			t.Fatal(err)
		}
		planned, err := o.Plan(ctx, env)
		if err != nil || planned.HasChanged() {
			t.Errorf("%s, planned: %+v, %v", name, planned, err)
		}
		s, created, err := o.Run(ctx, env)
		if err != nil || created.HasChanged() || !created.Exists() {
			t.Fatalf("%s: %+v, %v", name, created, err)
		}
		s.Close()
		if after, err := os.ReadFile(o.DB.Location); err != nil || string(after) != string(before) {
			t.Errorf("%s: the file was changed, %v", name, err)
		}
		o.Type = "jks"
		if _, _, err := o.Run(ctx, env); !errors.Is(err, kdb.ErrDatabaseExists) {
			t.Errorf("%s as another kind: %v", name, err)
		}
		o.Type, o.NewPassword = "", newPassword("wrong")
		if _, _, err := o.Run(ctx, env); !errors.Is(err, kdb.ErrPassword) && name != "a.pem" { // in which nothing is encrypted
			t.Errorf("%s with a wrong password: %v", name, err)
		}
	}
}

// TestInit_ensureStash: a stash that is missing is made, unless nothing else opens the database.
func TestInit_ensureStash(t *testing.T) {
	t.Parallel()
	env := optest.Env()
	run := func(o databases.Init) (databases.Created, error) {
		s, created, err := o.Run(ctx, env)
		if err == nil {
			s.Close()
		}
		return created, err
	}
	o := databases.Init{DB: op.DB{Location: optest.Store(t, "a.ckdb")}, NewPassword: newPassword(optest.Password), Stash: true, Ensure: true}
	if planned, err := o.Plan(ctx, env); err != nil || !planned.HasChanged() {
		t.Errorf("planned: %+v, %v", planned, err)
	}
	for i, want := range []bool{true, false} {
		if created, err := run(o); err != nil || created.HasChanged() != want {
			t.Errorf("run %d: %+v, %v", i, created, err)
		}
	}
	alone := databases.Init{
		DB: op.DB{Location: filepath.Join(t.TempDir(), "b.ckdb")}, NewPassword: op.NewPassword{Generate: true}, Stash: true, Ensure: true,
	}
	for i, want := range []bool{true, false} {
		if created, err := run(alone); err != nil || created.HasChanged() != want {
			t.Errorf("a stash alone, run %d: %+v, %v", i, created, err)
		}
	}
	if err := os.Remove(alone.DB.Location + ".stash"); err != nil {
		t.Fatal(err)
	}
	if _, err := run(alone); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("nothing opens it: %v", err)
	}
}
