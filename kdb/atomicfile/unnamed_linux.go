package atomicfile

import (
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// createUnnamed makes a file without a name in the folder of path (open(2), O_TMPFILE), which is gone when its process ends. Not all
// file systems have such files, and without /proc they could not get a name.
func createUnnamed(path string) (*os.File, error) {
	fd, err := unix.Open(filepath.Dir(path), unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Access(descriptorPath(fd), unix.F_OK); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// linkUnnamed follows the link that /proc has for an open file, as open(2) describes; AT_EMPTY_PATH needs a privilege.
func linkUnnamed(f *os.File, to string) error {
	from := descriptorPath(int(f.Fd()))
	err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		return &os.LinkError{Op: "link", Old: from, New: to, Err: err}
	}
	return nil
}

// reopenUnnamed opens a file without a name once more.
func reopenUnnamed(f *os.File) (*os.File, error) {
	return os.OpenFile(descriptorPath(int(f.Fd())), os.O_RDWR, 0)
}

// release makes a hole in a file (fallocate(2), FALLOC_FL_PUNCH_HOLE).
func release(f *os.File, from, to int64) {
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, to-from)
}

func descriptorPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// isMountPoint says that something is mounted on the file itself, such as a file in a container, so that nothing can be renamed over it.
func isMountPoint(f *os.File) bool { return hasAttribute(f, unix.STATX_ATTR_MOUNT_ROOT) }

// isFixed says that nobody can change or replace the file: chattr +i and +a.
func isFixed(f *os.File) bool {
	return hasAttribute(f, unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND)
}

func hasAttribute(f *os.File, wanted uint64) bool {
	var x unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_TYPE, &x)
	return err == nil && x.Attributes&wanted != 0
}
