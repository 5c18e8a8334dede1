// Package store is where a native database keeps its records: ordered keys and values, in transactions. A store knows
// nothing of what it holds and is not trusted with it: package sealed encrypts everything first.
//
// A [Backend] opens stores by their locations: boltstore keeps each in one file. Package storetest is the suite that every backend passes.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

var (
	// ErrNotFound says that a key is not there.
	ErrNotFound = errors.New("no such record")
	// ErrLimit says that a record or a transaction is larger than the store takes: see Limits.
	ErrLimit = errors.New("too large for this kind of store")
)

// Error is an error that names the store.
type Error struct {
	Op       string // what was going on: "opening"
	Location string
	Err      error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %q: %v", e.Op, e.Location, e.Err) }

// Unwrap returns what went wrong.
func (e *Error) Unwrap() error { return e.Err }

// Store keeps records. Its methods may be used by several goroutines, its file or server by several processes.
// Errors wrap kdb's ErrNoDatabase, ErrLocked and ErrCorrupt where these are the cause.
type Store interface {
	// View calls fn with one consistent snapshot. It never writes.
	View(ctx context.Context, fn func(Tx) error) error
	// Update calls fn and commits what it changed, all or nothing; fn may run again, so it must have no side effects.
	// If fn changed nothing, nothing is written.
	Update(ctx context.Context, fn func(Tx) error) error
	// Limits are what a transaction may not exceed.
	Limits() Limits
	// Size is the store's size in bytes, 0 if that means nothing.
	Size() (int64, error)
	Close() error
}

// Limits bound what a store takes; 0 is no limit.
type Limits struct {
	Key, Value int // bytes of one key and of one value
	Ops        int // different keys that one transaction changes
	Bytes      int // of the keys and values that one transaction puts
}

// Check compares a record with the limits; ErrLimit.
func (l Limits) Check(key string, value []byte) error {
	switch {
	case l.Key > 0 && len(key) > l.Key:
		return fmt.Errorf("storing a record: %w: its key has %d bytes, at most %d are allowed", ErrLimit, len(key), l.Key)
	case l.Value > 0 && len(value) > l.Value:
		return fmt.Errorf("storing record %q: %w: %d bytes, at most %d are allowed", key, ErrLimit, len(value), l.Value)
	}
	return nil
}

// Backend opens the stores of one kind by their locations.
type Backend struct {
	// Locates says whether a location is one of this backend's; nil for files.
	Locates func(location string) bool
	// Matches recognises a file of this kind by its first bytes; nil if the stores are not files.
	Matches func(head []byte) bool
	// Remains recognises what is left of a damaged file that Matches does not know; nil if that is not possible.
	Remains func(file io.ReaderAt, size int64) bool
	// Open returns the store at a location without touching it.
	Open func(location string, o Options) Store
	// Exists says whether there is anything at the location, a store or not.
	Exists func(ctx context.Context, location string) (bool, error)
}

// Options say how to open a store.
type Options struct {
	// LockTimeout is how long to wait for other processes; 0 fails at once.
	LockTimeout time.Duration
	// Create lets the first Update make the store, whole with what it stored or not at all. It fails with
	// kdb.ErrDatabaseExists if there is one; before it, View fails with kdb.ErrNoDatabase.
	Create bool
}

// File is a Store in a file of this machine.
type File interface {
	// Path is the file's path. Other files of the database, such as a stash, are in the same folder.
	Path() string
}

// Apart is the first of the keys that are stored apart from those before it: one damaged page keeps only records of one of the two sides
// from being read.
const Apart = "~"

// Tx is valid while fn runs; the slices that it returns are copies, unless a method says otherwise.
type Tx interface {
	// Get returns the value of a key; ErrNotFound.
	Get(key string) ([]byte, error)
	// Scan yields the records whose keys begin with prefix and are greater than after, in byte order. The value is
	// valid only until the next step. The records must not be changed meanwhile. What goes wrong is yielded last.
	Scan(prefix, after string) iter.Seq2[Record, error]
	// Put creates or replaces a record; the value becomes the store's. ErrLimit past the store's limits.
	Put(key string, value []byte) error
	// Delete removes a record; removing one that is not there is no error.
	Delete(key string) error
}

// Locker is a Store whose updates can be alone with it from the beginning. What else they look at, such as a file next to it, is still so
// when they are stored, if others change that in transactions only.
type Locker interface {
	// UpdateLocked is Update, but fn runs once, while nobody else reads or changes the store.
	UpdateLocked(ctx context.Context, fn func(Tx) error) error
}

// Checker is a Store that can verify its own structure, below the records.
type Checker interface {
	// Check calls report for each finding. The error says that the check itself could not be done.
	Check(ctx context.Context, report func(where, what string)) error
}

// Copier is a Store that can be copied while it is in use.
type Copier interface {
	// Copy makes a compact copy of one state, in the folder of a path, where it takes no name. fn puts its records into made, which is empty,
	// best in the order of their keys; a nil fn copies all of them. The caller closes the copy.
	Copy(ctx context.Context, path string, fn func(old, made Tx) error) (Copy, error)
}

// Copy is a complete store in a file without a name, for its caller to write somewhere.
type Copy interface {
	// View calls fn with the records of the copy.
	View(ctx context.Context, fn func(Tx) error) error
	Size() int64
	// WriteTo writes the file; it may be called several times.
	io.WriterTo
	io.Closer
}

// Eraser is a Store that keeps old values where they were until the place is needed.
type Eraser interface {
	// Erase overwrites every value that no record has any more, down to the disk.
	Erase(ctx context.Context) error
}

// Rewriter is a Store that can replace all its records at once with flat memory, leaving nothing of the old ones.
type Rewriter interface {
	// Rewrite calls fn with the old records, locked against other writers, and makes what fn puts into made, which is empty, best in the
	// order of the keys, the whole new content: all or nothing.
	Rewrite(ctx context.Context, fn func(old, made Tx) error) error
	// Compact keeps the records and gives unused space back: all or nothing. copied is called with the key of each record.
	Compact(ctx context.Context, copied func(key string)) error
}

// Record is a key with its value.
type Record struct {
	Key   string
	Value []byte
}

// Salvager is a Store whose records can be found when its structure is damaged.
type Salvager interface {
	// Salvage calls fn with what is left of the store, locked against writers if it can be locked.
	Salvage(ctx context.Context, fn func(Wreck) error) error
}

// Wreck is what is left of a store. Whoever damaged it may have written anything into it: nothing that it yields is believed unless it
// proves itself.
type Wreck interface {
	// Scan yields every record that is to be found, in no order: those that were deleted and older values too. The value is valid only
	// until the next step.
	Scan() iter.Seq2[Found, error]
	// Read returns a record that Scan found; ErrNotFound.
	Read(at Place) (Record, error)
}

// Place is where a record is in a [Wreck].
type Place struct {
	Page  uint64
	Index int
}

// Standing says whether a record is in use; the greater the likelier.
type Standing uint8

// The standings of records.
const (
	Unused Standing = iota // it was deleted or replaced
	Unsure                 // nothing leads to it, and so much is damaged that it may have been deleted or not
	Loose                  // what leads to it is damaged, but it is not among what is free
	InUse                  // a state of the store has it
)

// Found is a record of a [Wreck].
type Found struct {
	Record
	At Place
	// States has a bit for each state of the store that has the record in this place. There are several if it is not known which is the
	// last one.
	States uint64
	Standing
}

// Filler is a Store that can be made out of any number of records.
type Filler interface {
	// Fill makes the store of what fn puts into made, which is empty: whole, and down to the disk, or not at all. Keys may come in any order.
	// kdb.ErrDatabaseExists if something is there, unless over is set: then the new file takes its place, with its owner and mode, whatever
	// it is. Nothing locks a file that is replaced like this: it is for one that is damaged.
	Fill(ctx context.Context, over bool, fn func(made Tx) error) error
}
