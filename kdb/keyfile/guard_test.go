package keyfile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/keyfile"
)

// TestUpdate_temporaryFileIsSwappedForALink: someone who may write the folder puts a link in the place of the new file before it gets its
// mode, which is that of the old file and their choice. What the link names keeps its own mode.
func TestUpdate_temporaryFileIsSwappedForALink(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need rights there")
	}
	path := newToy(t, "a")
	victim := filepath.Join(t.TempDir(), "victim")
	if err := errors.Join(os.WriteFile(victim, []byte("secret"), 0o600), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	swap := func(_ int, call string) error {
		if !strings.HasPrefix(call, "chown") && !strings.HasPrefix(call, "chmod") {
			return nil
		}
		files, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".store.toy.certkdb-*"))
		if err != nil || len(files) != 1 {
			t.Errorf("temporary files: %q, %v", files, err)
			return nil
		}
		return errors.Join(os.Remove(files[0]), os.Symlink(victim, files[0]))
	}
	db := openToy(t, path, options())
	db.SetDisk(&atomicfiletest.Disk{Fail: swap})
	_ = db.Update(t.Context(), "x", func(tx kdb.Tx) error { return tx.Put(secret("b")) }) // it may fail, or not notice
	info, err := os.Stat(victim)
	data, readErr := os.ReadFile(victim)
	if err != nil || readErr != nil || info.Mode().Perm() != 0o600 || string(data) != "secret" {
		t.Errorf("the file elsewhere has mode %v and holds %q, %v, %v", info.Mode(), data, err, readErr)
	}
}

func TestUpdate_keepsTheMode(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes there")
	}
	path := newToy(t, "a")
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o664} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		add(t, openToy(t, path, options()), mode.String())
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("mode %v became %v, %v", mode, info.Mode(), err)
		}
	}
}

func TestUpdate_removesWhatAKilledProcessLeft(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	folder := filepath.Dir(path)
	for _, name := range []string{".store.toy.certkdb-ABC", ".other.toy.certkdb-ABC"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	add(t, openToy(t, path, options()), "b")
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 2 || files[0].Name() != ".other.toy.certkdb-ABC" {
		t.Errorf("the folder holds %v, %v", files, err)
	}
}

func TestDriver_ofAFormatThatIsOnlyRead(t *testing.T) {
	t.Parallel()
	c := toy()
	c.New, c.Stash = nil, nil
	d := keyfile.Driver(c)
	if d.Create != nil || d.Name != "toy" || d.Aliases[0] != "plaything" || d.Extensions[0] != ".toy" {
		t.Errorf("the driver: %+v", d)
	}
	path := newToy(t, "a")
	if exists, err := d.Exists(t.Context(), path); err != nil || !exists {
		t.Errorf("Exists = %v, %v", exists, err)
	}
	if _, err := keyfile.Create(t.Context(), c, path+".new", kdb.CreateOptions{Options: options()}); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("Create = %v, want ErrUnsupported", err)
	}
	db, err := keyfile.Open(c, path, options())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := db.Info(t.Context()); err != nil || !info.ReadOnly {
		t.Errorf("Info = %+v, %v", info, err)
	}
	if err := db.CreateStash(t.Context()); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("CreateStash = %v, want ErrUnsupported", err)
	}
	if err := db.RemoveStash(t.Context()); !errors.Is(err, fs.ErrNotExist) || db.HasStash() || db.StashPath() != "" {
		t.Errorf("RemoveStash = %v, HasStash = %v, StashPath = %q", err, db.HasStash(), db.StashPath())
	}
}

func TestStash_removeAndRenew(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	db := openToy(t, path, options())
	if err := db.RemoveStash(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing none: %v, want fs.ErrNotExist", err)
	}
	if err := db.CreateStash(t.Context()); err != nil || !db.HasStash() {
		t.Fatalf("CreateStash: %v, HasStash = %v", err, db.HasStash())
	}
	if err := db.ChangePassword(t.Context(), []byte("new")); err != nil {
		t.Fatal(err)
	}
	byStash := openToy(t, path, kdb.Options{})
	if err := byStash.View(t.Context(), func(kdb.Tx) error { return nil }); err != nil {
		t.Errorf("the stash was not renewed with the password: %v", err)
	}
	if err := byStash.RemoveStash(t.Context()); err != nil || db.HasStash() {
		t.Errorf("RemoveStash: %v, HasStash = %v", err, db.HasStash())
	}
}

func TestClose_forgetsThePassword(t *testing.T) {
	t.Parallel()
	asked := 0
	o := options()
	o.Password = func(ctx context.Context, location string) ([]byte, error) {
		asked++
		return answer(password)(ctx, location)
	}
	db := openToy(t, newToy(t, "a"), o)
	look := func() {
		t.Helper()
		if err := db.View(t.Context(), func(kdb.Tx) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	look()
	look()
	if asked != 1 {
		t.Errorf("asked %d times while open", asked)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	look()
	if asked != 2 {
		t.Errorf("asked %d times in all, want once more after Close", asked)
	}
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	if err := openToy(t, path, options()).Unlock(t.Context()); err != nil {
		t.Error(err)
	}
	wrong := options()
	wrong.Password = answer([]byte("wrong"))
	if err := openToy(t, path, wrong).Unlock(t.Context()); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
	if err := openToy(t, path, kdb.Options{}).Unlock(t.Context()); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("without a password: %v", err)
	}
}

func TestView_whatIsNotAKeyFile(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	db := openToy(t, path, options())
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := db.View(t.Context(), func(kdb.Tx) error { return nil }); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("a folder: %v, want ErrUnsupported", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.View(ended, func(kdb.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}
