package entries_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// closedKeys are why keys do not open, by label.
type closedKeys map[string]error

// closing is a key store in which the keys of some entries do not open.
type closing struct {
	kdb.Database
	errs closedKeys
}

func (c closing) View(ctx context.Context, fn func(kdb.Tx) error) error {
	return c.Database.View(ctx, func(tx kdb.Tx) error { return fn(closingTx{tx, c.errs}) })
}

func (closing) Close() error { return nil } // it is opened again

type closingTx struct {
	kdb.Tx
	errs closedKeys
}

func (c closingTx) Key(label string) ([]byte, error) {
	if err := c.errs[label]; err != nil {
		return nil, fmt.Errorf("the key of %q: %w", label, err)
	}
	return c.Tx.Key(label)
}

// TestAdd_leavesOutClosedKeys: one key that does not open keeps nothing else in a key store from being added. It is listed, and the error
// says so; but an entry that is asked for by name is not left out.
func TestAdd_leavesOutClosedKeys(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	leave := entries.Add{LeaveOut: true}
	for _, c := range []struct {
		rule string
		o    entries.Add
		errs closedKeys
		want string // the result
		err  error  // of it being incomplete
		fail error
	}{
		{"all keys open", leave, nil, "a added, b added, root added!", nil, nil},
		{"another password", leave, closedKeys{"a": kdb.ErrPassword}, "b added, root added, a skipped!", kdb.ErrPassword, nil},
		{"an unknown cipher", leave, closedKeys{"b": kdb.ErrEncryption}, "a added, root added, b skipped!", kdb.ErrEncryption, nil},
		{"a key of another certificate", leave, closedKeys{"b": &kdb.WrongKey{}}, "a added, root added, b skipped!", kdb.ErrParse, nil},
		{
			"the same, which is passed over",
			entries.Add{LeaveOut: true, SkipInvalid: true},
			closedKeys{"b": &kdb.WrongKey{}},
			"a added, root added, b skipped!", nil, nil,
		},
		{
			"an unknown cipher, which is passed over",
			entries.Add{LeaveOut: true, SkipInvalid: true},
			closedKeys{"b": kdb.ErrEncryption},
			"a added, root added, b skipped!", nil, nil,
		},
		{
			"a wrong password, which is not passed over",
			entries.Add{LeaveOut: true, SkipInvalid: true},
			closedKeys{"b": kdb.ErrPassword},
			"a added, root added, b skipped!", kdb.ErrPassword, nil,
		},
		{
			"every key", leave, closedKeys{"a": kdb.ErrPassword, "b": kdb.ErrPassword}, "root added, a skipped, b skipped!", kdb.ErrPassword, nil,
		},
		{"another one is asked for", entries.Add{LeaveOut: true, Only: "b"}, closedKeys{"a": kdb.ErrPassword}, "b added!", nil, nil},
		{"it is asked for", entries.Add{LeaveOut: true, Only: "a"}, closedKeys{"a": kdb.ErrPassword}, "", nil, kdb.ErrPassword},
		{"nobody says that it may be left out", entries.Add{}, closedKeys{"a": kdb.ErrPassword}, "", nil, kdb.ErrPassword},
		{"no password yet", leave, closedKeys{"a": kdb.ErrNoPassword}, "", nil, kdb.ErrNoPassword},
	} {
		source := optest.New(t, root.Trusted("root"), root.Issue(t, "a").Personal("a"), root.Issue(t, "b").Personal("b"))
		store := closing{source.Database(), c.errs}
		s := optest.New(t)
		s.Env.Drivers = append([]kdb.Driver{{
			Name: "closing", Locates: func(location string) bool { return strings.HasPrefix(location, "closing://") },
			Open: func(context.Context, string, kdb.Options) (kdb.Database, error) { return store, nil },
		}}, s.Env.Drivers...)
		c.o.Files = []string{"closing://store"}
		got, err := op.One(ctx, s, op.Operation[entries.Added](c.o))
		if !errors.Is(err, c.fail) || c.fail != nil && optest.State(t, s) != "" {
			t.Errorf("%s: %v", c.rule, err)
		}
		for _, a := range got.Actions {
			if skipped := a.Action == entries.ActionSkipped; skipped != strings.Contains(a.Reason, "the key of") {
				t.Errorf("%s: %q: %s", c.rule, a.Label, a.Reason)
			}
		}
		left := got.Incomplete()
		if text := withoutParseErrors(got); c.fail == nil && text != c.want || !errors.Is(left, c.err) || c.err == nil && left != nil {
			t.Errorf("%s: %s, incomplete: %v", c.rule, text, got.Incomplete())
		}
	}
}

// emptySecret is a key store whose secret key has no bytes.
type emptySecret struct{ closing }

func (e emptySecret) View(ctx context.Context, fn func(kdb.Tx) error) error {
	return e.closing.View(ctx, func(tx kdb.Tx) error { return fn(emptySecretTx{tx}) })
}

type emptySecretTx struct{ kdb.Tx }

func (e emptySecretTx) Key(label string) ([]byte, error) {
	if s, err := e.Summary(label); err == nil && s.Kind == kdb.KindSecretKey {
		return nil, nil
	}
	return e.Tx.Key(label)
}

// TestAdd_leavesOutEmptySecrets: keytool -importpass stores an empty password as a secret key of no bytes. Everything else in its key store
// is added all the same; the error says what it is, and to skip what is invalid is no error.
func TestAdd_leavesOutEmptySecrets(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	for skip, want := range map[bool]error{false: kdb.ErrParse, true: nil} {
		source := optest.New(t, root.Trusted("root"), optest.Secret("password"))
		store := emptySecret{closing{source.Database(), nil}}
		s := optest.New(t)
		s.Env.Drivers = append([]kdb.Driver{{
			Name: "closing", Locates: func(location string) bool { return strings.HasPrefix(location, "closing://") },
			Open: func(context.Context, string, kdb.Options) (kdb.Database, error) { return store, nil },
		}}, s.Env.Drivers...)
		o := entries.Add{LeaveOut: true, SkipInvalid: skip, Files: []string{"closing://store"}}
		got, err := op.One(ctx, s, op.Operation[entries.Added](o))
		if err != nil || !errors.Is(got.Incomplete(), want) || want == nil && got.Incomplete() != nil {
			t.Errorf("skip %v: %v, incomplete: %v", skip, err, got.Incomplete())
		}
		if n := len(got.Actions); n != 2 || !strings.Contains(got.Actions[n-1].Reason, "a secret key of no bytes") {
			t.Errorf("skip %v: %v", skip, got.Actions)
		}
	}
}

// TestCopy_skipsEmptySecrets: no database can hold a secret key of no bytes, and to skip what the target cannot hold is no error, unless
// there is nothing else.
func TestCopy_skipsEmptySecrets(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	for _, c := range []struct {
		skip bool
		have []kdb.Entry
		want error
	}{
		{true, []kdb.Entry{root.Trusted("root"), optest.Secret("password")}, nil},
		{false, []kdb.Entry{root.Trusted("root"), optest.Secret("password")}, op.ErrEmptySecret},
		{true, []kdb.Entry{optest.Secret("password")}, op.ErrEmptySecret},
	} {
		store := emptySecret{closing{optest.New(t, c.have...).Database(), nil}}
		from := op.Attach(optest.Env(), "store", store)
		got := optest.Try(t, entries.Copy{From: from, All: true, SkipUnsupported: c.skip}, added)
		err := errors.Join(got.Err, got.Result.Incomplete())
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("skip %v of %d: %v", c.skip, len(c.have), err)
		}
		if len(c.have) > 1 && (got.State != "root=trusted+" || !strings.Contains(got.Text, "password skipped")) {
			t.Errorf("skip %v: %s; the database holds %s", c.skip, got.Text, got.State)
		}
	}
}

// TestCopy_skipsUnknownCiphers: a key under a cipher that is not supported is left out without error under SkipUnsupported, a closed one is
// not.
func TestCopy_skipsUnknownCiphers(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	for _, c := range []struct {
		skip bool
		why  error
		want error
	}{{true, kdb.ErrEncryption, nil}, {false, kdb.ErrEncryption, kdb.ErrEncryption}, {true, kdb.ErrPassword, kdb.ErrPassword}} {
		source := optest.New(t, root.Trusted("root"), root.Issue(t, "a").Personal("a"))
		from := op.Attach(optest.Env(), "store", closing{source.Database(), closedKeys{"a": c.why}})
		got := optest.Try(t, entries.Copy{From: from, All: true, SkipUnsupported: c.skip}, added)
		err := errors.Join(got.Err, got.Result.Incomplete())
		if !errors.Is(err, c.want) || c.want == nil && err != nil || got.State != "root=trusted+" || !strings.Contains(got.Text, "a skipped") {
			t.Errorf("%+v: %s, %v", c, got.Text, err)
		}
	}
}

// TestLeftOut_names the option that leaves out without error what was left out; a single entry that does not fit has a hint of its own.
func TestLeftOut_names(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	for name, c := range map[string]struct {
		have []kdb.Entry
		want op.Code
	}{
		"one":     {[]kdb.Entry{root.Trusted("root"), optest.Secret("a")}, 0},
		"several": {[]kdb.Entry{root.Trusted("root"), optest.Secret("a"), optest.Request(t, "b")}, op.PassesUnsupported},
	} {
		to := databases.Init{DB: op.DB{Location: filepath.Join(t.TempDir(), "x.jks"), Password: optest.Secrets()}}
		done, err := entries.Copy{From: optest.New(t, c.have...), All: true}.CopyTo(ctx, to, false)
		problem, _ := errors.AsType[*op.Problem](done.Incomplete())
		if err != nil || done.Incomplete() == nil || (problem == nil) != (c.want == 0) || problem != nil && problem.Code != c.want {
			t.Errorf("%s: %v, %v", name, err, done.Incomplete())
		}
	}
}
