package entries_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// open opens a file with the password of all tests.
func open(t *testing.T, path string) *op.Session {
	t.Helper()
	s, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: optest.Secrets()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// damage changes every record of a native database that has one of the keys, old ones too.
func damage(t *testing.T, path string, keys ...string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		for from := 0; ; {
			i := bytes.Index(data[from:], []byte(key))
			if i < 0 {
				break
			}
			from += i + len(key)
			data[from+20] ^= 1 // the value follows the key
		}
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCopy_skipDamaged: what can be read is copied, what cannot is named, and the error is that of damage whatever else is wrong.
func TestCopy_skipDamaged(t *testing.T) {
	t.Parallel()
	const verified, unsure = "", "nothing proves that none was removed or replaced"
	for _, c := range []struct {
		rule    string
		keys    []string
		o       entries.Copy
		done    string
		problem string
	}{
		{"a key", []string{"k/web"}, entries.Copy{All: true}, "root added, shop added, web skipped (its private key is lost)!", verified},
		{
			"certificates",
			[]string{"c/root"},
			entries.Copy{All: true},
			"shop added, web added, root skipped (its certificates are lost)!",
			verified,
		},
		{
			"a summary",
			[]string{"s/shop"},
			entries.Copy{All: true},
			"root added, web added, shop skipped (it is not as it was: its summary is lost and was made again, without marks)!", unsure,
		},
		{"of what is trusted", []string{"k/web"}, entries.Copy{Trusted: true}, "root added, web skipped (its private key is lost)!", verified},
		{"nothing", nil, entries.Copy{All: true}, "root added, shop added, web added!", verified},
	} {
		t.Run(strings.ReplaceAll(c.rule, " ", "_"), func(t *testing.T) {
			t.Parallel()
			root := optest.NewCA(t, "Root")
			path := optest.Store(t, "key.ckdb", root.Trusted("root"), root.Issue(t, "web").Personal("web"), root.Issue(t, "shop").Personal("shop"))
			damage(t, path, c.keys...)
			c.o.From, c.o.SkipDamaged = open(t, path), true
			got := optest.Try(t, c.o, added)
			if got.Err != nil || got.Text != c.done {
				t.Errorf("%s, %v; the database holds %s", got.Text, got.Err, got.State)
			}
			err := got.Result.Incomplete()
			if (err != nil) != (c.keys != nil) || err != nil && op.ClassOf(err) != op.ClassDamaged {
				t.Errorf("incomplete: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), unsure) != (c.problem == unsure) {
				t.Errorf("incomplete: %v", err)
			}
		})
	}
}

// Nothing is made if nothing can be read, and labels that are named are not skipped.
func TestCopy_skipDamagedRefused(t *testing.T) {
	t.Parallel()
	path := optest.Store(t, "key.ckdb", optest.NewCA(t, "Root").Trusted("root"))
	o := entries.Copy{From: open(t, path), Labels: []string{"root"}, SkipDamaged: true}
	if got := optest.Try(t, o, added); !errors.Is(got.Err, op.ErrUsage) {
		t.Errorf("by label: %v", got.Err)
	}
	damage(t, path, "c/root")
	for _, o := range []entries.Copy{{All: true}, {Trusted: true}} {
		o.From, o.SkipDamaged = open(t, path), true
		if got := optest.Try(t, o, added); op.ClassOf(got.Err) != op.ClassDamaged || !strings.Contains(got.Err.Error(), `label "root"`) {
			t.Errorf("nothing left: %v", got.Err)
		}
	}
}

// Of a file of another program the pieces that cannot be read are named; if it is read as a whole, that is said.
func TestCopy_skipDamagedForeign(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	path := optest.File(t, "roots.pem", optest.PEM(root.Trusted("root"))+op.PEMString("CERTIFICATE", []byte{0x30, 3, 2, 1, 5}))
	got := optest.Try(t, entries.Copy{From: open(t, path), All: true, SkipDamaged: true}, added)
	err := got.Result.Incomplete()
	if got.Err != nil || !strings.HasSuffix(got.State, "=trusted+") ||
		!strings.Contains(got.Text, " skipped (cannot be parsed: certificate 2 (line") || op.ClassOf(err) != op.ClassDamaged {
		t.Errorf("%s, %v, %v; the database holds %s", got.Text, got.Err, err, got.State)
	}
	path = optest.Store(t, "key.jks", root.Trusted("root"))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[15] ^= 0x40 // the kind of the first entry
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: optest.Secrets()})
	if err == nil {
		_, err = op.One(ctx, optest.New(t), entries.Copy{From: s, All: true, SkipDamaged: true})
	}
	p, ok := errors.AsType[*op.Problem](err)
	if !ok || p.Code != op.ReadAsAWhole || !errors.Is(err, kdb.ErrParse) {
		t.Errorf("%v", err)
	}
}
