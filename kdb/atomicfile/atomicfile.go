// Package atomicfile writes files so that everybody, at any time and also after a crash, sees the old file or the new one, whole.
//
// A file is written under a temporary name in the folder where it belongs, with mode 0600. It gets its owner and mode through the open
// descriptor, never by its path, where somebody may have put a link meanwhile. Then it is synced and takes its name: by a rename, or by a
// hard link where nothing may be replaced. Last, the folder is synced.
//
//	t, err := atomicfile.New(atomicfile.Disk{}, "key.pem")
//	if err != nil { … }
//	defer t.Discard()
//	if _, err := t.Write(data); err != nil { … }
//	err = errors.Join(t.Chmod(0o644), t.Replace())
//
// A [Set] does that for several files that belong together. An [FS] is the disk, so that tests can record the calls and make them fail.
// Errors do not name paths: the temporary name means nothing to people, and the caller knows the other one.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// mark stands between the name of a file and the random part in its temporary name: .NAME.certkdb-RANDOM.
const mark = ".certkdb-"

// ErrOwner says that a file could not get the owner or the group of the file that it is to replace.
var ErrOwner = errors.New("its owner cannot be kept")

// Temp is a file that does not have its name yet. It has a temporary one until it is replaced, published or discarded.
type Temp struct {
	fs     FS
	file   *os.File
	name   string // the temporary name; "" once it is gone
	path   string
	failed error // the first error of Write
	done   bool  // it is on the disk and closed
}

// New creates the temporary file for path.
func New(disk FS, path string) (*Temp, error) {
	folder, name := filepath.Split(path)
	t := &Temp{fs: disk, path: path, name: folder + "." + name + mark + rand.Text()[:16]}
	var err error
	if t.file, err = disk.Create(t.name); err != nil {
		return nil, bare(err)
	}
	return t, nil
}

// Write implements io.Writer.
func (t *Temp) Write(data []byte) (int, error) {
	n, err := t.fs.Write(t.file, data)
	if err != nil && t.failed == nil {
		t.failed = bare(err)
	}
	return n, bare(err)
}

// Failed returns the first error of Write. It tells errors of the disk from those of whoever produced the data.
func (t *Temp) Failed() error { return t.failed }

// File is the open file.
func (t *Temp) File() *os.File { return t.file }

// Reopen opens the file once more, for libraries that close what they get. It makes sure that the name still belongs to the same file.
func (t *Temp) Reopen() (*os.File, error) {
	f, err := os.OpenFile(t.name, os.O_RDWR, 0)
	if err != nil {
		return nil, bare(err)
	}
	mine, err1 := t.file.Stat()
	opened, err2 := f.Stat()
	if err := errors.Join(err1, err2); err != nil || !os.SameFile(mine, opened) {
		f.Close()
		return nil, errors.Join(bare(err), errors.New("somebody replaced the temporary file"))
	}
	return f, nil
}

// Chmod sets the mode.
func (t *Temp) Chmod(mode fs.FileMode) error { return bare(t.fs.Chmod(t.file, mode)) }

// Keep gives the file the owner, group and mode of the file that it is to replace. If owner and group cannot be kept, it wraps
// [ErrOwner]; the file may be used all the same: nobody gains rights by its group.
func (t *Temp) Keep(old fs.FileInfo) error {
	mode := old.Mode().Perm()
	var lost error
	if uid, gid, differs := t.otherOwner(old); differs {
		if err := t.fs.Chown(t.file, uid, gid); err != nil {
			lost = fmt.Errorf("%w: %w", ErrOwner, bare(err))
			if t.fs.Chown(t.file, -1, gid) != nil {
				mode &^= 0o070
			}
		}
	}
	if err := t.Chmod(mode); err != nil {
		return err
	}
	return lost
}

// Replace syncs the file and puts it in the place of the one at its path, if there is one.
func (t *Temp) Replace() error {
	if err := t.Finish(); err != nil {
		return err
	}
	if err := t.rename(); err != nil {
		return err
	}
	return bare(t.fs.SyncFolder(filepath.Dir(t.path)))
}

// Publish syncs the file and gives it its name if no file has that: fs.ErrExist.
func (t *Temp) Publish() error {
	if err := t.Finish(); err != nil {
		return err
	}
	if err := t.link(); err != nil {
		return err
	}
	return bare(t.fs.SyncFolder(filepath.Dir(t.path)))
}

// Finish writes the file to the disk and closes it, once. Replace and Publish do it if it was not done before.
func (t *Temp) Finish() error {
	if t.failed != nil || t.done {
		return t.failed
	}
	err := t.fs.Sync(t.file)
	err = errors.Join(err, t.file.Close())
	t.done = err == nil
	return bare(err)
}

// rename gives the file its name, whatever has it.
func (t *Temp) rename() error {
	if err := t.fs.Rename(t.name, t.path); err != nil {
		return bare(err)
	}
	t.name = ""
	return nil
}

// link gives the file its name if nothing has it. On file systems without hard links, whoever makes the empty file owns the name.
func (t *Temp) link() error {
	err := t.fs.Link(t.name, t.path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return bare(err)
	}
	f, err := t.fs.Create(t.path)
	if err != nil {
		return bare(err)
	}
	f.Close()
	if err := t.rename(); err != nil {
		_ = t.fs.Remove(t.path)
		return err
	}
	return nil
}

// Discard closes the file and removes its temporary name, if it still has that. It may always be called in the end.
func (t *Temp) Discard() {
	t.file.Close()
	if t.name != "" {
		_ = t.fs.Remove(t.name) // at worst a file stays that the next writer removes
		t.name = ""
	}
}

// RemoveStale removes the temporary files of path that killed processes left. The caller holds a lock that keeps others from writing them.
func RemoveStale(disk FS, path string) {
	folder, name := filepath.Split(path)
	files, err := os.ReadDir(filepath.Clean(folder))
	if err != nil {
		return
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "."+name+mark) {
			_ = disk.Remove(filepath.Join(folder, f.Name()))
		}
	}
}

// Follow resolves symbolic links, so that the file is replaced and not the link to it. A path that cannot be resolved is returned as it is.
func Follow(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// bare removes the paths from an error of package os.
func bare(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
