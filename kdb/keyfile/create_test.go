package keyfile_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
)

func putSecret(tx kdb.Tx) error { return tx.Put(secret("one")) }

func TestCreateWith_fileAppearsWithItsContent(t *testing.T) {
	t.Parallel()
	driver, path := keyfile.Driver(toy()), filepath.Join(t.TempDir(), "a.toy")
	db, err := driver.CreateWith(t.Context(), path, kdb.CreateOptions{Options: options()}, func(tx kdb.Tx) error {
		if _, err := os.Lstat(path); err == nil {
			t.Error("the file is there before its content")
		}
		return putSecret(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := list(t, path); got != "one" {
		t.Errorf("the file has %q", got)
	}
	add(t, db.(*keyfile.Database), "two")
	if got := list(t, path); got != "one two" {
		t.Errorf("after another change the file has %q", got)
	}
}

func TestCreateWith_makesNothing(t *testing.T) {
	t.Parallel()
	failed := errors.New("it failed")
	noPassword := kdb.Options{Password: func(context.Context, string) ([]byte, error) { return nil, failed }}
	pieces := toy()
	pieces.Pieces = true
	for name, c := range map[string]struct {
		codec keyfile.Codec
		o     kdb.Options
		fn    func(kdb.Tx) error
		want  error
	}{
		"the change fails":              {toy(), options(), func(tx kdb.Tx) error { return errors.Join(putSecret(tx), failed) }, failed},
		"nothing changes":               {toy(), options(), func(kdb.Tx) error { return nil }, nil},
		"no password":                   {toy(), noPassword, putSecret, failed},
		"no password for the first key": {pieces, noPassword, putSecret, failed},
	} {
		folder := t.TempDir()
		db, err := keyfile.Driver(c.codec).CreateWith(t.Context(), filepath.Join(folder, "a.toy"), kdb.CreateOptions{Options: c.o}, c.fn)
		if db != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: database %v, error %v", name, db, err)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("%s: the folder has %v, %v", name, left, err)
		}
	}
}

func TestCreateWith_piecesAskForThePasswordOfTheFirstKey(t *testing.T) {
	t.Parallel()
	pieces, path := toy(), filepath.Join(t.TempDir(), "a.toy")
	pieces.Pieces = true
	asked, o := 0, options()
	o.Password = nil
	o.NewPassword = func(context.Context, string) ([]byte, error) {
		asked++
		return bytes.Clone(password), nil
	}
	db, err := keyfile.Driver(pieces).CreateWith(t.Context(), path, kdb.CreateOptions{Options: o}, putSecret)
	if err != nil || asked != 1 {
		t.Fatalf("error %v, asked %d times", err, asked)
	}
	defer db.Close()
	if got := list(t, path); got != "one" {
		t.Errorf("the file has %q", got)
	}
}

func TestCreateWith_neverOverAFile(t *testing.T) {
	t.Parallel()
	path := newToy(t, "old")
	called := false
	_, err := keyfile.Driver(toy()).CreateWith(t.Context(), path, kdb.CreateOptions{Options: options()}, func(tx kdb.Tx) error {
		called = true
		return putSecret(tx)
	})
	if !errors.Is(err, kdb.ErrDatabaseExists) || called {
		t.Errorf("error %v, the change was made: %v", err, called)
	}
	if got := list(t, path); got != "old" {
		t.Errorf("the file has %q", got)
	}
}

// choosy is a format without a place for a label.
type choosy struct{ *toyContainer }

func (c choosy) Put(e kdb.Entry) error {
	clear(e.Key)
	if e.Label == "bad" {
		return kdb.ErrUnsupported
	}
	return c.toyContainer.Put(e)
}

func TestAccepts(t *testing.T) {
	t.Parallel()
	codec := toy()
	codec.New = func(string) (keyfile.Container, error) { return choosy{&toyContainer{}}, nil }
	readOnly := codec
	readOnly.New = nil
	db := openToy(t, newToy(t), options())
	for _, c := range []struct {
		name    string
		accepts func(kdb.Entry) error
		label   string
		want    error
	}{
		{"the format holds it", keyfile.Driver(codec).Accepts, "good", nil},
		{"the format does not hold it", keyfile.Driver(codec).Accepts, "bad", kdb.ErrUnsupported},
		{"the entry is incomplete", keyfile.Driver(codec).Accepts, "", kdb.ErrLabel},
		{"the format is only read", keyfile.Driver(readOnly).Accepts, "good", kdb.ErrUnsupported},
	} {
		e := secret(c.label)
		before := string(e.Key)
		if err := c.accepts(e); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if string(e.Key) != before {
			t.Errorf("%s: the key was changed", c.name)
		}
	}
	err := db.View(t.Context(), func(tx kdb.Tx) error {
		a := tx.(kdb.Accepter)
		if a.Accepts(secret("")) == nil {
			t.Error("a transaction accepts an empty label")
		}
		return a.Accepts(secret("one"))
	})
	if err != nil {
		t.Error(err)
	}
}
