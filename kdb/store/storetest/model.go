package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb/store"
)

// testModel does the same random changes to the store and to a map, and compares them after each transaction.
func testModel(t *testing.T, s store.Store) {
	random := rand.New(rand.NewPCG(1, 2))
	model := map[string]string{}
	for round := range 60 {
		next := maps.Clone(model)
		fails := random.IntN(5) == 0
		err := s.Update(context.Background(), func(tx store.Tx) error {
			next = maps.Clone(model)
			change(t, tx, next, random)
			compare(t, tx, next)
			if fails {
				return errStop
			}
			return nil
		})
		switch {
		case fails && !errors.Is(err, errStop):
			t.Fatalf("round %d: %v, want the function's error", round, err)
		case !fails && err != nil:
			t.Fatalf("round %d: %v", round, err)
		case !fails:
			model = next
		}
		view(t, s, func(tx store.Tx) error { compare(t, tx, model); return nil })
	}
}

// change makes up to 40 random changes.
func change(t *testing.T, tx store.Tx, model map[string]string, random *rand.Rand) {
	for range random.IntN(40) {
		key := fmt.Sprintf("%c/%d", 'a'+rune(random.IntN(3)), random.IntN(150))
		if random.IntN(3) == 0 {
			delete(model, key)
			if err := tx.Delete(key); err != nil {
				t.Fatal(err)
			}
			continue
		}
		value := strings.Repeat(key, random.IntN(200))
		model[key] = value
		put(t, tx, key, value)
	}
}

func compare(t *testing.T, tx store.Tx, model map[string]string) {
	t.Helper()
	if got, want := keys(t, tx, "", ""), strings.Join(slices.Sorted(maps.Keys(model)), " "); got != want {
		t.Fatalf("keys\n%s\nwant\n%s", got, want)
	}
	for key, value := range model {
		want(t, tx, key, value)
	}
}

func view(t *testing.T, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.View(context.Background(), fn); err != nil {
		t.Errorf("View: %v", err)
	}
}

func update(t *testing.T, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Errorf("Update: %v", err)
	}
}

func fill(t *testing.T, s store.Store, keys ...string) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		for _, key := range keys {
			put(t, tx, key, "value of "+key)
		}
		return nil
	})
}

func put(t *testing.T, tx store.Tx, key, value string) {
	t.Helper()
	if err := tx.Put(key, []byte(value)); err != nil {
		t.Errorf("Put %q: %v", key, err)
	}
}

func want(t *testing.T, tx store.Tx, key, value string) {
	t.Helper()
	got, err := tx.Get(key)
	if err != nil || string(got) != value {
		t.Errorf("Get %q = %.40q (%d bytes), %v, want %.40q (%d bytes)", key, got, len(got), err, value, len(value))
	}
}

func wantNone(t *testing.T, tx store.Tx, key string) {
	t.Helper()
	if got, err := tx.Get(key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get %q = %q, %v, want ErrNotFound", key, got, err)
	}
}

// keys returns the keys of a scan, with spaces between them.
func keys(t *testing.T, tx store.Tx, prefix, after string) string {
	t.Helper()
	var list []string
	for record, err := range tx.Scan(prefix, after) {
		if err != nil {
			t.Errorf("Scan(%q, %q): %v", prefix, after, err)
			break
		}
		list = append(list, record.Key)
	}
	return strings.Join(list, " ")
}

func wantKeys(t *testing.T, s store.Store, prefix, after string, list ...string) {
	t.Helper()
	view(t, s, func(tx store.Tx) error {
		if got := keys(t, tx, prefix, after); got != strings.Join(list, " ") {
			t.Errorf("Scan(%q, %q) = %q, want %q", prefix, after, got, strings.Join(list, " "))
		}
		return nil
	})
}
