package sealed_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
	"certkdb/kdb/store/boltstore"
)

// recoverFile recovers a file into a new one, opens that with the password and returns its labels. The result must be sound.
func recoverFile(t testing.TB, path string, o kdb.Options) (kdb.Recovery, []string, error) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "new.ckdb")
	from := boltstore.Backend().Open(path, store.Options{})
	found, err := sealed.Recover(ctx, from, boltstore.Backend().Open(to, store.Options{Create: true}), path, o)
	if err != nil {
		if _, there := os.Lstat(to); there == nil {
			t.Errorf("recovering failed, %v, but the new database is there", err)
		}
		return found, nil, err
	}
	dry, err := sealed.Recover(ctx, from, nil, path, o)
	if err != nil || fmt.Sprint(dry) != fmt.Sprint(found) {
		t.Errorf("a dry run says %+v, %v, and then %+v was done", dry, err, found)
	}
	db := openWith(t, to, o)
	wantSound(t, db)
	list := labels(t, db)
	if len(list) != found.Entries {
		t.Errorf("%d entries are there, %d were recovered", len(list), found.Entries)
	}
	return found, list, nil
}

// labelsByPage are the labels of which a record is on a page, for each page; the index and the log do not count.
func labelsByPage(t testing.TB, data []byte) map[uint64]map[string]bool {
	t.Helper()
	w, err := boltread.Salvage(ctx, bytes.NewReader(data), int64(len(data)))
	must(t, err)
	pages := map[uint64]map[string]bool{}
	for f, err := range w.Scan() {
		must(t, err)
		kind, label, _ := strings.Cut(f.Key, "/")
		if f.Standing != store.InUse || !slices.Contains([]string{"s", "c", "k"}, kind) {
			continue
		}
		for id := f.At.Page; id <= f.At.Page+uint64(len(f.Value)/4096)+1; id++ { // with the pages that it goes on to
			if pages[id] == nil {
				pages[id] = map[string]bool{}
			}
			pages[id][label] = true
		}
	}
	return pages
}

// manyEntries makes a database of n entries, some with keys, over several transactions.
func manyEntries(t testing.TB, n int) (path string) {
	t.Helper()
	db, path := newDatabase(t)
	pair := newPair(t, "x")
	for from := 0; from < n; from += 50 {
		must(t, db.Update(ctx, "add", func(tx kdb.Tx) error {
			for i := from; i < min(from+50, n); i++ {
				e := trusted(fmt.Sprintf("label %d", i), pair)
				if i%10 == 0 {
					e = personal(e.Label, pair)
				}
				if err := tx.Put(e); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	must(t, db.Update(ctx, "delete", func(tx kdb.Tx) error { return tx.Delete("label 7") }))
	must(t, db.Close())
	return path
}

// TestRecover_eachPageInTurn zeroes each page of a file with 150 entries: all entries that are not on that page are recovered, and the
// others are recovered or listed. What was deleted does not come back.
func TestRecover_eachPageInTurn(t *testing.T) {
	t.Parallel()
	path := manyEntries(t, 151)
	data := read(t, path)
	on := labelsByPage(t, data)
	whole := 0
	for page := range uint64(len(data) / 4096) {
		damaged := bytes.Clone(data)
		clear(damaged[page*4096:][:4096])
		must(t, os.WriteFile(path, damaged, 0o600))
		found, list, err := recoverFile(t, path, options("secret"))
		if err != nil {
			t.Fatalf("without page %d: %v", page, err)
		}
		for i := range 151 {
			label := fmt.Sprintf("label %d", i)
			there := slices.Contains(list, label)
			listed := slices.ContainsFunc(slices.Concat(found.Missing, found.Altered), func(p kdb.Problem) bool {
				return p.Where == fmt.Sprintf("label %q", label)
			})
			switch {
			case i == 7 && there:
				t.Errorf("without page %d: %s, which was deleted, is back", page, label)
			case i != 7 && !there && !on[page][label]:
				t.Errorf("without page %d: %s, which was not on it, is not recovered", page, label)
			case i != 7 && !there && !listed:
				t.Errorf("without page %d: %s is missing, and not listed", page, label)
			}
		}
		if found.Expected != 150 {
			t.Errorf("without page %d: %d entries were expected", page, found.Expected)
		}
		if found.Complete() {
			whole++
		}
		if on[page] == nil && !found.Verified {
			t.Errorf("without page %d, which has no entries: %+v", page, found)
		}
	}
	if whole == 0 {
		t.Error("nothing was ever complete")
	}
}

// TestRecover_soundAndUnreadable: a sound database is copied whole; what is no database, or has no key left, is an error.
func TestRecover_soundAndUnreadable(t *testing.T) {
	t.Parallel()
	path := manyEntries(t, 20)
	data := read(t, path)
	found, list, err := recoverFile(t, path, options("secret"))
	if err != nil || !found.Verified || !found.Complete() || len(list) != 19 || len(found.LeftOut) > 0 {
		t.Errorf("a sound database: %+v, %v, %v", found, list, err)
	}
	if _, _, err := recoverFile(t, path, options("wrong")); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	must(t, os.WriteFile(path, make([]byte, len(data)), 0o600))
	if _, _, err := recoverFile(t, path, options("secret")); !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("zeros: %v", err)
	}
	must(t, os.WriteFile(path, append(make([]byte, 8192), data[8192:]...), 0o600))
	found, list, err = recoverFile(t, path, options("secret"))
	if err != nil || !found.Verified || len(list) != 19 {
		t.Errorf("without both meta pages: %+v, %v, %v", found, list, err)
	}
}

// TestRecover_truncatedAndFlipped: files that were cut off, and single bits flipped in the headers of pages, are no worse than a lost page.
func TestRecover_truncatedAndFlipped(t *testing.T) {
	t.Parallel()
	path := manyEntries(t, 30)
	data := read(t, path)
	for size := len(data) - 4096; size > 8192; size -= 4096 + 512 {
		must(t, os.WriteFile(path, data[:size], 0o600))
		found, _, err := recoverFile(t, path, options("secret"))
		if err != nil && !errors.Is(err, kdb.ErrCorrupt) && !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("cut at %d: %v", size, err)
		}
		if err == nil && found.Entries < 29 && found.Complete() {
			t.Errorf("cut at %d: %d entries, said to be complete", size, found.Entries)
		}
	}
	for page := range len(data) / 4096 {
		for _, at := range []int{0, 8, 10, 12} {
			damaged := bytes.Clone(data)
			damaged[page*4096+at] ^= 0x15
			must(t, os.WriteFile(path, damaged, 0o600))
			found, list, err := recoverFile(t, path, options("secret"))
			if err != nil || len(list) != 29 || !found.Verified {
				t.Errorf("page %d, byte %d: %d entries, %+v, %v", page, at, len(list), found, err)
			}
		}
	}
}
