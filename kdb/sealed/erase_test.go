package sealed_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// TestErase_removedMeansGone: whatever removes a key slot or a private key, its record is nowhere in the file afterwards.
func TestErase_removedMeansGone(t *testing.T) {
	t.Parallel()
	p, other := newPair(t, "a"), newPair(t, "b")
	for what, test := range map[string]struct {
		record string
		change func(*sealed.Database) error
	}{
		"passwd": {"slot/00000001", func(db *sealed.Database) error {
			_, err := db.ChangePassword(ctx, 1, []byte("new"), kdb.CostTest)
			return err
		}},
		"slots remove": {"slot/00000001", func(db *sealed.Database) error { return db.RemoveSlot(ctx, 1, false) }},
		"stash remove": {"slot/00000002", func(db *sealed.Database) error { return db.RemoveStash(ctx) }},
		"stash create": {"slot/00000002", func(db *sealed.Database) error { return db.CreateStash(ctx) }},
		"rekey": {"slot/00000002", func(db *sealed.Database) error {
			return db.Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest})
		}},
		"delete": {"k/a", func(db *sealed.Database) error {
			return db.Update(ctx, "delete", func(tx kdb.Tx) error { return tx.Delete("a") })
		}},
		"rename": {"k/a", func(db *sealed.Database) error {
			return db.Update(ctx, "rename", func(tx kdb.Tx) error { return tx.Rename("a", "other") })
		}},
		"replace": {"k/a", func(db *sealed.Database) error {
			return db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(personal("a", other)) })
		}},
		"replace by a certificate": {"k/a", func(db *sealed.Database) error {
			return db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(trusted("a", other)) })
		}},
	} {
		for _, entries := range []int{0, 60} {
			db, path := newDatabase(t)
			must(t, db.CreateStash(ctx))
			put(t, db, personal("a", p))
			for i := range entries {
				put(t, db, personal(fmt.Sprint("more", i), p))
			}
			raw, err := rawRecords(boltstore.Open(path, boltstore.Options{Options: store.Options{LockTimeout: time.Minute}}))
			must(t, err)
			record := []byte(raw[test.record])
			if n := bytes.Count(read(t, path), record); n == 0 || len(record) < 90 {
				t.Fatalf("%s: the record is not in the file", what)
			}
			must(t, test.change(db))
			if n := bytes.Count(read(t, path), record[20:]); n > 0 {
				t.Errorf("%s, %d entries: %s is still %d times in the file", what, entries, test.record, n)
			}
			wantSound(t, db)
		}
	}
}

// TestErase_metaPagesDoNotUndo: with either meta page alone the file is in its last state.
func TestErase_metaPagesDoNotUndo(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	put(t, db, personal("a", newPair(t, "a")))
	_, err := db.ChangePassword(ctx, 1, []byte("new"), kdb.CostTest)
	must(t, err)
	whole := read(t, path)
	for page := range 2 {
		damaged := bytes.Clone(whole)
		clear(damaged[page*4096+16 : page*4096+80])
		must(t, os.WriteFile(path, damaged, 0o600))
		again := openWith(t, path, options("new"))
		if got := labels(t, again); len(got) != 1 {
			t.Errorf("without meta page %d: %q", page, got)
		}
	}
}
