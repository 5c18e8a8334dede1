package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
	"os"

	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
)

// Erase implements store.Eraser: all free pages are overwritten with zeros, in place, while the file is locked. Old copies of a page can be
// in
// any of them, as each transaction writes its pages to other places. The cost is one look at the free pages and two waits for the disk;
// it does not depend on the number of records.
func (s *Store) Erase(ctx context.Context) error {
	h, err := s.openChecked(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	snap, err := h.snapshot(ctx)
	if err != nil {
		return s.name(err)
	}
	free, err := snap.Free()
	if err != nil {
		return s.name(err)
	}
	if err := s.zero(ctx, h.file, free, snap.Meta()); err != nil {
		return &store.Error{Op: "erasing what was removed from", Location: s.path, Err: err}
	}
	return nil
}

// zero overwrites the pages that are not empty. The last transaction is synced first: another process may have been killed before it
// did that, and then a power failure would bring back the state before, whose pages these are.
func (s *Store) zero(ctx context.Context, f *os.File, pages []uint64, m boltread.Meta) error {
	if err := s.disk.Sync(f); err != nil {
		return err
	}
	if err := s.doubleMeta(f, m); err != nil {
		return err
	}
	size := m.PageSize
	empty, page := make([]byte, size), make([]byte, size)
	for _, id := range pages {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := int64(id) * size
		n, err := f.ReadAt(page, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if bytes.Equal(page[:n], empty[:n]) {
			continue
		}
		if err := s.writeAt(f, empty[:n], at); err != nil {
			return err
		}
	}
	return s.disk.Sync(f)
}

// Offsets in a meta page of bbolt: of the meta, and in it of the transaction and the checksum.
const metaAt, txAt, sumAt = 16, 48, 56

// doubleMeta makes the other meta page, which names the state before, name this one too. Going back to it would find erased pages.
func (s *Store) doubleMeta(f *os.File, m boltread.Meta) error {
	page := make([]byte, m.PageSize)
	if _, err := f.ReadAt(page, int64(m.Tx%2)*m.PageSize); err != nil || m.Tx == 0 {
		return err
	}
	order := binary.NativeEndian
	order.PutUint64(page, (m.Tx-1)%2) // its number
	meta := page[metaAt:]
	order.PutUint64(meta[txAt:], m.Tx-1)
	sum := fnv.New64a()
	sum.Write(meta[:sumAt])
	order.PutUint64(meta[sumAt:], sum.Sum64())
	return s.writeAt(f, page, int64((m.Tx-1)%2)*m.PageSize)
}

func (s *Store) writeAt(f *os.File, data []byte, at int64) error {
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return err
	}
	_, err := s.disk.Write(f, data)
	return err
}
