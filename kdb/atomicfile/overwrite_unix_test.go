//go:build unix

package atomicfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"certkdb/kdb/atomicfile"
	"certkdb/kdb/atomicfile/atomicfiletest"
)

// linked makes a file a with a second name b.
func linked(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("old, and longer"), 0o600))
	must(t, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")))
	return dir
}

func overwriteA(disk atomicfile.FS, dir string) error {
	set := atomicfile.NewSet(disk, filepath.Join(dir, "a"))
	defer set.Discard()
	if err := set.Put(filepath.Join(dir, "a"), []byte("new")); err != nil {
		return err
	}
	return set.Replace()
}

// TestSet_hardLinks: both names have the new content, and it is on the disk as a copy while the file is being overwritten.
func TestSet_hardLinks(t *testing.T) {
	t.Parallel()
	dir := linked(t)
	disk := &atomicfiletest.Disk{}
	must(t, overwriteA(disk, dir))
	want(t, dir, map[string]string{"a": "new", "b": "new"})
	folder := "syncfolder " + filepath.Base(dir)
	calls := strings.Join([]string{
		"create a~", "chmod a~", "write a~", "sync a~", "create a~", "chmod a~", "write a~", "sync a~", "link a~ a~", folder,
		"write a", "truncate a", "sync a", folder, "remove a~", folder, "remove a~", "remove a~",
	}, ", ")
	if got := strings.Join(disk.Calls(), ", "); got != calls {
		t.Errorf("calls %s\nwant  %s", got, calls)
	}
}

func TestSet_hardLinksEveryFault(t *testing.T) {
	t.Parallel()
	everyFault(t, overwriteA, func() string { return linked(t) }, func(what, dir string, err error) {
		path := filepath.Join(dir, "a")
		seen, _ := os.ReadFile(atomicfile.Current(path)[0])
		must(t, atomicfile.Recover(atomicfile.Disk{}, path))
		atomicfile.RemoveStale(atomicfile.Disk{}, path)
		if string(seen) != "new" && (string(seen) != "old, and longer" || err == nil) {
			t.Errorf("%s: readers see %q, the error is %v", what, seen, err)
		}
		want(t, dir, map[string]string{"a": string(seen), "b": string(seen)})
		if t.Failed() {
			t.Fatal(what)
		}
	})
}

// tornDisk fails three writes over a file: the first one half-way, that which is to put the old content back, and the second attempt.
type tornDisk struct {
	atomicfile.Disk
	path  string
	times int
}

func (d *tornDisk) Write(f *os.File, data []byte) (int, error) {
	if f.Name() != d.path || d.times == 3 {
		return d.Disk.Write(f, data)
	}
	d.times++
	if d.times == 1 {
		_, _ = d.Disk.Write(f, data[:2])
	}
	return 0, syscall.EIO
}

// TestSet_hardLinksTornTwice: what the second attempt finds is not the old content.
func TestSet_hardLinksTornTwice(t *testing.T) {
	t.Parallel()
	dir := linked(t)
	path := filepath.Join(dir, "a")
	if err := overwriteA(&tornDisk{path: path}, dir); !errors.Is(err, atomicfile.ErrUnfinished) {
		t.Errorf("the error is %v", err)
	}
	must(t, atomicfile.Recover(atomicfile.Disk{}, path))
	want(t, dir, map[string]string{"a": "new", "b": "new"})
}

// TestSet_folderWithoutWritePermission runs in another process, as a user for whom permissions count. It is
// not parallel: a child holds the locks of its parent until it runs its program.
func TestSet_folderWithoutWritePermission(t *testing.T) {
	if dir := os.Getenv("ATOMICFILE_TEST_DIR"); dir != "" {
		inReadOnlyFolder(t, dir)
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSet_folderWithoutWritePermission$", "-test.v")
	cmd.Env = append(os.Environ(), "ATOMICFILE_TEST_DIR="+dir)
	if os.Geteuid() == 0 {
		dir, cmd.SysProcAttr = forNobody(t, cmd)
	}
	must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("old"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "closed"), []byte("old"), 0o600))
	must(t, os.Chmod(filepath.Join(dir, "a"), 0o666))
	must(t, os.Chmod(filepath.Join(dir, "closed"), 0o444))
	must(t, os.Chmod(dir, 0o555))
	defer func() { must(t, os.Chmod(dir, 0o755)) }()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
	want(t, dir, map[string]string{"a": "new", "closed": "old"})
}

// forNobody makes a folder and a copy of this program that every user can reach, and has the command run as another user.
func forNobody(t *testing.T, cmd *exec.Cmd) (string, *syscall.SysProcAttr) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "atomicfile-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	program := filepath.Join(dir, "program")
	data, err := os.ReadFile(os.Args[0])
	must(t, err)
	syscall.ForkLock.RLock() // a process started meanwhile would hold the program open for writing: "text file busy"
	err = os.WriteFile(program, data, 0o600)
	syscall.ForkLock.RUnlock()
	must(t, err)
	must(t, os.Chmod(program, 0o755))
	folder := filepath.Join(dir, "folder")
	must(t, os.Mkdir(folder, 0o755))
	cmd.Path, cmd.Dir = program, dir
	cmd.Env = append(cmd.Env, "ATOMICFILE_TEST_DIR="+folder, "TMPDIR=/tmp")
	return folder, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// inReadOnlyFolder overwrites a file with every fault. The copy and the journal are in a temporary folder.
func inReadOnlyFolder(t *testing.T, dir string) {
	path := filepath.Join(dir, "a")
	for n := 1; ; n++ {
		over := true
		for name, disk := range faults(n) {
			must(t, os.WriteFile(path, []byte("old"), 0o600))
			err := overwriteA(disk, dir)
			if len(disk.Calls()) < n {
				must(t, err)
				continue
			}
			over = false
			must(t, atomicfile.Recover(atomicfile.Disk{}, path))
			data, readErr := os.ReadFile(path)
			if readErr != nil || string(data) != "new" && (string(data) != "old" || err == nil) {
				t.Fatalf("%s at call %d, %s: the file holds %q, %v, %v", name, n, disk.Calls()[n-1], data, err, readErr)
			}
		}
		if over {
			break
		}
	}
	must(t, overwriteA(atomicfile.Disk{}, dir))
	set := atomicfile.NewSet(atomicfile.Disk{}, filepath.Join(dir, "closed"))
	defer set.Discard()
	if err := set.Put(filepath.Join(dir, "closed"), nil); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a file that may not be written either: %v", err)
	}
	for _, folder := range []string{"/var/tmp", os.TempDir()} {
		left, err := filepath.Glob(filepath.Join(folder, fmt.Sprintf("certkdb-%d-*", os.Geteuid())))
		if err != nil || len(left) > 0 {
			t.Errorf("left over: %q, %v", left, err)
		}
	}
}

func TestSet_hardLinkThatMayNotBeWritten(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Log("the administrator may write every file")
		return
	}
	dir := linked(t)
	must(t, os.Chmod(filepath.Join(dir, "a"), 0o400))
	if err := overwriteA(atomicfile.Disk{}, dir); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "hard link") {
		t.Errorf("Put = %v", err)
	}
}
