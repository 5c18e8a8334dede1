package sealed_test

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// backUp writes a backup to a file.
func backUp(t testing.TB, db *sealed.Database, to string, o sealed.NewBackup) *sealed.Backup {
	t.Helper()
	b, err := db.Backup(ctx, to, o)
	must(t, err)
	var data bytes.Buffer
	_, err = b.WriteTo(&data)
	must(t, err)
	if o.Stash {
		must(t, b.WriteStash(to+".stash"))
		must(t, b.ProveStash(ctx, to+".stash"))
	}
	if o.Password != nil {
		must(t, b.ProvePassword(ctx, o.Password))
	}
	defer func() { must(t, b.Close()) }()
	must(t, os.WriteFile(to, data.Bytes(), 0o600))
	if o.Stash {
		must(t, b.PlaceStash(to+".stash"))
	}
	return b
}

// TestBackup_opensByItself: the stash and the password of a backup open it alone, and the database as little as before.
func TestBackup_opensByItself(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	put(t, db, trusted("a", newPair(t, "a")))
	before := read(t, path)
	for _, o := range []sealed.NewBackup{{Stash: true}, {Password: []byte("random")}, {Stash: true, Password: []byte("random")}} {
		to := t.TempDir() + "/copy.ckdb"
		backUp(t, db, to, o)
		opens := func(what string, o kdb.Options, want bool) {
			if err := readAll(openWith(t, to, o)); (err == nil) != want {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		stash, none := options(""), options("")
		stash.Password, none.Password, none.NoStash = never(t), password("another"), true
		if o.Stash {
			opens("the stash", stash, true)
		}
		noStash := options("random")
		noStash.NoStash = true
		opens("the random password", noStash, o.Password != nil)
		opens("another password", none, false)
		noStash.Password = password("secret")
		opens("the password of the database", noStash, true)
		wantSound(t, openWith(t, to, noStash))
		if err := readAll(openWith(t, path, options("random"))); err == nil {
			t.Error("the password of the backup opens the database")
		}
	}
	if !bytes.Equal(before, read(t, path)) {
		t.Error("the database was changed")
	}
}

// TestBackup_isProved: what does not open the copy is an error.
func TestBackup_isProved(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	b, err := db.Backup(ctx, path+".copy", sealed.NewBackup{Stash: true, Password: []byte("random")})
	must(t, err)
	defer b.Close()
	if b.ProvePassword(ctx, []byte("another")) == nil || b.ProvePassword(ctx, []byte("secret")) == nil {
		t.Error("a password that does not open the copy")
	}
	stash := path + ".copy.stash"
	if b.ProveStash(ctx, stash) == nil {
		t.Error("a stash that is not there")
	}
	must(t, db.CreateStash(ctx))
	if b.ProveStash(ctx, path+".stash") == nil {
		t.Error("the stash of the database, which is newer than the copy")
	}
	must(t, b.WriteStash(stash))
	must(t, b.ProveStash(ctx, stash))
	b.WithdrawStash(stash)
	if _, err := os.Lstat(stash); err == nil {
		t.Error("the stash is still there")
	}
	b.WithdrawStash(path + ".stash")
	if _, err := os.Lstat(path + ".stash"); err != nil {
		t.Error("the stash of the database was removed")
	}
	if b.Size() == 0 || b.DatabaseStash() != path+".stash" {
		t.Errorf("%d bytes, stash %q", b.Size(), b.DatabaseStash())
	}
}

// TestBackup_slots: the slots of a backup have names of their own, and it tells which of the others open it.
func TestBackup_slots(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	must(t, db.CreateStash(ctx))
	_, err := db.AddPasswordSlot(ctx, "backup", []byte("third"), kdb.CostTest)
	must(t, err)
	b, err := db.Backup(ctx, path+".copy", sealed.NewBackup{Stash: true, Password: []byte("random")})
	must(t, err)
	defer b.Close()
	var names []string
	for _, s := range b.Slots() {
		if s.HasStash {
			s.Name += " (stash of the database)"
		}
		names = append(names, s.Name)
	}
	if want := []string{"password", "stash (stash of the database)", "backup", "backup-2", "backup-stash"}; !slices.Equal(names, want) {
		t.Errorf("slots %q, want %q", names, want)
	}
	for i := range 13 {
		_, err = db.AddPasswordSlot(ctx, "", []byte{byte('a' + i)}, kdb.CostTest)
		must(t, err)
	}
	if _, err := db.Backup(ctx, path+".copy", sealed.NewBackup{Stash: true}); err == nil {
		t.Error("a slot too many")
	}
	if _, err := db.Backup(ctx, path+"/none/copy", sealed.NewBackup{}); err == nil {
		t.Error("a copy into a folder that is not there")
	}
}
