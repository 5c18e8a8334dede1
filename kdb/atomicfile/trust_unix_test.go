//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestRecover_othersInAStickyFolder: in a folder such as /tmp anybody may put a journal next to a file that only its owner may replace.
func TestRecover_othersInAStickyFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("only the administrator can make files of others")
		return
	}
	for what, c := range map[string]struct {
		sticky    bool
		of        func(j *journal) string // the file that belongs to somebody else
		want      string
		forbidden bool
	}{
		"a journal":                  {true, func(j *journal) string { return j.at }, "old a", true},
		"the new content":            {true, func(j *journal) string { return j.actions[0].temp }, "old a", false},
		"a journal where all may":    {false, func(j *journal) string { return j.at }, "new a", false},
		"their own file and journal": {true, func(j *journal) string { return j.actions[0].path }, "new a", false},
	} {
		dir, j := pending(t)
		if c.sticky {
			if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(c.of(j), 4711, 4711); err != nil {
			t.Fatal(err)
		}
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		if got := Current(a, b); slices.Equal(got, []string{a, b}) != (c.want == "old a") {
			t.Errorf("%s of another user: readers read %q", what, got)
		}
		if err := Recover(Disk{}, a, b); errors.Is(err, fs.ErrPermission) != c.forbidden {
			t.Errorf("%s of another user: Recover = %v", what, err)
		}
		if data, err := os.ReadFile(a); err != nil || string(data) != c.want {
			t.Errorf("%s of another user: the file holds %q, %v", what, data, err)
		}
	}
}

// TestRecover_othersInTheTemporaryFolder: whatever its mode, anybody may put a journal there; one of another user is none.
func TestRecover_othersInTheTemporaryFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only the administrator can make files of others")
		return
	}
	away := t.TempDir()
	t.Setenv("TMPDIR", away)
	for _, mode := range []fs.FileMode{0o777, 0o777 | fs.ModeSticky} {
		if err := os.Chmod(away, mode); err != nil {
			t.Fatal(err)
		}
		main := filepath.Join(t.TempDir(), "a")
		write(t, main, "old a")
		temp := awayPrefix(away, main) + "new"
		write(t, temp, "evil")
		j := &journal{kind: "replace", at: awayPrefix(away, main) + journalName, main: main, actions: []action{
			{verb: "write", path: main, temp: temp, old: digest("old a"), next: digest("evil")},
		}}
		write(t, j.at, string(j.encode()))
		for _, path := range []string{temp, j.at} {
			if err := os.Chown(path, 4711, 4711); err != nil {
				t.Fatal(err)
			}
		}
		if got := Current(main); got[0] != main {
			t.Errorf("%v: readers read %q", mode, got)
		}
		if err := Recover(Disk{}, main); err != nil {
			t.Errorf("%v: Recover = %v", mode, err)
		}
		if data, err := os.ReadFile(main); err != nil || string(data) != "old a" {
			t.Errorf("%v: the file holds %q, %v", mode, data, err)
		}
	}
}

// TestRecover_othersAboutAnotherFolder: who may write the folder of a journal need not be able to write the folders of all files.
func TestRecover_othersAboutAnotherFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("only the administrator can make files of others")
		return
	}
	dir, j := pending(t)
	path := filepath.Join(t.TempDir(), "c")
	write(t, path, "old c")
	j.actions = append(j.actions, action{verb: "remove", path: path, old: digest("old c"), next: absent})
	write(t, j.at, string(j.encode()))
	if err := os.Chown(j.at, 4711, 4711); err != nil {
		t.Fatal(err)
	}
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if got := Current(a, b, path); !slices.Equal(got, []string{a, b, path}) {
		t.Errorf("readers read %q", got)
	}
	if err := Recover(Disk{}, a, b, path); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Recover = %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "old c" {
		t.Errorf("the file holds %q, %v", data, err)
	}
}
