package sealed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
	"certkdb/kdb/store/storetest"
)

// patient waits for other tests that start processes, which have all files for a moment.
var patient = store.Options{LockTimeout: 20 * time.Second}

// faultyFile is a database file whose transactions are calls to the disk too, one before and one after the commit.
type faultyFile struct {
	*boltstore.Store
	disk *atomicfiletest.Disk
}

func (f *faultyFile) Update(ctx context.Context, fn func(store.Tx) error) error {
	return f.commit(func() error { return f.Store.Update(ctx, fn) })
}

func (f *faultyFile) UpdateLocked(ctx context.Context, fn func(store.Tx) error) error {
	return f.commit(func() error { return f.Store.UpdateLocked(ctx, fn) })
}

func (f *faultyFile) commit(update func() error) error {
	if err := f.disk.SyncFolder("before the commit"); err != nil {
		return err
	}
	if err := update(); err != nil {
		return err
	}
	return f.disk.SyncFolder("after the commit")
}

// from lets the n-th call fail and all after it: to what is on the disk that is what the end of the process is.
func from(n int, err error) func(int, string) error {
	return func(i int, _ string) error {
		if i >= n {
			return err
		}
		return nil
	}
}

// stashOnly makes a database that nothing but its stash opens, and returns its path.
func stashOnly(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.ckdb")
	db := newInternal(t, boltstore.Backend().Open(path, store.Options{Create: true, LockTimeout: patient.LockTimeout}))
	if err := db.CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.RemoveSlot(t.Context(), 1, false); err != nil {
		t.Fatal(err)
	}
	return path
}

func openFaulty(t *testing.T, path string, disk *atomicfiletest.Disk) *Database {
	t.Helper()
	file := &faultyFile{boltstore.Open(path, boltstore.Options{Options: patient, Disk: disk}), disk}
	db, err := Open(t.Context(), file, path, secretOptions)
	if err != nil {
		t.Fatal(err)
	}
	db.disk = disk
	return db
}

// copyOf copies a database with its stash.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "x.ckdb")
	for _, extension := range []string{"", StashExtension} {
		data, err := os.ReadFile(path + extension)
		if err == nil {
			err = os.WriteFile(to+extension, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// TestStash_opensAfterEveryFault: whichever call fails, or is the last one, the stash that is there opens the database, and the
// command can be repeated.
func TestStash_opensAfterEveryFault(t *testing.T) {
	t.Parallel()
	original := stashOnly(t)
	for what, change := range map[string]func(*Database) error{
		"create": func(db *Database) error { return db.CreateStash(t.Context()) },
		"rekey":  func(db *Database) error { return db.Rekey(t.Context(), Rekey{Cost: kdb.CostTest}) },
		"add a password": func(db *Database) error {
			_, err := db.AddPasswordSlot(t.Context(), "", []byte("second"), kdb.CostTest)
			return err
		},
	} {
		for how, faults := range map[string]func(int, error) func(int, string) error{"an error": atomicfiletest.At, "the end": from} {
			for n := 1; ; n++ {
				path := copyOf(t, original)
				disk := &atomicfiletest.Disk{Fail: faults(n, syscall.EIO)}
				err := change(openFaulty(t, path, disk))
				if len(disk.Calls()) < n {
					if err != nil || n < 2 {
						t.Errorf("%s without a fault, %d calls: %v", what, n-1, err)
					}
					break
				}
				context := func() { t.Logf("%s, %s at call %d of %q", what, how, n, disk.Calls()) }
				wantStashOpens(t, path, context)
				if err := change(openFaulty(t, path, &atomicfiletest.Disk{})); err != nil && what != "add a password" { // it may have been added
					context()
					t.Errorf("again: %v", err)
				}
				wantStashOpens(t, path, context)
			}
		}
	}
}

func wantStashOpens(t *testing.T, path string, context func()) {
	t.Helper()
	db, err := Open(t.Context(), boltstore.Open(path, boltstore.Options{Options: patient}), path, kdb.Options{})
	if err == nil {
		err = db.Check(t.Context(), func(p kdb.Problem) { context(); t.Error(p) })
	}
	if err != nil {
		context()
		t.Error(err)
	}
}

// TestRekey_givesTheStashANewKey: a stash that was stolen before opens nothing any more.
func TestRekey_givesTheStashANewKey(t *testing.T) {
	t.Parallel()
	path := stashOnly(t)
	stolen, err := os.ReadFile(path + StashExtension)
	if err != nil {
		t.Fatal(err)
	}
	db := openFaulty(t, path, &atomicfiletest.Disk{})
	if err := db.Rekey(t.Context(), Rekey{Cost: kdb.CostTest}); err != nil {
		t.Fatal(err)
	}
	wantStashOpens(t, path, func() {})
	old, err := decodeStash(stolen)
	if err != nil {
		t.Fatal(err)
	}
	err = db.store.View(t.Context(), func(stx store.Tx) error {
		m, _, _ := readMetaRecord(stx)
		slots, err := readSlots(stx)
		for _, s := range slots {
			if _, err := s.slot.unwrap(&m, s.id, old.key[:]); err == nil {
				t.Errorf("the stolen stash opens slot %d", s.id)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRemoveSlot_stashThatIsNotThereDoesNotCount: a slot whose stash is gone opens nothing.
func TestRemoveSlot_stashThatIsNotThereDoesNotCount(t *testing.T) {
	t.Parallel()
	db := onDisk(t, &atomicfiletest.Disk{})
	if err := db.CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(db.stash); err != nil {
		t.Fatal(err)
	}
	if err := db.RemoveSlot(t.Context(), 1, false); !errors.Is(err, ErrLastSlot) {
		t.Errorf("the last one that can be used: %v, want ErrLastSlot", err)
	}
	if err := db.RemoveSlot(t.Context(), 1, true); err != nil {
		t.Errorf("by force: %v", err)
	}
}

// TestCreateStash_keepsThatOfAnotherDatabase, which may be moved away for a while.
func TestCreateStash_keepsThatOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	first := stashOnly(t)
	want, err := os.ReadFile(first + StashExtension)
	if err == nil {
		err = os.Rename(first, first+".moved")
	}
	if err != nil {
		t.Fatal(err)
	}
	db := newInternal(t, boltstore.Backend().Open(first, store.Options{Create: true, LockTimeout: patient.LockTimeout}))
	if err := db.CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept, err := filepath.Glob(first + StashExtension + ".*")
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept %q, %v", kept, err)
	}
	if got, err := os.ReadFile(kept[0]); err != nil || !slices.Equal(got, want) {
		t.Errorf("it has other content, %v", err)
	}
}

// TestStash_behindALink: it is found by both names of the database.
func TestStash_behindALink(t *testing.T) {
	t.Parallel()
	path := stashOnly(t)
	link := filepath.Join(t.TempDir(), "link.ckdb")
	if err := os.Symlink(path, link); err != nil {
		t.Skip("no symbolic links here")
	}
	wantStashOpens(t, link, func() {})
	if err := openFaulty(t, link, &atomicfiletest.Disk{}).CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantStashOpens(t, link, func() {})
	wantStashOpens(t, path, func() {})
}

// TestCreate_stashOnly: no password is asked for, and whichever call fails, or is the last one, no database is there that nothing opens.
func TestCreate_stashOnly(t *testing.T) {
	t.Parallel()
	for how, faults := range map[string]func(int, error) func(int, string) error{"an error": atomicfiletest.At, "the end": from} {
		for n := 1; ; n++ {
			path := filepath.Join(t.TempDir(), "x.ckdb")
			disk := &atomicfiletest.Disk{Fail: faults(n, syscall.EIO)}
			err := createStashOnly(t, path, disk)
			if _, errThere := os.Stat(path); errThere == nil {
				wantStashOpens(t, path, func() { t.Logf("%s at call %d of %q", how, n, disk.Calls()) })
			} else if err == nil {
				t.Errorf("%s at call %d: nothing was made, and nothing said", how, n)
			} else if err := createStashOnly(t, path, &atomicfiletest.Disk{}); err != nil {
				t.Errorf("%s at call %d, once more: %v", how, n, err)
			}
			if len(disk.Calls()) < n {
				if err != nil || n < 5 {
					t.Errorf("without a fault, %d calls: %v", n-1, err)
				}
				break
			}
		}
	}
}

func createStashOnly(t *testing.T, path string, disk *atomicfiletest.Disk) error {
	t.Helper()
	file := boltstore.Open(path, boltstore.Options{Options: store.Options{Create: true, LockTimeout: patient.LockTimeout}, Disk: disk})
	db := newDatabase(file, path, kdb.Options{})
	db.disk = disk
	return db.create(t.Context(), kdb.CreateOptions{StashOnly: true})
}

// TestChangePassword_firstOne: a database that only its stash opens gets a password; the stash goes on opening it.
func TestChangePassword_firstOne(t *testing.T) {
	t.Parallel()
	path := stashOnly(t)
	db := openFaulty(t, path, &atomicfiletest.Disk{})
	if _, err := db.ChangePassword(t.Context(), 0, []byte("secret"), kdb.CostRandom); err != nil {
		t.Fatal(err)
	}
	wantStashOpens(t, path, func() {})
	slots, err := db.Slots(t.Context())
	if err != nil || len(slots) != 2 || slots[1].Kind != "secret" || slots[1].KDF != "hkdf-sha256" {
		t.Errorf("slots %v, %v", slots, err)
	}
	if err := os.Remove(path + StashExtension); err != nil {
		t.Fatal(err)
	}
	if err := openFaulty(t, path, &atomicfiletest.Disk{}).Unlock(t.Context()); err != nil {
		t.Errorf("by the password: %v", err)
	}
}

// TestIsHidden: only a stash that the caller may not read leaves the way to a password.
func TestIsHidden(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		&os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}: true, ErrStashMode: false, kdb.ErrParse: false, syscall.EIO: false,
	} {
		if got := isHidden(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}

// lagging is a file in memory, whose next look finds what was there before.
type lagging struct {
	*storetest.Memory
	path   string
	before map[string][]byte // nil: what is there now
}

func (l *lagging) Path() string { return l.path }

func (l *lagging) View(ctx context.Context, fn func(store.Tx) error) error {
	if l.before == nil {
		return l.Memory.View(ctx, fn)
	}
	old := storetest.NewMemory()
	old.Replace(l.before)
	l.before = nil
	return old.View(ctx, fn)
}

// TestStash_replacedWhileItIsUsed: another process replaces the stash between the look at the key slots and the look at the stash. That is
// no wrong password: the database opens, and a new master key is refused because the slots changed.
func TestStash_replacedWhileItIsUsed(t *testing.T) {
	t.Parallel()
	st := &lagging{Memory: storetest.NewMemory(), path: filepath.Join(t.TempDir(), "x.ckdb")}
	db := newInternal(t, st)
	if err := errors.Join(db.CreateStash(t.Context()), db.RemoveSlot(t.Context(), 1, false)); err != nil {
		t.Fatal(err)
	}
	before := st.Records()
	if err := db.CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	st.before = before
	other, err := Open(t.Context(), st.Memory, "test", kdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	other.store, other.stash = st, db.stash
	if err := other.Unlock(t.Context()); err != nil {
		t.Errorf("opening: %v", err)
	}
	for _, drop := range []bool{false, true} {
		st.before = before
		if err := db.Rekey(t.Context(), Rekey{Drop: drop}); !errors.Is(err, kdb.ErrChanged) {
			t.Errorf("a new master key, other slots dropped %v: %v", drop, err)
		}
	}
	if err := db.Rekey(t.Context(), Rekey{}); err != nil {
		t.Errorf("again: %v", err)
	}
}

// TestStash_andRekeyAtTheSameTime: whichever of the two is slower, the stash that is there opens the database, which nothing else opens.
func TestStash_andRekeyAtTheSameTime(t *testing.T) {
	t.Parallel()
	for _, slower := range []string{"stash", "stash of a removed slot", "rekey"} {
		path := stashOnly(t)
		stashing, rekeying := openFaulty(t, path, &atomicfiletest.Disk{}), openFaulty(t, path, &atomicfiletest.Disk{})
		k, err := stashing.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer k.release()
		made := stash{id: k.meta.id, key: [32]byte{1}}
		made.slot, err = stashing.replaceSlots(t.Context(), slotChange{operation: "stash-create", kind: slotStash, secret: made.key[:]})
		if err != nil {
			t.Fatal(err)
		}
		if slower != "rekey" {
			faster := func() error { return rekeying.Rekey(t.Context(), Rekey{}) }
			if slower != "stash" {
				faster = func() error { return rekeying.RemoveSlot(t.Context(), int(made.slot), true) }
			}
			if err := faster(); err != nil {
				t.Error(err)
			}
			if err := stashing.fileStash(t.Context(), &made); !errors.Is(err, kdb.ErrChanged) {
				t.Errorf("a stash whose slot is not there any more: %v", err)
			}
		} else {
			err := rekeying.rekeyAfter(t, func() {
				if err := stashing.fileStash(t.Context(), &made); err != nil {
					t.Error(err)
				}
			})
			if !errors.Is(err, kdb.ErrChanged) {
				t.Errorf("a new master key, which the new stash would not open: %v", err)
			}
		}
		wantStashOpens(t, path, func() { t.Logf("slower: %s", slower) })
	}
}

// rekeyAfter gives the database a new master key, and calls between after its key slots were read.
func (db *Database) rekeyAfter(t *testing.T, between func()) error {
	t.Helper()
	if err := db.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	old, err := db.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer old.release()
	next, err := deriveKeys(old.meta, newMaster())
	if err != nil {
		t.Fatal(err)
	}
	job := rekeying{db: db, ctx: t.Context(), old: old, next: next}
	if err := job.rewrap(Rekey{}); err != nil {
		t.Fatal(err)
	}
	between()
	return db.store.(store.Rewriter).Rewrite(t.Context(), job.run)
}

// between calls a function between what an update finds out and its commit, where the store lets others in there. It returns when the
// function has ended or, if it has to wait for the update, when that is sure.
type between struct {
	*boltstore.Store
	fn func()
}

func (b *between) Update(ctx context.Context, fn func(store.Tx) error) error {
	return b.Store.Update(ctx, func(tx store.Tx) error { defer b.call(); return fn(tx) })
}

func (b *between) UpdateLocked(ctx context.Context, fn func(store.Tx) error) error {
	return b.Store.UpdateLocked(ctx, func(tx store.Tx) error { defer b.call(); return fn(tx) })
}

// Rewrite is what a file with several names does not have.
func (b *between) Rewrite(context.Context, func(old, made store.Tx) error) error {
	return kdb.ErrUnsupported
}

func (b *between) call() {
	if fn := b.fn; fn != nil {
		b.fn = nil
		fn()
	}
}

// TestStash_isNotReplacedBetweenCheckAndCommit: what depends on the stash that is there is alone with the database until it is stored. The
// slot of another stash is there, whose file comes between: now it is refused, because its slot goes.
func TestStash_isNotReplacedBetweenCheckAndCommit(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(db *Database, made uint32) error{
		"a new master key in place": func(db *Database, _ uint32) error { return db.Rekey(t.Context(), Rekey{}) },
		"a slot that is removed":    func(db *Database, made uint32) error { return db.RemoveSlot(t.Context(), int(made), false) },
		"a stash that was replaced": func(db *Database, made uint32) error { return db.removeStashSlots(t.Context(), []uint32{made}, true) },
		"a stash that is removed": func(db *Database, _ uint32) error {
			return db.removeStashFile(t.Context(), func(*stash) bool { return true })
		},
	} {
		path := stashOnly(t)
		st := &between{Store: boltstore.Open(path, boltstore.Options{Options: patient})}
		db, err := Open(t.Context(), st, path, secretOptions)
		if err != nil {
			t.Fatal(err)
		}
		other := openFaulty(t, path, &atomicfiletest.Disk{})
		other.store = boltstore.Open(path, boltstore.Options{}) // it does not wait
		k, err := other.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer k.release()
		made := stash{id: k.meta.id, key: [32]byte{1}}
		made.slot, err = other.replaceSlots(t.Context(), slotChange{operation: "stash-create", kind: slotStash, secret: made.key[:]})
		if err != nil {
			t.Fatal(err)
		}
		called := false
		st.fn = func() {
			called = true
			if err := other.fileStash(t.Context(), &made); !errors.Is(err, kdb.ErrLocked) {
				t.Errorf("%s: a stash is replaced meanwhile: %v", what, err)
			}
		}
		if err := change(db, made.slot); err != nil || !called {
			t.Errorf("%s: %v, called: %v", what, err, called)
		}
		wantStashOpens(t, path, func() { t.Log(what) })
	}
}
