package boltstore

import (
	"errors"
	"io/fs"

	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
)

// spill moves the changes of an update into a copy of the file beside it, so that memory stays flat however much is
// added at once. The copy is nobody else's until it takes the file's place, whole, so it is not synced before.
func (o *overlay) spill() error {
	if o.shadow == nil {
		shadow, err := copyFile(o.base, o.disk, o.path)
		if errors.Is(err, fs.ErrPermission) {
			o.limit = 0 // the file may be written, its folder may not: go on in memory
			return nil
		}
		if err != nil {
			return &store.Error{Op: "copying", Location: o.path, Err: err}
		}
		o.shadow = shadow
	}
	changes, err := o.effective()
	if err != nil {
		return err
	}
	if err := o.shadow.h.apply(changes); err != nil {
		return err
	}
	if err := o.shadow.open(); err != nil {
		return err
	}
	clear(o.changes)
	o.size = 0
	if !o.large && int64(o.base.Meta().Pages)*o.base.Meta().PageSize > int64(largeFactor*o.limit) {
		// In a large file every change is on a page of its own, so that each costs a page of memory.
		o.limit, o.large = max(1, o.limit/largeFactor), true
	}
	o.base, err = o.shadow.h.snapshot(o.ctx)
	return err
}

// largeFactor tells large files and how much less of their changes is kept in memory.
const largeFactor = 4

// settle moves the last changes to the copy. If much of that is free pages by now, it is written once more without them:
// every later transaction would read and write the list of free pages.
func (o *overlay) settle() error {
	if err := o.spill(); err != nil {
		return err
	}
	free, err := o.base.Free()
	if err != nil || len(free) < minFree || uint64(len(free)) < o.base.Meta().Pages/maxFreeShare {
		return err
	}
	compact, err := newBuilder(o.disk, o.path)
	if err != nil {
		return err
	}
	if err := copyAll(o.base, compact.put); err != nil {
		compact.discard()
		return err
	}
	o.shadow.discard()
	o.shadow = compact
	return nil
}

// minFree and maxFreeShare say which number of free pages is worth writing the file again.
const minFree, maxFreeShare = 1000, 20

// copyFile makes a temporary file next to path with the same pages.
func copyFile(snap *boltread.Snapshot, disk atomicfile.FS, path string) (*builder, error) {
	if err := writable(snap); err != nil {
		return nil, err
	}
	return openBuilder(disk, path, func(t *atomicfile.Temp) error {
		_, err := snap.WriteTo(t)
		return err
	})
}
