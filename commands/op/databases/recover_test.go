package databases_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

func TestRecover(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	path := optest.Store(t, "a.ckdb", root.Trusted("root"), root.Issue(t, "web").Personal("web"), optest.Secret("aes"))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[:8192])
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	env := optest.Env()
	if _, err := op.Open(ctx, env, op.DB{Location: path}); problem(err) != op.Wrecked || !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("opening it: %v", err)
	}
	to := filepath.Join(t.TempDir(), "new.ckdb")
	o := databases.Recover{From: op.DB{Location: path, Password: optest.Secrets()}, To: to}
	for _, dry := range []bool{true, false} {
		done, err := o.Run(ctx, env, dry)
		if err != nil || done.Entries != 3 || done.Expected == nil || *done.Expected != 3 || !done.Verified || done.Incomplete() != nil {
			t.Errorf("%+v, %v", done, err)
		}
		if _, err := os.Lstat(to); (err != nil) != dry {
			t.Errorf("after a dry run %v: %v", dry, err)
		}
	}
	s, err := op.Open(ctx, env, op.DB{Location: to, Password: optest.Secrets()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	optest.Expect(t, s, "aes=secret-key root=trusted+ web=personal")
	partly := databases.Recovered{To: to, Altered: []databases.Problem{{}}}
	if err := partly.Incomplete(); problem(err) != op.Incomplete || !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("something altered: %v", err)
	}
}

func TestRecover_refused(t *testing.T) {
	t.Parallel()
	env, sound, foreign := optest.Env(), optest.Store(t, "a.ckdb"), optest.Store(t, "a.jks")
	text := optest.File(t, "text", "no database")
	taken := optest.File(t, "taken", "")
	for what, c := range map[string]struct {
		from, to string
		want     error
	}{
		"no target":        {sound, "", op.ErrUsage},
		"onto itself":      {sound, sound, op.ErrUsage},
		"over a file":      {sound, taken, kdb.ErrDatabaseExists},
		"nothing there":    {sound + "x", taken + "x", kdb.ErrNoDatabase},
		"another format":   {foreign, taken + "x", kdb.ErrUnsupported},
		"no database":      {text, taken + "x", kdb.ErrCorrupt},
		"no such folder":   {sound, filepath.Join(taken+"y", "new.ckdb"), os.ErrNotExist},
		"a wrong password": {sound, taken + "x", kdb.ErrPassword},
	} {
		secrets := optest.Secrets()
		if what == "a wrong password" {
			secrets.Source = op.FromBytes([]byte("wrong"))
		}
		_, err := databases.Recover{From: op.DB{Location: c.from, Password: secrets}, To: c.to}.Run(ctx, env, false)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := os.Lstat(taken + "x"); err == nil {
			t.Errorf("%s: a file was made", what)
		}
	}
}
