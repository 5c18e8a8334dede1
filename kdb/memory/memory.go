// Package memory keeps entries in memory. An [Overlay] tries changes out over a transaction that may only read; a [Database] is a
// whole key database without a file, for tests and for dry runs of commands that make one.
//
//	tried := memory.NewOverlay()
//	err := db.View(ctx, func(tx kdb.Tx) error { return change(tried.On(tx)) })
//
// An overlay takes every entry that the transaction below accepts ([kdb.Accepter]), and any if that does not say. It takes labels for one
// as that does ([kdb.Folder]).
package memory

import (
	"context"
	"iter"
	"sync"

	"certkdb/kdb"
)

// Database is a key database in memory. Its methods may be used by several goroutines.
type Database struct {
	// Accepts is that of the driver whose databases it stands for; nil accepts everything. It is set before the first use.
	Accepts func(kdb.Entry) error
	// Fold is that of the driver; nil tells all labels apart. It is set before the first use.
	Fold func(label string) string

	mu               sync.RWMutex
	content          *Overlay
	base             kdb.Tx
	location, format string
}

var _ kdb.Database = (*Database)(nil)

// New returns an empty database, which gives a location and a format as its own. One of the native format has records of what
// CAs issue, and refuses incomplete entries.
func New(location, format string) *Database {
	d := &Database{content: NewOverlay(), base: empty{}, location: location, format: format}
	if format == kdb.Native {
		d.base = emptyNative{}
	}
	return d
}

// View implements kdb.Database.
func (d *Database) View(ctx context.Context, fn func(kdb.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return fn(d.content.Clone().On(d.below())) // what fn changes goes with the copy
}

// Update implements kdb.Database.
func (d *Database) Update(ctx context.Context, _ string, fn func(kdb.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.content.Clone()
	if err := fn(next.On(d.below())); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	d.content = next
	return nil
}

func (d *Database) below() kdb.Tx {
	if d.Accepts == nil && d.Fold == nil {
		return d.base
	}
	return foreign{d.base, d.Accepts, d.Fold}
}

// Info implements kdb.Database.
func (d *Database) Info(context.Context) (kdb.Info, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	entries := 0
	for _, r := range d.content.records {
		if r != nil {
			entries++
		}
	}
	return kdb.Info{Location: d.location, Format: d.format, Entries: entries}, nil
}

// Check implements kdb.Database: there is nothing that could be damaged.
func (d *Database) Check(ctx context.Context, _ func(kdb.Problem)) error { return ctx.Err() }

// Close implements kdb.Database.
func (d *Database) Close() error { return nil }

// empty is a transaction without entries that may not be changed itself.
type empty struct{ kdb.Tx }

func (empty) Summary(label string) (kdb.Summary, error) { return kdb.Summary{}, notFound(label) }

func (empty) Entry(label string) (kdb.Entry, error) { return kdb.Entry{}, notFound(label) }

func (empty) Key(label string) ([]byte, error) { return nil, notFound(label) }

func (empty) Summaries(string) iter.Seq2[kdb.Summary, error] {
	return func(func(kdb.Summary, error) bool) {}
}

func (empty) Labels(string) iter.Seq2[string, error] { return func(func(string, error) bool) {} }

func (empty) Find(kdb.Trait) iter.Seq2[kdb.Summary, error] {
	return func(func(kdb.Summary, error) bool) {}
}

func (empty) Default() (string, error) { return "", nil }

// foreign is a transaction of a format with rules of its own; nil means no rule.
type foreign struct {
	kdb.Tx
	accepts func(kdb.Entry) error
	fold    func(string) string
}

// Accepts implements kdb.Accepter.
func (f foreign) Accepts(e kdb.Entry) error {
	if f.accepts == nil {
		return nil
	}
	return f.accepts(e)
}

// Fold implements kdb.Folder.
func (f foreign) Fold(label string) string {
	if f.fold == nil {
		return label
	}
	return f.fold(label)
}

// emptyNative has a place for the records of CAs.
type emptyNative struct{ empty }

func (emptyNative) PutIssued(kdb.Issued) error { return kdb.ErrUnsupported }

func (emptyNative) Issued([32]byte, string) (kdb.Issued, error) { return kdb.Issued{}, kdb.ErrNotFound }

func (emptyNative) AllIssued([32]byte) iter.Seq2[kdb.Issued, error] {
	return func(func(kdb.Issued, error) bool) {}
}

func (emptyNative) LastCRLNumber([32]byte) (uint64, error) { return 0, nil }

func (emptyNative) NextCRLNumber([32]byte, uint64) (uint64, error) { return 0, kdb.ErrUnsupported }
