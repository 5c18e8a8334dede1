package sealed

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

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
	for _, err := range []error{db.CreateStash(t.Context()), db.Rekey(t.Context(), Rekey{}), db.SettleStash(t.Context())} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
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

// TestCreate_stashIsOnTheDiskFirst, with its name in the folder; so is the stash's name before anything can be stored.
func TestCreate_stashIsOnTheDiskFirst(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.ckdb")
	disk := &atomicfiletest.Disk{}
	if err := createStashOnly(t, path, disk); err != nil {
		t.Fatal(err)
	}
	calls, folder := disk.Calls(), "syncfolder "+filepath.Base(filepath.Dir(path))
	first := []string{
		"create x.ckdb.stash~", "write x.ckdb.stash~", "sync x.ckdb.stash~", "link x.ckdb.stash~ x.ckdb.stash~", folder, "remove x.ckdb.stash~",
		"create x.ckdb~",
	}
	last := []string{"rename x.ckdb.stash~ x.ckdb.stash", folder}
	if !slices.Equal(calls[:len(first)], first) || !slices.Equal(calls[len(calls)-len(last):], last) {
		t.Errorf("calls %q", calls)
	}
}

// TestCreate_stashHasNoPlace: a database whose stash cannot get its name is not there.
func TestCreate_stashHasNoPlace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.ckdb")
	if err := os.MkdirAll(filepath.Join(path+StashExtension, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := createStashOnly(t, path, &atomicfiletest.Disk{})
	if got := filesNextTo(path); err == nil || !slices.Equal(got, []string{"x.ckdb.stash"}) {
		t.Errorf("%v, there are %q", err, got)
	}
}

// inUse is a file that somebody else reads all the time.
type inUse struct{ *boltstore.Store }

func (inUse) UpdateLocked(context.Context, func(store.Tx) error) error { return kdb.ErrLocked }

// TestCreate_inUseAtOnce: somebody who reads the new database by its early stash does not make its creation fail.
func TestCreate_inUseAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.ckdb")
	st := inUse{boltstore.Open(path, boltstore.Options{Options: store.Options{Create: true}})}
	if _, err := Create(t.Context(), st, path, kdb.CreateOptions{StashOnly: true}); err != nil {
		t.Error(err)
	}
	wantStashOpens(t, path, func() {})
	if err := changeByStash(t, path); err != nil || !exists(path+StashExtension) {
		t.Error(err)
	}
}

// TestEarlyStash_ofAnotherDatabaseIsRemoved by whatever makes a database or a stash, also where the stash is there already.
func TestEarlyStash_ofAnotherDatabaseIsRemoved(t *testing.T) {
	t.Parallel()
	other := stashOnly(t)
	none := &atomicfiletest.Disk{}
	made := makers(t, other)
	byPassword := func(path string) error {
		_, err := Create(t.Context(), faulty(path, none, true), path, kdb.CreateOptions{Options: secretOptions, Cost: kdb.CostTest})
		return err
	}
	withStash := func(then string) func(string) error {
		return func(path string) error {
			data, err := os.ReadFile(other + StashExtension)
			return errors.Join(err, os.WriteFile(path+StashExtension, data, 0o600), made[then](path, none))
		}
	}
	for what, make := range map[string]func(path string) error{
		"create":                   byPassword,
		"an end of what was begun": func(path string) error { return openFaulty(t, path, none).SettleStash(t.Context()) },
		"a stash":                  func(path string) error { return openFaulty(t, path, none).CreateStash(t.Context()) },
		"restore":                  withStash("restore"),
		"recover":                  withStash("recover"),
		"back up": func(path string) error {
			b, err := openFaulty(t, other, none).Backup(t.Context(), path, NewBackup{})
			if err != nil {
				return err
			}
			defer b.Close()
			return b.PlaceStash(path + StashExtension)
		},
	} {
		path := filepath.Join(t.TempDir(), "x.ckdb")
		if strings.HasPrefix(what, "a") { // for a database that is there
			if err := byPassword(path); err != nil {
				t.Fatal(err)
			}
		}
		e := earlyStash{none, path + StashExtension, stash{id: [16]byte{1}, slot: 1}}
		if err := e.write(); err != nil {
			t.Fatal(err)
		}
		if err := make(path); err != nil || len(earlyOnes(path+StashExtension)) > 0 {
			t.Errorf("%s: %v, there are %q", what, err, filesNextTo(path))
		}
	}
}

// TestStashes_ofAnotherDatabase: the stash of another database is not in use, though it has the number of a slot.
func TestStashes_ofAnotherDatabase(t *testing.T) {
	t.Parallel()
	path, other := stashOnly(t), stashOnly(t)
	if err := os.Rename(other+StashExtension, path+StashExtension); err != nil {
		t.Fatal(err)
	}
	slots, err := openFaulty(t, path, &atomicfiletest.Disk{}).Slots(t.Context())
	if err != nil || len(slots) != 1 || slots[0].HasStash {
		t.Errorf("slots %v, %v", slots, err)
	}
}

// TestEarlyStash_nextToAStash: where the stash opens the database, another one that does, too, is of no use.
func TestEarlyStash_nextToAStash(t *testing.T) {
	t.Parallel()
	db := onDisk(t, &atomicfiletest.Disk{})
	e := earlyStash{&atomicfiletest.Disk{}, db.stash, stash{id: db.id, key: [32]byte{1}}}
	err := db.CreateStash(t.Context())
	if err == nil {
		e.content.slot, err = db.replaceSlots(t.Context(), slotChange{operation: "test", kind: slotStash, secret: e.content.key[:]})
	}
	before, errRead := readStash(db.stash)
	if err := errors.Join(err, errRead, e.write(), db.SettleStash(t.Context())); err != nil {
		t.Fatal(err)
	}
	if after, err := readStash(db.stash); err != nil || after != before || len(earlyOnes(db.stash)) > 0 {
		t.Errorf("it took the place of the stash, or is still there: %v", err)
	}
}

// TestWithdrawStash: the early stash of a database that may be there stays.
func TestWithdrawStash(t *testing.T) {
	t.Parallel()
	db := onDisk(t, &atomicfiletest.Disk{})
	there := earlyStash{db.disk, db.stash, stash{id: db.id, slot: 1}}
	other := earlyStash{db.disk, db.stash, stash{id: db.id, slot: 2}}
	if err := there.write(); err != nil {
		t.Fatal(err)
	}
	if other.remove(); !exists(earlyPath(db.stash, db.id)) {
		t.Error("one with other content was removed")
	}
	other.disk = &atomicfiletest.Disk{Fail: atomicfiletest.Every("write", syscall.ENOSPC)}
	if err := other.write(); err == nil || !exists(earlyPath(db.stash, db.id)) {
		t.Errorf("writing on a full disk: %v", err)
	}
	for id, stays := range map[[16]byte]bool{db.id: true, {1}: false} {
		e := earlyStash{db.disk, db.stash, stash{id: id, slot: 1}}
		if err := e.write(); err != nil {
			t.Fatal(err)
		}
		db.withdrawStash(t.Context(), &e, syscall.EIO)
		if exists(earlyPath(db.stash, id)) != stays {
			t.Errorf("of the database that is there: %v", stays)
		}
		e.remove()
	}
}

// TestRestore_earlyStash: that of the backup opens it, and one that waits at the database stays the stash of it, and is no longer early.
func TestRestore_earlyStash(t *testing.T) {
	t.Parallel()
	backup, early := killedEarly(t)
	path := filepath.Join(t.TempDir(), "x.ckdb")
	restore := func() error {
		_, err := Restore(t.Context(), boltstore.Backend().Open(backup, patient), boltstore.Backend().Open(path, patient), backup, path,
			kdb.RestoreOptions{Force: true})
		return err
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	wantStashOpens(t, path, func() {})
	s, err := readStash(early)
	if err == nil {
		err = errors.Join(os.Rename(path+StashExtension, earlyPath(path+StashExtension, s.id)), changeByStash(t, backup))
	}
	db := openFaulty(t, backup, &atomicfiletest.Disk{})
	if err := errors.Join(err, db.CreateStash(t.Context()), restore()); err != nil {
		t.Fatal(err)
	}
	got, err := readStash(path + StashExtension)
	if list := filesNextTo(path); err != nil || got != s || !slices.Equal(list, []string{"x.ckdb", "x.ckdb.stash"}) {
		t.Errorf("%v, the stash is the same: %v, there are %q", err, got == s, list)
	}
}
