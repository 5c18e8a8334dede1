package boltread

import "hash/fnv"

// Patch is what to write to a file, and where.
type Patch struct {
	At   int64
	Data []byte
}

// Double returns what makes the other meta page name this state too, with a copy of its root page behind the last page in use. So no page
// is the only way to the records, and removing the newest meta does not bring back the state before it. The next transaction may take
// the page of the copy for something else, even if it is not completed; the newest meta is sound then. If there is no room for the copy,
// both meta pages name the one root page.
func (s *Snapshot) Double(room bool) ([]Patch, error) {
	m := s.meta
	if m.Tx == 0 || m.RootLost {
		return nil, nil
	}
	root, err := s.read(m.Root, nil)
	if err != nil {
		return nil, err
	}
	meta := make([]byte, m.PageSize)
	if _, err := s.file.ReadAt(meta, int64(m.Tx%2)*m.PageSize); err != nil {
		return nil, err
	}
	other := (m.Tx - 1) % 2
	order.PutUint64(meta, other)
	fields := meta[headerSize:]
	order.PutUint64(fields[48:], m.Tx-1)
	if room {
		order.PutUint64(root.data, m.Pages)
		order.PutUint64(fields[16:], m.Pages)
		order.PutUint64(fields[40:], m.Pages+1+root.overflow)
	}
	sum := fnv.New64a()
	sum.Write(fields[:56])
	order.PutUint64(fields[56:], sum.Sum64())
	patches := []Patch{{int64(m.Pages) * m.PageSize, root.data}, {int64(other) * m.PageSize, meta}}
	if !room {
		patches = patches[1:]
	}
	return patches, nil
}

// doubles reports whether a meta page names the same state as the newest one, by the copy of its root page.
func (m *Meta) doubles(newest Meta) bool {
	return m.Tx == newest.Tx-1 && m.Freelist == newest.Freelist && m.Root == newest.Pages && m.Pages > m.Root
}
