package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"

	"certkdb/kdb"
)

// This file reads the pages of a bbolt file the careful way. bbolt itself trusts its file: it maps it into memory and
// follows offsets and page numbers with unsafe pointers, so that a damaged page makes it read foreign memory, recurse
// for ever or die of a signal. Everything that is read here is read with bounds. Facts of the format, all integers in
// the byte order of the machine:
//
//	page    0 id (8)  8 flags (2)  10 count (2)  12 overflow (4)  16 elements, or the meta
//	meta    0 magic (4)  4 version (4)  8 page size (4)  12 flags (4)  16 root page of the root bucket (8)
//	        24 its sequence (8)  32 freelist page (8)  40 high-water mark (8)  48 transaction (8)  56 FNV-1a of 0–55 (8)
//	leaf    element: 0 flags (4)  4 position of the key from the element's start (4)  8 key size (4)  12 value size (4)
//	branch  element: 0 position (4)  4 key size (4)  8 child page (8)
//	bucket  a leaf value: 0 root page (8)  8 sequence (8)  16 if the root page is 0, the bucket's only page

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf element

	headerSize  = 16
	elementSize = 16
	metaSize    = 64

	minPageSize, maxPageSize = 1024, 1 << 16
	// maxRun bounds what one page with its overflow may take: bbolt puts up to four large values into one run.
	maxRun = 4*MaxValue + maxPageSize
	// maxDepth is far beyond any tree: each level multiplies the records by at least two.
	maxDepth = 40
	// noFreelist stands for a freelist that was not saved.
	noFreelist = ^uint64(0)
)

var order = binary.NativeEndian

// meta is what a meta page says.
type meta struct {
	pageSize int64
	root     uint64 // page of the root bucket
	freelist uint64
	pages    uint64 // high-water mark: the pages in use are below it
	tx       uint64
	lame     bool // the other meta page is damaged: this may not be the last transaction
}

// errForeignOrder is a database from a machine of the other byte order.
var errForeignOrder = fmt.Errorf("%w: it was made on a machine of the other byte order; export it there and import it here",
	kdb.ErrVersion)

// readMeta finds the meta of the last complete transaction. size is the file's size.
func readMeta(f io.ReaderAt, size int64) (meta, error) {
	var head [headerSize + metaSize]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return meta{}, corrupt("it ends within its first page")
	}
	first, errFirst := parseMeta(head[headerSize:])
	if errors.Is(errFirst, kdb.ErrVersion) {
		return meta{}, errFirst
	}
	best, err := first, errFirst
	valid := 0
	if errFirst == nil {
		valid++
	}
	for pageSize := int64(minPageSize); pageSize <= maxPageSize; pageSize *= 2 {
		if errFirst == nil && pageSize != first.pageSize {
			continue
		}
		if _, readErr := f.ReadAt(head[:], pageSize); readErr != nil {
			continue
		}
		second, secondErr := parseMeta(head[headerSize:])
		if secondErr != nil || second.pageSize != pageSize {
			continue
		}
		valid++
		if err != nil || second.tx > best.tx {
			best, err = second, nil
		}
	}
	if err != nil {
		return meta{}, err
	}
	best.lame = valid < 2
	if need := int64(best.pages) * best.pageSize; size < need {
		return meta{}, corrupt("it was cut off: %d bytes are there, %d are needed", size, need)
	}
	return best, nil
}

func parseMeta(b []byte) (meta, error) {
	magic := order.Uint32(b)
	m := meta{
		pageSize: int64(order.Uint32(b[8:])), root: order.Uint64(b[16:]), freelist: order.Uint64(b[32:]),
		pages: order.Uint64(b[40:]), tx: order.Uint64(b[48:]),
	}
	sum := fnv.New64a()
	sum.Write(b[:56])
	switch {
	case magic == boltMagicSwapped:
		return m, errForeignOrder
	case magic != boltMagic:
		return m, corrupt("a meta page has no magic number")
	case order.Uint64(b[56:]) != sum.Sum64():
		return m, corrupt("the checksum of a meta page is wrong")
	case order.Uint32(b[4:]) != boltVersion:
		return m, fmt.Errorf("%w: bbolt format %d", kdb.ErrVersion, order.Uint32(b[4:]))
	case m.pageSize < minPageSize || m.pageSize > maxPageSize || m.pageSize&(m.pageSize-1) != 0:
		return m, corrupt("pages of %d bytes", m.pageSize)
	case m.pages < 4 || m.pages > 1<<46 || m.root < 2 || m.root >= m.pages:
		return m, corrupt("a meta page points outside of the file")
	case m.freelist != noFreelist && (m.freelist < 2 || m.freelist >= m.pages):
		return m, corrupt("the freelist lies outside of the file")
	}
	return m, nil
}

const boltMagicSwapped = 0xEDDA0CED

// corrupt makes an error that wraps kdb.ErrCorrupt.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", kdb.ErrCorrupt, fmt.Sprintf(format, args...))
}

// page is a branch or leaf page whose elements were all found to lie inside of it, in ascending order of their keys.
type page struct {
	id       uint64
	overflow uint64
	leaf     bool
	count    int
	data     []byte
}

// key returns the key of element i, which aliases the page.
func (p *page) key(i int) []byte {
	key, _ := p.element(i)
	return key
}

// child returns the page that element i of a branch points to.
func (p *page) child(i int) uint64 { return order.Uint64(p.data[headerSize+elementSize*i+8:]) }

// isBucket reports whether element i of a leaf is a bucket.
func (p *page) isBucket(i int) bool {
	return order.Uint32(p.data[headerSize+elementSize*i:]) == flagBucket
}

// element returns key and value of element i; a branch has no values.
func (p *page) element(i int) (key, value []byte) {
	start, keySize, valueSize := p.extent(i)
	return p.data[start : start+keySize], p.data[start+keySize : start+keySize+valueSize]
}

func (p *page) extent(i int) (start, keySize, valueSize uint64) {
	offset := uint64(headerSize + elementSize*i)
	e := p.data[offset : offset+elementSize]
	if p.leaf {
		return offset + uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
	}
	return offset + uint64(order.Uint32(e)), uint64(order.Uint32(e[4:])), 0
}

// find returns the first element whose key is not less than key.
func (p *page) find(key []byte) int {
	low, high := 0, p.count
	for low < high {
		middle := (low + high) / 2
		if bytes.Compare(p.key(middle), key) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// parsePage checks a page, which data holds with its overflow, and returns it. limit is the high-water mark.
func parsePage(data []byte, id, limit uint64) (page, error) {
	if len(data) < headerSize {
		return page{}, corrupt("page %d is cut off", id)
	}
	p := page{id: id, count: int(order.Uint16(data[10:])), overflow: uint64(order.Uint32(data[12:])), data: data}
	flags := order.Uint16(data[8:])
	p.leaf = flags == flagLeaf
	switch {
	case order.Uint64(data) != id:
		return page{}, corrupt("page %d says that it is page %d", id, order.Uint64(data))
	case flags != flagLeaf && flags != flagBranch:
		return page{}, corrupt("page %d is of kind %#x instead of a branch or leaf", id, flags)
	case headerSize+elementSize*p.count > len(data):
		return page{}, corrupt("page %d is too small for its %d elements", id, p.count)
	case !p.leaf && p.count == 0:
		return page{}, corrupt("branch page %d is empty", id)
	}
	return p, p.checkElements(limit)
}

func (p *page) checkElements(limit uint64) error {
	var previous []byte
	for i := range p.count {
		start, keySize, valueSize := p.extent(i)
		if keySize == 0 || start < uint64(headerSize+elementSize*p.count) || start+keySize+valueSize > uint64(len(p.data)) {
			return corrupt("element %d of page %d lies outside of it", i, p.id)
		}
		key := p.data[start : start+keySize]
		if i > 0 && bytes.Compare(previous, key) >= 0 {
			return corrupt("the keys of page %d are out of order at element %d", p.id, i)
		}
		if !p.leaf && (p.child(i) < 2 || p.child(i) >= limit) {
			return corrupt("element %d of page %d points outside of the file", i, p.id)
		}
		if p.leaf && order.Uint32(p.data[headerSize+elementSize*i:])&^flagBucket != 0 {
			return corrupt("element %d of page %d is of an unknown kind", i, p.id)
		}
		previous = key
	}
	return nil
}
