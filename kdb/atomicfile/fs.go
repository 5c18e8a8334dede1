package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"time"
)

// FS is the disk, as far as it is changed: what a power failure or an error can separate are these calls.
type FS interface {
	// Create makes a new file of mode 0600: fs.ErrExist. Where the system can, the file has no name yet; named says that it has the path.
	Create(path string) (f *os.File, named bool, err error)
	// Claim makes an empty file of mode 0600 where links are not possible: fs.ErrExist.
	Claim(path string) error
	Write(f *os.File, data []byte) (int, error)
	Truncate(f *os.File, size int64) error
	Chown(f *os.File, uid, gid int) error
	Chmod(f *os.File, mode fs.FileMode) error
	// SetAttribute sets an extended attribute; a nil value removes it.
	SetAttribute(f *os.File, name string, value []byte) error
	Sync(f *os.File) error
	// LinkFile gives a file that was made without a name one, never that of an existing file.
	LinkFile(f *os.File, to string) error
	// Link gives a file a second name, never that of an existing file.
	Link(from, to string) error
	Rename(from, to string) error
	Remove(path string) error
	// SyncFolder makes the names in a folder survive a power failure.
	SyncFolder(path string) error
}

// Disk is the disk of this machine.
type Disk struct{}

// Create implements FS.
func (Disk) Create(path string) (f *os.File, named bool, err error) {
	if f, err := createUnnamed(path); err == nil {
		return f, false, nil
	}
	f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return f, true, err
}

// Claim implements FS.
func (Disk) Claim(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// Write implements FS.
func (Disk) Write(f *os.File, data []byte) (int, error) { return f.Write(data) }

// Truncate implements FS.
func (Disk) Truncate(f *os.File, size int64) error { return f.Truncate(size) }

// Chown implements FS.
func (Disk) Chown(f *os.File, uid, gid int) error { return f.Chown(uid, gid) }

// Chmod implements FS.
func (Disk) Chmod(f *os.File, mode fs.FileMode) error { return f.Chmod(mode) }

// SetAttribute implements FS.
func (Disk) SetAttribute(f *os.File, name string, value []byte) error {
	if value == nil {
		return removeAttribute(f, name)
	}
	return setAttribute(f, name, value)
}

// Sync implements FS.
func (Disk) Sync(f *os.File) error { return f.Sync() }

// LinkFile implements FS.
func (Disk) LinkFile(f *os.File, to string) error { return linkUnnamed(f, to) }

// Link implements FS.
func (Disk) Link(from, to string) error { return os.Link(from, to) }

// Rename implements FS. On Windows a rename fails while a reader has the old file open, which is never long.
func (Disk) Rename(from, to string) error {
	for wait := time.Millisecond; ; wait *= 2 {
		err := os.Rename(from, to)
		if err == nil || runtime.GOOS != "windows" || wait > time.Second {
			return err
		}
		time.Sleep(wait)
	}
}

// Remove implements FS.
func (Disk) Remove(path string) error { return os.Remove(path) }

// SyncFolder implements FS. Windows and some file systems cannot sync folders.
func (Disk) SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// NoSync is the disk of this machine for files that can be made again: it does not wait until they are on it.
type NoSync struct{ Disk }

// Sync implements FS.
func (NoSync) Sync(*os.File) error { return nil }

// SyncFolder implements FS.
func (NoSync) SyncFolder(string) error { return nil }
