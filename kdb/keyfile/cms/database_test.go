package cms_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/stash"
)

// options answer every question for the password, with none if it is "".
func options(password string) kdb.Options {
	return kdb.Options{Password: func(context.Context, string) ([]byte, error) {
		if password == "" {
			return nil, kdb.ErrNoPassword
		}
		return []byte(password), nil
	}}
}

func TestDatabase_filesAndStash(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "key.kdb")
	db, err := keyfile.Create(ctx, cms.Codec(), path, kdb.CreateOptions{Options: options(secret)})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.CreateStash(ctx); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, ext := range []string{".kdb", ".rdb", ".crl", ".sth"} {
		info, err := os.Stat(path[:len(path)-4] + ext)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %o", ext, info.Mode())
		}
	}
	// The stash is enough from here on.
	db, err = keyfile.Open(cms.Codec(), path, options(""))
	if err != nil {
		t.Fatal(err)
	}
	a, r := newIdentity(t, "a", nil), newIdentity(t, "r", nil)
	err = db.Update(ctx, "add", func(tx kdb.Tx) error {
		return errors.Join(tx.Put(a.personal("a")), tx.Put(r.request(t, "r")))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.ChangePassword(ctx, []byte("another")); err != nil {
		t.Fatal(err)
	}
	stashed, err := os.ReadFile(path[:len(path)-4] + ".sth")
	if err != nil {
		t.Fatal(err)
	}
	if password, err := stash.Decode(stashed); err != nil || string(password) != "another" {
		t.Errorf("the stash holds %q, %v", password, err)
	}
	findings := 0
	if err := db.Check(ctx, func(kdb.Problem) { findings++ }); err != nil || findings > 0 {
		t.Errorf("%d findings, %v", findings, err)
	}
}

func TestDatabase_listsWithoutPasswordAndWritesWithOne(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "key.kdb")
	db, err := keyfile.Create(ctx, cms.Codec(), path, kdb.CreateOptions{Options: options(secret)})
	if err != nil {
		t.Fatal(err)
	}
	a := newIdentity(t, "a", nil)
	add := func(tx kdb.Tx) error { return tx.Put(a.trusted("a")) }
	if err := db.Update(ctx, "add", add); err != nil {
		t.Fatal(err)
	}
	db, err = keyfile.Open(cms.Codec(), path, options(""))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	err = db.View(ctx, func(tx kdb.Tx) error {
		for s, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			listed = append(listed, s.Label)
		}
		return nil
	})
	if err != nil || len(listed) != 1 {
		t.Errorf("listed %q, %v", listed, err)
	}
	err = db.Update(ctx, "delete", func(tx kdb.Tx) error { return tx.Delete("a") })
	if !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("writing without a password: %v, want ErrNoPassword", err)
	}
}
