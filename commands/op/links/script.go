package links

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"certkdb/commands/op"
)

// Script is a file that belongs to this program in a folder of another one, such as a shell's.
type Script struct {
	Path    string
	Content string
	// Mark is a text in every version of the script. A file without it belongs to somebody else, and is neither replaced nor removed.
	Mark string
}

// ScriptAction is what became of a script.
type ScriptAction string

// What becomes of a script.
const (
	ScriptInstalled ScriptAction = "installed"
	ScriptRemoved   ScriptAction = "removed"
	ScriptUnchanged ScriptAction = "unchanged"
)

// Install writes the script and makes the folders that lack. The error wraps fs.ErrExist if the file belongs to somebody else.
func (s Script) Install(env *op.Env, dryRun bool) (ScriptAction, error) {
	old, err := s.content()
	switch {
	case err != nil:
		return "", err
	case string(old) == s.Content:
		return ScriptUnchanged, nil
	case dryRun:
		return ScriptInstalled, nil
	}
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o755); err != nil {
		return "", fmt.Errorf("writing %q: %w", s.Path, op.UnwrapPath(err))
	}
	return ScriptInstalled, op.Output{Path: s.Path, Force: true, Lax: true}.Write(env, false, func(w io.Writer) error {
		_, err := io.WriteString(w, s.Content)
		return err
	})
}

// Remove removes the script, in whatever version.
func (s Script) Remove(dryRun bool) (ScriptAction, error) {
	old, err := s.content()
	switch {
	case err != nil:
		return "", err
	case old == nil:
		return ScriptUnchanged, nil
	case dryRun:
		return ScriptRemoved, nil
	}
	if err := os.Remove(s.Path); err != nil {
		return "", fmt.Errorf("removing %q: %w", s.Path, op.UnwrapPath(err))
	}
	return ScriptRemoved, nil
}

// content is what is in the file, nil if there is none.
func (s Script) content() ([]byte, error) {
	old, err := os.ReadFile(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading %q: %w", s.Path, op.UnwrapPath(err))
	case !bytes.Contains(old, []byte(s.Mark)):
		return nil, fmt.Errorf("%q is not a script of certkdb: %w", s.Path, fs.ErrExist)
	}
	return old, nil
}
