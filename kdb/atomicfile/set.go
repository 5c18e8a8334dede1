package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Set changes several files that belong together, in the order in which they were added. It cannot make that one step: a process that is
// killed in between leaves each file old or new, and whole, and those that come first are new when later ones are still old.
type Set struct {
	fs      FS
	members []member
}

// member is a file to write, or to remove if temp is nil.
type member struct {
	path string
	temp *Temp
}

// NewSet returns an empty set.
func NewSet(disk FS) *Set { return &Set{fs: disk} }

// Put writes data beside path, down to the disk, with owner and mode of the file that is there, or mode 0600.
func (s *Set) Put(path string, data []byte) error {
	t, err := New(s.fs, path)
	if err != nil {
		return err
	}
	s.members = append(s.members, member{path, t})
	if _, err := t.Write(data); err != nil {
		return err
	}
	old, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && !old.Mode().IsRegular():
	case err != nil:
		return bare(err)
	default:
		if err := t.Keep(old); err != nil && !errors.Is(err, ErrOwner) {
			return err
		}
	}
	return t.Finish()
}

// Remove removes the file at path when its turn comes. A missing file is no error.
func (s *Set) Remove(path string) { s.members = append(s.members, member{path: path}) }

// Replace puts the files in place, the first one first.
func (s *Set) Replace() error {
	for _, m := range s.members {
		var err error
		if m.temp != nil {
			err = m.temp.rename()
		} else if err = s.fs.Remove(m.path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return bare(err)
		}
	}
	return s.syncFolders()
}

// Create puts new files in place, never over existing ones (fs.ErrExist), the first one last: once that is there, all are. After an
// error none is left.
func (s *Set) Create() (err error) {
	var made []string
	defer func() {
		if err != nil {
			for _, path := range made {
				_ = s.fs.Remove(path)
			}
		}
	}()
	for i := len(s.members) - 1; i >= 0; i-- {
		if s.members[i].temp == nil {
			continue
		}
		if err := s.members[i].temp.link(); err != nil {
			return err
		}
		made = append(made, s.members[i].path)
	}
	return s.syncFolders()
}

// Discard removes the temporary files that did not take their places. It may always be called in the end.
func (s *Set) Discard() {
	for _, m := range s.members {
		if m.temp != nil {
			m.temp.Discard()
		}
	}
}

func (s *Set) syncFolders() error {
	done := map[string]bool{}
	for _, m := range s.members {
		folder := filepath.Dir(m.path)
		if done[folder] {
			continue
		}
		done[folder] = true
		if err := s.fs.SyncFolder(folder); err != nil {
			return bare(err)
		}
	}
	return nil
}
