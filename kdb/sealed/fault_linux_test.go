package sealed_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// TestFile_diskFull: a write that does not fit is an error and changes nothing.
func TestFile_diskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=160k"); err != nil {
		t.Skip("mounting a small file system needs root:", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	path := filepath.Join(dir, "key.ckdb")
	db := create(t, path)
	p := newPair(t, "a")
	var full error
	n := 0
	for ; n < 1000 && full == nil; n++ {
		full = db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(trusted(fmt.Sprintf("%04d", n), p)) })
	}
	if !errors.Is(full, syscall.ENOSPC) {
		t.Fatalf("after %d entries: %v, want ENOSPC", n, full)
	}
	if got := len(labels(t, db)); got != n-1 {
		t.Errorf("%d entries, want %d", got, n-1)
	}
	wantSound(t, db)
	if err := db.Compact(ctx); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Compact = %v", err)
	}
	if b, err := db.Backup(ctx, path+".backup", sealed.NewBackup{}); err == nil {
		must(t, b.Close())
	} else if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Backup = %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 2 {
		t.Errorf("files were left over: %v, %v", files, err)
	}
	must(t, readAll(openWith(t, path, options("secret"))))
	wantSound(t, db)
}

// TestFile_readOnly: a file that may not be written is an error, and an update that changes nothing is none.
func TestFile_readOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "key.ckdb")
	db := create(t, path)
	e := trusted("a", newPair(t, "a"))
	put(t, db, e)
	want := fs.ErrPermission
	if os.Geteuid() != 0 {
		must(t, os.Chmod(path, 0o400))
	} else { // nothing is forbidden to root, but a file system can be read-only
		if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
			t.Skip("mounting a file system:", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
		if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
			t.Skip("mounting a file system for reading only:", err)
		}
		want = syscall.EROFS
	}
	err := db.Update(ctx, "delete", func(tx kdb.Tx) error { return tx.Delete("a") })
	if !errors.Is(err, want) {
		t.Errorf("Update = %v, want %v", err, want)
	}
	put(t, db, e)
	must(t, readAll(db))
	wantSound(t, db)
}
