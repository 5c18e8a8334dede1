package sealed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/kdb/store/storetest"
)

// debris is a store in memory that can be salvaged. Its records are in use; free ones are on pages that nothing leads to.
type debris struct {
	*storetest.Memory
	free []store.Record
}

// Salvage implements store.Salvager.
func (d *debris) Salvage(_ context.Context, fn func(store.Wreck) error) error {
	var w rubble
	records := d.Records()
	for _, key := range slices.Sorted(maps.Keys(records)) {
		w.add(store.Record{Key: key, Value: records[key]}, store.InUse, 1)
	}
	for _, r := range d.free {
		w.add(r, store.Unused, 0)
	}
	return fn(w)
}

type rubble []store.Found

func (w *rubble) add(r store.Record, s store.Standing, states uint64) {
	*w = append(*w, store.Found{Record: r, At: store.Place{Index: len(*w)}, Standing: s, States: states})
}

// Scan implements store.Wreck.
func (w rubble) Scan() iter.Seq2[store.Found, error] {
	return func(yield func(store.Found, error) bool) {
		for _, f := range w {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// Read implements store.Wreck.
func (w rubble) Read(at store.Place) (store.Record, error) { return w[at.Index].Record, nil }

// secret is an entry whose key tells its version.
func secret(label, version string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindSecretKey, KeyAlgorithm: "AES", Key: []byte(version + "56789abcdef")}
}

// history is a database with its records at three times: with "web" in its first version and "old", with the second version of "web", and
// at last without "old".
func history(t *testing.T, o kdb.Options) (st *debris, was [3]map[string][]byte) {
	t.Helper()
	st = &debris{Memory: storetest.NewMemory()}
	db, err := Create(t.Context(), st, "test", kdb.CreateOptions{Options: o, Cost: kdb.CostTest})
	if err != nil {
		t.Fatal(err)
	}
	for i, change := range []func(kdb.Tx) error{
		func(tx kdb.Tx) error {
			return errors.Join(tx.Put(secret("web", "first")), tx.Put(secret("old", "older")), tx.Put(secret("api", "other")))
		},
		func(tx kdb.Tx) error { return errors.Join(tx.Delete("web"), tx.Put(secret("web", "newer"))) },
		func(tx kdb.Tx) error { return tx.Delete("old") },
	} {
		if err := db.Update(t.Context(), []string{"add", "add", "delete"}[i], change); err != nil {
			t.Fatal(err)
		}
		was[i] = st.Records()
	}
	return st, was
}

// contents are the keys of the entries that are found, "?" for a damaged entry, and how sure that is.
func contents(t *testing.T, st store.Store, o kdb.Options) string {
	t.Helper()
	db, err := Open(t.Context(), st, "test", o)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := db.Salvage(t.Context())
	if err != nil {
		return "error: " + err.Error()
	}
	defer found.Close()
	var list []string
	damaged := map[string]bool{}
	for _, d := range found.Damaged {
		damaged[d.Label] = true
		list = append(list, d.Label+" ?")
	}
	err = found.View(t.Context(), func(tx kdb.Tx) error {
		for s, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			if key, err := tx.Key(s.Label); err != nil {
				return err
			} else if !damaged[s.Label] {
				list = append(list, fmt.Sprintf("%s %.5s", s.Label, key))
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	slices.Sort(list)
	if !found.Verified {
		list = append(list, "unsure")
	}
	if found.Unnamed > 0 {
		list = append(list, fmt.Sprint(found.Unnamed, " more"))
	}
	return strings.Join(list, ", ")
}

// with are records with those of another time in their place.
func with(records, other map[string][]byte, keys ...string) map[string][]byte {
	records = maps.Clone(records)
	for _, key := range keys {
		delete(records, key)
		if value, there := other[key]; there {
			records[key] = value
		}
	}
	return records
}

// TestSalvage_hostile: somebody without a key wrote into the file. What was deleted or replaced is not copied without a word, and nothing
// gets to another label.
func TestSalvage_hostile(t *testing.T) {
	t.Parallel()
	st, was := history(t, secretOptions)
	last := was[2]
	web, old := []string{"s/web", "c/web", "k/web"}, []string{"s/old", "c/old", "k/old"}
	swapped := maps.Clone(last)
	for _, prefix := range []string{"s/", "c/", "k/"} {
		swapped[prefix+"web"], swapped[prefix+"api"] = last[prefix+"api"], last[prefix+"web"]
	}
	renamed := maps.Clone(last)
	for _, prefix := range []string{"s/", "c/", "k/"} {
		renamed[prefix+"evil"] = last[prefix+"web"]
	}
	slot := maps.Clone(last)
	slot[slotKey(1)] = bytes.Clone(slot[slotKey(1)])
	slot[slotKey(1)][len(slot[slotKey(1)])-1] ^= 1
	for _, c := range []struct {
		rule    string
		records map[string][]byte
		free    []map[string][]byte
		want    string
	}{
		{"nothing is wrong", last, nil, "api other, web newer"},
		{"what is unused does not come back", last, []map[string][]byte{was[0], was[1]}, "api other, web newer"},
		{"a deleted entry put back", with(last, was[0], old...), nil, "api other, old older, web newer, unsure"},
		{"a replaced entry put back", with(last, was[0], web...), nil, "api other, web first, unsure"},
		{"a replaced entry put back, the new one unused", with(last, was[0], web...), []map[string][]byte{last}, "api other, web newer"},
		{"a replaced key put back", with(last, was[0], "k/web"), nil, "api other, web ?"},
		{"a removed summary", with(last, nil, "s/web"), nil, "api other, web ?, unsure"},
		{"a removed key", with(last, nil, "k/web"), []map[string][]byte{was[0]}, "api other, web ?"},
		{"a removed entry", with(last, nil, web...), nil, "api other, unsure, 1 more"},
		{"records of two entries exchanged", swapped, nil, "unsure, 2 more"},
		{"records copied to another label", renamed, nil, "api other, web newer"},
		{"an older head", with(last, was[0], "head"), nil, "api other, web newer"},
		{"an unused older head", last, []map[string][]byte{{"head": was[0]["head"]}}, "api other, web newer"},
		{"no head, and an older one unused", with(last, nil, "head", "~head"), []map[string][]byte{was[0]}, "api other, web newer, unsure"},
		{"one changed copy of the slot", slot, nil, "api other, web newer"},
	} {
		st.Replace(c.records)
		st.free = nil
		for _, records := range c.free {
			for _, key := range slices.Sorted(maps.Keys(records)) {
				st.free = append(st.free, store.Record{Key: key, Value: records[key]})
			}
		}
		if got := contents(t, st, secretOptions); got != c.want {
			t.Errorf("%s: %s; want %s", c.rule, got, c.want)
		}
	}
}

// TestSalvage_olderState: an older state is noticed by who knows a newer one, also when it is so damaged that it cannot be opened.
func TestSalvage_olderState(t *testing.T) {
	t.Parallel()
	o, warned := secretOptions, []error(nil)
	o.State, o.Warn = t.TempDir(), func(err error) { warned = append(warned, err) }
	st, was := history(t, o)
	for _, c := range []struct {
		rule    string
		records map[string][]byte
		warned  int
	}{
		{"the newest", was[2], 0},
		{"an older one", was[1], 1},
		{"the newest, damaged", with(was[2], was[0], "~head"), 0},
		{"an older one, damaged", with(was[1], was[0], "~head"), 1},
	} {
		warned = nil
		st.Replace(c.records)
		contents(t, st, o)
		if len(warned) != c.warned || c.warned > 0 && !errors.Is(warned[0], kdb.ErrRolledBack) {
			t.Errorf("%s: salvaging warns of %v", c.rule, warned)
		}
		warned = nil
		if _, err := Recover(t.Context(), st, nil, "test", o); err != nil {
			t.Errorf("%s: %v", c.rule, err)
		}
		if len(warned) != c.warned || c.warned > 0 && !errors.Is(warned[0], kdb.ErrRolledBack) {
			t.Errorf("%s: recovering warns of %v", c.rule, warned)
		}
	}
}

// TestRecover_boundedWork: not many meta records are tried, and the slots are derived once for all of them.
func TestRecover_boundedWork(t *testing.T) {
	t.Parallel()
	st, _ := history(t, secretOptions)
	hostile(t, st.Memory, maxSlots-1, func(s *slot) { s.kdf, s.passes, s.memory = kdfPBKDF2, 1000, 0 })
	for range 1000 {
		m := newMeta(time.Now())
		st.free = append(st.free, store.Record{Key: "meta", Value: m.encode()})
	}
	db := newDatabase(st, "test", kdb.Options{})
	err := st.Salvage(t.Context(), func(w store.Wreck) error {
		found, err := collect(w)
		if err != nil {
			return err
		}
		r := &wreckage{ctx: t.Context(), db: db, w: w, found: found}
		metas, d := r.metas(), derivations{secret: []byte("wrong"), left: newBudget(0)}
		_, _, _, err = db.openAny(t.Context(), metas, r.slots(), &d)
		if len(metas) != maxMetas || len(d.made) != maxSlots {
			t.Errorf("%d meta records, %d derivations", len(metas), len(d.made))
		}
		return err
	})
	if !errors.Is(err, kdb.ErrPassword) {
		t.Error(err)
	}
}

// TestSalvage_distrustedPutBack: a trust mark of an older version may have been taken away since, whatever came after that and whatever
// the operation was called.
func TestSalvage_distrustedPutBack(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	ca := kdb.Entry{Label: "ca", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{anyCertificate(t)}}
	untrusted, other := ca, ca
	untrusted.Trusted, other.Certificates = false, [][]byte{anyCertificate(t)}
	distrusted := other
	distrusted.Trusted = false
	mark := func(m kdb.Marks) func(kdb.Tx) error { return func(tx kdb.Tx) error { return tx.Mark("ca", m) } }
	put := func(e kdb.Entry) func(kdb.Tx) error { return func(tx kdb.Tx) error { return tx.Put(e) } }
	export := func(tx kdb.Tx) error { return tx.Audit("export", "ca") }
	remove := func(tx kdb.Tx) error { return tx.Delete("ca") }
	for _, c := range []struct {
		rule   string
		keeps  bool
		change []func(kdb.Tx) error
	}{
		{"distrusted", false, []func(kdb.Tx) error{mark(kdb.Marks{Trusted: &no})}},
		{"and exported", false, []func(kdb.Tx) error{mark(kdb.Marks{Trusted: &no}), export}},
		{"another one, and the first again", false, []func(kdb.Tx) error{put(distrusted), put(untrusted)}},
		{"removed and added again", false, []func(kdb.Tx) error{remove, put(untrusted)}},
		{"another one in its place", false, []func(kdb.Tx) error{put(other)}},
		{"renamed and back", false, []func(kdb.Tx) error{
			func(tx kdb.Tx) error { return tx.Rename("ca", "x") }, func(tx kdb.Tx) error { return tx.Rename("x", "ca") },
		}},
		{"renamed, distrusted, and renamed back", false, []func(kdb.Tx) error{ // in the log of "ca" the same as the case above
			func(tx kdb.Tx) error { return tx.Rename("ca", "x") },
			func(tx kdb.Tx) error { return tx.Mark("x", kdb.Marks{Trusted: &no}) },
			func(tx kdb.Tx) error { return tx.Rename("x", "ca") },
		}},
		{"renamed, back, and trusted again", true, []func(kdb.Tx) error{
			func(tx kdb.Tx) error { return tx.Rename("ca", "x") }, func(tx kdb.Tx) error { return tx.Rename("x", "ca") },
			mark(kdb.Marks{Trusted: &no}), mark(kdb.Marks{Trusted: &yes}),
		}},
		{"trusted again", true, []func(kdb.Tx) error{mark(kdb.Marks{Trusted: &no}), mark(kdb.Marks{Trusted: &yes})}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			st := &debris{Memory: storetest.NewMemory()}
			db, err := Create(t.Context(), st, "test", kdb.CreateOptions{Options: secretOptions, Cost: kdb.CostTest})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Update(t.Context(), "add", put(ca)); err != nil {
				t.Fatal(err)
			}
			trusted := st.Records()
			for _, change := range c.change {
				if err := db.Update(t.Context(), "test", change); err != nil {
					t.Fatal(err)
				}
			}
			back := with(st.Records(), trusted, "s/ca", "c/ca")
			st.Replace(back)
			wantTrust(t, st, c.keeps)
			for key := range back { // the log, too
				if strings.HasPrefix(key, prefixLog) {
					delete(back, key)
				}
			}
			st.Replace(back)
			wantTrust(t, st, false)
		})
	}
}

// wantTrust wants the entry "ca" with or without trust in what is salvaged, and told of if it lost it.
func wantTrust(t *testing.T, st store.Store, trusted bool) {
	t.Helper()
	db, err := Open(t.Context(), st, "test", secretOptions)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := db.Salvage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	if err := found.View(t.Context(), func(tx kdb.Tx) error {
		s, err := tx.Summary("ca")
		if err == nil && (s.Trusted != trusted || found.Verified) {
			t.Errorf("it is trusted: %v, and all is sure: %v", s.Trusted, found.Verified)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if len(found.Damaged) == 0 && !trusted {
		t.Error("nothing is said about it")
	}
}
