package sealed

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// TestWipe: a database whose removal has begun stores nothing any more, not even for one who opened it before.
func TestWipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.ckdb")
	db := newInternal(t, boltstore.Backend().Open(path, store.Options{Create: true, LockTimeout: patient.LockTimeout}))
	other := openFaulty(t, path, &atomicfiletest.Disk{})
	if err := other.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.updateAlone(t.Context(), "discard", func(tx *tx) error { return tx.wipe() }); err != nil {
		t.Fatal(err)
	}
	if _, err := other.AddPasswordSlot(t.Context(), "", []byte("second"), kdb.CostTest); err == nil {
		t.Error("something was stored")
	}
	if _, err := Open(t.Context(), other.store, path, secretOptions); err == nil {
		t.Error("it opens")
	}
}

// TestRemoveStashFile_ofASlotThatIsThere: another process made a stash after the slots of the old ones were removed.
func TestRemoveStashFile_ofASlotThatIsThere(t *testing.T) {
	t.Parallel()
	path := stashOnly(t)
	db := openFaulty(t, path, &atomicfiletest.Disk{})
	if err := db.removeStashFile(t.Context(), func(*stash) bool { return true }); err != nil {
		t.Error(err)
	}
	wantStashOpens(t, path, func() {})
	if err := db.RemoveSlot(t.Context(), 2, true); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path + StashExtension); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of a slot that was removed: %v", err)
	}
}

// TestRemoveStashFile_ofAnotherDatabase: a file that is in the place of the stash opens no slot here, even if the number is the same.
func TestRemoveStashFile_ofAnotherDatabase(t *testing.T) {
	t.Parallel()
	path := stashOnly(t)
	db := openFaulty(t, path, &atomicfiletest.Disk{})
	if err := db.Unlock(t.Context()); err != nil { // with its own stash
		t.Fatal(err)
	}
	if err := os.Rename(stashOnly(t)+StashExtension, path+StashExtension); err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []bool{true, false} {
		if err := db.removeStashFile(t.Context(), func(*stash) bool { return !wanted }); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path + StashExtension); wanted != (err == nil) {
			t.Errorf("wanted %v: the file: %v", wanted, err)
		}
	}
}

// removing is the disk of this machine; before a file is removed it calls before.
type removing struct {
	atomicfile.Disk
	before func()
}

func (d removing) Remove(path string) error {
	d.before()
	return d.Disk.Remove(path)
}

// TestDiscard_isAlone: nobody reads a database, and so nobody prepares a change of it, between the look at it and its removal.
func TestDiscard_isAlone(t *testing.T) {
	t.Parallel()
	path, called := stashOnly(t), false
	db, other := openFaulty(t, path, &atomicfiletest.Disk{}), openFaulty(t, path, &atomicfiletest.Disk{})
	other.store = boltstore.Open(path, boltstore.Options{}) // it does not wait
	if err := errors.Join(db.Unlock(t.Context()), other.Unlock(t.Context())); err != nil {
		t.Fatal(err)
	}
	db.created = true
	db.disk = removing{before: func() {
		if called {
			return
		}
		called = true
		if err := other.View(t.Context(), func(kdb.Tx) error { return nil }); !errors.Is(err, kdb.ErrLocked) {
			t.Errorf("it is read meanwhile: %v", err)
		}
	}}
	if err := db.Discard(t.Context()); err != nil || !called {
		t.Errorf("%v, called: %v", err, called)
	}
}
