package boltstore_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

func openStore(path string) *boltstore.Store {
	return boltstore.Open(path, boltstore.Options{Options: store.Options{LockTimeout: time.Minute}})
}

// TestUpdate_runsAgainIfSomebodyWroteMeanwhile: two that read the same state do not overwrite each other.
func TestUpdate_runsAgainIfSomebodyWroteMeanwhile(t *testing.T) {
	t.Parallel()
	for _, memory := range []int{0, 1} { // 1 replaces the file
		path := filepath.Join(oldFile(t), "x")
		var both sync.WaitGroup
		var read sync.WaitGroup
		read.Add(2)
		runs := make([]int, 2)
		for i := range runs {
			both.Go(func() {
				s := boltstore.Open(path, boltstore.Options{Options: store.Options{LockTimeout: time.Minute}, MaxMemory: memory})
				err := s.Update(ctx, func(tx store.Tx) error {
					value, err := tx.Get("a")
					if runs[i]++; runs[i] == 1 {
						read.Done()
						read.Wait() // both have read now
					}
					return errors.Join(err, tx.Put("a", append(value, '+')))
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if got, err := content(openStore(path)); err != nil || got["a"] != "old++" || runs[0]+runs[1] != 3 {
			t.Errorf("memory %d: the file holds %v after %v runs, %v", memory, got, runs, err)
		}
	}
}

// TestUpdateLocked_isAlone: nobody reads or writes from the moment when fn begins until its changes are stored.
func TestUpdateLocked_isAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(oldFile(t), "x")
	runs, other := 0, boltstore.Open(path, boltstore.Options{})
	err := openStore(path).UpdateLocked(ctx, func(tx store.Tx) error {
		runs++
		if err := other.View(ctx, func(store.Tx) error { return nil }); !errors.Is(err, kdb.ErrLocked) {
			t.Errorf("reading: %v", err)
		}
		if err := other.Update(ctx, func(tx store.Tx) error { return tx.Put("b", nil) }); !errors.Is(err, kdb.ErrLocked) {
			t.Errorf("writing: %v", err)
		}
		value, err := tx.Get("a")
		return errors.Join(err, tx.Put("a", append(value, '+')))
	})
	if got, errRead := content(other); errors.Join(err, errRead) != nil || got["a"] != "old+" || runs != 1 {
		t.Errorf("the file holds %v after %d runs, %v, %v", got, runs, err, errRead)
	}
	if err := openStore(path+"-none").UpdateLocked(ctx, func(store.Tx) error { return nil }); !errors.Is(err, kdb.ErrNoDatabase) {
		t.Errorf("without a file: %v", err)
	}
}

func TestUpdate_endedContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(oldFile(t), "x")
	ended, cancel := context.WithCancel(ctx)
	err := openStore(path).Update(ended, func(tx store.Tx) error {
		err := tx.Put("b", nil)
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	if err := openStore(path).Check(ended, func(string, string) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("Check = %v, want context.Canceled", err)
	}
	if got, err := content(openStore(path)); err != nil || !maps.Equal(got, map[string]string{"a": "old"}) {
		t.Errorf("the file holds %v, %v", got, err)
	}
}

func TestPut_keysAndValues(t *testing.T) {
	t.Parallel()
	path := filepath.Join(oldFile(t), "x")
	err := openStore(path).Update(ctx, func(tx store.Tx) error {
		if err := tx.Put("", nil); err == nil {
			t.Error("an empty key was stored")
		}
		return tx.Put("nil", nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := content(openStore(path)); err != nil || !maps.Equal(got, map[string]string{"a": "old", "nil": ""}) {
		t.Errorf("the file holds %v, %v", got, err)
	}
}

// TestUpdate_largeInAFolderThatCannotBeWritten goes on in memory.
func TestUpdate_largeInAFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(oldFile(t), "x")
	disk := &atomicfiletest.Disk{Fail: atomicfiletest.Every("create", fs.ErrPermission)}
	err := on(disk, path, boltstore.Options{MaxMemory: 1000}).Update(ctx, func(tx store.Tx) error {
		for i := range 50 {
			if err := tx.Put(fmt.Sprintf("k/%02d", i), make([]byte, 100)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := content(openStore(path)); err != nil || len(got) != 51 {
		t.Errorf("%d records, %v", len(got), err)
	}
	if calls := disk.Calls(); !slices.Equal(calls, []string{"create x~", "write x", "write x"}) { // the second copy of meta and root page
		t.Errorf("calls %q, want one attempt", calls)
	}
}

// TestUpdate_doesNotMoveDuringAScan: the changes wait in memory until the scan ends.
func TestUpdate_doesNotMoveDuringAScan(t *testing.T) {
	t.Parallel()
	path := filepath.Join(oldFile(t), "x")
	disk := &atomicfiletest.Disk{}
	err := on(disk, path, boltstore.Options{MaxMemory: 1}).Update(ctx, func(tx store.Tx) error {
		for record, err := range tx.Scan("", "") {
			if err != nil || record.Key != "a" {
				t.Errorf("Scan yields %q, %v", record.Key, err)
			}
			if err := tx.Put("later", nil); err != nil {
				return err
			}
			if len(disk.Calls()) > 0 {
				t.Error("the file was copied during the scan")
			}
		}
		return tx.Put("b", nil)
	})
	if err != nil || len(disk.Calls()) == 0 {
		t.Errorf("%v, calls %q", err, disk.Calls())
	}
	if got, err := content(openStore(path)); err != nil || len(got) != 3 {
		t.Errorf("the file holds %v, %v", got, err)
	}
}
