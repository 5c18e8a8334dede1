// Package boltstore keeps records in one bbolt file. It is the only importer of bbolt.
//
// The file is opened for each transaction and closed after it, so nothing is locked between transactions: readers share
// the file, a writer has it alone. Reading goes through package boltread, which checks every page: a damaged or truncated
// file is an error wrapping kdb.ErrCorrupt and never a signal. Only what changes something reaches bbolt, after the pages that
// it will touch were checked.
//
//	st := boltstore.Backend().Open("key.ckdb", store.Options{LockTimeout: 10 * time.Second})
//	err := st.Update(ctx, func(tx store.Tx) error { return tx.Put("a", []byte("b")) })
package boltstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
)

// Backend opens bbolt files.
func Backend() store.Backend {
	return store.Backend{
		Matches: boltread.Matches,
		Remains: boltread.IsWreck,
		Open:    func(path string, o store.Options) store.Store { return Open(path, Options{Options: o}) },
		Exists:  kdb.FileExists,
	}
}

// Options say how to use a file.
type Options struct {
	store.Options
	// MaxMemory is how many bytes of changes an Update collects in memory; 0 is 8 MiB. Beyond it they go to a temporary file, while as many
	// again are collected, and in the end a new file takes the file's place.
	MaxMemory int
	// Disk is for tests; nil is the disk of this machine.
	Disk atomicfile.FS
}

const defaultMaxMemory = 8 << 20

// Store is one file. It implements store.Store and most of what a store can do beyond that.
type Store struct {
	path   string
	wait   time.Duration
	create atomic.Bool
	limit  int
	disk   atomicfile.FS
	// openFile opens the file before it is locked; tests do something in between.
	openFile func(path string, flag int) (*os.File, error)

	turns    turns
	patience time.Duration
}

var (
	_ store.Store    = (*Store)(nil)
	_ store.File     = (*Store)(nil)
	_ store.Checker  = (*Store)(nil)
	_ store.Copier   = (*Store)(nil)
	_ store.Rewriter = (*Store)(nil)
	_ store.Eraser   = (*Store)(nil)
	_ store.Locker   = (*Store)(nil)
)

// Open returns the store in the file at path, without touching the file yet.
func Open(path string, o Options) *Store {
	s := &Store{
		path: path, wait: o.LockTimeout, limit: cmp.Or(o.MaxMemory, defaultMaxMemory), disk: o.Disk, openFile: openExisting, patience: patience,
	}
	if s.disk == nil {
		s.disk = atomicfile.Disk{}
	}
	s.create.Store(o.Create)
	return s
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Tx) error) error {
	return s.withSnapshot(ctx, func(snap *boltread.Snapshot) error { return fn(readOnly{snap}) })
}

func (s *Store) withSnapshot(ctx context.Context, fn func(*boltread.Snapshot) error) error {
	return s.withFile(ctx, func(_ *os.File, snap *boltread.Snapshot) error { return fn(snap) })
}

// withFile is withSnapshot with the file that is locked.
func (s *Store) withFile(ctx context.Context, fn func(*os.File, *boltread.Snapshot) error) error {
	h, err := s.open(ctx, access{})
	if err != nil {
		return err
	}
	defer h.close()
	snap, err := h.snapshot(ctx)
	if err != nil {
		return s.name(err)
	}
	return s.name(fn(h.file, snap))
}

// name adds the file to an error that is about its content.
func (s *Store) name(err error) error {
	if _, named := errors.AsType[*store.Error](err); !named && errors.Is(err, kdb.ErrCorrupt) {
		return &store.Error{Op: "reading", Location: s.path, Err: err}
	}
	return err
}

// Update implements store.Store. fn runs on a snapshot first. Only if it changed something the file is locked for
// writing; if somebody else wrote in between, fn runs once more, now with the lock held.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if s.create.Load() {
		return s.updateNew(ctx, fn)
	}
	w, err := s.prepare(ctx, fn)
	defer w.discard() // last: where locks belong to processes, closing any file of the same inode gives them back
	if err != nil || w.empty() {
		return err
	}
	return s.updateLocked(ctx, w, fn)
}

// UpdateLocked implements store.Locker.
func (s *Store) UpdateLocked(ctx context.Context, fn func(store.Tx) error) error {
	if err := s.withSnapshot(ctx, writable); err != nil {
		return err
	}
	return s.updateLocked(ctx, &work{}, fn)
}

// updateLocked locks the file and stores what fn did or, if it was to something else than what is in the file now, does again.
func (s *Store) updateLocked(ctx context.Context, w *work, fn func(store.Tx) error) error {
	h, err := s.open(ctx, access{write: true, more: sizeOf(w.changes)})
	if err != nil {
		return err
	}
	defer h.close()
	snap, err := h.snapshot(ctx)
	if err != nil {
		return s.name(err)
	}
	if w.file == nil || !w.isFrom(h, snap) {
		again, err := s.collect(ctx, h.file, snap, fn)
		defer again.discard()
		if err != nil || again.empty() {
			return s.name(err)
		}
		w = again
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return w.commit(h)
}

// prepare runs fn on what is in the file now.
func (s *Store) prepare(ctx context.Context, fn func(store.Tx) error) (w *work, err error) {
	err = s.withFile(ctx, func(f *os.File, snap *boltread.Snapshot) error {
		w, err = s.collect(ctx, f, snap, fn)
		if err != nil || w.empty() {
			return err
		}
		if w.file, err = os.Open(s.path); err != nil {
			return s.translate(err)
		}
		return writable(snap)
	})
	return w, err
}

// writable checks what bbolt reads as soon as it opens a file for writing: the freelist, and the root page that the newest meta names.
func writable(snap *boltread.Snapshot) error {
	if snap.Meta().RootLost {
		return corrupt("its root page is damaged: it can be read, but not changed")
	}
	_, err := snap.Free()
	return err
}

// work is what an update did, from which state.
type work struct {
	seen boltread.Meta
	// file is the file of that state. It is kept open, lest its inode be given to another file: a file that was
	// rewritten counts its transactions from the beginning, so only a meta of the same file tells two states apart.
	file    *os.File
	changes []change
	shadow  *builder // a new file with the changes, if they were many
	path    string   // that the shadow is to take
	disk    atomicfile.FS
}

// collect runs fn and returns what it did to the state in a file, which is nil if there is none yet. The caller discards it in the end.
// Many changes go to a new file, unless the old one has to keep its place: then all are in memory.
func (s *Store) collect(ctx context.Context, f *os.File, snap *boltread.Snapshot, fn func(store.Tx) error) (*work, error) {
	o := newOverlay(ctx, snap)
	w := &work{seen: snap.Meta(), disk: s.disk}
	path, err := filepath.EvalSymlinks(s.path)
	if err == nil && canReplaceOpen && f != nil && !atomicfile.IsShared(f) {
		o.disk, o.path, o.limit, w.path = s.disk, path, s.limit, path
	}
	defer o.discard() // also if fn panics
	if err := fn(o); err != nil {
		return nil, err
	}
	if o.runs == nil {
		w.changes, err = o.effective()
		return w, err
	}
	b, changed, err := o.build()
	if changed {
		w.shadow = b
	} else if b != nil {
		b.discard()
	}
	return w, err
}

func (w *work) empty() bool { return w == nil || w.shadow == nil && len(w.changes) == 0 }

// isFrom reports whether the state that the work was made from is still the current one.
func (w *work) isFrom(h *handle, snap *boltread.Snapshot) bool {
	if w.seen != snap.Meta() {
		return false
	}
	then, err := w.file.Stat()
	if err != nil {
		return false
	}
	now, err := h.file.Stat()
	return err == nil && os.SameFile(then, now)
}

// discard closes the file, and removes the shadow if there is one that did not take its place.
func (w *work) discard() {
	if w == nil {
		return
	}
	if w.file != nil {
		w.file.Close()
	}
	if w.shadow != nil {
		w.shadow.discard()
	}
}

// commit stores the changes in the locked file.
func (w *work) commit(h *handle) error {
	var err error
	if w.shadow == nil {
		err = w.apply(h)
	}
	if err == nil && !samePath(h.file, h.path) {
		err = &store.Error{Op: "writing", Location: h.path, Err: errRemoved}
	}
	if err != nil || w.shadow == nil {
		return err
	}
	return w.shadow.replace(h.file)
}

// apply stores the changes in the file itself. The lock is held until both meta pages name the new state.
func (w *work) apply(h *handle) error {
	if err := h.apply(w.changes); err != nil {
		return err
	}
	snap, err := h.snapshot(context.Background())
	if err == nil {
		err = double(w.disk, h.file, snap, true)
	}
	if err != nil && snap != nil { // on a full disk there may be no page for the copy
		err = double(w.disk, h.file, snap, false)
	}
	if err != nil {
		return &store.Error{Op: "writing", Location: h.path, Err: fmt.Errorf("the change is stored, but not its second copy: %w", err)}
	}
	return nil
}

// updateNew makes the file out of what fn stores.
func (s *Store) updateNew(ctx context.Context, fn func(store.Tx) error) error {
	if _, err := os.Lstat(s.path); err == nil {
		return &store.Error{Op: "creating", Location: s.path, Err: kdb.ErrDatabaseExists}
	}
	w, err := s.collect(ctx, nil, boltread.Empty(ctx), fn)
	if err != nil {
		return err
	}
	b, err := newBuilder(s.disk, s.path)
	if err != nil {
		return err
	}
	defer b.discard()
	for _, c := range w.changes {
		if err := b.put(c.key, c.value); err != nil {
			return err
		}
	}
	if err := b.publish(); err != nil {
		return err
	}
	s.create.Store(false)
	return nil
}

// Path implements store.File.
func (s *Store) Path() string { return s.path }

// Limits implements store.Store.
func (s *Store) Limits() store.Limits { return limits }

// Size implements store.Store.
func (s *Store) Size() (int64, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return 0, s.translate(err)
	}
	return info.Size(), nil
}

// Close implements store.Store. Nothing is open between transactions.
func (s *Store) Close() error { return nil }

// readOnly is the transaction of a View.
type readOnly struct{ *boltread.Snapshot }

var errReadOnly = errors.New("the transaction is for reading only")

// Put implements store.Tx.
func (readOnly) Put(string, []byte) error { return errReadOnly }

// Delete implements store.Tx.
func (readOnly) Delete(string) error { return errReadOnly }
