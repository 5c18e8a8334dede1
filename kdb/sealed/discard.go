package sealed

import (
	"context"
	"fmt"
	"runtime"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// Discard removes a database that this *Database created and that holds nothing yet, with its stash: for a caller whose first change
// failed. While it looks and removes, no other process reads or writes it, and none can store anything afterwards. The error wraps
// kdb.ErrExists, and nothing is removed, if there are entries or records of a CA; and kdb.ErrUnsupported if the database was opened, not
// created, or is in no file.
func (db *Database) Discard(ctx context.Context) error {
	file, ok := db.store.(store.File)
	if !ok || !db.created {
		return fmt.Errorf("removing %q: %w", db.location, kdb.ErrUnsupported)
	}
	err := db.updateAlone(ctx, "discard", func(t *tx) error {
		if err := t.isEmpty(); err != nil {
			return err
		}
		s, err := readStash(db.stash)
		defer clear(s.key[:])
		if err == nil && s.id == t.keys.meta.id {
			if err := db.disk.Remove(db.stash); err != nil {
				return err
			}
		}
		if runtime.GOOS == "windows" { // which does not remove a file that is open
			return t.wipe()
		}
		return db.disk.Remove(file.Path())
	})
	if err == nil && runtime.GOOS == "windows" {
		err = db.disk.Remove(file.Path())
	}
	if err != nil {
		return fmt.Errorf("removing %q: %w", db.location, err)
	}
	return nil
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
