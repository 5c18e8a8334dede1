//go:build unix && !aix && !solaris

package lockfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks a file by flock: against other processes and other open files of this one.
func tryLock(path string) (unlock func(), err error) {
	return lockOpen(path, func(f *os.File) error {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
			return ErrBusy
		}
		return err
	})
}
