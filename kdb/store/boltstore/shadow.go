package boltstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// spill moves the changes of an update into a copy of the file beside it, so that memory stays flat however much is
// added at once. The copy is nobody else's until it takes the file's place, whole, so it is not synced before.
func (o *overlay) spill() error {
	if o.shadow == nil {
		shadow, err := o.base.copyFile(o.path)
		if errors.Is(err, fs.ErrPermission) {
			o.limit = 0 // the file may be written, its folder may not: go on in memory
			return nil
		}
		if err != nil {
			return fmt.Errorf("copying %q: %w", o.path, err)
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
	if err := o.shadow.reopen(); err != nil {
		return err
	}
	clear(o.changes)
	o.size = 0
	if !o.large && int64(o.base.meta.pages)*o.base.meta.pageSize > int64(largeFactor*o.limit) {
		// In a large file every change is on a page of its own, so that each costs a page of memory.
		o.limit, o.large = max(1, o.limit/largeFactor), true
	}
	o.base, err = o.shadow.h.snapshot(o.base.ctx)
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
	free, err := o.base.freelist()
	if err != nil || len(free) < minFree || uint64(len(free)) < o.base.meta.pages/maxFreeShare {
		return err
	}
	compact, err := newBuilder(o.path)
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

// copyFile makes a temporary file beside path with the same pages.
func (s *snapshot) copyFile(path string) (*builder, error) {
	if _, err := s.freelist(); err != nil { // bbolt reads it on opening
		return nil, err
	}
	return openBuilder(path, func(f *os.File) error {
		_, err := io.Copy(f, io.NewSectionReader(s.file, 0, int64(s.meta.pages)*s.meta.pageSize))
		return err
	})
}
