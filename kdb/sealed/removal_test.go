package sealed

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
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
