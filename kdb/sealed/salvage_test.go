package sealed_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store/storetest"
)

// salvaged are the labels of the entries that are whole, those of the damaged ones, and what else is known.
func salvaged(t testing.TB, db *sealed.Database) (whole, damaged []string, found kdb.Salvaged) {
	t.Helper()
	found, err := db.Salvage(ctx)
	must(t, err)
	defer found.Close()
	for _, d := range found.Damaged {
		damaged = append(damaged, d.Label)
	}
	must(t, found.View(ctx, func(tx kdb.Tx) error {
		for s, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			if slices.Contains(damaged, s.Label) {
				continue
			}
			whole = append(whole, s.Label)
			e, err := tx.Entry(s.Label)
			if err == nil && s.Kind == kdb.KindPersonal {
				e.Key, err = tx.Key(s.Label)
			}
			if err != nil || e.Fingerprint() != s.SHA256 {
				t.Errorf("%s is not whole: %v", s.Label, err)
			}
		}
		return nil
	}))
	return whole, damaged, found
}

// TestSalvage_eachPageInTurn zeroes each page of a file with 150 entries: all entries that are not on that page are whole, and the others
// are whole or named. What was deleted does not come back.
func TestSalvage_eachPageInTurn(t *testing.T) {
	t.Parallel()
	path := manyEntries(t, 151)
	data := read(t, path)
	on := labelsByPage(t, data)
	hurt := 0
	for page := range uint64(len(data) / 4096) {
		broken := bytes.Clone(data)
		clear(broken[page*4096:][:4096])
		must(t, os.WriteFile(path, broken, 0o600))
		db := openWith(t, path, options("secret"))
		whole, damaged, found := salvaged(t, db)
		must(t, db.Close())
		for i := range 151 {
			label := fmt.Sprintf("label %d", i)
			there, named := slices.Contains(whole, label), slices.Contains(damaged, label)
			switch {
			case i == 7 && (there || named):
				t.Errorf("without page %d: %s, which was deleted, is back", page, label)
			case i != 7 && !there && !on[page][label]:
				t.Errorf("without page %d: %s, which was not on it, is not whole", page, label)
			case i != 7 && !there && !named && found.Unnamed == 0:
				t.Errorf("without page %d: %s is missing, and not named", page, label)
			}
		}
		if len(whole) < 150 {
			hurt++
		}
		if len(whole) == 150 && (!found.Verified || len(damaged) > 0) {
			t.Errorf("without page %d: all are there, verified: %v, damaged: %q", page, found.Verified, damaged)
		}
	}
	if hurt < 20 {
		t.Errorf("only %d pages had entries", hurt)
	}
}

// What is held in memory is only read, and the database that it comes from stays open.
func TestSalvage_isReadOnly(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	pair := newPair(t, "x")
	must(t, db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(personal("web", pair)) }))
	before := read(t, path)
	found, err := db.Salvage(ctx)
	must(t, err)
	if !found.Verified || len(found.Damaged) > 0 || found.Unnamed != 0 {
		t.Errorf("a sound database is said to be damaged: %+v", found)
	}
	if err := found.Update(ctx, "delete", func(tx kdb.Tx) error { return tx.Delete("web") }); err == nil {
		t.Error("it can be changed")
	}
	must(t, found.Close())
	if err := found.View(ctx, func(kdb.Tx) error { return nil }); err == nil {
		t.Error("it can be read after its Close")
	}
	if list := labels(t, db); !slices.Equal(list, []string{"web"}) || !bytes.Equal(read(t, path), before) {
		t.Errorf("the database has %q, or was written", list)
	}
}

// Nothing is read without the password, or from a store that cannot be looked at.
func TestSalvage_refused(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	must(t, db.Close())
	other := openWith(t, path, options("wrong"))
	if _, err := other.Salvage(ctx); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	inMemory, err := sealed.Create(ctx, storetest.NewMemory(), "x", kdb.CreateOptions{Options: options("secret"), Cost: kdb.CostTest})
	must(t, err)
	if _, err := inMemory.Salvage(ctx); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("a store in memory: %v", err)
	}
}
