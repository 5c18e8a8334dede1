package sealed_test

import (
	"bytes"
	"crypto/fips140"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store/storetest"
)

func unlock(t testing.TB, path string, o kdb.Options) error {
	t.Helper()
	return openWith(t, path, o).Unlock(ctx)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestChangePassword_oldOneOpensNoLonger(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	e := personal("a", newPair(t, "a"))
	put(t, db, e)
	id, err := db.ChangePassword(ctx, 0, []byte("new"), kdb.CostTest)
	must(t, err)
	if id == 1 {
		t.Error("the slot id was used again")
	}
	if err := unlock(t, path, options("secret")); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("old password: %v", err)
	}
	again := openWith(t, path, options("new"))
	if got := labels(t, again); !slices.Equal(got, []string{"a"}) {
		t.Errorf("labels %q", got)
	}
	put(t, db, trusted("b", newPair(t, "b"))) // a database that is open stays open
	wantSound(t, db)
	if _, err := db.ChangePassword(ctx, 0, nil, kdb.CostTest); err == nil {
		t.Error("an empty password was accepted")
	}
}

func TestSlots_addAndRemove(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	if err := db.RemoveSlot(ctx, 1, false); !errors.Is(err, sealed.ErrLastSlot) {
		t.Errorf("removing the last slot: %v", err)
	}
	id, err := db.AddPasswordSlot(ctx, "", []byte("second"), kdb.CostTest)
	must(t, err)
	must(t, unlock(t, path, options("second")))
	must(t, unlock(t, path, options("secret")))
	if _, err := openWith(t, path, options("second")).ChangePassword(ctx, 0, []byte("third"), kdb.CostTest); err != nil {
		t.Fatal(err)
	}
	must(t, unlock(t, path, options("secret")))
	if err := unlock(t, path, options("second")); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the changed password: %v", err)
	}
	if err := db.RemoveSlot(ctx, id, false); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("removing a slot that is gone: %v", err)
	}
	must(t, db.RemoveSlot(ctx, 1, false))
	if err := unlock(t, path, options("secret")); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the removed slot's password: %v", err)
	}
	must(t, unlock(t, path, options("third")))
	slots, err := db.Slots(ctx)
	kdf := "argon2id (64 KiB, 1 passes, 1 lanes)"
	if fips140.Enabled() {
		kdf = "pbkdf2-hmac-sha256 (1000 rounds)"
	}
	if err != nil || len(slots) != 1 || slots[0].ID != 3 || slots[0].Kind != "password" || slots[0].KDF != kdf {
		t.Errorf("slots %v, %v", slots, err)
	}
	wantSound(t, db)
}

func TestSlots_haveNames(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	must(t, db.CreateStash(ctx))
	for i, name := range []string{"", "ansible", ""} {
		_, err := db.AddPasswordSlot(ctx, name, fmt.Appendf(nil, "password %d of %s", i, name), kdb.CostTest)
		must(t, err)
	}
	if _, err := db.AddPasswordSlot(ctx, "ansible", []byte("p"), kdb.CostTest); !errors.Is(err, kdb.ErrExists) {
		t.Errorf("the same name again: %v, want ErrExists", err)
	}
	for _, name := range []string{"12", "a\nb", strings.Repeat("x", 65)} {
		if _, err := db.AddPasswordSlot(ctx, name, []byte("p"), kdb.CostTest); !errors.Is(err, kdb.ErrLabel) {
			t.Errorf("name %q: %v, want ErrLabel", name, err)
		}
	}
	wantSlots(t, db, "1 password opened", "2 stash stash", "3 password-2", "4 ansible", "5 password-3")
	again := openWith(t, path, kdb.Options{Password: password("password 1 of ansible"), NoStash: true, User: func() string { return "bob" }})
	must(t, again.Unlock(ctx))
	wantSlots(t, again, "1 password", "2 stash stash", "3 password-2", "4 ansible opened", "5 password-3")
	_, err := again.ChangePassword(ctx, 0, []byte("new"), kdb.CostTest)
	must(t, err)
	wantSlots(t, db, "1 password opened", "2 stash stash", "3 password-2", "5 password-3", "6 ansible")
	must(t, db.CreateStash(ctx))
	wantSlots(t, openWith(t, path, kdb.Options{}), "1 password", "3 password-2", "5 password-3", "6 ansible", "7 stash stash")
	slots, err := db.Slots(ctx)
	if err != nil || slots[0].By != "alice@server" || slots[3].By != "bob" {
		t.Errorf("made by %q and %q, %v", slots[0].By, slots[3].By, err)
	}
	wantSound(t, db)
	must(t, db.Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Drop: true, Cost: kdb.CostTest}))
	wantSlots(t, db, "1 password opened", "8 stash stash")
}

// wantSlots compares numbers, names and what is in use.
func wantSlots(t *testing.T, db *sealed.Database, want ...string) {
	t.Helper()
	slots, err := db.Slots(ctx)
	must(t, err)
	var got []string
	for _, s := range slots {
		text := fmt.Sprint(s.ID, " ", s.Name)
		if s.Opened {
			text += " opened"
		}
		if s.HasStash {
			text += " stash"
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("slots %q, want %q", got, want)
	}
}

// TestLog_saysWhichSlotOpened: the log has the slot of each operation, also of a database that was just made or rekeyed.
func TestLog_saysWhichSlotOpened(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	must(t, db.CreateStash(ctx))
	put(t, openWith(t, path, kdb.Options{}), trusted("by stash", newPair(t, "a")))
	_, err := db.AddPasswordSlot(ctx, "ansible", []byte("ansible"), kdb.CostTest)
	must(t, err)
	other := openWith(t, path, kdb.Options{Password: password("ansible"), NoStash: true})
	put(t, other, trusted("by password", newPair(t, "b")))
	must(t, other.Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("ansible"), []byte("secret")}, Cost: kdb.CostTest}))
	put(t, other, trusted("after the rekey", newPair(t, "c")))
	var got []string
	for r, err := range other.Log(ctx, 0) {
		must(t, err)
		got = append(got, fmt.Sprint(r.Operation, " ", r.Slot, " ", r.SlotName))
	}
	want := []string{
		"create 1 password", "stash-create 1 password", "add 2 stash", "slot-add 1 password", "add 3 ansible", "rekey 3 ansible",
		"stash-create 3 ansible", "stash-remove 3 ansible", "add 3 ansible",
	}
	if !slices.Equal(got, want) {
		t.Errorf("log %q\nwant %q", got, want)
	}
}

func TestSlots_areBounded(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	var err error
	for i := range 20 {
		if _, err = db.AddPasswordSlot(ctx, "", fmt.Appendf(nil, "password %d", i), kdb.CostTest); err != nil {
			break
		}
	}
	if !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("20 more slots: %v", err)
	}
	wantSound(t, db)
}

func TestStash_opensWithoutPassword(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	put(t, db, trusted("a", newPair(t, "a")))
	must(t, db.CreateStash(ctx))
	info, err := os.Stat(path + ".stash")
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("stash: %v, %v", info, err)
	}
	ask := kdb.Options{Password: never(t)}
	if got := labels(t, openWith(t, path, ask)); len(got) != 1 {
		t.Errorf("labels %q", got)
	}
	asked := options("secret")
	asked.NoStash = true
	must(t, unlock(t, path, asked))
	asked.Password = password("wrong")
	if err := unlock(t, path, asked); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("NoStash and a wrong password: %v", err)
	}

	stolen := read(t, path+".stash")
	must(t, db.CreateStash(ctx)) // replaces it
	must(t, unlock(t, path, ask))
	must(t, db.RemoveStash(ctx))
	if _, err := os.Stat(path + ".stash"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the stash is still there: %v", err)
	}
	if err := db.RemoveStash(ctx); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("removing it again: %v", err)
	}
	must(t, os.WriteFile(path+".stash", stolen, 0o600))
	if err := unlock(t, path, kdb.Options{}); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("a stash whose slot was removed: %v, want ErrNoPassword", err)
	}
	must(t, unlock(t, path, options("secret")))
	wantSound(t, db)
}

// TestRemoveSlot_withItsStash: the file of a removed slot goes too. One that belongs to another slot, or to another database, stays.
func TestRemoveSlot_withItsStash(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	must(t, db.CreateStash(ctx))
	own := read(t, path+".stash")
	other, otherPath := newDatabase(t)
	must(t, other.CreateStash(ctx))
	id, err := db.AddPasswordSlot(ctx, "", []byte("second"), kdb.CostTest)
	must(t, err)
	must(t, db.RemoveSlot(ctx, id, false))
	if !bytes.Equal(read(t, path+".stash"), own) {
		t.Error("the stash of another slot is not there any more")
	}
	must(t, os.WriteFile(path+".stash", read(t, otherPath+".stash"), 0o600))
	must(t, db.RemoveSlot(ctx, 2, false))
	read(t, path+".stash")
	must(t, db.CreateStash(ctx))
	must(t, db.RemoveSlot(ctx, 4, false))
	if _, err := os.Stat(path + ".stash"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the stash of the removed slot: %v", err)
	}
	wantSound(t, db)
}

func TestStash_notSafeIsRefused(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	must(t, db.CreateStash(ctx))
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o644, 0o620, 0o777} {
		must(t, os.Chmod(path+".stash", mode))
		err := unlock(t, path, kdb.Options{Password: never(t)})
		if !errors.Is(err, sealed.ErrStashMode) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
		info, err := db.Info(ctx)
		if err != nil || !slices.ContainsFunc(info.Facts, func(f kdb.Fact) bool { return f.Weak }) {
			t.Errorf("mode %o: facts %v, %v", mode, info.Facts, err)
		}
	}
	must(t, os.Remove(path+".stash"))
	must(t, os.Mkdir(path+".stash", 0o700))
	if err := unlock(t, path, kdb.Options{Password: never(t)}); !errors.Is(err, sealed.ErrStashMode) {
		t.Errorf("a folder: %v", err)
	}
	must(t, os.Remove(path+".stash"))
	must(t, os.WriteFile(path+".stash", []byte("certkdb-stash-v1 cut"), 0o600))
	if err := unlock(t, path, kdb.Options{Password: never(t)}); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("a damaged stash: %v", err)
	}
}

func TestStash_ofAnotherDatabaseIsPassedOver(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	other, otherPath := newDatabase(t)
	must(t, db.CreateStash(ctx))
	must(t, other.CreateStash(ctx))
	must(t, os.WriteFile(path+".stash", read(t, otherPath+".stash"), 0o600))
	if err := unlock(t, path, kdb.Options{}); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("%v, want ErrNoPassword", err)
	}
	must(t, unlock(t, path, options("secret")))
}

// TestSlots_putBackAreNoticed: a slot that was removed opens nothing even if its record is put back.
func TestSlots_putBackAreNoticed(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db, err := sealed.Create(ctx, st, "memory://", kdb.CreateOptions{Options: options("secret"), Cost: kdb.CostTest})
	must(t, err)
	before := st.Records()
	_, err = db.ChangePassword(ctx, 1, []byte("new"), kdb.CostTest)
	must(t, err)
	records := st.Records()
	maps.Copy(records, map[string][]byte{"slot/00000001": before["slot/00000001"]})
	st.Replace(records)
	if err := readAll(reopen(t, st)); !errors.Is(err, kdb.ErrCorrupt) || !strings.Contains(err.Error(), "key slot 1") {
		t.Errorf("opening by a slot that was put back: %v", err)
	}
	list := findings(t, db)
	if len(list) != 1 || list[0].Where != "key slot 1" {
		t.Errorf("findings %v", list)
	}
	_, err = db.AddPasswordSlot(ctx, "second", []byte("second"), kdb.CostTest) // changes of the slots go on
	must(t, err)
	must(t, db.RemoveSlot(ctx, 1, false)) // and put it right
	wantSound(t, db)
	must(t, readAll(db))
}

func TestRekey_keepsEntriesSlotsAndLog(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	e := personal("a", newPair(t, "a"))
	e.Default = true
	put(t, db, e, trusted("b", newPair(t, "b")))
	must(t, db.CreateStash(ctx))
	_, err := db.AddPasswordSlot(ctx, "", []byte("second"), kdb.CostTest)
	must(t, err)
	bystander := openWith(t, path, options("secret"))
	must(t, bystander.Unlock(ctx))
	before, logBefore := read(t, path), logOf(t, db)

	err = db.Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest})
	if !errors.Is(err, kdb.ErrPassword) || !strings.Contains(err.Error(), "3 (password-2)") {
		t.Fatalf("a slot that nothing opens: %v", err)
	}
	if string(read(t, path)) != string(before) {
		t.Error("a rekey that failed changed the file")
	}
	must(t, db.Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("second"), []byte("secret")}, Cost: kdb.CostTest}))
	must(t, unlock(t, path, options("secret")))
	must(t, unlock(t, path, options("second")))
	must(t, unlock(t, path, kdb.Options{Password: never(t)})) // stash
	wantSound(t, db)
	logAfter := logOf(t, db)
	if !slices.Equal(logAfter[:len(logBefore)], logBefore) || logAfter[len(logBefore)] != `6 "rekey" ""` {
		t.Errorf("log %q", logAfter)
	}
	must(t, readAll(openWith(t, path, options("secret"))))
	for name, err := range map[string]error{
		"view":   bystander.View(ctx, func(kdb.Tx) error { return nil }),
		"update": bystander.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Delete("a") }),
	} {
		if !errors.Is(err, kdb.ErrChanged) {
			t.Errorf("%s by who was in before: %v, want ErrChanged", name, err)
		}
	}
	must(t, db.Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("second")}, Drop: true, Cost: kdb.CostTest}))
	if err := unlock(t, path, kdb.Options{Password: password("secret"), NoStash: true}); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the dropped slot's password: %v", err)
	}
	err = db.Rekey(ctx, sealed.Rekey{Drop: true, Passwords: [][]byte{[]byte("none")}, Cost: kdb.CostTest})
	must(t, err) // the stash's slot is left
	must(t, unlock(t, path, kdb.Options{Password: never(t)}))
	must(t, os.Remove(path+".stash"))
	if err := db.Rekey(ctx, sealed.Rekey{Drop: true, Cost: kdb.CostTest}); !errors.Is(err, sealed.ErrLastSlot) {
		t.Errorf("a rekey that leaves no slot: %v", err)
	}
	wantSound(t, db)
}

// TestRekey_overAnyStore: the same where the store cannot be rewritten.
func TestRekey_overAnyStore(t *testing.T) {
	t.Parallel()
	db, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	before := st.Records()
	must(t, db.Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest}))
	wantSound(t, db)
	must(t, readAll(reopen(t, st)))
	for key, value := range st.Records() {
		if key != "count" && string(before[key]) == string(value) {
			t.Errorf("record %q was not sealed again", key)
		}
	}
	st.Replace(before)
	if err := readAll(db); !errors.Is(err, kdb.ErrChanged) {
		t.Errorf("the database as it was before: %v, want ErrChanged", err)
	}
}

// logOf returns sequence, operation and label of each log record.
func logOf(t testing.TB, db *sealed.Database) (list []string) {
	t.Helper()
	for r, err := range db.Log(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if r.User != "alice" || r.Host != "server" || r.Time.IsZero() {
			t.Errorf("log record %+v", r)
		}
		list = append(list, fmt.Sprintf("%d %q %q", r.Sequence, r.Operation, r.Label))
	}
	return list
}

func TestLog_hasEveryChange(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	e := personal("a", newPair(t, "a"))
	put(t, db, e)
	put(t, db, e) // unchanged
	must(t, db.Update(ctx, "export", func(tx kdb.Tx) error { return tx.Audit("export-key", "a") }))
	must(t, db.Update(ctx, "delete", func(tx kdb.Tx) error { return tx.Delete("a") }))
	err := db.Update(ctx, "add", func(tx kdb.Tx) error {
		if err := tx.Put(e); err != nil {
			return err
		}
		return tx.Delete("missing")
	})
	if !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("Update = %v", err)
	}
	_, err = db.ChangePassword(ctx, 0, []byte("new"), kdb.CostTest)
	must(t, err)
	must(t, db.CreateStash(ctx))
	must(t, db.RemoveStash(ctx))
	want := []string{
		`1 "create" ""`, `2 "add" "a"`, `3 "export-key" "a"`, `4 "delete" "a"`, `5 "passwd" "slot password"`,
		`6 "stash-create" "slot stash"`, `7 "stash-remove" "slot stash"`,
	}
	if got := logOf(t, db); !slices.Equal(got, want) {
		t.Errorf("log %q\nwant %q", got, want)
	}
	n := 0
	for r, err := range db.Log(ctx, 4) {
		must(t, err)
		if n++; r.Sequence != uint64(4+n) {
			t.Errorf("after 4 comes %d", r.Sequence)
		}
		break
	}
	wantSound(t, db)
}
