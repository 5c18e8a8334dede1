package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"certkdb/kdb"
	"certkdb/kdb/internal/lockfile"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
)

// handle is the open and locked file.
type handle struct {
	path   string
	db     *bbolt.DB
	file   *os.File // bbolt's own
	broken bool     // bbolt panicked: its locks cannot be trusted any more
	end    func()   // of its turn; nil if it has none
}

// canReplaceOpen says that a file can be renamed over while it is open, and that mapping more of it than it has does not make it longer.
const canReplaceOpen = runtime.GOOS != "windows"

// errReplaced says that the file was renamed over between opening and locking it.
var errReplaced = errors.New("the file was replaced meanwhile")

// errRemoved says that the file that was written is not the one at its path any more.
var errRemoved = fmt.Errorf("%w: the file was removed or replaced meanwhile", kdb.ErrNoDatabase)

// access says how to open the file: for writing or not, and how much will be written.
type access struct {
	write bool
	more  int
}

// open opens and locks the file, waiting for the lock as long as the options say.
func (s *Store) open(ctx context.Context, how access) (h *handle, err error) {
	most := s.patience
	if how.write { // it cannot come in while somebody reads, so it keeps its turn
		most = max(most, s.wait)
	}
	end := s.turns.take(ctx, how.write, most)
	err = lockfile.Wait(ctx, s.wait, kdb.ErrLocked, func() error {
		for {
			if h, err = s.tryOpen(how); !errors.Is(err, errReplaced) {
				return err
			}
		}
	})
	if err != nil {
		end()
		return h, err
	}
	h.end = end
	return h, nil
}

// tryOpen opens the file once. It is bbolt that locks, in the way of each platform.
func (s *Store) tryOpen(how access) (h *handle, err error) {
	h = &handle{path: s.path}
	defer h.guard(&err)
	defer faultsPanic()()
	h.db, err = bbolt.Open(s.path, 0, &bbolt.Options{
		ReadOnly: !how.write,
		// bbolt waits without end when Timeout is 0 and fails at once when it is short.
		Timeout:      time.Nanosecond,
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
		// Growing the map later makes bbolt copy all that it has in memory.
		InitialMmapSize: s.mapSize(how.more),
		OpenFile: func(path string, flag int, _ os.FileMode) (*os.File, error) {
			h.file, err = s.openFile(path, flag)
			return h.file, err
		},
	})
	if err != nil {
		return nil, s.translate(err)
	}
	if !samePath(h.file, s.path) {
		h.close()
		return nil, errReplaced
	}
	h.db.AllocSize = s.growth(how.more)
	return h, nil
}

// mapSize is how much of the file bbolt is to map when more is written to it; 0 leaves it to bbolt.
func (s *Store) mapSize(more int) int {
	size, err := s.Size()
	if err != nil || more < boltread.WriterPageSize || !canReplaceOpen {
		return 0
	}
	return int(size) + 2*more
}

// growth is how many bytes more than it needs bbolt makes a file that grows. Making it longer costs a wait for the disk; by default, bbolt
// makes it as long as what it maps.
func (s *Store) growth(more int) int {
	size, _ := s.Size()
	return max(4*boltread.WriterPageSize, (int(size)+more)/64)
}

// openExisting opens a regular file that is there and not empty; bbolt would make one, or initialise an empty one.
func openExisting(path string, flag int) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is no regular file", kdb.ErrNoDatabase)
	}
	if info.Size() < 2*boltread.MinPageSize {
		return nil, corrupt("it was cut off: %d bytes are left", info.Size())
	}
	return os.OpenFile(path, flag&^os.O_CREATE, 0)
}

// samePath reports whether the open file is still the one at path.
func samePath(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	current, err := os.Stat(path)
	return err == nil && os.SameFile(opened, current)
}

// snapshot reads the state of the locked file.
func (h *handle) snapshot(ctx context.Context) (*boltread.Snapshot, error) {
	info, err := h.file.Stat()
	if err != nil {
		return nil, err
	}
	return boltread.Open(ctx, h.file, info.Size())
}

// apply lets bbolt store the changes in one transaction.
func (h *handle) apply(changes []change) (err error) {
	defer h.guard(&err)
	defer faultsPanic()()
	err = h.db.Update(func(tx *bbolt.Tx) error { return write(tx, changes, len(changes) >= bulk) })
	if err != nil {
		return &store.Error{Op: "writing", Location: h.path, Err: err}
	}
	return nil
}

// bulk is the number of changes from which pages are filled more densely: bbolt leaves every page half empty, which is
// right for single additions and wasteful for sorted ones.
const bulk, bulkFill = 128, 0.9

// write stores the changes, each in its bucket.
func write(tx *bbolt.Tx, changes []change, dense bool) error {
	buckets := make(map[string]*bbolt.Bucket)
	for _, name := range boltread.Buckets() {
		buckets[name] = tx.Bucket([]byte(name))
		if dense {
			buckets[name].FillPercent = bulkFill
		}
	}
	for _, c := range changes {
		bucket := buckets[boltread.BucketOf(c.key)]
		if c.value == nil {
			if err := bucket.Delete(c.key); err != nil {
				return err
			}
		} else if err := bucket.Put(c.key, c.value); err != nil {
			return err
		}
	}
	return nil
}

// guard turns a panic of bbolt into kdb.ErrCorrupt. It is deferred where bbolt works on its memory map and nowhere
// else. The pages were checked before, but another program may cut or overwrite the file under us, and then bbolt's
// assertions panic, or touching the map is a fault, which the setting makes a panic too instead of the end of the
// process.
func (h *handle) guard(err *error) {
	if r := recover(); r != nil {
		h.broken = true
		*err = &store.Error{Op: "accessing", Location: h.path, Err: corrupt("%v", r)}
		h.close()
	}
}

// close unlocks and closes the file.
func (h *handle) close() {
	switch {
	case h.broken && h.file != nil:
		// Closing bbolt could wait for its own locks for ever. Its memory map is lost to us.
		unlock(h.file)
		h.file.Close()
	case !h.broken && h.db != nil:
		if h.db.IsReadOnly() {
			unlock(h.file) // bbolt leaves that to closing, see lockfile.Close
		}
		h.db.Close()
	}
	h.file, h.db = nil, nil
	if h.end != nil {
		h.end()
		h.end = nil
	}
}

// translate maps errors of the operating system and of bbolt to those of package kdb.
func (s *Store) translate(err error) error {
	var pathError *fs.PathError
	var errno syscall.Errno
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		err = kdb.ErrLocked
	case errors.Is(err, fs.ErrNotExist):
		err = kdb.ErrNoDatabase
	case errors.Is(err, kdb.ErrCorrupt), errors.Is(err, kdb.ErrNoDatabase), errors.As(err, &pathError), errors.As(err, &errno):
	case errors.Is(err, berrors.ErrVersionMismatch):
		err = fmt.Errorf("%w: %v", kdb.ErrVersion, err)
	default: // bbolt does not like the meta pages
		err = s.diagnose(err)
	}
	return &store.Error{Op: "opening", Location: s.path, Err: err}
}

// diagnose finds out what is wrong with a file whose meta pages bbolt refuses.
func (s *Store) diagnose(cause error) error {
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := boltread.ReadMeta(f, info.Size()); err != nil {
		return err
	}
	return corrupt("%v", cause)
}

// corrupt makes an error that wraps kdb.ErrCorrupt.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", kdb.ErrCorrupt, fmt.Sprintf(format, args...))
}

// faultsPanic makes memory faults panics in this goroutine until the returned function is called.
func faultsPanic() (restore func()) {
	old := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(old) }
}
