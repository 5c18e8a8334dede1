//go:build unix

package op

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzOutput_names writes to files of any name in a folder with a database in use. Whatever the name, the database and its stash stay as
// they are, other files change only with force, a success means that the content is there, and nothing else appears.
func FuzzOutput_names(f *testing.F) {
	for _, name := range []string{
		"new", "db", "./db", "folder/../db", "folder/db", "db.stash", "link", "loop", "dangling", "folder", "folder/", ".", "", "other",
		"hard", "new/", "a/b", ".db.certkdb-new", ".certkdb-new", strings.Repeat("x", 300), "\xff", "-", "a\nb", "db/", "db/x", "folder//new",
		"\u202e", "nul\x00",
	} {
		f.Add(name, true)
		f.Add(name, false)
	}
	f.Fuzz(func(t *testing.T, name string, force bool) {
		dir := t.TempDir()
		inside := func(name string) string { return dir + "/" + name }
		if clean := filepath.Clean(inside(name)); clean != dir && !strings.HasPrefix(clean, dir+"/") {
			t.Skip("outside of the folder")
		}
		err := errors.Join(
			os.WriteFile(inside("db"), []byte("db"), 0o600), os.WriteFile(inside("db.stash"), []byte("stash"), 0o600),
			os.WriteFile(inside("other"), []byte("other"), 0o600), os.Mkdir(inside("folder"), 0o700), os.Symlink("../db", inside("folder/db")),
			os.Symlink("db", inside("link")), os.Symlink("loop", inside("loop")), os.Symlink("made", inside("dangling")),
			os.Link(inside("db"), inside("hard")),
		)
		if err != nil {
			t.Fatal(err)
		}
		before := contents(t, dir)
		env := &Env{}
		env.Protect(inside("db"), inside("db.stash"))
		failed := Output{Path: inside(name), Force: force, Lax: true}.Write(env, true, fill("content"))
		after := contents(t, dir)
		if failed == nil {
			if data, err := os.ReadFile(inside(name)); err != nil || string(data) != "content" {
				t.Errorf("%q was written and holds %q, %v", name, data, err)
			}
		}
		var changed []string
		for path, text := range after {
			if old, there := before[path]; !there || old != text {
				changed = append(changed, path)
			}
		}
		for path, text := range before {
			if after[path] != text && (!force || path != "other") {
				t.Errorf("%q changed %q", name, path)
			}
		}
		if len(changed) > 1 || failed != nil && len(changed) > 0 {
			t.Errorf("%q, %v: %q changed", name, failed, changed)
		}
	})
}

// contents are the files below a folder: their texts, or what they are.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			found[path] = d.Type().String()
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		found[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
