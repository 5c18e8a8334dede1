package boltstore

import (
	"context"
	"errors"
	"os"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
)

var (
	_ store.Salvager = (*Store)(nil)
	_ store.Filler   = (*Store)(nil)
)

// Salvage implements store.Salvager. The file is locked as for a View, unless it is too damaged for that: bbolt locks it, and wants a meta
// page.
func (s *Store) Salvage(ctx context.Context, fn func(store.Wreck) error) error {
	h, err := s.open(ctx, access{})
	switch {
	case err == nil:
		defer h.close()
	case !errors.Is(err, kdb.ErrCorrupt) && !errors.Is(err, kdb.ErrVersion):
		return err
	}
	f, err := openToRead(s.path)
	if err != nil {
		return s.translate(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return s.translate(err)
	}
	w, err := boltread.Salvage(ctx, f, info.Size())
	if err != nil {
		return s.name(err)
	}
	return fn(w)
}

// openToRead opens a regular file, whatever is in it.
func openToRead(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, kdb.ErrNoDatabase
	}
	return os.Open(path)
}

// Fill implements store.Filler.
func (s *Store) Fill(ctx context.Context, over bool, fn func(made store.Tx) error) error {
	exists, err := kdb.FileExists(ctx, s.path)
	if err != nil || exists && !over {
		return &store.Error{Op: "creating", Location: s.path, Err: errors.Join(err, kdb.ErrDatabaseExists)}
	}
	path := s.path
	if exists {
		path = atomicfile.Follow(path)
	}
	b, err := s.rewritten(ctx, boltread.Empty(ctx), path, func(_, made store.Tx) error { return fn(made) })
	if err != nil {
		return err
	}
	defer b.discard()
	if exists {
		err = b.replaceAny(path)
	} else {
		err = b.publish()
	}
	if err == nil {
		s.create.Store(false)
	}
	return err
}

// replaceAny puts the new file in the place of a regular file, whatever is in that.
func (b *builder) replaceAny(path string) error {
	old, err := openToRead(path)
	if err != nil {
		return &store.Error{Op: "replacing", Location: path, Err: err}
	}
	defer old.Close()
	if atomicfile.IsShared(old) {
		return &store.Error{Op: "replacing", Location: path, Err: errShared}
	}
	return b.replace(old)
}
