package sealed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store"
)

// earlyStash is a stash that is on the disk before the database that it opens, under a name of its own: NAME.stash.certkdb-ID. It gets
// its name after the database has its own. So what a killed command leaves is told from the stash of a database that was moved away.
type earlyStash struct {
	disk    atomicfile.FS
	path    string // of the stash that it becomes
	content stash
}

// earlyMark begins the end of its name. It is also how temporary names go on (see package atomicfile), so those of early stashes
// are found where those of the stash are.
const earlyMark = ".certkdb-"

// earlyPath is where the early stash of the database with an id is. It is in the folder of the file that it replaces.
func earlyPath(path string, id [16]byte) string {
	return fmt.Sprintf("%s%s%x", atomicfile.Follow(path), earlyMark, id)
}

// write brings it to the disk.
func (e *earlyStash) write() error {
	if err := mayReplace(e.path, atomicfile.Follow(e.path)); err != nil {
		return err
	}
	err := storeStash(e.disk, earlyPath(e.path, e.content.id), &e.content)
	if err != nil {
		e.remove() // it may have its name
	}
	return err
}

// remove removes it, if it is the one that is there. At worst a file stays that the next command which makes a database here removes.
func (e *earlyStash) remove() {
	path := earlyPath(e.path, e.content.id)
	there, err := readStash(path)
	defer clear(there.key[:])
	if err == nil && there == e.content {
		_ = e.disk.Remove(path)
	}
}

// place gives it its name. If another process has removed it, it is written again.
func (e *earlyStash) place() error {
	path, early := atomicfile.Follow(e.path), earlyPath(e.path, e.content.id)
	if err := mayReplace(e.path, path); err != nil {
		return err
	}
	removeEarly(e.disk, path, e.content.id)
	if err := keepOther(e.disk, path, e.content.id); err != nil {
		return err
	}
	there, err := readStash(early)
	defer clear(there.key[:])
	if err != nil || there != e.content {
		return storeStash(e.disk, path, &e.content)
	}
	if err := e.disk.Rename(early, path); err != nil {
		return err
	}
	return e.disk.SyncFolder(filepath.Dir(path))
}

// removeEarly removes the early stashes of all databases but one, which is at their place: theirs cannot get there any more.
func removeEarly(disk atomicfile.FS, path string, id [16]byte) {
	if path == "" {
		return
	}
	path = atomicfile.Follow(path)
	atomicfile.RemoveStale(disk, path)
	for _, early := range earlyOnes(path) {
		if early != earlyPath(path, id) {
			_ = disk.Remove(early) // at worst it stays until the next time
		}
	}
}

// earlyOnes are the early stashes for a path.
func earlyOnes(path string) (list []string) {
	path = atomicfile.Follow(path)
	folder, name := filepath.Split(path)
	files, _ := os.ReadDir(filepath.Clean(folder)) // of a folder that cannot be read nothing is found
	for _, f := range files {
		id, found := strings.CutPrefix(f.Name(), name+earlyMark)
		if found && len(id) == 2*len(stash{}.id) && strings.Trim(id, "0123456789abcdef") == "" && f.Type().IsRegular() {
			list = append(list, path+earlyMark+id)
		}
	}
	return list
}

// HasStash says whether a stash lies next to the database in a file, perhaps an early one.
func HasStash(location string) bool { return isStashAt(stashPath(location)) }

// isStashAt says whether something has the path of a stash, or is to get it.
func isStashAt(path string) bool { return path != "" && (exists(path) || len(earlyOnes(path)) > 0) }

// stashPaths are the files that can be the stash of the database with an id.
func (db *Database) stashPaths(id [16]byte) []string {
	if db.stash == "" {
		return nil
	}
	return []string{db.stash, earlyPath(db.stash, id)}
}

// stashFile is the path of the stash that is there, or would be.
func (db *Database) stashFile(id [16]byte) string {
	if db.stash != "" && !exists(db.stash) {
		if early := earlyPath(db.stash, id); exists(early) {
			return early
		}
	}
	return db.stash
}

// StashFiles are the paths of the files that are the stash, or become it.
func (db *Database) StashFiles() []string { return db.stashPaths(db.id) }

// stashes yields those that are there for the database with an id. They are cleared afterwards.
func (db *Database) stashes(id [16]byte) iter.Seq2[*stash, error] {
	return func(yield func(*stash, error) bool) {
		for _, path := range db.stashPaths(id) {
			s, err := readStash(path)
			if errors.Is(err, fs.ErrNotExist) || err == nil && s.id != id {
				clear(s.key[:])
				continue
			}
			more := yield(&s, err)
			clear(s.key[:])
			if !more {
				return
			}
		}
	}
}

// settleStash gives an early stash its name. Nothing is stored in the database before that, so that nothing is lost with one that another
// database at its place removes. made is what the caller knows of it; nil is nothing.
func (db *Database) settleStash(ctx context.Context, k *keys, made *stash) error {
	if db.stash == "" || made == nil && !exists(earlyPath(db.stash, k.meta.id)) {
		return nil
	}
	err := db.alone()(ctx, func(stx store.Tx) error {
		t, err := db.begin(ctx, stx, k)
		if err != nil {
			return err
		}
		return t.settleStash(made)
	})
	if err != nil {
		return fmt.Errorf("creating the stash %q: %w", db.stash, err)
	}
	return nil
}

func (t *tx) settleStash(made *stash) error {
	e := earlyStash{disk: t.db.disk, path: t.db.stash}
	defer clear(e.content.key[:])
	if made != nil {
		e.content = *made
	} else if s, err := readStash(earlyPath(e.path, t.keys.meta.id)); err == nil && s.id == t.keys.meta.id {
		e.content = s
	} else {
		return nil // it opens nothing
	}
	slots, err := t.listedSlots()
	if err != nil {
		return err
	}
	named, err := readStash(t.db.stash)
	defer clear(named.key[:])
	if err == nil && named.opensAny(&t.keys.meta, slots) || !e.content.opensAny(&t.keys.meta, slots) {
		e.remove()
		return nil
	}
	return e.place()
}

// SettleStash ends what killed commands began: it gives the stash its name, and removes those of databases that were not made.
func (db *Database) SettleStash(ctx context.Context) error {
	k, err := db.acquire(ctx)
	if err != nil {
		return err
	}
	defer k.release()
	removeEarly(db.disk, db.stash, k.meta.id)
	return db.name(db.settleStash(ctx, k, nil))
}

// createByStash brings the stash of a new database to the disk, early, and then has the database stored. Whenever it ends, no database is
// there that nothing opens.
func (db *Database) createByStash(ctx context.Context, k *keys, commit func(*slot, []byte) error) error {
	if db.stash == "" {
		return fmt.Errorf("creating a stash: %w", kdb.ErrUnsupported)
	}
	e := &earlyStash{db.disk, db.stash, stash{id: k.meta.id, slot: 1}}
	rand.Read(e.content.key[:]) // never fails
	defer clear(e.content.key[:])
	if err := e.write(); err != nil {
		return fmt.Errorf("creating the stash %q: %w", db.stash, err)
	}
	if err := commit(db.newSlot(slotStash, kdb.CostProduction), e.content.key[:]); err != nil {
		db.withdrawStash(ctx, e, err)
		return err
	}
	err := db.settleStash(ctx, k, &e.content)
	if errors.Is(err, kdb.ErrLocked) { // somebody uses it already, by the early stash
		return nil
	}
	if err != nil {
		_ = db.discard(context.WithoutCancel(ctx), k) // at worst a database stays that the early stash opens
	}
	return err
}

// withdrawStash removes the early stash of a database that could not be made. One that is there all the same keeps it. A stash without a
// path is none.
func (db *Database) withdrawStash(ctx context.Context, e *earlyStash, cause error) {
	if e.path == "" {
		return
	}
	var m meta
	err := cause
	if !errors.Is(cause, kdb.ErrDatabaseExists) {
		ctx = context.WithoutCancel(ctx)
		err = db.store.View(ctx, func(stx store.Tx) (err error) { m, _, err = readMetaRecord(stx); return err })
	}
	if errors.Is(err, kdb.ErrDatabaseExists) || errors.Is(err, kdb.ErrNoDatabase) || err == nil && m.id != e.content.id {
		e.remove()
	}
}
