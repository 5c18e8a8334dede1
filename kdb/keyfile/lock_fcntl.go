//go:build aix || solaris

package keyfile

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks a key file against other processes (fcntl). It returns errBusy if somebody has the lock. These locks are a process's, not an
// open file's: two Databases on the same file in one process do not lock each other out, but what they write over is noticed.
func tryLock(path string) (unlock func(), err error) {
	return lockFile(path, func(f *os.File) error {
		err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart})
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			return errBusy
		}
		return err
	})
}
