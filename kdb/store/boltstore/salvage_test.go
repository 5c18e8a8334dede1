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
)

// TestSalvage_andFill: what Fill stored is found when both meta pages are gone, and a store is never made over a file.
func TestSalvage_andFill(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "x")
	s := Open(path, Options{Options: store.Options{Create: true}})
	fill := func(made store.Tx) error {
		for i := range 200 {
			if err := errors.Join(made.Put(fmt.Sprintf("k/%d", i), []byte("value")), made.Put("~head", []byte("copy"))); err != nil {
				return err
			}
		}
		return nil
	}
	if err := s.Fill(ctx, false, fill); err != nil {
		t.Fatal(err)
	}
	if err := Open(path, Options{}).Fill(ctx, false, fill); !errors.Is(err, kdb.ErrDatabaseExists) {
		t.Errorf("over an existing file: %v", err)
	}
	failing := errors.New("failing")
	other := filepath.Join(t.TempDir(), "y")
	err := Open(other, Options{}).Fill(ctx, false, func(store.Tx) error { return failing })
	if _, exists := os.Lstat(other); !errors.Is(err, failing) || exists == nil {
		t.Errorf("a Fill that fails: %v, and the file is there", err)
	}
	if err := errors.Join(os.WriteFile(path, []byte("damaged"), 0o600), os.Chmod(path, 0o640)); err != nil {
		t.Fatal(err)
	}
	if err := s.Fill(ctx, true, fill); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("after taking the place of a file: %v, %v", info.Mode(), err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []int{0, 8192} {
		clear(data[:damage])
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		err = s.Salvage(ctx, func(w store.Wreck) error {
			for f, err := range w.Scan() {
				if err != nil {
					return err
				}
				if f.Standing == store.InUse && f.Key[:2] == "k/" {
					n++
				}
			}
			return nil
		})
		if err != nil || n != 200 {
			t.Errorf("%d bytes damaged: %d records, %v", damage, n, err)
		}
	}
	if err := Open(t.TempDir(), Options{}).Salvage(ctx, nil); !errors.Is(err, kdb.ErrNoDatabase) {
		t.Errorf("a folder: %v", err)
	}
	if err := Open(path+"x", Options{}).Salvage(ctx, nil); !errors.Is(err, kdb.ErrNoDatabase) {
		t.Errorf("a missing file: %v", err)
	}
}
