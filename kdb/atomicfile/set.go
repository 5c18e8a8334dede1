package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"certkdb/kdb/internal/lockfile"
)

// Set changes several files that belong together in one step: after a kill or a power failure, Recover makes all of them new or leaves
// them old. It also writes single files that must not be replaced, because they have other names (hard links), are mounted, stand in a
// folder without write permission, or would lose their owner or access rights: those are overwritten while a complete copy is on the disk.
type Set struct {
	fs      FS
	main    string
	members []*member
	record  *Temp // the journal
}

// member is a file to write, or to remove if temp is nil.
type member struct {
	path  string
	temp  *Temp
	write bool // overwrite it, do not replace it
}

// NewSet returns an empty set. main is the file that the journal belongs to: Recover must be called with it first.
func NewSet(disk FS, main string) *Set { return &Set{fs: disk, main: main} }

// Put prepares the new content of path, down to the disk, with the rights of the file that is there, or mode 0600.
func (s *Set) Put(path string, data []byte) error {
	t, err := s.Add(path)
	if err == nil {
		_, err = t.Write(data)
	}
	if err == nil {
		err = t.Finish()
	}
	return err
}

// Add is Put for content that the caller writes. The file has the rights of the one that is there, or mode 0600. The set discards it.
func (s *Set) Add(path string) (*Temp, error) {
	old, err := openOld(path)
	if err != nil {
		return nil, err
	}
	if old == nil {
		t, err := New(s.fs, path)
		if err == nil {
			s.members = append(s.members, &member{path: path, temp: t})
		}
		return t, err
	}
	defer old.Close()
	return s.addOver(path, old)
}

// addOver prepares a file that exists, and finds out whether it can be replaced.
func (s *Set) addOver(path string, old *os.File) (*Temp, error) {
	if isFixed(old) { // said before another file of the set is changed
		return nil, fmt.Errorf("%w: the file is immutable or append-only (lsattr shows it, chattr -i -a ends it)", fs.ErrPermission)
	}
	m := &member{path: path, write: IsShared(old)}
	if m.write && !mayWrite(path) {
		return nil, fmt.Errorf("%w: it has other names (hard links) or is mounted, so that only its content can be changed", fs.ErrPermission)
	}
	var err error
	if m.temp, err = New(s.fs, path); errors.Is(err, fs.ErrPermission) && mayWrite(path) {
		m.write = true // the folder cannot be written, the file can
		m.temp, err = createAway(s.fs, path)
	}
	if err != nil {
		return nil, err
	}
	s.members = append(s.members, m)
	err = m.temp.Keep(old)
	if errors.Is(err, ErrOwner) {
		m.write = m.write || mayWrite(path)
		err = nil // else nobody gains rights by it
	}
	return m.temp, err
}

// IsShared says whether a file must not be replaced because it has other names (hard links), which would keep the old content, or because
// something is mounted on it.
func IsShared(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && namesOf(info) > 1 || isMountPoint(f)
}

// openOld opens the regular file at a path; nil if there is none.
func openOld(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	return f, bare(err)
}

// mayWrite says whether the content of a file can be changed.
func mayWrite(path string) bool {
	f, err := os.OpenFile(path, os.O_WRONLY|noFollow, 0)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// cannotReplace says that a file has to be overwritten because nothing can be renamed over it.
func cannotReplace(err error, path string) bool {
	return (errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV)) && mayWrite(path)
}

// Overwrites says that a file is going to be overwritten and not replaced, as far as that is known: rights of the new file do not reach it.
func (s *Set) Overwrites() bool {
	return slices.ContainsFunc(s.members, func(m *member) bool { return m.write })
}

// Remove removes the file at path when its turn comes. A missing file is no error.
func (s *Set) Remove(path string) { s.members = append(s.members, &member{path: path}) }

// Replace makes the change. If it fails before the first file was changed, all are old; the error wraps ErrBusy if another process is
// changing them. If it fails later, the error wraps ErrUnfinished.
func (s *Set) Replace() error {
	if err := s.finish(); err != nil {
		return err
	}
	if len(s.members) == 1 && !s.members[0].write {
		m := s.members[0]
		err := m.replace(s.fs)
		if m.temp == nil || !cannotReplace(err, m.path) {
			return err
		}
		m.write = true
	}
	if len(s.members) == 0 {
		return nil
	}
	return s.replaceAll()
}

// replace replaces or removes one file, which needs no journal.
func (m *member) replace(disk FS) error {
	if m.temp != nil {
		return m.temp.Replace()
	}
	if err := disk.Remove(m.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return bare(err)
	}
	return bare(disk.SyncFolder(filepath.Dir(m.path)))
}

// replaceAll writes the journal, does what it says, and removes it. What fails once is tried once more: from the first file on it is
// easier to go on than to go back.
func (s *Set) replaceAll() error {
	j, err := s.publish("replace")
	if err != nil {
		return err
	}
	err = j.perform(s.fs)
	if errors.Is(err, ErrUnfinished) {
		// What the second attempt finds in a file, and puts back if it fails, need not be the old content.
		if err = j.perform(s.fs); err != nil && !errors.Is(err, ErrUnfinished) {
			err = fmt.Errorf("%w: %w", ErrUnfinished, err)
		}
	}
	if err == nil {
		j.remove(s.fs)
		return nil
	}
	if !errors.Is(err, ErrUnfinished) {
		if removing := s.fs.Remove(j.at); removing != nil {
			err = fmt.Errorf("%w: %w", ErrUnfinished, err)
		}
	}
	if errors.Is(err, ErrUnfinished) {
		for _, m := range s.members {
			m.leave()
		}
	}
	return err
}

// leave closes the new file and lets it keep its temporary name, for Recover.
func (m *member) leave() {
	if m.temp != nil {
		lockfile.Close(m.temp.file)
		m.temp.named = false
	}
}

// Create puts new files in place, never over existing ones (fs.ErrExist), the main one last: once that is there, all are. After an
// error none is left; after a kill Recover removes those that are there without the main file.
func (s *Set) Create() (err error) {
	s.members = slices.DeleteFunc(s.members, func(m *member) bool { return m.temp == nil }) // there is nothing to remove
	if err := s.finish(); err != nil {
		return err
	}
	if len(s.members) > 1 {
		j, err := s.publish("create")
		if err != nil {
			return err
		}
		defer func() { _ = s.fs.Remove(j.at) }() // at worst the next command does it
	}
	var made []string
	for i := len(s.members) - 1; i >= 0 && err == nil; i-- {
		if err = s.members[i].temp.link(); err == nil {
			made = append(made, s.members[i].path)
		}
	}
	if err == nil {
		err = syncFolders(s.fs, s.folders()...)
	}
	if err != nil {
		for _, path := range made {
			_ = s.fs.Remove(path)
		}
	}
	return err
}

// folders are those of the files.
func (s *Set) folders() (folders []string) {
	for _, m := range s.members {
		folders = append(folders, filepath.Dir(m.path))
	}
	return folders
}

// finish has all new files on the disk.
func (s *Set) finish() error {
	for _, m := range s.members {
		if m.temp == nil {
			continue
		}
		if err := m.temp.Finish(); err != nil {
			return err
		}
	}
	return nil
}

// publish gives the new files their temporary names and writes the journal down to the disk: from now on the change will be completed.
func (s *Set) publish(kind string) (*journal, error) {
	j := &journal{kind: kind, at: journalPath(s.main), main: s.main}
	for _, m := range s.members {
		a := action{verb: "remove", path: m.path, next: absent}
		if m.temp != nil {
			if err := m.temp.giveName(); err != nil {
				return nil, err
			}
			m.temp.closeOnWindows()
			if filepath.Dir(m.temp.name) != filepath.Dir(m.path) {
				j.at = awayPrefix(filepath.Dir(m.temp.name), s.main) + journalName
			}
			a.verb, a.temp = "rename", m.temp.name
			if m.write {
				a.verb = "write"
			}
		}
		if err := a.digest(); err != nil {
			return nil, err
		}
		j.actions = append(j.actions, a)
	}
	own := filepath.Dir(j.at) // is synced with the journal
	if err := syncFolders(s.fs, slices.DeleteFunc(s.folders(), func(folder string) bool { return folder == own })...); err != nil {
		return nil, err
	}
	var err error
	if s.record, err = j.publish(s.fs, s.main); errors.Is(err, fs.ErrExist) {
		err = ErrBusy // another process changes the files, or was killed before Recover was called
	}
	return j, err
}

// Discard removes the temporary files that did not take their places. It may always be called in the end.
func (s *Set) Discard() {
	for _, m := range s.members {
		if m.temp != nil {
			m.temp.Discard()
		}
	}
	if s.record != nil {
		s.record.Discard()
	}
}
