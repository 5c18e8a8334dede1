//go:build unix && !aix && !solaris

package lockfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// TryFile locks an open file against other processes and other open files of this one, until it is closed, or fails with ErrBusy.
func TryFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return ErrBusy
	}
	return err
}

// Release gives the lock of an open file back.
func Release(f *os.File) { _ = unix.Flock(int(f.Fd()), unix.LOCK_UN) }

func tryLock(path string) (unlock func(), err error) { return lockOpen(path, TryFile) }
