package boltstore

import (
	"context"
	"io"

	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
)

// Copy implements store.Copier.
func (s *Store) Copy(
	ctx context.Context, path string, fn func(old, made store.Tx) error,
) (made store.Copy, err error) {
	err = s.withSnapshot(ctx, func(snap *boltread.Snapshot) error {
		b, err := s.rewritten(ctx, snap, path, fn)
		if err != nil {
			return err
		}
		c := &copied{b: b}
		if c.snap, err = b.complete(); err != nil {
			b.discard()
			return err
		}
		made = c
		return nil
	})
	return made, err
}

// copied is a complete file that has no name.
type copied struct {
	b    *builder
	snap *boltread.Snapshot
}

// View implements store.Copy.
func (c *copied) View(_ context.Context, fn func(store.Tx) error) error { return fn(readOnly{c.snap}) }

// Size implements store.Copy.
func (c *copied) Size() int64 {
	info, err := c.b.temp.File().Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// WriteTo implements io.WriterTo.
func (c *copied) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, io.NewSectionReader(c.b.temp.File(), 0, c.Size()))
}

// Close removes the file.
func (c *copied) Close() error {
	c.b.discard()
	return nil
}
