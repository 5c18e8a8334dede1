package boltstore

import (
	"context"
	"slices"
	"sync"
	"time"
)

// patience is how long somebody waits for his turn before he tries the lock of the file anyway: a transaction within another one would
// wait for itself.
const patience = 250 * time.Millisecond

// turns lets the transactions of a process have the file in the order in which they come: readers together, a writer alone. The lock of the
// file keeps them apart. But it is tried again and again, and never found free by a writer while readers come and go, or by a reader while
// there are many writers.
type turns struct {
	mu      sync.Mutex
	readers int
	writing bool
	queue   []*turn
}

// turn is somebody who waits.
type turn struct {
	write bool
	come  chan struct{} // closed when it is his turn
}

// take waits for a turn, which the returned function ends. If it does not come in time it is as good as taken.
func (t *turns) take(ctx context.Context, write bool, most time.Duration) (end func()) {
	t.mu.Lock()
	mine := &turn{write: write, come: make(chan struct{})}
	t.queue = append(t.queue, mine)
	t.admit()
	t.mu.Unlock()
	timeout := time.NewTimer(most)
	defer timeout.Stop()
	select {
	case <-mine.come:
	case <-ctx.Done():
	case <-timeout.C:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.queue, mine); i >= 0 {
		t.queue = slices.Delete(t.queue, i, i+1)
		t.admit()
		return func() {}
	}
	return func() { t.end(write) }
}

func (t *turns) end(write bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if write {
		t.writing = false
	} else {
		t.readers--
	}
	t.admit()
}

// admit gives turns to those who have waited longest.
func (t *turns) admit() {
	for len(t.queue) > 0 && !t.writing && (!t.queue[0].write || t.readers == 0) {
		first := t.queue[0]
		t.queue = t.queue[1:]
		if first.write {
			t.writing = true
		} else {
			t.readers++
		}
		close(first.come)
	}
}
