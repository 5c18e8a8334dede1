//go:build aix || solaris

package lockfile

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// TryFile locks an open file by fcntl, against other processes, or fails with ErrBusy. Such a lock belongs to the process, not to the
// open file: two users of one file in one process do not lock each other out, and closing any open file of the same inode releases it.
func TryFile(f *os.File) error {
	err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart})
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return ErrBusy
	}
	return err
}

// Release gives the lock of an open file back.
func Release(f *os.File) {
	_ = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_UNLCK, Whence: io.SeekStart})
}

func tryLock(path string) (unlock func(), err error) { return lockOpen(path, TryFile) }
