//go:build linux

package lockfile_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/internal/lockfile"
)

// TestLock_releasedWithCopiedDescriptor: a child between fork and exec has copies of all
// descriptors, and a copy keeps a lock that nobody gave back.
func TestLock_releasedWithCopiedDescriptor(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	unlock, err := lockfile.Lock(context.Background(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	atomicfiletest.CopyDescriptor(t, path)
	unlock()
	unlock, err = lockfile.Lock(context.Background(), path, 0)
	if err != nil {
		t.Fatalf("the lock is still taken: %v", err)
	}
	unlock()
}

// TestFolder: those who give up waiting do not unlock a folder, and a pipe in its place keeps nobody waiting.
func TestFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	isLocked := func() bool {
		f, err := os.Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		defer lockfile.Close(f)
		return lockfile.TryFile(f) != nil
	}
	unlock := lockfile.Folder(t.Context(), folder, time.Minute)
	lockfile.Folder(t.Context(), folder, 0)()
	if !isLocked() {
		t.Error("it was unlocked by somebody else")
	}
	if unlock(); isLocked() {
		t.Error("it stayed locked")
	}
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	lockfile.Folder(t.Context(), pipe, time.Minute)()
	lockfile.Folder(t.Context(), filepath.Join(folder, "none"), time.Minute)()
}
