package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// pageSize is that of new files, the same on every platform.
const pageSize = 4096

// batchBytes is how much a builder collects before it writes, so that memory stays flat whatever the size of the file.
const batchBytes = 8 << 20

// builder writes a new file under a temporary name beside its final one. Only when it is complete and on the disk it
// gets its name: nobody ever sees half of it.
type builder struct {
	h       handle
	changes []change
	size    int
}

func newBuilder(path string) (*builder, error) {
	b, err := openBuilder(path, func(*os.File) error { return nil })
	if err == nil {
		err = b.h.db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bucketName); return err })
		if err != nil {
			b.discard()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("creating %q: %w", path, err)
	}
	return b, nil
}

// openBuilder makes the temporary file, lets fill write to it and opens it.
func openBuilder(path string, fill func(*os.File) error) (b *builder, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp") // mode 0600
	var named *fs.PathError
	if errors.As(err, &named) { // after a file that never was
		return nil, named.Err
	}
	if err != nil {
		return nil, err
	}
	b = &builder{h: handle{path: f.Name(), file: f}}
	defer func() {
		if err != nil {
			b.discard()
		}
	}()
	if err := fill(f); err != nil {
		return nil, err
	}
	return b, b.h.openOwn(f)
}

// openOwn has bbolt open a temporary file, which is nobody else's.
func (h *handle) openOwn(f *os.File) (err error) {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.file = f
	defer h.guard(&err)
	defer faultsPanic()()
	h.db, err = bbolt.Open(f.Name(), 0, &bbolt.Options{
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return f, nil },
		PageSize: pageSize, NoSync: true, NoGrowSync: true, NoStatistics: true,
		Timeout: time.Nanosecond, FreelistType: bbolt.FreelistMapType, InitialMmapSize: ahead(info.Size()),
	})
	return err
}

// reopen makes bbolt forget the pages that it has mapped, which count as memory of the process.
func (b *builder) reopen() error {
	b.h.close()
	f, err := os.OpenFile(b.h.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return b.h.openOwn(f)
}

// ahead is how much of a file of unknown final size bbolt is to map: it costs address space alone, and mapping more
// later makes bbolt copy all that it has in memory.
func ahead(size int64) int {
	if !canMapAhead || strconv.IntSize < 64 {
		return 0
	}
	return int(2*size + 1<<30)
}

// put adds a record. It is fastest when the keys come in ascending order.
func (b *builder) put(key string, value []byte) error {
	if len(value) > MaxValue {
		return fmt.Errorf("storing record %q: %d bytes, at most %d are allowed", key, len(value), MaxValue)
	}
	b.changes = append(b.changes, change{[]byte(key), value})
	if b.size += len(key) + len(value); b.size < batchBytes {
		return nil
	}
	return b.flush()
}

func (b *builder) flush() error {
	slices.SortStableFunc(b.changes, func(x, y change) int { return strings.Compare(string(x.key), string(y.key)) })
	err := b.h.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketName)
		bucket.FillPercent = bulkFill
		return write(bucket, b.changes)
	})
	b.changes, b.size = b.changes[:0], 0
	if err != nil {
		return fmt.Errorf("writing %q: %w", b.h.path, err)
	}
	return nil
}

// finish writes what is left, and everything to the disk.
func (b *builder) finish() error {
	if err := b.flush(); err != nil {
		return err
	}
	if err := b.h.db.Sync(); err != nil {
		return fmt.Errorf("writing %q: %w", b.h.path, err)
	}
	return nil
}

// discard closes the file and removes its temporary name if it still has it.
func (b *builder) discard() {
	b.h.close()
	os.Remove(b.h.path)
}

// publishNew gives the file its name, never over an existing file.
func (b *builder) publishNew(path string) error {
	if err := b.finish(); err != nil {
		return err
	}
	b.h.close()
	err := os.Link(b.h.path, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = claim(b.h.path, path)
	}
	if errors.Is(err, fs.ErrExist) {
		err = kdb.ErrDatabaseExists
	}
	if err != nil {
		return fmt.Errorf("creating %q: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// claim is publishing on file systems without hard links: whoever makes the empty file owns the name.
func claim(temporary, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	if err := os.Rename(temporary, path); err != nil {
		os.Remove(path)
		return err
	}
	return nil
}

// Copy implements store.Copier: it writes a compact copy of one state of the records into a new file of mode 0600.
func (s *Store) Copy(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("creating %q: %w", path, kdb.ErrDatabaseExists)
	}
	return s.withSnapshot(ctx, func(snap *snapshot) error {
		b, err := newBuilder(path)
		if err != nil {
			return err
		}
		defer b.discard()
		if err := copyAll(snap, b.put); err != nil {
			return err
		}
		return b.publishNew(path)
	})
}

func copyAll(snap *snapshot, put func(key string, value []byte) error) error {
	for record, err := range snap.Scan("", "") {
		if err != nil {
			return err
		}
		if err := put(record.Key, append([]byte(nil), record.Value...)); err != nil {
			return err
		}
	}
	return nil
}

// Rewrite implements store.Rewriter: the file is written anew, without free pages, and renamed over the old one while
// the lock on the old one is held. Mode and owner stay. A nil fn copies everything.
func (s *Store) Rewrite(ctx context.Context, fn func(old store.Tx, put func(key string, value []byte) error) error) error {
	if !canReplaceOpen {
		return fmt.Errorf("rewriting %q: %w on this platform: make a backup, which is rewritten, and use that",
			s.path, kdb.ErrUnsupported)
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
	snap, err := h.snapshot(ctx)
	if err != nil {
		return s.name(err)
	}
	b, err := newBuilder(path)
	if err != nil {
		return err
	}
	defer b.discard()
	if fn == nil {
		err = copyAll(snap, b.put)
	} else {
		err = fn(readOnly{snap}, b.put)
	}
	if err != nil {
		return s.name(err)
	}
	return b.replace(h.file, path)
}

// openChecked opens the file for writing after its freelist, which bbolt reads then, was found to be sound.
func (s *Store) openChecked(ctx context.Context) (*handle, error) {
	err := s.withSnapshot(ctx, func(snap *snapshot) error { _, err := snap.freelist(); return err })
	if err != nil {
		return nil, err
	}
	return s.open(ctx, access{write: true})
}

// replace puts the new file in the place of the old one.
func (b *builder) replace(old *os.File, path string) error {
	if err := b.finish(); err != nil {
		return err
	}
	info, err := old.Stat()
	if err != nil {
		return err
	}
	if err := b.h.file.Chmod(info.Mode().Perm()); err != nil {
		return fmt.Errorf("rewriting %q: %w", path, err)
	}
	if err := keepOwner(b.h.file, info); err != nil {
		return fmt.Errorf("rewriting %q: keeping its owner: %w", path, err)
	}
	if err := b.h.file.Sync(); err != nil {
		return fmt.Errorf("rewriting %q: %w", path, err)
	}
	b.h.close()
	if err := os.Rename(b.h.path, path); err != nil {
		return fmt.Errorf("rewriting %q: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}
