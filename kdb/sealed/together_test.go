package sealed

import (
	"errors"
	"os"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store/boltstore"
	"certkdb/kdb/store/storetest"
)

// TestPasswords_together: of several processes that set the same first password, or add it, one makes a slot. Two slots with one password
// would let the old one open the database after it was changed.
func TestPasswords_together(t *testing.T) {
	t.Parallel()
	for what, set := range map[string]func(db *Database) error{
		"passwd": func(db *Database) error {
			_, err := db.ChangePassword(t.Context(), 0, []byte("same"), kdb.CostTest)
			return err
		},
		"slots add": func(db *Database) error {
			_, err := db.AddPasswordSlot(t.Context(), "", []byte("same"), kdb.CostTest)
			return err
		},
		"stash create": func(db *Database) error { return db.CreateStash(t.Context()) },
	} {
		path := stashOnly(t)
		results := make(chan error, 6)
		for range cap(results) {
			go func() { results <- set(openFaulty(t, path, &atomicfiletest.Disk{})) }()
		}
		for range cap(results) {
			if err := <-results; err != nil && !errors.Is(err, kdb.ErrExists) && !errors.Is(err, kdb.ErrChanged) {
				t.Errorf("%s: %v", what, err)
			}
		}
		kinds := map[string]int{}
		slots, err := openFaulty(t, path, &atomicfiletest.Disk{}).Slots(t.Context())
		for _, s := range slots {
			kinds[s.Kind]++
		}
		if err != nil || kinds["stash"] != 1 || kinds["password"] > 1 {
			t.Errorf("%s: slots %v, %v", what, slots, err)
		}
		wantStashOpens(t, path, func() { t.Log(what) })
	}
}

// TestChangePassword_toThatOfAnother: the password of another slot is refused, in whatever way that was made.
func TestChangePassword_toThatOfAnother(t *testing.T) {
	t.Parallel()
	db := newInternal(t, storetest.NewMemory())
	for i, cost := range []kdb.Cost{kdb.CostTest, kdb.CostRandom} {
		if _, err := db.AddPasswordSlot(t.Context(), "", []byte{byte('a' + i)}, cost); err != nil {
			t.Fatal(err)
		}
	}
	for _, password := range []string{"a", "b"} {
		_, err := db.ChangePassword(t.Context(), 1, []byte(password), kdb.CostTest)
		if same, ok := errors.AsType[*SamePassword](err); !ok || !errors.Is(err, kdb.ErrExists) || same.Slot == "password" {
			t.Errorf("the password %q: %v", password, err)
		}
	}
}

// TestStash_ofAnotherDatabase: the error says why the stash that is there does not help.
func TestStash_ofAnotherDatabase(t *testing.T) {
	t.Parallel()
	path, other := stashOnly(t), stashOnly(t)
	if err := os.Rename(other+StashExtension, path+StashExtension); err != nil {
		t.Fatal(err)
	}
	file := boltstore.Open(path, boltstore.Options{Options: patient})
	err := newDatabase(file, path, kdb.Options{}).Unlock(t.Context())
	if !errors.Is(err, kdb.ErrNoPassword) || !strings.HasSuffix(err.Error(), "belongs to another database") {
		t.Errorf("a stash of another database: %v", err)
	}
	if err := os.Remove(path + StashExtension); err != nil {
		t.Fatal(err)
	}
	if err := newDatabase(file, path, kdb.Options{}).Unlock(t.Context()); strings.Contains(err.Error(), "another") {
		t.Errorf("no stash: %v", err)
	}
}
