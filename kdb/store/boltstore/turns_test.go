package boltstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"certkdb/kdb/atomicfile/atomicfiletest"
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

// TestTurns_writerKeepsItsTurn: a writer waits for readers as long as it would wait for the lock, though no reader would, and at least as
// long as a reader.
func TestTurns_writerKeepsItsTurn(t *testing.T) {
	t.Parallel()
	for patience, wait := range map[time.Duration]time.Duration{time.Second: time.Hour, time.Hour: 0} {
		synctest.Test(t, func(t *testing.T) { keepTurn(t, patience, wait) })
	}
}

func keepTurn(t *testing.T, patience, wait time.Duration) {
	s := orderly(t)
	s.patience, s.wait = patience, wait
	end := s.turns.take(t.Context(), false, time.Hour) // of a reader, who has no lock now
	written := make(chan struct{})
	go func() {
		defer close(written)
		h, err := s.open(t.Context(), access{write: true})
		if err != nil {
			t.Error(err)
			return
		}
		h.close()
	}()
	time.Sleep(time.Minute)
	if s.turns.waiting() != 1 {
		t.Error("the writer does not wait any more")
	}
	end()
	<-written
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

// TestTurns_longReaders: four readers that each take longer than the patience, one after the other, keep no writer out. What comes after it
// waits for it as long as somebody's turn ends.
func TestTurns_longReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var all turns
		read := func() {
			end := all.take(t.Context(), false, patience)
			time.Sleep(patience + patience/2)
			end()
		}
		for i := range 4 {
			go func() {
				time.Sleep(time.Duration(i) * patience / 3)
				read()
			}()
		}
		time.Sleep(patience)
		var order []string
		synctest.Wait()
		var wait sync.WaitGroup
		wait.Go(func() {
			end := all.take(t.Context(), true, time.Hour)
			all.mu.Lock()
			order = append(order, fmt.Sprintf("writer with %d readers", all.readers))
			all.mu.Unlock()
			time.Sleep(patience / 2)
			end()
		})
		synctest.Wait()
		wait.Go(func() {
			end := all.take(t.Context(), false, patience)
			defer end()
			all.mu.Lock()
			defer all.mu.Unlock()
			order = append(order, fmt.Sprintf("reader, writing: %v", all.writing))
		})
		wait.Wait()
		if got := strings.Join(order, "; "); got != "writer with 0 readers; reader, writing: false" {
			t.Errorf("the order is: %s", got)
		}
	})
}

// TestTurns_withoutATurn: the end of a transaction that had no turn keeps others waiting for theirs, too.
func TestTurns_withoutATurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var all turns
		take := func(write bool, most, work time.Duration) {
			end := all.take(t.Context(), write, most)
			time.Sleep(work)
			end()
		}
		var wait sync.WaitGroup
		defer wait.Wait()
		wait.Go(func() { take(true, time.Hour, 2*patience) })
		synctest.Wait()
		wait.Go(func() { take(false, patience, patience/4) }) // it gives up waiting, and ends before the next one gives up
		time.Sleep(patience / 2)
		end := all.take(t.Context(), false, patience)
		defer end()
		all.mu.Lock()
		defer all.mu.Unlock()
		if all.writing || all.readers != 1 {
			t.Errorf("it began with %d readers, writing: %v", all.readers, all.writing)
		}
	})
}

// TestTurns_loops: four readers that come again and again, one before the last one has left, do not keep out a writer as long as nobody
// waits for a turn; nor do four writers keep out a reader.
func TestTurns_loops(t *testing.T) {
	t.Parallel()
	options := Options{Options: store.Options{LockTimeout: time.Minute, Create: true}, Disk: &atomicfiletest.Disk{}}
	s := Open(filepath.Join(t.TempDir(), "x"), options)
	set(t, s, "old")
	var inside atomic.Int64
	var over atomic.Bool
	overlapping := func(store.Tx) error {
		inside.Add(1)
		for s.turns.waiting() == 0 && !over.Load() {
			if n := inside.Load(); n > 1 && inside.CompareAndSwap(n, n-1) {
				return nil
			}
			runtime.Gosched()
		}
		inside.Add(-1)
		return nil
	}
	loops(t, &over, func() error { return s.View(t.Context(), overlapping) }, func() { set(t, s, "new") })
	over.Store(false)
	loops(t, &over, func() error { set(t, s, rand.Text()); return nil }, func() { get(t, s) })
}

// loops runs many in four goroutines until one has been done ten times. Then it is over.
func loops(t *testing.T, over *atomic.Bool, many func() error, one func()) {
	t.Helper()
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for !over.Load() {
				if err := many(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 10 {
		one()
	}
	over.Store(true)
	wait.Wait()
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
