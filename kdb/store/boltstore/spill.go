package boltstore

import (
	"bytes"
	"errors"
	"io/fs"

	"certkdb/kdb/store"
)

// spill moves the changes of an update out of memory, which stays flat however much is added at once.
func (o *overlay) spill() error {
	if o.runs == nil {
		r, err := newRuns(o.disk, o.path)
		if errors.Is(err, fs.ErrPermission) {
			o.limit = 0 // the file may be written, its folder may not: go on in memory
			return nil
		}
		if err != nil {
			return &store.Error{Op: "creating a temporary file for", Location: o.path, Err: err}
		}
		o.runs = r
	}
	if err := o.runs.add(o.keys("", ""), o.changes); err != nil {
		return &store.Error{Op: "writing a temporary file for", Location: o.path, Err: err}
	}
	clear(o.changes)
	o.size = 0
	return nil
}

// build makes a new file of the records with their changes, and says whether there were any.
func (o *overlay) build() (b *builder, changed bool, err error) {
	b, err = newBuilder(o.disk, o.path)
	if err != nil {
		return nil, false, err
	}
	put := func(key string, old, value []byte, found bool) error {
		if value == nil {
			changed = changed || found
			return nil
		}
		changed = changed || !found || !bytes.Equal(old, value)
		return b.put([]byte(key), value)
	}
	if err := o.merge("", "", put); err != nil {
		b.discard()
		return nil, false, err
	}
	return b, changed, nil
}

// discard removes the temporary file.
func (o *overlay) discard() {
	if o.runs != nil {
		o.runs.discard()
	}
}
