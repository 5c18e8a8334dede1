package boltread

import (
	"bytes"
	"errors"
	"hash/fnv"
	"testing"

	"certkdb/kdb"
)

// sum makes the checksum of a meta page right again.
func sum(page []byte) {
	h := fnv.New64a()
	h.Write(page[headerSize : headerSize+56])
	order.PutUint64(page[headerSize+56:], h.Sum64())
}

func TestReadMeta_theLastTransactionCounts(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(10), put(20))
	m := open(t, data).Meta()
	for page := range uint64(2) {
		damaged := bytes.Clone(data)
		pageAt(damaged, page)[headerSize+20] ^= 1 // the checksum is wrong now
		snap := open(t, damaged)
		if other := snap.Meta(); !other.Lame || other.Tx < m.Tx-1 {
			t.Errorf("without meta page %d: %+v, with it %+v", page, other, m)
		}
		if list := findings(damaged); len(list) == 0 {
			t.Errorf("Check does not miss meta page %d", page)
		}
	}
	if m.Lame || m.PageSize != testPage {
		t.Errorf("a sound file: %+v", m)
	}
}

func TestReadMeta_refused(t *testing.T) {
	t.Parallel()
	sound := makeFile(t, put(10))
	u32 := func(at int, v uint32) func([]byte) { return func(p []byte) { order.PutUint32(p[headerSize+at:], v) } }
	u64 := func(at int, v uint64) func([]byte) { return func(p []byte) { order.PutUint64(p[headerSize+at:], v) } }
	for what, c := range map[string]struct {
		change func([]byte)
		want   error
	}{
		"no magic number":              {u32(0, 1), kdb.ErrCorrupt},
		"the other byte order":         {u32(0, boltMagicSwapped), kdb.ErrVersion},
		"another version":              {u32(4, 3), kdb.ErrVersion},
		"pages of no bytes":            {u32(8, 0), kdb.ErrCorrupt},
		"pages of an odd size":         {u32(8, 1025), kdb.ErrCorrupt},
		"pages too large":              {u32(8, 1<<17), kdb.ErrCorrupt},
		"the root on a meta page":      {u64(16, 1), kdb.ErrCorrupt},
		"the root outside":             {u64(16, 1<<30), kdb.ErrCorrupt},
		"the freelist outside":         {u64(32, 1<<30), kdb.ErrCorrupt},
		"the freelist on a meta page":  {u64(32, 0), kdb.ErrCorrupt},
		"too few pages":                {u64(40, 3), kdb.ErrCorrupt},
		"more pages than the file has": {u64(40, 1<<20), kdb.ErrCorrupt},
		"more pages than any file has": {u64(40, 1<<60), kdb.ErrCorrupt},
	} {
		data := bytes.Clone(sound)
		for page := range uint64(2) {
			c.change(pageAt(data, page))
			sum(pageAt(data, page))
		}
		if _, err := ReadMeta(bytes.NewReader(data), int64(len(data))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
		if what != "no magic number" && !Matches(data[:64]) {
			t.Errorf("%s: the file is not recognised", what)
		}
	}
	for _, size := range []int{0, 1, 16, 79, testPage, int(open(t, sound).Meta().Pages)*testPage - 1} {
		if _, err := ReadMeta(bytes.NewReader(sound[:size]), int64(size)); !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	data := makeFile(t)
	for what, c := range map[string]struct {
		head []byte
		want bool
	}{
		"a file":    {data[:64], true},
		"too short": {data[:19], false},
		"nothing":   {nil, false},
		"text":      {bytes.Repeat([]byte("text "), 20), false},
	} {
		if got := Matches(c.head); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestParsePage_refused(t *testing.T) {
	t.Parallel()
	sound := makeFile(t, put(60))
	ids, branch := leaves(t, sound)
	element := func(i, at int, v uint32) func([]byte) {
		return func(p []byte) { order.PutUint32(p[headerSize+elementSize*i+at:], v) }
	}
	for what, c := range map[string]struct {
		page   uint64
		change func([]byte)
		text   string
	}{
		"another number":              {ids[1], func(p []byte) { order.PutUint64(p, ids[2]) }, "says that it is page"},
		"another kind":                {ids[1], func(p []byte) { order.PutUint16(p[8:], flagFreelist) }, "instead of a branch or leaf"},
		"both kinds":                  {ids[1], func(p []byte) { order.PutUint16(p[8:], flagLeaf|flagBranch) }, "instead of a branch or leaf"},
		"more elements than bytes":    {ids[1], func(p []byte) { order.PutUint16(p[10:], 0xFFFF) }, "too small"},
		"a branch without children":   {branch, func(p []byte) { order.PutUint16(p[10:], 0) }, "is empty"},
		"a leaf without records":      {ids[1], func(p []byte) { order.PutUint16(p[10:], 0) }, "is empty"},
		"longer than the file":        {ids[1], func(p []byte) { order.PutUint32(p[12:], 1<<30) }, "pages long"},
		"the longest there is":        {ids[1], func(p []byte) { order.PutUint32(p[12:], 1<<32-1) }, "pages long"},
		"a key before the elements":   {ids[1], element(0, 4, 1), "lies outside"},
		"a key behind the page":       {ids[1], element(0, 4, testPage), "lies outside"},
		"a key far away":              {ids[1], element(1, 4, 1<<32-1), "lies outside"},
		"a key of no bytes":           {ids[1], element(0, 8, 0), "lies outside"},
		"a key of too many bytes":     {ids[1], element(0, 8, 1<<32-1), "lies outside"},
		"a value of too many bytes":   {ids[1], element(0, 12, 1<<32-1), "lies outside"},
		"a bucket among the records":  {ids[1], element(0, 0, flagBucket), "is a bucket"},
		"an unknown kind of element":  {ids[1], element(0, 0, 2), "unknown kind"},
		"a child on a meta page":      {branch, element(1, 8, 1), "points outside"},
		"a child outside of the file": {branch, element(1, 8, 1<<30), "points outside"},
		"keys out of order": {ids[1], func(p []byte) {
			first := bytes.Clone(p[headerSize : headerSize+elementSize])
			order.PutUint32(first[4:], order.Uint32(first[4:])-elementSize) // of the same key, from the second element
			copy(p[headerSize+elementSize:], first)
		}, "out of order"},
	} {
		data := bytes.Clone(sound)
		c.change(pageAt(data, c.page))
		wantCorrupt(t, what, data, c.text)
	}
	if _, err := parsePage(make([]byte, headerSize-1), 2, 10); !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("a page without a header: %v", err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(60))
	ids, _ := leaves(t, data)
	p, err := open(t, data).read(ids[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.count {
		key := p.key(i)
		if p.find(key) != i || p.find(append(bytes.Clone(key), 0)) != i+1 || p.find(key[:len(key)-1]) > i {
			t.Errorf("element %d, key %q: found at %d", i, key, p.find(key))
		}
	}
	if p.find(nil) != 0 || p.find([]byte("\xff")) != p.count {
		t.Error("the ends are not found")
	}
}
