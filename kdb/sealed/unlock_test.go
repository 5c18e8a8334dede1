package sealed

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
	"certkdb/kdb/store/storetest"
)

// countedStore counts the snapshots.
type countedStore struct {
	*boltstore.Store
	views int
}

func (s *countedStore) View(ctx context.Context, fn func(store.Tx) error) error {
	s.views++
	return s.Store.View(ctx, fn)
}

// TestUnlock_byStashCostsNoSnapshot: opening the file is much of what a short command costs.
func TestUnlock_byStashCostsNoSnapshot(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.ckdb")
	st := &countedStore{Store: boltstore.Open(path, boltstore.Options{Options: store.Options{Create: true}})}
	made, err := Create(t.Context(), st, path, kdb.CreateOptions{StashOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	made.Close()
	db, err := Open(t.Context(), st, path, kdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, what := range []string{"a locked", "an unlocked"} {
		st.views = 0
		if err := db.View(t.Context(), func(kdb.Tx) error { return nil }); err != nil || st.views != 1 {
			t.Errorf("a View of %s database takes %d snapshots, want 1: %v", what, st.views, err)
		}
	}
}

// asked is a locked database whose password somebody is being asked for.
type asked struct {
	*Database
	asking chan struct{}    // gets a value with each question
	answer chan []byte      // is the answer
	ended  chan error       // of the View that asks
	asks   func() (n int32) // counts the questions
}

func newAsked(t *testing.T) *asked {
	t.Helper()
	st := storetest.NewMemory()
	newInternal(t, st)
	var n atomic.Int32
	a := &asked{asking: make(chan struct{}, 9), answer: make(chan []byte, 9), ended: make(chan error, 1), asks: n.Load}
	var err error
	a.Database, err = Open(t.Context(), st, "test", kdb.Options{Password: func(context.Context, string) ([]byte, error) {
		n.Add(1)
		a.asking <- struct{}{}
		return <-a.answer, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	go func() { a.ended <- a.view(context.Background(), strict, func(*tx) error { return nil }) }()
	<-a.asking
	return a
}

// TestUnlock_locksNothingWhileItAsks: what needs no password goes on, and Close does not wait for a person.
func TestUnlock_locksNothingWhileItAsks(t *testing.T) {
	t.Parallel()
	a := newAsked(t)
	if _, err := a.Slots(t.Context()); err != nil {
		t.Errorf("slots: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a.answer <- []byte("secret")
	if err := <-a.ended; !errors.Is(err, errClosed) || a.keys != nil {
		t.Errorf("the database was closed before the answer: %v", err)
	}
}

// TestUnlock_asksOnce: others wait for the answer, or for the end of their context.
func TestUnlock_asksOnce(t *testing.T) {
	t.Parallel()
	a := newAsked(t)
	defer a.Close()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Unlock(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting in a cancelled context: %v", err)
	}
	second := make(chan error)
	go func() { second <- a.Unlock(context.Background()) }()
	a.answer <- []byte("secret")
	for _, ended := range []chan error{a.ended, second} {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if n := a.asks(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestUnlock_wrongPassword: the next use asks again.
func TestUnlock_wrongPassword(t *testing.T) {
	t.Parallel()
	a := newAsked(t)
	defer a.Close()
	a.answer <- []byte("wrong")
	if err := <-a.ended; !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	a.answer <- []byte("secret")
	if err := a.Unlock(t.Context()); err != nil || a.asks() != 2 {
		t.Errorf("the right one: %v, asked %d times", err, a.asks())
	}
}

// TestUnlock_changedMeta: the checksum of the meta record can be made by anybody; the head says which record it is.
func TestUnlock_changedMeta(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db := newInternal(t, st)
	records := st.Records()
	m, err := decodeMeta(records[keyMeta])
	if err != nil {
		t.Fatal(err)
	}
	m.created = m.created.Add(-time.Hour)
	records[keyMeta], records[copyKey(keyMeta)] = m.encode(), m.encode()
	st.Replace(records)
	if err := db.View(t.Context(), func(kdb.Tx) error { return nil }); !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("View = %v, want ErrCorrupt", err)
	}
}
