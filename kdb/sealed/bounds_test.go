package sealed

import (
	"crypto/fips140"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store/boltstore"
	"certkdb/kdb/store/storetest"
)

// TestSlot_boundsOfTheDocument holds the numbers in FORMAT.md, "Key slots": the last value that is taken, and the first that is not.
func TestSlot_boundsOfTheDocument(t *testing.T) {
	t.Parallel()
	argon2 := func(memory, passes uint32, lanes uint8) stretch {
		return stretch{kind: slotPassword, kdf: kdfArgon2id, memory: memory, passes: passes, lanes: lanes}
	}
	rounds := func(n uint32) stretch { return stretch{kind: slotPassword, kdf: kdfPBKDF2, passes: n} }
	const gib = 1 << 20 // KiB
	for _, s := range []stretch{
		argon2(64, 1, 1), argon2(128, 1, 16), argon2(gib, 1, 4), argon2(gib, 4, 4), argon2(gib/8, 32, 4), rounds(1000), rounds(5_000_000),
	} {
		if err := s.checkBounds(); err != nil {
			t.Errorf("%s is refused: %v", s.describe(), err)
		}
	}
	for _, s := range []stretch{
		argon2(63, 1, 1), argon2(127, 1, 16), argon2(gib+1, 1, 4), argon2(gib, 5, 4), argon2(64, 33, 1), argon2(64, 0, 1), argon2(1024, 1, 17),
		argon2(64, 1, 0), rounds(999), rounds(5_000_001),
	} {
		if err := s.checkBounds(); err == nil {
			t.Errorf("%s with %d lanes is taken", s.describe(), s.lanes)
		}
	}
	made := newSlot(slotPassword, kdb.CostProduction)
	want := "argon2id (64 MiB, 3 passes, 4 lanes)"
	if fips140.Enabled() {
		want = "pbkdf2-hmac-sha256 (600000 rounds)"
	}
	if got := made.describe(); got != want {
		t.Errorf("a new slot has %s, want %s", got, want)
	}
	for size, want := range map[int]bool{64: true, 65: false} {
		if err := CheckSlotName(strings.Repeat("x", size)); (err == nil) != want {
			t.Errorf("a name of %d bytes: %v", size, err)
		}
	}
	db := &Database{o: kdb.Options{User: func() string { return strings.Repeat("ä", 200) }}}
	if by := db.newSlot(slotPassword, kdb.CostTest).by; by != strings.Repeat("ä", 127) {
		t.Errorf("it is made by %d bytes", len(by))
	}
}

// TestSlots_sixteen is how many there may be.
func TestSlots_sixteen(t *testing.T) {
	t.Parallel()
	db := newInternal(t, storetest.NewMemory())
	for i := range 16 {
		_, err := db.AddPasswordSlot(t.Context(), "", fmt.Appendf(nil, "word %d", i), kdb.CostTest)
		if (err != nil) != (i == 15) || err != nil && !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("slot %d: %v", i+2, err)
		}
	}
	if err := db.Check(t.Context(), func(p kdb.Problem) { t.Error(p) }); err != nil {
		t.Error(err)
	}
}

// TestSlots_secretsFirst: a password is tried with the slots that cost nothing before one is derived for a person's.
func TestSlots_secretsFirst(t *testing.T) {
	t.Parallel()
	db := newInternal(t, storetest.NewMemory())
	if _, err := db.AddPasswordSlot(t.Context(), "", []byte("random"), kdb.CostRandom); err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]int{"random": 1, "secret": 2} {
		if n, err := tried(t, db, password); err != nil || n != want {
			t.Errorf("%s: %d derivations, want %d: %v", password, n, want, err)
		}
	}
}

// TestSlots_ofALaterKind are passed over: the others open the database, and it is sound.
func TestSlots_ofALaterKind(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*slot){
		"another kind":       func(s *slot) { s.kind = 4 },
		"another derivation": func(s *slot) { s.kdf = 4 },
	} {
		st := storetest.NewMemory()
		db := newInternal(t, st)
		err := db.update(t.Context(), "slot-add", strict, func(x *tx) error {
			s := db.newSlot(slotPassword, kdb.CostTest)
			s.name, s.wrapped = "later", make([]byte, wrappedSize)
			change(s)
			return x.putSlot(2, s)
		})
		if err != nil {
			t.Fatal(err)
		}
		again, err := Open(t.Context(), st, "test", secretOptions)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Check(t.Context(), func(p kdb.Problem) { t.Errorf("%s: %v", name, p) }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := again.ChangePassword(t.Context(), 1, []byte("new"), kdb.CostTest); err != nil {
			t.Errorf("%s: a new password: %v", name, err)
		}
		if slots, err := again.Slots(t.Context()); err != nil || len(slots) != 2 || slots[0].ID != 2 {
			t.Errorf("%s: slots %v, %v", name, slots, err)
		}
	}
}

// TestStash_names: the stash of another database is kept under its id and slot, and a stash next to a link is the one that is used.
func TestStash_names(t *testing.T) {
	t.Parallel()
	path, other := stashOnly(t), stashOnly(t)
	data, err := os.ReadFile(other + StashExtension)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := decodeStash(data)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.ckdb")
	if err := os.Symlink(path, link); err != nil {
		t.Skip("no symbolic links here")
	}
	if got := stashPath(link); got != path+StashExtension {
		t.Errorf("the stash is %s", got)
	}
	if err := os.WriteFile(link+StashExtension, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := stashPath(link); got != link+StashExtension {
		t.Errorf("with one next to the link it is %s", got)
	}
	db := newInternal(t, storetest.NewMemory())
	db.stash, db.disk = link+StashExtension, &atomicfiletest.Disk{}
	if err := db.CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(fmt.Sprintf("%s.stash.%x-%d", link, theirs.id[:4], theirs.slot))
	if err != nil || string(kept) != string(data) {
		t.Errorf("the stash of the other database: %v", err)
	}
}

// TestNumbers_ofTheDocument holds others that FORMAT.md promises.
func TestNumbers_ofTheDocument(t *testing.T) {
	t.Parallel()
	for what, n := range map[string][2]int{
		"bytes of a value":                     {boltstore.Open("x", boltstore.Options{}).Limits().Value, 16 << 20},
		"meta records that are tried":          {maxMetas, 16},
		"versions that a digest chooses among": {maxTurns, 160},
		"bytes of a key":                       {keySize, 32},
	} {
		if n[0] != n[1] {
			t.Errorf("%s: %d, want %d", what, n[0], n[1])
		}
	}
}
