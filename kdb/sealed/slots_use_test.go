package sealed_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// TestHasPassword: it is true only if ChangePassword would change nothing, of the slot that it would replace.
func TestHasPassword(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	second, err := db.AddPasswordSlot(ctx, "second", []byte("another"), kdb.CostTest)
	must(t, err)
	for _, c := range []struct {
		password string
		cost     kdb.Cost
		want     bool
	}{
		{"secret", kdb.CostTest, true},
		{"secret", kdb.CostProduction, false},
		{"secret", kdb.CostRandom, false},
		{"another", kdb.CostTest, false}, // of a slot that stays
		{"wrong", kdb.CostTest, false},
	} {
		if got, err := db.HasPassword(ctx, []byte(c.password), c.cost); got != c.want || err != nil {
			t.Errorf("%q at cost %v: %v, %v, want %v", c.password, c.cost, got, err, c.want)
		}
	}
	if s, err := db.SlotOf(ctx, []byte("another")); err != nil || s.ID != second || s.Name != "second" {
		t.Errorf("the slot of the second password: %+v, %v", s, err)
	}
	if _, err := db.SlotOf(ctx, []byte("wrong")); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the slot of no password: %v", err)
	}
}

// inUse lists the slots as "id kind opened stash".
func inUse(t *testing.T, db *sealed.Database) string {
	t.Helper()
	list, err := db.Slots(ctx)
	must(t, err)
	text := ""
	for _, s := range list {
		text += fmt.Sprintf("%d %s %v %v; ", s.ID, s.Kind, s.Opened, s.HasStash)
	}
	return text
}

// TestSlots_sayWhichAreInUse: the one that opened the database, once one did, and that of the stash that is there.
func TestSlots_sayWhichAreInUse(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	must(t, db.CreateStash(ctx))
	asked := options("secret")
	asked.NoStash = true
	byPassword := openWith(t, path, asked)
	if got := inUse(t, byPassword); got != "1 password false false; 2 stash false true; " {
		t.Errorf("before it is open: %s", got)
	}
	must(t, byPassword.Unlock(ctx))
	if got := inUse(t, byPassword); got != "1 password true false; 2 stash false true; " {
		t.Errorf("by the password: %s", got)
	}
	byStash := openWith(t, path, kdb.Options{})
	must(t, byStash.Unlock(ctx))
	if got := inUse(t, byStash); got != "1 password false false; 2 stash true true; " {
		t.Errorf("by the stash: %s", got)
	}
	stash := read(t, path+".stash")
	other, otherPath := newDatabase(t)
	must(t, other.CreateStash(ctx))
	must(t, os.WriteFile(path+".stash", read(t, otherPath+".stash"), 0o600))
	if got := inUse(t, byPassword); got != "1 password true false; 2 stash false false; " {
		t.Errorf("with the stash of another database: %s", got)
	}
	must(t, os.WriteFile(path+".stash", stash, 0o600))
	must(t, byStash.RemoveStash(ctx))
	if got := inUse(t, byPassword); got != "1 password true false; " {
		t.Errorf("without the stash: %s", got)
	}
}

// TestChangePassword_ofWhichSlot: a database that was opened by its stash must be told which of several passwords is meant.
func TestChangePassword_ofWhichSlot(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	second, err := db.AddPasswordSlot(ctx, "second", []byte("another"), kdb.CostTest)
	must(t, err)
	must(t, db.CreateStash(ctx))
	byStash := openWith(t, path, kdb.Options{})
	if _, err := byStash.ChangePassword(ctx, 0, []byte("new"), kdb.CostTest); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("of two, without saying which: %v", err)
	}
	for _, id := range []int{99, second + 1} { // none, and that of the stash
		if _, err := byStash.ChangePassword(ctx, id, []byte("new"), kdb.CostTest); !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("of slot %d: %v", id, err)
		}
	}
	must(t, db.RemoveSlot(ctx, 1, false))
	id, err := byStash.ChangePassword(ctx, 0, []byte("new"), kdb.CostTest)
	must(t, err)
	if s, err := db.SlotOf(ctx, []byte("new")); err != nil || s.ID != id || s.Name != "second" {
		t.Errorf("the only one: %+v, %v, want the name of the replaced one", s, err)
	}
	if _, err := db.SlotOf(ctx, []byte("another")); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the replaced one: %v", err)
	}
}
