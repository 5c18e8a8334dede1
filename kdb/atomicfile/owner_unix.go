//go:build unix

package atomicfile

import (
	"io/fs"
	"syscall"
)

// otherOwner returns owner and group of the old file and whether the new one has others.
func (t *Temp) otherOwner(old fs.FileInfo) (uid, gid int, differs bool) {
	want, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	if now, err := t.file.Stat(); err == nil {
		if have, ok := now.Sys().(*syscall.Stat_t); ok && have.Uid == want.Uid && have.Gid == want.Gid {
			return 0, 0, false
		}
	}
	return int(want.Uid), int(want.Gid), true
}
