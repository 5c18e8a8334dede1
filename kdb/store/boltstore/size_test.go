package boltstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Size()
}

// TestUpdate_fileAsLargeAsNeeded: after many additions at once, in memory or not, the file is hardly larger than compacted.
func TestUpdate_fileAsLargeAsNeeded(t *testing.T) {
	t.Parallel()
	for _, memory := range []int{0, 20_000} {
		for _, n := range []int{150, 3000} {
			path := filepath.Join(oldFile(t), "x")
			s := boltstore.Open(path, boltstore.Options{MaxMemory: memory})
			must(t, s.Update(ctx, func(tx store.Tx) error {
				for i := range 3 * n {
					key := fmt.Sprintf("%c/%05d", "lcs"[i%3], i/3)
					if err := tx.Put(key, make([]byte, []int{250, 1200, 350}[i%3])); err != nil {
						return err
					}
				}
				return nil
			}))
			size := sizeOf(t, path)
			must(t, s.Compact(ctx, func(string) {}))
			if compact := sizeOf(t, path); size > compact*110/100 {
				t.Errorf("memory %d: after adding %d the file has %d bytes, compacted %d", memory, n, size, compact)
			}
		}
	}
}
