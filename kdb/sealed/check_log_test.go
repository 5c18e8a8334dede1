package sealed

import (
	"slices"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store/storetest"
)

// TestCheck_logAfterADamagedRecord: of what follows a record that cannot be read only the next one is not compared with it. The end of the
// log still is with what the head says.
func TestCheck_logAfterADamagedRecord(t *testing.T) {
	t.Parallel()
	for rule, c := range map[string]struct {
		damaged, removed int // of six
		want             []string
	}{
		"nothing":                                  {},
		"one is damaged":                           {damaged: 3, want: []string{place(logKey(3))}},
		"the last one is damaged":                  {damaged: 6, want: []string{place(logKey(6))}},
		"the last one is removed":                  {removed: 6, want: []string{"audit log"}},
		"one is damaged, and the last one removed": {3, 6, []string{place(logKey(3)), "audit log"}},
		"one is damaged, and a later one removed":  {2, 5, []string{place(logKey(2)), "audit log"}},
	} {
		st := storetest.NewMemory()
		db := newInternal(t, st)
		addHosts(t, db, 5)
		records := st.Records()
		if value := records[logKey(uint64(c.damaged))]; value != nil {
			value[len(value)-1] ^= 1
		}
		delete(records, logKey(uint64(c.removed)))
		st.Replace(records)
		var got []string
		if err := db.Check(t.Context(), func(p kdb.Problem) { got = append(got, p.Where) }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", rule, got, c.want)
		}
	}
}
