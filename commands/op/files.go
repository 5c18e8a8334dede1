package op

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"certkdb/kdb/atomicfile"
)

// writeSecret writes a file that only its owner may read, whole or not at all. It never replaces one.
func writeSecret(path string, data []byte) error {
	t, err := atomicfile.New(atomicfile.Disk{}, path)
	if err != nil {
		return Mark(SecretExists, fmt.Errorf("writing %q: %w", path, err))
	}
	defer t.Discard()
	if _, err = t.Write(data); err == nil {
		err = t.Publish()
	}
	if errors.Is(err, fs.ErrExist) {
		return Mark(SecretExists, fmt.Errorf("writing %q: %w", path, err))
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// Output is where a result goes that is a file.
type Output struct {
	Path  string // "" or "-" is standard output
	Force bool   // replace an existing file
	// Lax does not wait for the disk: what is lost with the power can be had again.
	Lax bool
}

// IsStdout says that the result goes to standard output.
func (o Output) IsStdout() bool {
	return o.Path == "" || o.Path == "-"
}

// Write calls fill with a writer. A file appears whole or not at all, with mode 0600 if it is secret, else 0644.
func (o Output) Write(env *Env, secret bool, fill func(io.Writer) error) error {
	if o.IsStdout() {
		return fill(env.Stdout)
	}
	if err := o.Check(); err != nil {
		return err
	}
	old, err := os.Stat(o.Path)
	if err == nil && !old.Mode().IsRegular() {
		return o.writeThrough(fill)
	}
	if err == nil {
		o.Path = atomicfile.Follow(o.Path)
	}
	return o.replace(old, secret, fill)
}

// writeThrough writes to what is not a regular file (a device, a pipe, /dev/stdout), which is never replaced.
func (o Output) writeThrough(fill func(io.Writer) error) error {
	f, err := os.OpenFile(o.Path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("writing %q: %w", o.Path, UnwrapPath(err))
	}
	err = fill(f)
	if closing := f.Close(); err == nil && closing != nil {
		err = fmt.Errorf("writing %q: %w", o.Path, UnwrapPath(closing))
	}
	return err
}

// replace writes a new file and gives it its name. It keeps the owner and the mode of the old one, nil if there is none, unless
// it is a secret and the old one is open to everybody.
func (o Output) replace(old fs.FileInfo, secret bool, fill func(io.Writer) error) error {
	mode := fs.FileMode(0o644)
	if secret {
		mode = 0o600
	}
	var disk atomicfile.FS = atomicfile.Disk{}
	if o.Lax {
		disk = atomicfile.NoSync{}
	}
	t, err := atomicfile.New(disk, o.Path)
	if err != nil {
		return fmt.Errorf("writing %q: %w", o.Path, err)
	}
	defer t.Discard()
	err = fill(t)
	if err != nil && t.Failed() == nil {
		return err // of what should have been written
	}
	if err == nil {
		err = t.Chmod(mode)
	}
	if err == nil && old != nil && (!secret || old.Mode().Perm()&0o007 == 0) {
		if err = t.Keep(old); errors.Is(err, atomicfile.ErrOwner) {
			err = nil // nobody gains rights by it
		}
	}
	if err == nil && o.Force {
		err = t.Replace()
	} else if err == nil {
		err = t.Publish()
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", o.Path, err)
	}
	return nil
}

// Check refuses to replace a file without Force, and a folder that is not there, before anything is made that would be lost.
func (o Output) Check() error {
	if o.IsStdout() {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(o.Path)); err != nil {
		return fmt.Errorf("writing %q: its folder: %w", o.Path, UnwrapPath(err))
	}
	if o.Force {
		return nil
	}
	if target, err := os.Stat(o.Path); err == nil && !target.Mode().IsRegular() && !target.IsDir() {
		return nil // it is written to, not replaced
	}
	if _, err := os.Lstat(o.Path); err == nil {
		return Mark(FileExists, fmt.Errorf("writing %q: %w", o.Path, fs.ErrExist))
	}
	return nil
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
