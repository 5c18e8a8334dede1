package boltread

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

func TestScan_agreesWithBolt(t *testing.T) {
	t.Parallel()
	for name, data := range samples(t) {
		got, err := scan(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want := boltScan(t, data); !slices.Equal(got, want) {
			t.Errorf("%s: %d records, want %d", name, len(got), len(want))
		}
		if list := findings(data); len(list) > 0 {
			t.Errorf("%s: findings %q", name, list)
		}
	}
}

// open makes a snapshot of a sound file.
func open(t *testing.T, data []byte) *Snapshot {
	t.Helper()
	snap, err := Open(ctx, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func TestGet_agreesWithScan(t *testing.T) {
	t.Parallel()
	for name, data := range samples(t) {
		snap := open(t, data)
		for record, err := range open(t, data).Scan("", "") {
			if err != nil {
				t.Fatal(err)
			}
			if got, err := snap.Get(record.Key); err != nil || !bytes.Equal(got, record.Value) {
				t.Errorf("%s: %q: %d bytes, %v", name, record.Key, len(got), err)
			}
			for _, missing := range []string{record.Key + "\x00", record.Key[:len(record.Key)-1], "", "zzz", "\xff"} {
				if _, err := snap.Get(missing); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%s: %q: %v", name, missing, err)
				}
			}
		}
	}
}

func TestScan_prefixAndAfter(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(200), long)
	for _, c := range []struct {
		prefix, after string
		want          int
	}{{"", "", 201}, {"k/", "", 200}, {"k/0001", "", 10}, {"k/", "k/00189", 10}, {"k/00", "k/00189x", 10}, {"m", "", 0}, {"k/", "z", 0}} {
		n := 0
		for record, err := range open(t, data).Scan(c.prefix, c.after) {
			if err != nil || !strings.HasPrefix(record.Key, c.prefix) || record.Key <= c.after && c.after != "" {
				t.Errorf("Scan(%q, %q) yields %q, %v", c.prefix, c.after, record.Key, err)
			}
			n++
		}
		if n != c.want {
			t.Errorf("Scan(%q, %q): %d records, want %d", c.prefix, c.after, n, c.want)
		}
	}
	for record := range open(t, data).Scan("", "") {
		_ = record
		break // stops it
	}
}

func TestContext_endsReading(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(2000))
	ended, cancel := context.WithCancel(ctx)
	defer cancel()
	snap, err := Open(ended, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err = range snap.Scan("", "") {
		if n++; n == 10 {
			cancel()
		}
	}
	if !errors.Is(err, context.Canceled) || n > 600 {
		t.Errorf("the scan ended after %d records with %v", n, err)
	}
	if _, err := snap.Get("k/00001"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: %v", err)
	}
	if snap.Check(func(string, string) {}) == 0 {
		t.Error("a check that was interrupted found nothing")
	}
}

func TestWriteTo_copiesTheState(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(300), long, remove(300))
	snap := open(t, data)
	var copied bytes.Buffer
	if n, err := snap.WriteTo(&copied); err != nil || n != int64(snap.Meta().Pages)*snap.Meta().PageSize {
		t.Errorf("%d bytes, %v", n, err)
	}
	got, err := scan(copied.Bytes())
	if want := boltScan(t, data); err != nil || !slices.Equal(got, want) {
		t.Errorf("the copy has %d records, want %d, %v", len(got), len(want), err)
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	snap := Empty(ctx)
	if _, err := snap.Get("a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	for record, err := range snap.Scan("", "") {
		t.Errorf("Scan yields %v, %v", record, err)
	}
	if err := snap.CheckSiblings([]byte("a")); err != nil {
		t.Error(err)
	}
}

// pageAt returns the page with that number; it aliases data.
func pageAt(data []byte, id uint64) []byte { return data[id*testPage : (id+1)*testPage] }

// leaves returns the numbers of the leaf pages of a tree of two levels, and that of its branch.
func leaves(t *testing.T, data []byte) (ids []uint64, branch uint64) {
	t.Helper()
	snap := open(t, data)
	root, err := snap.read(snap.buckets[bucketMain].root, nil)
	if err != nil || root.leaf {
		t.Fatalf("no tree of two levels: %v", err)
	}
	for i := range root.count {
		ids = append(ids, root.child(i))
	}
	return ids, snap.buckets[bucketMain].root
}

// TestTree_keysOutsideOfTheParentsRange: a page in the place of another, with the right number on it, is still the wrong one.
func TestTree_keysOutsideOfTheParentsRange(t *testing.T) {
	t.Parallel()
	sound := makeFile(t, put(60))
	ids, _ := leaves(t, sound)
	for _, c := range []struct{ from, to int }{{0, 1}, {1, 0}, {3, 2}, {len(ids) - 1, 0}} {
		data := bytes.Clone(sound)
		copy(pageAt(data, ids[c.to])[8:], pageAt(sound, ids[c.from])[8:])
		wantCorrupt(t, fmt.Sprintf("leaf %d in the place of leaf %d", c.from, c.to), data, "outside of the range")
		low := string(open(t, sound).branchKey(t, c.to))
		if _, err := open(t, data).Get(low); !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("Get(%q) = %v, want ErrCorrupt", low, err)
		}
	}
}

// TestTree_lastKeyAtTheUpperBound: the bound belongs to the next page, so a key that is equal to it is on the wrong one.
func TestTree_lastKeyAtTheUpperBound(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(60))
	ids, branch := leaves(t, data)
	snap := open(t, data)
	first, err := snap.read(ids[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	last, bound, root := first.key(first.count-1), snap.branchKey(t, 1), pageAt(data, branch)
	if len(last) != len(bound) {
		t.Fatalf("the keys %q and %q differ in length", last, bound)
	}
	copy(root[bytes.Index(root, bound):], last)
	wantCorrupt(t, "a key at the upper bound", data, "outside of the range")
}

// branchKey is the key of an element of the root.
func (s *Snapshot) branchKey(t *testing.T, i int) []byte {
	t.Helper()
	root, err := s.read(s.buckets[bucketMain].root, nil)
	if err != nil {
		t.Fatal(err)
	}
	return root.key(i)
}

func TestTree_branchCachedUnderAnotherRange(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(4000))
	snap := open(t, data)
	root, err := snap.read(snap.buckets[bucketMain].root, nil)
	if err != nil || root.count < 2 {
		t.Fatal("no tree of three levels")
	}
	// The second child of the root is the first one: that was read and cached, and does not belong there.
	order.PutUint64(pageAt(data, snap.buckets[bucketMain].root)[headerSize+elementSize+8:], root.child(0))
	wantCorrupt(t, "a branch used twice", data, "outside of the range")
}

func TestTree_circle(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(60))
	_, branch := leaves(t, data)
	order.PutUint64(pageAt(data, branch)[headerSize+8:], branch)
	if _, err := scan(data); !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("a branch that is its own child: %v", err)
	}
}

func TestCheckSiblings(t *testing.T) {
	t.Parallel()
	sound := makeFile(t, put(60))
	ids, _ := leaves(t, sound)
	data := bytes.Clone(sound)
	clear(pageAt(data, ids[2]))
	snap := open(t, data)
	for i, wrong := range []bool{false, true, true, true, false} {
		key := open(t, sound).branchKey(t, i)
		if err := snap.CheckSiblings(key); errors.Is(err, kdb.ErrCorrupt) != wrong {
			t.Errorf("leaf %d next to a damaged one at 2: %v", i, err)
		}
	}
}

func TestBucket(t *testing.T) {
	t.Parallel()
	nested := makeFile(t, func(b *bbolt.Bucket) error { _, err := b.CreateBucket([]byte("inner")); return err })
	wantCorrupt(t, "a bucket in the bucket", nested, "is a bucket")
	sound := makeFile(t, put(200))
	root := open(t, sound).meta.Root
	name := Buckets()[bucketMain]
	entry := func(p []byte) []byte { return p[bytes.Index(p, []byte(name))+len(name):] }
	for what, change := range map[string]func([]byte){
		"another name":        func(p []byte) { copy(p[bytes.Index(p, []byte(name)):], "else") },
		"no bucket":           func(p []byte) { order.PutUint32(p[headerSize:], 0) },
		"one element":         func(p []byte) { order.PutUint16(p[10:], 1) },
		"outside of the file": func(p []byte) { order.PutUint64(entry(p), 1<<40) },
		"on a meta page":      func(p []byte) { order.PutUint64(entry(p), 1) },
		"cut off":             func(p []byte) { order.PutUint32(p[headerSize+12:], 8) },
	} {
		data := bytes.Clone(sound)
		change(pageAt(data, root))
		wantCorrupt(t, what, data, "")
	}
	inline := makeFile(t, put(3))
	root = open(t, inline).meta.Root
	p := pageAt(inline, root)
	order.PutUint16(entry(p)[16+8:], flagBranch)
	wantCorrupt(t, "an inline branch", inline, "")
}

// failing is a file on a disk that fails.
type failing struct {
	io.ReaderAt
	after int64
}

func (f failing) ReadAt(p []byte, offset int64) (int, error) {
	if offset >= f.after {
		return 0, errors.New("input/output error")
	}
	return f.ReaderAt.ReadAt(p, offset)
}

func TestRead_errorsOfTheDisk(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(300), long)
	for after := int64(0); after < int64(len(data)); after += testPage {
		snap, err := Open(ctx, failing{bytes.NewReader(data), after}, int64(len(data)))
		if err == nil {
			for _, err = range snap.Scan("", "") {
				if err != nil {
					break
				}
			}
		}
		if err != nil && !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("failing from %d on: %v", after, err)
		}
	}
}
