package keyfiletest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
)

// options answer with a password.
func options(password []byte) kdb.Options {
	return kdb.Options{
		LockTimeout: time.Minute,
		Password:    func(context.Context, string) ([]byte, error) { return bytes.Clone(password), nil },
	}
}

func (s *suite) path(t testing.TB) string {
	t.Helper()
	extension := ".db"
	if len(s.codec.Extensions) > 0 {
		extension = s.codec.Extensions[0]
	}
	return filepath.Join(t.TempDir(), "store"+extension)
}

// create makes a database in a file with the entries in it.
func (s *suite) create(t testing.TB, path string, entries ...kdb.Entry) kdb.Database {
	t.Helper()
	db, err := keyfile.Driver(s.codec).Create(t.Context(), path, kdb.CreateOptions{Options: options(s.Password), Profile: s.Profile})
	if err != nil {
		t.Fatalf("creating: %v", err)
	}
	s.update(t, db, func(tx kdb.Tx) error {
		for _, e := range entries {
			if err := tx.Put(e); err != nil {
				return err
			}
		}
		return nil
	})
	return db
}

func (s *suite) update(t testing.TB, db kdb.Database, fn func(kdb.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), "test", fn); err != nil {
		t.Fatalf("updating: %v", err)
	}
}

func (s *suite) open(t testing.TB, path string, password []byte) kdb.Database {
	t.Helper()
	db, err := keyfile.Driver(s.codec).Open(t.Context(), path, options(password))
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	return db
}

// labelsOf lists a database.
func labelsOf(t testing.TB, db kdb.Database) []string {
	t.Helper()
	var labels []string
	err := db.View(t.Context(), func(tx kdb.Tx) error {
		for summary, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			labels = append(labels, summary.Label)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("listing: %v", err)
	}
	return labels
}

func (s *suite) database(t *testing.T) {
	path, entries := s.path(t), s.entries()
	if err := s.create(t, path, entries...).Close(); err != nil {
		t.Error(err)
	}
	if _, err := keyfile.Create(t.Context(), s.codec, path, kdb.CreateOptions{Options: options(s.Password)}); !errors.Is(
		err,
		kdb.ErrDatabaseExists,
	) {
		t.Errorf("creating over a database: %v", err)
	}
	db := s.open(t, path, s.Password)
	s.update(t, db, func(tx kdb.Tx) error { return tx.Delete(entries[0].Label) })
	want := make([]string, 0, len(entries))
	for _, e := range entries[1:] {
		want = append(want, e.Label)
	}
	slices.Sort(want)
	if got := labelsOf(t, s.open(t, path, s.Password)); !slices.Equal(got, want) {
		t.Errorf("labels %q, want %q", got, want)
	}
	info, err := db.Info(t.Context())
	if err != nil || info.Entries != len(want) || info.Format != s.codec.Name || info.Size == 0 {
		t.Errorf("info %+v, %v", info, err)
	}
	err = db.Check(t.Context(), sound(t, "a database"))
	if err != nil {
		t.Error(err)
	}
	s.sameKeys(t, db, entries[1:])
}

func (s *suite) sameKeys(t *testing.T, db kdb.Database, entries []kdb.Entry) {
	t.Helper()
	err := db.View(t.Context(), func(tx kdb.Tx) error {
		for _, want := range entries {
			got, err := tx.Entry(want.Label)
			if err != nil {
				return err
			}
			if len(want.Key) == 0 {
				continue
			}
			key, err := tx.Key(want.Label)
			if err != nil || !bytes.Equal(key, want.Key) || len(got.Key) > 0 {
				return fmt.Errorf("the key of %q: %w, or another one", want.Label, err)
			}
		}
		_, err := tx.Entry("nobody")
		if !errors.Is(err, kdb.ErrNotFound) {
			return fmt.Errorf("an entry that is not there: %w", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// state is what an unchanged file keeps.
func state(t testing.TB, path string) string {
	t.Helper()
	var out string
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out += fmt.Sprintf("%s %s %s %x\n", f.Name(), info.Mode(), info.ModTime(), data)
	}
	return out
}

func (s *suite) unchanged(t *testing.T) {
	path, entries := s.path(t), s.entries()
	db := s.create(t, path, entries...)
	before := state(t, path)
	for _, reopened := range []kdb.Database{db, s.open(t, path, s.Password)} {
		labelsOf(t, reopened)
		s.update(t, reopened, func(kdb.Tx) error { return nil })
		s.update(t, reopened, func(tx kdb.Tx) error {
			for _, e := range entries {
				if err := tx.Put(e); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if after := state(t, path); after != before {
		t.Errorf("the file changed, from\n%.300s\nto\n%.300s", before, after)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	s.update(t, db, func(tx kdb.Tx) error { return tx.Delete(entries[0].Label) })
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode was not kept: %v, %v", info.Mode(), err)
	}
}

func (s *suite) databaseWrongPassword(t *testing.T) {
	if s.Unprotected {
		return
	}
	path := s.path(t)
	s.create(t, path, s.entries()...)
	before := state(t, path)
	db := s.open(t, path, []byte("wrong"))
	for what, err := range map[string]error{
		"view":   db.View(t.Context(), func(kdb.Tx) error { return errors.New("it opened") }),
		"update": db.Update(t.Context(), "test", func(kdb.Tx) error { return errors.New("it opened") }),
		"check":  db.Check(t.Context(), func(kdb.Problem) {}),
	} {
		if !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("%s: %v, want kdb.ErrPassword", what, err)
		}
	}
	if state(t, path) != before {
		t.Error("the file changed")
	}
}

func (s *suite) failedChange(t *testing.T) {
	path, entries := s.path(t), s.entries()
	db := s.create(t, path, entries...)
	before := state(t, path)
	stop := errors.New("stop")
	err := db.Update(t.Context(), "test", func(tx kdb.Tx) error {
		for _, e := range entries {
			if err := tx.Delete(e.Label); err != nil {
				return err
			}
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("the error of the function is lost: %v", err)
	}
	if err := db.Update(t.Context(), "test", func(tx kdb.Tx) error { return tx.Delete("nobody") }); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("deleting what is not there: %v", err)
	}
	s.refusedPuts(t, db)
	err = db.View(t.Context(), func(tx kdb.Tx) error { return tx.Delete(entries[0].Label) })
	if err == nil {
		t.Error("a view deleted")
	}
	if state(t, path) != before || len(labelsOf(t, db)) != len(entries) {
		t.Error("the database changed")
	}
}

// refusedPuts puts what no format may hold. Codecs rely on it: see keyfile.Container.
func (s *suite) refusedPuts(t *testing.T, db kdb.Database) {
	t.Helper()
	odd := [][]byte{{0x30, 0}}
	trusted := s.trustedEntry(t, "label", 9001)
	for what, change := range map[string]func(*kdb.Entry){
		"an empty label":             func(e *kdb.Entry) { e.Label = "" },
		"a label with a line break":  func(e *kdb.Entry) { e.Label = "a\nb" },
		"no kind":                    func(e *kdb.Entry) { e.Kind = 0 },
		"a trusted default":          func(e *kdb.Entry) { e.Default = true },
		"no certificate":             func(e *kdb.Entry) { e.Certificates = nil },
		"an unreadable certificate":  func(e *kdb.Entry) { e.Certificates = odd },
		"an unreadable chain":        func(e *kdb.Entry) { e.Certificates = append(e.Certificates, odd...) },
		"a personal one without key": func(e *kdb.Entry) { e.Kind = kdb.KindPersonal },
		"an unreadable key":          func(e *kdb.Entry) { e.Kind, e.Key = kdb.KindPersonal, []byte("key") },
		"a request without key":      func(e *kdb.Entry) { e.Kind, e.Certificates, e.Request = kdb.KindRequest, nil, odd[0] },
		"an empty secret key":        func(e *kdb.Entry) { e.Kind, e.Certificates = kdb.KindSecretKey, nil },
	} {
		e := trusted
		e.Certificates = slices.Clone(e.Certificates)
		change(&e)
		if err := db.Update(t.Context(), "test", func(tx kdb.Tx) error { return tx.Put(e) }); err == nil {
			t.Errorf("%s was put", what)
		}
	}
}

// writers lets several databases on the same file write at once, as processes would.
func (s *suite) writers(t *testing.T) {
	path := s.path(t)
	s.create(t, path)
	const writers, each = 4, 3
	var group sync.WaitGroup
	for w := range writers {
		var entries []kdb.Entry
		for i := range each {
			entries = append(entries, s.trustedEntry(t, fmt.Sprintf("writer %d entry %d", w, i), int64(5000+10*w+i)))
		}
		db := s.open(t, path, s.Password)
		group.Go(func() {
			for _, e := range entries {
				if err := db.Update(t.Context(), "test", func(tx kdb.Tx) error { return tx.Put(e) }); err != nil {
					t.Errorf("writer: %v", err)
				}
			}
		})
	}
	group.Wait()
	if got := labelsOf(t, s.open(t, path, s.Password)); len(got) != writers*each {
		t.Errorf("%d entries, want %d: updates were lost", len(got), writers*each)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) > 1+len(s.codec.Companions) {
		t.Errorf("files were left behind: %v", files)
	}
}

func (s *suite) changePassword(t *testing.T) {
	path, entries := s.path(t), s.entries()
	db := s.create(t, path, entries...).(*keyfile.Database)
	err := db.ChangePassword(t.Context(), []byte("battery staple"))
	if s.Public && errors.Is(err, kdb.ErrUnsupported) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	s.sameKeys(t, db, entries)
	s.sameKeys(t, s.open(t, path, []byte("battery staple")), entries)
	if s.Unprotected {
		return
	}
	err = s.open(t, path, s.Password).View(t.Context(), func(kdb.Tx) error { return nil })
	if !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the old password: %v, want kdb.ErrPassword", err)
	}
}

func (s *suite) stash(t *testing.T) {
	path := s.path(t)
	db := s.create(t, path, s.entries()...).(*keyfile.Database)
	err := db.CreateStash(t.Context())
	if s.codec.Stash == nil {
		if !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("a stash of a format without one: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	silent := func() *keyfile.Database {
		again, err := keyfile.Open(s.codec, path, kdb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return again
	}
	labelsOf(t, silent())
	if err := db.ChangePassword(t.Context(), []byte("battery staple")); err != nil {
		t.Fatal(err)
	}
	labelsOf(t, silent())
	if err := db.RemoveStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.RemoveStash(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing a stash that is not there: %v", err)
	}
	without := silent()
	err = without.Update(t.Context(), "test", func(tx kdb.Tx) error { return tx.Put(s.trustedEntry(t, "more", 9000)) })
	if !errors.Is(err, kdb.ErrNoPassword) && !s.Unprotected {
		t.Errorf("changing it without password and stash: %v, want kdb.ErrNoPassword", err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Error("the database went with its stash")
	}
}
