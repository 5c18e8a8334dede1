package boltstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// on opens a store that writes its new files to another disk.
func on(disk *atomicfiletest.Disk, path string, o boltstore.Options) *boltstore.Store {
	o.Disk, o.LockTimeout = disk, time.Minute
	return boltstore.Open(path, o)
}

// jobs are all ways in which whole files are written: what they do to a file with the record a, and the calls that they make.
func jobs(dir string) map[string]struct {
	run   func(*atomicfiletest.Disk) error
	calls []string
} {
	path := filepath.Join(dir, "x")
	put := func(tx store.Tx) error { return tx.Put("b", []byte("new")) }
	replaced := []string{"create x~", "write x~", "chmod x~", "sync x~", "rename x~ x", "syncfolder " + filepath.Base(dir)}
	created := func(name string) []string {
		return []string{
			"create " + name + "~", "write " + name + "~",
			"sync " + name + "~", "link " + name + "~ " + name, "syncfolder " + filepath.Base(dir), "remove " + name + "~",
		}
	}
	return map[string]struct {
		run   func(*atomicfiletest.Disk) error
		calls []string
	}{
		"a new file": {func(d *atomicfiletest.Disk) error {
			return on(d, filepath.Join(dir, "y"), boltstore.Options{Options: store.Options{Create: true}}).Update(ctx, put)
		}, created("y")},
		"a copy": {func(d *atomicfiletest.Disk) error {
			c, err := on(d, path, boltstore.Options{}).Copy(ctx, filepath.Join(dir, "z"), nil)
			if err != nil {
				return err
			}
			return c.Close()
		}, []string{"create z~", "write z~", "remove z~"}},
		"a compaction": {func(d *atomicfiletest.Disk) error {
			return on(d, path, boltstore.Options{}).Compact(ctx, func(string) {})
		}, replaced},
		"a rewrite": {func(d *atomicfiletest.Disk) error {
			return on(d, path, boltstore.Options{}).Rewrite(ctx, func(_, made store.Tx) error {
				return made.Put("b", []byte("new"))
			})
		}, replaced},
		"a large update": {func(d *atomicfiletest.Disk) error {
			return on(d, path, boltstore.Options{MaxMemory: 1}).Update(ctx, put)
		}, append([]string{"create x~", "remove x~", "write x~"}, replaced...)},
	}
}

// oldFile makes a folder with a database that has the record a.
func oldFile(t *testing.T) (dir string) {
	t.Helper()
	dir = fastDir(t)
	s := create(t, filepath.Join(dir, "x"))
	if err := s.Update(ctx, func(tx store.Tx) error { return tx.Put("a", []byte("old")) }); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestFiles_areSyncedBeforeTheyGetTheirNames compares the calls of every way to write a file.
func TestFiles_areSyncedBeforeTheyGetTheirNames(t *testing.T) {
	t.Parallel()
	for name := range jobs("") {
		dir := oldFile(t)
		job, disk := jobs(dir)[name], &atomicfiletest.Disk{}
		if err := job.run(disk); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var calls []string
		for _, call := range disk.Calls() { // the number of writes depends on the size of the buffer
			if len(calls) == 0 || call != calls[len(calls)-1] || !strings.HasPrefix(call, "write") {
				calls = append(calls, call)
			}
		}
		if !slices.Equal(calls, job.calls) {
			t.Errorf("%s: calls %q, want %q", name, calls, job.calls)
		}
	}
}

// TestFiles_everyFault fails each call of each way in turn: the old state is there or the new one, and no temporary file.
func TestFiles_everyFault(t *testing.T) {
	t.Parallel()
	for name := range jobs("") {
		for n := 1; ; n++ {
			dir := oldFile(t)
			disk := &atomicfiletest.Disk{Fail: atomicfiletest.At(n, syscall.EIO)}
			err := jobs(dir)[name].run(disk)
			if len(disk.Calls()) < n {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				break
			}
			call := disk.Calls()[n-1]
			harmless := strings.HasPrefix(call, "link") || strings.HasPrefix(call, "remove")
			if !harmless && !errors.Is(err, syscall.EIO) || harmless && err != nil {
				t.Errorf("%s, %s: %v", name, call, err)
			}
			checkFolder(t, fmt.Sprintf("%s, %s", name, call), dir, strings.HasPrefix(call, "remove"))
		}
	}
}

// checkFolder checks that all files are databases in one of their two states.
func checkFolder(t *testing.T, what, dir string, temporary bool) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	states := []map[string]string{{"a": "old"}, {"b": "new"}, {"a": "old", "b": "new"}}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), ".") && !temporary {
			t.Errorf("%s: %s was left", what, f.Name())
			continue
		}
		got, err := content(boltstore.Open(filepath.Join(dir, f.Name()), boltstore.Options{}))
		known := slices.ContainsFunc(states, func(state map[string]string) bool { return maps.Equal(state, got) })
		if err != nil || !known {
			t.Errorf("%s: %s holds %v, %v", what, f.Name(), got, err)
		}
	}
}

// TestCreate_neverOverAFileThatCameMeanwhile: two create the same file; the second to finish gets an error and changes nothing.
func TestCreate_neverOverAFileThatCameMeanwhile(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(int, string) error{
		"with hard links": nil, "without hard links": atomicfiletest.Every("link", syscall.EPERM),
	} {
		path := filepath.Join(fastDir(t), "x")
		new := func() *boltstore.Store {
			return on(&atomicfiletest.Disk{Fail: fail}, path, boltstore.Options{Options: store.Options{Create: true}})
		}
		err := new().Update(ctx, func(tx store.Tx) error {
			if err := new().Update(ctx, func(tx store.Tx) error { return tx.Put("first", nil) }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			return tx.Put("second", nil)
		})
		if !errors.Is(err, kdb.ErrDatabaseExists) {
			t.Errorf("%s: %v, want ErrDatabaseExists", name, err)
		}
		if got, err := content(boltstore.Open(path, boltstore.Options{})); err != nil || len(got) != 1 || got["first"] != "" {
			t.Errorf("%s: the file holds %v, %v", name, got, err)
		}
	}
}

// TestCopy has the records that are wanted, can be written more than once, and leaves no file.
func TestCopy(t *testing.T) {
	t.Parallel()
	dir := oldFile(t)
	s := boltstore.Open(filepath.Join(dir, "x"), boltstore.Options{})
	for name, c := range map[string]struct {
		fn   func(old, made store.Tx) error
		want map[string]string
	}{
		"everything": {nil, map[string]string{"a": "old"}},
		"other records": {
			func(_, made store.Tx) error { return made.Put("b", []byte("new")) }, map[string]string{"b": "new"},
		},
	} {
		made, err := s.Copy(ctx, filepath.Join(dir, "y"), c.fn)
		if err != nil {
			t.Fatal(err)
		}
		var first, second bytes.Buffer
		n, err1 := made.WriteTo(&first)
		_, err2 := made.WriteTo(&second)
		if err := errors.Join(err1, err2); err != nil || n != made.Size() || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s: %d bytes of %d, %v", name, n, made.Size(), err)
		}
		if err := made.View(ctx, func(tx store.Tx) error {
			if tx.Put("c", nil) == nil {
				t.Errorf("%s: the copy was changed", name)
			}
			for key, value := range c.want {
				if got, err := tx.Get(key); err != nil || string(got) != value {
					t.Errorf("%s: %q, %v", name, got, err)
				}
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if err := made.Close(); err != nil {
			t.Error(err)
		}
		path := filepath.Join(t.TempDir(), "z")
		write(t, path, first.Bytes())
		if got, err := content(boltstore.Open(path, boltstore.Options{})); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: the file holds %v, %v", name, got, err)
		}
	}
	if _, err := s.Copy(ctx, filepath.Join(dir, "none", "y"), nil); err == nil {
		t.Error("a copy into a missing folder")
	}
	checkFolder(t, "copying", dir, false)
}

// TestRewrite_sharedFileKeepsItsPlace: a file with a second name is not replaced, because that name would keep the old content. A large
// update changes it in place.
func TestRewrite_sharedFileKeepsItsPlace(t *testing.T) {
	t.Parallel()
	dir := oldFile(t)
	path, other := filepath.Join(dir, "x"), filepath.Join(dir, "other")
	if err := os.Link(path, other); err != nil {
		t.Skip("no hard links here:", err)
	}
	s := boltstore.Open(path, boltstore.Options{MaxMemory: 1})
	if err := s.Compact(ctx, func(string) {}); !errors.Is(err, kdb.ErrUnsupported) || !strings.Contains(err.Error(), "hard links") {
		t.Errorf("Rewrite = %v", err)
	}
	if err := s.Fill(ctx, true, func(store.Tx) error { return nil }); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("Fill = %v", err)
	}
	if err := s.Update(ctx, func(tx store.Tx) error { return tx.Put("b", []byte("new")) }); err != nil {
		t.Error(err)
	}
	for _, name := range []string{path, other} {
		if got, err := content(boltstore.Open(name, boltstore.Options{})); err != nil || len(got) != 2 {
			t.Errorf("%s holds %v, %v", name, got, err)
		}
	}
}

func TestRewrite_keepsTheMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(oldFile(t), "x")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := boltstore.Open(path, boltstore.Options{}).Compact(ctx, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

// TestRewrite_leavesNothingOfTheOldRecords is what rekeying relies on.
func TestRewrite_leavesNothingOfTheOldRecords(t *testing.T) {
	t.Parallel()
	path := filepath.Join(fastDir(t), "x")
	s := create(t, path)
	if err := s.Update(ctx, func(tx store.Tx) error { return tx.Put("secret record", bytes.Repeat([]byte("secret"), 3000)) }); err != nil {
		t.Fatal(err)
	}
	err := s.Rewrite(ctx, func(old, made store.Tx) error {
		if _, err := old.Get("secret record"); err != nil {
			return err
		}
		if old.Put("x", nil) == nil || old.Delete("secret record") == nil {
			t.Error("the old state can be changed")
		}
		return made.Put("a", []byte("new"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || bytes.Contains(data, []byte("secret")) {
		t.Errorf("the old record is still in the file, %v", err)
	}
	failed := errors.New("failed")
	if err := s.Rewrite(ctx, func(_, _ store.Tx) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("Rewrite = %v, want the function's error", err)
	}
	if got, err := content(s); err != nil || !maps.Equal(got, map[string]string{"a": "new"}) {
		t.Errorf("the file holds %v, %v", got, err)
	}
}

// TestRewrite_throughALink replaces the file and not the link.
func TestRewrite_throughALink(t *testing.T) {
	t.Parallel()
	dir := oldFile(t)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("x", link); err != nil {
		t.Skip("no symbolic links here")
	}
	s := boltstore.Open(link, boltstore.Options{Options: store.Options{LockTimeout: time.Minute}, MaxMemory: 1})
	if err := s.Update(ctx, func(tx store.Tx) error { return tx.Put("b", []byte("new")) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(ctx, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if got, err := content(boltstore.Open(filepath.Join(dir, "x"), boltstore.Options{})); err != nil || len(got) != 2 {
		t.Errorf("the file holds %v, %v", got, err)
	}
}

func TestStore_isAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(oldFile(t), "x")
	b := boltstore.Backend()
	s := b.Open(path, store.Options{})
	if f, ok := s.(store.File); !ok || f.Path() != path {
		t.Error("it does not tell its path")
	}
	if size, err := s.Size(); err != nil || size == 0 {
		t.Errorf("Size = %d, %v", size, err)
	}
	if _, err := b.Open(path+".none", store.Options{}).Size(); !errors.Is(err, kdb.ErrNoDatabase) {
		t.Errorf("Size of no file: %v", err)
	}
	head, err := os.ReadFile(path)
	if err != nil || !b.Matches(head[:4096]) {
		t.Errorf("the file is not recognised, %v", err)
	}
	for location, want := range map[string]bool{path: true, path + ".none": false} {
		if got, err := b.Exists(ctx, location); err != nil || got != want {
			t.Errorf("Exists(%s) = %v, %v", location, got, err)
		}
	}
}

func TestOpen_locked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(oldFile(t), "x")
	s := boltstore.Open(path, boltstore.Options{})
	err := s.View(ctx, func(store.Tx) error {
		return s.Update(ctx, func(tx store.Tx) error { return tx.Put("b", nil) })
	})
	if !errors.Is(err, kdb.ErrLocked) {
		t.Errorf("an update during a view: %v, want ErrLocked", err)
	}
	if err := s.View(ctx, func(store.Tx) error { return s.View(ctx, func(store.Tx) error { return nil }) }); err != nil {
		t.Errorf("two views at once: %v", err)
	}
}

// TestView_otherByteOrder: the file of another kind of machine is not damaged.
func TestView_otherByteOrder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(oldFile(t), "x")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, magic := range []int{16, 4096 + 16} {
		slices.Reverse(data[magic : magic+4])
	}
	write(t, path, data)
	if err := boltstore.Open(path, boltstore.Options{}).View(ctx, func(store.Tx) error { return nil }); !errors.Is(err, kdb.ErrVersion) {
		t.Errorf("View = %v, want ErrVersion", err)
	}
}
