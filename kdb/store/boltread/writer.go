package boltread

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
)

// WriterPageSize is the size of the pages that a Writer makes, the same on every platform.
const WriterPageSize = 4096

// fill is how full a page gets: with some room, so that single additions later do not split every page.
const fill = WriterPageSize * 9 / 10

// firstTx is the number of the transaction that a new file seems to come from. Its meta is page 1.
const firstTx = 3

// Writer makes a new file out of records in ascending order, page after page: of the tree it keeps one page of each level in memory.
type Writer struct {
	w      io.Writer
	pages  uint64 // that were written
	levels []*level
	bucket int // that the records go to
	roots  [bucketCount]uint64
	last   []byte // key
	buffer []byte
}

// level collects the elements of the next page of one level of the tree, 0 for leaves.
type level struct {
	elements []element
	data     []byte // keys and values of all elements
	size     int    // of the page
}

type element struct {
	key, value int // lengths
	child      uint64
}

// NewWriter begins a file.
func NewWriter(w io.Writer) (*Writer, error) {
	_, err := w.Write(make([]byte, 2*WriterPageSize)) // the meta pages
	return &Writer{w: w, pages: 2}, err
}

// Put adds a record, whose key must be greater than that of the one before. It keeps neither slice.
func (w *Writer) Put(key, value []byte) error {
	if bytes.Compare(key, w.last) <= 0 {
		return fmt.Errorf("writing records in order: %q comes after %q", key, w.last)
	}
	w.last = append(w.last[:0], key...)
	if b := bucketIndex(key); b != w.bucket {
		if err := w.endBucket(); err != nil {
			return err
		}
	}
	return w.add(0, key, value, 0)
}

// add puts an element into the page of a level. A full page is written without its last element, so that none ever has less than two.
func (w *Writer) add(depth int, key, value []byte, child uint64) error {
	if depth == len(w.levels) {
		w.levels = append(w.levels, &level{size: headerSize})
	}
	l := w.levels[depth]
	if l.size > fill && len(l.elements) > 2 {
		if err := w.flush(depth, len(l.elements)-1); err != nil {
			return err
		}
	}
	l.elements = append(l.elements, element{len(key), len(value), child})
	l.data = append(append(l.data, key...), value...)
	l.size += elementSize + len(key) + len(value)
	return nil
}

// flush writes a page with the first n elements of a level and adds it to the level above.
func (w *Writer) flush(depth, n int) error {
	l := w.levels[depth]
	key := bytes.Clone(l.data[:l.elements[0].key])
	id, err := w.page(depth, n)
	if err != nil {
		return err
	}
	return w.add(depth+1, key, nil, id)
}

// page writes a page with the first n elements of a level, takes them out of it, and returns the number of the page.
func (w *Writer) page(depth, n int) (uint64, error) {
	l := w.levels[depth]
	used := 0
	for _, e := range l.elements[:n] {
		used += e.key + e.value
	}
	flags := uint16(flagLeaf)
	if depth > 0 {
		flags = flagBranch
	}
	page := w.newPage(flags, n, elementSize*n+used)
	at := headerSize + elementSize*n
	for i, e := range l.elements[:n] {
		head := page[headerSize+elementSize*i:]
		position := uint32(at - headerSize - elementSize*i)
		if depth == 0 {
			order.PutUint32(head[4:], position)
			order.PutUint32(head[8:], uint32(e.key))
			order.PutUint32(head[12:], uint32(e.value))
		} else {
			order.PutUint32(head, position)
			order.PutUint32(head[4:], uint32(e.key))
			order.PutUint64(head[8:], e.child)
		}
		at += e.key + e.value
	}
	copy(page[headerSize+elementSize*n:], l.data[:used])
	l.data = l.data[:copy(l.data, l.data[used:])]
	l.elements = l.elements[:copy(l.elements, l.elements[n:])]
	l.size -= elementSize*n + used
	return w.write(page)
}

// newPage returns an empty page, with as much overflow as its content needs.
func (w *Writer) newPage(flags uint16, count, content int) []byte {
	pages := (headerSize + content + WriterPageSize - 1) / WriterPageSize
	w.buffer = grow(w.buffer, int64(pages*WriterPageSize))
	clear(w.buffer)
	order.PutUint64(w.buffer, w.pages)
	order.PutUint16(w.buffer[8:], flags)
	order.PutUint16(w.buffer[10:], uint16(count))
	order.PutUint32(w.buffer[12:], uint32(pages-1))
	return w.buffer
}

func (w *Writer) write(page []byte) (id uint64, err error) {
	id = w.pages
	w.pages += uint64(len(page) / WriterPageSize)
	_, err = w.w.Write(page)
	return id, err
}

// endBucket writes what is left of the tree of a bucket, from the leaves to the root.
func (w *Writer) endBucket() error {
	if len(w.levels) == 0 {
		w.levels = append(w.levels, &level{size: headerSize})
	}
	for depth := 0; ; depth++ {
		l := w.levels[depth]
		if n := len(l.elements); l.size > WriterPageSize && n > 3 {
			if err := w.flush(depth, n-2); err != nil {
				return err
			}
		}
		if depth+1 < len(w.levels) {
			if err := w.flush(depth, len(l.elements)); err != nil {
				return err
			}
			continue
		}
		id, err := w.page(depth, len(l.elements))
		w.roots[w.bucket] = id
		w.bucket, w.levels = w.bucket+1, nil
		return err
	}
}

// Finish writes the rest. The meta page that it returns makes the file valid.
func (w *Writer) Finish() (meta Patch, err error) {
	for w.bucket < int(bucketCount) {
		if err := w.endBucket(); err != nil {
			return Patch{}, err
		}
	}
	root, err := w.write(w.rootPage())
	if err != nil {
		return Patch{}, err
	}
	free, err := w.write(w.newPage(flagFreelist, 0, 0))
	page := make([]byte, WriterPageSize)
	order.PutUint64(page, firstTx%2)
	order.PutUint16(page[8:], flagMeta)
	fields := page[headerSize:]
	order.PutUint32(fields, boltMagic)
	order.PutUint32(fields[4:], boltVersion)
	order.PutUint32(fields[8:], WriterPageSize)
	order.PutUint64(fields[16:], root)
	order.PutUint64(fields[32:], free)
	order.PutUint64(fields[40:], w.pages)
	order.PutUint64(fields[48:], firstTx)
	sum := fnv.New64a()
	sum.Write(fields[:56])
	order.PutUint64(fields[56:], sum.Sum64())
	return Patch{firstTx % 2 * WriterPageSize, page}, err
}

// rootPage is a leaf with the buckets.
func (w *Writer) rootPage() []byte {
	const value = 16 // root page and sequence
	names := Buckets()
	page := w.newPage(flagLeaf, len(names), WriterPageSize-headerSize)
	at := headerSize + elementSize*len(names)
	for i, name := range names {
		start := headerSize + elementSize*i
		order.PutUint32(page[start:], flagBucket)
		order.PutUint32(page[start+4:], uint32(at-start))
		order.PutUint32(page[start+8:], uint32(len(name)))
		order.PutUint32(page[start+12:], value)
		at += copy(page[at:], name)
		order.PutUint64(page[at:], w.roots[i])
		at += value
	}
	return page
}
