package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb/atomicfile"

	"golang.org/x/sys/unix"
)

const immutableFlag = 0x10 // FS_IMMUTABLE_FL of linux/fs.h

// setImmutable sets or clears the attribute of chattr +i.
func setImmutable(path string, immutable bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return err
	}
	flags &^= immutableFlag
	if immutable {
		flags |= immutableFlag
	}
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags))
}

// TestSet_immutable: a file that cannot be changed is refused before another one is.
func TestSet_immutable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, errors.Join(os.WriteFile(a, []byte("old a"), 0o600), os.WriteFile(b, []byte("old b"), 0o600)))
	if err := setImmutable(b, true); err != nil {
		t.Skipf("an immutable file takes a file system that has them, and root: %v", err)
	}
	defer func() { must(t, setImmutable(b, false)) }()
	set := atomicfile.NewSet(atomicfile.Disk{}, a)
	defer set.Discard()
	err := set.Put(a, []byte("new a"))
	if err == nil {
		err = set.Put(b, []byte("new b"))
	}
	if err == nil {
		err = set.Replace()
	}
	if !errors.Is(err, fs.ErrPermission) || errors.Is(err, atomicfile.ErrUnfinished) || !strings.Contains(err.Error(), "chattr -i") {
		t.Errorf("replaced: %v", err)
	}
	want(t, dir, map[string]string{"a": "old a", "b": "old b"})
}
