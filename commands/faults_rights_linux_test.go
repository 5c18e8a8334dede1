package commands_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// setRights gives a file a mode and, where that can be had, an attribute and another owner.
func setRights(t *testing.T, path string) {
	t.Helper()
	_ = unix.Setxattr(path, "user.note", []byte("kept"), 0) // not on every file system
	_ = os.Chown(path, 4711, 4711)                          // as root
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
}

// rightsIn are the rights of the database and its other names.
func (k kind) rightsIn(t *testing.T, dir string) (all []string) {
	t.Helper()
	if !k.rights && len(k.linked) == 0 {
		return nil
	}
	for _, name := range slices.Concat([]string{k.file}, k.linked) {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		note := make([]byte, 20)
		n, _ := unix.Getxattr(path, "user.note", note)
		stat := info.Sys().(*syscall.Stat_t)
		all = append(all, fmt.Sprintf("%s: %v, %d:%d, %q, %d names", name, info.Mode(), stat.Uid, stat.Gid, note[:max(n, 0)], stat.Nlink))
	}
	return all
}
