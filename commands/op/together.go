package op

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
)

// Piece is one of several files that are written together.
type Piece struct {
	Path   string
	Rights Rights
	Secret bool // mode 0600 if nothing else is said
	Data   []byte
	// Same, if it is not nil, says whether the file has the content already, for forms that are never the same twice.
	Same func(path string) (bool, error)

	completed bool // FinishTogether wrote the file
}

// State is how a file compares with what it should be.
type State string

// The states of files.
const (
	FileMissing   State = "missing"
	FileDiffers   State = "differs"
	FileUnchanged State = "unchanged"
	FileWritten   State = "written" // just now
)

// IsDone says that the file is as it should be.
func (s State) IsDone() bool { return s == FileUnchanged || s == FileWritten }

// State compares the file with the piece: content and rights.
func (p *Piece) State() (State, error) {
	path, _ := follow(p.Path)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return FileMissing, nil
	}
	if err != nil {
		return "", fmt.Errorf("reading %q: %w", p.Path, UnwrapPath(err))
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%q: %w: it is not a regular file", p.Path, ErrUsage)
	}
	same := p.Same
	if same == nil {
		same = p.equal
	}
	ok, err := same(path)
	if err != nil {
		return "", fmt.Errorf("reading %q: %w", p.Path, UnwrapPath(err))
	}
	if !ok || !p.Rights.forFile(info, p.Secret).has(info) {
		return FileDiffers, nil
	}
	if p.completed {
		return FileWritten, nil
	}
	return FileUnchanged, nil
}

// equal reads no file of another length: it may be larger than the memory.
func (p *Piece) equal(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil || info.Size() != int64(len(p.Data)) {
		return false, err
	}
	data, err := os.ReadFile(path)
	return err == nil && bytes.Equal(data, p.Data), err
}

// Check refuses what could not be written, before anything is made.
func (p *Piece) Check(env *Env) error {
	return Output{Path: p.Path, Rights: p.Rights, Force: true}.Check(env)
}

// FinishTogether completes what a killed process began to write to some of these files, and removes what it left. It must come before
// their states are compared: the files that are to be written then need not be those that were being written. It waits up to timeout for
// another process that is writing them.
func FinishTogether(ctx context.Context, env *Env, timeout time.Duration, pieces []Piece) error {
	return patiently(ctx, timeout, func() error { return finishTogether(env, pieces) })
}

// patiently waits for another process that is writing some of the files. After that the error counts as kdb.ErrChanged.
func patiently(ctx context.Context, timeout time.Duration, try func() error) error {
	err := atomicfile.WhileBusy(ctx, timeout, try)
	if errors.Is(err, atomicfile.ErrBusy) {
		err = Classify(fmt.Errorf("another process is writing the same files: %w", err), kdb.ErrChanged)
	}
	return err
}

func finishTogether(env *Env, pieces []Piece) error {
	paths := make([]string, len(pieces))
	for i := range pieces {
		if err := pieces[i].Check(env); err != nil {
			return err
		}
		paths[i], _ = follow(pieces[i].Path)
		defer pieces[i].noteChange(paths[i])()
	}
	disk := Output{}.disk(env)
	for i := range paths { // the journal is that of one of them
		paths[0], paths[i] = paths[i], paths[0]
		if err := atomicfile.Recover(disk, paths[0], paths[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// noteChange looks at the file, and returns a function that finds out whether it has become another since.
func (p *Piece) noteChange(path string) func() {
	before, errBefore := os.Stat(path)
	return func() {
		now, err := os.Stat(path)
		p.completed = err == nil && (errBefore != nil || !os.SameFile(before, now) || !before.ModTime().Equal(now.ModTime()))
	}
}

// WriteTogether writes files that belong together. All of them are on the disk before the first takes its place, and they take their places
// in their order, in one step: after a kill, [FinishTogether] completes it. An error means that no file was changed, unless
// it wraps atomicfile.ErrUnfinished. Symbolic links are followed. It waits up to timeout for another process that is writing the files.
func WriteTogether(ctx context.Context, env *Env, timeout time.Duration, pieces []Piece) error {
	if len(pieces) == 0 {
		return nil
	}
	env.listen(slices.ContainsFunc(pieces, func(p Piece) bool { return p.Secret }))
	return patiently(ctx, timeout, func() error {
		if err := finishTogether(env, pieces); err != nil {
			return err
		}
		return writeTogether(env, pieces)
	})
}

func writeTogether(env *Env, pieces []Piece) error {
	disk := Output{}.disk(env)
	paths := make([]string, len(pieces))
	for i := range pieces {
		paths[i], _ = follow(pieces[i].Path)
	}
	set := atomicfile.NewSet(disk, paths[0])
	defer set.Discard()
	wanted := make([]rights, len(pieces))
	for i := range pieces {
		var err error
		if wanted[i], err = pieces[i].add(set, paths[i]); err != nil {
			return fmt.Errorf("writing %q: %w", pieces[i].Path, UnwrapPath(err))
		}
	}
	if set.Overwrites() {
		for i, path := range paths {
			if err := setRights(disk, path, wanted[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("writing %q: %w", pieces[i].Path, UnwrapPath(err))
			}
		}
	}
	if err := set.Replace(); err != nil {
		return fmt.Errorf("replacing %q and the files with it: %w", pieces[0].Path, UnwrapPath(err))
	}
	return nil
}

// add prepares the new file, and says which rights it gets.
func (p *Piece) add(set *atomicfile.Set, path string) (rights, error) {
	old, err := os.Stat(path)
	if err != nil {
		old = nil
	}
	wanted := p.Rights.forFile(old, p.Secret)
	t, err := set.Add(path)
	if err != nil {
		return wanted, err
	}
	if _, err := t.Write(p.Data); err != nil {
		return wanted, err
	}
	return wanted, wanted.set(t.Chmod, t.Chown)
}
