package boltstore_test

import (
	"path/filepath"
	"testing"

	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// TestView_releasesWithCopiedDescriptor: see lockfile.Close.
func TestView_releasesWithCopiedDescriptor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(oldFile(t), "x")
	s := boltstore.Open(path, boltstore.Options{})
	err := s.View(ctx, func(store.Tx) error {
		atomicfiletest.CopyDescriptor(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(ctx, func(tx store.Tx) error { return tx.Put("a", []byte("new")) }); err != nil {
		t.Error(err)
	}
}
