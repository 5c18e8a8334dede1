//go:build unix

package boltstore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb/store"
)

// TestOpen_fileReplacedBeforeItIsLocked: the state of a file that was renamed over between opening and locking it is not read, nor changed.
func TestOpen_fileReplacedBeforeItIsLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.ckdb")
	put := func(s *Store, key string) error {
		return s.Update(t.Context(), func(tx store.Tx) error { return tx.Put(key, []byte("x")) })
	}
	other := Open(path, Options{Options: store.Options{Create: true}})
	if err := put(other, "a"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what string
		use  func(*Store) error
	}{
		{"b", func(s *Store) error {
			return s.View(t.Context(), func(tx store.Tx) error { _, err := tx.Get("b"); return err })
		}},
		{"c", func(s *Store) error { return put(s, "own") }},
	} {
		s, replaced := Open(path, Options{}), false
		s.openFile = func(path string, flag int) (*os.File, error) {
			f, err := openExisting(path, flag)
			if !replaced {
				replaced = true
				err = errors.Join(err, other.Rewrite(t.Context(), nil), put(other, test.what))
			}
			return f, err
		}
		if err := test.use(s); err != nil {
			t.Errorf("%s: %v", test.what, err)
		}
	}
	for _, key := range []string{"a", "b", "c", "own"} {
		if err := other.View(t.Context(), func(tx store.Tx) error { _, err := tx.Get(key); return err }); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}
