package sealed_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// restoring makes a database with the entry a, and a backup of it with a stash of its own.
func restoring(t *testing.T) (path, backup string, p pair) {
	t.Helper()
	db, path := newDatabase(t)
	p = newPair(t, "a")
	must(t, db.CreateStash(ctx))
	put(t, db, trusted("a", p))
	backup = filepath.Join(t.TempDir(), "copy.ckdb")
	backUp(t, db, backup, sealed.NewBackup{Stash: true})
	return path, backup, p
}

func restore(backup, path string, o kdb.RestoreOptions) (kdb.Restored, error) {
	return native().Restore(ctx, backup, path, o)
}

func withPassword(text string, force bool) kdb.RestoreOptions {
	return kdb.RestoreOptions{Options: options(text), Force: force}
}

// TestRestore_overEachTarget says what is refused, what is lost, and what is there afterwards.
func TestRestore_overEachTarget(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		before func(t *testing.T, path string, p pair)
		loss   kdb.Loss // 0 if nothing is lost
		same   bool     // nothing has to be done
		stash  string   // kept, made, dead or none
	}{
		"nothing": {func(t *testing.T, path string, _ pair) {
			must(t, errors.Join(os.Remove(path), os.Remove(path+".stash")))
		}, 0, false, "made"},
		"a database without its stash": {func(t *testing.T, path string, _ pair) { must(t, os.Remove(path+".stash")) }, 0, false, "made"},
		"the state of the backup":      {func(*testing.T, string, pair) {}, 0, false, "kept"},
		"what was restored before": {func(t *testing.T, path string, _ pair) {
			_, err := restore(filepath.Join(filepath.Dir(path), "b"), path, withPassword("", false))
			must(t, err)
		}, 0, true, "kept"},
		"a newer state": {func(t *testing.T, path string, p pair) {
			put(t, openWith(t, path, options("secret")), trusted("b", p))
		}, kdb.LossChanges, false, "kept"},
		"a state with another stash": {func(t *testing.T, path string, _ pair) {
			must(t, openWith(t, path, options("secret")).CreateStash(ctx))
		}, kdb.LossChanges, false, "dead"},
		"another master key": {func(t *testing.T, path string, _ pair) {
			must(t, openWith(t, path, options("secret")).Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest}))
		}, kdb.LossChanges, false, "dead"},
		"another master key that nothing opens": {func(t *testing.T, path string, _ pair) {
			must(t, openWith(t, path, options("secret")).Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest}))
			must(t, os.Remove(path+".stash"))
		}, kdb.LossClosed, false, "made"},
		"another database": {func(t *testing.T, path string, _ pair) {
			_, other := newDatabase(t)
			must(t, os.WriteFile(path, read(t, other), 0o600))
		}, kdb.LossOther, false, "kept"},
		"a damaged database": {func(t *testing.T, path string, _ pair) {
			data := read(t, path)
			clear(data[:20000])
			must(t, os.WriteFile(path, data, 0o600))
		}, kdb.LossUnreadable, false, "kept"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			path, backup, p := restoring(t)
			must(t, os.WriteFile(filepath.Join(filepath.Dir(path), "b"), read(t, backup), 0o600))
			c.before(t, path, p)
			before, _ := os.ReadFile(path)
			o := withPassword("", false)
			o.Password = password("wrong")
			dry := o
			dry.DryRun = true
			_, err := restore(backup, path, dry)
			lost, refused := errors.AsType[*kdb.WouldLose](err)
			if err != nil && !refused || refused != (c.loss != 0) || refused && (lost.Loss != c.loss || !errors.Is(err, kdb.ErrDatabaseExists)) {
				t.Fatalf("%v", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("a dry run changed the file")
			}
			done, err := restore(backup, path, o)
			if (err != nil) != (c.loss != 0) {
				t.Fatalf("without force: %v", err)
			}
			if c.loss != 0 {
				o.Force = true
				done, err = restore(backup, path, o)
			}
			must(t, err)
			if (done.Lost != nil) != (c.loss != 0) || done.Unchanged != c.same || done.Entries != 1 {
				t.Errorf("%+v", done)
			}
			stash := map[string]string{"kept": done.Stash, "made": done.Stash, "dead": done.DeadStash}[c.stash]
			if stash != path+".stash" || done.StashMade != (c.stash == "made") {
				t.Errorf("stash %s: %+v", c.stash, done)
			}
			db := openWith(t, path, options("secret"))
			if got := labels(t, db); !slices.Equal(got, []string{"a"}) {
				t.Errorf("there is %q", got)
			}
			wantSound(t, db)
			if again, err := restore(backup, path, withPassword("", false)); err != nil || !again.Unchanged {
				t.Errorf("once more: %+v, %v", again, err)
			}
		})
	}
}

// TestRestore_isNoRollback: a user who knew a newer state is not warned after restoring, and the generation is above all that was.
func TestRestore_isNoRollback(t *testing.T) {
	t.Parallel()
	path, backup, p := restoring(t)
	var warned []error
	o := options("secret")
	o.State, o.Warn = t.TempDir(), func(err error) { warned = append(warned, err) }
	put(t, openWith(t, path, o), trusted("b", p), trusted("c", p))
	done, err := restore(backup, path, kdb.RestoreOptions{Options: o, Force: true})
	if err != nil || done.Lost.Changes != 2 || done.Lost.First.Label != "b" || done.Lost.Last.Label != "c" || done.Lost.Last.Time.IsZero() {
		t.Fatalf("%+v, %v", done.Lost, err)
	}
	db := openWith(t, path, o)
	if rolled, err := db.RolledBack(ctx); rolled != nil || err != nil || len(warned) > 0 {
		t.Errorf("%v, %v, warnings %v", rolled, err, warned)
	}
	var last sealed.LogRecord
	for l, err := range db.Log(ctx, 0) {
		must(t, err)
		last = l
	}
	if last.Operation != "restore" {
		t.Errorf("the log ends with %+v", last)
	}
	put(t, db, trusted("d", p))
	must(t, os.WriteFile(path, read(t, backup), 0o600)) // by hand
	if rolled, err := openWith(t, path, o).RolledBack(ctx); rolled == nil || err != nil {
		t.Errorf("an older state that was put back by hand: %v, %v", rolled, err)
	}
}

// TestRestore_raisesListNumbers: a CA never issues a revocation list with a number that it may have used since the backup.
func TestRestore_raisesListNumbers(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	id := [32]byte{1}
	next := func(db *sealed.Database) (n uint64) {
		must(t, db.Update(ctx, "crl", func(tx kdb.Tx) (err error) {
			if n, err = tx.(kdb.Registry).NextCRLNumber(id, 0); err == nil {
				err = tx.Audit("crl", "")
			}
			return err
		}))
		return n
	}
	next(db)
	backup := path + ".copy"
	backUp(t, db, backup, sealed.NewBackup{})
	if _, err := restore(backup, path, withPassword("secret", false)); err != nil {
		t.Fatal(err)
	}
	if n := next(openWith(t, path, options("secret"))); n != 2 {
		t.Errorf("nothing was issued since, and the number is %d", n)
	}
	must(t, os.Remove(path))
	if _, err := restore(backup, path, withPassword("secret", false)); err != nil {
		t.Fatal(err)
	}
	if n := next(openWith(t, path, options("secret"))); n < uint64(time.Now().Unix())-60 {
		t.Errorf("nobody knows what was issued since, and the number is %d", n)
	}
}

// TestRestore_refused: what is damaged, or does not open, changes nothing.
func TestRestore_refused(t *testing.T) {
	t.Parallel()
	path, backup, _ := restoring(t)
	must(t, errors.Join(os.Remove(path+".stash"), os.Remove(backup+".stash")))
	before := read(t, path)
	if _, err := restore(backup, path, withPassword("wrong", true)); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	sound := read(t, backup)
	for page := range len(sound) / 4096 {
		damaged := bytes.Clone(sound)
		clear(damaged[page*4096:][:4096])
		must(t, os.WriteFile(backup, damaged, 0o600))
		_, err := restore(backup, path, withPassword("secret", true))
		if err != nil && !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("page %d of the backup is damaged: %v", page, err)
		}
		if err == nil { // a page that holds nothing
			wantSound(t, openWith(t, path, options("secret")))
			must(t, os.WriteFile(path, before, 0o600))
		}
		if !bytes.Equal(before, read(t, path)) {
			t.Fatalf("page %d of the backup is damaged, and the database was changed", page)
		}
	}
	if _, err := restore(backup+"x", path, withPassword("secret", true)); !errors.Is(err, kdb.ErrNoDatabase) {
		t.Errorf("no backup: %v", err)
	}
}

// TestRestore_ofSharedFile changes a file that has another name in its place, and overwrites what was there.
func TestRestore_ofSharedFile(t *testing.T) {
	t.Parallel()
	path, backup, p := restoring(t)
	put(t, openWith(t, path, options("secret")), trusted("b", p))
	if err := os.Link(path, path+".other"); err != nil {
		t.Skip("no hard links here:", err)
	}
	if _, err := restore(backup, path, withPassword("", true)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + ".other"} {
		db := openWith(t, name, options("secret"))
		wantSound(t, db)
		if got := labels(t, db); !slices.Equal(got, []string{"a"}) {
			t.Errorf("%s has %q", name, got)
		}
	}
	rekey := sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Drop: true, Cost: kdb.CostTest}
	must(t, openWith(t, path, options("secret")).Rekey(ctx, rekey))
	wantSound(t, openWith(t, path+".other", options("secret")))
	err := openWith(t, path, options("secret")).Compact(ctx)
	if !errors.Is(err, kdb.ErrUnsupported) || !strings.Contains(err.Error(), "hard links") {
		t.Errorf("Compact = %v", err)
	}
}

// TestWouldLose_text names what would be lost.
func TestWouldLose_text(t *testing.T) {
	t.Parallel()
	change := kdb.Change{Time: time.Unix(0, 0), Operation: "add", Label: "web"}
	for want, e := range map[string]kdb.WouldLose{
		`it has a change, add "web" on 1970-01-01 00:00 that`: {Loss: kdb.LossChanges, Changes: 1, First: change, Last: change},
		`it has 2 changes, from add "web" on 1970-01-01 00:00 to passwd`: {
			Loss: kdb.LossChanges, Changes: 2, First: change, Last: kdb.Change{Operation: "passwd"},
		},
		"another database": {Loss: kdb.LossOther},
		"rekeyed":          {Loss: kdb.LossClosed},
		"damaged":          {Loss: kdb.LossUnreadable},
	} {
		if got := e.Error(); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
