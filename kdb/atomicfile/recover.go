package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"certkdb/kdb/internal/lockfile"
)

// ErrBusy says that another process is making the change of which there is a journal.
var ErrBusy = lockfile.ErrBusy

// LockFolder keeps others who call it from going on until what it returns is called. It waits up to timeout, and then, or where folders
// cannot be locked, locks nothing: whoever calls it must be safe without the lock.
func LockFolder(ctx context.Context, path string, timeout time.Duration) (unlock func()) {
	return lockfile.Folder(ctx, path, timeout)
}

// WhileBusy calls try until its error no longer wraps [ErrBusy], or the timeout is over; it calls it at least once.
func WhileBusy(ctx context.Context, timeout time.Duration, try func() error) error {
	return lockfile.Wait(ctx, timeout, ErrBusy, try)
}

// Recover completes the change to a main file and those that belong to it that a killed process left, or goes back to the state before
// if it cannot be completed, and removes what it left behind. The caller holds the lock of the main file. The journal is not believed:
// it must come from somebody who may change the files, names none but the given paths, and nothing is done unless all files have the
// content that it says. The error wraps ErrBusy if the process is alive.
func Recover(disk FS, main string, others ...string) error {
	for _, at := range journalPaths(main) {
		if err := recoverFrom(disk, at, main, others); err != nil {
			return fmt.Errorf("completing an interrupted change (%s): %w", at, err)
		}
	}
	return nil
}

func recoverFrom(disk FS, at, main string, others []string) error {
	f, err := os.OpenFile(at, os.O_RDWR|noFollow, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // a file in the place of its folder is for the caller to report
		return nil
	}
	if err != nil {
		return bare(err)
	}
	defer lockfile.Close(f)
	if err := lockfile.TryFile(f); errors.Is(err, ErrBusy) {
		return ErrBusy
	}
	if !hasName(f, at) { // it was completed meanwhile
		return nil
	}
	j, err := readJournal(f, at, append([]string{main}, others...))
	if errors.Is(err, fs.ErrPermission) {
		return err
	}
	lockfile.Close(f) // Windows removes no open files
	switch {
	case err != nil:
		return bare(disk.Remove(at))
	case j.kind == "create":
		return j.undo(disk, main)
	case !j.complete():
		return j.drop(disk)
	}
	if err := j.perform(disk); err != nil {
		return err
	}
	j.remove(disk)
	return nil
}

// readJournal reads an open journal. The error wraps fs.ErrPermission if it comes from somebody who may not change the main file.
func readJournal(f *os.File, at string, paths []string) (*journal, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	for i, path := range paths {
		if _, err := os.Lstat(path); i > 0 && errors.Is(err, fs.ErrNotExist) {
			continue // a new file takes nothing from anybody
		}
		if !trusted(info, filepath.Dir(at), path) {
			return nil, fmt.Errorf("%w: it belongs to another user", fs.ErrPermission)
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxJournal))
	if err != nil {
		return nil, err
	}
	return decodeJournal(data, at, paths)
}

// complete says whether every file is as it was before or as it is to be, and the new content of the former is there.
func (j *journal) complete() bool {
	for _, a := range j.actions {
		now, err := digestOf(a.path)
		if err != nil {
			return false
		}
		if now == a.next {
			continue
		}
		// A file that was being overwritten may have any content.
		if now != a.old && (a.verb != "write" || now == absent) {
			return false
		}
		if a.verb == "remove" {
			continue
		}
		info, err := os.Lstat(a.temp)
		if err != nil || !trusted(info, filepath.Dir(a.temp), a.path) {
			return false
		}
		if next, err := digestOf(a.temp); err != nil || next != a.next {
			return false
		}
	}
	return true
}

// drop removes a journal that says nothing about the files as they are, and the new contents.
func (j *journal) drop(disk FS) error {
	if err := disk.Remove(j.at); err != nil {
		return bare(err)
	}
	for _, a := range j.actions {
		if a.temp != "" {
			removeStale(disk, a.temp, a.path)
		}
	}
	return nil
}

// undo removes what a killed creation made, if it did not come to the main file.
func (j *journal) undo(disk FS, main string) error {
	if _, err := os.Lstat(main); errors.Is(err, fs.ErrNotExist) {
		for _, a := range j.actions {
			if now, err := digestOf(a.path); err != nil || now != a.next && now != digestOfNothing || a.old != absent {
				continue
			}
			if err := disk.Remove(a.path); err != nil {
				return bare(err)
			}
		}
	}
	return j.drop(disk)
}

// Interrupted describes the journal of an interrupted change, or of one that is being made; nil if there is none.
func Interrupted(main string) fs.FileInfo {
	for _, at := range journalPaths(main) {
		if info, err := os.Lstat(at); err == nil {
			return info
		}
	}
	return nil
}

// Current returns where the contents of files are, for readers, who lock nothing: if a change was decided and not all files have it yet,
// the temporary files of the others; "" for a file that is going to be removed.
func Current(main string, others ...string) []string {
	paths := append([]string{main}, others...)
	for _, at := range journalPaths(main) {
		f, err := os.OpenFile(at, os.O_RDONLY|noFollow, 0)
		if err != nil {
			continue
		}
		j, err := readJournal(f, at, paths)
		f.Close()
		if err != nil || j.kind != "replace" || !j.complete() {
			continue
		}
		return j.current(paths)
	}
	return paths
}

func (j *journal) current(paths []string) []string {
	where := slices.Clone(paths)
	for _, a := range j.actions {
		if now, err := digestOf(a.path); err == nil && now != a.next {
			where[slices.Index(paths, a.path)] = a.temp
		}
	}
	return where
}
