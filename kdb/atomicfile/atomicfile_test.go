package atomicfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"certkdb/kdb/atomicfile"
	"certkdb/kdb/atomicfile/atomicfiletest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files returns the content of a folder by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	found := map[string]string{}
	for _, f := range list {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		must(t, err)
		found[f.Name()] = string(data)
	}
	return found
}

func want(t *testing.T, dir string, content map[string]string) {
	t.Helper()
	found := files(t, dir)
	if len(found) != len(content) {
		t.Errorf("the folder holds %q, want %q", found, content)
		return
	}
	for name, data := range content {
		if found[name] != data {
			t.Errorf("%s is %q, want %q", name, found[name], data)
		}
	}
}

// write replaces or publishes one file.
func write(disk atomicfile.FS, path, data string, finish func(*atomicfile.Temp) error) error {
	t, err := atomicfile.New(disk, path)
	if err != nil {
		return err
	}
	defer t.Discard()
	if _, err := t.Write([]byte(data)); err != nil {
		return err
	}
	if err := t.Chmod(0o640); err != nil {
		return err
	}
	return finish(t)
}

func TestReplace_syncsBeforeTheRename(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := &atomicfiletest.Disk{}
	must(t, write(disk, filepath.Join(dir, "a"), "new", (*atomicfile.Temp).Replace))
	calls := []string{"create a~", "write a~", "chmod a~", "sync a~", "rename a~ a", "syncfolder " + filepath.Base(dir)}
	if got := disk.Calls(); !slices.Equal(got, calls) {
		t.Errorf("calls %q, want %q", got, calls)
	}
	want(t, dir, map[string]string{"a": "new"})
}

func TestPublish_syncsBeforeTheLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := &atomicfiletest.Disk{}
	must(t, write(disk, filepath.Join(dir, "a"), "new", (*atomicfile.Temp).Publish))
	calls := []string{
		"create a~", "write a~", "chmod a~", "sync a~", "link a~ a", "syncfolder " + filepath.Base(dir), "remove a~",
	}
	if got := disk.Calls(); !slices.Equal(got, calls) {
		t.Errorf("calls %q, want %q", got, calls)
	}
	want(t, dir, map[string]string{"a": "new"})
}

func TestPublish_neverReplaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	must(t, os.Symlink("nothing", filepath.Join(dir, "link")))
	for _, disk := range []*atomicfiletest.Disk{{}, {Fail: atomicfiletest.Every("link", syscall.EPERM)}} {
		if err := write(disk, path, "new", (*atomicfile.Temp).Publish); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over a file: %v", err)
		}
		if err := write(disk, filepath.Join(dir, "link"), "new", (*atomicfile.Temp).Publish); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over a dangling link: %v", err)
		}
	}
	must(t, os.Remove(filepath.Join(dir, "link")))
	want(t, dir, map[string]string{"a": "old"})
}

func TestPublish_withoutHardLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := &atomicfiletest.Disk{Fail: atomicfiletest.Every("link", syscall.EPERM)}
	must(t, write(disk, filepath.Join(dir, "a"), "new", (*atomicfile.Temp).Publish))
	want(t, dir, map[string]string{"a": "new"})
	disk.Fail = func(_ int, call string) error {
		if strings.HasPrefix(call, "link") || strings.HasPrefix(call, "rename") {
			return syscall.EIO
		}
		return nil
	}
	if err := write(disk, filepath.Join(dir, "b"), "new", (*atomicfile.Temp).Publish); !errors.Is(err, syscall.EIO) {
		t.Errorf("with a rename that fails: %v", err)
	}
	want(t, dir, map[string]string{"a": "new"})
}

func TestPublish_oneOfManyWins(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(int, string) error{"by link": nil, "by claim": atomicfiletest.Every("link", syscall.EPERM)} {
		dir := t.TempDir()
		var group sync.WaitGroup
		results := make(chan error, 8)
		for range cap(results) {
			group.Go(func() {
				disk := &atomicfiletest.Disk{Fail: fail}
				results <- write(disk, filepath.Join(dir, "a"), "new", (*atomicfile.Temp).Publish)
			})
		}
		group.Wait()
		close(results)
		won := 0
		for err := range results {
			if err == nil {
				won++
			} else if !errors.Is(err, fs.ErrExist) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if won != 1 {
			t.Errorf("%s: %d won", name, won)
		}
		want(t, dir, map[string]string{"a": "new"})
	}
}

// TestReplace_everyFault fails each call in turn: the old file or the new one is there, and no other.
func TestReplace_everyFault(t *testing.T) {
	t.Parallel()
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC} {
		for n := 1; ; n++ {
			dir := t.TempDir()
			path := filepath.Join(dir, "a")
			must(t, os.WriteFile(path, []byte("old"), 0o600))
			disk := &atomicfiletest.Disk{Fail: atomicfiletest.At(n, fault)}
			err := write(disk, path, "new", (*atomicfile.Temp).Replace)
			if len(disk.Calls()) < n {
				must(t, err)
				break
			}
			if !errors.Is(err, fault) {
				t.Errorf("call %d: %v, want %v", n, err, fault)
			}
			content := "old"
			if strings.HasPrefix(disk.Calls()[n-1], "syncfolder") {
				content = "new"
			}
			want(t, dir, map[string]string{"a": content})
		}
	}
}

func TestErrors_nameNoPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := atomicfile.New(atomicfile.Disk{}, filepath.Join(dir, "none", "a"))
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), dir) {
		t.Errorf("in a missing folder: %v", err)
	}
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	err = write(atomicfile.Disk{}, filepath.Join(dir, "folder"), "new", (*atomicfile.Temp).Replace)
	if err == nil || strings.Contains(err.Error(), dir) {
		t.Errorf("over a folder: %v", err)
	}
}

func TestWrite_failureIsRemembered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := &atomicfiletest.Disk{Fail: atomicfiletest.Every("write", syscall.ENOSPC)}
	temp, err := atomicfile.New(disk, filepath.Join(dir, "a"))
	must(t, err)
	if _, err := temp.Write([]byte("data")); !errors.Is(err, syscall.ENOSPC) || !errors.Is(temp.Failed(), syscall.ENOSPC) {
		t.Errorf("Write: %v, Failed: %v", err, temp.Failed())
	}
	if err := temp.Replace(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Replace after it: %v", err)
	}
	temp.Discard()
	want(t, dir, nil)
}

func TestReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	temp, err := atomicfile.New(&atomicfiletest.Disk{}, filepath.Join(dir, "a"))
	must(t, err)
	defer temp.Discard()
	again, err := temp.Reopen()
	must(t, err)
	_, err = again.Write([]byte("through the other"))
	must(t, errors.Join(err, again.Close()))
	var data bytes.Buffer
	_, err = temp.File().WriteTo(&data)
	must(t, err)
	if data.String() != "through the other" {
		t.Errorf("read %q", data.String())
	}
	// Somebody who may write the folder puts a link in its place.
	victim := filepath.Join(dir, "victim")
	must(t, os.WriteFile(victim, nil, 0o600))
	must(t, os.Remove(temp.File().Name()))
	must(t, os.Symlink(victim, temp.File().Name()))
	if f, err := temp.Reopen(); err == nil {
		f.Close()
		t.Error("a link was followed")
	}
}

// TestKeep_neverByPath swaps the temporary file for a link while it is open: what the link names keeps its mode.
func TestKeep_neverByPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	victim, old := filepath.Join(dir, "victim"), filepath.Join(dir, "old")
	must(t, os.WriteFile(victim, nil, 0o600))
	must(t, os.WriteFile(old, nil, 0o600))
	must(t, os.Chmod(old, 0o666))
	from, err := os.Open(old)
	must(t, err)
	defer from.Close()
	temp, err := atomicfile.New(&atomicfiletest.Disk{}, old)
	must(t, err)
	defer temp.Discard()
	must(t, os.Rename(temp.File().Name(), filepath.Join(dir, "moved")))
	must(t, os.Symlink(victim, temp.File().Name()))
	must(t, temp.Keep(from))
	if info, err := os.Stat(victim); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode of the link's target: %v, %v", info.Mode(), err)
	}
	if info, err := temp.File().Stat(); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("the mode of the file: %v, %v", info.Mode(), err)
	}
}

func TestRemoveStale(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	must(t, os.WriteFile(filepath.Join(dir, ".a.certkdb-GEZDGNBVGY3TQOJQ"), nil, 0o600))
	temp, err := atomicfile.New(&atomicfiletest.Disk{}, path)
	must(t, err)
	must(t, temp.File().Close()) // as if the process was killed
	other, err := atomicfile.New(&atomicfiletest.Disk{}, path+"b")
	must(t, err)
	atomicfile.RemoveStale(atomicfile.Disk{}, path)
	want(t, dir, map[string]string{filepath.Base(other.File().Name()): ""})
	other.Discard()
	atomicfile.RemoveStale(atomicfile.Disk{}, filepath.Join(dir, "none", "a")) // nothing to do
	want(t, dir, nil)
}

func TestFollow(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	target, link, dangling := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	must(t, os.WriteFile(target, nil, 0o600))
	must(t, errors.Join(os.Symlink("target", link), os.Symlink("none", dangling)))
	for path, want := range map[string]string{target: target, link: target, dangling: dangling} {
		if got := atomicfile.Follow(path); got != want {
			t.Errorf("Follow(%s) = %s", path, got)
		}
	}
}
