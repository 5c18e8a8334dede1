package boltstore

import (
	"context"
	"slices"
	"sync"
	"time"
)

// patience is how long a reader waits for its turn, while nobody's turn ends, before it tries the lock of the file anyway: within another
// transaction it would wait for itself. It is longer than most transactions, so that readers do not come in before a writer.
const patience = time.Second

// turns lets the transactions of a process have the file in the order in which they come: readers together, a writer alone. The lock of the
// file keeps them apart. But it is tried again and again, and never found free by a writer while readers come and go, or by a reader while
// there are many writers.
type turns struct {
	mu      sync.Mutex
	readers int
	writing bool
	ended   int // turns
	queue   []*turn
}

// turn is that of a transaction that waits.
type turn struct {
	write bool
	come  chan struct{} // closed when it has come
}

// take waits for a turn, which the returned function ends. If nobody's turn ends for the given time, it is as good as taken.
func (t *turns) take(ctx context.Context, write bool, most time.Duration) (end func()) {
	t.mu.Lock()
	mine := &turn{write: write, come: make(chan struct{})}
	t.queue = append(t.queue, mine)
	t.admit()
	t.mu.Unlock()
	if t.wait(ctx, mine, most) {
		return func() { t.end(write) }
	}
	return t.endOther
}

// wait says whether a turn has come.
func (t *turns) wait(ctx context.Context, mine *turn, most time.Duration) bool {
	timeout := time.NewTimer(most)
	defer timeout.Stop()
	for ended := t.countEnded(); ; {
		select {
		case <-mine.come:
		case <-ctx.Done():
		case <-timeout.C:
			if now := t.countEnded(); now != ended {
				ended = now
				timeout.Reset(most)
				continue
			}
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		i := slices.Index(t.queue, mine)
		if i < 0 {
			return true
		}
		t.queue = slices.Delete(t.queue, i, i+1)
		t.admit()
		return false
	}
}

func (t *turns) countEnded() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

func (t *turns) end(write bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if write {
		t.writing = false
	} else {
		t.readers--
	}
	t.ended++
	t.admit()
}

// endOther ends a transaction that had no turn.
func (t *turns) endOther() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended++
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
