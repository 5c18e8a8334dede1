//go:build unix

package seen

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// private refuses a file or folder that another user can change: it belongs neither to this user nor to root, or is writable for others. A
// folder with the sticky bit lets others only add files.
func private(path string, info fs.FileInfo) error { return privateTo(os.Geteuid(), path, info) }

func privateTo(user int, path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && stat.Uid != 0 && int(stat.Uid) != user:
		return fmt.Errorf("%q: %w: it belongs to another user", path, ErrNotPrivate)
	case info.Mode()&0o022 != 0 && (!info.IsDir() || info.Mode()&fs.ModeSticky == 0):
		return fmt.Errorf("%q: %w: others can write it (mode %04o)", path, ErrNotPrivate, info.Mode().Perm())
	}
	return nil
}
