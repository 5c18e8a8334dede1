package sealed_test

import (
	"errors"
	"testing"

	"certkdb/kdb"
)

// TestLabels_noneIsMissing: reading all labels, which opens no entry, notices that one was removed.
func TestLabels_noneIsMissing(t *testing.T) {
	t.Parallel()
	p := newPair(t, "p")
	db, st := inMemory(t, p, p)
	put(t, db, trusted("x", p), trusted("y", p))
	records := st.Records()
	delete(records, "s/x")
	st.Replace(records)
	var last error
	err := db.View(ctx, func(tx kdb.Tx) error {
		for _, err := range tx.Labels("") {
			last = err
		}
		return nil
	})
	if err != nil || !errors.Is(last, kdb.ErrCorrupt) {
		t.Errorf("reading the labels: %v, %v; want ErrCorrupt", last, err)
	}
}
