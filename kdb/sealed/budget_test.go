package sealed

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/kdb/store/storetest"
)

// hostile adds slots to a database that ask for much work, as somebody without a key can.
func hostile(t *testing.T, st *storetest.Memory, n int, change func(*slot)) {
	t.Helper()
	err := st.Update(t.Context(), func(stx store.Tx) error {
		for i := range n {
			s := newSlot(slotPassword, kdb.CostTest)
			s.name, s.wrapped = "hostile", make([]byte, wrappedSize)
			s.kdf, s.memory, s.passes, s.lanes = kdfArgon2id, 64<<10, 3, 4
			change(s)
			if err := putTwice(stx, slotKey(uint32(i+10)), s.encode()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBudget_hostileSlots: what one password is tried with is bounded for all slots together, so nothing of this is derived.
func TestBudget_hostileSlots(t *testing.T) {
	t.Parallel()
	wrong := kdb.Options{Password: func(context.Context, string) ([]byte, error) { return []byte("wrong"), nil }}
	for name, change := range map[string]func(*slot){
		"a gibibyte":    func(s *slot) { s.memory, s.passes = 1<<20, 1 },
		"many passes":   func(s *slot) { s.memory, s.passes = 128<<10, 32 },
		"just too much": func(s *slot) { s.memory, s.passes = defaultKDFMemory<<10+1, 1 },
	} {
		st := storetest.NewMemory()
		newInternal(t, st)
		hostile(t, st, 4, change)
		db, err := Open(t.Context(), st, "test", wrong)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Unlock(t.Context())
		if !errors.Is(err, kdb.ErrPassword) || !strings.Contains(err.Error(), "too much work") {
			t.Errorf("%s: Unlock = %v, want ErrPassword that says why", name, err)
		}
		db, err = Open(t.Context(), st, "test", secretOptions) // the slot before them opens
		if err == nil {
			err = db.Unlock(t.Context())
		}
		if err != nil {
			t.Errorf("%s: with the right password: %v", name, err)
		}
	}
	st := storetest.NewMemory()
	newInternal(t, st)
	hostile(t, st, maxSlots, func(*slot) {})
	if db, err := Open(t.Context(), st, "test", wrong); err != nil || !errors.Is(db.Unlock(t.Context()), kdb.ErrCorrupt) {
		t.Errorf("one slot more than are allowed: %v", err)
	}
}

// TestBudget_take: sixteen slots as this package makes them are within it, and no more.
func TestBudget_take(t *testing.T) {
	t.Parallel()
	made := newSlot(slotPassword, kdb.CostProduction)
	made.kdf, made.memory, made.passes = kdfArgon2id, 64<<10, 3
	rounds := slot{kdf: kdfPBKDF2, passes: 600_000}
	for _, s := range []*slot{made, &rounds} {
		b := newBudget(0)
		n := 0
		for b.take(s) {
			n++
		}
		if n != maxSlots {
			t.Errorf("%s: %d slots, want %d", s.describe(), n, maxSlots)
		}
	}
	both, n := newBudget(0), 0
	for both.take(made) && both.take(&rounds) {
		n += 2
	}
	if n != maxSlots {
		t.Errorf("%d slots of both kinds, want %d", n, maxSlots)
	}
	large := slot{kdf: kdfArgon2id, memory: 1 << 20, passes: 1}
	if b := newBudget(0); b.take(&large) {
		t.Error("a gibibyte unasked")
	}
	if b := newBudget(1 << 30); !b.take(&large) || b.memory != maxMemory {
		t.Error("no gibibyte, though it is allowed")
	}
	free := slot{kdf: kdfHKDF, created: time.Time{}}
	if b := (budget{}); !b.take(&free) {
		t.Error("a slot that costs nothing")
	}
}
