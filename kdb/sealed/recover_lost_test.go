package sealed_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// without removes the records with a prefix from a file, and leaves no older copy of them on its pages.
func without(t *testing.T, path string, prefixes ...string) {
	t.Helper()
	st := boltstore.Backend().Open(path, store.Options{})
	must(t, st.Update(ctx, func(tx store.Tx) error {
		var keys []string
		for _, prefix := range prefixes {
			for record, err := range tx.Scan(prefix, "") {
				if err != nil {
					return err
				}
				keys = append(keys, strings.Clone(record.Key))
			}
		}
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, st.Close())
	must(t, openWith(t, path, options("secret")).Compact(ctx))
}

// TestRecover_lostLog: without its audit log every entry is recovered, and the log is listed as lost.
func TestRecover_lostLog(t *testing.T) {
	t.Parallel()
	path := manyEntries(t, 20)
	without(t, path, "l/")
	found, list, err := recoverFile(t, path, options("secret"))
	if err != nil || len(list) != 19 || !found.Verified {
		t.Errorf("%d entries, %+v, %v", len(list), found, err)
	}
	if len(found.Missing) != 1 || !strings.HasPrefix(found.Missing[0].Where, "audit log, records 1 to ") {
		t.Errorf("missing: %+v", found.Missing)
	}
}

// TestRecover_lostHeadInTheOldPlace: without its head record a database is recovered, but nothing tells whether that is its newest state.
// In the old place it counts as an older one, until that is accepted.
func TestRecover_lostHeadInTheOldPlace(t *testing.T) {
	t.Parallel()
	path := manyEntries(t, 20)
	o := options("secret")
	o.State = t.TempDir()
	db := openWith(t, path, o)
	must(t, db.Update(ctx, "test", func(tx kdb.Tx) error { return tx.Audit("test", "") }))
	must(t, db.Close())
	data := read(t, path)
	for at := 0; ; at++ {
		i := bytes.Index(data[at:], []byte("head"))
		if i < 0 {
			break
		}
		at += i
		data[at+20] ^= 1
	}
	must(t, os.WriteFile(path, data, 0o600))
	to := filepath.Join(t.TempDir(), "new.ckdb")
	from, into := boltstore.Backend().Open(path, store.Options{}), boltstore.Backend().Open(to, store.Options{Create: true})
	found, err := sealed.Recover(ctx, from, into, path, options("secret"))
	must(t, err)
	lost := func(p kdb.Problem) bool { return p.Where == "head record" && strings.Contains(p.What, "newest state") }
	if found.Entries != 19 || found.Verified || !slices.ContainsFunc(found.Missing, lost) {
		t.Errorf("recovered %+v", found)
	}
	must(t, os.WriteFile(path, read(t, to), 0o600))
	db = openWith(t, path, o)
	if rolledBack, err := db.RolledBack(ctx); err != nil || rolledBack == nil {
		t.Errorf("in the old place: %v, %v", rolledBack, err)
	}
	must(t, db.AcceptState(ctx))
	must(t, db.Close())
	db = openWith(t, path, o)
	if rolledBack, err := db.RolledBack(ctx); err != nil || rolledBack != nil {
		t.Errorf("accepted: %v, %v", rolledBack, err)
	}
	wantSound(t, db)
}

// TestRecover_namesWhatIsLost: an entry of which only the key is left, or a mention in the index, is listed by its label.
func TestRecover_namesWhatIsLost(t *testing.T) {
	t.Parallel()
	path := manyEntries(t, 20)
	without(t, path, "s/label 10", "c/label 10", "s/label 3", "c/label 3")
	found, list, err := recoverFile(t, path, options("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"label 10", "label 3"} {
		named := func(p kdb.Problem) bool { return p.Where == `label "`+label+`"` }
		if slices.Contains(list, label) || !slices.ContainsFunc(found.Missing, named) {
			t.Errorf("%s is lost, and is there or not listed: %+v", label, found.Missing)
		}
	}
}

// TestRecover_keepsDefault: the default entry stays the default, whether or not something else is lost, and none becomes it in its place.
func TestRecover_keepsDefault(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"", "s/label 3", "s/label 10", "c/label 10"} {
		path := manyEntries(t, 20)
		db := openWith(t, path, options("secret"))
		yes := true
		must(t, db.Update(ctx, "default", func(tx kdb.Tx) error { return tx.Mark("label 10", kdb.Marks{Default: &yes}) }))
		must(t, db.Close())
		if lost != "" {
			without(t, path, lost)
		}
		to := filepath.Join(t.TempDir(), "to.ckdb")
		from := boltstore.Backend().Open(path, store.Options{})
		if _, err := sealed.Recover(ctx, from, boltstore.Backend().Open(to, store.Options{Create: true}), path, options("secret")); err != nil {
			t.Fatal(err)
		}
		must(t, openWith(t, to, options("secret")).View(ctx, func(tx kdb.Tx) error {
			for s, err := range tx.Summaries("") {
				if want := s.Label == "label 10"; err != nil || s.Default != want {
					t.Errorf("without %q: default is %t of %q, %v", lost, s.Default, s.Label, err)
				}
			}
			return nil
		}))
	}
}
