package jks_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/jks"
)

// options answer every question for the password, with none if it is "".
func options(password string, keys ...[]byte) kdb.Options {
	return kdb.Options{KeyPasswords: keys, Password: func(context.Context, string) ([]byte, error) {
		if password == "" {
			return nil, kdb.ErrNoPassword
		}
		return []byte(password), nil
	}}
}

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDatabase_addsUnderALabelOfAnyCase(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := writeFile(t, "trust.jks", encode(t, newStore(t), secret))
	ca := newIdentity(t, "ca")
	for range 2 { // the second time nothing changes
		db, err := keyfile.Open(jks.JKS(), path, options(secret))
		if err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(ctx, "add", func(tx kdb.Tx) error {
			if err := tx.Put(ca.trusted("Root CA")); err != nil {
				return err
			}
			_, err := tx.Summary("Root CA") // under the label that was given, within the transaction
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if added := len(before) == 32; added == bytes.Equal(before, after) {
			t.Errorf("from %d to %d bytes", len(before), len(after))
		}
	}
	if got := labels(open(t, readFile(t, path), secret)); got != "root ca" {
		t.Errorf("labels %s", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDatabase_severalKeyPasswords(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a := newIdentity(t, "a")
	data := storeWithKeyPassword(t, a, "own", "its own password")
	path := writeFile(t, "keys.jks", data)
	key := func(o kdb.Options) ([]byte, error) {
		db, err := keyfile.Open(jks.JKS(), path, o)
		if err != nil {
			t.Fatal(err)
		}
		var key []byte
		err = db.View(ctx, func(tx kdb.Tx) error {
			key, err = tx.Key("own")
			return err
		})
		return key, err
	}
	if _, err := key(options(secret)); !errors.Is(err, kdb.ErrPassword) || strings.Count(err.Error(), `"own"`) != 1 {
		t.Errorf("without the key's password: %v, want ErrPassword, and the label once", err)
	}
	got, err := key(options(secret, []byte("no"), []byte("its own password")))
	if err != nil || !bytes.Equal(got, a.key) {
		t.Errorf("with the key's password: %v", err)
	}
	// Listing needs no password at all, and leaves the file alone.
	if _, err := key(options("")); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("without any password: %v, want ErrNoPassword", err)
	}
	if !bytes.Equal(readFile(t, path), data) {
		t.Error("reading changed the file")
	}
}

func TestDatabase_jceksIsReadOnly(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := writeFile(t, "old.jceks", emptyJCEKS(t))
	drivers := []kdb.Driver{keyfile.Driver(jks.JKS()), keyfile.Driver(jks.JCEKS())}
	driver, err := kdb.Recognise(drivers, path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := driver.Open(ctx, path, options(secret))
	if err != nil {
		t.Fatal(err)
	}
	info, err := db.Info(ctx)
	if err != nil || info.Format != "jceks" || !info.ReadOnly {
		t.Errorf("info %+v, %v", info, err)
	}
	a := newIdentity(t, "a")
	err = db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(a.trusted("a")) })
	if !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("adding: %v, want ErrUnsupported", err)
	}
	if drivers[1].Create != nil {
		t.Error("a new JCEKS file can be made")
	}
}
