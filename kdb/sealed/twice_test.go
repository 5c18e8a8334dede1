package sealed_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store"
)

// TestTwice_oneCopyOpensTheDatabase damages or removes each of the records that are stored twice, and each of their copies, byte by byte.
func TestTwice_oneCopyOpensTheDatabase(t *testing.T) {
	t.Parallel()
	_, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	original := st.Records()
	n := 0
	for key := range original {
		if !strings.HasPrefix(key, store.Apart) {
			continue
		}
		n++
		for _, damaged := range []string{key, strings.TrimPrefix(key, store.Apart)} {
			for i := range original[key] {
				records := maps.Clone(original)
				records[damaged] = bytes.Clone(original[key])
				records[damaged][i] ^= 0x41
				st.Replace(records)
				db := reopen(t, st)
				if err := readAll(db); err != nil {
					t.Errorf("record %q, byte %d: reading = %v", damaged, i, err)
				}
				if !found(db) {
					t.Errorf("record %q, byte %d: Check found nothing", damaged, i)
				}
			}
		}
	}
	if n != 3 {
		t.Errorf("%d records are stored twice, want meta, head and a slot", n)
	}
}

// TestTwice_olderCopies: a record that was valid once, in the place of one of the two, is no damage. A slot is an exception: the head
// tells which of two is right.
func TestTwice_olderCopies(t *testing.T) {
	t.Parallel()
	db, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	older := st.Records()
	put(t, db, trusted("c", newPair(t, "c")))
	original := st.Records()
	otherMeta := bytes.Clone(original["meta"])
	for _, test := range []struct {
		name   string
		change func(map[string][]byte)
	}{
		{"an older head", func(r map[string][]byte) { r["head"] = older["head"] }},
		{"an older copy of the head", func(r map[string][]byte) { r["~head"] = older["head"] }},
		{"no head", func(r map[string][]byte) { delete(r, "head") }},
		{"no copy of the head", func(r map[string][]byte) { delete(r, "~head") }},
		{"no meta", func(r map[string][]byte) { delete(r, "meta") }},
		{"no copy of meta", func(r map[string][]byte) { delete(r, "~meta") }},
		{"a slot that was removed", func(r map[string][]byte) { r["~slot/00000002"] = r["slot/00000001"] }},
		{"no slot", func(r map[string][]byte) { delete(r, "slot/00000001"); delete(r, "~slot/00000001") }},
	} {
		records := maps.Clone(original)
		test.change(records)
		st.Replace(records)
		if err := readAll(db); !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("%s: reading = %v, want ErrCorrupt", test.name, err)
		}
		if !found(db) {
			t.Errorf("%s: Check found nothing", test.name)
		}
	}
	if !bytes.Equal(otherMeta, original["meta"]) {
		t.Error("the test changed its records")
	}
}

// TestTwice_aChangeMendsTheHead: writing stores both again.
func TestTwice_aChangeMendsTheHead(t *testing.T) {
	t.Parallel()
	db, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	for _, key := range []string{"head", "~head"} {
		records := st.Records()
		records[key][40] ^= 1
		st.Replace(records)
		put(t, db, trusted("c"+key, newPair(t, "c")))
		wantSound(t, db)
	}
}

// TestTwice_rekeyAndSlots: what opens by a copy can be rekeyed, and its slots changed.
func TestTwice_rekeyAndSlots(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(*sealed.Database) error{
		"rekey": func(db *sealed.Database) error {
			return db.Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest})
		},
		"passwd": func(db *sealed.Database) error {
			_, err := db.ChangePassword(ctx, 0, []byte("new"), kdb.CostTest)
			return err
		},
	} {
		for _, key := range []string{"slot/00000001", "~slot/00000001"} {
			_, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
			records := st.Records()
			records[key][90] ^= 1
			st.Replace(records)
			db := reopen(t, st)
			if slots, err := db.Slots(ctx); err != nil || len(slots) != 1 {
				t.Errorf("%s, %s: slots %v, %v", name, key, slots, err)
			}
			if err := run(db); err != nil {
				t.Errorf("%s, %s: %v", name, key, err)
			}
			wantSound(t, db)
		}
	}
}

// TestTwice_eachPageInTurn zeroes each page of a file with 150 entries, and of a small one: head, meta and slots can always be read, so
// that the database opens, whatever else is missing.
func TestTwice_eachPageInTurn(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 3, 150} {
		db, path := newDatabase(t)
		pair := newPair(t, "x")
		must(t, db.Update(ctx, "add", func(tx kdb.Tx) error {
			for i := range n {
				if err := tx.Put(trusted(fmt.Sprintf("label %d", i), pair)); err != nil {
					return err
				}
			}
			return nil
		}))
		must(t, db.CreateStash(ctx))
		data := read(t, path)
		for page := range len(data) / 4096 {
			damaged := bytes.Clone(data)
			clear(damaged[page*4096:][:4096])
			must(t, os.WriteFile(path, damaged, 0o600))
			for name, o := range map[string]kdb.Options{
				"password": {Password: password("secret"), NoStash: true}, "stash": {Password: never(t)},
			} {
				db, err := native().Open(ctx, path, o)
				if err != nil {
					t.Errorf("%d entries, without page %d: %v", n, page, err)
					continue
				}
				if err := db.View(ctx, func(kdb.Tx) error { return nil }); err != nil {
					t.Errorf("%d entries, without page %d, by %s: %v", n, page, name, err)
				}
				if slots, err := db.(*sealed.Database).Slots(ctx); err != nil || len(slots) != 2 {
					t.Errorf("%d entries, without page %d: slots %v, %v", n, page, slots, err)
				}
				db.Close()
			}
		}
	}
}
