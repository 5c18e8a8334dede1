package sealed

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store"
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
	noneAside(t, st)
}

func noneAside(t *testing.T, st *storetest.Memory) {
	t.Helper()
	for key := range st.Records() {
		if strings.HasPrefix(key, prefixAside) {
			t.Errorf("record %q is left", key)
		}
	}
}

// TestIndex_builtOfPostingsSetAside: an index is built of more postings than there is memory for.
func TestIndex_builtOfPostingsSetAside(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db := newInternal(t, st)
	k, err := db.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer k.release()
	const number = maxPending + 100
	err = db.store.Update(t.Context(), func(stx store.Tx) error {
		tx, err := db.begin(t.Context(), unwanted{stx, map[string]bool{}}, k)
		if err != nil {
			return err
		}
		defer tx.aside.wait()
		for i := range number {
			at := spot{byte(i), byte(i >> 8), byte(i >> 16), 1}
			if err := tx.addPostings([]posting{{at: at, label: "host"}}, false); err != nil {
				return err
			}
		}
		if err := tx.buildIndex(); err != nil {
			return err
		}
		found, last := 0, spot{}
		for b, err := range tx.blocks(spot{}) {
			if err != nil {
				return err
			}
			for _, p := range b.postings {
				if found > 0 && p.at.compare(&last) <= 0 {
					t.Errorf("posting %d is out of order", found)
				}
				found, last = found+1, p.at
			}
			if len(b.value) > 2*blockSize {
				t.Errorf("a block of %d bytes", len(b.value))
			}
		}
		if found != number {
			t.Errorf("%d postings of %d are in the index", found, number)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	noneAside(t, st)
}

// openings counts records that were read, and those that were opened.
type openings struct {
	store.Tx
	cipher.AEAD
	read, opened atomic.Int32
}

func (o *openings) Get(key string) ([]byte, error) {
	o.read.Add(1)
	return o.Tx.Get(key)
}

func (o *openings) Open(dst, nonce, sealed, bound []byte) ([]byte, error) {
	defer o.opened.Add(1)
	runtime.Gosched()
	return o.AEAD.Open(dst, nonce, sealed, bound)
}

// TestIndex_nothingIsOpenedAfterwards: who stops reading the postings that were set aside may clear the keys.
func TestIndex_nothingIsOpenedAfterwards(t *testing.T) {
	t.Parallel()
	db := newInternal(t, storetest.NewMemory())
	stop := errors.New("enough")
	for round := range 20 {
		err := db.update(t.Context(), "change", strict, func(tx *tx) error {
			for run := range 4 {
				for i := range 2 * pieceSize {
					tx.postings = append(tx.postings, posting{at: spot{byte(i >> 8), byte(i), byte(run)}, label: "host"})
				}
				if err := tx.setPostingsAside(); err != nil {
					return err
				}
			}
			if err := tx.storeAside(); err != nil {
				return err
			}
			o := &openings{Tx: tx.stx, AEAD: tx.keys.record}
			defer func() { tx.keys.record = o.AEAD }()
			tx.stx, tx.keys.record = o, o
			for range tx.asidePostings(nil) {
				break
			}
			if read, opened := o.read.Load(), o.opened.Load(); read != 8 || opened != read {
				t.Errorf("round %d: %d records read, %d opened", round, read, opened)
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
	}
}
