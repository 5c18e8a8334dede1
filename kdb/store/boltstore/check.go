package boltstore

import (
	"context"
	"errors"

	"go.etcd.io/bbolt"

	"certkdb/kdb"
	"certkdb/kdb/store/boltread"
)

// Check implements store.Checker: it reads every page, verifies that each is either in use once or free, and lets
// bbolt check the file too if that is safe.
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
	if findings := snap.Check(report); findings == 0 && ctx.Err() == nil {
		err = h.boltCheck(report)
	}
	return errors.Join(err, ctx.Err())
}

// boltCheck is bbolt's own check. It runs in goroutines of its own, where a fault would end the process, so it must only see
// files whose pages were all found sound.
func (h *handle) boltCheck(report func(where, what string)) (err error) {
	defer h.guard(&err)
	defer faultsPanic()()
	return h.db.View(func(tx *bbolt.Tx) error {
		for finding := range tx.Check() {
			report("file", finding.Error())
		}
		return nil
	})
}
