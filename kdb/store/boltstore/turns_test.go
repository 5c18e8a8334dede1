package boltstore

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"certkdb/kdb/store"
)

// orderly opens a store whose transactions wait for their turns however long that takes, with a record "key" of "old".
func orderly(t *testing.T) *Store {
	t.Helper()
	s := Open(filepath.Join(t.TempDir(), "x"), Options{Options: store.Options{LockTimeout: time.Hour, Create: true}})
	s.patience = time.Hour
	set(t, s, "old")
	return s
}

func set(t *testing.T, s *Store, value string) {
	t.Helper()
	err := s.Update(context.Background(), func(tx store.Tx) error { return tx.Put("key", []byte(value)) })
	if err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, s *Store) (value string) {
	t.Helper()
	err := s.View(context.Background(), func(tx store.Tx) error {
		b, err := tx.Get("key")
		value = string(b)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return value
}

// waitFor waits until as many transactions wait for their turns.
func waitFor(s *Store, n int) {
	for s.turns.waiting() < n {
		runtime.Gosched()
	}
}

// TestTurns_readersDoNotStarveAWriter: readers that come after a writer wait for it, however many were there before it.
func TestTurns_readersDoNotStarveAWriter(t *testing.T) {
	t.Parallel()
	s := orderly(t)
	reading, goOn, read := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		err := s.View(context.Background(), func(store.Tx) error {
			close(reading)
			<-goOn
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	<-reading
	written := make(chan struct{})
	go func() {
		defer close(written)
		set(t, s, "new")
	}()
	waitFor(s, 1)
	seen := make(chan string, 4)
	for range cap(seen) {
		go func() { seen <- get(t, s) }()
	}
	waitFor(s, 1+cap(seen))
	close(goOn)
	for range cap(seen) {
		if value := <-seen; value != "new" {
			t.Errorf("a reader that came after the writer sees %q", value)
		}
	}
	<-written
	<-read
}

// TestTurns_writersDoNotStarveAReader: a reader has its turn before the writers that come after it.
func TestTurns_writersDoNotStarveAReader(t *testing.T) {
	t.Parallel()
	s := orderly(t)
	end := s.turns.take(context.Background(), true, time.Hour) // a writer at work
	seen := make(chan string)
	go func() { seen <- get(t, s) }()
	waitFor(s, 1)
	// The turn of a writer that only waits for the file itself: its update has been prepared.
	later := make(chan func())
	go func() { later <- s.turns.take(context.Background(), true, time.Hour) }()
	waitFor(s, 2)
	end()
	if value := <-seen; value != "old" {
		t.Errorf("the reader sees %q", value)
	}
	(<-later)()
	set(t, s, "new")
}

// TestTurns_nested: a transaction within another one, which a writer waits for, does not wait for itself for ever; nor does one that is
// given up.
func TestTurns_nested(t *testing.T) {
	t.Parallel()
	s := orderly(t)
	s.patience = time.Millisecond
	err := s.View(t.Context(), func(store.Tx) error {
		later := make(chan func())
		go func() { later <- s.turns.take(context.Background(), true, time.Hour) }()
		waitFor(s, 1)
		if value := get(t, s); value != "old" {
			t.Errorf("the inner one sees %q", value)
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.View(canceled, func(store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
		go func() { (<-later)() }()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	set(t, s, "new")
	if value := get(t, s); value != "new" {
		t.Errorf("at last it is %q", value)
	}
}

// TestTurns_whoGivesUpLetsOthersIn: a reader that waits behind a writer comes in as soon as the writer gives up, while others still read.
func TestTurns_whoGivesUpLetsOthersIn(t *testing.T) {
	t.Parallel()
	var all turns
	wait := func(n int) {
		for all.waiting() < n {
			runtime.Gosched()
		}
	}
	all.take(t.Context(), false, time.Hour)
	ctx, giveUp := context.WithCancel(t.Context())
	writer, reader := make(chan func()), make(chan func())
	go func() { writer <- all.take(ctx, true, time.Hour) }()
	wait(1)
	go func() { reader <- all.take(t.Context(), false, 10*time.Second) }()
	wait(2)
	giveUp()
	(<-writer)() // ends nothing
	<-reader
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.readers != 2 || all.writing {
		t.Errorf("%d readers have a turn, a writer: %v; want both readers and no writer", all.readers, all.writing)
	}
}

// waiting is how many wait.
func (t *turns) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue)
}
