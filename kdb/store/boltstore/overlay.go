package boltstore

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
)

// overlay is a transaction that writes: a snapshot with changes on top, which reach the file only on commit. When they
// become too many for memory they move to a copy of the file (shadow.go), which is the snapshot from then on.
type overlay struct {
	ctx     context.Context
	disk    atomicfile.FS
	base    *boltread.Snapshot
	changes map[string][]byte // nil is deleted
	size    int               // of the changes
	limit   int               // of size; 0 is none
	large   bool              // the limit was lowered
	path    string            // of the file
	scans   int               // that are going on
	shadow  *builder
}

func newOverlay(ctx context.Context, base *boltread.Snapshot) *overlay {
	return &overlay{ctx: ctx, base: base, changes: make(map[string][]byte)}
}

// Get implements store.Tx.
func (o *overlay) Get(key string) ([]byte, error) {
	value, changed := o.changes[key]
	switch {
	case !changed:
		return o.base.Get(key)
	case value == nil:
		return nil, store.ErrNotFound
	}
	return bytes.Clone(value), o.ctx.Err()
}

// Put implements store.Tx.
func (o *overlay) Put(key string, value []byte) error {
	if err := checkRecord(key, value); err != nil {
		return err
	}
	if value == nil {
		value = []byte{}
	}
	return o.set(key, value)
}

// limits are those of the reader, which bound what a damaged file can make it allocate.
var limits = store.Limits{Key: boltread.MaxKey, Value: boltread.MaxValue}

func checkRecord(key string, value []byte) error {
	if key == "" {
		return errors.New("storing a record: its key is empty")
	}
	return limits.Check(key, value)
}

// Delete implements store.Tx.
func (o *overlay) Delete(key string) error {
	return o.set(key, nil)
}

// changeCost is what a change takes in memory beside its key and value.
const changeCost = 100

func (o *overlay) set(key string, value []byte) error {
	o.changes[key] = value
	o.size += len(key) + len(value) + changeCost
	if o.limit > 0 && o.size > o.limit && o.scans == 0 {
		if err := o.spill(); err != nil {
			return err
		}
	}
	return o.ctx.Err()
}

// Scan implements store.Tx: it merges the changed keys into those of the snapshot.
func (o *overlay) Scan(prefix, after string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		o.scans++
		defer func() { o.scans-- }()
		pending := o.keys(func(key string) bool { return strings.HasPrefix(key, prefix) && (after == "" || key > after) })
		emit := func(limit string, all bool) bool { // yields the changed records before limit
			for len(pending) > 0 && (all || pending[0] < limit) {
				key := pending[0]
				pending = pending[1:]
				if value := o.changes[key]; value != nil && !yield(store.Record{Key: key, Value: value}, nil) {
					return false
				}
			}
			return true
		}
		for record, err := range o.base.Scan(prefix, after) {
			if err != nil {
				yield(record, err)
				return
			}
			if !emit(record.Key, false) {
				return
			}
			if len(pending) > 0 && pending[0] == record.Key {
				pending = pending[1:]
			}
			value, changed := o.changes[record.Key]
			if changed {
				record.Value = value
			}
			if record.Value != nil && !yield(record, nil) {
				return
			}
		}
		emit("", true)
	}
}

// keys returns the changed keys that pass the filter, sorted.
func (o *overlay) keys(filter func(string) bool) []string {
	keys := make([]string, 0, len(o.changes))
	for key := range o.changes {
		if filter(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// change is one write; a nil value deletes.
type change struct {
	key, value []byte
}

// elementCost is what a record takes in a file besides its key and value.
const elementCost = 16

// sizeOf is how many bytes the changes take in a file.
func sizeOf(changes []change) (n int) {
	for _, c := range changes {
		n += len(c.key) + len(c.value) + elementCost
	}
	return n
}

// effective returns the changes that make a difference, in the order of their keys. On its way it reads, with all
// checks, every page that bbolt is going to follow when it applies them: bbolt must not meet a damaged page.
func (o *overlay) effective() ([]change, error) {
	var list []change
	for _, key := range o.keys(func(string) bool { return true }) {
		value := o.changes[key]
		old, err := o.base.Lookup([]byte(key))
		switch {
		case errors.Is(err, store.ErrNotFound) && value == nil:
			continue
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return nil, err
		case err == nil && value != nil && bytes.Equal(old, value):
			continue
		case value == nil:
			if err := o.base.CheckSiblings([]byte(key)); err != nil {
				return nil, err
			}
		}
		list = append(list, change{[]byte(key), value})
	}
	return list, nil
}
