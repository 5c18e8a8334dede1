package boltstore

import (
	"bytes"
	"errors"
	"io/fs"

	"certkdb/kdb/store"
)

// moving are changes on their way to a temporary file. Meanwhile the transaction goes on.
type moving struct {
	changes map[string][]byte
	made    run
	err     error
	done    chan struct{}
}

// get returns a change of a key; false if it was not changed.
func (m *moving) get(key string) (value []byte, changed bool) {
	if m != nil {
		value, changed = m.changes[key]
	}
	return value, changed
}

// spill moves the changes of an update out of memory, which stays flat however much is added at once.
func (o *overlay) spill() error {
	if err := o.settle(); err != nil {
		return err
	}
	if o.runs == nil {
		r, err := newRuns(o.disk, o.path)
		if errors.Is(err, fs.ErrPermission) {
			o.limit = 0 // the file may be written, its folder may not: go on in memory
			return nil
		}
		if err != nil {
			return &store.Error{Op: "creating a temporary file for", Location: o.path, Err: err}
		}
		o.runs, o.spare = r, make(map[string][]byte, len(o.changes))
	}
	m := &moving{changes: o.changes, done: make(chan struct{})}
	o.moving, o.changes, o.spare, o.size = m, o.spare, nil, 0
	go func() {
		defer close(m.done)
		m.made, m.err = o.runs.write(sorted(m.changes, "", ""))
	}()
	return nil
}

// settle waits for the changes that are on their way.
func (o *overlay) settle() error {
	m := o.moving
	if m == nil {
		return nil
	}
	<-m.done
	if m.err != nil {
		return &store.Error{Op: "writing a temporary file for", Location: o.path, Err: m.err}
	}
	o.runs.add(m.made)
	clear(m.changes)
	o.moving, o.spare = nil, m.changes
	return nil
}

// build makes a new file of the records with their changes, and says whether there were any.
func (o *overlay) build() (b *builder, changed bool, err error) {
	if err := o.settle(); err != nil {
		return nil, false, err
	}
	b, err = newBuilder(o.disk, o.path)
	if err != nil {
		return nil, false, err
	}
	if o.runs != nil {
		o.runs.last = true
	}
	r := newRelay(b.put)
	put := func(key string, old, value []byte, found bool) error {
		if value == nil {
			changed = changed || found
			return nil
		}
		changed = changed || !found || !bytes.Equal(old, value)
		return r.put(key, value)
	}
	err = o.merge("", "", put)
	if failed := r.close(); err == nil {
		err = failed
	}
	if err != nil {
		b.discard()
		return nil, false, err
	}
	return b, changed, nil
}

// discard removes the temporary file.
func (o *overlay) discard() {
	if o.moving != nil {
		<-o.moving.done
	}
	if o.runs != nil {
		o.runs.discard()
	}
}
