//go:build unix

package atomicfile

import (
	"io/fs"
	"os"
	"syscall"
)

// ownerOf returns owner and group of a file.
func ownerOf(info fs.FileInfo) (uid, gid int, known bool) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid), int(stat.Gid), true
	}
	return 0, 0, false
}

// namesOf is the number of hard links to a file.
func namesOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Nlink)
	}
	return 1
}

// trusted says whether a file that stands for an interrupted change may be believed: only if everybody who could have put it there may
// also change the file at path, which is so in a folder without the sticky bit, or if it belongs to somebody who may.
func trusted(info fs.FileInfo, folder, path string) bool {
	parent, err := os.Stat(folder)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	if parent.Mode()&fs.ModeSticky == 0 {
		return true
	}
	uid, _, known := ownerOf(info)
	if !known || uid == 0 || uid == os.Geteuid() {
		return known
	}
	if target, err := os.Stat(path); err == nil {
		owner, _, known := ownerOf(target)
		return known && owner == uid
	}
	return false
}
