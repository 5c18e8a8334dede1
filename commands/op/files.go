package op

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeSecret writes a file that only its owner may read. It never replaces one.
func writeSecret(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Mark(SecretExists, fmt.Errorf("writing %q: %w", path, UnwrapPath(err)))
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// Output is where a result goes that is a file.
type Output struct {
	Path  string // "" or "-" is standard output
	Force bool   // replace an existing file
	// lax does not wait for the disk: what is lost with the power can be had again.
	Lax bool
}

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
	mode := fs.FileMode(0o644)
	if secret {
		mode = 0o600
	}
	f, err := os.CreateTemp(filepath.Dir(o.Path), "."+filepath.Base(o.Path)+".*") // 0600
	if err != nil {
		return fmt.Errorf("writing %q: %w", o.Path, UnwrapPath(err))
	}
	w := &noticing{w: f}
	err = fill(w)
	filled := err == nil
	err = errors.Join(err, f.Chmod(mode), o.sync(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), o.Path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	if err != nil && (filled || w.failed) {
		return fmt.Errorf("writing %q: %w", o.Path, UnwrapPath(err))
	}
	return err // of what should have been written
}

// noticing remembers whether writing failed.
type noticing struct {
	w      io.Writer
	failed bool
}

func (n *noticing) Write(data []byte) (int, error) {
	written, err := n.w.Write(data)
	n.failed = n.failed || err != nil
	return written, err
}

func (o Output) sync(f *os.File) error {
	if o.Lax {
		return nil
	}
	return f.Sync()
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
