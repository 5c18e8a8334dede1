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
// become too many for memory they move to a temporary file, and in the end a new file is made of them and the snapshot.
type overlay struct {
	ctx     context.Context
	disk    atomicfile.FS
	base    *boltread.Snapshot
	changes map[string][]byte // nil is deleted
	moving  *moving           // the changes before; nil if there are none
	spare   map[string][]byte // empty
	size    int               // of the changes
	limit   int               // of size; 0 is none
	path    string            // of the file
	scans   int               // that are going on
	runs    *runs             // the changes before those; nil if there are none
}

func newOverlay(ctx context.Context, base *boltread.Snapshot) *overlay {
	return &overlay{ctx: ctx, base: base, changes: make(map[string][]byte)}
}

// Get implements store.Tx.
func (o *overlay) Get(key string) ([]byte, error) {
	value, changed := o.changes[key]
	if !changed {
		value, changed = o.moving.get(key)
	}
	if changed {
		value = bytes.Clone(value)
	} else {
		var err error
		if value, changed, err = o.runs.get(key); err != nil {
			return nil, err
		}
	}
	switch {
	case !changed:
		return o.base.Get(key)
	case value == nil:
		return nil, store.ErrNotFound
	}
	return value, o.ctx.Err()
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

// changeCost is what a change takes in memory in addition to its key and value.
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

// Scan implements store.Tx.
func (o *overlay) Scan(prefix, after string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		err := o.merge(prefix, after, func(key string, _, value []byte, _ bool) error {
			if value != nil && !yield(store.Record{Key: key, Value: value}, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && err != errStopped {
			yield(store.Record{}, err)
		}
	}
}

// errStopped ends a merge whose result nobody wants any more.
var errStopped = errors.New("stopped")

// merge calls fn for each record and each change, in the order of their keys, with the old value if there is one (found) and the new one,
// which is nil for what is not there any more. The values are valid while fn runs.
func (o *overlay) merge(prefix, after string, fn func(key string, old, value []byte, found bool) error) error {
	o.scans++
	defer func() { o.scans-- }()
	m, err := o.pending(prefix, after)
	if err != nil {
		return err
	}
	for record, err := range o.base.Scan(prefix, after) {
		if err != nil {
			return err
		}
		c := m.first(prefix)
		for ; c != nil && c.key < record.Key; c = m.first(prefix) {
			if err := fn(c.key, nil, c.value, false); err != nil {
				return err
			}
			if err := m.next(); err != nil {
				return err
			}
		}
		if c == nil || c.key != record.Key {
			err = fn(record.Key, record.Value, record.Value, true)
		} else if err = fn(record.Key, record.Value, c.value, true); err == nil {
			err = m.next()
		}
		if err != nil {
			return err
		}
	}
	for c := m.first(prefix); c != nil; c = m.first(prefix) {
		if err := fn(c.key, nil, c.value, false); err != nil {
			return err
		}
		if err := m.next(); err != nil {
			return err
		}
	}
	return o.ctx.Err()
}

// pending are the changes whose keys are greater than after.
func (o *overlay) pending(prefix, after string) (m merger, err error) {
	if err := o.settle(); err != nil {
		return nil, err
	}
	if err := m.add(&cursor{changes: sorted(o.changes, prefix, after)}); err != nil || o.runs == nil {
		return m, err
	}
	from := prefix
	if after != "" {
		from = max(prefix, after+"\x00")
	}
	for i := len(o.runs.list) - 1; i >= 0; i-- {
		if err := m.add(o.runs.cursor(i, from, readBuffer)); err != nil {
			return m, err
		}
	}
	return m, nil
}

// sorted returns the changes whose keys begin with prefix and are greater than after, in the order of their keys.
func sorted(changes map[string][]byte, prefix, after string) []store.Record {
	list := make([]store.Record, 0, len(changes))
	for key, value := range changes {
		if strings.HasPrefix(key, prefix) && (after == "" || key > after) {
			list = append(list, store.Record{Key: key, Value: value})
		}
	}
	slices.SortFunc(list, func(a, b store.Record) int { return strings.Compare(a.Key, b.Key) })
	return list
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
	for _, c := range sorted(o.changes, "", "") {
		key, value := []byte(c.Key), c.Value
		old, err := o.base.Lookup(key)
		switch {
		case errors.Is(err, store.ErrNotFound) && value == nil:
			continue
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return nil, err
		case err == nil && value != nil && bytes.Equal(old, value):
			continue
		case value == nil:
			if err := o.base.CheckSiblings(key); err != nil {
				return nil, err
			}
		}
		list = append(list, change{key, value})
	}
	return list, nil
}
