package sealed

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store"
)

// Discard removes a database that this *Database created and that holds nothing yet, with its stash: for a caller whose first change
// failed. While it looks and removes, no other process reads or writes it, and none can store anything afterwards. The error wraps
// kdb.ErrExists, and nothing is removed, if there are entries or records of a CA; and kdb.ErrUnsupported if the database was opened, not
// created, or is in no file.
func (db *Database) Discard(ctx context.Context) error {
	if _, ok := db.store.(store.File); !ok || !db.created {
		return fmt.Errorf("removing %q: %w", db.location, kdb.ErrUnsupported)
	}
	k, err := db.acquire(ctx)
	if err != nil {
		return err
	}
	defer k.release()
	if err := db.discard(ctx, k); err != nil {
		return fmt.Errorf("removing %q: %w", db.location, err)
	}
	return nil
}

// discard removes the database, and then its stash, which opens it until then. After a kill an early stash may stay, which the next
// database at this place removes.
func (db *Database) discard(ctx context.Context, k *keys) error {
	path := db.store.(store.File).Path()
	err := db.updateWith(ctx, k, db.alone(), "discard", lenient, func(t *tx) error {
		if err := t.isEmpty(); err != nil {
			return err
		}
		if err := t.makeStashEarly(); err != nil {
			return err
		}
		if runtime.GOOS == "windows" { // which does not remove a file that is open
			return t.wipe()
		}
		return db.disk.Remove(path)
	})
	if err == nil && runtime.GOOS == "windows" {
		err = db.disk.Remove(path)
	}
	if err != nil {
		return err
	}
	if early := earlyPath(db.stash, k.meta.id); exists(early) && db.disk.SyncFolder(filepath.Dir(path)) == nil {
		_ = db.disk.Remove(early) // at worst it stays until another database is made here
	}
	return nil
}

// makeStashEarly gives the stash the name that it had before the database was there.
func (t *tx) makeStashEarly() error {
	path, disk := atomicfile.Follow(t.db.stash), t.db.disk
	s, err := readStash(path)
	clear(s.key[:])
	if err != nil || s.id != t.keys.meta.id {
		return nil // it is not the stash of this database
	}
	if err := disk.Rename(path, earlyPath(path, s.id)); err != nil {
		return err
	}
	return disk.SyncFolder(filepath.Dir(path))
}

// wipe removes all records, so that nobody can store anything in the database any more.
func (t *tx) wipe() error {
	return replaceRecords(t.stx, []string{""}, func(store.Tx) error { return nil })
}

// isEmpty returns an error that wraps kdb.ErrExists if there are entries or records of a CA.
func (t *tx) isEmpty() error {
	if t.head.entries > 0 {
		return fmt.Errorf("%w: it has %d entries", kdb.ErrExists, t.head.entries)
	}
	for _, prefix := range []string{prefixSummary, prefixIssuer, prefixIssued} {
		for record, err := range t.stx.Scan(prefix, "") {
			if err == nil {
				err = fmt.Errorf("%w: %s", kdb.ErrExists, place(record.Key))
			}
			return err
		}
	}
	return nil
}
