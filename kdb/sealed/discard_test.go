package sealed_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// TestDiscard removes what was made and is empty, and nothing else.
func TestDiscard(t *testing.T) {
	t.Parallel()
	p := newPair(t, "discard")
	for rule, c := range map[string]struct {
		prepare func(db *sealed.Database) error
		opened  bool
		want    error
	}{
		"empty":   {prepare: func(*sealed.Database) error { return nil }},
		"a stash": {prepare: func(db *sealed.Database) error { return db.CreateStash(ctx) }},
		"an entry": {want: kdb.ErrExists, prepare: func(db *sealed.Database) error {
			return db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(trusted("a", p)) })
		}},
		"a CA's record": {want: kdb.ErrExists, prepare: func(db *sealed.Database) error {
			return db.Update(ctx, "sign", func(tx kdb.Tx) error { return tx.(kdb.Registry).PutIssued(kdb.Issued{Serial: "1"}) })
		}},
		"a number of a list": {want: kdb.ErrExists, prepare: func(db *sealed.Database) error {
			return db.Update(ctx, "crl", func(tx kdb.Tx) error {
				_, err := tx.(kdb.Registry).NextCRLNumber([32]byte{1}, 1)
				return err
			})
		}},
		"opened": {opened: true, want: kdb.ErrUnsupported, prepare: func(*sealed.Database) error { return nil }},
	} {
		path := filepath.Join(t.TempDir(), "key.ckdb")
		db := create(t, path)
		if err := c.prepare(db); err != nil {
			t.Fatal(err)
		}
		if c.opened {
			db = openWith(t, path, options("secret"))
		}
		if err := db.Discard(ctx); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", rule, err)
		}
		_, err := os.Lstat(path)
		_, errStash := os.Lstat(path + sealed.StashExtension)
		if c.want != nil && err != nil {
			t.Errorf("%s: %v", rule, err)
		}
		if c.want == nil && !(errors.Is(err, os.ErrNotExist) && errors.Is(errStash, os.ErrNotExist)) {
			t.Errorf("%s: the file: %v, the stash: %v", rule, err, errStash)
		}
	}
}

// TestDiscard_leavesAnotherDatabaseAlone: the file at the path, or the stash, has become another one's.
func TestDiscard_leavesAnotherDatabaseAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.ckdb")
	first := create(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other := create(t, path)
	if err := other.CreateStash(ctx); err != nil {
		t.Fatal(err)
	}
	if err := first.Discard(ctx); !errors.Is(err, kdb.ErrChanged) {
		t.Error(err)
	}
	wantSound(t, other)
	stash := read(t, path+sealed.StashExtension)
	moved := filepath.Join(t.TempDir(), "key.ckdb")
	third := create(t, moved)
	if err := os.WriteFile(moved+sealed.StashExtension, stash, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := third.Discard(ctx); err != nil {
		t.Error(err)
	}
	read(t, moved+sealed.StashExtension)
}
