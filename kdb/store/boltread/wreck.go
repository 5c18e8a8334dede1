package boltread

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"certkdb/kdb/store"
)

// Wreck reads a file whose tree may be damaged. It finds records on their pages, wherever these are, and does not need the tree, the meta
// pages or the headers of pages. So it also finds what was deleted or replaced: as far as there is a tree, it tells which pages that leads
// to. Nothing in the file is believed; it is up to the caller to verify the records.
type Wreck struct {
	ctx      context.Context
	file     io.ReaderAt
	size     int64
	pageSize int64
	pages    uint64            // that the file has; the last one may be cut off
	reached  map[uint64]uint64 // the pages that a tree leads to: a bit for each state
	free     map[uint64]bool   // the pages that the freelist names; nil if it cannot be read
	torn     bool              // a tree could not be followed to all of its leaves
	budget   int64             // of bytes that may still be read behind the first pages of records
	parsed   map[uint64][]fragment
	leaf     []byte // room for a page
}

var _ store.Wreck = (*Wreck)(nil)

const (
	// maxStates is the number of trees that are followed.
	maxStates = 64
	// maxOverlap is how many times as long as a page and its overflow its records may be together. Those of a sound page do not overlap; one
	// with a damaged length takes in others.
	maxOverlap = 4
	// maxParsed is how many pages Read keeps.
	maxParsed = 128
	// sampleSize is how much of a file is looked at to find out the size of its pages.
	sampleSize = 4 << 20
)

// fragment is a record on a page. Those of a bucket whose only page is in its element are numbered from (i+1)<<inlineShift on.
type fragment struct {
	index      int
	key, value []byte
}

const inlineShift = 16

// Salvage looks at a file whatever is left of it. It follows the trees that the meta pages name, or, if there are none, all that it finds.
// The error says that the file is of the other byte order.
func Salvage(ctx context.Context, file io.ReaderAt, size int64) (*Wreck, error) {
	metas, err := soundMetas(file)
	if err != nil {
		return nil, err
	}
	w := &Wreck{ctx: ctx, file: file, size: size, reached: map[uint64]uint64{}, budget: 16 * size, parsed: map[uint64][]fragment{}}
	if len(metas) > 0 {
		w.pageSize = metas[0].PageSize
	} else {
		w.pageSize, _ = guessPageSize(file, size)
	}
	w.leaf = make([]byte, w.pageSize)
	w.pages = uint64((size + w.pageSize - 1) / w.pageSize)
	if len(metas) > 0 {
		w.readFree(metas[0])
	}
	states := w.statesOf(metas)
	if len(states) == 0 {
		w.torn = true
		states = w.findStates()
	}
	for i, s := range states {
		s.file = &rationed{file, 4*size + maxRun}
		for _, b := range s.buckets {
			if b.root != 0 {
				w.follow(s, b.root, 1<<i, 0)
			}
		}
		w.reached[s.meta.Root] |= 1 << i
	}
	return w, ctx.Err()
}

// soundMetas reads the meta pages that are sound in themselves, the newest first, whatever the file's size is.
func soundMetas(f io.ReaderAt) (metas []Meta, err error) {
	var head [headerSize + metaSize]byte
	for _, at := range []int64{0, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10} {
		if _, err := f.ReadAt(head[:], at); err != nil {
			continue
		}
		m, err := parseMeta(head[headerSize:])
		if errors.Is(err, errForeignOrder) {
			return nil, err
		}
		if err == nil && (at == 0 || m.PageSize == at) {
			metas = append(metas, m)
		}
	}
	slices.SortStableFunc(metas, func(a, b Meta) int { return cmp.Compare(b.Tx, a.Tx) })
	return metas, nil
}

// guessPageSize finds the size with which most pages say that they are where they are. found is the number of these pages.
func guessPageSize(f io.ReaderAt, size int64) (pageSize int64, found int) {
	pageSize = 4096
	var head [headerSize]byte
	for try := int64(MinPageSize); try <= maxPageSize; try *= 2 {
		n := 0
		for id := int64(1); (id+1)*try <= min(size, sampleSize); id++ {
			if _, err := f.ReadAt(head[:], id*try); err != nil {
				break
			}
			flags := order.Uint16(head[8:])
			if order.Uint64(head[:]) == uint64(id) && (flags == flagLeaf || flags == flagBranch || flags == flagFreelist) {
				n++
			}
		}
		if n > found {
			pageSize, found = try, n
		}
	}
	return pageSize, found
}

// IsWreck reports whether a file that nothing recognises by its beginning is what is left of a bbolt file.
func IsWreck(f io.ReaderAt, size int64) bool {
	_, found := guessPageSize(f, size)
	return found >= 2
}

func (w *Wreck) readFree(m Meta) {
	s := Snapshot{ctx: w.ctx, file: w.file, meta: m}
	ids, _, err := s.readFreelist()
	if err != nil {
		return
	}
	w.free = make(map[uint64]bool, len(ids))
	for _, id := range ids {
		w.free[id] = true
	}
}

// statesOf are the states that meta pages name and whose root pages can be read.
func (w *Wreck) statesOf(metas []Meta) (states []*Snapshot) {
	for i, m := range metas {
		s, err := openAt(w.ctx, w.file, m)
		if err != nil {
			w.torn = w.torn || i == 0
			continue
		}
		states = append(states, s)
	}
	return states
}

// findStates are those of all pages that can be root pages.
func (w *Wreck) findStates() (states []*Snapshot) {
	file := &rationed{w.file, 4*w.size + maxRun}
	for id := uint64(2); id < w.pages && len(states) < maxStates && w.ctx.Err() == nil; id++ {
		m := Meta{PageSize: w.pageSize, Root: id, Freelist: noFreelist, Pages: w.pages}
		if s, err := openAt(w.ctx, file, m); err == nil {
			states = append(states, s)
		}
	}
	return states
}

// rationed is a file of which only so much can be read. The pages of a tree do not overlap, so that together they are not longer than the
// file; those that somebody made can all reach to its end.
type rationed struct {
	io.ReaderAt
	left int64 // bytes
}

// ReadAt implements io.ReaderAt.
func (r *rationed) ReadAt(p []byte, at int64) (int, error) {
	if r.left -= int64(len(p)); r.left < 0 {
		r.left = 0
		return 0, corrupt("its pages overlap")
	}
	return r.ReaderAt.ReadAt(p, at)
}

// follow notes the pages below one as reached. A page that cannot be read was reached all the same.
func (w *Wreck) follow(s *Snapshot, id, bit uint64, depth int) {
	if w.reached[id]&bit != 0 || depth > maxDepth || w.ctx.Err() != nil {
		return
	}
	w.reached[id] |= bit
	p, err := s.read(id, w.leaf)
	if err != nil {
		w.torn = true
		return
	}
	if p.leaf {
		return
	}
	p.data = bytes.Clone(p.data)
	for i := range p.count {
		w.follow(s, p.child(i), bit, depth+1)
	}
}

// Scan implements store.Wreck.
func (w *Wreck) Scan() iter.Seq2[store.Found, error] {
	return func(yield func(store.Found, error) bool) {
		for id := uint64(2); id < w.pages; id++ {
			if err := w.ctx.Err(); err != nil {
				yield(store.Found{}, err)
				return
			}
			for _, e := range w.elements(id) {
				f := store.Found{
					Record: store.Record{Key: string(e.key), Value: e.value}, At: store.Place{Page: id, Index: e.index}, States: w.reached[id],
				}
				f.Standing = w.standing(id)
				if !yield(f, nil) {
					return
				}
			}
		}
	}
}

func (w *Wreck) standing(id uint64) store.Standing {
	switch {
	case w.reached[id] != 0:
		return store.InUse
	case !w.torn || w.free[id]:
		return store.Unused
	case w.free == nil:
		return store.Unsure
	}
	return store.Loose
}

// Read implements store.Wreck.
func (w *Wreck) Read(at store.Place) (store.Record, error) {
	elements, ok := w.parsed[at.Page]
	if !ok {
		if len(w.parsed) >= maxParsed {
			clear(w.parsed)
		}
		elements = w.elements(at.Page)
		w.parsed[at.Page] = elements
	}
	for _, e := range elements {
		if e.index == at.Index {
			return store.Record{Key: string(e.key), Value: slices.Clone(e.value)}, nil
		}
	}
	return store.Record{}, store.ErrNotFound
}

// elements are what can be a record on a page. The header is a hint: where it is damaged, the first element tells how many there are.
func (w *Wreck) elements(id uint64) []fragment {
	data := make([]byte, w.pageSize)
	n, err := w.file.ReadAt(data, int64(id)*w.pageSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	data = data[:n]
	if n < headerSize+elementSize {
		return nil
	}
	isLeaf := order.Uint16(data[8:]) == flagLeaf
	if !isLeaf && order.Uint64(data) == id && slices.Contains([]uint16{flagBranch, flagFreelist}, order.Uint16(data[8:])) {
		return nil
	}
	limit := w.pageSize
	if isLeaf && order.Uint64(data) == id {
		limit = min(int64(order.Uint32(data[12:]))+1, maxRun/w.pageSize) * w.pageSize
	}
	count := int(order.Uint32(data[headerSize+4:]) / elementSize)
	if isLeaf {
		count = max(count, int(order.Uint16(data[10:])))
	}
	count = min(count, (n-headerSize)/elementSize)
	extents := plausible(data, count, max(limit, w.run(data, count)))
	end := int64(n)
	for _, x := range extents {
		end = max(end, x.end)
	}
	return cut(w.extend(data, id, end), extents)
}

// run is how long a page would be by the last of its elements, for a page whose header cannot be believed.
func (w *Wreck) run(data []byte, count int) int64 {
	if count < 1 {
		return 0
	}
	x := extentOf(data, count-1)
	if !x.possible() || x.end > maxRun {
		return 0
	}
	return (x.end + w.pageSize - 1) / w.pageSize * w.pageSize
}

// extend reads what of a page's records is behind its first page, as long as that is not much more than the file has.
func (w *Wreck) extend(data []byte, id uint64, end int64) []byte {
	end = min(end, w.size-int64(id)*w.pageSize) // a cut-off value is not read at all
	if end <= int64(len(data)) || int64(len(data)) < w.pageSize || end > w.budget {
		return data
	}
	w.budget -= end
	longer := make([]byte, end)
	n, err := w.file.ReadAt(longer, int64(id)*w.pageSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return data
	}
	return longer[:n]
}

// extent is where an element is.
type extent struct {
	index             int
	flags             uint32
	start, value, end int64
}

func extentOf(data []byte, i int) extent {
	at := headerSize + elementSize*i
	e := data[at : at+elementSize]
	start := int64(at) + int64(order.Uint32(e[4:]))
	value := start + int64(order.Uint32(e[8:]))
	return extent{i, order.Uint32(e), start, value, value + int64(order.Uint32(e[12:]))}
}

// possible reports whether an element can be one.
func (x *extent) possible() bool {
	key := x.value - x.start
	return x.flags&^flagBucket == 0 && x.start >= int64(headerSize+elementSize*(x.index+1)) &&
		key > 0 && key <= MaxKey && x.end-x.value <= MaxValue
}

// plausible are the elements that can be what they say, and end before limit.
func plausible(data []byte, count int, limit int64) (list []extent) {
	for i := range count {
		if x := extentOf(data, i); x.possible() && x.end <= limit {
			list = append(list, x)
		}
	}
	return list
}

// cut takes keys and values out of a page. What is not there, because the file was cut off, is left out, and so is what overlaps too much.
func cut(data []byte, extents []extent) (list []fragment) {
	room := int64(maxOverlap * len(data))
	fits := func(x *extent) bool {
		size := x.end - x.start
		if size > room {
			return false
		}
		room -= size
		return true
	}
	for _, x := range extents {
		if x.end > int64(len(data)) || !fits(&x) {
			continue
		}
		key, value := data[x.start:x.value], data[x.value:x.end]
		if x.flags != flagBucket {
			list = append(list, fragment{x.index, key, value})
			continue
		}
		if len(value) < 16+headerSize || order.Uint64(value) != 0 {
			continue
		}
		inline := value[16:]
		count := min(int(order.Uint16(inline[10:])), (len(inline)-headerSize)/elementSize)
		for _, y := range plausible(inline, count, int64(len(inline))) {
			if y.flags == 0 && fits(&y) {
				list = append(list, fragment{(x.index+1)<<inlineShift | y.index, inline[y.start:y.value], inline[y.value:y.end]})
			}
		}
	}
	return list
}
