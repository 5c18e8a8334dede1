//go:build unix

package keyfile

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a new file the owner, group and mode of the one that it will replace. Who may not give files away keeps the file
// as its own; then others must not gain rights by its group.
func keepOwner(path string, old fs.FileInfo) error {
	mode := old.Mode().Perm()
	if stat, ok := old.Sys().(*syscall.Stat_t); ok {
		if os.Lchown(path, int(stat.Uid), int(stat.Gid)) != nil && os.Lchown(path, -1, int(stat.Gid)) != nil {
			mode &^= 0o070
		}
	}
	return os.Chmod(path, mode)
}
