package boltstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
)

// builder writes a new file under a temporary name. Only when it is complete and on the disk it gets its name: nobody ever sees half of it.
type builder struct {
	disk   atomicfile.FS
	temp   *atomicfile.Temp
	path   string
	buffer *bufio.Writer
	writer *boltread.Writer
}

// writeBuffer is how much is written at once.
const writeBuffer = 256 << 10

func newBuilder(disk atomicfile.FS, path string) (*builder, error) {
	t, err := atomicfile.New(disk, path)
	if err != nil {
		return nil, &store.Error{Op: "creating", Location: path, Err: err}
	}
	b := &builder{disk: disk, temp: t, path: path, buffer: bufio.NewWriterSize(t, writeBuffer)}
	if b.writer, err = boltread.NewWriter(b.buffer); err != nil {
		b.discard()
		return nil, b.failed(err)
	}
	return b, nil
}

func (b *builder) failed(err error) error {
	if err == nil {
		return nil
	}
	return &store.Error{Op: "writing", Location: b.path, Err: err}
}

// put adds a record. The keys come in ascending order.
func (b *builder) put(key, value []byte) error { return b.failed(b.writer.Put(key, value)) }

// finish writes what is left.
func (b *builder) finish() error {
	_, err := b.complete()
	return err
}

// complete is finish, and returns what the file holds.
func (b *builder) complete() (*boltread.Snapshot, error) {
	meta, err := b.writer.Finish()
	if err == nil {
		err = b.buffer.Flush()
	}
	f := b.temp.File()
	if err == nil {
		err = writeAt(b.disk, f, meta.Data, meta.At)
	}
	var info os.FileInfo
	if err == nil {
		info, err = f.Stat()
	}
	var snap *boltread.Snapshot
	if err == nil {
		snap, err = boltread.Open(context.Background(), f, info.Size())
	}
	if err == nil {
		err = double(b.disk, f, snap, true)
	}
	return snap, b.failed(err)
}

// discard closes the file and removes its temporary name if it still has it.
func (b *builder) discard() { b.temp.Discard() }

// publish gives the file its name, never over an existing file.
func (b *builder) publish() error {
	if err := b.finish(); err != nil {
		return err
	}
	err := b.temp.Publish()
	if errors.Is(err, fs.ErrExist) {
		err = kdb.ErrDatabaseExists
	}
	if err != nil {
		return &store.Error{Op: "creating", Location: b.path, Err: err}
	}
	return nil
}

// copyAll puts all records of a state, and tells the key of each.
func (b *builder) copyAll(snap *boltread.Snapshot, copied func(key string)) error {
	for record, err := range snap.Scan("", "") {
		if err != nil {
			return err
		}
		if err := b.put([]byte(record.Key), record.Value); err != nil {
			return err
		}
		copied(record.Key)
	}
	return nil
}

// Rewrite implements store.Rewriter: the file is written again, without free pages, and renamed over the old one while
// the lock on the old one is held. Mode and owner stay.
func (s *Store) Rewrite(ctx context.Context, fn func(old, made store.Tx) error) error {
	return s.replaceWith(ctx, func(snap *boltread.Snapshot, path string) (*builder, error) { return s.rewritten(ctx, snap, path, fn) })
}

// Compact implements store.Rewriter, in the way of [Store.Rewrite].
func (s *Store) Compact(ctx context.Context, copied func(key string)) error {
	return s.replaceWith(ctx, func(snap *boltread.Snapshot, path string) (*builder, error) {
		return s.compacted(snap, path, copied)
	})
}

// compacted makes a new file of all records.
func (s *Store) compacted(snap *boltread.Snapshot, path string, copied func(key string)) (*builder, error) {
	b, err := newBuilder(s.disk, path)
	if err != nil {
		return nil, err
	}
	if err = b.copyAll(snap, copied); err != nil {
		b.discard()
	}
	return b, err
}

// replaceWith replaces the file by one that is made of its records.
func (s *Store) replaceWith(ctx context.Context, make func(snap *boltread.Snapshot, path string) (*builder, error)) error {
	if !canReplaceOpen {
		return &store.Error{Op: "rewriting", Location: s.path, Err: fmt.Errorf(
			"%w on this platform: make a backup, which is rewritten, and use that", kdb.ErrUnsupported)}
	}
	path, err := filepath.EvalSymlinks(s.path)
	if err != nil {
		return s.translate(err)
	}
	h, err := s.openChecked(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	if atomicfile.IsShared(h.file) {
		return &store.Error{Op: "rewriting", Location: s.path, Err: errShared}
	}
	snap, err := h.snapshot(ctx)
	if err != nil {
		return s.name(err)
	}
	b, err := make(snap, path)
	if err != nil {
		return s.name(err)
	}
	defer b.discard()
	return b.replace(h.file)
}

// errShared says why a file keeps its place: the other names would go on with the old content.
var errShared = fmt.Errorf("%w here: the file has other names (hard links) or is mounted, so that no new file can take its place",
	kdb.ErrUnsupported)

// rewritten makes a new file of what fn puts; a nil fn puts everything.
func (s *Store) rewritten(
	ctx context.Context, snap *boltread.Snapshot, path string, fn func(old, made store.Tx) error,
) (b *builder, err error) {
	if fn == nil {
		return s.compacted(snap, path, func(string) {})
	}
	o := newOverlay(ctx, boltread.Empty(ctx))
	o.disk, o.path, o.limit = s.disk, path, s.limit
	defer o.discard()
	if err := fn(readOnly{snap}, o); err != nil {
		return nil, err
	}
	b, _, err = o.build()
	return b, err
}

// openChecked opens the file for writing after its freelist, which bbolt reads then, was found to be sound.
func (s *Store) openChecked(ctx context.Context) (*handle, error) {
	err := s.withSnapshot(ctx, func(snap *boltread.Snapshot) error { _, err := snap.Free(); return err })
	if err != nil {
		return nil, err
	}
	return s.open(ctx, access{write: true})
}

// replace puts the new file in the place of the old one, with its owner and mode.
func (b *builder) replace(old *os.File) error {
	if err := b.finish(); err != nil {
		return err
	}
	err := b.temp.Keep(old)
	if err == nil {
		err = b.temp.Replace()
	}
	if err != nil {
		return &store.Error{Op: "rewriting", Location: b.path, Err: err}
	}
	return nil
}
