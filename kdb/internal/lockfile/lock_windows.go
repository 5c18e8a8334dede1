package lockfile

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks a file by another one with the ending .lock that nobody else can open and that Windows deletes when it is closed, also by
// the end of the process. The file itself cannot carry the lock (LockFileEx): it could not be replaced while it is open.
func tryLock(path string) (unlock func(), err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	name, err := windows.UTF16PtrFromString(path + ".lock")
	if err != nil {
		return nil, err
	}
	handle, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_ALWAYS,
		windows.FILE_ATTRIBUTE_HIDDEN|windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED) && exists(path+".lock") {
		return nil, ErrBusy
	}
	if err != nil {
		return nil, &fs.PathError{Op: "lock", Path: path + ".lock", Err: err}
	}
	return func() { _ = windows.CloseHandle(handle) }, nil
}

// exists tells a lock file that is about to be deleted, which cannot be opened, from a folder that cannot be written.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TryFile does nothing: Windows does not remove or rename files that are open.
func TryFile(*os.File) error { return nil }

// Release does nothing.
func Release(*os.File) {}
