// Package boltread reads bbolt files that nobody vouches for. bbolt itself trusts its file: it maps it into memory and follows offsets and
// page numbers with unsafe pointers, so that a damaged page makes it read foreign memory, recurse without end or die of a signal. This
// package reads every page by itself and checks it before it believes anything in it: whatever bytes a file has, they are records in
// ascending order or an error wrapping kdb.ErrCorrupt. Memory does not grow with the file. A [Writer] makes whole new files.
//
//	snap, err := boltread.Open(ctx, file, size)
//	value, err := snap.Get("key")
//
// It knows the one layout that package boltstore makes: two buckets without buckets in them, one for the records whose keys come before
// store.Apart and one for all others.
package boltread

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"strings"

	"certkdb/kdb/store"
)

// The two buckets of a file.
const (
	bucketMain = iota
	bucketApart
	bucketCount
)

// Buckets returns the names of the file's buckets in their order.
func Buckets() [bucketCount]string { return [...]string{bucketMain: "ckdb", bucketApart: "copies"} }

// BucketOf returns the name of the bucket that holds the record of a key.
func BucketOf(key []byte) string { return Buckets()[bucketIndex(key)] }

func bucketIndex[K string | []byte](key K) int {
	if len(key) > 0 && key[0] >= store.Apart[0] {
		return bucketApart
	}
	return bucketMain
}

// maxCached bounds the branch pages kept in memory: 2048 of 4 KiB are 8 MiB, enough for the upper levels of any tree.
const maxCached = 2048

// Snapshot is one state of the file, read page by page. Memory does not grow with what is read: pages are read with
// ordinary reads, so they are the kernel's and not the process's.
type Snapshot struct {
	ctx      context.Context
	file     io.ReaderAt
	meta     Meta
	buckets  [bucketCount]bucket
	branches map[uint64]*page
}

// bucket is a tree of pages.
type bucket struct {
	root      uint64 // its page; 0 if inline is it
	inline    page
	low, high []byte     // the range of its keys; nil is no bound
	last      *leafRange // where the last Get ended
}

// leafRange is a leaf with the keys that it is responsible for: from low on and below high; nil is no bound.
type leafRange struct {
	page      page
	low, high []byte
}

// Open reads the meta and finds the buckets. If the root page of the last transaction is damaged it takes that of the other meta page,
// which is a copy of it: see [Double].
func Open(ctx context.Context, file io.ReaderAt, size int64) (*Snapshot, error) {
	metas, err := readMetas(file, size)
	if err != nil {
		return nil, err
	}
	s, err := openAt(ctx, file, metas[0])
	if err != nil && len(metas) == 2 && metas[1].doubles(metas[0]) {
		metas[1].Lame, metas[1].RootLost = true, true
		if other, errOther := openAt(ctx, file, metas[1]); errOther == nil {
			return other, nil
		}
	}
	return s, err
}

func openAt(ctx context.Context, file io.ReaderAt, m Meta) (*Snapshot, error) {
	s := &Snapshot{ctx: ctx, file: file, meta: m, branches: make(map[uint64]*page)}
	root, err := s.read(m.Root, nil)
	if err == nil {
		err = s.findBuckets(&root)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Meta returns what the meta page of this state says.
func (s *Snapshot) Meta() Meta { return s.meta }

// WriteTo copies all pages of this state, the free ones too.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, io.NewSectionReader(s.file, 0, int64(s.meta.Pages)*s.meta.PageSize))
}

// Empty is the state of a file that does not exist yet.
func Empty(ctx context.Context) *Snapshot {
	s := &Snapshot{ctx: ctx}
	for i := range s.buckets {
		s.buckets[i].inline.leaf = true
	}
	return s
}

func (s *Snapshot) findBuckets(root *page) error {
	if !root.leaf || root.count != bucketCount {
		return corrupt("its root page does not have two buckets: it is damaged, or another program made it")
	}
	for i, name := range Buckets() {
		if !root.isBucket(i) || string(root.key(i)) != name {
			return corrupt("its root page does not have the bucket %q: it is damaged, or another program made it", name)
		}
		_, value := root.element(i)
		var err error
		if s.buckets[i], err = s.parseBucket(value, i); err != nil {
			return err
		}
	}
	return nil
}

func (s *Snapshot) parseBucket(value []byte, index int) (b bucket, err error) {
	if b.high = []byte(store.Apart); index == bucketApart {
		b.low, b.high = b.high, nil
	}
	if len(value) < 16 {
		return b, corrupt("a bucket's entry in the root page is cut off")
	}
	if b.root = order.Uint64(value); b.root != 0 {
		if b.root < 2 || b.root >= s.meta.Pages {
			return b, corrupt("a bucket lies outside of the file")
		}
		return b, nil
	}
	if b.inline, err = parsePage(value[16:], 0, s.meta.Pages); err != nil {
		return b, err
	}
	if !b.inline.leaf {
		return b, corrupt("an inline bucket is not a leaf")
	}
	if err := b.inline.holdsRecords(); err != nil {
		return b, err
	}
	return b, b.inline.within(b.low, b.high)
}

// read reads and checks one page with its overflow, into buffer if that is large enough.
func (s *Snapshot) read(id uint64, buffer []byte) (page, error) {
	size := s.meta.PageSize
	data := grow(buffer, size)
	if _, err := s.file.ReadAt(data, int64(id)*size); err != nil {
		return page{}, corrupt("page %d cannot be read: %v", id, err)
	}
	if overflow := uint64(order.Uint32(data[12:])); overflow > 0 {
		total := int64(overflow+1) * size
		if overflow >= s.meta.Pages-id || total > maxRun {
			return page{}, corrupt("page %d is said to be %d pages long", id, overflow+1)
		}
		data = grow(data, total)
		if _, err := s.file.ReadAt(data, int64(id)*size); err != nil {
			return page{}, corrupt("page %d cannot be read: %v", id, err)
		}
	}
	return parsePage(data, id, s.meta.Pages)
}

func grow(buffer []byte, size int64) []byte {
	if int64(cap(buffer)) >= size {
		return buffer[:size]
	}
	return make([]byte, size)
}

// readWithin reads a page and checks that its keys lie in the range that its parent, or its bucket, gives it. With the ascending order
// inside of the pages this keeps a damaged tree from being walked in circles.
func (s *Snapshot) readWithin(id uint64, low, high, buffer []byte) (page, error) {
	if p, ok := s.branches[id]; ok {
		return *p, p.within(low, high)
	}
	p, err := s.read(id, buffer)
	if err != nil {
		return page{}, err
	}
	if p.leaf && p.count == 0 && !s.isRoot(id) {
		return page{}, corrupt("leaf page %d is empty", id)
	}
	if err := p.holdsRecords(); err != nil {
		return page{}, err
	}
	if err := p.within(low, high); err != nil || p.leaf {
		return p, err
	}
	if len(s.branches) >= maxCached {
		clear(s.branches)
	}
	p.data = bytes.Clone(p.data)
	s.branches[id] = &p
	return p, nil
}

// isRoot reports whether a page is the root of a bucket: of the leaves only that may be empty.
func (s *Snapshot) isRoot(id uint64) bool {
	return slices.ContainsFunc(s.buckets[:], func(b bucket) bool { return b.root == id })
}

// holdsRecords makes sure that no record of a leaf is a bucket: there is one bucket, and none in it.
func (p *page) holdsRecords() error {
	for i := range p.count {
		if p.leaf && p.isBucket(i) {
			return corrupt("record %q on page %d is a bucket", p.key(i), p.id)
		}
	}
	return nil
}

// within checks that all keys of a page lie between low and high.
func (p *page) within(low, high []byte) error {
	if p.count == 0 {
		return nil
	}
	if low != nil && bytes.Compare(p.key(0), low) < 0 || high != nil && bytes.Compare(p.key(p.count-1), high) >= 0 {
		return corrupt("the keys of page %d are outside of the range of its parent or bucket", p.id)
	}
	return nil
}

// cursor walks the records in the order of their keys.
type cursor struct {
	s      *Snapshot
	in     *bucket
	path   []step // the branches above the leaf
	leaf   leafRange
	index  int
	buffer []byte // for leaves; nil keeps every leaf in memory of its own
}

// step is a branch page, the element that was taken, and the branch's own bounds.
type step struct {
	page      page
	index     int
	low, high []byte
}

// bounds returns the range of keys of the child at index.
func (t *step) bounds(index int) (low, high []byte) {
	low, high = t.page.key(index), t.high
	if index+1 < t.page.count {
		high = t.page.key(index + 1)
	}
	return low, high
}

// seek goes to the first record whose key is not less than key.
func (c *cursor) seek(key []byte) error {
	c.path = c.path[:0]
	if c.in.root == 0 {
		c.leaf = leafRange{page: c.in.inline}
		c.index = c.leaf.page.find(key)
		return nil
	}
	return c.descend(c.in.root, c.in.low, c.in.high, key)
}

// descend goes from the page down to the leaf where key belongs; a nil key takes the first.
func (c *cursor) descend(id uint64, low, high, key []byte) error {
	for {
		if len(c.path) > maxDepth {
			return corrupt("the tree is more than %d levels deep at page %d", maxDepth, id)
		}
		p, err := c.s.readWithin(id, low, high, c.buffer)
		if err != nil {
			return err
		}
		if p.leaf {
			if c.buffer != nil {
				c.buffer = p.data
			}
			c.leaf = leafRange{page: p, low: low, high: high}
			c.index = p.find(key)
			return nil
		}
		index := p.find(key)
		if index == p.count || index > 0 && !bytes.Equal(p.key(index), key) {
			index--
		}
		c.path = append(c.path, step{page: p, index: index, low: low, high: high})
		low, high = c.path[len(c.path)-1].bounds(index)
		id = p.child(index)
	}
}

// settle goes on to the next leaf if the current one is used up; false at the end.
func (c *cursor) settle() (bool, error) {
	for c.index >= c.leaf.page.count {
		for len(c.path) > 0 && c.path[len(c.path)-1].index+1 >= c.path[len(c.path)-1].page.count {
			c.path = c.path[:len(c.path)-1]
		}
		if len(c.path) == 0 {
			return false, nil
		}
		top := &c.path[len(c.path)-1]
		top.index++
		low, high := top.bounds(top.index)
		if err := c.descend(top.page.child(top.index), low, high, nil); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Get implements store.Tx.
func (s *Snapshot) Get(key string) ([]byte, error) {
	value, err := s.Lookup([]byte(key))
	return bytes.Clone(value), err
}

// Lookup is Get without the copy.
func (s *Snapshot) Lookup(key []byte) ([]byte, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	in := &s.buckets[bucketIndex(key)]
	if in.last == nil || !in.last.covers(key) {
		c := cursor{s: s, in: in}
		if err := c.seek(key); err != nil {
			return nil, err
		}
		in.last = &c.leaf
	}
	p := &in.last.page
	if i := p.find(key); i < p.count && bytes.Equal(p.key(i), key) {
		_, value := p.element(i)
		return value, nil
	}
	return nil, store.ErrNotFound
}

func (l *leafRange) covers(key []byte) bool {
	return (l.low == nil || bytes.Compare(key, l.low) >= 0) && (l.high == nil || bytes.Compare(key, l.high) < 0)
}

// Scan implements store.Tx.
func (s *Snapshot) Scan(prefix, after string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		for i := range s.buckets {
			if (prefix == "" || bucketIndex(prefix) == i) && !s.scan(&s.buckets[i], prefix, after, yield) {
				return
			}
		}
	}
}

// scan yields the records of one bucket; false if that is to be the end.
func (s *Snapshot) scan(in *bucket, prefix, after string, yield func(store.Record, error) bool) bool {
	c := cursor{s: s, in: in, buffer: make([]byte, s.meta.PageSize)}
	err := c.seek([]byte(max(prefix, after)))
	for n := 0; err == nil; n++ {
		var more bool
		if more, err = c.settle(); err != nil {
			break
		}
		if n%256 == 0 && s.ctx.Err() != nil {
			err = s.ctx.Err()
			break
		}
		if !more {
			return true
		}
		key, value := c.leaf.page.element(c.index)
		record := store.Record{Key: string(key), Value: value}
		if !strings.HasPrefix(record.Key, prefix) {
			return true
		}
		c.index++
		if (after == "" || record.Key > after) && !yield(record, nil) {
			return false
		}
	}
	yield(store.Record{}, err)
	return false
}

// CheckSiblings reads the pages beside the path to key, which bbolt may merge with it after a deletion.
func (s *Snapshot) CheckSiblings(key []byte) error {
	c := cursor{s: s, in: &s.buckets[bucketIndex(key)]}
	if err := c.seek(key); err != nil {
		return err
	}
	for i := range c.path {
		for _, index := range []int{c.path[i].index - 1, c.path[i].index + 1} {
			if index < 0 || index >= c.path[i].page.count {
				continue
			}
			low, high := c.path[i].bounds(index)
			if _, err := s.readWithin(c.path[i].page.child(index), low, high, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
