package boltstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
)

// Erase implements store.Eraser: all free pages are overwritten with zeros, in place, while the file is locked. Any of them can hold an
// old copy of a page, because each transaction writes its pages to other places. The cost is one look at the free pages and two waits for
// the disk; it does not depend on the number of records.
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
	if err := s.zero(ctx, h.file, free, snap); err != nil {
		return &store.Error{Op: "erasing what was removed from", Location: s.path, Err: err}
	}
	return nil
}

// zero overwrites the pages that are not empty. The last transaction is synced first: another process may have been killed before it
// did that, and then a power failure would bring back the state before, whose pages these are.
func (s *Store) zero(ctx context.Context, f *os.File, pages []uint64, snap *boltread.Snapshot) error {
	if err := s.disk.Sync(f); err != nil {
		return err
	}
	if err := double(s.disk, f, snap, true); err != nil { // a process may have been killed before it did this
		return err
	}
	size := snap.Meta().PageSize
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
		if err := writeAt(s.disk, f, empty[:n], at); err != nil {
			return err
		}
	}
	return s.disk.Sync(f)
}

// double writes the other meta page and a copy of the root page, so that both metas name this state: see [boltread.Snapshot.Double].
// Nothing has to be synced: the state itself is on the disk, and its own meta counts for more.
func double(disk atomicfile.FS, f *os.File, snap *boltread.Snapshot, room bool) error {
	patches, err := snap.Double(room)
	for _, p := range patches {
		if err := writeAt(disk, f, p.Data, p.At); err != nil {
			return err
		}
	}
	return err
}

func writeAt(disk atomicfile.FS, f *os.File, data []byte, at int64) error {
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return err
	}
	_, err := disk.Write(f, data)
	return err
}
