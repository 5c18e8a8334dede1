//go:build unix

package boltstore

import (
	"io/fs"
	"os"
	"syscall"
)

// canReplaceOpen says that a file can be renamed over while it is open.
const canReplaceOpen = true

// canMapAhead says that mapping more than the file has does not make the file longer.
const canMapAhead = true

// syncDir writes a folder to the disk, so that a new name in it survives a power failure.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// keepOwner gives f the owner that info names, where that is somebody else.
func keepOwner(f *os.File, info fs.FileInfo) error {
	want, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if have, ok := now.Sys().(*syscall.Stat_t); ok && have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	return f.Chown(int(want.Uid), int(want.Gid))
}
