package boltread

import (
	"bytes"
	"hash/fnv"
	"io"
)

// Patch is what to write to a file, and where.
type Patch struct {
	At   int64
	Data []byte
}

// Double returns what makes the other meta page name this state too, with a copy of its root page behind the last page in use. So no page
// is the only way to the records, and removing the newest meta does not bring back the state before it. The next transaction may take
// the page of the copy for something else: it writes over the meta page that names the copy before any other.
func (s *Snapshot) Double() ([]Patch, error) {
	m := s.meta
	if m.Tx == 0 || m.RootLost {
		return nil, nil
	}
	root, err := s.read(m.Root, nil)
	if err != nil {
		return nil, err
	}
	at := m.Pages
	order.PutUint64(root.data, at)
	meta := make([]byte, m.PageSize)
	if _, err := s.file.ReadAt(meta, int64(m.Tx%2)*m.PageSize); err != nil {
		return nil, err
	}
	other := (m.Tx - 1) % 2
	order.PutUint64(meta, other)
	fields := meta[headerSize:]
	order.PutUint64(fields[16:], at)
	order.PutUint64(fields[40:], at+1+root.overflow)
	order.PutUint64(fields[48:], m.Tx-1)
	sum := fnv.New64a()
	sum.Write(fields[:56])
	order.PutUint64(fields[56:], sum.Sum64())
	return []Patch{{int64(at) * m.PageSize, root.data}, {int64(other) * m.PageSize, meta}}, nil
}

// doubles reports whether a meta page names the same state as the newest one, by the copy of its root page.
func (m *Meta) doubles(newest Meta) bool {
	return m.Tx == newest.Tx-1 && m.Freelist == newest.Freelist && m.Root == newest.Pages && m.Pages > m.Root
}

// double checks the copy of the root page. Until the next change there may be none, if the program was killed before it made it.
func (c *checker) double() {
	patches, err := c.s.Double()
	if err != nil || len(patches) == 0 {
		return // the root page itself is reported
	}
	there := make([]byte, c.s.meta.PageSize)
	_, err = c.s.file.ReadAt(there, patches[1].At)
	if m, errMeta := parseMeta(there[headerSize:]); err != nil || errMeta != nil || !m.doubles(c.s.meta) {
		return
	}
	copied := make([]byte, len(patches[0].Data))
	if _, err := c.s.file.ReadAt(copied, patches[0].At); err != nil && err != io.EOF || !bytes.Equal(copied, patches[0].Data) {
		c.finding("root page", corrupt("its copy on page %d is damaged", c.s.meta.Pages))
	}
}
