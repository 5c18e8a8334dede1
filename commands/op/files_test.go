package op

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
)

func fill(text string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := fmt.Fprint(w, text); return err }
}

// content is what a folder's only file holds.
func content(t *testing.T, dir, name string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != name {
		t.Fatalf("the folder holds %v, %v", files, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestOutput_neverReplacesWithoutForce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := Output{Path: filepath.Join(dir, "a")}
	if err := out.Write(&Env{}, false, fill("first")); err != nil {
		t.Fatal(err)
	}
	if err := out.Write(&Env{}, false, fill("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("again: %v, want fs.ErrExist", err)
	}
	if got := content(t, dir, "a"); got != "first" {
		t.Errorf("the file holds %q", got)
	}
	out.Force = true
	if err := out.Write(&Env{}, true, fill("third")); err != nil {
		t.Fatal(err)
	}
	if got := content(t, dir, "a"); got != "third" {
		t.Errorf("with force it holds %q", got)
	}
	if info, err := os.Stat(out.Path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("a secret has mode %v, %v", info.Mode(), err)
	}
}

// TestOutput_fileThatCameMeanwhile: what is made while the content is produced is not replaced either.
func TestOutput_fileThatCameMeanwhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := Output{Path: filepath.Join(dir, "a"), Lax: true}
	err := out.Write(&Env{}, false, func(w io.Writer) error {
		return errors.Join(os.WriteFile(out.Path, []byte("mine"), 0o600), fill("new")(w))
	})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("Write = %v, want fs.ErrExist", err)
	}
	if got := content(t, dir, "a"); got != "mine" {
		t.Errorf("the file holds %q", got)
	}
}

func TestOutput_failureLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	failed := errors.New("failed")
	for _, force := range []bool{false, true} {
		err := Output{Path: filepath.Join(dir, "a"), Force: force}.Write(&Env{}, false, func(io.Writer) error { return failed })
		if !errors.Is(err, failed) {
			t.Errorf("Write = %v, want the function's error", err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("left over: %v, %v", files, err)
	}
	if err := (Output{Path: filepath.Join(dir, "none", "a")}).Write(&Env{}, false, fill("")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a missing folder: %v", err)
	}
}

func TestWriteSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "pw")
	if err := writeSecret(&Env{}, path, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if err := writeSecret(&Env{}, path, []byte("other")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("again: %v, want fs.ErrExist", err)
	}
	if got := content(t, dir, "pw"); got != "secret" {
		t.Errorf("the file holds %q", got)
	}
	if err := writeSecret(&Env{}, filepath.Join(dir, "none", "pw"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a missing folder: %v", err)
	}
}

// watchedDisk calls a function before a file is made.
type watchedDisk struct {
	atomicfile.Disk
	creates func()
}

func (d watchedDisk) Create(path string) (*os.File, bool, error) {
	d.creates()
	return d.Disk.Create(path)
}

// TestOutput_listensBeforeSecrets: a signal that ended the process between a temporary file and its name would leave a secret behind.
func TestOutput_listensBeforeSecrets(t *testing.T) {
	t.Parallel()
	for _, secret := range []bool{false, true} {
		for what, write := range map[string]func(env *Env, path string) error{
			"one file": func(env *Env, path string) error { return Output{Path: path}.Write(env, secret, fill("key")) },
			"files that belong together": func(env *Env, path string) error {
				pieces := []Piece{{Path: path + ".crt", Data: []byte("c")}, {Path: path, Secret: secret, Data: []byte("key")}}
				return WriteTogether(t.Context(), env, 0, pieces)
			},
		} {
			listens, made := false, 0
			env := &Env{Listen: func() { listens = true }, Disk: watchedDisk{creates: func() {
				if made++; listens != secret {
					t.Errorf("%s, secret: %v: listens: %v", what, secret, listens)
				}
			}}}
			if err := write(env, filepath.Join(t.TempDir(), "a")); err != nil || made == 0 {
				t.Errorf("%s: %v, %d files made", what, err, made)
			}
		}
	}
}

// renamingDisk calls a function before a file takes its place.
type renamingDisk struct {
	atomicfile.Disk
	renames func()
}

func (d renamingDisk) Rename(from, to string) error {
	d.renames()
	return d.Disk.Rename(from, to)
}

// TestWriteTogether_waitsAsLongAsAsked for another process that is writing the same files.
func TestWriteTogether_waitsAsLongAsAsked(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	pieces := []Piece{{Path: filepath.Join(folder, "key"), Data: []byte("k")}, {Path: filepath.Join(folder, "crt"), Data: []byte("c")}}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	asked := 0
	env := &Env{Disk: renamingDisk{renames: func() {
		asked++
		for _, meanwhile := range []func(context.Context, *Env, time.Duration, []Piece) error{FinishTogether, WriteTogether} {
			if err := meanwhile(ctx, &Env{}, 0, slices.Clone(pieces)); !errors.Is(err, kdb.ErrChanged) {
				t.Errorf("while they are written: %v", err)
			}
		}
	}}}
	for range 2 { // new files, and those that are there
		pieces[0].Data = append(pieces[0].Data, 'x')
		if err := WriteTogether(ctx, env, 0, pieces); err != nil {
			t.Fatal(err)
		}
	}
	if asked == 0 {
		t.Error("no file was renamed")
	}
}

// TestWriteTogether_atTheSameTime: processes that write the same files wait for each other, and the files always belong together.
func TestWriteTogether_atTheSameTime(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	results := make(chan error, 8)
	for i := range cap(results) {
		go func() {
			var err error
			for range 5 {
				content := []byte{byte('a' + i)}
				pieces := []Piece{{Path: filepath.Join(folder, "key"), Data: content}, {Path: filepath.Join(folder, "crt"), Data: content}}
				err = errors.Join(err, WriteTogether(context.Background(), &Env{}, time.Minute, pieces))
			}
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	one, err1 := os.ReadFile(filepath.Join(folder, "key"))
	other, err2 := os.ReadFile(filepath.Join(folder, "crt"))
	if err := errors.Join(err1, err2); err != nil || string(one) != string(other) {
		t.Errorf("the files hold %q and %q, %v", one, other, err)
	}
	if names, err := os.ReadDir(folder); err != nil || len(names) != 2 {
		t.Errorf("the folder has %v, %v", names, err)
	}
}
