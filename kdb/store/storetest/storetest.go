// Package storetest is the conformance suite of package store: every backend runs it in its own tests.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store { return boltstore.Open(…) })
//	}
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"certkdb/kdb/store"
)

// Run tests the stores that open returns. Each call of open makes a new, empty store, which the suite closes. Its lock
// timeout must be at least ten seconds.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			c.test(t, s)
		})
	}
}

var cases = []struct {
	name string
	test func(*testing.T, store.Store)
}{
	{"get of a missing key is ErrNotFound", testMissing},
	{"put, replace and delete are seen at once and later", testPutGetDelete},
	{"a failed update leaves nothing", testRollback},
	{"a panic in an update leaves nothing and locks nothing", testPanic},
	{"values that are returned are copies", testCopies},
	{"any bytes are keys and values", testBytes},
	{"scan is in byte order, within the prefix, after the key", testScan},
	{"scan sees the changes of its own update", testScanOverlay},
	{"scan can be broken off", testScanBreak},
	{"scan of many records is complete", testScanMany},
	{"deleting what is not there is no error", testDeleteMissing},
	{"a view sees one state", testSnapshot},
	{"a view cannot write", testViewWrites},
	{"an update of nothing changes nothing", testNoChange},
	{"increments at the same time are all counted", testIncrements},
	{"a cancelled context ends a transaction", testCancel},
	{"large values come back whole", testLarge},
	{"what is within the declared limits is stored, what exceeds them is ErrLimit and changes nothing", testLimits},
	{"random histories agree with a map", testModel},
}

func testMissing(t *testing.T, s store.Store) {
	view(t, s, func(tx store.Tx) error {
		if value, err := tx.Get("a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get = %q, %v, want ErrNotFound", value, err)
		}
		return nil
	})
}

func testPutGetDelete(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		put(t, tx, "a", "1")
		put(t, tx, "b", "2")
		put(t, tx, "a", "3")
		want(t, tx, "a", "3")
		return nil
	})
	update(t, s, func(tx store.Tx) error {
		want(t, tx, "a", "3")
		if err := tx.Delete("a"); err != nil {
			t.Error(err)
		}
		wantNone(t, tx, "a")
		return nil
	})
	view(t, s, func(tx store.Tx) error {
		wantNone(t, tx, "a")
		want(t, tx, "b", "2")
		return nil
	})
}

var errStop = errors.New("stop")

func testRollback(t *testing.T, s store.Store) {
	fill(t, s, "a")
	err := s.Update(context.Background(), func(tx store.Tx) error {
		put(t, tx, "a", "changed")
		put(t, tx, "b", "new")
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Errorf("Update = %v, want the function's error", err)
	}
	wantKeys(t, s, "", "", "a")
	view(t, s, func(tx store.Tx) error { want(t, tx, "a", "value of a"); return nil })
}

func testPanic(t *testing.T, s store.Store) {
	fill(t, s, "a")
	func() {
		defer func() { _ = recover() }()
		_ = s.Update(context.Background(), func(tx store.Tx) error {
			put(t, tx, "b", "new")
			panic("of the caller")
		})
	}()
	wantKeys(t, s, "", "", "a")
	fill(t, s, "c")
	wantKeys(t, s, "", "", "a", "c")
}

func testCopies(t *testing.T, s store.Store) {
	fill(t, s, "a")
	check := func(tx store.Tx) error {
		value, err := tx.Get("a")
		if err != nil {
			return err
		}
		clear(value)
		want(t, tx, "a", "value of a")
		return nil
	}
	view(t, s, check)
	update(t, s, func(tx store.Tx) error {
		if err := check(tx); err != nil {
			return err
		}
		put(t, tx, "a", "value of a")
		return check(tx)
	})
	var kept []byte
	view(t, s, func(tx store.Tx) (err error) { kept, err = tx.Get("a"); return err })
	update(t, s, func(tx store.Tx) error { put(t, tx, "a", "other"); return nil })
	if string(kept) != "value of a" {
		t.Errorf("a value that was returned before became %q", kept)
	}
}

func testBytes(t *testing.T, s store.Store) {
	keys := []string{"\x00", "a\x00b", "ключ", "a/b,c'd\"e", "\xff\xfe", strings.Repeat("k", 300)}
	update(t, s, func(tx store.Tx) error {
		for _, key := range keys {
			put(t, tx, key, key+"\x00\xff")
		}
		put(t, tx, "empty", "")
		return nil
	})
	view(t, s, func(tx store.Tx) error {
		for _, key := range keys {
			want(t, tx, key, key+"\x00\xff")
		}
		want(t, tx, "empty", "")
		return nil
	})
}

func testScan(t *testing.T, s store.Store) {
	fill(t, s, "a", "b", "b/", "b/1", "b/2", "b/2/x", "b/3", "b0", "c", "ä")
	for _, c := range []struct {
		prefix, after string
		want          []string
	}{
		{"", "", []string{"a", "b", "b/", "b/1", "b/2", "b/2/x", "b/3", "b0", "c", "ä"}},
		{"b/", "", []string{"b/", "b/1", "b/2", "b/2/x", "b/3"}},
		{"b/", "b/", []string{"b/1", "b/2", "b/2/x", "b/3"}},
		{"b/", "b/2", []string{"b/2/x", "b/3"}},
		{"b/", "b/25", []string{"b/3"}},
		{"b/", "a", []string{"b/", "b/1", "b/2", "b/2/x", "b/3"}},
		{"b/", "c", nil},
		{"", "c", []string{"ä"}},
		{"ä", "", []string{"ä"}},
		{"x", "", nil},
	} {
		wantKeys(t, s, c.prefix, c.after, c.want...)
	}
}

func testScanOverlay(t *testing.T, s store.Store) {
	fill(t, s, "b", "d", "f")
	update(t, s, func(tx store.Tx) error {
		for _, key := range []string{"a", "c", "d", "g"} {
			put(t, tx, key, "new")
		}
		if err := tx.Delete("f"); err != nil {
			return err
		}
		if got := keys(t, tx, "", ""); got != "a b c d g" {
			t.Errorf("Scan in an update = %q", got)
		}
		if got := keys(t, tx, "", "b"); got != "c d g" {
			t.Errorf("Scan after b in an update = %q", got)
		}
		return nil
	})
	wantKeys(t, s, "", "", "a", "b", "c", "d", "g")
}

func testScanBreak(t *testing.T, s store.Store) {
	fill(t, s, "a", "b", "c")
	check := func(tx store.Tx) error {
		for record, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			if record.Key == "b" {
				break
			}
		}
		want(t, tx, "c", "value of c")
		return nil
	}
	view(t, s, check)
	update(t, s, func(tx store.Tx) error { put(t, tx, "aa", ""); put(t, tx, "z", ""); return check(tx) })
}

func testScanMany(t *testing.T, s store.Store) {
	const n, batch = 2000, 100
	for start := 0; start < n; start += batch {
		update(t, s, func(tx store.Tx) error {
			for i := start; i < start+batch; i++ {
				put(t, tx, fmt.Sprintf("k/%05d", i*7919%n), strings.Repeat("v", i%300))
			}
			return nil
		})
	}
	view(t, s, func(tx store.Tx) error {
		i := 0
		for record, err := range tx.Scan("k/", "") {
			if err != nil {
				return err
			}
			if key := fmt.Sprintf("k/%05d", i); record.Key != key {
				t.Fatalf("record %d is %q, want %q", i, record.Key, key)
			}
			i++
		}
		if i != n {
			t.Errorf("%d records, want %d", i, n)
		}
		return nil
	})
}

func testDeleteMissing(t *testing.T, s store.Store) {
	fill(t, s, "a")
	update(t, s, func(tx store.Tx) error { return tx.Delete("b") })
	wantKeys(t, s, "", "", "a")
}

func testSnapshot(t *testing.T, s store.Store) {
	fill(t, s, "a")
	var wait sync.WaitGroup
	view(t, s, func(tx store.Tx) error {
		wait.Go(func() { // it may have to wait for the view to end
			if err := s.Update(context.Background(), func(tx store.Tx) error { return tx.Put("a", []byte("new")) }); err != nil {
				t.Error(err)
			}
		})
		for range 50 {
			want(t, tx, "a", "value of a")
		}
		return nil
	})
	wait.Wait()
	view(t, s, func(tx store.Tx) error { want(t, tx, "a", "new"); return nil })
}

func testViewWrites(t *testing.T, s store.Store) {
	fill(t, s, "a")
	view(t, s, func(tx store.Tx) error {
		if tx.Put("b", nil) == nil || tx.Delete("a") == nil {
			t.Error("a view accepted a write")
		}
		return nil
	})
	wantKeys(t, s, "", "", "a")
}

func testNoChange(t *testing.T, s store.Store) {
	fill(t, s, "a")
	size, err := s.Size()
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		update(t, s, func(store.Tx) error { return nil })
		update(t, s, func(tx store.Tx) error { put(t, tx, "a", "value of a"); return tx.Delete("b") })
	}
	if after, err := s.Size(); err != nil || after != size {
		t.Errorf("size %d became %d, %v", size, after, err)
	}
}

func testIncrements(t *testing.T, s store.Store) {
	const writers, rounds = 16, 8
	fill(t, s, "other")
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for range rounds {
				if err := s.Update(context.Background(), increment); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	view(t, s, func(tx store.Tx) error { want(t, tx, "n", strconv.Itoa(writers*rounds)); return nil })
}

func increment(tx store.Tx) error {
	value, err := tx.Get("n")
	if errors.Is(err, store.ErrNotFound) {
		value, err = []byte("0"), nil
	}
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(value))
	if err != nil {
		return err
	}
	return tx.Put("n", []byte(strconv.Itoa(n+1)))
}

func testCancel(t *testing.T, s store.Store) {
	fill(t, s, "a")
	ctx, cancel := context.WithCancel(context.Background())
	err := s.Update(ctx, func(tx store.Tx) error {
		put(t, tx, "b", "")
		cancel()
		_, err := tx.Get("a")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	if err := s.View(ctx, func(store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("View = %v, want context.Canceled", err)
	}
	wantKeys(t, s, "", "", "a")
}

func testLarge(t *testing.T, s store.Store) {
	value := bytes.Repeat([]byte("0123456789abcdef"), 60000/16)
	for _, key := range []string{"a", "b", "c", "d"} {
		update(t, s, func(tx store.Tx) error { return tx.Put(key, append([]byte(key), value...)) })
	}
	view(t, s, func(tx store.Tx) error {
		for _, key := range []string{"d", "a", "c", "b"} {
			want(t, tx, key, key+string(value))
		}
		return nil
	})
	wantKeys(t, s, "", "", "a", "b", "c", "d")
}
