package sealed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

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

// TestBudget_take: four derivations as this package makes them are within it, and no more; and one with all memory and three passes.
func TestBudget_take(t *testing.T) {
	t.Parallel()
	made := &newSlot(slotPassword, kdb.CostProduction).stretch
	made.kdf, made.memory, made.passes = kdfArgon2id, 64<<10, 3
	rounds := stretch{kdf: kdfPBKDF2, passes: 600_000}
	for _, s := range []*stretch{made, &rounds} {
		b := newBudget(0)
		n := 0
		for b.take(s) {
			n++
		}
		if n != 4 {
			t.Errorf("%s: %d derivations, want 4", s.describe(), n)
		}
	}
	both, n := newBudget(0), 0
	for both.take(made) && both.take(&rounds) {
		n += 2
	}
	if n != 4 {
		t.Errorf("%d derivations of both kinds, want 4", n)
	}
	all := stretch{kdf: kdfArgon2id, memory: defaultKDFMemory << 10, passes: 3}
	if b := newBudget(0); !b.take(&all) || b.take(&all) {
		t.Error("all memory: not once")
	}
	large := stretch{kdf: kdfArgon2id, memory: 1 << 20, passes: 1}
	if b := newBudget(0); b.take(&large) {
		t.Error("a gibibyte unasked")
	}
	if b := newBudget(1 << 30); !b.take(&large) || b.memory != maxMemory {
		t.Error("no gibibyte, though it is allowed")
	}
	free := stretch{kdf: kdfHKDF}
	if b := (budget{}); !b.take(&free) {
		t.Error("a slot that costs nothing")
	}
}

// tried returns how many keys are derived to try a password.
func tried(t *testing.T, db *Database, password string) (n int, err error) {
	t.Helper()
	d := derivations{secret: []byte(password), left: newBudget(0)}
	errStore := db.store.View(t.Context(), func(stx store.Tx) error {
		m, _, errMeta := readMetaRecord(stx)
		list, errSlots := readSlots(stx)
		_, _, err = db.openByPassword(t.Context(), &m, list, &d)
		return errors.Join(errMeta, errSlots)
	})
	if errStore != nil {
		t.Fatal(errStore)
	}
	return len(d.made), err
}

// TestSlots_oneDerivation: a password is derived once however many slots there are. A new salt comes with rekeying, and with the password
// of the only slot.
// the only slot.
func TestSlots_oneDerivation(t *testing.T) {
	t.Parallel()
	db := newInternal(t, storetest.NewMemory())
	salts := func() (list [][16]byte) {
		err := db.view(t.Context(), lenient, func(tx *tx) error {
			slots, err := tx.slots()
			for _, s := range slots {
				list = append(list, s.slot.salt)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	first := salts()[0]
	if _, err := db.ChangePassword(t.Context(), 0, []byte("word 0"), kdb.CostTest); err != nil || salts()[0] == first {
		t.Errorf("the password of the only slot changed, its salt did not: %v", err)
	}
	passwords := [][]byte{[]byte("word 0")}
	for i := 1; i < maxSlots; i++ {
		passwords = append(passwords, fmt.Appendf(nil, "word %d", i))
		if _, err := db.AddPasswordSlot(t.Context(), "", passwords[i], kdb.CostTest); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ChangePassword(t.Context(), 5, []byte("word five"), kdb.CostTest); err != nil {
		t.Fatal(err)
	}
	passwords[3] = []byte("word five")
	check := func(when string) {
		t.Helper()
		list := salts()
		if n := len(slices.Compact(list)); len(list) != maxSlots || n != 1 {
			t.Errorf("%s: %d slots have %d salts", when, len(list), n)
		}
		for _, password := range []string{"word five", "word 7", "wrong"} {
			if n, err := tried(t, db, password); n != 1 || (password == "wrong") != errors.Is(err, kdb.ErrPassword) {
				t.Errorf("%s: %s: %d derivations: %v", when, password, n, err)
			}
		}
	}
	check("slots added")
	before := salts()[0]
	if err := db.Rekey(t.Context(), Rekey{Passwords: passwords, Cost: kdb.CostTest}); err != nil {
		t.Fatal(err)
	}
	check("rekeyed")
	if salts()[0] == before {
		t.Error("rekeying kept the salt")
	}
}

// TestSlots_saltOfAStranger: the salt of a slot that the head does not list is not taken: somebody without a key chose it.
func TestSlots_saltOfAStranger(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db := newInternal(t, st)
	var stranger [16]byte
	hostile(t, st, 1, func(s *slot) {
		s.stretch, stranger = newSlot(slotPassword, kdb.CostTest).stretch, s.salt
		s.salt = stranger
	})
	s := newSlot(slotPassword, kdb.CostTest)
	var others []storedSlot
	err := db.view(t.Context(), lenient, func(tx *tx) (err error) { others, err = tx.passwordSlots([]uint32{1}); return err })
	k, errKeys := db.acquire(t.Context())
	if err := errors.Join(err, errKeys); err != nil {
		t.Fatal(err)
	}
	defer k.release()
	change := slotChange{kind: slotPassword, secret: []byte("new")}
	if err := db.wrapAlone(t.Context(), k, 2, s, &change, others); err != nil || s.salt == stranger {
		t.Errorf("the salt of a stranger was taken: %v", err)
	}
}

// TestBudget_manySalts: slots of different salts are derived as far as the budget goes.
func TestBudget_manySalts(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db := newInternal(t, st)
	hostile(t, st, maxSlots-1, func(s *slot) { s.kdf, s.passes = kdfPBKDF2, 1_000_000; s.memory = 0 })
	if n, err := tried(t, db, "wrong"); n != 3 || !errors.Is(err, kdb.ErrPassword) || !strings.Contains(err.Error(), "too much work") {
		t.Errorf("%d derivations, want 3, of them two expensive ones: %v", n, err)
	}
}
