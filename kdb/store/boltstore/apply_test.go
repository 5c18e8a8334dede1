package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
)

// TestApply_fileCutUnderUs: bbolt touches its memory map where the file has ended. That is an error, not the end of the
// process, and the lock is given back.
func TestApply_fileCutUnderUs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x")
	s := Open(path, Options{Options: store.Options{Create: true}})
	err := s.Update(context.Background(), func(tx store.Tx) error {
		for i := range 500 {
			if err := tx.Put(fmt.Sprintf("%04d", i), make([]byte, 300)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.open(context.Background(), access{write: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 2*boltread.WriterPageSize); err != nil {
		t.Fatal(err)
	}
	if err := h.apply([]change{{[]byte("0250"), []byte("new")}}); !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("apply = %v, want ErrCorrupt", err)
	}
	h.close()
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(context.Background(), func(tx store.Tx) error { return tx.Put("a", nil) }); err != nil {
		t.Errorf("Update after the file is whole again: %v", err)
	}
}
