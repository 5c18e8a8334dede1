package keyfile

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks a key file by a file beside it that nobody else can open and that Windows deletes when it is closed, also by the end of the
// process. The key file itself cannot carry the lock: an open file cannot be replaced. It returns errBusy if somebody has the lock.
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
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED) && isThere(path+".lock") {
		return nil, errBusy
	}
	if err != nil {
		return nil, &fs.PathError{Op: "lock", Path: path + ".lock", Err: err}
	}
	return func() { _ = windows.CloseHandle(handle) }, nil
}

// isThere tells a lock file that is about to go, which cannot be opened, from a folder that cannot be written.
func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
