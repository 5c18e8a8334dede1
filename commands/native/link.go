package native

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

// links are the names under which the program is called in a folder.
type links struct {
	Folder string   `json:"folder"`
	Linked []string `json:"linked,omitempty"`
	// Removed were links to this program, Kept belong to others.
	Removed   []string `json:"removed,omitempty"`
	Kept      []string `json:"kept,omitempty"`
	Unchanged []string `json:"unchanged,omitempty"`
}

// HasChanged says whether a link was made or removed.
func (l links) HasChanged() bool { return len(l.Linked)+len(l.Removed) > 0 }

func (l links) print(w io.Writer) {
	for _, list := range []struct {
		what  string
		names []string
	}{{"linked", l.Linked}, {"removed", l.Removed}, {"kept another program's", l.Kept}} {
		for _, name := range list.names {
			fmt.Fprintf(w, "%s %q\n", list.what, filepath.Join(l.Folder, name))
		}
	}
	if !l.HasChanged() {
		fmt.Fprintf(w, "nothing to do in %q\n", l.Folder)
	}
}

func linkCommand(env *op.Env, names []string) *cli.Command {
	return &cli.Command{
		Name: "link", Category: groupOperations, Usage: "create links to certkdb with the names of IBM's programs", ArgsUsage: "FOLDER",
		Description: "Creates a link in the folder for each name in the group of dialects, so that scripts find dsmcert, gsk8capicmd_64 and\n" +
			"the others there. If another program already has one of the names, no link is created.\n\n" +
			examples("certkdb link /usr/local/ibm/gsk8_64/bin"),
		Flags: changeFlags(),
		Action: action(env, "link", func(c *cli.Context, args []string) (links, error) {
			return makeLinks(args[0], names, c.Bool(flagDryRun))
		}, func(w io.Writer, l links) { l.print(w) }),
	}
}

func unlinkCommand(env *op.Env, names []string) *cli.Command {
	return &cli.Command{
		Name: "unlink", Category: groupOperations, Usage: "remove the links to certkdb from a folder", ArgsUsage: "FOLDER",
		Description: "Other programs with those names are left alone.\n\n" + examples("certkdb unlink /usr/local/ibm/gsk8_64/bin"),
		Flags:       changeFlags(),
		Action: action(env, "unlink", func(c *cli.Context, args []string) (links, error) {
			return removeLinks(args[0], names, c.Bool(flagDryRun))
		}, func(w io.Writer, l links) { l.print(w) }),
	}
}

// ownership says whose a name in a folder is.
type ownership int

const (
	free ownership = iota
	ours
	foreign
)

// programFile is the file that runs; links lead to it.
type programFile struct {
	path string
	info fs.FileInfo
}

func thisProgram() (programFile, error) {
	path, err := os.Executable()
	if err != nil {
		return programFile{}, fmt.Errorf("finding this program: %w", err)
	}
	info, err := os.Stat(path)
	return programFile{path, info}, err
}

// owner looks at a path. Only a link is ours; on Windows, whose symbolic links need a privilege, it is a hard link.
func (p programFile) owner(path string) (ownership, error) {
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

func (p programFile) link(path string) error {
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

// makeLinks links all the names, or none if one belongs to another program.
func makeLinks(folder string, names []string, dryRun bool) (links, error) {
	done := links{Folder: folder}
	p, err := thisProgram()
	if err != nil {
		return done, err
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return done, fmt.Errorf("linking into %q: %w", folder, whyNot(err, fs.ErrNotExist))
	}
	for _, name := range names {
		name = fileName(name)
		whose, err := p.owner(filepath.Join(folder, name))
		switch {
		case err != nil:
			return links{Folder: folder}, fmt.Errorf("linking %q: %w", name, op.UnwrapPath(err))
		case whose == foreign:
			return links{Folder: folder}, fmt.Errorf("linking %q: %w, and is not a link to this program", filepath.Join(folder, name), fs.ErrExist)
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
		if err := p.link(filepath.Join(folder, name)); err != nil {
			done.Linked = done.Linked[:i]
			return done, fmt.Errorf("linking into %q: %w", folder, err)
		}
	}
	return done, nil
}

// whyNot is err without its path, or otherwise if err is nil.
func whyNot(err, otherwise error) error {
	if err == nil {
		return otherwise
	}
	return op.UnwrapPath(err)
}

// removeLinks removes the links to this program.
func removeLinks(folder string, names []string, dryRun bool) (links, error) {
	done := links{Folder: folder}
	p, err := thisProgram()
	if err != nil {
		return done, err
	}
	for _, name := range names {
		name = fileName(name)
		path := filepath.Join(folder, name)
		whose, err := p.owner(path)
		switch {
		case err != nil:
			return done, fmt.Errorf("removing links: %w", err)
		case whose == foreign:
			done.Kept = append(done.Kept, name)
		case whose == ours:
			if !dryRun {
				err = os.Remove(path)
			}
			if err != nil {
				return done, fmt.Errorf("removing links: %w", err)
			}
			done.Removed = append(done.Removed, name)
		}
	}
	return done, nil
}
