package op

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"certkdb/kdb/atomicfile"
)

// writeSecret writes a file that only its owner may read, whole or not at all. It never replaces one.
func writeSecret(env *Env, path string, data []byte) error {
	err := Output{Path: path}.Write(env, true, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		err = Mark(SecretExists, err)
	}
	return err
}

// Output is where a result goes that is a file.
type Output struct {
	Path  string // "" or "-" is standard output
	Force bool   // replace an existing file
	// Lax does not wait for the disk: what is lost with the power can be had again.
	Lax bool
	// Rights are those that the file is to have. Without them, an existing file keeps its own.
	Rights Rights
	// Unchanged, if not nil, is called instead of writing when the file has the content and the rights already.
	Unchanged func()
}

// IsStdout says that the result goes to standard output.
func (o Output) IsStdout() bool {
	return o.Path == "" || o.Path == "-"
}

// CheckBytes refuses to write what is not text to a terminal, which may take it for commands, unless that is asked for with "-".
func (o Output) CheckBytes(env *Env) error {
	if o.Path != "" || env.Screen == nil {
		return nil
	}
	if columns, _ := env.Screen(); columns == 0 {
		return nil
	}
	return &Problem{Code: BytesForTerminal, Err: fmt.Errorf("%w: the result is not text, and standard output is a terminal", ErrUsage)}
}

// Write calls fill with a writer. A file appears whole or not at all, with mode 0600 if it is secret, else 0644. A file that has the
// content already is left alone. What is not a regular file (a device, a pipe, /dev/fd/3) is written to and never replaced, and a symbolic
// link is followed.
func (o Output) Write(env *Env, secret bool, fill func(io.Writer) error) error {
	if o.IsStdout() {
		return fill(env.Stdout)
	}
	if err := o.Check(env); err != nil {
		return err
	}
	path, descriptor := follow(o.Path)
	if descriptor == 1 {
		return fill(env.Stdout)
	}
	if descriptor >= 0 {
		return o.writeThrough(fill, func() (*os.File, error) { return duplicate(descriptor) })
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return o.writeThrough(fill, func() (*os.File, error) { return os.OpenFile(path, os.O_WRONLY, 0) })
	}
	err := o.replace(env, path, secret, fill)
	if content, ok := errors.AsType[contentError](err); ok {
		return content.error
	}
	if err != nil {
		return NameFolder(path, fmt.Errorf("writing %q: %w", o.Path, UnwrapPath(err)))
	}
	return nil
}

// NoFolderRights says that a file could not be made because this user may not write into its folder. It wraps fs.ErrPermission.
type NoFolderRights struct {
	Folder string
	Err    error
}

func (e *NoFolderRights) Error() string {
	return fmt.Sprintf("%v: the folder %q is not writable", e.Err, e.Folder)
}

func (e *NoFolderRights) Unwrap() error { return e.Err }

// NameFolder makes a [NoFolderRights] of an error about rights that kept a file from being made. Other errors stay as they are.
func NameFolder(path string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	folder := filepath.Dir(path)
	if _, missing := os.Lstat(path); !errors.Is(missing, fs.ErrNotExist) {
		return err
	}
	if info, errFolder := os.Stat(folder); errFolder != nil || !info.IsDir() {
		return err
	}
	return &NoFolderRights{folder, err}
}

// contentError is an error of what should have been written.
type contentError struct{ error }

// writeThrough writes to what is not a regular file, which is never replaced.
func (o Output) writeThrough(fill func(io.Writer) error, open func() (*os.File, error)) error {
	f, err := open()
	if err != nil {
		return fmt.Errorf("writing %q: %w", o.Path, UnwrapPath(err))
	}
	err = fill(f)
	if closing := f.Close(); err == nil && closing != nil {
		err = fmt.Errorf("writing %q: %w", o.Path, UnwrapPath(closing))
	}
	return err
}

// replace writes a new file and gives it its name. It keeps the rights of the old one, unless it is a secret and the old one is open to
// everybody.
func (o Output) replace(env *Env, path string, secret bool, fill func(io.Writer) error) error {
	env.listen(secret)
	disk := o.disk(env)
	if err := atomicfile.Recover(disk, path); err != nil {
		return err
	}
	old, err := os.Stat(path)
	if err != nil {
		old = nil
	}
	set := atomicfile.NewSet(disk, path)
	defer set.Discard()
	t, err := set.Add(path)
	if err != nil {
		return err
	}
	if err := fill(t); err != nil {
		if t.Failed() == nil {
			err = contentError{err}
		}
		return err
	}
	rights := o.Rights.forFile(old, secret)
	written, err := t.File().Stat()
	if err != nil {
		return err
	}
	if same, err := o.unchanged(path, old, rights, t.File(), written.Size()); err != nil || same {
		if same && o.Unchanged != nil {
			o.Unchanged()
		}
		return err
	}
	if err := rights.set(t.Chmod, t.Chown); err != nil {
		return err
	}
	if old != nil && set.Overwrites() {
		if err := setRights(disk, path, rights); err != nil {
			return err
		}
	}
	if o.Force {
		return set.Replace()
	}
	return set.Create()
}

func (o Output) disk(env *Env) atomicfile.FS {
	switch {
	case env.Disk != nil:
		return env.Disk
	case o.Lax:
		return atomicfile.NoSync{}
	}
	return atomicfile.Disk{}
}

// Finish completes what a killed process began to write.
func (o Output) Finish(env *Env) error {
	path, descriptor := follow(o.Path)
	if o.IsStdout() || descriptor >= 0 {
		return nil
	}
	if err := atomicfile.Recover(o.disk(env), path); err != nil {
		return fmt.Errorf("writing %q: %w", o.Path, UnwrapPath(err))
	}
	return nil
}

// Has says whether the file has the content and the rights already, so that Write would leave it alone.
func (o Output) Has(secret bool, content []byte) (bool, error) {
	path, descriptor := follow(o.Path)
	if o.IsStdout() || descriptor >= 0 {
		return false, nil
	}
	old, err := os.Stat(path)
	if err != nil || !old.Mode().IsRegular() {
		return false, nil
	}
	same, err := o.unchanged(path, old, o.Rights.forFile(old, secret), bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return false, fmt.Errorf("reading %q: %w", o.Path, UnwrapPath(err))
	}
	return same, nil
}

// unchanged says that the file has the new content, of size bytes, and the rights already.
func (o Output) unchanged(path string, old fs.FileInfo, rights rights, content io.ReaderAt, size int64) (bool, error) {
	if !o.Force || old == nil || old.Size() != size || !rights.has(old) {
		return false, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return false, nil
	}
	defer f.Close()
	return sameContent(f, content, size)
}

// sameContent compares two files of size bytes.
func sameContent(a, b io.ReaderAt, size int64) (bool, error) {
	const chunk = 64 << 10
	one, other := make([]byte, chunk), make([]byte, chunk)
	for at := int64(0); at < size; at += chunk {
		n, err1 := io.ReadFull(io.NewSectionReader(a, at, chunk), one)
		m, err2 := io.ReadFull(io.NewSectionReader(b, at, chunk), other)
		if errors.Is(err1, io.ErrUnexpectedEOF) && errors.Is(err2, io.ErrUnexpectedEOF) {
			err1, err2 = nil, nil
		}
		if err := errors.Join(err1, err2); err != nil || string(one[:n]) != string(other[:m]) {
			return false, err
		}
	}
	return true, nil
}

// Check refuses to replace a file without Force, to write over a database that is in use, and a folder that is not there, before anything
// is made that would be lost.
func (o Output) Check(env *Env) error {
	if o.IsStdout() {
		return nil
	}
	if err := o.Rights.Check(); err != nil {
		return err
	}
	if os.IsPathSeparator(o.Path[len(o.Path)-1]) { // its last element would be taken for a file in that folder
		return fmt.Errorf("writing %q: %w: it names a folder", o.Path, ErrUsage)
	}
	path, descriptor := follow(o.Path)
	if descriptor >= 0 {
		return nil
	}
	if err := env.refuse(path); err != nil {
		return fmt.Errorf("writing %q: %w", o.Path, err)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return NoFolderIf(filepath.Dir(path), fmt.Errorf("writing %q: its folder: %w", o.Path, UnwrapPath(err)))
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil: // there is none; or something that will be an error again
	case info.Mode()&fs.ModeSymlink != 0: // what follow leaves is a circle
		return fmt.Errorf("writing %q: %w: its symbolic links lead in a circle", o.Path, ErrUsage)
	case info.IsDir():
		return fmt.Errorf("writing %q: %w: it is a folder; name a file in it", o.Path, ErrUsage)
	case !o.Force && info.Mode().IsRegular():
		return Mark(FileExists, fmt.Errorf("writing %q: %w", o.Path, fs.ErrExist))
	}
	return nil
}

// NoFolderIf marks an error about a folder as [NoFolder], if it says that the folder does not exist.
func NoFolderIf(folder string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &Problem{Code: NoFolder, Location: folder, Err: err}
	}
	return err
}

// MakeFolder makes the folder of the default database; a folder that somebody named has to be there.
func MakeFolder(d DB, location string) error {
	if d.Location != "" {
		return nil
	}
	return os.MkdirAll(filepath.Dir(location), 0o700)
}

// UnwrapPath leaves the path out, which the message names already.
func UnwrapPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
