package atomicfile_test

import (
	"errors"
	"fmt"
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
	set := atomicfile.NewSet(disk, filepath.Join(dir, "a"))
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
	folder := "syncfolder " + filepath.Base(dir)
	calls := []string{
		"create a~", "chmod a~", "write a~", "sync a~", "create b~", "chmod b~", "write b~", "sync b~",
		"create a~", "chmod a~", "write a~", "sync a~", "link a~ a~", folder, // the journal
		"rename a~ a", "rename b~ b", "remove c", folder, "remove a~", "remove a~",
	}
	if got := disk.Calls(); !slices.Equal(got, calls) {
		t.Errorf("calls %q, want %q", got, calls)
	}
	want(t, dir, map[string]string{"a": "new a", "b": "new b"})
	if info, err := os.Stat(filepath.Join(dir, "b")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode of b: %v, %v", info.Mode(), err)
	}
}

// faults are the ways in which the n-th call of a change goes wrong: an error, or the end of the process.
func faults(n int) map[string]*atomicfiletest.Disk {
	return map[string]*atomicfiletest.Disk{
		"an error":              {Fail: atomicfiletest.At(n, syscall.EIO)},
		"a full disk, no names": {Fail: atomicfiletest.At(n, syscall.ENOSPC), Unnamed: true},
		"a kill":                {Fail: atomicfiletest.From(n, syscall.EIO)},
		"a kill without names":  {Fail: atomicfiletest.From(n, syscall.EIO), Unnamed: true},
	}
}

// everyFault runs a change with each fault at each of its calls, and then check. Both get a folder of their own.
func everyFault(
	t *testing.T, run func(disk atomicfile.FS, dir string) error, setUp func() string, check func(what, dir string, err error),
) {
	t.Helper()
	for n := 1; ; n++ {
		over := true
		for name, disk := range faults(n) {
			dir := setUp()
			err := run(disk, dir)
			calls := disk.Calls()
			if len(calls) < n {
				must(t, err)
				continue
			}
			over = false
			check(fmt.Sprintf("%s at call %d, %s", name, n, calls[n-1]), dir, err)
		}
		if over {
			return
		}
	}
}

// TestSet_everyFault: whatever goes wrong, all files are old or all are new, in the eyes of readers at once, and for everybody after
// Recover.
func TestSet_everyFault(t *testing.T) {
	t.Parallel()
	everyFault(t, change, func() string { return oldFiles(t) }, func(what, dir string, err error) {
		a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
		var seen []string
		for _, path := range atomicfile.Current(a, b, c) {
			data, _ := os.ReadFile(path)
			seen = append(seen, string(data))
		}
		must(t, atomicfile.Recover(atomicfile.Disk{}, a, b, c))
		for _, path := range []string{a, b, c} {
			atomicfile.RemoveStale(atomicfile.Disk{}, path)
		}
		switch text := strings.Join(seen, ", "); {
		case text == "new a, new b, ":
			want(t, dir, map[string]string{"a": "new a", "b": "new b"})
		case text == "old a, old b, old c" && err != nil:
			want(t, dir, map[string]string{"a": "old a", "b": "old b", "c": "old c"})
		default:
			t.Errorf("%s: readers see %q, the error is %v", what, text, err)
		}
		if t.Failed() {
			t.Fatal(what)
		}
	})
}

func create(disk atomicfile.FS, dir string) error {
	set := atomicfile.NewSet(disk, filepath.Join(dir, "a"))
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
	folder := "syncfolder " + filepath.Base(dir)
	calls := []string{"sync a~", "sync b~", "sync a~", "link a~ a~", folder, "link b~ b", "link a~ a", folder}
	if !slices.Equal(made, calls) {
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
	everyFault(t, create, t.TempDir, func(what, dir string, err error) {
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		must(t, atomicfile.Recover(atomicfile.Disk{}, a, b))
		atomicfile.RemoveStale(atomicfile.Disk{}, a)
		atomicfile.RemoveStale(atomicfile.Disk{}, b)
		if len(files(t, dir)) > 0 || err == nil {
			want(t, dir, map[string]string{"a": "new a", "b": "new b"})
		}
		if t.Failed() {
			t.Fatal(what)
		}
	})
}

func TestSet_foldersAreSyncedOnceEach(t *testing.T) {
	t.Parallel()
	one, other := t.TempDir(), t.TempDir()
	disk := &atomicfiletest.Disk{}
	set := atomicfile.NewSet(disk, filepath.Join(one, "a"))
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
	if synced != 4 { // one for the names of the new files, one for the journal
		t.Errorf("calls %q: %d folders synced", disk.Calls(), synced)
	}
}
