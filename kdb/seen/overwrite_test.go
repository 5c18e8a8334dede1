package seen

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestOverwrite_notThroughALink: somebody put a link in the place of the file after it was looked at. What the link names stays as it is.
func TestOverwrite_notThroughALink(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	target, path := filepath.Join(folder, "target"), filepath.Join(folder, fileName)
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Skip(err) // Windows asks for a privilege
	}
	if err := overwrite(path, 0, "line"); !errors.Is(err, ErrUnreadable) {
		t.Errorf("overwrite: %v", err)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "precious" {
		t.Errorf("the target is %q, %v", got, err)
	}
}

// TestOpen_waitsForNobody: neither a link nor a pipe that somebody puts there after the file was looked at is opened.
func TestOpen_waitsForNobody(t *testing.T) {
	t.Parallel()
	target := filepath.Join(t.TempDir(), "target")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, put := range replacements(target) {
		path := filepath.Join(t.TempDir(), fileName)
		if err := put(path); err != nil {
			t.Skip(err) // Windows asks for a privilege
		}
		f, err := open(path, os.O_RDONLY)
		if err == nil {
			f.Close()
		}
		if !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestNote_afterAKilledProcess: what it left does not stand in the way and is removed, and a link in its place is not followed.
func TestNote_afterAKilledProcess(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	target, path := filepath.Join(folder, "target"), filepath.Join(folder, fileName)
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, put := range map[string]func() error{
		"half a file": func() error { return os.WriteFile(path+temporary, []byte("1 01234"), 0o600) },
		"a link":      func() error { return os.Symlink(target, path+temporary) },
	} {
		if err := put(); err != nil {
			t.Skip(err) // Windows asks for a privilege
		}
		if err := Note(folder, Key{Path: what}, State{Generation: 1}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if known, err := Read(folder); err != nil || known.index(Key{Path: what}) != len(known)-1 {
			t.Errorf("%s: %v, %v", what, known, err)
		}
	}
	if err := os.WriteFile(path+temporary, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	last, err := Read(folder)
	if err = errors.Join(err, Note(folder, last[len(last)-1].key, State{Generation: 2})); err != nil { // the line is overwritten
		t.Error(err)
	}
	if _, err := os.Lstat(path + temporary); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its file is still there: %v", err)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "precious" {
		t.Errorf("the target is %q, %v", got, err)
	}
}
