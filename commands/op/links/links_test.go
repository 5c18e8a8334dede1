//go:build !windows

package links_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/links"
)

// folder makes a folder with a program "certkdb" and other files; a content that begins with "->" is a link.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"certkdb": "program"}
	for name, content := range files {
		all[name] = content
	}
	for name, content := range all {
		err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755)
		if target, isLink := strings.CutPrefix(content, "->"); isLink {
			err = errors.Join(os.Remove(filepath.Join(dir, name)), os.Symlink(filepath.Join(dir, target), filepath.Join(dir, name)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// held says what is in a folder: links with their targets.
func held(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		text := e.Name()
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			text += "->" + filepath.Base(target)
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func text(l links.Links) string {
	return fmt.Sprintf("linked %s removed %s kept %s unchanged %s", l.Linked, l.Removed, l.Kept, l.Unchanged)
}

func TestMake(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule       string
		files      map[string]string
		done, want string
	}{
		{
			"all the names", nil,
			"linked [a b] removed [] kept [] unchanged []", "a->certkdb b->certkdb certkdb",
		},
		{
			"what is missing",
			map[string]string{"a": "->certkdb"},
			"linked [b] removed [] kept [] unchanged [a]", "a->certkdb b->certkdb certkdb",
		},
		{
			"nothing, if another program has a name",
			map[string]string{"b": "another"},
			"linked [] removed [] kept [] unchanged []", "b certkdb",
		},
		{
			"nothing, if a name leads to another program",
			map[string]string{"x": "another", "b": "->x"},
			"linked [] removed [] kept [] unchanged []", "b->x certkdb x",
		},
		{
			"nothing, if a name leads nowhere",
			map[string]string{"b": "->nowhere"},
			"linked [] removed [] kept [] unchanged []", "b->nowhere certkdb",
		},
	} {
		dir := folder(t, c.files)
		o := links.Make{Folder: dir, Names: []string{"a", "b"}, Program: filepath.Join(dir, "certkdb")}
		before := held(t, dir)
		dry, dryErr := o.Run(true)
		if held(t, dir) != before {
			t.Errorf("%s: a dry run has made %s", c.rule, held(t, dir))
		}
		done, err := o.Run(false)
		if text(done) != c.done || text(dry) != c.done || held(t, dir) != c.want || fmt.Sprint(err) != fmt.Sprint(dryErr) {
			t.Errorf("%s: %s, %v; the folder has %s", c.rule, text(done), err, held(t, dir))
		}
		_, taken := c.files["b"]
		e, foreign := errors.AsType[*links.Foreign](err)
		if foreign != taken || taken && (e.Path != filepath.Join(dir, "b") || !errors.Is(err, fs.ErrExist)) {
			t.Errorf("%s: %v", c.rule, err)
		}
		if done.HasChanged() != (len(done.Linked) > 0) {
			t.Errorf("%s: changed is %v", c.rule, done.HasChanged())
		}
	}
}

func TestMake_needsAFolder(t *testing.T) {
	t.Parallel()
	dir := folder(t, nil)
	program := filepath.Join(dir, "certkdb")
	for path, want := range map[string]error{filepath.Join(dir, "missing"): fs.ErrNotExist, program: op.ErrUsage} {
		if _, err := (links.Make{Folder: path, Names: []string{"a"}, Program: program}).Run(false); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := (links.Make{Folder: dir, Program: filepath.Join(dir, "missing")}).Run(false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing program: %v", err)
	}
	// Without a program it is the one that runs: the link to the other one is not its own.
	if err := os.Symlink(program, filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := (links.Make{Folder: dir, Names: []string{"a"}}).Run(false); !errors.As(err, new(*links.Foreign)) {
		t.Errorf("a link to another program: %v", err)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"a": "->certkdb", "b": "another", "c": "->b"})
	o := links.Remove{Folder: dir, Names: []string{"a", "b", "c", "d"}, Program: filepath.Join(dir, "certkdb")}
	const want = "linked [] removed [a] kept [b c] unchanged []"
	dry, err := o.Run(true)
	if err != nil || text(dry) != want || held(t, dir) != "a->certkdb b c->b certkdb" {
		t.Errorf("a dry run: %s, %v; the folder has %s", text(dry), err, held(t, dir))
	}
	done, err := o.Run(false)
	if err != nil || text(done) != want || held(t, dir) != "b c->b certkdb" || !done.HasChanged() {
		t.Errorf("%s, %v; the folder has %s", text(done), err, held(t, dir))
	}
	if again, err := o.Run(false); err != nil || again.HasChanged() {
		t.Errorf("again: %s, %v", text(again), err)
	}
}
