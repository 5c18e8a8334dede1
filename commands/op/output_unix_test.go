//go:build unix

package op

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestOutput_neverOverADatabaseInUse: under its own name, another spelling, a symbolic link or a hard link, and what belongs to it.
func TestOutput_neverOverADatabaseInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"db", "db.stash"} {
		if err := os.WriteFile(path(name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(
		os.Symlink("db", path("symlink")), os.Symlink("symlink", path("symlink2")), os.Link(path("db"), path("hardlink")),
		os.Symlink(dir, path("folder")), os.Symlink("new", path("dangling")),
	)
	if err != nil {
		t.Fatal(err)
	}
	env := &Env{}
	env.Protect(path("symlink"), path("db.stash"), path("new"), "")
	for _, name := range []string{
		"db", "db.stash", "symlink", "symlink2", "hardlink", "folder/db", "folder/../" + filepath.Base(dir) + "/db", "new", "dangling",
	} {
		for _, force := range []bool{false, true} {
			out := Output{Path: dir + "/" + name, Force: force}
			err := out.Write(env, false, fill("over it"))
			if problem, ok := errors.AsType[*Problem](err); !ok || problem.Code != OverDatabase || !errors.Is(err, ErrUsage) {
				t.Errorf("%s: %v, want OverDatabase", name, err)
			}
		}
	}
	if err := (Output{Path: path("other")}).Write(env, false, fill("mine")); err != nil {
		t.Error(err)
	}
}

// TestOutput_openFiles: what /dev/fd names is written to at its position, and never replaced.
func TestOutput_openFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("before "); err != nil {
		t.Fatal(err)
	}
	var stdout strings.Builder
	env := &Env{Stdout: &stdout}
	for _, force := range []bool{false, true} {
		for _, name := range []string{"/dev/fd/" + strconv.Itoa(int(f.Fd())), "/dev/stdout", "/dev/fd/1"} {
			if err := (Output{Path: name, Force: force}).Write(env, true, fill("text ")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "before text text " || stdout.String() != "text text text text " {
		t.Errorf("the file holds %q, standard output %q, %v", data, stdout.String(), err)
	}
}

func TestOutput_symbolicLinksAreFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link, target := filepath.Join(dir, "link"), filepath.Join(dir, "target")
	if err := os.Symlink("target", link); err != nil {
		t.Fatal(err)
	}
	for _, force := range []bool{false, true} { // the first makes the target
		text := strconv.FormatBool(force)
		if err := (Output{Path: link, Force: force}).Write(&Env{}, false, fill(text)); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(target)
		if to, errLink := os.Readlink(link); err != nil || errLink != nil || string(data) != text || to != "target" {
			t.Errorf("the target holds %q, the link names %q, %v, %v", data, to, err, errLink)
		}
	}
	if err := (Output{Path: link}).Write(&Env{}, false, fill("x")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("without force: %v", err)
	}
}

// TestOutput_hardLinksAndSecrets: both names get the content, and the right of everybody to read it is gone before it is there.
func TestOutput_hardLinksAndSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, other := filepath.Join(dir, "one"), filepath.Join(dir, "other")
	if err := errors.Join(os.WriteFile(one, []byte("old"), 0o600), os.Chmod(one, 0o644), os.Link(one, other)); err != nil {
		t.Fatal(err)
	}
	if err := (Output{Path: one, Force: true}).Write(&Env{}, true, fill("secret")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(other)
	info, errStat := os.Stat(other)
	if err != nil || errStat != nil || string(data) != "secret" || info.Mode().Perm() != 0o600 || info.Sys().(*syscall.Stat_t).Nlink != 2 {
		t.Errorf("the other name has %q, mode %v, %v, %v", data, info.Mode(), err, errStat)
	}
}

func TestOutput_sameContentIsLeftAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a")
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	text := strings.Repeat("0123456789", 20_000)
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, old, old)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text   string
		rights Rights
		same   bool
	}{
		"the same":              {text, Rights{}, true},
		"the same and its mode": {text, Rights{Mode: "600"}, true},
		"another end":           {text[1:] + "x", Rights{}, false},
		"longer":                {text + "x", Rights{}, false},
		"another mode":          {text, Rights{Mode: "0640"}, false},
	} {
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, 0o600), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
		told := false
		out := Output{Path: path, Force: true, Rights: c.rights, Unchanged: func() { told = true }}
		if has, err := out.Has(false, []byte(c.text)); err != nil || has != c.same {
			t.Errorf("%s: it has it: %v, %v", name, has, err)
		}
		if err := out.Write(&Env{}, false, fill(c.text)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.ModTime().Equal(old) != c.same || told != c.same {
			t.Errorf("%s: written at %v, told %v, %v", name, info.ModTime(), told, err)
		}
	}
}

// TestOutput_hasIt: of what is no file, and of a secret that everybody may read, nothing is taken to be there.
func TestOutput_hasIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link, open := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "open")
	err := errors.Join(os.WriteFile(file, []byte("key"), 0o600), os.Symlink(file, link))
	err = errors.Join(err, os.WriteFile(open, []byte("key"), 0o600), os.Chmod(open, 0o604))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		file: true, link: true, open: false, "": false, "-": false, "/dev/null": false, "/dev/fd/1": false, dir: false, dir + "/none": false,
	} {
		if has, err := (Output{Path: path, Force: true}).Has(true, []byte("key")); err != nil || has != want {
			t.Errorf("%q: %v, %v", path, has, err)
		}
	}
	if has, err := (Output{Path: file}).Has(true, []byte("key")); err != nil || has {
		t.Errorf("without Force: %v, %v", has, err)
	}
}

func TestOutput_rights(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	self := strconv.Itoa(os.Getuid())
	for _, mode := range []string{"0640", "600", "0444"} {
		out := Output{Path: path, Force: true, Rights: Rights{Mode: mode, Owner: self, Group: strconv.Itoa(os.Getgid())}}
		if err := out.Write(&Env{}, true, fill(mode)); err != nil {
			t.Fatal(err)
		}
		want, _ := strconv.ParseUint(mode, 8, 32)
		if info, err := os.Stat(path); err != nil || uint64(info.Mode().Perm()) != want {
			t.Errorf("%s: the mode is %v, %v", mode, info.Mode(), err)
		}
	}
	for name, rights := range map[string]Rights{
		"no number": {Mode: "rw-r-----"}, "a bit too many": {Mode: "4755"}, "nobody": {Mode: "0"},
		"no such user": {Owner: "no-such-user"}, "no such group": {Group: "no-such-group"},
	} {
		var invalid *Invalid
		if err := (Output{Path: filepath.Join(dir, "b"), Rights: rights}).Write(&Env{}, false, fill("")); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if os.Getuid() != 0 {
		return
	}
	out := Output{Path: path, Force: true, Rights: Rights{Owner: "4711", Group: "4712"}}
	if err := out.Write(&Env{}, false, fill("theirs")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Sys().(*syscall.Stat_t).Uid != 4711 || info.Sys().(*syscall.Stat_t).Gid != 4712 {
		t.Errorf("the owner is %+v, %v", info.Sys(), err)
	}
}
