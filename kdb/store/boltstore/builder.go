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
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
)

// pageSize is that of new files, the same on every platform.
const pageSize = 4096

// batchBytes is how much a builder collects before it writes, so that memory stays flat whatever the size of the file.
const batchBytes = 8 << 20

// builder writes a new file under a temporary name. Only when it is complete and on the disk it gets its name: nobody ever sees half of it.
type builder struct {
	disk    atomicfile.FS
	temp    *atomicfile.Temp
	path    string
	h       handle
	changes []change
	size    int
}

func newBuilder(disk atomicfile.FS, path string) (*builder, error) {
	b, err := openBuilder(disk, path, func(*atomicfile.Temp) error { return nil })
	if err == nil {
		err = b.h.db.Update(createBuckets)
		if err != nil {
			b.discard()
		}
	}
	if err != nil {
		return nil, &store.Error{Op: "creating", Location: path, Err: err}
	}
	return b, nil
}

func createBuckets(tx *bbolt.Tx) error {
	for _, name := range boltread.Buckets() {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	return nil
}

// openBuilder makes the temporary file, lets fill write to it and opens it.
func openBuilder(disk atomicfile.FS, path string, fill func(*atomicfile.Temp) error) (b *builder, err error) {
	t, err := atomicfile.New(disk, path)
	if err != nil {
		return nil, err
	}
	b = &builder{disk: disk, temp: t, path: path, h: handle{path: t.File().Name()}}
	if err := errors.Join(fill(t), b.open()); err != nil {
		b.discard()
		return nil, err
	}
	return b, nil
}

// open has bbolt open the temporary file, which is nobody else's. Opening it again makes bbolt forget the pages that it has mapped,
// which count as memory of the process.
func (b *builder) open() (err error) {
	b.h.close()
	info, err := b.temp.File().Stat()
	if err != nil {
		return err
	}
	if b.h.file, err = b.temp.Reopen(); err != nil {
		return err
	}
	defer b.h.guard(&err)
	defer faultsPanic()()
	b.h.db, err = bbolt.Open(b.path, 0, &bbolt.Options{
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return b.h.file, nil },
		PageSize: pageSize, NoSync: true, NoGrowSync: true, NoStatistics: true,
		Timeout: time.Nanosecond, FreelistType: bbolt.FreelistMapType, InitialMmapSize: ahead(info.Size()),
	})
	return err
}

// ahead is how much of a file of unknown final size bbolt is to map: it costs address space alone, and mapping more
// later makes bbolt copy all that it has in memory.
func ahead(size int64) int {
	if !canReplaceOpen || strconv.IntSize < 64 {
		return 0
	}
	return int(2*size + 1<<30)
}

// put adds a record. It is fastest when the keys come in ascending order.
func (b *builder) put(key string, value []byte) error {
	if err := checkRecord(key, value); err != nil {
		return err
	}
	b.changes = append(b.changes, change{[]byte(key), value})
	if b.size += len(key) + len(value); b.size < batchBytes {
		return nil
	}
	return b.flush()
}

func (b *builder) flush() error {
	slices.SortStableFunc(b.changes, func(x, y change) int { return strings.Compare(string(x.key), string(y.key)) })
	err := b.h.db.Update(func(tx *bbolt.Tx) error { return write(tx, b.changes, true) })
	b.changes, b.size = b.changes[:0], 0
	if err != nil {
		return &store.Error{Op: "writing", Location: b.h.path, Err: err}
	}
	return nil
}

// finish writes what is left and closes bbolt's file.
func (b *builder) finish() error {
	defer b.h.close()
	if err := b.flush(); err != nil {
		return err
	}
	snap, err := b.h.snapshot(context.Background())
	if err == nil {
		err = double(b.disk, b.h.file, snap, true)
	}
	if err != nil {
		return &store.Error{Op: "writing", Location: b.h.path, Err: err}
	}
	return nil
}

// discard closes the file and removes its temporary name if it still has it.
func (b *builder) discard() {
	b.h.close()
	b.temp.Discard()
}

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

// Copy implements store.Copier: it writes a compact copy of one state of the records into a new file of mode 0600.
func (s *Store) Copy(ctx context.Context, path string) error {
	if exists, _ := kdb.FileExists(ctx, path); exists {
		return &store.Error{Op: "creating", Location: path, Err: kdb.ErrDatabaseExists}
	}
	return s.withSnapshot(ctx, func(snap *boltread.Snapshot) error {
		b, err := newBuilder(s.disk, path)
		if err != nil {
			return err
		}
		defer b.discard()
		if err := copyAll(snap, b.put); err != nil {
			return err
		}
		return b.publish()
	})
}

func copyAll(snap *boltread.Snapshot, put func(key string, value []byte) error) error {
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
	snap, err := h.snapshot(ctx)
	if err != nil {
		return s.name(err)
	}
	b, err := newBuilder(s.disk, path)
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
	return b.replace(h.file)
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
