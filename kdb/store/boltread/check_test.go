package boltread

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
)

func TestFree(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(300), long, remove(300))
	snap := open(t, data)
	ids, err := snap.Free()
	if err != nil || len(ids) == 0 || !slices.IsSorted(ids) {
		t.Fatalf("%d free pages, %v", len(ids), err)
	}
	list := snap.Meta().Freelist
	entry := func(i int, id uint64) func([]byte) { return func(p []byte) { order.PutUint64(p[headerSize+8*i:], id) } }
	for what, change := range map[string]func([]byte){
		"a meta page is free":         entry(0, 1),
		"a page is free twice":        entry(1, ids[0]),
		"a page outside of the file":  entry(len(ids)-1, 1<<30),
		"another number":              func(p []byte) { order.PutUint64(p, 2) },
		"another kind":                func(p []byte) { order.PutUint16(p[8:], flagLeaf) },
		"more entries than the page":  func(p []byte) { order.PutUint16(p[10:], 0xFFFE) },
		"more than any list can have": func(p []byte) { order.PutUint16(p[10:], 0xFFFF); order.PutUint64(p[headerSize:], 1<<63) },
		"longer than the file":        func(p []byte) { order.PutUint32(p[12:], 1<<30) },
	} {
		damaged := bytes.Clone(data)
		change(pageAt(damaged, list))
		if _, err := open(t, damaged).Free(); !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
		if found := strings.Join(findings(damaged), "\n"); !strings.Contains(found, "freelist") {
			t.Errorf("%s: Check found %q", what, found)
		}
	}
}

// TestFree_longList reads a list whose number of entries does not fit into the page's header.
func TestFree_longList(t *testing.T) {
	t.Parallel()
	const count, first = 0xFFFF + 10, 1000
	const pages = (headerSize + 8 + 8*count + testPage - 1) / testPage
	data := make([]byte, (2+pages)*testPage)
	list := data[2*testPage:]
	order.PutUint64(list, 2)
	order.PutUint16(list[8:], flagFreelist)
	order.PutUint16(list[10:], 0xFFFF)
	order.PutUint32(list[12:], pages-1)
	order.PutUint64(list[headerSize:], count)
	for i := range count {
		order.PutUint64(list[headerSize+8+8*i:], uint64(first+i))
	}
	snap := &Snapshot{ctx: ctx, file: bytes.NewReader(data), meta: Meta{PageSize: testPage, Freelist: 2, Pages: 1 << 20}}
	ids, err := snap.Free()
	if err != nil || len(ids) != count || ids[0] != first || ids[count-1] != first+count-1 {
		t.Errorf("%d free pages, %v", len(ids), err)
	}
}

func TestFree_missing(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(3))
	for page := range uint64(2) {
		order.PutUint64(pageAt(data, page)[headerSize+32:], noFreelist)
		sum(pageAt(data, page))
	}
	if _, err := open(t, data).Free(); !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("without a list: %v", err)
	}
}

func TestCheck_everyPageIsUsedOnceOrFree(t *testing.T) {
	t.Parallel()
	sound := makeFile(t, put(300), long, remove(300))
	snap := open(t, sound)
	list := snap.Meta().Freelist
	root, err := snap.read(snap.buckets[bucketMain].root, nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		change func(data []byte)
		text   string
	}{
		"a page in use is free": {func(data []byte) {
			ids, _ := snap.Free()
			at := slices.IndexFunc(ids, func(id uint64) bool { return id > root.child(0) })
			order.PutUint64(pageAt(data, list)[headerSize+8*max(at-1, 0):], root.child(0))
		}, ""},
		"a page is lost": {func(data []byte) {
			p := pageAt(data, list)
			order.PutUint16(p[10:], order.Uint16(p[10:])-1)
		}, "neither in use nor free"},
		"a leaf is used twice": {func(data []byte) {
			order.PutUint64(pageAt(data, snap.buckets[bucketMain].root)[headerSize+elementSize+8:], root.child(0))
		}, ""},
	} {
		data := bytes.Clone(sound)
		c.change(data)
		if found := strings.Join(findings(data), "\n"); found == "" || !strings.Contains(found, c.text) {
			t.Errorf("%s: found %q", what, found)
		}
	}
}
