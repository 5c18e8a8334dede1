//go:build unix

package op

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// duplicate opens an open file once more, at its position and with its flags, such as appending.
func duplicate(descriptor int) (*os.File, error) {
	fd, err := syscall.Dup(descriptor)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), fmt.Sprintf("file descriptor %d", descriptor)), nil
}

// ownerOf returns owner and group of a file.
func ownerOf(info fs.FileInfo) (uid, gid int) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid), int(stat.Gid)
	}
	return -1, -1
}
