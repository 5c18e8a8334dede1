// Package links makes and removes links to the program under the names of other programs, whose command lines it has.
//
//	made, err := links.Make{Folder: "/usr/local/bin", Names: []string{"dsmcert"}}.Run(dryRun)
//
// A file that is not a link to this program is never replaced or removed.
package links

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"certkdb/commands/op"
)

// Links are the names under which the program is called in a folder.
type Links struct {
	Folder string   `json:"folder"`
	Linked []string `json:"linked"`
	// Removed were links to this program, Kept belong to others.
	Removed   []string `json:"removed"`
	Kept      []string `json:"kept"`
	Unchanged []string `json:"unchanged"`
}

func none(folder string) Links {
	return Links{Folder: folder, Linked: []string{}, Removed: []string{}, Kept: []string{}, Unchanged: []string{}}
}

// HasChanged says whether a link was made or removed.
func (l Links) HasChanged() bool { return len(l.Linked)+len(l.Removed) > 0 }

// Make links all the names, or none if one belongs to another program.
type Make struct {
	Folder  string
	Names   []string // of programs, without ".exe"
	Program string   // the file that the links lead to; "" is the one that runs
}

// Foreign says that a name belongs to another program. It wraps fs.ErrExist.
type Foreign struct{ Path string }

func (e *Foreign) Error() string {
	return fmt.Sprintf("linking %q: %s, and is not a link to this program", e.Path, fs.ErrExist)
}

func (e *Foreign) Unwrap() error { return fs.ErrExist }

// Run makes the links; a dry run says which ones it would make.
func (o Make) Run(dryRun bool) (Links, error) {
	done := none(o.Folder)
	p, err := find(o.Program)
	if err != nil {
		return done, err
	}
	if info, err := os.Stat(o.Folder); err != nil {
		return done, op.NoFolderIf(o.Folder, fmt.Errorf("linking into %q: %w", o.Folder, op.UnwrapPath(err)))
	} else if !info.IsDir() {
		return done, fmt.Errorf("linking into %q: %w: it is not a folder", o.Folder, op.ErrUsage)
	}
	for _, name := range o.Names {
		name = fileName(name)
		path := filepath.Join(o.Folder, name)
		whose, err := p.owner(path)
		switch {
		case err != nil:
			return Links{Folder: o.Folder}, fmt.Errorf("linking %q: %w", path, op.UnwrapPath(err))
		case whose == foreign:
			return Links{Folder: o.Folder}, &Foreign{Path: path}
		case whose == ours:
			done.Unchanged = append(done.Unchanged, name)
		default:
			done.Linked = append(done.Linked, name)
		}
	}
	if dryRun {
		return done, nil
	}
	for i, name := range done.Linked {
		if err := p.link(filepath.Join(o.Folder, name)); err != nil {
			done.Linked = done.Linked[:i]
			return done, fmt.Errorf("linking into %q: %w", o.Folder, err)
		}
	}
	return done, nil
}

// Remove removes the links to the program.
type Remove Make

// Run removes them; a dry run says which ones it would remove.
func (o Remove) Run(dryRun bool) (Links, error) {
	done := none(o.Folder)
	p, err := find(o.Program)
	if err != nil {
		return done, err
	}
	for _, name := range o.Names {
		name = fileName(name)
		path := filepath.Join(o.Folder, name)
		whose, err := p.owner(path)
		if err == nil && whose == ours && !dryRun {
			err = os.Remove(path)
		}
		switch {
		case err != nil:
			return done, fmt.Errorf("removing %q: %w", path, op.UnwrapPath(err))
		case whose == foreign:
			done.Kept = append(done.Kept, name)
		case whose == ours:
			done.Removed = append(done.Removed, name)
		}
	}
	return done, nil
}

// ownership says whose a name in a folder is.
type ownership int

const (
	free ownership = iota
	ours
	foreign
)

// program is the file that links lead to.
type program struct {
	path string
	info fs.FileInfo
}

func find(path string) (program, error) {
	if path == "" {
		var err error
		if path, err = os.Executable(); err != nil {
			return program{}, fmt.Errorf("finding this program: %w", err)
		}
	}
	info, err := os.Stat(path)
	return program{path, info}, err
}

// owner looks at a path. Only a link is ours; on Windows, whose symbolic links need a privilege, it is a hard link.
func (p program) owner(path string) (ownership, error) {
	itself, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return free, nil
	}
	if err != nil {
		return foreign, err
	}
	target, err := os.Stat(path)
	isLink := itself.Mode()&fs.ModeSymlink != 0 || runtime.GOOS == "windows" && path != p.path
	if err == nil && isLink && os.SameFile(target, p.info) {
		return ours, nil
	}
	return foreign, nil
}

func (p program) link(path string) error {
	if runtime.GOOS == "windows" {
		return os.Link(p.path, path)
	}
	return os.Symlink(p.path, path)
}

// fileName is the name of a program's file.
func fileName(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}
