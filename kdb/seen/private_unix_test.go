//go:build unix

package seen_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb/seen"
)

// TestRead_whatOthersCanChange: a stranger could make a database look rolled back, so that its CA refuses to issue. What others can write
// is not believed, and nothing is noted in it; that they can read it does not matter.
func TestRead_whatOthersCanChange(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "state")
	file := filepath.Join(folder, "generations")
	key := seen.Key{Path: "/key.ckdb"}
	for what, change := range map[string]func() error{
		"a file that its group can write":       func() error { return os.Chmod(file, 0o620) },
		"a file that everybody can write":       func() error { return os.Chmod(file, 0o602) },
		"a file with the sticky bit":            func() error { return os.Chmod(file, 0o666|os.ModeSticky) },
		"a folder that everybody can write":     func() error { return os.Chmod(folder, 0o707) },
		"a file of another user":                func() error { return chown(file) },
		"a folder of another user":              func() error { return chown(folder) },
		"a folder of another user, and no file": func() error { return errors.Join(chown(folder), os.Remove(file)) },
	} {
		_ = os.RemoveAll(folder)
		if err := errors.Join(seen.Note(folder, key, seen.State{Generation: 7}), os.Chmod(file, 0o644), os.Chmod(folder, 0o755)); err != nil {
			t.Fatal(err)
		}
		if known, err := seen.Read(folder); err != nil || len(known) != 1 {
			t.Fatalf("before: %v, %v", known, err)
		}
		if err := change(); errors.Is(err, os.ErrPermission) {
			continue // only root can give files away
		}
		before, _ := os.ReadFile(file)
		if known, err := seen.Read(folder); !errors.Is(err, seen.ErrNotPrivate) || len(known) != 0 {
			t.Errorf("%s: %v, %v", what, known, err)
		}
		if err := seen.Accept(folder, key, seen.State{Generation: 8}); !errors.Is(err, seen.ErrNotPrivate) {
			t.Errorf("%s: Accept = %v", what, err)
		}
		if after, _ := os.ReadFile(file); string(after) != string(before) {
			t.Errorf("%s: it was changed", what)
		}
	}
}

// TestRead_stickyFolder: in a folder with the sticky bit others can only add files, as in /tmp.
func TestRead_stickyFolder(t *testing.T) {
	t.Parallel()
	folder, key := filepath.Join(t.TempDir(), "state"), seen.Key{Path: "/key.ckdb"}
	err := errors.Join(seen.Note(folder, key, seen.State{Generation: 7}), os.Chmod(folder, 0o777|os.ModeSticky))
	if err != nil {
		t.Fatal(err)
	}
	if err := seen.Note(folder, key, seen.State{Generation: 8}); err != nil {
		t.Error(err)
	}
	if known, err := seen.Read(folder); err != nil || len(known) != 1 {
		t.Errorf("%v, %v", known, err)
	}
}

// chown gives a file to nobody.
func chown(path string) error { return os.Chown(path, 65534, -1) }
