//go:build unix && !aix && !solaris

package keyfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks a key file against other processes and other open files of this one (flock). It returns errBusy if somebody has the lock.
func tryLock(path string) (unlock func(), err error) {
	return lockFile(path, func(f *os.File) error {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
			return errBusy
		}
		return err
	})
}
