// Package seen remembers the newest state of each database that a user changed, in a file of that user outside of the databases. An old
// copy that is put in the place of a database does not change that file, so it is noticed.
//
//	known, err := seen.Read(folder) // before the database is read
//	last, found := known.Last(key)
//	…
//	err = seen.Note(folder, key, state)
//
// A database is known by its id and its path: a copy at another path may go its own way. The file helps and is never needed: without it
// nothing is noticed, and whatever is wrong with it concerns nothing else. It is a text of one line for each database, with mode 0600 and
// at most 500 lines; the last change is last. Only writers lock it: they overwrite the last line, or replace the file. Each line has a
// checksum, so that a reader notices a line that is being written, and reads again.
package seen

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"certkdb/kdb/internal/lockfile"
)

// Key is what a database is known by.
type Key struct {
	ID   [16]byte
	Path string // absolute, with symbolic links followed
}

// State is one state of a database.
type State struct {
	Generation uint64   // how many transactions changed something
	KeyID      [8]byte  // of the master key
	Log        uint64   // number of the last record of the audit log
	Chain      [32]byte // value of the log's chain after it
}

// ErrUnreadable says that the file, or a line of it, cannot be read. The next change replaces it.
var ErrUnreadable = errors.New("it cannot be read")

// ErrNotPrivate says that another user can change the file or its folder. Nothing that it says is believed, and nothing is noted in it:
// somebody could make every database look rolled back.
var ErrNotPrivate = errors.New("it is not used")

const (
	fileName = "generations"
	maxLines = 500
	maxSize  = 4 << 20
	// patience is how long a change waits for other processes. The file is locked for less than a millisecond.
	patience = time.Second
)

type line struct {
	key   Key
	state State
}

// Known are the states that were noted.
type Known []line

// Read returns what was noted in a folder. Another process may note a state as soon as it is stored, so this comes before the database is
// read. An error that wraps ErrUnreadable may come with states: the other lines were read.
func Read(folder string) (Known, error) {
	path := filepath.Join(folder, fileName)
	known, err := read(path)
	if !errors.Is(err, ErrUnreadable) || regular(path) != nil {
		return known, err
	}
	unlock, failed := lockfile.Lock(context.Background(), path, patience)
	if failed != nil {
		return known, err
	}
	defer unlock()
	return read(path)
}

// Last returns the newest state of a database.
func (k Known) Last(key Key) (last State, found bool) {
	if i := k.index(key); i >= 0 {
		return k[i].state, true
	}
	return State{}, false
}

// index finds the line of a database.
func (k Known) index(key Key) int {
	return slices.IndexFunc(k, func(l line) bool { return l.key == key })
}

// Note notes a state unless a newer one is known.
func Note(folder string, key Key, s State) error {
	return change(folder, key, func(last State) bool { return last.Generation < s.Generation }, s)
}

// Accept notes a state whatever is known.
func Accept(folder string, key Key, s State) error {
	return change(folder, key, func(State) bool { return true }, s)
}

// change replaces the line of a database, which becomes the last one, if replaces says so of the state there.
func change(folder string, key Key, replaces func(State) bool, s State) error {
	path := filepath.Join(folder, fileName)
	unlock, err := lock(folder, path)
	if err != nil {
		return err
	}
	defer unlock()
	lines, err := read(path)
	if err != nil && !errors.Is(err, ErrUnreadable) {
		return err
	}
	if err := remove(path + temporary); err != nil { // a process that was killed
		return err
	}
	sound, own := err == nil, line{key, s}
	i := lines.index(key)
	switch {
	case i < 0:
	case !replaces(lines[i].state):
		return nil
	case sound && i == len(lines)-1 && len(own.String()) >= len(lines[i].String()):
		return overwrite(path, lines[:i].size(), own.String())
	default:
		lines = slices.Delete(lines, i, i+1)
	}
	return write(path, bounded(append(lines, own)))
}

// lock locks the file, and makes it if there is none.
func lock(folder, path string) (unlock func(), err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	err = regular(path)
	if errors.Is(err, fs.ErrNotExist) {
		var f *os.File
		f, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // by O_EXCL not through a link
		if err == nil {
			err = f.Close()
		} else if errors.Is(err, fs.ErrExist) {
			err = regular(path) // another process was faster
		}
	}
	if err != nil {
		return nil, err
	}
	unlock, err = lockfile.Lock(context.Background(), path, patience)
	if err != nil {
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	return unlock, nil
}

// size is how many bytes the lines have in the file.
func (k Known) size() (size int64) {
	for _, l := range k {
		size += int64(len(l.String()))
	}
	return size
}

// temporary ends the name of the file that takes the place of the other one. It belongs to the process that has the lock.
const temporary = ".new"

// remove removes a file if it is there.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// overwrite puts a text in the place of the end of the file, which is not longer. A new file for each change would cost more time than the
// change: a file system looks for a place that no deleted file had.
func overwrite(path string, at int64, text string) error {
	f, err := open(path, os.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(text), at); err != nil {
		return err
	}
	return f.Close()
}

// open opens the file that has the path, and not what a link there names. It does not wait: somebody may have put a pipe there.
func open(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	opened, err := f.Stat()
	if err == nil {
		if named, err := os.Lstat(path); err == nil && named.Mode().IsRegular() && os.SameFile(opened, named) {
			return f, nil
		}
		err = fmt.Errorf("%q: %w: it was replaced", path, ErrUnreadable)
	}
	f.Close()
	return nil, err
}

// bounded leaves out databases that are not there any more, and then the ones that were not changed for the longest time.
func bounded(lines Known) Known {
	if len(lines) <= maxLines {
		return lines
	}
	lines = slices.DeleteFunc(lines, func(l line) bool {
		_, err := os.Lstat(l.key.Path)
		return errors.Is(err, fs.ErrNotExist)
	})
	return lines[max(0, len(lines)-maxLines):]
}

// regular refuses links, pipes and devices, and what other users can change.
func regular(path string) error {
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); err == nil { // it may be a link
		if err := private(folder, info); err != nil {
			return err
		}
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() > maxSize:
		return fmt.Errorf("%q: %w: it is no regular file of at most %d bytes", path, ErrUnreadable, maxSize)
	}
	return private(path, info)
}

// read returns the lines that can be read, and an error that wraps ErrUnreadable if there are others.
func read(path string) (lines Known, err error) {
	if err := regular(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	f, err := open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, failed := io.ReadAll(io.LimitReader(f, maxSize))
	number := 0
	for text := range strings.Lines(string(data)) {
		number++
		l, ok := parse(strings.TrimSuffix(text, "\n"))
		if ok {
			lines = append(lines, l)
		}
		// overwrite counts with the length that a line has when it is written by this program.
		if (!ok || l.String() != text) && err == nil {
			err = fmt.Errorf("%q: line %d: %w", path, number, ErrUnreadable)
		}
	}
	if failed != nil {
		err = fmt.Errorf("%q: %w: %w", path, ErrUnreadable, failed)
	}
	return lines, err
}

// write replaces the file. Nothing is synced: after a power failure an older file is there, or none.
func write(path string, lines Known) error {
	temporary := path + temporary
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(l.String())
	}
	_, err = io.WriteString(f, text.String())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
	}
	return err
}

// version is the first word of each line.
const version = "1"

// String is the line in the file: version, checksum of the rest, database id, generation, key id, number of the last log record, chain
// value, path.
func (l line) String() string {
	s := &l.state
	rest := fmt.Sprintf("%x %d %x %d %x %q", l.key.ID, s.Generation, s.KeyID, s.Log, s.Chain, l.key.Path)
	return version + " " + checksum(rest) + " " + rest + "\n"
}

// checksum is the CRC-32 (IEEE) of a text in hexadecimal.
func checksum(text string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text))) }

// parse is the inverse of String.
func parse(text string) (l line, ok bool) {
	first, text, _ := strings.Cut(text, " ")
	sum, rest, _ := strings.Cut(text, " ")
	words := strings.SplitN(rest, " ", 6)
	if first != version || sum != checksum(rest) || len(words) != 6 {
		return l, false
	}
	s := &l.state
	var err1, err2, err3 error
	s.Generation, err1 = strconv.ParseUint(words[1], 10, 64)
	s.Log, err2 = strconv.ParseUint(words[3], 10, 64)
	l.key.Path, err3 = strconv.Unquote(words[5])
	binary := decode(l.key.ID[:], words[0]) && decode(s.KeyID[:], words[2]) && decode(s.Chain[:], words[4])
	return l, binary && errors.Join(err1, err2, err3) == nil
}

// decode fills to with bytes in hexadecimal.
func decode(to []byte, text string) bool {
	data, err := hex.DecodeString(text)
	return err == nil && copy(to, data) == len(to) && len(data) == len(to)
}
