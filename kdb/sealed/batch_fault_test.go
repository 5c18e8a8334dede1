package sealed

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/kdb/store/storetest"
)

// failingTx fails once, at the first change of a key with the prefix, and works again afterwards.
type failingTx struct {
	store.Tx
	prefix string
	failed *bool
}

var errFault = errors.New("no space left")

func (f failingTx) fault(key string) error {
	if *f.failed || !strings.HasPrefix(key, f.prefix) {
		return nil
	}
	*f.failed = true
	return errFault
}

func (f failingTx) Put(key string, value []byte) error {
	if err := f.fault(key); err != nil {
		return err
	}
	return f.Tx.Put(key, value)
}

func (f failingTx) Delete(key string) error {
	if err := f.fault(key); err != nil {
		return err
	}
	return f.Tx.Delete(key)
}

// TestUpdate_failedWriteIsNeverCommitted: a write to the store fails, and the function of the update goes on regardless. The head would
// count records that are not there.
func TestUpdate_failedWriteIsNeverCommitted(t *testing.T) {
	t.Parallel()
	der := anyCertificate(t)
	add := func(tx *tx, n int) (err error) {
		for i := range n {
			err = tx.Put(kdb.Entry{Label: fmt.Sprint("host ", i), Kind: kdb.KindTrusted, Certificates: [][]byte{der}})
		}
		return err
	}
	for rule, c := range map[string]struct {
		prefix string
		do     func(tx *tx) (last error)
	}{
		"a batch":         {prefixCerts, func(tx *tx) error { return add(tx, 2*batchSize+1) }},
		"a later batch":   {prefixSummary + "host 700", func(tx *tx) error { return add(tx, 3*batchSize+1) }},
		"the last batch":  {prefixSummary, func(tx *tx) error { add(tx, 1); tx.sealBatch(); return tx.sealBatch() }},
		"a changed entry": {prefixSummary + "old", func(tx *tx) error { tx.Rename("old", "new"); return add(tx, batchSize) }},
		"a deleted entry": {prefixCerts + "old", func(tx *tx) error { tx.Delete("old"); return add(tx, batchSize) }},
		"postings set aside": {asideKey(0, 0), func(tx *tx) error {
			add(tx, batchSize)
			tx.sealBatch()
			tx.setPostingsAside()
			tx.storeAside()
			return tx.sealBatch()
		}},
		"a record at a time": {prefixIssued, func(tx *tx) error { tx.PutIssued(kdb.Issued{Serial: "1"}); return errFault }},
	} {
		db := newInternal(t, storetest.NewMemory())
		old := kdb.Entry{Label: "old", Kind: kdb.KindTrusted, Certificates: [][]byte{der}}
		if err := db.Update(t.Context(), "add", func(tx kdb.Tx) error { return tx.Put(old) }); err != nil {
			t.Fatal(err)
		}
		failed := false
		var last error
		err := db.update(t.Context(), "add", strict, func(tx *tx) error {
			after := tx.stx.(*afterBatch)
			after.Tx = failingTx{after.Tx, c.prefix, &failed}
			last = c.do(tx)
			return nil
		})
		if !failed || !errors.Is(err, errFault) || !errors.Is(last, errFault) {
			t.Errorf("%s: %v, the last call: %v; a write failed: %v", rule, err, last, failed)
		}
		err = db.Check(t.Context(), func(p kdb.Problem) { t.Errorf("%s: %s: %s", rule, p.Where, p.What) })
		if err != nil {
			t.Errorf("%s: %v", rule, err)
		}
	}
}
