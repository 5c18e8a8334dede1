package boltstore

import (
	"context"
	"errors"

	"certkdb/kdb"
	"certkdb/kdb/store/boltread"
)

// Check implements store.Checker: it reads every page, and verifies that each is either in use once or free. bbolt's own check finds no
// more, and maps the whole file into memory.
func (s *Store) Check(ctx context.Context, report func(where, what string)) error {
	h, err := s.open(ctx, access{})
	var snap *boltread.Snapshot
	if err == nil {
		defer h.close()
		snap, err = h.snapshot(ctx)
	}
	if errors.Is(err, kdb.ErrCorrupt) {
		report("file", err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	snap.Check(report)
	return ctx.Err()
}
