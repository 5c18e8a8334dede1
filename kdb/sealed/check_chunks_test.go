package sealed

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/kdb/store/storetest"
)

// addHosts adds n trusted entries, "host 0000" and so on, in one transaction.
func addHosts(t *testing.T, db *Database, n int) {
	t.Helper()
	der := anyCertificate(t)
	err := db.Update(t.Context(), "add", func(tx kdb.Tx) (err error) {
		for i := range n {
			err = errors.Join(err, tx.Put(kdb.Entry{Label: fmt.Sprintf("host %04d", i), Kind: kdb.KindTrusted, Certificates: [][]byte{der}}))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCheck_chunks: entries and log records of several chunks are checked in order, and what is wrong with one is reported once.
func TestCheck_chunks(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db := newInternal(t, st)
	addHosts(t, db, 2*checkChunk+1)
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

// torn is a file in memory in which records of one kind cannot be read after some.
type torn struct {
	*storetest.Memory
	prefix string
	after  int
}

func (f *torn) View(ctx context.Context, fn func(store.Tx) error) error {
	return f.Memory.View(ctx, func(stx store.Tx) error { return fn(tornTx{stx, f}) })
}

type tornTx struct {
	store.Tx
	file *torn
}

func (x tornTx) Scan(prefix, after string) iter.Seq2[store.Record, error] {
	if prefix != x.file.prefix {
		return x.Tx.Scan(prefix, after)
	}
	return func(yield func(store.Record, error) bool) {
		n := 0
		for record, err := range x.Tx.Scan(prefix, after) {
			if n++; n > x.file.after {
				yield(store.Record{}, kdb.ErrCorrupt)
				return
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// TestCheck_torn: what was found in front of the place after which nothing can be read is reported.
func TestCheck_torn(t *testing.T) {
	t.Parallel()
	for prefix, damaged := range map[string]string{prefixSummary: prefixCerts + "host 0001", prefixLog: logKey(2)} {
		st := &torn{Memory: storetest.NewMemory()}
		db := newInternal(t, st)
		addHosts(t, db, 5)
		records := st.Records()
		records[damaged][len(records[damaged])-1] ^= 1
		st.Replace(records)
		for after, want := range map[int]bool{1: false, 3: true} {
			st.prefix, st.after = prefix, after
			var found []string
			if err := db.Check(t.Context(), func(p kdb.Problem) { found = append(found, p.Where) }); err != nil {
				t.Fatal(err)
			}
			if slices.Contains(found, place(damaged)) != want {
				t.Errorf("%s, %d can be read: %q, want %q: %v", prefix, after, found, place(damaged), want)
			}
		}
	}
}
