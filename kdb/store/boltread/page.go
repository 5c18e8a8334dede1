package boltread

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"certkdb/kdb"
)

// Facts of the format. All integers are in the byte order of the machine that made the file:
//
//	page    0 id (8)  8 flags (2)  10 count (2)  12 overflow (4)  16 elements, or the meta
//	meta    0 magic (4)  4 version (4)  8 page size (4)  12 flags (4)  16 root page of the root bucket (8)
//	        24 its sequence (8)  32 freelist page (8)  40 high-water mark (8)  48 transaction (8)  56 FNV-1a of 0–55 (8)
//	leaf    element: 0 flags (4)  4 position of the key from the element's start (4)  8 key size (4)  12 value size (4)
//	branch  element: 0 position (4)  4 key size (4)  8 child page (8)
//	bucket  a leaf value: 0 root page (8)  8 sequence (8)  16 if the root page is 0, the bucket's only page

// MaxValue is the longest value of a record, MaxKey the longest key. Both are far above what package sealed stores;
// they bound what a damaged file can make the reader allocate.
const (
	MaxValue = 16 << 20
	MaxKey   = 1 << 10
)

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf element

	headerSize  = 16
	elementSize = 16
	metaSize    = 64

	MinPageSize, maxPageSize = 1024, 1 << 16
	// maxRun bounds what one page with its overflow may take: bbolt puts up to four large values into one run.
	maxRun = 4*MaxValue + maxPageSize
	// maxDepth is far beyond any tree: each level multiplies the records by at least two.
	maxDepth = 40
	// noFreelist stands for a freelist that was not saved.
	noFreelist = ^uint64(0)
)

var order = binary.NativeEndian

// Meta is what a meta page says.
type Meta struct {
	PageSize int64
	Root     uint64 // page of the root bucket
	Freelist uint64
	Pages    uint64 // the high-water mark: the pages in use are below it
	Tx       uint64
	Lame     bool // the other meta page is damaged: this may not be the last transaction
	RootLost bool // the root page of the last transaction is damaged: this is its copy, and bbolt would not find it
}

// errForeignOrder is a database from a machine of the other byte order.
var errForeignOrder = fmt.Errorf("%w: it was made on a machine of the other byte order; export it there and import it here",
	kdb.ErrVersion)

// ReadMeta finds the meta of the last complete transaction. size is the file's size.
func ReadMeta(f io.ReaderAt, size int64) (Meta, error) {
	metas, err := readMetas(f, size)
	if err != nil {
		return Meta{}, err
	}
	return metas[0], nil
}

// readMetas reads the sound meta pages of a file that is long enough for them, that of the last transaction first. There is one at least,
// or an error.
func readMetas(f io.ReaderAt, size int64) ([]Meta, error) {
	var head [headerSize + metaSize]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, corrupt("it ends within its first page")
	}
	var metas []Meta
	first, err := parseMeta(head[headerSize:])
	switch {
	case errors.Is(err, kdb.ErrVersion):
		return nil, err
	case err == nil:
		metas = append(metas, first)
	}
	for pageSize := int64(MinPageSize); pageSize <= maxPageSize; pageSize *= 2 {
		if err == nil && pageSize != first.PageSize {
			continue
		}
		if _, readErr := f.ReadAt(head[:], pageSize); readErr != nil {
			continue
		}
		if second, secondErr := parseMeta(head[headerSize:]); secondErr == nil && second.PageSize == pageSize {
			metas = append(metas, second)
		}
	}
	if len(metas) == 0 {
		return nil, err
	}
	slices.SortStableFunc(metas, func(a, b Meta) int { return cmp.Compare(b.Tx, a.Tx) })
	if need := int64(metas[0].Pages) * metas[0].PageSize; size < need {
		return nil, corrupt("it was cut off: %d bytes are there, %d are needed", size, need)
	}
	if len(metas) > 1 && size < int64(metas[1].Pages)*metas[1].PageSize {
		metas = metas[:1]
	}
	metas[0].Lame = len(metas) < 2
	return metas[:min(2, len(metas))], nil
}

func parseMeta(b []byte) (Meta, error) {
	magic := order.Uint32(b)
	m := Meta{
		PageSize: int64(order.Uint32(b[8:])), Root: order.Uint64(b[16:]), Freelist: order.Uint64(b[32:]),
		Pages: order.Uint64(b[40:]), Tx: order.Uint64(b[48:]),
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
	case m.PageSize < MinPageSize || m.PageSize > maxPageSize || m.PageSize&(m.PageSize-1) != 0:
		return m, corrupt("pages of %d bytes", m.PageSize)
	case m.Pages < 4 || m.Pages > 1<<46 || m.Root < 2 || m.Root >= m.Pages:
		return m, corrupt("a meta page points outside of the file")
	case m.Freelist != noFreelist && (m.Freelist < 2 || m.Freelist >= m.Pages):
		return m, corrupt("the freelist lies outside of the file")
	}
	return m, nil
}

const boltMagicSwapped = 0xEDDA0CED

// MatchSize is how much of a file [Matches] wants to see: the first two pages of those that package boltstore makes.
const MatchSize = 8192

// Matches reports whether a file that begins with head is a bbolt file, of either byte order. One of its two meta pages is enough.
func Matches(head []byte) bool {
	if len(head) >= headerSize+4 {
		magic := order.Uint32(head[headerSize:])
		if magic == boltMagic || magic == boltMagicSwapped {
			return true
		}
	}
	for at := MinPageSize; at+headerSize+metaSize <= len(head); at *= 2 {
		m, err := parseMeta(head[at+headerSize:])
		if err == nil && m.PageSize == int64(at) || errors.Is(err, errForeignOrder) {
			return true
		}
	}
	return false
}

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
