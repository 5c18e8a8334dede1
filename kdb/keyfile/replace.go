package keyfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"certkdb/kdb"
)

// change is a file to be written; nil data removes it.
type change struct {
	path string
	data []byte
}

// pending is a change that waits for its rename.
type pending struct {
	change
	temporary string // "" for a removal
}

// replaceFiles writes all changes beside their files, asks verify whether they are still wanted, and then puts them in place, one by one
// in their order. Mode and owner stay. Whoever is killed meanwhile leaves each file old or new, and whole.
func replaceFiles(changes []change, verify func() error) (err error) {
	var list []pending
	defer func() {
		if err == nil {
			return
		}
		for _, p := range list {
			if p.temporary != "" {
				_ = os.Remove(p.temporary)
			}
		}
	}()
	for _, c := range changes {
		removeStale(c.path)
		p := pending{change: c}
		if c.data != nil {
			if p.temporary, err = writeBeside(c.path, c.data); err != nil {
				return err
			}
		}
		list = append(list, p)
	}
	if verify != nil {
		if err := verify(); err != nil {
			return err
		}
	}
	for i := range list {
		if err := list[i].commit(); err != nil {
			return err
		}
	}
	return syncFolders(changes)
}

func (p *pending) commit() error {
	if p.temporary == "" {
		err := os.Remove(p.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := rename(p.temporary, p.path); err != nil {
		return err
	}
	p.temporary = ""
	return nil
}

// rename replaces a file. On Windows that fails while a reader has the old file open, which is not long.
func rename(from, to string) error {
	for wait := shortestWait; ; wait *= 2 {
		err := os.Rename(from, to)
		if err == nil || runtime.GOOS != "windows" || wait > time.Second {
			return err
		}
		time.Sleep(wait)
	}
}

// createFiles makes files that must not be there yet, the last one first, so that the main file is there only when all are.
func createFiles(changes []change) (err error) {
	var made []string
	defer func() {
		if err == nil {
			return
		}
		for _, path := range made {
			_ = os.Remove(path)
		}
	}()
	for i := len(changes) - 1; i >= 0; i-- {
		if changes[i].data == nil {
			continue
		}
		if err := createFile(changes[i].path, changes[i].data); err != nil {
			return err
		}
		made = append(made, changes[i].path)
	}
	return syncFolders(changes)
}

// createFile makes a whole file appear at once: a hard link to a complete file fails if the name is taken. Where there are no hard links the
// file is made in place.
func createFile(path string, data []byte) error {
	temporary, err := writeBeside(path, data)
	if err != nil {
		return err
	}
	defer os.Remove(temporary)
	err = os.Link(temporary, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = writeNew(path, data, 0o600)
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %q", kdb.ErrDatabaseExists, path)
	}
	return err
}

// The names of temporary files: .NAME.certkdb-RANDOM.
const temporaryMark = ".certkdb-"

// writeBeside writes a temporary file in the same folder, with mode and owner of the file that it will replace, or mode 0600.
func writeBeside(path string, data []byte) (string, error) {
	folder, name := filepath.Split(path)
	temporary := folder + "." + name + temporaryMark + rand.Text()
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := writeNew(temporary, data, 0o600); err != nil {
		return "", err
	}
	if info != nil {
		if err := keepOwner(temporary, info); err != nil {
			_ = os.Remove(temporary)
			return "", err
		}
	}
	return temporary, nil
}

// writeNew writes a file that must not be there, down to the disk.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}

// removeStale removes temporary files that a killed process left. The lock is held, so nobody is writing them.
func removeStale(path string) {
	folder, name := filepath.Split(path)
	if folder == "" {
		folder = "."
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "."+name+temporaryMark) {
			_ = os.Remove(filepath.Join(folder, f.Name()))
		}
	}
}

// syncFolders makes the renames last. Windows has no such thing.
func syncFolders(changes []change) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	done := map[string]bool{}
	for _, c := range changes {
		folder := filepath.Dir(c.path)
		if done[folder] {
			continue
		}
		done[folder] = true
		f, err := os.Open(folder)
		if err != nil {
			return err
		}
		err = f.Sync()
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
			return err
		}
	}
	return nil
}
