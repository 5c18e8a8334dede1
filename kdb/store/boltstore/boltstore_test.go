package boltstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
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
	s := boltstore.Open(path, boltstore.Options{Options: store.Options{LockTimeout: 20 * time.Second, Create: true}})
	if err := s.Update(context.Background(), func(store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRewrite_losesNoUpdate: whoever waits for the lock of a file that is replaced writes to the new one.
func TestRewrite_losesNoUpdate(t *testing.T) {
	t.Parallel()
	const writers, rounds = 6, 25
	path := filepath.Join(fastDir(t), "x.ckdb")
	create(t, path)
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			// Half of the writers replace the file themselves.
			s := boltstore.Open(path, boltstore.Options{Options: store.Options{LockTimeout: time.Minute}, MaxMemory: w % 2})
			for i := range rounds {
				err := s.Update(context.Background(), func(tx store.Tx) error { return tx.Put(fmt.Sprintf("%d/%d", w, i), []byte("x")) })
				if err != nil {
					t.Error(err)
				}
				if i%5 == 0 {
					if err := s.Rewrite(context.Background(), nil); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wait.Wait()
	s := boltstore.Open(path, boltstore.Options{})
	got, err := content(s)
	if err != nil || len(got) != writers*rounds {
		t.Errorf("%d records, want %d, %v", len(got), writers*rounds, err)
	}
	if list, err := findings(s); err != nil || len(list) > 0 {
		t.Errorf("findings %q, %v", list, err)
	}
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

// TestStore_conformsWithoutMemory: every change goes to a temporary file, and every update makes a new file.
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
		return boltstore.Open(path, boltstore.Options{Options: store.Options{LockTimeout: 20 * time.Second}, MaxMemory: 1})
	})
}

// TestUpdate_manyChangesLeaveFewFreePages: a large update in random order is as compact as a sorted one.
func TestUpdate_manyChangesLeaveFewFreePages(t *testing.T) {
	t.Parallel()
	const n = 40000
	path := filepath.Join(fastDir(t), "x.ckdb")
	create(t, path)
	s := boltstore.Open(path, boltstore.Options{MaxMemory: 4 << 20})
	err := s.Update(context.Background(), func(tx store.Tx) error {
		for i := range n {
			if err := tx.Put(fmt.Sprintf("%08x", uint32(i)*2654435761), make([]byte, 400)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := content(s)
	size, sizeErr := s.Size()
	if err != nil || sizeErr != nil || len(got) != n || size > n*550 {
		t.Errorf("%d records in %d bytes, %v, %v", len(got), size, err, sizeErr)
	}
	if list, err := findings(s); err != nil || len(list) > 0 {
		t.Errorf("findings %q, %v", list, err)
	}
}
