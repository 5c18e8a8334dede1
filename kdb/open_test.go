package kdb_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
)

// drivers are two kinds of file and one of another kind; opening one returns its name as the error.
func drivers() []kdb.Driver {
	made := func(name string) func(context.Context, string, kdb.Options) (kdb.Database, error) {
		return func(context.Context, string, kdb.Options) (kdb.Database, error) { return nil, errors.New(name) }
	}
	begins := func(magic string) func([]byte) bool {
		return func(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }
	}
	begin := func(prefix string) func(string) bool {
		return func(location string) bool { return strings.HasPrefix(location, prefix) }
	}
	return []kdb.Driver{
		{Name: "native", Extensions: []string{".ckdb"}, Matches: begins("NATIVE"), Open: made("native"), Exists: kdb.FileExists},
		{
			Name:       "pkcs12",
			Aliases:    []string{"p12"},
			Extensions: []string{".p12", ".pfx"},
			Matches:    begins("PK12"),
			Open:       made("pkcs12"),
			Exists:     kdb.FileExists,
		},
		{Name: "cluster", Locates: begin("etcd://"), Open: made("cluster"), Exists: func(_ context.Context, location string) (bool, error) {
			if location == "etcd://down/x" {
				return false, &fs.PathError{Op: "dial", Path: location, Err: errors.New("no route")}
			}
			return location == "etcd://host/x", nil
		}},
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
		_, err := openAny(context.Background(), drivers(), path, kdb.Options{})
		if c.err != nil && !errors.Is(err, c.err) || c.err == nil && err.Error() != c.driver {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
	_, err := openAny(context.Background(), drivers(), dir, kdb.Options{})
	if err == nil || errors.Is(err, kdb.ErrCorrupt) || strings.Count(err.Error(), dir) != 1 {
		t.Errorf("a folder: %v", err)
	}
	if _, err := openAny(context.Background(), drivers(), "etcd://host/x", kdb.Options{}); err == nil || err.Error() != "cluster" {
		t.Errorf("by location: %v", err)
	}
	if _, err := openAny(context.Background(), drivers(), "ldap://host/x", kdb.Options{}); !errors.Is(err, kdb.ErrNoDatabase) {
		t.Errorf("the location of no driver: %v", err)
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
		{"by location", "etcd://host/x", "", "cluster"},
		{"by location whatever the kind", "etcd://host/x.p12", "native", "cluster"},
		{"a path like a location", "ldap://host", "", "native"},
	} {
		d, err := kdb.ForNew(drivers(), c.location, c.kind)
		if err != nil || d.Name != c.want {
			t.Errorf("%s: %v, %v", c.rule, d, err)
		}
	}
	if _, err := kdb.ForNew(drivers(), "a.p12", "lotus"); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("of an unknown kind: %v", err)
	}
}

func TestExists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, dangling := filepath.Join(dir, "file"), filepath.Join(dir, "dangling")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "nothing"), dangling); err != nil {
		t.Skip("no symbolic links here")
	}
	for location, want := range map[string]bool{
		file: true, dir: true, dangling: true, filepath.Join(dir, "none.p12"): false, filepath.Join(dir, "none", "x"): false,
		filepath.Join(file, "x"): false, "etcd://host/x": true, "etcd://host/y": false, "ldap://host/x": false,
	} {
		if got, err := kdb.Exists(context.Background(), drivers(), location); err != nil || got != want {
			t.Errorf("%s: %v, %v", location, got, err)
		}
	}
	exists, err := kdb.Exists(context.Background(), drivers(), "etcd://down/x")
	if exists || err == nil || err.Error() != `opening "etcd://down/x": no route` {
		t.Errorf("what cannot be asked: %v", err)
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link, other := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "other")
	for _, path := range []string{file, other} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(file, link); err != nil {
		t.Skip("no hard links here")
	}
	for _, c := range []struct {
		one, other string
		want       bool
	}{
		{file, file, true},
		{file, link, true},
		{file, dir + "/./file", true},
		{file, other, false},
		{file, filepath.Join(dir, "none"), false},
		{"etcd://host/x", "etcd://host/x", true},
		{"etcd://host/x", "etcd://host/y", false},
	} {
		if got := kdb.Same(c.one, c.other); got != c.want {
			t.Errorf("%s and %s: %v", c.one, c.other, got)
		}
	}
}

// openAny opens a database of any kind, recognised by its content.
func openAny(ctx context.Context, drivers []kdb.Driver, location string, o kdb.Options) (kdb.Database, error) {
	driver, err := kdb.Recognise(drivers, location)
	if err != nil {
		return nil, err
	}
	return driver.Open(ctx, location, o)
}
