//go:build unix

package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
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

// ours says whether a file is a regular one of this user, or of the administrator.
func ours(info fs.FileInfo) bool {
	uid, _, known := ownerOf(info)
	return info.Mode().IsRegular() && known && (uid == 0 || uid == os.Geteuid())
}

// trusted says whether a file that stands for an interrupted change may be believed: only if every user who could have put it there
// may also change the file at path. A user who may change the folder of that file may do so, unless the folder has the sticky bit: then
// only the owner of the file may. Other folders are no better than their files, which must be this user's.
func trusted(info fs.FileInfo, folder, path string) bool {
	if !info.Mode().IsRegular() || ours(info) {
		return ours(info)
	}
	parent, err := os.Stat(folder)
	if err != nil || filepath.Clean(folder) != filepath.Dir(path) {
		return false
	}
	if parent.Mode()&fs.ModeSticky == 0 {
		return true
	}
	uid, _, known := ownerOf(info)
	target, err := os.Stat(path)
	if err != nil {
		return false
	}
	owner, _, ofTarget := ownerOf(target)
	return known && ofTarget && owner == uid
}
