package atomicfile

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// paths are those of the example in FORMAT.md.
var paths = []string{"/keys/key.kdb", "/keys/key.rdb", "/elsewhere/key.crl"}

// example is the journal in FORMAT.md.
func example(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```\n"+journalHead)
	body, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("there is no example")
	}
	return journalHead + body
}

func TestJournal_exampleOfTheDocument(t *testing.T) {
	t.Parallel()
	text := example(t)
	j, err := decodeJournal([]byte(text), journalPath(paths[0]), paths)
	if err != nil {
		t.Fatalf("%v; its lines add up to %q", err, withSum(text))
	}
	if j.kind != "replace" || len(j.actions) != 3 || j.actions[1].verb != "write" || j.actions[2].path != paths[2] ||
		j.actions[0].temp != "/keys/.key.kdb.certkdb-new" || j.actions[2].next != absent {
		t.Errorf("it says %+v", j)
	}
	if got := j.encode(); string(got) != text {
		t.Errorf("it is written as %s", got)
	}
}

// withSum replaces the last line by the right one.
func withSum(text string) string {
	body := text[:strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n")+1]
	return body + fmt.Sprintf("sum %x\n", sha256.Sum256([]byte(body)))
}

func TestJournal_refuses(t *testing.T) {
	t.Parallel()
	good := example(t)
	name, temp := `"key.kdb"`, `".key.kdb.certkdb-new"`
	for what, text := range map[string]string{
		"nothing":                            "",
		"another version":                    strings.Replace(good, "journal 1", "journal 2", 1),
		"another kind":                       strings.Replace(good, "1 replace", "1 repair", 1),
		"no action":                          journalHead + "replace\nsum\n",
		"too many actions":                   journalHead + "replace\n" + strings.Repeat("remove \"key.kdb\" - - -\n", maxActions+1) + "sum\n",
		"a file that is not the database's":  strings.Replace(good, name, `"passwd"`, 1),
		"a file of that name elsewhere":      strings.Replace(good, `"../elsewhere/key.crl"`, `"key.crl"`, 1),
		"a path":                             strings.Replace(good, name, `"../key.kdb"`, 1),
		"a file twice":                       strings.Replace(good, `"key.rdb" ".key.rdb`, `"key.kdb" ".key.kdb`, 1),
		"new content elsewhere":              strings.Replace(good, temp, `"../.key.kdb.certkdb-new"`, 1),
		"new content of another name":        strings.Replace(good, temp, `"evil"`, 1),
		"new content that is the journal":    strings.Replace(good, temp, `".key.kdb.certkdb-journal"`, 1),
		"new content that is another file's": strings.Replace(good, temp, `".key.rdb.certkdb-new"`, 1),
		"another verb":                       strings.Replace(good, "rename ", "link ", 1),
		"new content of a removed file":      strings.Replace(good, `key.crl" -`, `key.crl" ".key.crl.certkdb-new"`, 1),
		"a short digest":                     strings.Replace(good, "5feceb", "5feceb0", 1),
		"no quotes":                          strings.Replace(good, name, "key.kdb", 1),
		"blanks":                             strings.Replace(good, "rename ", "rename  ", 1),
		"no newline at the end":              strings.TrimSuffix(good, "\n"),
	} {
		for _, text := range []string{text, withSum(text)} {
			if j, err := decodeJournal([]byte(text), journalPath(paths[0]), paths); !errors.Is(err, ErrJournal) && text != good {
				t.Errorf("%s: %+v, %v", what, j, err)
			}
		}
	}
	if _, err := decodeJournal([]byte(strings.Replace(good, "5fe", "6fe", 1)), journalPath(paths[0]), paths); !errors.Is(err, ErrJournal) {
		t.Errorf("with a wrong sum: %v", err)
	}
}

func write(t testing.TB, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func digest(data string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(data))) }

// pending makes a folder with a change that was decided: a and b are to be new.
func pending(t testing.TB) (dir string, j *journal) {
	t.Helper()
	dir = t.TempDir()
	j = &journal{kind: "replace", at: journalPath(filepath.Join(dir, "a")), main: filepath.Join(dir, "a")}
	for _, name := range []string{"a", "b"} {
		path := filepath.Join(dir, name)
		temp := filepath.Join(dir, "."+name+mark+"new")
		write(t, path, "old "+name)
		write(t, temp, "new "+name)
		j.actions = append(j.actions, action{verb: "rename", path: path, temp: temp, old: digest("old " + name), next: digest("new " + name)})
	}
	write(t, j.at, string(j.encode()))
	return dir, j
}

// TestJournal_sameNameInTwoFolders, as of a key and a certificate of a server, seen from two working folders.
func TestJournal_sameNameInTwoFolders(t *testing.T) {
	t.Parallel()
	dir, _ := pending(t)
	var files []string
	for _, name := range []string{"cert/web.pem", "key/web.pem", "web.pem"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, path, "old "+name)
		files = append(files, path)
	}
	j := &journal{kind: "replace", at: journalPath(files[0]), main: files[0]}
	for _, path := range files {
		temp := filepath.Join(filepath.Dir(path), ".web.pem"+mark+"new")
		write(t, temp, "new "+filepath.Dir(path))
		a := action{verb: "rename", path: path, temp: temp}
		if err := a.digest(); err != nil {
			t.Fatal(err)
		}
		j.actions = append(j.actions, a)
	}
	write(t, j.at, string(j.encode()))
	if err := Recover(Disk{}, files[0], files[2], files[1]); err != nil { // in any order
		t.Error(err)
	}
	for _, path := range files {
		if data, err := os.ReadFile(path); err != nil || string(data) != "new "+filepath.Dir(path) {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got := nameFrom("cert/web.pem", filepath.Join(here, "key", "web.pem")); got != "../key/web.pem" {
		t.Errorf("a file by its absolute path: %q", got)
	}
}

// state says what is in a folder.
func state(t testing.TB, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Name()+"="+string(data))
	}
	return strings.Join(all, ", ")
}

func TestRecover(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change func(dir string, j *journal)
		want   string
	}{
		"nothing was done yet": {func(string, *journal) {}, "a=new a, b=new b"},
		"one is replaced":      {func(dir string, j *journal) { _ = os.Rename(j.actions[0].temp, j.actions[0].path) }, "a=new a, b=new b"},
		"another program wrote a file": {
			func(dir string, j *journal) { write(t, j.actions[0].path, "other") }, "a=other, b=old b",
		},
		"the new content was changed": {
			func(dir string, j *journal) { write(t, j.actions[1].temp, "other") }, "a=old a, b=old b",
		},
		"the new content is missing": {
			func(dir string, j *journal) { _ = os.Remove(j.actions[1].temp) }, "a=old a, b=old b",
		},
		"a file is missing": {func(dir string, j *journal) { _ = os.Remove(j.actions[1].path) }, "a=old a"},
		"the journal is damaged": {
			func(dir string, j *journal) { write(t, j.at, "x") }, ".a.certkdb-new=new a, .b.certkdb-new=new b, a=old a, b=old b",
		},
		"it speaks of another file": {
			func(dir string, j *journal) {
				j.actions[1].path, j.actions[1].temp = filepath.Join(dir, "c"), filepath.Join(dir, ".c.certkdb-new")
				write(t, j.at, string(j.encode()))
			}, ".a.certkdb-new=new a, .b.certkdb-new=new b, a=old a, b=old b",
		},
	} {
		dir, j := pending(t)
		c.change(dir, j)
		readers := Current(filepath.Join(dir, "a"), filepath.Join(dir, "b"))
		var seen []string
		for i, path := range readers {
			if data, err := os.ReadFile(path); err == nil {
				seen = append(seen, fmt.Sprintf("%c=%s", "ab"[i], data))
			}
		}
		if err := Recover(Disk{}, filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got := state(t, dir); got != c.want {
			t.Errorf("%s: the folder holds %s, want %s", what, got, c.want)
		}
		if got := strings.Join(seen, ", "); !strings.HasSuffix(c.want, got) {
			t.Errorf("%s: readers saw %s", what, got)
		}
	}
}

// FuzzRecover: whatever a journal says, no file changes but those that it may speak of, and these only to the content that is there for
// them.
func FuzzRecover(f *testing.F) {
	f.Add([]byte(example(f)))
	_, j := pending(f)
	f.Add(j.encode())
	j.kind = "create"
	f.Add(j.encode())
	f.Add([]byte(withSum(strings.Replace(string(j.encode()), ".a.certkdb-new", "../victim", 1))))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir, j := pending(t)
		outside := filepath.Join(filepath.Dir(dir), "victim-"+filepath.Base(dir))
		write(t, outside, "outside")
		defer os.Remove(outside)
		write(t, filepath.Join(dir, "bystander"), "mine")
		write(t, j.at, string(data))
		if readers := Current(j.actions[0].path, j.actions[1].path); len(readers) != 2 {
			t.Errorf("readers read %q", readers)
		}
		_ = Recover(NoSync{}, j.actions[0].path, j.actions[1].path)
		for path, want := range map[string][]string{
			outside: {"outside"}, filepath.Join(dir, "bystander"): {"mine"},
			j.actions[0].path: {"old a", "new a", ""}, j.actions[1].path: {"old b", "new b", ""},
		} {
			got, _ := os.ReadFile(path)
			if !bytes.Contains([]byte(strings.Join(want, "\n")+"\n"), append(got, '\n')) {
				t.Errorf("%s holds %q", path, got)
			}
		}
	})
}

// TestRecover_noFolder: where a file is in the place of the folder, nothing was begun.
func TestRecover_noFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Recover(Disk{}, filepath.Join(path, "main"), filepath.Join(path, "other")); err != nil {
		t.Error(err)
	}
}
