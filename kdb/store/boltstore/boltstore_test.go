package boltstore_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
	"certkdb/kdb/store/storetest"
)

func TestStore_conforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return create(t, filepath.Join(fastDir(t), "x.ckdb")) })
}

// create makes an empty store.
func create(t testing.TB, path string) *boltstore.Store {
	t.Helper()
	s := boltstore.Open(path, boltstore.Options{LockTimeout: 20 * time.Second, Create: true})
	if err := s.Update(context.Background(), func(store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return s
}

// fastDir is a folder in memory where there is one: these tests write thousands of times, and a disk waits each time.
func fastDir(t testing.TB) string {
	t.Helper()
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "boltstore-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestStore_conformsWithoutMemory: every change goes through a copy of the file.
func TestStore_conformsWithoutMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		dir := fastDir(t)
		path := filepath.Join(dir, "x.ckdb")
		create(t, path)
		t.Cleanup(func() {
			files, err := os.ReadDir(dir)
			if err != nil || len(files) != 1 {
				t.Errorf("files were left over: %v, %v", files, err)
			}
		})
		return boltstore.Open(path, boltstore.Options{LockTimeout: 20 * time.Second, MaxMemory: 1})
	})
}
