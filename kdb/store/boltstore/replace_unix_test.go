//go:build unix

package boltstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// renames is the disk of this machine; before a file is renamed over another one it calls before.
type renames struct {
	atomicfile.Disk
	before func()
}

func (d renames) Rename(from, to string) error {
	d.before()
	return d.Disk.Rename(from, to)
}

// TestRewrite_lockedUntilItIsReplaced: nobody can write to the old file when the new one takes its place.
func TestRewrite_lockedUntilItIsReplaced(t *testing.T) {
	t.Parallel()
	put := func(tx store.Tx) error { return tx.Put("b", []byte("new")) }
	for how, replace := range map[string]func(*boltstore.Store) error{
		"a rewrite":      func(s *boltstore.Store) error { return s.Rewrite(ctx, nil) },
		"a compaction":   func(s *boltstore.Store) error { return s.Compact(ctx, func(string) {}) },
		"a large update": func(s *boltstore.Store) error { return s.Update(ctx, put) },
	} {
		path, asked := filepath.Join(oldFile(t), "x"), 0
		disk := renames{before: func() {
			asked++
			if err := boltstore.Open(path, boltstore.Options{}).Update(ctx, put); !errors.Is(err, kdb.ErrLocked) {
				t.Errorf("%s: another writer: %v, want ErrLocked", how, err)
			}
		}}
		if err := replace(boltstore.Open(path, boltstore.Options{Disk: disk, MaxMemory: 1})); err != nil || asked != 1 {
			t.Errorf("%s: %v, renamed %d times", how, err, asked)
		}
	}
}

func TestUpdate_fileThatIsRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(oldFile(t), "x")
	for _, memory := range []int{0, 1} {
		s := boltstore.Open(path, boltstore.Options{MaxMemory: memory})
		err := s.Update(ctx, func(tx store.Tx) error { return errors.Join(os.Remove(path), tx.Put("b", nil)) })
		if !errors.Is(err, kdb.ErrNoDatabase) {
			t.Errorf("Update = %v, want ErrNoDatabase", err)
		}
		if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 0 {
			t.Errorf("left over: %v, %v", files, err)
		}
		create(t, path)
	}
}
