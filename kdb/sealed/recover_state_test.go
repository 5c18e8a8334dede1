package sealed

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// TestRecover_newState holds what FORMAT.md says of the database that is made: its identity, slots, generation and log.
func TestRecover_newState(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		lost       string // the records whose keys begin with it
		generation func(before uint64) uint64
		slots      int
		lostLogs   bool
		foreign    bool // another record is in the place of a slot that the head lists
	}{
		"sound":           {"none", func(before uint64) uint64 { return before + 1 }, 2, false, false},
		"no log":          {"l/", func(before uint64) uint64 { return before + 1 }, 2, true, false},
		"foreign slot":    {"none", func(before uint64) uint64 { return before + 1 }, 1, false, true},
		"no index":        {"x/", func(before uint64) uint64 { return before + 1 }, 2, false, false},
		"no head":         {"head", func(uint64) uint64 { return 1 }, 1, false, false},
		"no head, no log": {"l/ head", func(uint64) uint64 { return 1 }, 1, false, false},
	} {
		st, _ := history(t, secretOptions)
		db, err := Open(t.Context(), st, "test", secretOptions)
		if err == nil {
			_, err = db.AddPasswordSlot(t.Context(), "", []byte("second"), kdb.CostTest)
		}
		if err != nil {
			t.Fatal(err)
		}
		before, records := generationOf(t, st), st.Records()
		for key := range records {
			for _, lost := range strings.Fields(c.lost) {
				if strings.HasPrefix(strings.TrimPrefix(key, "~"), lost) {
					delete(records, key)
				}
			}
		}
		if c.foreign {
			records["slot/00000002"], records["~slot/00000002"] = records["slot/00000001"], records["slot/00000001"]
		}
		st.Replace(records)
		to := boltstore.Backend().Open(filepath.Join(t.TempDir(), "new.ckdb"), store.Options{Create: true})
		if _, err := Recover(t.Context(), st, to, "test", secretOptions); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if got, want := generationOf(t, to), c.generation(before); got != want {
			t.Errorf("%s: generation %d, want %d", what, got, want)
		}
		if err := to.View(t.Context(), func(stx store.Tx) error {
			if meta, err := stx.Get("meta"); err != nil || !bytes.Equal(meta, records["meta"]) {
				t.Errorf("%s: it is another database, %v", what, err)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		made, err := Open(t.Context(), to, "test", secretOptions)
		if err != nil {
			t.Fatal(err)
		}
		if slots, err := made.Slots(t.Context()); err != nil || len(slots) != c.slots {
			t.Errorf("%s: slots %v, %v", what, slots, err)
		}
		var log []string
		for l, err := range made.Log(t.Context(), 0) {
			if err != nil {
				t.Error(err)
			}
			log = append(log, l.Operation)
		}
		all := fmt.Sprint(log)
		if !strings.HasSuffix(all, "recover]") || strings.HasPrefix(all, "[lost lost lost ") != c.lostLogs {
			t.Errorf("%s: log %s", what, all)
		}
		if err := made.Check(t.Context(), func(p kdb.Problem) { t.Errorf("%s: %v", what, p) }); err != nil {
			t.Error(err)
		}
	}
}
