package sealed

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/kdb/store/storetest"
)

// logged makes a change that only the log has.
func logged(t *testing.T, st store.Store) {
	t.Helper()
	db, err := Open(t.Context(), st, "test", secretOptions)
	if err == nil {
		err = db.Update(t.Context(), "test", func(tx kdb.Tx) error { return tx.Audit("test", "") })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// generationOf is the number of the state that a store has.
func generationOf(t *testing.T, st store.Store) (n uint64) {
	t.Helper()
	db, err := Open(t.Context(), st, "test", secretOptions)
	if err == nil {
		err = db.view(t.Context(), strict, func(t *tx) error { n = t.head.generation; return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRestore_flippedRecord: a backup of which one bit of one record is wrong, on a page that can be read, is refused, and changes nothing.
func TestRestore_flippedRecord(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db := newInternal(t, st)
	der := anyCertificate(t)
	put := func(tx kdb.Tx) error {
		return tx.Put(kdb.Entry{Label: "a", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{der}})
	}
	if err := db.Update(t.Context(), "add", put); err != nil {
		t.Fatal(err)
	}
	sound := st.Records()
	logged(t, st)
	newer, flipped := st.Records(), 0
	for key := range sound {
		if strings.HasPrefix(key, store.Apart) {
			continue // the copies are there for the case that the records are damaged
		}
		records := maps.Clone(sound)
		records[key] = bytes.Clone(sound[key])
		records[key][len(records[key])-1] ^= 1
		backup := storetest.NewMemory()
		backup.Replace(records)
		_, err := Restore(t.Context(), backup, st, "backup", "test", kdb.RestoreOptions{Options: secretOptions, Force: true})
		if !errors.Is(err, kdb.ErrCorrupt) && !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("record %q of the backup is flipped: %v, want ErrCorrupt", key, err)
		}
		if !maps.EqualFunc(st.Records(), newer, bytes.Equal) {
			t.Fatalf("record %q of the backup is flipped, and the database was changed", key)
		}
		flipped++
	}
	if flipped < 6 {
		t.Errorf("only %d records were flipped", flipped)
	}
}

// TestRestore_generation: the restored state counts as newer than the one that it replaces and than any that the user remembers, so that
// nobody who knew those is told of a rollback by the generation.
func TestRestore_generation(t *testing.T) {
	t.Parallel()
	st, backup := storetest.NewMemory(), storetest.NewMemory()
	newInternal(t, st)
	backup.Replace(st.Records())
	for range 5 {
		logged(t, st)
	}
	before := generationOf(t, st)
	o := kdb.RestoreOptions{Options: secretOptions, Force: true}
	o.State = t.TempDir()
	if _, err := Restore(t.Context(), backup, st, "backup", "test", o); err != nil {
		t.Fatal(err)
	}
	if n := generationOf(t, st); n != before+1 {
		t.Errorf("generation %d was replaced by %d", before, n)
	}
	before = generationOf(t, st)
	st.Replace(nil)
	if _, err := Restore(t.Context(), backup, st, "backup", "test", o); err != nil {
		t.Fatal(err)
	}
	if n := generationOf(t, st); n != before+1 {
		t.Errorf("generation %d was remembered, and %d is restored", before, n)
	}
}

// TestRestore_changedMeanwhile: a change between the comparison and the replacement is not lost unseen.
func TestRestore_changedMeanwhile(t *testing.T) {
	t.Parallel()
	st, backup := &meanwhile{Memory: storetest.NewMemory()}, storetest.NewMemory()
	newInternal(t, st)
	backup.Replace(st.Records())
	logged(t, st)
	var during map[string][]byte
	st.happens = func() {
		logged(t, st.Memory)
		during = st.Records()
	}
	_, err := Restore(t.Context(), backup, st, "backup", "test", kdb.RestoreOptions{Options: secretOptions, Force: true})
	if !errors.Is(err, kdb.ErrChanged) {
		t.Errorf("Restore = %v, want ErrChanged", err)
	}
	if during == nil || !maps.EqualFunc(st.Records(), during, bytes.Equal) {
		t.Error("the change that came between is lost")
	}
}

// TestRestore_forgetsThePassword: it is asked for once, for the backup and the database, and not in memory afterwards.
func TestRestore_forgetsThePassword(t *testing.T) {
	t.Parallel()
	from, to := storetest.NewMemory(), storetest.NewMemory()
	newInternal(t, from)
	to.Replace(from.Records())
	var given [][]byte
	o := kdb.RestoreOptions{Options: secretOptions}
	o.Password = func(context.Context, string) ([]byte, error) {
		given = append(given, []byte("secret"))
		return given[len(given)-1], nil
	}
	if _, err := Restore(t.Context(), from, to, "backup", "test", o); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), from, to, "backup", "test", o); err != nil {
		t.Fatal(err)
	}
	if len(given) != 2 || !bytes.Equal(bytes.Join(given, nil), make([]byte, len("secret")*2)) {
		t.Errorf("asked %d times for two restorations, and %q is in memory", len(given), given)
	}
}
