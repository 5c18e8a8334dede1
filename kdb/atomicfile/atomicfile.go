// Package atomicfile writes files so that every reader, at any time and also after a crash, sees all of the old file or all of the new one.
//
// A file is written next to the one that it is to replace: without a name where the system can do that, so that a killed process leaves
// nothing, else under a temporary name and locked, so that the next writer can tell it from one in use. It has mode 0600 and gets owner,
// access list, attributes and mode of the old file through the open descriptor, never by its path, where somebody may have put a link
// meanwhile. Then it is synced and takes its name: by a rename, or by a hard link where nothing may be replaced. Last, the folder is
// synced.
//
//	t, err := atomicfile.New(atomicfile.Disk{}, "key.pem")
//	if err != nil { … }
//	defer t.Discard()
//	if _, err := t.Write(data); err != nil { … }
//	err = errors.Join(t.Chmod(0o644), t.Replace())
//
// A [Set] does that for several files that belong together, and for files that must not be replaced because they have other names or are
// mounted. It keeps a journal (FORMAT.md), from which [Recover] completes what was interrupted. An [FS] is the disk, so that tests can
// record the calls and make them fail. Errors do not name temporary paths: they mean nothing to people, and the caller knows the other one.
package atomicfile

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"certkdb/kdb/internal/lockfile"
)

// mark stands between the name of a file and the last part of its temporary name: .NAME.certkdb-new, or something random if that is taken.
const mark = ".certkdb-"

// ErrOwner says that a file could not get all rights of the file that it is to replace: owner, group, access list, security label.
var ErrOwner = errors.New("its owner and access rights cannot be kept")

// errSwapped says that the temporary name belongs to something else.
var errSwapped = errors.New("somebody replaced the temporary file")

// Temp is a file that does not have its name yet. It has none, or a temporary one, until it is replaced, published or discarded.
type Temp struct {
	fs     FS
	file   *os.File
	name   string // the temporary name
	named  bool   // the file has it
	path   string
	failed error // the first error of Write
	done   bool  // it is on the disk
}

// New creates the temporary file for path.
func New(disk FS, path string) (*Temp, error) {
	folder, name := filepath.Split(path)
	return create(disk, path, folder+"."+name+mark)
}

// Scratch creates a file in the folder of path that never gets a name: it is gone when it is closed, by Discard or by the end of the
// process. On Windows, where an open file cannot be removed, it has a temporary name until Discard.
func Scratch(disk FS, path string) (*Temp, error) {
	t, err := New(disk, path)
	if err == nil && t.named && disk.Remove(t.name) == nil {
		t.named = false
	}
	return t, err
}

// create makes a temporary file whose name begins with a prefix. One that a killed process left under the usual name is removed.
func create(disk FS, path, prefix string) (*Temp, error) {
	for attempt := 0; ; attempt++ {
		t := &Temp{fs: disk, path: path, name: prefix + suffix(attempt)}
		var err error
		t.file, t.named, err = disk.Create(t.name)
		if errors.Is(err, fs.ErrExist) && attempt < maxAttempts {
			removeStale(disk, t.name, path)
			continue
		}
		if err != nil {
			return nil, bare(err)
		}
		if err = lockfile.TryFile(t.file); err == nil && t.named && !hasName(t.file, t.name) {
			err = lockfile.ErrBusy // another process took it for stale before it was locked
		}
		if errors.Is(err, lockfile.ErrBusy) && attempt < maxAttempts {
			lockfile.Close(t.file)
			continue
		}
		if !t.named {
			removeStale(disk, t.name, path)
		}
		return t, nil // a file system without locks must do
	}
}

// maxAttempts bounds how often another temporary name is tried.
const maxAttempts = 5

// suffix is the end of a temporary name: always the same in the first two attempts, so that what a killed process left is found.
func suffix(attempt int) string {
	if attempt < 2 {
		return "new"
	}
	return rand.Text()[:16]
}

// hasName says whether the open file is the one at a path.
func hasName(f *os.File, path string) bool {
	opened, err1 := f.Stat()
	there, err2 := os.Lstat(path)
	return err1 == nil && err2 == nil && os.SameFile(opened, there)
}

// Write implements io.Writer.
func (t *Temp) Write(data []byte) (int, error) {
	n, err := t.fs.Write(t.file, data)
	if err != nil && t.failed == nil {
		t.failed = bare(err)
	}
	return n, bare(err)
}

// Release gives back the space that a part of the file takes, on the disk and in memory. That part must not be read again. Where the system
// or the file system cannot do that, nothing happens.
func (t *Temp) Release(from, to int64) { release(t.file, from, to) }

// Failed returns the first error of Write. It tells errors of the disk from those of whatever produced the data.
func (t *Temp) Failed() error { return t.failed }

// File is the open file. Its name is the temporary one, which it may not have.
func (t *Temp) File() *os.File { return t.file }

// Reopen opens the file once more, for libraries that close what they get, and lock it by themselves. It makes sure that the name still
// belongs to the same file.
func (t *Temp) Reopen() (f *os.File, err error) {
	lockfile.Release(t.file)
	if t.named {
		f, err = os.OpenFile(t.name, os.O_RDWR, 0)
	} else {
		f, err = reopenUnnamed(t.file)
	}
	if err != nil {
		return nil, bare(err)
	}
	mine, err1 := t.file.Stat()
	opened, err2 := f.Stat()
	if err := errors.Join(err1, err2); err != nil || !os.SameFile(mine, opened) {
		f.Close()
		return nil, cmp.Or(bare(err), errSwapped)
	}
	return f, nil
}

// Chmod sets the mode.
func (t *Temp) Chmod(mode fs.FileMode) error { return bare(t.fs.Chmod(t.file, mode)) }

// Chown sets owner and group; -1 leaves one of them.
func (t *Temp) Chown(uid, gid int) error { return bare(t.fs.Chown(t.file, uid, gid)) }

// Keep gives the file owner, group, access list, extended attributes and mode of the file that it is to replace. If some of them cannot
// be kept it wraps [ErrOwner]; the file may be used all the same: nobody gains rights by its group.
func (t *Temp) Keep(old *os.File) error {
	info, err := old.Stat()
	if err != nil {
		return bare(err)
	}
	attributes, err := attributesOf(old)
	if err != nil {
		return fmt.Errorf("reading its attributes: %w", err)
	}
	return t.keep(info, attributes)
}

// keep sets the owner first and the mode last, so that nobody may read the file who may not read the old one.
func (t *Temp) keep(old fs.FileInfo, attributes map[string][]byte) error {
	mode := old.Mode().Perm()
	lost, closed := t.keepOwner(old)
	if err := t.keepAttributes(attributes); err != nil {
		lost, closed = fmt.Errorf("%w: %w", ErrOwner, err), true
	}
	if closed {
		mode &^= 0o070 // with an access list these bits bound it
	}
	if err := t.Chmod(mode); err != nil {
		return err
	}
	return lost
}

// keepOwner sets owner and group, or the group alone; otherGroup says that it has another one.
func (t *Temp) keepOwner(old fs.FileInfo) (lost error, otherGroup bool) {
	uid, gid, known := ownerOf(old)
	if !known {
		return nil, false
	}
	if now, err := t.file.Stat(); err == nil {
		if u, g, _ := ownerOf(now); u == uid && g == gid {
			return nil, false
		}
	}
	err := t.Chown(uid, gid)
	if err == nil {
		return nil, false
	}
	return fmt.Errorf("%w: %w", ErrOwner, err), t.Chown(-1, gid) != nil
}

// accessList is the attribute that has the access list of a file on Linux: acl(5).
const accessList = "system.posix_acl_access"

// keepAttributes makes the attributes those of the old file. The folder may have given the new one an access list that the old one does
// not have.
func (t *Temp) keepAttributes(wanted map[string][]byte) error {
	has, err := attributesOf(t.file)
	if err != nil {
		return err
	}
	_, listed := has[accessList]
	if _, keep := wanted[accessList]; listed && !keep {
		err = t.fs.SetAttribute(t.file, accessList, nil)
	}
	for name, value := range wanted {
		if now, set := has[name]; !set || !bytes.Equal(now, value) {
			err = errors.Join(err, t.fs.SetAttribute(t.file, name, value))
		}
	}
	return err
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

// Finish writes the file to the disk, once. Replace and Publish do it if it was not done before.
func (t *Temp) Finish() error {
	if t.failed != nil || t.done {
		return t.failed
	}
	err := t.fs.Sync(t.file)
	t.done = err == nil
	return bare(err)
}

// giveName gives the file its temporary name, if it has none.
func (t *Temp) giveName() error {
	_ = lockfile.TryFile(t.file) // again, if it was reopened
	prefix := strings.TrimSuffix(t.name, suffix(0))
	for attempt := 0; !t.named; attempt++ {
		t.name = prefix + suffix(attempt)
		err := t.fs.LinkFile(t.file, t.name)
		if errors.Is(err, fs.ErrExist) && attempt < maxAttempts {
			removeStale(t.fs, t.name, t.path)
			continue
		}
		if err != nil {
			return bare(err)
		}
		t.named = true
	}
	return nil
}

// rename gives the file its name, whatever has it.
func (t *Temp) rename() error {
	if err := t.giveName(); err != nil {
		return err
	}
	t.closeOnWindows()
	if err := t.fs.Rename(t.name, t.path); err != nil {
		return bare(err)
	}
	t.named = false
	return nil
}

// closeOnWindows closes the file where open files keep their names. Elsewhere it stays open, and locked, until it has its name.
func (t *Temp) closeOnWindows() {
	if runtime.GOOS == "windows" {
		t.file.Close()
	}
}

// link gives the file its name if nothing has it. On file systems without hard links, the name belongs to the process that makes the
// empty file.
func (t *Temp) link() error {
	var err error
	if t.named {
		t.closeOnWindows()
		err = t.fs.Link(t.name, t.path)
	} else {
		err = t.fs.LinkFile(t.file, t.path)
	}
	if err == nil || errors.Is(err, fs.ErrExist) {
		return bare(err)
	}
	if err := t.fs.Claim(t.path); err != nil {
		return bare(err)
	}
	if err := t.rename(); err != nil {
		_ = t.fs.Remove(t.path)
		return err
	}
	return nil
}

// Discard closes the file and removes its temporary name, if it still has that. It may always be called in the end.
func (t *Temp) Discard() {
	if runtime.GOOS == "windows" {
		t.file.Close()
	}
	if t.named && (runtime.GOOS == "windows" || hasName(t.file, t.name)) {
		_ = t.fs.Remove(t.name) // at worst a file stays that the next writer removes
	}
	t.named = false
	lockfile.Close(t.file)
}

// RemoveStale removes the temporary files of paths that killed processes left. Each folder is read once.
func RemoveStale(disk FS, paths ...string) {
	folders := map[string][]os.DirEntry{}
	for _, path := range paths {
		folder, name := filepath.Split(path)
		files, read := folders[folder]
		if !read {
			files, _ = os.ReadDir(filepath.Clean(folder)) // of a folder that cannot be read nothing is removed
			folders[folder] = files
		}
		for _, f := range files {
			if strings.HasPrefix(f.Name(), "."+name+mark) && f.Name() != filepath.Base(journalPath(path)) {
				removeStale(disk, filepath.Join(folder, f.Name()), path)
			}
		}
	}
}

// removeStale removes a temporary file of path unless a process has it locked. If it is only a second name of the file at path, the lock
// is that of the latter.
func removeStale(disk FS, name, path string) {
	f, err := os.OpenFile(name, os.O_RDWR|noFollow, 0)
	if err != nil {
		return
	}
	defer lockfile.Close(f)
	if hasName(f, path) || lockfile.TryFile(f) == nil && hasName(f, name) {
		if runtime.GOOS == "windows" {
			f.Close()
		}
		_ = disk.Remove(name)
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
