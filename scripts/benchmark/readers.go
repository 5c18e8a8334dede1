package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store/boltstore"
)

// withReaders measures how long an update takes while others read all of the same database again and again, in one process.
func (b *bench) withReaders() (err error) {
	const readers, updates = 4, 100
	ctx := context.Background()
	path := filepath.Join(b.folder, "roots.ckdb")
	db, err := sealed.Driver(boltstore.Backend()).Open(ctx, path, kdb.Options{LockTimeout: 10 * time.Second})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var over atomic.Bool
	alone, err := timeUpdates(ctx, db, updates)
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	failed := make([]error, readers)
	for i := range readers {
		wait.Go(func() {
			for !over.Load() && failed[i] == nil {
				failed[i] = readAll(ctx, db)
			}
		})
	}
	among, err := timeUpdates(ctx, db, updates)
	over.Store(true)
	wait.Wait()
	if err = errors.Join(append(failed, err)...); err != nil {
		return err
	}
	fmt.Printf("%-34s %s, the longest %s (limit: 200 ms), alone %s, the longest %s\n",
		fmt.Sprintf("update with %d readers in a loop", readers), middle(among), longest(among), middle(alone), longest(alone))
	return nil
}

func middle(times []time.Duration) string { return ms(sample{wall: median(times)}) }

func longest(times []time.Duration) string { return ms(sample{wall: slices.Max(times)}) }

// timeUpdates takes the time of n updates, each of which changes something.
func timeUpdates(ctx context.Context, db kdb.Database, n int) ([]time.Duration, error) {
	times := make([]time.Duration, n)
	for i := range times {
		start := time.Now()
		if err := db.Update(ctx, "bench", func(tx kdb.Tx) error { return tx.Audit("bench", "") }); err != nil {
			return nil, err
		}
		times[i] = time.Since(start)
	}
	return times, nil
}

func readAll(ctx context.Context, db kdb.Database) error {
	return db.View(ctx, func(tx kdb.Tx) error {
		for _, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
		}
		return nil
	})
}
