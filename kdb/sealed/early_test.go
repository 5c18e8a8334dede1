package sealed

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// faulty is the store in a file whose calls to the disk fail.
func faulty(path string, disk *atomicfiletest.Disk, create bool) store.Store {
	o := store.Options{LockTimeout: patient.LockTimeout, Create: create}
	return boltstore.Open(path, boltstore.Options{Options: o, Disk: disk})
}

// makers make a database at a path that only its stash opens, on a disk: out of nothing, or out of another one.
func makers(t *testing.T, other string) map[string]func(path string, disk *atomicfiletest.Disk) error {
	return map[string]func(path string, disk *atomicfiletest.Disk) error{
		"create": func(path string, disk *atomicfiletest.Disk) error { return createStashOnly(t, path, disk) },
		"back up": func(path string, disk *atomicfiletest.Disk) error {
			db := openFaulty(t, other, disk)
			b, err := db.Backup(t.Context(), path, NewBackup{Stash: true})
			if err != nil {
				return err
			}
			defer b.Close()
			if err := b.WriteStash(path + StashExtension); err != nil {
				return err
			}
			f, err := atomicfile.New(disk, path)
			if err == nil {
				defer f.Discard()
				if _, err = b.WriteTo(f); err == nil {
					err = f.Publish()
				}
			}
			if err != nil {
				if !exists(path) {
					b.WithdrawStash(path + StashExtension)
				}
				return err
			}
			return b.PlaceStash(path + StashExtension)
		},
		"restore": func(path string, disk *atomicfiletest.Disk) error {
			r := restoration{
				ctx: t.Context(), src: newDatabase(boltstore.Backend().Open(other, patient), other, kdb.Options{}),
				dst: newDatabase(faulty(path, disk, false), path, kdb.Options{}),
			}
			r.dst.disk = disk
			return r.run()
		},
		"recover": func(path string, disk *atomicfiletest.Disk) error {
			from := boltstore.Backend().Open(other, patient)
			db := newDatabase(from, other, kdb.Options{})
			db.disk = disk
			return from.(store.Salvager).Salvage(t.Context(), func(w store.Wreck) error {
				r, err := newWreckage(t.Context(), db, w, nil)
				if err != nil {
					return err
				}
				defer r.keys.retire()
				c := newRecovery(r)
				if err := c.choose(); err != nil {
					return err
				}
				return c.create(faulty(path, disk, true))
			})
		},
	}
}

// filesNextTo are the names of the files in the folder of a path, without those that are temporary.
func filesNextTo(path string) (list []string) {
	files, _ := os.ReadDir(filepath.Dir(path))
	for _, f := range files {
		if f.Name()[0] != '.' {
			list = append(list, f.Name())
		}
	}
	return list
}

// changeByStash makes a change with the stash.
func changeByStash(t *testing.T, path string) error {
	t.Helper()
	db := openFaulty(t, path, &atomicfiletest.Disk{})
	db.o.Password = nil
	_, err := db.AddPasswordSlot(t.Context(), "", []byte("another"), kdb.CostTest)
	return err
}

// TestEarlyStash_leavesNothing: whichever call of a command that makes a database with a stash fails, or is its last one, a database that
// is there is opened by its stash. After the next change, or after another database has taken the place, nothing else is there.
func TestEarlyStash_leavesNothing(t *testing.T) {
	t.Parallel()
	other := stashOnly(t)
	for what, make := range makers(t, other) {
		for how, faults := range map[string]func(int, error) func(int, string) error{
			"an error": atomicfiletest.At, "the end": atomicfiletest.From,
		} {
			for n := 1; ; n++ {
				path := filepath.Join(t.TempDir(), "x.ckdb")
				disk := &atomicfiletest.Disk{Fail: faults(n, syscall.EIO)}
				err := make(path, disk)
				done := len(disk.Calls()) < n
				if done && !slices.Contains(disk.Calls(), "rename x.ckdb.stash~ x.ckdb.stash") {
					t.Errorf("%s: its stash had the name from the beginning: %q", what, disk.Calls())
				}
				if done && err != nil || !done && err == nil && !exists(path) {
					t.Errorf("%s, %d calls: %v", what, n-1, err)
				}
				context := func() { t.Logf("%s, %s at call %d of %q: %v", what, how, n, disk.Calls(), err) }
				if exists(path) {
					wantStashOpens(t, path, context)
					err = changeByStash(t, path)
				} else {
					err = createStashOnly(t, path, &atomicfiletest.Disk{})
				}
				if err != nil {
					context()
					t.Error(err)
				}
				wantStashOpens(t, path, context)
				if got := filesNextTo(path); !slices.Equal(got, []string{"x.ckdb", "x.ckdb.stash"}) {
					context()
					t.Errorf("there are %q", got)
				}
				if done {
					break
				}
			}
		}
	}
}

// TestDiscard_opensAfterEveryFault: a database that is removed is opened by its stash until it is gone. Another one can take its place, and
// then nothing else is there.
func TestDiscard_opensAfterEveryFault(t *testing.T) {
	t.Parallel()
	for how, faults := range map[string]func(int, error) func(int, string) error{
		"an error": atomicfiletest.At, "the end": atomicfiletest.From,
	} {
		for n := 1; ; n++ {
			path := filepath.Join(t.TempDir(), "x.ckdb")
			db := newDatabase(faulty(path, &atomicfiletest.Disk{}, true), path, kdb.Options{})
			if err := db.create(t.Context(), kdb.CreateOptions{StashOnly: true}); err != nil {
				t.Fatal(err)
			}
			disk := &atomicfiletest.Disk{Fail: faults(n, syscall.EIO)}
			db.disk = disk
			err := db.Discard(t.Context())
			context := func() { t.Logf("%s at call %d of %q: %v", how, n, disk.Calls(), err) }
			if exists(path) {
				wantStashOpens(t, path, context)
				if err == nil {
					context()
					t.Error("it is there")
				}
				err = changeByStash(t, path)
			} else {
				err = createStashOnly(t, path, &atomicfiletest.Disk{})
			}
			if got := filesNextTo(path); err != nil || !slices.Equal(got, []string{"x.ckdb", "x.ckdb.stash"}) {
				context()
				t.Errorf("there are %q, %v", got, err)
			}
			if len(disk.Calls()) < n {
				break
			}
		}
	}
}

// killedEarly makes a database whose stash has not got its name, and returns its path and that of the stash.
func killedEarly(t *testing.T) (path, early string) {
	t.Helper()
	path = stashOnly(t)
	s, err := readStash(path + StashExtension)
	if err != nil {
		t.Fatal(err)
	}
	early = earlyPath(path+StashExtension, s.id)
	if err := os.Rename(path+StashExtension, early); err != nil {
		t.Fatal(err)
	}
	return path, early
}

// TestEarlyStash_opens: reading leaves it where it is, and it is told where; what changes the database gives it its name before.
func TestEarlyStash_opens(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*Database) error{
		"an update": func(db *Database) error {
			return db.Update(t.Context(), "test", func(tx kdb.Tx) error { return nil })
		},
		"a new master key": func(db *Database) error { return db.Rekey(t.Context(), Rekey{Cost: kdb.CostTest}) },
		"a new stash":      func(db *Database) error { return db.CreateStash(t.Context()) },
		"a password": func(db *Database) error {
			_, err := db.ChangePassword(t.Context(), 0, []byte("secret"), kdb.CostRandom)
			return err
		},
		"an end of what was begun": func(db *Database) error { return db.SettleStash(t.Context()) },
	} {
		path, early := killedEarly(t)
		wantStashOpens(t, path, func() { t.Log(what) })
		db := openFaulty(t, path, &atomicfiletest.Disk{})
		db.o.Password = nil
		slots, err := db.Slots(t.Context())
		if err != nil || len(slots) != 1 || !slots[0].HasStash {
			t.Errorf("%s: slots %v, %v", what, slots, err)
		}
		info, err := db.Info(t.Context())
		if err != nil || !slices.ContainsFunc(info.Facts, func(f kdb.Fact) bool { return f.Name == "stash" && f.Value == early }) {
			t.Errorf("%s: facts %v, %v", what, info.Facts, err)
		}
		if got := db.StashFiles(); !slices.Equal(got, []string{path + StashExtension, early}) || exists(path+StashExtension) {
			t.Errorf("%s: stash files %q", what, got)
		}
		if err := change(db); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		wantStashOpens(t, path, func() { t.Log(what) })
		if got := filesNextTo(path); !slices.Equal(got, []string{"x.ckdb", "x.ckdb.stash"}) {
			t.Errorf("%s: there are %q", what, got)
		}
	}
}

// TestEarlyStash_nothingIsStoredBefore: a database whose early stash cannot get its name is read and not changed.
func TestEarlyStash_nothingIsStoredBefore(t *testing.T) {
	t.Parallel()
	path, early := killedEarly(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	db := openFaulty(t, path, &atomicfiletest.Disk{})
	db.disk = &atomicfiletest.Disk{Fail: atomicfiletest.Every("rename", fs.ErrPermission)}
	if err := db.CreateStash(t.Context()); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	wantStashOpens(t, path, func() {})
	if after, err := os.ReadFile(path); err != nil || !slices.Equal(after, before) || !exists(early) {
		t.Errorf("it was changed, %v", err)
	}
}

// TestEarlyStash_isNotBelieved: one with another key, another slot or the id of another database opens nothing, and one that others may use
// is refused. The next change, which a password makes possible, removes it, unless it cannot be read or is not of this database.
func TestEarlyStash_isNotBelieved(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		alter func(*stash)
		mode  fs.FileMode
		err   error
		stays bool
	}{
		"another key":      {alter: func(s *stash) { s.key[0]++ }, err: kdb.ErrNoPassword},
		"another slot":     {alter: func(s *stash) { s.slot++ }, err: kdb.ErrNoPassword},
		"another database": {alter: func(s *stash) { s.id[0]++ }, err: kdb.ErrNoPassword, stays: true},
		"a mode":           {alter: func(*stash) {}, mode: 0o040, err: ErrStashMode, stays: true},
	} {
		if c.mode != 0 && !modesMatter {
			continue
		}
		db := onDisk(t, &atomicfiletest.Disk{}) // a password opens it, too
		early := earlyPath(db.stash, db.id)
		err := db.CreateStash(t.Context())
		s, errRead := readStash(db.stash)
		c.alter(&s)
		err = errors.Join(err, errRead, os.Remove(db.stash), os.WriteFile(early, s.encode(), 0o600), os.Chmod(early, 0o600|c.mode))
		if err != nil {
			t.Fatal(err)
		}
		other, err := Open(t.Context(), db.store, db.location, kdb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Unlock(t.Context()); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := db.AddPasswordSlot(t.Context(), "", []byte("second"), kdb.CostTest); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if exists(early) != c.stays || exists(db.stash) {
			t.Errorf("%s: it is still there: %v; it is the stash: %v", what, exists(early), exists(db.stash))
		}
	}
}

// TestEarlyStash_keepsThatOfAnotherDatabase: a stash is not replaced before the new database is there, and then it is kept.
func TestEarlyStash_keepsThatOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	path := stashOnly(t)
	s, err := readStash(path + StashExtension)
	if err == nil {
		err = os.Rename(path, path+".moved")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := createStashOnly(t, path, &atomicfiletest.Disk{Fail: atomicfiletest.From(6, syscall.EIO)}); err == nil {
		t.Error("the database was made")
	}
	if got, err := readStash(path + StashExtension); err != nil || got != s {
		t.Errorf("the stash is another one, %v", err)
	}
	if err := createStashOnly(t, path, &atomicfiletest.Disk{}); err != nil {
		t.Error(err)
	}
	wantStashOpens(t, path, func() {})
	kept := keptStash(path+StashExtension, &s)
	if got, err := readStash(kept); err != nil || got != s {
		t.Errorf("it is kept: %v", err)
	}
	if got := filesNextTo(path); len(got) != 4 {
		t.Errorf("there are %q", got)
	}
}

// TestEarlyStash_behindALink: it is in the folder of the file that it replaces.
func TestEarlyStash_behindALink(t *testing.T) {
	t.Parallel()
	path, early := killedEarly(t)
	target := filepath.Join(t.TempDir(), "elsewhere")
	moved := target + filepath.Base(early)[len(filepath.Base(path+StashExtension)):]
	if err := errors.Join(os.WriteFile(target, nil, 0o600), os.Rename(early, moved)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path+StashExtension); err != nil {
		t.Skip("no symbolic links here")
	}
	if err := changeByStash(t, path); err != nil { // the empty file is no stash, but nothing that opens
		t.Error(err)
	}
	if info, err := os.Lstat(path + StashExtension); err != nil || info.Mode()&os.ModeSymlink == 0 || exists(moved) {
		t.Errorf("the link became %v, %v", info, err)
	}
	wantStashOpens(t, path, func() {})
}

// TestEarlyStash_removedMeanwhile: somebody removed it before the database was there. The program that makes the database knows it, and
// writes it again.
func TestEarlyStash_removedMeanwhile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.ckdb")
	st := &interrupted{Store: boltstore.Open(path, boltstore.Options{Options: store.Options{Create: true, LockTimeout: patient.LockTimeout}})}
	st.before = func() {
		for _, early := range earlyOnes(path + StashExtension) {
			if err := os.Remove(early); err != nil {
				t.Error(err)
			}
			st.removed++
		}
	}
	if _, err := Create(t.Context(), st, path, kdb.CreateOptions{StashOnly: true}); err != nil || st.removed != 1 {
		t.Errorf("%v, removed %d", err, st.removed)
	}
	wantStashOpens(t, path, func() {})
}

// interrupted calls a function before an update.
type interrupted struct {
	*boltstore.Store
	before  func()
	removed int
}

func (i *interrupted) Update(ctx context.Context, fn func(store.Tx) error) error {
	i.before()
	return i.Store.Update(ctx, fn)
}
