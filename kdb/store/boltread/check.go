package boltread

import (
	"errors"
	"fmt"
)

// Free reads the pages that are free, and checks that they are in ascending order and inside of the file.
func (s *Snapshot) Free() ([]uint64, error) {
	ids, _, err := s.readFreelist()
	return ids, err
}

// readFreelist also returns how many pages the list itself takes.
func (s *Snapshot) readFreelist() (ids []uint64, pages uint64, err error) {
	if s.meta.Freelist == noFreelist {
		return nil, 0, corrupt("it has no list of free pages")
	}
	id, size := s.meta.Freelist, s.meta.PageSize
	head := make([]byte, size)
	if _, err := s.file.ReadAt(head, int64(id)*size); err != nil {
		return nil, 0, corrupt("freelist page %d cannot be read: %v", id, err)
	}
	pages = uint64(order.Uint32(head[12:])) + 1
	if order.Uint64(head) != id || order.Uint16(head[8:]) != flagFreelist || pages > s.meta.Pages-id {
		return nil, 0, corrupt("page %d is not the freelist that it should be", id)
	}
	count, offset := uint64(order.Uint16(head[10:])), int64(headerSize)
	if count == 0xFFFF { // then the number stands in front of the list
		count, offset = order.Uint64(head[headerSize:]), headerSize+8
	}
	if count > s.meta.Pages || uint64(offset)+8*count > pages*uint64(size) {
		return nil, 0, corrupt("the freelist on page %d is said to have %d entries", id, count)
	}
	data := make([]byte, 8*count)
	if _, err := s.file.ReadAt(data, int64(id)*size+offset); err != nil {
		return nil, 0, corrupt("freelist page %d cannot be read: %v", id, err)
	}
	ids, err = s.parseFreelist(data)
	return ids, pages, err
}

func (s *Snapshot) parseFreelist(data []byte) ([]uint64, error) {
	ids := make([]uint64, 0, len(data)/8)
	last := uint64(1)
	for ; len(data) >= 8; data = data[8:] {
		id := order.Uint64(data)
		if id <= last || id >= s.meta.Pages {
			return nil, corrupt("the freelist names page %d after page %d of %d", id, last, s.meta.Pages)
		}
		ids = append(ids, id)
		last = id
	}
	return ids, nil
}

// Check reads every page and verifies that each is either in use once or free. It calls report for each finding and returns how many
// there were.
func (s *Snapshot) Check(report func(where, what string)) (findings int) {
	c := checker{s: s, used: newBitmap(s.meta.Pages), report: report}
	c.run()
	return c.findings
}

// checker walks a whole file.
type checker struct {
	s        *Snapshot
	used     bitmap
	report   func(where, what string)
	findings int
}

func (c *checker) finding(where string, err error) {
	c.findings++
	c.report(where, err.Error())
}

func (c *checker) run() {
	c.take("meta pages", 0, 2)
	switch {
	case c.s.meta.RootLost:
		c.finding("root page", errors.New("it is damaged; its copy is used"))
	case c.s.meta.Lame:
		c.finding("meta pages", errors.New("one of the two is damaged: the last transaction may be lost"))
	}
	root, err := c.s.read(c.s.meta.Root, nil)
	if err != nil {
		c.finding("root page", err)
		return
	}
	c.take("root page", root.id, root.overflow+1)
	for i := range c.s.buckets {
		if b := &c.s.buckets[i]; b.root != 0 {
			c.walk(b.root, b.low, b.high, 0)
		}
	}
	ids, pages, err := c.s.readFreelist()
	if err != nil {
		c.finding("freelist", err)
		return
	}
	c.take("freelist", c.s.meta.Freelist, pages)
	for _, id := range ids {
		c.take("free page", id, 1)
	}
	if lost := c.s.meta.Pages - c.used.count; lost > 0 && c.findings == 0 {
		c.finding("pages", fmt.Errorf("neither in use nor free: %d", lost))
	}
}

// walk checks a page and all below it.
func (c *checker) walk(id uint64, low, high []byte, depth int) {
	where := fmt.Sprintf("page %d", id)
	if depth > maxDepth || c.s.ctx.Err() != nil {
		c.finding(where, errors.New("too deep, or interrupted"))
		return
	}
	p, err := c.s.readWithin(id, low, high, nil)
	if err != nil {
		c.finding(where, err)
		return
	}
	if !c.take(where, id, p.overflow+1) || p.leaf {
		return
	}
	t := step{page: p, low: low, high: high}
	for i := range p.count {
		below, above := t.bounds(i)
		c.walk(p.child(i), below, above, depth+1)
	}
}

// take notes that pages are in use; a page that was taken before is a finding.
func (c *checker) take(where string, id, count uint64) bool {
	for end := min(id+count, c.s.meta.Pages); id < end; id++ {
		if !c.used.set(id) {
			c.finding(where, corrupt("page %d is used twice", id))
			return false
		}
	}
	return true
}

// bitmap is a set of pages.
type bitmap struct {
	bits  []uint64
	count uint64
}

func newBitmap(n uint64) bitmap { return bitmap{bits: make([]uint64, n/64+1)} }

// set adds i and reports whether it was new.
func (b *bitmap) set(i uint64) bool {
	if b.bits[i/64]&(1<<(i%64)) != 0 {
		return false
	}
	b.bits[i/64] |= 1 << (i % 64)
	b.count++
	return true
}
