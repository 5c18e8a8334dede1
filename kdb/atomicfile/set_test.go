package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"certkdb/kdb/atomicfile"
	"certkdb/kdb/atomicfile/atomicfiletest"
)

// change writes a and b and removes c, in a folder where all three exist.
func change(disk atomicfile.FS, dir string) error {
	set := atomicfile.NewSet(disk)
	defer set.Discard()
	for _, name := range []string{"a", "b"} {
		if err := set.Put(filepath.Join(dir, name), []byte("new "+name)); err != nil {
			return err
		}
	}
	set.Remove(filepath.Join(dir, "c"))
	return set.Replace()
}

func oldFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("old "+name), 0o600))
	}
	return dir
}

func TestSet_replacesInOrder(t *testing.T) {
	t.Parallel()
	dir := oldFiles(t)
	must(t, os.Chmod(filepath.Join(dir, "b"), 0o640))
	disk := &atomicfiletest.Disk{}
	must(t, change(disk, dir))
	calls := []string{
		"create a~", "write a~", "chmod a~", "sync a~", "create b~", "write b~", "chmod b~", "sync b~",
		"rename a~ a", "rename b~ b", "remove c", "syncfolder " + filepath.Base(dir),
	}
	if got := disk.Calls(); !slices.Equal(got, calls) {
		t.Errorf("calls %q, want %q", got, calls)
	}
	want(t, dir, map[string]string{"a": "new a", "b": "new b"})
	if info, err := os.Stat(filepath.Join(dir, "b")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode of b: %v, %v", info.Mode(), err)
	}
}

// TestSet_everyFault fails each call in turn: an old state, or one in which the first files are new and the later ones old.
func TestSet_everyFault(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		dir := oldFiles(t)
		disk := &atomicfiletest.Disk{Fail: atomicfiletest.At(n, syscall.EIO)}
		err := change(disk, dir)
		if len(disk.Calls()) < n {
			must(t, err)
			return
		}
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("call %d: %v", n, err)
		}
		content := map[string]string{"a": "old a", "b": "old b", "c": "old c"}
		for _, call := range disk.Calls()[:n-1] {
			switch call {
			case "rename a~ a":
				content["a"] = "new a"
			case "rename b~ b":
				content["b"] = "new b"
			case "remove c":
				delete(content, "c")
			}
		}
		want(t, dir, content)
	}
}

func create(disk atomicfile.FS, dir string) error {
	set := atomicfile.NewSet(disk)
	defer set.Discard()
	for _, name := range []string{"a", "b"} {
		if err := set.Put(filepath.Join(dir, name), []byte("new "+name)); err != nil {
			return err
		}
	}
	set.Remove(filepath.Join(dir, "c")) // nothing to make
	return set.Create()
}

func TestSet_createsTheFirstFileLast(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := &atomicfiletest.Disk{}
	must(t, create(disk, dir))
	var made []string
	for _, call := range disk.Calls() {
		if strings.HasPrefix(call, "link") || strings.HasPrefix(call, "sync") {
			made = append(made, call)
		}
	}
	if calls := []string{"sync a~", "sync b~", "link b~ b", "link a~ a", "syncfolder " + filepath.Base(dir)}; !slices.Equal(made, calls) {
		t.Errorf("calls %q, want %q", made, calls)
	}
	want(t, dir, map[string]string{"a": "new a", "b": "new b"})
}

func TestSet_createsAllOrNothing(t *testing.T) {
	t.Parallel()
	for _, existing := range []string{"a", "b"} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, existing), []byte("mine"), 0o600))
		if err := create(atomicfile.Disk{}, dir); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over %s: %v", existing, err)
		}
		want(t, dir, map[string]string{existing: "mine"})
	}
	for n := 1; ; n++ {
		dir := t.TempDir()
		disk := &atomicfiletest.Disk{Fail: atomicfiletest.At(n, syscall.EIO)}
		err := create(disk, dir)
		if len(disk.Calls()) < n {
			must(t, err)
			return
		}
		switch call := disk.Calls()[n-1]; {
		case strings.HasPrefix(call, "remove"): // of a temporary name, after all is done
			must(t, err)
		case strings.HasPrefix(call, "link"): // there is another way
			must(t, err)
			want(t, dir, map[string]string{"a": "new a", "b": "new b"})
		default:
			if !errors.Is(err, syscall.EIO) {
				t.Errorf("call %d, %s: %v", n, call, err)
			}
			want(t, dir, nil)
		}
	}
}

func TestSet_foldersAreSyncedOnceEach(t *testing.T) {
	t.Parallel()
	one, other := t.TempDir(), t.TempDir()
	disk := &atomicfiletest.Disk{}
	set := atomicfile.NewSet(disk)
	for _, path := range []string{filepath.Join(one, "a"), filepath.Join(other, "b"), filepath.Join(one, "c")} {
		must(t, set.Put(path, []byte("x")))
	}
	must(t, set.Replace())
	set.Discard()
	synced := 0
	for _, call := range disk.Calls() {
		if strings.HasPrefix(call, "syncfolder") {
			synced++
		}
	}
	if synced != 2 {
		t.Errorf("calls %q: %d folders synced", disk.Calls(), synced)
	}
}
