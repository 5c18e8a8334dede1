package sealed

import (
	"errors"
	"fmt"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store/storetest"
)

// TestCheck_chunks: entries and log records of several chunks are checked in order, and what is wrong with one is reported once.
func TestCheck_chunks(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db := newInternal(t, st)
	der := anyCertificate(t)
	err := db.Update(t.Context(), "add", func(tx kdb.Tx) (err error) {
		for i := range 2*checkChunk + 1 {
			err = errors.Join(err, tx.Put(kdb.Entry{Label: fmt.Sprintf("host %04d", i), Kind: kdb.KindTrusted, Certificates: [][]byte{der}}))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	problems := func() (list []string) {
		if err := db.Check(t.Context(), func(p kdb.Problem) { list = append(list, p.Where) }); err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := problems(); len(got) > 0 {
		t.Fatalf("sound: %q", got)
	}
	records := st.Records()
	for i, key := range []string{prefixCerts + "host 0001", prefixCerts + "host 0300", logKey(checkChunk + 7)} {
		records[key][len(records[key])-1] ^= 1
		st.Replace(records)
		if got := problems(); len(got) != i+1 || got[i] != place(key) {
			t.Errorf("%d damaged: %q", i+1, got)
		}
	}
	// A stray part takes the place of a missing one: their number is right.
	records[prefixCerts+"stray"] = records[prefixCerts+"host 0002"]
	delete(records, prefixCerts+"host 0002")
	st.Replace(records)
	var want []string
	for _, key := range []string{
		prefixCerts + "host 0001", prefixCerts + "host 0002", prefixCerts + "host 0300", prefixCerts + "stray", logKey(checkChunk + 7),
	} {
		want = append(want, place(key))
	}
	if got := problems(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("a stray part: %q, want %q", got, want)
	}
}
