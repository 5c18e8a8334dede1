package boltstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

var ctx = context.Background()

// sample makes a file with two levels of pages, long values and free pages.
func sample(t testing.TB, path string) map[string]string {
	t.Helper()
	s := create(t, path)
	want := make(map[string]string)
	update := func(fn func(tx store.Tx) error) {
		t.Helper()
		if err := s.Update(ctx, fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx store.Tx) error {
		for i := range 300 {
			key, value := fmt.Sprintf("k/%04d", i*37%300), strings.Repeat("v", 100+i%300)
			want[key] = value
			if err := tx.Put(key, []byte(value)); err != nil {
				return err
			}
		}
		want["long"] = strings.Repeat("long", 5000)
		return tx.Put("long", []byte(want["long"]))
	})
	update(func(tx store.Tx) error {
		for i := 0; i < 300; i += 3 {
			key := fmt.Sprintf("k/%04d", i)
			delete(want, key)
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	return want
}

func content(s *boltstore.Store) (map[string]string, error) {
	got := make(map[string]string)
	err := s.View(ctx, func(tx store.Tx) error {
		for record, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			got[record.Key] = string(record.Value)
		}
		return nil
	})
	return got, err
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if b[key] != value {
			return false
		}
	}
	return true
}

func findings(s *boltstore.Store) (list []string, err error) {
	err = s.Check(ctx, func(where, what string) { list = append(list, where+": "+what) })
	return list, err
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStore_soundFileHasNoFindings(t *testing.T) {
	t.Parallel()
	path := filepath.Join(fastDir(t), "x")
	want := sample(t, path)
	s := boltstore.Open(path, boltstore.Options{})
	if list, err := findings(s); err != nil || len(list) > 0 {
		t.Errorf("findings %q, %v", list, err)
	}
	if got, err := content(s); err != nil || !equal(got, want) {
		t.Errorf("content: %d records, %v", len(got), err)
	}
}

func TestStore_cutFileIsCorrupt(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	path := filepath.Join(dir, "x")
	sample(t, path)
	s := boltstore.Open(path, boltstore.Options{})
	// The file is as long as its allocation; its copy is as long as its content.
	made, err := s.Copy(ctx, filepath.Join(dir, "y"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var buffer bytes.Buffer
	if _, err := made.WriteTo(&buffer); err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	data := buffer.Bytes()
	path = filepath.Join(dir, "z")
	end := len(data) - 4096 // the last page is a copy of the root page
	for _, size := range []int{
		0, 1, 15, 16, 80, 100, 4000, 4096, 4097, 8191, 8192, 9000, 12288, end / 2, end - 4096,
		end - 1,
	} {
		write(t, path, data[:size])
		s := boltstore.Open(path, boltstore.Options{})
		if _, err := content(s); !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("%d bytes: View = %v, want ErrCorrupt", size, err)
		}
		for i, update := range []func(context.Context, func(store.Tx) error) error{s.Update, s.UpdateLocked} {
			if err := update(ctx, func(tx store.Tx) error { return tx.Put("a", nil) }); !errors.Is(err, kdb.ErrCorrupt) {
				t.Errorf("%d bytes: update %d: %v, want ErrCorrupt", size, i, err)
			}
		}
		if err := s.Compact(ctx, func(string) {}); !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("%d bytes: Compact = %v, want ErrCorrupt", size, err)
		}
		if list, err := findings(s); err == nil && len(list) == 0 {
			t.Errorf("%d bytes: Check found nothing", size)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, data[:size]) {
			t.Errorf("%d bytes: the file was changed, %v", size, err)
		}
	}
}

// TestStore_flippedBytes damages the structure at random. What cannot be read is ErrCorrupt; nothing panics, hangs or eats
// memory, and Check finds it. A page that has fewer elements or other values than were stored is still sound: that is for
// the layer above to notice.
func TestStore_flippedBytes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(fastDir(t), "x")
	want := sample(t, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 600 {
		damaged := bytes.Clone(data)
		page := random.IntN(len(data)/4096) * 4096
		at := page + random.IntN(16) // header
		if random.IntN(2) == 0 {
			at = page + random.IntN(600) // header and elements
		}
		damaged[at] ^= byte(1 + random.IntN(255))
		if random.IntN(4) == 0 {
			copy(damaged[page:], data[random.IntN(len(data)/4096)*4096:][:4096]) // a page in another's place
		}
		write(t, path, damaged)
		s := boltstore.Open(path, boltstore.Options{Options: store.Options{LockTimeout: time.Second}})
		got, err := content(s)
		if err != nil && !errors.Is(err, kdb.ErrCorrupt) && !errors.Is(err, kdb.ErrVersion) {
			t.Fatalf("byte %d: View = %v", at, err)
		}
		list, checkErr := findings(s)
		if checkErr == nil && len(list) == 0 && (err != nil || len(got) > len(want)) {
			t.Fatalf("byte %d: %d records instead of %d, %v, but Check found nothing", at, len(got), len(want), err)
		}
		exercise(t, s, random)
	}
}

// exercise writes to a damaged file; only its errors are of interest.
func exercise(t *testing.T, s *boltstore.Store, random *rand.Rand) {
	t.Helper()
	err := s.Update(ctx, func(tx store.Tx) error {
		for range 5 {
			if err := tx.Put(fmt.Sprintf("k/%04d", random.IntN(300)), []byte("new")); err != nil {
				return err
			}
			if err := tx.Delete(fmt.Sprintf("k/%04d", random.IntN(300))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, kdb.ErrCorrupt) && !errors.Is(err, kdb.ErrVersion) {
		t.Errorf("Update = %v", err)
	}
	if err := s.Compact(ctx, func(string) {}); err != nil && !errors.Is(err, kdb.ErrCorrupt) && !errors.Is(err, kdb.ErrVersion) {
		t.Errorf("Rewrite = %v", err)
	}
}

func TestOpen_errors(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	text := filepath.Join(dir, "text")
	write(t, text, bytes.Repeat([]byte("no database "), 1000))
	for _, c := range []struct {
		name, path string
		want       error
	}{
		{"missing", filepath.Join(dir, "missing"), kdb.ErrNoDatabase},
		{"in a missing folder", filepath.Join(dir, "missing", "x"), kdb.ErrNoDatabase},
		{"folder", dir, kdb.ErrNoDatabase},
		{"text", text, kdb.ErrCorrupt},
	} {
		s := boltstore.Open(c.path, boltstore.Options{})
		if err := s.View(ctx, func(store.Tx) error { return nil }); !errors.Is(err, c.want) {
			t.Errorf("%s: View = %v, want %v", c.name, err, c.want)
		}
		if err := s.Update(ctx, func(tx store.Tx) error { return tx.Put("a", nil) }); !errors.Is(err, c.want) {
			t.Errorf("%s: Update = %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing file was made")
	}
}
