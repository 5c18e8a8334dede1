package entries_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb/atomicfile/atomicfiletest"
)

// TestExportFolder: which files are written, which are left alone, and which keys stay.
func TestExportFolder(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "CA")
	s := optest.New(t, ca.Personal("ca"), ca.Issue(t, "web").Personal("web"), ca.Issue(t, "any").Personal("*.x"), ca.Trusted("root"),
		optest.Request(t, "wait"), optest.Secret("secret"))
	for _, c := range []struct {
		o    entries.ExportFolder
		want string
	}{
		{entries.ExportFolder{All: true}, "_.x.crt ca.crt root.crt web.crt"},
		{entries.ExportFolder{All: true, Key: true}, "_.x.key _.x.crt ca.crt root.crt web.key web.crt"},
		{entries.ExportFolder{Labels: []string{"ca", "w*b", "web"}, Key: true}, "ca.key ca.crt web.key web.crt"},
		{entries.ExportFolder{Labels: []string{"*.x"}}, "_.x.crt"},
		{entries.ExportFolder{Labels: []string{"no*"}}, "no such label"},
		{entries.ExportFolder{Labels: []string{"wait"}}, "it has no certificate"},
		{entries.ExportFolder{}, "labels or all is missing"},
		{entries.ExportFolder{All: true, Rights: op.Rights{Mode: "9"}}, "a mode is an octal number"},
		{entries.ExportFolder{Labels: []string{"[w"}}, "it is not a pattern"},
	} {
		c.o.Folder = filepath.Join(t.TempDir(), "new")
		for _, state := range []op.State{op.FileWritten, op.FileUnchanged} {
			if got := exportTo(s, c.o, state); !strings.Contains(got, c.want) || strings.Contains(c.want, ".crt") && got != c.want {
				t.Errorf("%+v: %s, want %s", c.o, got, c.want)
			}
		}
	}
}

// exportTo names the files that were exported, and those that are not in the state; or the error.
func exportTo(s *op.Session, o entries.ExportFolder, state op.State) string {
	done, err := o.Run(context.Background(), s)
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, f := range done.Files {
		name := filepath.Base(f.Path)
		if f.State != state {
			name += fmt.Sprintf(" (%s)", f.State)
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// TestExportFolder_refuses: nothing is written over without Force, over the database, or for labels whose files have the same name.
// TestExportFolder_completes: what an interrupted run began is written by the next one.
func TestExportFolder_completes(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "CA")
	s := optest.New(t, ca.Trusted("ca"), ca.Issue(t, "web").Trusted("web"))
	o := entries.ExportFolder{All: true, Folder: t.TempDir()}
	s.Env.Disk = &atomicfiletest.Disk{Fail: func(_ int, call string) error {
		if strings.HasPrefix(call, "rename ") && strings.HasSuffix(call, " web.crt") {
			return syscall.EPERM
		}
		return nil
	}}
	if got := exportTo(s, o, op.FileWritten); !strings.Contains(got, "web.crt") || !strings.Contains(got, "could be replaced yet") {
		t.Errorf("interrupted: %s", got)
	}
	s.Env.Disk = nil
	if got := exportTo(s, o, op.FileWritten); got != "ca.crt (unchanged) web.crt" {
		t.Errorf("completed: %s", got)
	}
}

func TestExportFolder_refuses(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "CA")
	s := optest.New(t, ca.Trusted("a/b"), ca.Trusted("A:b"), ca.Issue(t, "web").Personal("web"))
	dir := t.TempDir()
	other := filepath.Join(dir, "web.crt")
	if err := os.WriteFile(other, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := entries.ExportFolder{Labels: []string{"web"}, Folder: dir, Key: true}
	if _, err := o.Run(context.Background(), s); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file is in the way: %v", err)
	}
	if found, _ := os.ReadDir(dir); len(found) != 1 {
		t.Errorf("an export that failed left %v", found)
	}
	o.Force = true
	s.DryRun = true
	if got := exportTo(s, o, op.FileMissing); got != "web.key web.crt (differs)" {
		t.Errorf("a dry run: %s", got)
	}
	s.DryRun = false
	if got := exportTo(s, o, op.FileWritten); got != "web.key web.crt" {
		t.Errorf("with force: %s", got)
	}
	s.Env.Protect(other)
	optest.Put(t, s, ca.Issue(t, "web").Personal("web"))
	problem := &op.Problem{}
	if _, err := o.Run(context.Background(), s); !errors.As(err, &problem) || problem.Code != op.OverDatabase {
		t.Errorf("over a database: %v", err)
	}
	o = entries.ExportFolder{All: true, Folder: filepath.Join(dir, "x")}
	_, err := o.Run(context.Background(), s)
	if !errors.Is(err, op.ErrUsage) || !strings.Contains(err.Error(), `of that of "A:b": "a_b.crt"`) {
		t.Errorf("two labels with one name: %v", err)
	}
	o = entries.ExportFolder{Labels: []string{"web"}, Folder: filepath.Join(other, "below")}
	if _, err := o.Run(context.Background(), s); err == nil {
		t.Error("a folder below a file can be made")
	}
}

// TestExportFolder_audits: the audit log tells of a key when it leaves, and not of one whose file is there already.
func TestExportFolder_audits(t *testing.T) {
	t.Parallel()
	s, _ := optest.Sealed(t, optest.NewCA(t, "CA").Issue(t, "web").Personal("web"))
	o := entries.ExportFolder{All: true, Folder: t.TempDir(), Key: true}
	for range 2 {
		if _, err := o.Run(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(strings.Join(logOf(t, s), "\n"), "export-key web"); n != 1 {
		t.Errorf("the log tells of %d exports, want 1", n)
	}
}

// TestExportFolder_names: labels become names that no system takes for something else.
func TestExportFolder_names(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "CA")
	for label, want := range map[string]string{
		"*.example.com": "_.example.com.crt", ".profile": "_profile.crt", "-x": "_x.crt", "Con": "_Con.crt", "lpt1.local": "_lpt1.local.crt",
		"com0": "com0.crt", "console": "console.crt",
	} {
		s := optest.New(t, ca.Trusted(label))
		if got := exportTo(s, entries.ExportFolder{All: true, Folder: t.TempDir()}, op.FileWritten); got != want {
			t.Errorf("%q: %s, want %s", label, got, want)
		}
	}
}
