package sealed

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store/storetest"
)

// TestIndex_postingsSetAside: a transaction with more postings than memory sets them aside several times; of what is said twice of a
// label the later counts, and nothing of it stays.
func TestIndex_postingsSetAside(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db := newInternal(t, st)
	certificates := [][]byte{anyCertificate(t), anyCertificate(t)}
	err := db.update(t.Context(), "change", strict, func(tx *tx) error {
		for round := range 4 {
			for i := range pieceSize {
				label := fmt.Sprintf("host %d", i)
				err := tx.Delete(label) // of the round before
				if errors.Is(err, kdb.ErrNotFound) || i%3 == round {
					err = nil
				}
				if i%3 != round { // in the first round missing, later the other certificate
					err = errors.Join(err, tx.Put(kdb.Entry{
						Label: label, Kind: kdb.KindTrusted, Certificates: certificates[round%2 : round%2+1],
					}))
				}
				if err != nil {
					return err
				}
			}
			if round == 3 {
				break // the rest is in memory
			}
			if err := errors.Join(tx.sealBatch(), tx.setPostingsAside()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := indexFindings(t, db); len(got) != 0 {
		t.Errorf("findings %q", got)
	}
	for key := range st.Records() {
		if strings.HasPrefix(key, "p/") {
			t.Errorf("record %q is left", key)
		}
	}
}
