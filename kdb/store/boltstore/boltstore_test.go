package boltstore_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
	"certkdb/kdb/store/storetest"
)

func TestStore_conforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return create(t, filepath.Join(t.TempDir(), "x.ckdb")) })
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
