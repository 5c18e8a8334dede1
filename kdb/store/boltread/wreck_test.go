package boltread

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb/store"
)

// salvage finds the records of a file: those that a state has or that are loose, and the others.
func salvage(t testing.TB, data []byte) (current, old map[string]bool) {
	t.Helper()
	w, err := Salvage(ctx, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	current, old = map[string]bool{}, map[string]bool{}
	for f, err := range w.Scan() {
		if err != nil {
			t.Fatal(err)
		}
		record := f.Key + "=" + string(f.Value)
		if f.Standing != store.Unused {
			current[record] = true
		} else {
			old[record] = true
		}
		if again, err := w.Read(f.At); err != nil || again.Key+"="+string(again.Value) != record {
			t.Fatalf("reading %q at %v again: %q, %v", f.Key, f.At, again.Key, err)
		}
	}
	return current, old
}

// byPage are the records of a sound file by the pages that they cannot do without.
func byPage(t testing.TB, data []byte) map[uint64]map[string]bool {
	t.Helper()
	w, err := Salvage(ctx, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	pages := map[uint64]map[string]bool{}
	for f, err := range w.Scan() {
		if err != nil {
			t.Fatal(err)
		}
		last := f.At.Page + uint64(order.Uint32(pageAt(data, f.At.Page)[12:]))
		for id := f.At.Page; id <= last && f.States != 0; id++ {
			if pages[id] == nil {
				pages[id] = map[string]bool{}
			}
			pages[id][f.Key+"="+string(f.Value)] = id > f.At.Page
		}
	}
	return pages
}

// TestSalvage_eachPageInTurn zeroes each page of files of every shape, flips the bits of its header, and overwrites the header with ones.
// All records that were not on the page are found, and known to be current. A damaged header loses no record, unless it is no header but
// the middle of a value.
func TestSalvage_eachPageInTurn(t *testing.T) {
	t.Parallel()
	for name, data := range samples(t) {
		data = doubled(t, data)
		all, err := scan(data)
		if err != nil {
			t.Fatal(err)
		}
		pages := byPage(t, data)
		for id := range uint64(len(data) / testPage) {
			if len(all) > 100 && id%4 != 2 {
				continue
			}
			damaged := bytes.Clone(data)
			clear(pageAt(damaged, id))
			wantAll(t, fmt.Sprintf("%s without page %d", name, id), damaged, all, func(r string) bool { _, on := pages[id][r]; return on })
			if len(all) > 60 {
				continue
			}
			inside := func(r string) bool { return pages[id][r] }
			for bit := range 8 * headerSize {
				damaged := bytes.Clone(data)
				damaged[int(id)*testPage+bit/8] ^= 1 << (bit % 8)
				wantAll(t, fmt.Sprintf("%s, page %d, bit %d", name, id, bit), damaged, all, inside)
			}
			damaged = bytes.Clone(data)
			copy(pageAt(damaged, id), bytes.Repeat([]byte{0xff}, headerSize))
			wantAll(t, fmt.Sprintf("%s, page %d, header of ones", name, id), damaged, all, inside)
		}
	}
}

func wantAll(t *testing.T, what string, damaged []byte, all []string, lost func(string) bool) {
	t.Helper()
	current, _ := salvage(t, damaged)
	missing := 0
	for _, record := range all {
		if !lost(record) && !current[record] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%s: %d of %d records are not found", what, missing, len(all))
	}
}

// TestSalvage_withoutMetas finds the state by its root page.
func TestSalvage_withoutMetas(t *testing.T) {
	t.Parallel()
	for name, data := range samples(t) {
		all, err := scan(data)
		if err != nil {
			t.Fatal(err)
		}
		damaged := bytes.Clone(data)
		clear(damaged[:2*testPage])
		wantAll(t, name, damaged, all, func(string) bool { return false })
		if len(all) > 4 && !IsWreck(bytes.NewReader(damaged), int64(len(damaged))) {
			t.Errorf("%s: it is not recognised", name)
		}
	}
	for _, text := range []string{"", "no database", strings.Repeat("no database at all\n", 1000), strings.Repeat("\x00", 20000)} {
		if IsWreck(strings.NewReader(text), int64(len(text))) {
			t.Errorf("%.20q is taken for what is left of a database", text)
		}
	}
}

// TestSalvage_truncated: what is before the cut is found.
func TestSalvage_truncated(t *testing.T) {
	t.Parallel()
	data := doubled(t, samples(t)["two levels"])
	all, err := scan(data)
	if err != nil {
		t.Fatal(err)
	}
	pages := byPage(t, data)
	for size := 0; size < len(data); size += 512 {
		wantAll(t, fmt.Sprintf("cut at %d", size), data[:size], all, func(r string) bool {
			for id := uint64(size / testPage); id < uint64(len(data)/testPage); id++ {
				if _, on := pages[id][r]; on {
					return true
				}
			}
			return false
		})
	}
}

// TestSalvage_tellsOldRecords: what was deleted is found, and known not to be in use, even if a branch or the freelist is damaged.
func TestSalvage_tellsOldRecords(t *testing.T) {
	t.Parallel()
	data := doubled(t, samples(t)["free pages"])
	all, err := scan(data)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for id := range uint64(len(data) / testPage) {
		damaged := bytes.Clone(data)
		clear(pageAt(damaged, id))
		current, old := salvage(t, damaged)
		for record := range current {
			if !slices.Contains(all, record) && !strings.HasPrefix(record, "long=") { // which has lost a page of its value
				t.Errorf("without page %d: %.20q is said to be in use", id, record)
			}
		}
		found += len(old)
	}
	if found == 0 {
		t.Error("nothing old was found: the test proves nothing")
	}
}

// TestSalvage_boundsWhatItReads: pages whose records are said to be as long as allowed do not make it read the file again and again.
func TestSalvage_boundsWhatItReads(t *testing.T) {
	t.Parallel()
	const pages = 4000
	data := make([]byte, pages*4096)
	for id := range uint64(pages) {
		p := data[id*4096:]
		order.PutUint64(p, id)
		order.PutUint16(p[8:], flagLeaf)
		order.PutUint16(p[10:], 1)
		order.PutUint32(p[12:], pages)
		order.PutUint32(p[20:], 16)
		order.PutUint32(p[24:], 1)
		order.PutUint32(p[28:], 8<<20)
	}
	f := &counting{Reader: bytes.NewReader(data)}
	w, err := Salvage(ctx, f, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for range w.Scan() {
		continue
	}
	if limit := int64(40 * len(data)); f.n > limit {
		t.Errorf("it read %d MiB of a file of %d MiB", f.n>>20, len(data)>>20)
	}
}

// TestSalvage_boundsWhatOverlaps: elements that all name the same bytes do not make a small file look like a huge one.
func TestSalvage_boundsWhatOverlaps(t *testing.T) {
	t.Parallel()
	const pages, elements, key = 4, 180, 16 + 180*16
	for name, flags := range map[string]uint32{"records": 0, "buckets": flagBucket} {
		data := make([]byte, pages*4096)
		for id := range uint64(pages) {
			p := data[id*4096:]
			order.PutUint64(p, id)
			order.PutUint16(p[8:], flagLeaf)
			order.PutUint16(p[10:], elements)
			for i := range uint32(elements) {
				e := p[headerSize+elementSize*i:]
				order.PutUint32(e, flags)
				order.PutUint32(e[4:], key-headerSize-elementSize*i)
				order.PutUint32(e[8:], 8)
				order.PutUint32(e[12:], 1000)
			}
			inline := p[key+8+16:]
			order.PutUint16(inline[10:], 50)
			for i := range uint32(50) {
				e := inline[headerSize+elementSize*i:]
				order.PutUint32(e[4:], 800+headerSize-elementSize*i)
				order.PutUint32(e[8:], 100)
			}
		}
		w, err := Salvage(ctx, bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		n, size := 0, 0
		for f := range w.Scan() {
			n, size = n+1, size+len(f.Key)+len(f.Value)
		}
		if n == 0 || size > maxOverlap*len(data) {
			t.Errorf("%s: %d of %d bytes in a file of %d", name, n, size, len(data))
		}
	}
}

// TestSalvage_boundsPagesThatReachTheEnd: whether the tree is there or lost, pages that are all as long as the file are not all read.
func TestSalvage_boundsPagesThatReachTheEnd(t *testing.T) {
	t.Parallel()
	const pages, size = 300, 4096
	for _, flags := range []uint16{flagLeaf, flagBranch} {
		data := make([]byte, pages*size)
		for id := range uint64(pages) {
			p := data[id*size:]
			order.PutUint64(p, id)
			order.PutUint16(p[8:], flags)
			order.PutUint16(p[10:], 1)
			order.PutUint32(p[12:], uint32(pages-id-1))
			order.PutUint32(p[headerSize+4:], elementSize)
			order.PutUint32(p[headerSize+8:], 1)
		}
		f := &counting{Reader: bytes.NewReader(data)}
		w, err := Salvage(ctx, f, int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for range w.Scan() {
		}
		if limit := int64(40*len(data)) + maxRun; f.n > limit {
			t.Errorf("pages of kind %d: it read %d MiB of a file of %d MiB", flags, f.n>>20, len(data)>>20)
		}
	}
}

type counting struct {
	*bytes.Reader
	n int64
}

func (c *counting) ReadAt(p []byte, at int64) (int, error) {
	c.n += int64(len(p))
	return c.Reader.ReadAt(p, at)
}

// FuzzSalvage: whatever a file contains, the walker comes to an end, and finds at least what can be read in the usual way.
func FuzzSalvage(f *testing.F) {
	for name, data := range samples(f) {
		if len(data) > 1<<16 {
			continue
		}
		f.Add(data, uint32(0), []byte{})
		for _, at := range []int{8, 10, 12, 16, 20, 24, 28} {
			f.Add(data, uint32(2*testPage+at), []byte{0xff, 0xff})
		}
		f.Add(data, uint32(0), make([]byte, 2*testPage))
		if name == "long value" {
			f.Add(data[:len(data)-testPage], uint32(3*testPage+12), binary.NativeEndian.AppendUint32(nil, 1<<20))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint32, patch []byte) {
		data = bytes.Clone(data)
		if len(data) > 0 {
			copy(data[int(at)%len(data):], patch)
		}
		w, err := Salvage(ctx, bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		found := map[string]bool{}
		for r, err := range w.Scan() {
			if err != nil {
				t.Fatal(err)
			}
			if r.States != 0 {
				found[r.Key+"="+string(r.Value)] = true
			}
		}
		records, _ := scan(data)
		for _, record := range records {
			if key, _, _ := strings.Cut(record, "="); !found[record] && len(key) <= MaxKey {
				t.Errorf("record %q is not found", key)
			}
		}
	})
}
