package atomicfile_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"certkdb/kdb/atomicfile"
	"certkdb/kdb/atomicfile/atomicfiletest"
)

// accessList is an access list as Linux stores it (linux/posix_acl_xattr.h): the owner may read and write, the group nothing, and the user
// read.
func accessList(user uint32) []byte {
	list := binary.LittleEndian.AppendUint32(nil, 2)
	entry := func(tag, perm uint16, id uint32) {
		list = binary.LittleEndian.AppendUint16(list, tag)
		list = binary.LittleEndian.AppendUint16(list, perm)
		list = binary.LittleEndian.AppendUint32(list, id)
	}
	const none = 1<<32 - 1
	entry(0x01, 6, none)
	entry(0x02, 4, user)
	entry(0x04, 0, none)
	entry(0x10, 4, none)
	entry(0x20, 0, none)
	return list
}

const aclName = "system.posix_acl_access"

// attribute returns an attribute of a file, "" if there is none.
func attribute(t *testing.T, path, name string) string {
	t.Helper()
	buffer := make([]byte, 1024)
	n, err := unix.Getxattr(path, name, buffer)
	if errors.Is(err, unix.ENODATA) {
		return ""
	}
	must(t, err)
	return string(buffer[:n])
}

func setAttribute(t *testing.T, path, name string, value []byte) {
	t.Helper()
	err := unix.Setxattr(path, name, value, 0)
	if errors.Is(err, unix.ENOTSUP) {
		t.Skipf("the file system has no %s", name)
	}
	must(t, err)
}

// put changes one file by a set.
func put(disk atomicfile.FS, path, data string) error {
	set := atomicfile.NewSet(disk, path)
	defer set.Discard()
	if err := set.Put(path, []byte(data)); err != nil {
		return err
	}
	return set.Replace()
}

func TestSet_keepsAccessListAndAttributes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	setAttribute(t, path, aclName, accessList(4711))
	setAttribute(t, path, "user.origin", []byte("here"))
	must(t, put(&atomicfiletest.Disk{Unnamed: true}, path, "new"))
	if got := attribute(t, path, aclName); got != string(accessList(4711)) {
		t.Errorf("the access list became %x", got)
	}
	if got := attribute(t, path, "user.origin"); got != "here" {
		t.Errorf("the attribute became %q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 { // the group's bits are the list's mask
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	want(t, filepath.Dir(path), map[string]string{"a": "new"})
}

// TestSet_folderAddsNoAccessList: a new file in the folder would have the access list of the folder; the old one has none.
func TestSet_folderAddsNoAccessList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	must(t, os.Chmod(path, 0o640))
	setAttribute(t, dir, "system.posix_acl_default", accessList(4711))
	must(t, put(atomicfile.Disk{}, path, "new"))
	if got := attribute(t, path, aclName); got != "" {
		t.Errorf("the file has the access list %x", got)
	}
}

// TestKeep_neverWider looks at the rights of the new file after each call: nobody but its owner has some that the old file does not give.
func TestKeep_neverWider(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	must(t, os.WriteFile(path, nil, 0o600))
	setAttribute(t, path, aclName, accessList(4711))
	old, err := os.Open(path)
	must(t, err)
	defer old.Close()
	var temp *atomicfile.Temp
	look := func(_ int, call string) error {
		if temp == nil {
			return nil
		}
		info, err := temp.File().Stat()
		must(t, err)
		if listed := attribute(t, temp.File().Name(), aclName); info.Mode().Perm()&0o077 != 0 && listed != string(accessList(4711)) {
			t.Errorf("before %s the mode is %v with the access list %x", call, info.Mode(), listed)
		}
		return nil
	}
	temp, err = atomicfile.New(&atomicfiletest.Disk{Fail: look}, path)
	must(t, err)
	defer temp.Discard()
	must(t, temp.Keep(old))
}

func TestKeep_lostAccessListClosesTheGroup(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a")
	must(t, os.WriteFile(path, nil, 0o600))
	setAttribute(t, path, aclName, accessList(4711))
	old, err := os.Open(path)
	must(t, err)
	defer old.Close()
	temp, err := atomicfile.New(&atomicfiletest.Disk{Fail: atomicfiletest.Every("setattribute", syscall.EPERM)}, path)
	must(t, err)
	defer temp.Discard()
	if err := temp.Keep(old); !errors.Is(err, atomicfile.ErrOwner) {
		t.Errorf("Keep = %v, want ErrOwner", err)
	}
	if info, err := temp.File().Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

// TestSet_fileThatWouldLoseItsRightsIsOverwritten: a security label, say, that this process may not set.
func TestSet_fileThatWouldLoseItsRightsIsOverwritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a")
	must(t, os.WriteFile(path, []byte("old and longer"), 0o600))
	setAttribute(t, path, "user.label", []byte("secret"))
	before, err := os.Stat(path)
	must(t, err)
	must(t, put(&atomicfiletest.Disk{Fail: atomicfiletest.Every("setattribute", syscall.EPERM)}, path, "new"))
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) || attribute(t, path, "user.label") != "secret" {
		t.Errorf("the file was replaced, or lost its label, %v", err)
	}
	want(t, filepath.Dir(path), map[string]string{"a": "new"})
}

// TestSet_mountedFile: nothing can be renamed over a file that something is mounted on.
func TestSet_mountedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	for _, busy := range []error{syscall.EBUSY, syscall.EXDEV} {
		must(t, put(&atomicfiletest.Disk{Fail: func(_ int, call string) error {
			if call == "rename a~ a" {
				return busy
			}
			return nil
		}}, path, busy.Error()))
		want(t, dir, map[string]string{"a": busy.Error()})
	}
	source := filepath.Join(t.TempDir(), "source")
	must(t, os.WriteFile(source, []byte("old"), 0o600))
	if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
		t.Logf("not mounted, as that is not permitted: %v", err)
		return
	}
	defer func() { must(t, unix.Unmount(path, 0)) }()
	disk := &atomicfiletest.Disk{}
	must(t, put(disk, path, "new"))
	if strings.Contains(strings.Join(disk.Calls(), ","), "rename") {
		t.Errorf("calls %q", disk.Calls())
	}
	want(t, filepath.Dir(source), map[string]string{"source": "new"})
	want(t, dir, map[string]string{"a": "new"})
}
