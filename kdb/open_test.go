package kdb_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
)

// drivers are two kinds of file and one that is none; opening one tells its name in the error.
func drivers() []kdb.Driver {
	made := func(name string) func(context.Context, string, kdb.Options) (kdb.Database, error) {
		return func(context.Context, string, kdb.Options) (kdb.Database, error) { return nil, errors.New(name) }
	}
	begins := func(magic string) func([]byte) bool {
		return func(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }
	}
	return []kdb.Driver{
		{Name: "native", Extensions: []string{".ckdb"}, Matches: begins("NATIVE"), Open: made("native")},
		{Name: "pkcs12", Aliases: []string{"p12"}, Extensions: []string{".p12", ".pfx"}, Matches: begins("PK12"), Open: made("pkcs12")},
		{Name: "cluster", Scheme: "etcd", Open: made("cluster")},
	}
}

func TestOpen_recognisesTheContent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		rule, name, content, driver string
		err                         error
	}{
		{rule: "by content", name: "a.ckdb", content: "NATIVE…", driver: "native"},
		{rule: "not by extension", name: "b.p12", content: "NATIVE…", driver: "native"},
		{rule: "without extension", name: "c", content: "PK12…", driver: "pkcs12"},
		{rule: "unknown content", name: "d.ckdb", content: "something", err: kdb.ErrVersion},
		{rule: "empty file", name: "e.ckdb", content: "", err: kdb.ErrCorrupt},
		{rule: "zeros", name: "f.ckdb", content: "\x00\x00\x00\x00", err: kdb.ErrCorrupt},
		{rule: "no file", name: "none.ckdb", err: kdb.ErrNoDatabase},
		{rule: "no folder", name: "none/none.ckdb", err: kdb.ErrNoDatabase},
	} {
		path := filepath.Join(dir, c.name)
		if c.content != "" || c.rule == "empty file" {
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := kdb.Open(context.Background(), drivers(), path, kdb.Options{})
		if c.err != nil && !errors.Is(err, c.err) || c.err == nil && err.Error() != c.driver {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
	if _, err := kdb.Open(context.Background(), drivers(), dir, kdb.Options{}); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := kdb.Open(context.Background(), drivers(), "etcd://host/x", kdb.Options{}); err == nil || err.Error() != "cluster" {
		t.Errorf("by scheme: %v", err)
	}
	if _, err := kdb.Open(context.Background(), drivers(), "ldap://host/x", kdb.Options{}); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("unknown scheme: %v", err)
	}
}

func TestForNew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, location, kind, want string }{
		{"by extension", "a.p12", "", "pkcs12"},
		{"whatever its case", "A.PFX", "", "pkcs12"},
		{"by kind", "a.p12", "native", "native"},
		{"by alias", "a.ckdb", "P12", "pkcs12"},
		{"the first otherwise", "a.unknown", "", "native"},
		{"the first without extension", "a", "", "native"},
		{"by scheme", "etcd://host/x", "", "cluster"},
	} {
		d, err := kdb.ForNew(drivers(), c.location, c.kind)
		if err != nil || d.Name != c.want {
			t.Errorf("%s: %v, %v", c.rule, d, err)
		}
	}
	for _, c := range []struct{ location, kind string }{{"a.p12", "lotus"}, {"ldap://host", ""}} {
		if _, err := kdb.ForNew(drivers(), c.location, c.kind); !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("%q of kind %q: %v", c.location, c.kind, err)
		}
	}
}
