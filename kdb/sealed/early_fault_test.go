package sealed

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// filesNextTo are the names of the files in the folder of a path, without those of the database that are temporary.
func filesNextTo(path string) (list []string) {
	files, _ := os.ReadDir(filepath.Dir(path))
	for _, f := range files {
		if f.Name()[0] != '.' || strings.Contains(f.Name(), StashExtension) {
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
				if left := filesNextTo(path); how == "an error" && !exists(path) && len(left) > 0 {
					context()
					t.Errorf("there are %q", left)
				}
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
				folder := "syncfolder " + filepath.Base(filepath.Dir(path))
				want := []string{"rename x.ckdb.stash x.ckdb.stash~", folder, "remove x.ckdb", folder, "remove x.ckdb.stash~"}
				if got := disk.Calls()[:n-1]; n != 6 || !slices.Equal(got, want) {
					t.Errorf("calls %q, want %q", got, want)
				}
				break
			}
		}
	}
}
