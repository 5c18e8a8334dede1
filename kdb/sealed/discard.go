package sealed

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// Discard removes a database that this *Database created and that holds nothing yet, with its stash: for a caller whose first change
// failed. While it looks and removes, no other process can write. The error wraps kdb.ErrExists, and nothing is removed, if there are
// entries or records of a CA; and kdb.ErrUnsupported if the database was opened, not created, or is in no file.
func (db *Database) Discard(ctx context.Context) error {
	file, ok := db.store.(store.File)
	if !ok || !db.created {
		return fmt.Errorf("removing %q: %w", db.location, kdb.ErrUnsupported)
	}
	var failed error
	err := db.view(ctx, lenient, func(t *tx) error {
		err := t.isEmpty()
		if s, errStash := readStash(db.stash); err == nil && errStash == nil && s.id == t.keys.meta.id {
			err = db.disk.Remove(db.stash)
		}
		if err == nil {
			failed = db.disk.Remove(file.Path())
		}
		return err
	})
	if failed != nil && runtime.GOOS == "windows" { // which does not remove a file that is open
		failed = db.disk.Remove(file.Path())
	}
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("removing %q: %w", db.location, err)
	}
	return nil
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
