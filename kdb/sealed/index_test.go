package sealed_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/kdbtest"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store/storetest"
	"certkdb/pki/cert"
)

// blocksOf are the keys of the index's records, in order.
func blocksOf(records map[string][]byte) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(records)) {
		if strings.HasPrefix(key, "x/") {
			keys = append(keys, key)
		}
	}
	return keys
}

// manyAlike makes a database whose entries have few certificates among them, so that many postings have the same trait.
func manyAlike(t *testing.T, n int, pairs ...pair) (*sealed.Database, *storetest.Memory) {
	t.Helper()
	db, st := inMemory(t, pairs[0], pairs[1])
	var list []kdb.Entry
	for i := range n {
		list = append(list, trusted(fmt.Sprintf("host %04d", i), pairs[i%len(pairs)]))
	}
	put(t, db, list...)
	return db, st
}

func wantFind(t *testing.T, db *sealed.Database) {
	t.Helper()
	wantSound(t, db)
	must(t, db.View(ctx, kdbtest.CheckFind))
}

// TestIndex_manyOfOneTrait: the postings of a trait go through several records, and come in the order of their labels.
func TestIndex_manyOfOneTrait(t *testing.T) {
	t.Parallel()
	db, st := manyAlike(t, 400, newPair(t, "a"), newPair(t, "b"))
	wantFind(t, db)
	blocks := blocksOf(st.Records())
	if len(blocks) < 20 {
		t.Errorf("the index has %d records only", len(blocks))
	}
	for _, key := range blocks {
		if size := len(st.Records()[key]); size > 2<<10 {
			t.Errorf("record %s has %d bytes", key, size)
		}
	}
	must(t, db.Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest}))
	wantFind(t, db)
	if again := blocksOf(st.Records()); len(again) > len(blocks) || slices.Equal(again, blocks) {
		t.Errorf("rekeyed, the index has %d records instead of %d", len(again), len(blocks))
	}
}

// TestIndex_randomChanges compares the index with the entries after each of many changes.
func TestIndex_randomChanges(t *testing.T) {
	t.Parallel()
	pairs := []pair{newPair(t, "a"), newPair(t, "b"), newPair(t, "c"), newPair(t, "d")}
	db, _ := manyAlike(t, 40, pairs...)
	r := rand.New(rand.NewPCG(1, 2))
	for range 15 {
		must(t, db.Update(ctx, "change", func(tx kdb.Tx) error {
			for range r.IntN(20) {
				label, other := fmt.Sprintf("host %04d", r.IntN(60)), fmt.Sprintf("host %04d", r.IntN(60))
				chain := personal(label, pairs[r.IntN(len(pairs))])
				chain.Certificates = append(chain.Certificates, pairs[r.IntN(len(pairs))].cert)
				var err error
				switch r.IntN(5) {
				case 0:
					err = tx.Delete(label)
				case 1:
					err = tx.Rename(label, other)
				case 2:
					err = tx.Put(chain)
				case 3:
					err = tx.Certify(label, chain.Certificates)
				default:
					err = tx.Put(trusted(label, pairs[r.IntN(len(pairs))]))
				}
				if err != nil && !errors.Is(err, kdb.ErrNotFound) && !errors.Is(err, kdb.ErrExists) {
					return err
				}
			}
			return nil
		}))
		var problems []kdb.Problem
		for _, p := range findings(t, db) {
			if !strings.Contains(p.What, "private key") { // Certify takes any certificate
				problems = append(problems, p)
			}
		}
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		must(t, db.View(ctx, kdbtest.CheckFind))
	}
}

// TestIndex_tampering: whatever is done to a record of the index is found, and no look-up passes over what is missing.
func TestIndex_tampering(t *testing.T) {
	t.Parallel()
	db, st := manyAlike(t, 120, newPair(t, "a"), newPair(t, "b"))
	older := st.Records()
	must(t, db.Update(ctx, "delete", func(tx kdb.Tx) error {
		for i := range 60 {
			if err := tx.Delete(fmt.Sprintf("host %04d", 2*i)); err != nil {
				return err
			}
		}
		return nil
	}))
	original := st.Records()
	blocks := blocksOf(original)
	for i, key := range blocks {
		for what, change := range map[string]func(map[string][]byte){
			"removed":            func(r map[string][]byte) { delete(r, key) },
			"replaced by a copy": func(r map[string][]byte) { r[key] = r[blocks[(i+1)%len(blocks)]] },
			"an older one":       func(r map[string][]byte) { r[key] = older[key] },
		} {
			records := maps.Clone(original)
			if change(records); bytes.Equal(records[key], original[key]) {
				continue
			}
			st.Replace(records)
			if !found(db) {
				t.Errorf("record %d of the index %s: Check found nothing", i, what)
			}
			if err := readAll(db); what != "an older one" && !errors.Is(err, kdb.ErrCorrupt) {
				t.Errorf("record %d of the index %s: looking everything up = %v, want ErrCorrupt", i, what, err)
			}
		}
	}
}

// TestIndex_revealsNothing: the store sees no name and no label of an entry in the index, and no key that two databases share.
func TestIndex_revealsNothing(t *testing.T) {
	t.Parallel()
	pairs := []pair{newPair(t, "a"), newPair(t, "b")}
	_, one := manyAlike(t, 100, pairs...)
	_, two := manyAlike(t, 100, pairs...)
	for key, value := range one.Records() {
		if !strings.HasPrefix(key, "x/") {
			continue
		}
		if bytes.Contains(value, []byte("host")) || bytes.Contains(value, []byte("CN=")) || bytes.Contains(value, []byte("example")) {
			t.Errorf("record %s has clear text", key)
		}
		if _, both := two.Records()[key]; both && key != lastBlock {
			t.Errorf("two databases have a record %s", key)
		}
	}
}

// TestFind_readsNoOtherEntry: a look-up opens as many records in a large database as in a small one.
func TestFind_readsNoOtherEntry(t *testing.T) {
	t.Parallel()
	ca := newPair(t, "the one")
	reads := func(n int) int {
		db, st := manyAlike(t, n, newPair(t, "a"), newPair(t, "b"))
		put(t, db, trusted("wanted", ca))
		c, err := cert.Parse(ca.cert)
		must(t, err)
		must(t, db.Unlock(ctx))
		before := st.Reads()
		must(t, db.View(ctx, func(tx kdb.Tx) error {
			var got []string
			for s, err := range tx.Find(kdb.BySubject(c.Subject)) {
				if err != nil {
					return err
				}
				got = append(got, s.Label)
			}
			if !slices.Equal(got, []string{"wanted"}) {
				t.Errorf("found %q", got)
			}
			return nil
		}))
		return st.Reads() - before
	}
	if small, large := reads(2), reads(300); large > small+2 || large == 0 {
		t.Errorf("%d records are read of 302 entries, %d of 4", large, small)
	}
}

// TestInfo_doesNotCount: the number of entries has a record of its own, and is counted only if that is gone.
func TestInfo_doesNotCount(t *testing.T) {
	t.Parallel()
	db, st := manyAlike(t, 100, newPair(t, "a"), newPair(t, "b"))
	before := st.Reads()
	info, err := db.Info(ctx)
	must(t, err)
	if reads := st.Reads() - before; info.Entries != 103 || reads > 20 {
		t.Errorf("%d entries, for which %d records were read", info.Entries, reads)
	}
	for _, count := range [][]byte{nil, []byte("odd"), {2, 0, 0, 0, 0, 0, 0, 0, 9}, {1, 255, 255, 255, 255, 255, 255, 255, 255}} {
		records := st.Records()
		records["count"] = count
		st.Replace(records)
		if info, err := db.Info(ctx); err != nil || info.Entries != 103 {
			t.Errorf("with the count %x: %d entries, %v", count, info.Entries, err)
		}
	}
}

// TestDeleteDamaged_leavesNoPostings: what cannot be read any more is still taken out of the index.
func TestDeleteDamaged_leavesNoPostings(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]struct {
		record string
		remove func(kdb.Tx) error
	}{
		"summary":      {"s/host 0007", func(tx kdb.Tx) error { return tx.(kdb.DamageRemover).DeleteDamaged("host 0007") }},
		"certificates": {"c/host 0007", func(tx kdb.Tx) error { return tx.Delete("host 0007") }},
	} {
		db, st := manyAlike(t, 50, newPair(t, "a"), newPair(t, "b"))
		records := st.Records()
		records[change.record] = bytes.Clone(records[change.record])
		records[change.record][40] ^= 1
		st.Replace(records)
		if err := db.Update(ctx, "delete", change.remove); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		wantFind(t, db)
	}
}
