package op_test

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/memory"
	"certkdb/kdb/sealed"
)

// inMemory is a driver of databases in memory; opened notes how each is opened.
func inMemory(opened *[]kdb.Options) kdb.Driver {
	return kdb.Driver{
		Name: "memory", Locates: func(location string) bool { return strings.HasPrefix(location, "memory://") },
		Open: func(_ context.Context, location string, o kdb.Options) (kdb.Database, error) {
			*opened = append(*opened, o)
			return memory.New(location, "ckdb"), nil
		},
	}
}

func TestOpen_knowsWhereAndHow(t *testing.T) {
	t.Parallel()
	var opened []kdb.Options
	env := optest.Env()
	env.Drivers = []kdb.Driver{inMemory(&opened)}
	password := op.Password{Source: op.FromBytes([]byte("pw"))}
	s, err := op.Open(ctx, env, op.DB{Location: "memory://a", LockTimeout: time.Minute, Password: password})
	if err != nil || s.Location != "memory://a" || s.Source.LockTimeout != time.Minute {
		t.Fatalf("%+v, %v", s, err)
	}
	defer s.Close()
	text, err := opened[0].Password(ctx, "")
	if err != nil || string(text) != "pw" || opened[0].LockTimeout != time.Minute || !opened[0].NoStash {
		t.Errorf("opened with %q, %+v, %v", text, opened[0], err)
	}
	s.DryRun = true
	other, err := s.Other(ctx, op.DB{Location: "memory://b"})
	if err != nil || !other.DryRun || other.Location != "memory://b" || opened[1].LockTimeout != time.Minute || opened[1].NoStash {
		t.Errorf("another: %+v, %+v, %v", other, opened[1], err)
	}
	if _, err := s.Other(ctx, op.DB{Location: "memory://c", LockTimeout: time.Second}); err != nil || opened[2].LockTimeout != time.Second {
		t.Errorf("its own lock timeout: %v, %v", opened[2].LockTimeout, err)
	}
}

func TestSession_Kind(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root").Trusted("root")
	for _, c := range []struct{ file, want string }{{"a.p12", "pkcs12"}, {"a.jks", "jks"}} {
		s, err := op.Open(ctx, optest.Env(), op.DB{Location: optest.Store(t, c.file, root), Password: optest.Secrets()})
		if err != nil {
			t.Fatal(err)
		}
		if kind, err := s.Kind(); err != nil || kind != c.want {
			t.Errorf("%s: %q, %v", c.file, kind, err)
		}
		s.Close()
	}
	gone := op.Attach(optest.Env(), filepath.Join(t.TempDir(), "gone.p12"), nil)
	if kind, err := gone.Kind(); !errors.Is(err, kdb.ErrNoDatabase) {
		t.Errorf("no file: %q, %v", kind, err)
	}
}

func TestOpen_refuses(t *testing.T) {
	t.Parallel()
	env := optest.Env()
	env.Drivers = []kdb.Driver{inMemory(new([]kdb.Options))}
	path := t.TempDir() + "/none.ckdb"
	for _, c := range []struct {
		rule string
		db   op.DB
		code op.Code
		err  error
	}{
		{"no file", op.DB{Location: path}, op.NoDatabase, kdb.ErrNoDatabase},
		{"no location", op.DB{}, op.NoDefaultDatabase, op.ErrUsage},
		{"no password for keys", op.DB{Location: "memory://x", KeyPassword: []op.Password{{}}}, op.NoPassword, kdb.ErrNoPassword},
	} {
		_, err := op.Open(ctx, env, c.db)
		p, _ := errors.AsType[*op.Problem](err)
		if !errors.Is(err, c.err) || c.code != 0 && (p == nil || p.Code != c.code) || c.code == 0 && p != nil {
			t.Errorf("%s: %#v, %v", c.rule, p, err)
		}
		if c.code == op.NoDatabase && p != nil && p.Location != path {
			t.Errorf("%s: location %q", c.rule, p.Location)
		}
	}
}

func TestDB_path(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule string
		db   op.DB
		vars map[string]string
		root bool
		home string
		want string
	}{
		{"as given", op.DB{Location: "a.p12"}, map[string]string{"CERTKDB_DB": "b"}, false, "/home/u", "a.p12"},
		{"as the environment says", op.DB{}, map[string]string{"CERTKDB_DB": "b"}, true, "/root", "b"},
		{"the system's folder for root", op.DB{}, map[string]string{"XDG_DATA_HOME": "/data"}, true, "/root", "/var/lib/certkdb/key.ckdb"},
		{"in the folder for data", op.DB{}, map[string]string{"XDG_DATA_HOME": "/data"}, false, "/home/u", "/data/certkdb/key.ckdb"},
		{"a relative one does not count", op.DB{}, map[string]string{"XDG_DATA_HOME": "x"}, false, "/u", "/u/.local/share/certkdb/key.ckdb"},
		{"in the home folder", op.DB{}, nil, false, "/home/u", "/home/u/.local/share/certkdb/key.ckdb"},
	} {
		env := &op.Env{Getenv: func(name string) string { return c.vars[name] }, Root: c.root, Home: c.home}
		if got, err := c.db.Path(env); got != c.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", c.rule, got, err, c.want)
		}
	}
}

func TestNothing_isEmpty(t *testing.T) {
	t.Parallel()
	s := op.Nothing(optest.Env())
	optest.Expect(t, s, "")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestAs_namesWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := optest.Kind(t, "pkcs12")
	_, err := op.As[*sealed.Database](ctx, s, op.FeatureSlots)
	e, ok := errors.AsType[*op.Unsupported](err)
	if !ok || e.Feature != op.FeatureSlots || e.Location != "key.ckdb" || e.Format != "pkcs12" || !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("%#v, %v", e, err)
	}
	native, _ := optest.Sealed(t)
	if db, err := op.As[*sealed.Database](ctx, native, op.FeatureSlots); err != nil || db == nil {
		t.Errorf("%v, %v", db, err)
	}
}

func logOf(t *testing.T, s *op.Session) (log []string) {
	t.Helper()
	for r, err := range s.Database().(*sealed.Database).Log(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, r.Operation+" "+r.Label)
	}
	return log
}

func TestReadKeys_isNoted(t *testing.T) {
	t.Parallel()
	take := func(tx kdb.Tx) error {
		if _, err := tx.Key("web"); err != nil {
			return err
		}
		return tx.Audit("copy-key", "web")
	}
	s, store := optest.Sealed(t, optest.NewCA(t, "Root").Issue(t, "web").Personal("web"))
	if err := s.ReadKeys(ctx, "copy-key", take); err != nil {
		t.Fatal(err)
	}
	if log := logOf(t, s); log[len(log)-1] != "copy-key web" {
		t.Errorf("the log says %q", log)
	}
	s.DryRun = true
	optest.Unchanged(t, store, "a dry run", func() {
		if err := s.ReadKeys(ctx, "copy-key", take); err != nil {
			t.Error(err)
		}
	})
}

// readOnly is a database that cannot be changed.
type readOnly struct {
	kdb.Database
	err error
}

func (r readOnly) Update(context.Context, string, func(kdb.Tx) error) error { return r.err }

func TestReadKeys_ofADatabaseThatCanOnlyBeRead(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.Secret("aes"))
	for _, c := range []struct {
		err  error
		read bool
	}{{fs.ErrPermission, true}, {kdb.ErrLocked, false}} {
		var entries []kdb.Entry
		var warned []string
		env := *s.Env
		env.Warn = func(err error) { warned = append(warned, err.Error()) }
		err := op.ReadKeys(ctx, op.Attach(&env, "test", readOnly{s.Database(), c.err}), "copy-key", func(tx kdb.Tx) (err error) {
			if entries, err = op.ReadEntries(tx, nil, true, nil); err == nil {
				err = tx.Audit("copy-key", "aes")
			}
			return err
		})
		if (err == nil) != c.read || (len(entries) == 1) != c.read {
			t.Errorf("%v: %d entries, %v", c.err, len(entries), err)
		}
		if (len(warned) == 1 && strings.Contains(warned[0], "no record of this: permission denied")) != c.read {
			t.Errorf("%v: warnings %q", c.err, warned)
		}
	}
}

func TestReadEntries(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	s := optest.New(t, root.Trusted("root"), root.Issue(t, "web").Personal("web"), optest.Request(t, "pending"), optest.Secret("aes"))
	optest.View(t, s, func(tx kdb.Tx) error {
		all, err := op.ReadEntries(tx, nil, true, nil)
		var labels []string
		for _, e := range all {
			if (len(e.Key) > 0) != (e.Kind != kdb.KindTrusted) {
				t.Errorf("%q has a key of %d bytes", e.Label, len(e.Key))
			}
			labels = append(labels, e.Label)
		}
		if !slices.Equal(labels, []string{"aes", "pending", "root", "web"}) {
			t.Errorf("labels %q", labels)
		}
		if op.ClearKeys(all); all[0].Key[0] != 0 {
			t.Error("a key is not cleared")
		}
		return err
	})
	optest.View(t, s, func(tx kdb.Tx) error {
		for what, read := range map[string]func() error{
			"ReadEntries":  func() error { _, err := op.ReadEntries(tx, []string{"web", "none"}, false, nil); return err },
			"EntriesNamed": func() error { _, err := op.EntriesNamed(tx, []string{"web", "none"}); return err },
			"MustHave":     func() error { _, err := op.MustHave(tx, "none"); return err },
		} {
			if e, ok := errors.AsType[*op.NotFound](read()); !ok || e.Label != "none" || e.Where != "" {
				t.Errorf("%s: %#v", what, e)
			}
		}
		return nil
	})
}

func TestFreeLabel(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.Secret("taken"))
	optest.View(t, s, func(tx kdb.Tx) error {
		if e, ok := errors.AsType[*op.Exists](op.FreeLabel(tx, "taken", false)); !ok || e.Label != "taken" {
			t.Errorf("%#v", e)
		}
		return errors.Join(op.FreeLabel(tx, "free", false), op.FreeLabel(tx, "taken", true))
	})
}

func TestOptions_memoryOfKeyDerivations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "512": 512, "many": -1, "0": -1, "-1": -1} {
		env := &op.Env{Getenv: func(name string) string { return map[string]string{"CERTKDB_KDF_MEMORY": text}[name] }}
		o, err := op.DB{Location: "x"}.Options(ctx, env)
		if want < 0 && !errors.Is(err, op.ErrUsage) || want >= 0 && (err != nil || o.MaxKDFMemory != want) {
			t.Errorf("%q: %d, %v", text, o.MaxKDFMemory, err)
		}
	}
}
