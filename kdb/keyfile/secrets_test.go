package keyfile_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
)

var errReseal = errors.New("resealing")

// sealing is a container that encrypts nothing but its keys, and that keeps a date.
type sealing struct {
	*toyContainer
	passwords keyfile.Passwords
	expires   time.Time
	fail      error
}

func (c *sealing) Unlock() error {
	_, err := c.passwords.Database()
	return err
}

func (c *sealing) Reseal() error { return c.fail }

func (c *sealing) Expires() time.Time { return c.expires }

func (c *sealing) SetExpires(at time.Time) { c.expires = at }

func (c *sealing) Key(label string) ([]byte, error) {
	if err := c.Unlock(); err != nil {
		return nil, err
	}
	return c.toyContainer.Key(label)
}

// sealer is the toy format, which needs its password for keys alone.
func sealer(fail error) keyfile.Codec {
	c := toy()
	c.Decode = func(files keyfile.Files, passwords keyfile.Passwords) (keyfile.Container, error) {
		open := keyfile.Passwords{Database: func() ([]byte, error) { return password, nil }}
		container, err := decodeToy(files, open)
		if err != nil {
			return nil, err
		}
		return &sealing{toyContainer: container.(*toyContainer), passwords: passwords, fail: fail}, nil
	}
	return c
}

func keyOf(db kdb.Database, label string) error {
	return db.View(context.Background(), func(tx kdb.Tx) error { _, err := tx.Key(label); return err })
}

// TestKey_asksWhenAKeyIsOpened: a format that needs its password for keys alone lists without one, asks once, and never asks for nothing.
func TestKey_asksWhenAKeyIsOpened(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a", "b")
	asked, o := 0, options()
	o.Password = func(ctx context.Context, location string) ([]byte, error) {
		asked++
		return answer(password)(ctx, location)
	}
	db, err := keyfile.Open(sealer(nil), path, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.View(t.Context(), func(tx kdb.Tx) error { _, err := tx.Summary("a"); return err }); err != nil || asked != 0 {
		t.Errorf("listing: %v, asked %d times", err, asked)
	}
	if err := errors.Join(keyOf(db, "a"), keyOf(db, "b"), db.Unlock(t.Context())); err != nil || asked != 1 {
		t.Errorf("two keys: %v, asked %d times", err, asked)
	}
	nobody, err := keyfile.Open(sealer(nil), path, kdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var open *kdb.OpenError
	if err := nobody.Unlock(t.Context()); !errors.Is(err, kdb.ErrNoPassword) || !errors.As(err, &open) || open.Location != path {
		t.Errorf("Unlock with nobody to ask: %v", err)
	}
	if err := keyOf(nobody, "a"); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("a key with nobody to ask: %v", err)
	}
}

// TestChangePassword_failuresLeaveTheFile: what cannot be resealed, or is not opened, keeps its bytes.
func TestChangePassword_failuresLeaveTheFile(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := options()
	wrong.Password = answer([]byte("wrong"))
	for name, c := range map[string]struct {
		codec keyfile.Codec
		o     kdb.Options
		want  error
	}{
		"keys that cannot be resealed": {sealer(errReseal), options(), errReseal},
		"nobody to ask":                {sealer(nil), kdb.Options{}, kdb.ErrNoPassword},
		"the wrong password":           {toy(), wrong, kdb.ErrPassword},
	} {
		db, err := keyfile.Open(c.codec, path, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.ChangePassword(t.Context(), []byte("new")); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%s: the file changed, %v", name, err)
		}
	}
}

// TestPasswordExpires: a format without a place for the date says so.
func TestPasswordExpires(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	plain := openToy(t, path, options())
	if _, err := plain.PasswordExpires(t.Context()); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("reading: %v", err)
	}
	if err := plain.SetPasswordExpires(t.Context(), at); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("setting: %v", err)
	}
	db, err := keyfile.Open(sealer(nil), path, options())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := db.PasswordExpires(t.Context()); err != nil || !got.IsZero() {
		t.Errorf("never: %v, %v", got, err)
	}
	if err := errors.Join(db.Unlock(t.Context()), db.SetPasswordExpires(t.Context(), at)); err != nil {
		t.Error(err)
	}
}

// TestCreateStash_refusals: nothing is written over a stash that may open another database, and no form that the format does not have.
func TestCreateStash_refusals(t *testing.T) {
	t.Parallel()
	shared := toy()
	shared.Stash.Shared = []string{".pair"}
	path := newToy(t, "a")
	db, err := keyfile.Open(shared, path, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.CreateOldStash(t.Context()); !errors.Is(err, kdb.ErrUnsupported) || db.HasStash() {
		t.Errorf("an older form: %v, stash made: %v", err, db.HasStash())
	}
	base := strings.TrimSuffix(path, filepath.Ext(path))
	other := xor([]byte("of another database"))
	if err := errors.Join(os.WriteFile(base+".sta", other, 0o600), os.WriteFile(base+".pair", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := db.CreateStash(t.Context()); !errors.Is(err, kdb.ErrDatabaseExists) || !strings.Contains(err.Error(), base+".pair") {
		t.Errorf("over the stash of another: %v", err)
	}
	if data, err := os.ReadFile(base + ".sta"); err != nil || !bytes.Equal(data, other) {
		t.Errorf("it became %q, %v", data, err)
	}
	if err := os.Remove(base + ".pair"); err != nil {
		t.Fatal(err)
	}
	if err := db.CreateStash(t.Context()); err != nil {
		t.Errorf("without the other database: %v", err)
	}
	if err := openToy(t, path, kdb.Options{}).View(t.Context(), func(kdb.Tx) error { return nil }); err != nil {
		t.Errorf("the stash does not open the file: %v", err)
	}
	shared.Stash.EncodeOld = func(password []byte) ([]byte, error) { return append(xor(password), 0), nil }
	if err := db.CreateOldStash(t.Context()); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(base + ".sta"); err != nil || !bytes.Equal(data, append(xor(password), 0)) {
		t.Errorf("the older form is %q, %v", data, err)
	}
}

// TestCreate_withAStash: the stash of an earlier database under that name is replaced, and the new one opens the file.
func TestCreate_withAStash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.toy")
	if err := os.WriteFile(strings.TrimSuffix(path, ".toy")+".sta", xor([]byte("old")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyfile.Create(t.Context(), toy(), path, kdb.CreateOptions{Options: options(), Stash: true}); err != nil {
		t.Fatal(err)
	}
	if err := openToy(t, path, kdb.Options{}).View(t.Context(), func(kdb.Tx) error { return nil }); err != nil {
		t.Errorf("by its stash: %v", err)
	}
	none := toy()
	none.Stash = nil
	_, err := keyfile.Create(t.Context(), none, path+".2", kdb.CreateOptions{Options: options(), Stash: true})
	if !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("a format without one: %v", err)
	}
	if _, err := os.Stat(path + ".2"); err == nil {
		t.Error("the file was made all the same")
	}
}
