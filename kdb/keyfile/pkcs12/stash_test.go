package pkcs12_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/pkcs12"
)

// silent opens a database with its stash alone.
func silent(t *testing.T, c keyfile.Codec, path string) error {
	t.Helper()
	db, err := keyfile.Open(c, path, kdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return db.Unlock(t.Context())
}

// create makes an empty database with a password.
func create(t *testing.T, c keyfile.Codec, path, password string) *keyfile.Database {
	t.Helper()
	given := func(context.Context, string) ([]byte, error) { return []byte(password), nil }
	db, err := keyfile.Create(t.Context(), c, path, kdb.CreateOptions{Options: kdb.Options{Password: given}})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestStash_sharedWithACMSDatabase(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	kdbPath, p12Path := filepath.Join(folder, "server.kdb"), filepath.Join(folder, "server.p12")
	db := create(t, cms.Codec(), kdbPath, "of the kdb")
	if err := db.CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	stash, err := os.ReadFile(filepath.Join(folder, "server.sth"))
	if err != nil {
		t.Fatal(err)
	}
	p12 := create(t, pkcs12.Codec(), p12Path, "of the p12")
	if err := p12.CreateStash(t.Context()); !errors.Is(err, kdb.ErrDatabaseExists) {
		t.Errorf("a stash over that of another database: %v, want ErrDatabaseExists", err)
	}
	if err := p12.ChangePassword(t.Context(), []byte("another")); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(filepath.Join(folder, "server.sth")); err != nil || string(now) != string(stash) {
		t.Errorf("the stash of the other database changed (%v)", err)
	}
	if err := silent(t, cms.Codec(), kdbPath); err != nil {
		t.Errorf("the other database: %v", err)
	}
	if err := silent(t, pkcs12.Codec(), p12Path); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("by the stash of another database: %v, want ErrPassword", err)
	}
}

// TestStash_underTheNameOfACMSDatabase: GSKit, Db2 and dsmcert make PKCS #12 files that are named .kdb, with a stash.
func TestStash_underTheNameOfACMSDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.kdb")
	db := create(t, pkcs12.Codec(), path, "one password")
	if err := db.CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.ChangePassword(t.Context(), []byte("another password")); err != nil {
		t.Fatal(err)
	}
	if err := silent(t, pkcs12.Codec(), path); err != nil {
		t.Errorf("by its stash after the password changed: %v", err)
	}
}
