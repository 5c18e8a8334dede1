package sealed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store/storetest"
)

// remembering opens a database as a user whose states are noted in a folder. warned gets what it is warned of.
func remembering(t *testing.T, st *storetest.Memory, folder string, warned *error) *Database {
	t.Helper()
	o := secretOptions
	o.State, o.Warn = folder, func(err error) { *warned = errors.Join(*warned, err) }
	db, err := Open(t.Context(), st, "test", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// audited makes a change to the database as a user.
func audited(t *testing.T, st *storetest.Memory, folder string, times int) {
	t.Helper()
	var warned error
	db := remembering(t, st, folder, &warned)
	for range times {
		if err := db.Update(t.Context(), "test", func(tx kdb.Tx) error { return tx.Audit("test", "") }); err != nil {
			t.Fatal(err)
		}
	}
}

// rolledBack says what a user finds, and is warned of the same.
func rolledBack(t *testing.T, st *storetest.Memory, folder string) *kdb.RolledBack {
	t.Helper()
	var warned error
	found, err := remembering(t, st, folder, &warned).RolledBack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if errors.Is(warned, kdb.ErrRolledBack) != (found != nil) {
		t.Errorf("found %v, warned of %v", found, warned)
	}
	return found
}

// TestRollback_isNoticed: an older state is noticed by the user who knows a newer one, and stays noticed whatever others, or the user,
// change afterwards, until it is accepted.
func TestRollback_isNoticed(t *testing.T) {
	t.Parallel()
	st, mine, others := storetest.NewMemory(), t.TempDir(), t.TempDir()
	newInternal(t, st)
	audited(t, st, mine, 1)
	old := st.Records()
	audited(t, st, mine, 1)
	audited(t, st, others, 1)
	if found := rolledBack(t, st, mine); found != nil {
		t.Fatalf("after a change by others: %v", found)
	}
	newest := st.Records()
	st.Replace(old)
	for _, step := range []struct {
		what  string
		after func()
		found uint64
	}{
		{"put back", func() {}, 2},
		{"changed by others, as often", func() { audited(t, st, t.TempDir(), 1) }, 3},
		{"changed by others, more often", func() { audited(t, st, t.TempDir(), 2) }, 5},
		{"changed by this user", func() { audited(t, st, mine, 2) }, 7},
	} {
		step.after()
		found := rolledBack(t, st, mine)
		if found == nil || found.Seen != 3 || found.Found != step.found || !errors.Is(found, kdb.ErrCorrupt) {
			t.Errorf("%s: %+v, %v", step.what, found, found)
		}
	}
	if found := rolledBack(t, st, others); found == nil || found.Seen != 4 {
		t.Errorf("the other user finds %v", found)
	}
	if found := rolledBack(t, st, t.TempDir()); found != nil {
		t.Errorf("who knows nothing finds %v", found)
	}
	var warned error
	db := remembering(t, st, mine, &warned)
	if err := db.AcceptState(t.Context()); err != nil || rolledBack(t, st, mine) != nil {
		t.Errorf("accepted: %v", err)
	}
	if found, err := db.RolledBack(t.Context()); err != nil || found != nil {
		t.Errorf("accepted: %v, %v", found, err)
	}
	st.Replace(newest) // the other branch, whose changes are fewer
	if found := rolledBack(t, st, mine); found == nil {
		t.Error("what was accepted is not the newest state that is known")
	}
}

// TestRollback_isNotRekeyed: the new state would hide it.
func TestRollback_isNotRekeyed(t *testing.T) {
	t.Parallel()
	st, mine := storetest.NewMemory(), t.TempDir()
	newInternal(t, st)
	old := st.Records()
	audited(t, st, mine, 2)
	st.Replace(old)
	var warned error
	db := remembering(t, st, mine, &warned)
	rekey := Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest}
	if err := db.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Rekey(t.Context(), rekey); !errors.Is(err, kdb.ErrRolledBack) {
		t.Errorf("Rekey = %v", err)
	}
}

// TestRollback_beforeARekey: a new master key changes the log's chain, and old keys are noticed by the number of changes.
func TestRollback_beforeARekey(t *testing.T) {
	t.Parallel()
	st, mine, others := storetest.NewMemory(), t.TempDir(), t.TempDir()
	newInternal(t, st)
	audited(t, st, mine, 2)
	audited(t, st, others, 1)
	old := st.Records()
	var warned error
	rekey := Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest}
	if err := remembering(t, st, mine, &warned).Rekey(t.Context(), rekey); err != nil {
		t.Fatal(err)
	}
	for who, folder := range map[string]string{"this user": mine, "the other": others} {
		if found := rolledBack(t, st, folder); found != nil {
			t.Errorf("%s finds %v", who, found)
		}
	}
	st.Replace(old)
	if found := rolledBack(t, st, mine); found == nil {
		t.Error("the old master key is back")
	}
	if found := rolledBack(t, st, others); found != nil {
		t.Errorf("the other user, who knows just that state, finds %v", found)
	}
}

// TestRollback_aLogRecordIsGone: without the record after the known state, nothing shows that the database continues it.
func TestRollback_aLogRecordIsGone(t *testing.T) {
	t.Parallel()
	st, mine := storetest.NewMemory(), t.TempDir()
	newInternal(t, st)
	audited(t, st, mine, 1)
	audited(t, st, t.TempDir(), 3)
	records := st.Records()
	delete(records, logKey(3))
	st.Replace(records)
	if found := rolledBack(t, st, mine); found == nil {
		t.Error("not noticed")
	}
}

// TestRollback_needsNothing: without a state, with one that cannot be read, or cannot be written, the database works.
func TestRollback_needsNothing(t *testing.T) {
	t.Parallel()
	st, folder := storetest.NewMemory(), t.TempDir()
	newInternal(t, st)
	audited(t, st, "", 1)
	file := filepath.Join(folder, "generations")
	if err := os.WriteFile(file, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var warned error
	db := remembering(t, st, folder, &warned)
	if found, err := db.RolledBack(t.Context()); err != nil || found != nil || warned == nil {
		t.Errorf("nonsense: %v, %v, warned of %v", found, err, warned)
	}
	audited(t, st, folder, 1) // puts it right
	if warned = nil; rolledBack(t, st, folder) != nil {
		t.Error("it was noted wrongly")
	}
	before := st.Records()
	audited(t, st, file, 1) // no folder
	if len(st.Records()) == len(before) {
		t.Error("nothing was stored")
	}
	if err := remembering(t, st, "", &warned).AcceptState(t.Context()); err != nil {
		t.Errorf("nothing to accept: %v", err)
	}
}

// TestRollback_whoReadsNotesNothing: reading, and a change that changes nothing, leave the user's folder alone.
func TestRollback_whoReadsNotesNothing(t *testing.T) {
	t.Parallel()
	st, folder := storetest.NewMemory(), filepath.Join(t.TempDir(), "state")
	newInternal(t, st)
	var warned error
	db := remembering(t, st, folder, &warned)
	nothing := func(kdb.Tx) error { return nil }
	if err := errors.Join(db.View(t.Context(), nothing), db.Update(t.Context(), "test", nothing)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) || warned != nil {
		t.Errorf("%v, %v", err, warned)
	}
	created, err := Create(context.Background(), storetest.NewMemory(), "other", kdb.CreateOptions{
		Options: kdb.Options{Password: secretOptions.Password, State: folder}, Cost: kdb.CostTest,
	})
	if err != nil || created.Close() != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "generations")); err != nil {
		t.Errorf("a new database is not noted: %v", err)
	}
}
