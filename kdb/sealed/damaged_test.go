package sealed_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store/storetest"
)

// damaged makes a database of three entries, of which "server" is the default, and spoils records.
func damaged(t *testing.T, records ...string) (*sealed.Database, *storetest.Memory) {
	t.Helper()
	db, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	yes := true
	must(t, db.Update(ctx, "default", func(tx kdb.Tx) error { return tx.Mark("server", kdb.Marks{Default: &yes}) }))
	stored := st.Records()
	for _, key := range records {
		stored[key] = bytes.Clone(stored[key])
		stored[key][40] ^= 1
	}
	st.Replace(stored)
	return db, st
}

func deleteDamaged(db kdb.Database, names ...string) error {
	return db.Update(ctx, "delete", func(tx kdb.Tx) error { return tx.(kdb.DamageRemover).DeleteDamaged(names...) })
}

// TestDeleteDamaged: the labels that are named go with all their records, the log says so, and the rest is sound again.
func TestDeleteDamaged(t *testing.T) {
	t.Parallel()
	for what, tt := range map[string]struct {
		spoiled []string
		lost    string // a record that is removed, not spoiled
		names   []string
		left    []string
	}{
		"one summary":                      {[]string{"s/server"}, "", []string{"server"}, []string{"aes", "ca"}},
		"a summary and its parts":          {[]string{"s/server", "c/server", "k/server"}, "", []string{"server"}, []string{"aes", "ca"}},
		"two summaries":                    {[]string{"s/server", "s/aes"}, "", []string{"aes", "server"}, []string{"ca"}},
		"a summary that is lost":           {nil, "s/ca", []string{"ca"}, []string{"aes", "server"}},
		"a summary of a key that is lost":  {nil, "s/aes", []string{"aes"}, []string{"ca", "server"}},
		"one spoiled and one that is lost": {[]string{"s/server"}, "s/ca", []string{"ca", "server"}, []string{"aes"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			db, st := damaged(t, tt.spoiled...)
			stored := st.Records()
			delete(stored, tt.lost)
			st.Replace(stored)
			must(t, deleteDamaged(db, tt.names...))
			if got := labels(t, db); !slices.Equal(got, tt.left) {
				t.Errorf("left are %q, want %q", got, tt.left)
			}
			wantSound(t, db)
			for _, name := range tt.names {
				for _, prefix := range []string{"s/", "c/", "k/"} {
					if _, there := st.Records()[prefix+name]; there {
						t.Errorf("%s%s is still stored", prefix, name)
					}
				}
			}
			var logged []string
			for r, err := range db.Log(ctx, 0) {
				must(t, err)
				if r.Operation == "delete-damaged" {
					logged = append(logged, r.Label)
				}
			}
			if !slices.Equal(logged, tt.names) {
				t.Errorf("the log names %q, want %q", logged, tt.names)
			}
			must(t, db.View(ctx, func(tx kdb.Tx) error {
				preset := ""
				for s, err := range tx.Summaries("") {
					if err != nil {
						return err
					}
					if s.Default {
						preset = s.Label
					}
				}
				if want := slices.Contains(tt.left, "server"); (preset == "server") != want {
					t.Errorf("the default is %q", preset)
				}
				return nil
			}))
		})
	}
}

// TestDeleteDamaged_refusals: an entry that can be read is not removed that way, and no damage beyond the named labels is
// accepted. Nothing changes then.
func TestDeleteDamaged_refusals(t *testing.T) {
	t.Parallel()
	for what, tt := range map[string]struct {
		spoiled []string
		lost    string
		names   []string
		want    error
	}{
		"a sound entry":                  {nil, "", []string{"ca"}, kdb.ErrExists},
		"a sound summary of lost parts":  {nil, "c/ca", []string{"ca"}, kdb.ErrExists},
		"a damaged one and a sound one":  {[]string{"s/server"}, "", []string{"server", "ca"}, kdb.ErrExists},
		"a label that never was":         {[]string{"s/server"}, "", []string{"server", "none"}, kdb.ErrNotFound},
		"one named, and another is lost": {[]string{"s/server"}, "s/ca", []string{"server"}, kdb.ErrCorrupt},
		"none named, and one is lost":    {nil, "s/ca", nil, kdb.ErrCorrupt},
		"the same one twice":             {[]string{"s/server"}, "", []string{"server", "server"}, kdb.ErrNotFound},
	} {
		db, st := damaged(t, tt.spoiled...)
		stored := st.Records()
		delete(stored, tt.lost)
		st.Replace(stored)
		before := fmt.Sprintf("%x", st.Records())
		if err := deleteDamaged(db, tt.names...); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", what, err, tt.want)
		}
		if after := fmt.Sprintf("%x", st.Records()); after != before {
			t.Errorf("%s: something changed", what)
		}
	}
	db, _ := damaged(t, "s/server")
	err := db.View(ctx, func(tx kdb.Tx) error { return tx.(kdb.DamageRemover).DeleteDamaged("server") })
	if err == nil {
		t.Error("it was removed while reading")
	}
}
