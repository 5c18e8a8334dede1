package keyfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
)

// candidate is a place where the password may come from.
type candidate struct {
	// stash is the path of the stash file; "" for the user's own password.
	stash string
	read  func() ([]byte, error)
}

// candidates are the places to try, in this order: the password that fitted before, the stash, and if it may take its time the user.
func (d *Database) candidates(ctx context.Context, mayAsk bool) []candidate {
	var list []candidate
	if password := d.secrets.get(); password != nil {
		list = append(list, candidate{read: func() ([]byte, error) { return password, nil }})
	}
	if !d.options.NoStash && d.HasStash() {
		list = append(list, candidate{stash: d.StashPath(), read: d.readStash})
	}
	if mayAsk || len(list) == 0 {
		list = append(list, candidate{read: func() ([]byte, error) {
			if !mayAsk {
				return nil, kdb.ErrNoPassword
			}
			return d.ask(ctx)
		}})
	}
	return list
}

func (d *Database) ask(ctx context.Context) ([]byte, error) {
	if d.options.Password == nil {
		return nil, kdb.ErrNoPassword
	}
	return d.options.Password(ctx, d.location)
}

func (d *Database) askNew(ctx context.Context) ([]byte, error) {
	if d.options.NewPassword == nil {
		return d.ask(ctx)
	}
	return d.options.NewPassword(ctx, d.location)
}

// decode tries the passwords until one fits, and remembers that one. If there is nobody to ask, the error is the one of the
// password before. The container is partial if the format did without a password that it asked for.
// A container that asks once it is decoded is answered by later.
func (d *Database) decode(files Files, passwords []candidate, later *later) (container Container, partial bool, err error) {
	var wrong error
	for _, c := range passwords {
		var given []byte
		called, missing := false, false
		container, err := d.codec.Decode(files, Passwords{Keys: d.options.KeyPasswords, Database: func() (password []byte, err error) {
			if later.ask != nil {
				return later.ask()
			}
			called = true
			given, err = c.read()
			missing = err != nil
			return given, err
		}})
		if err == nil && called && !missing {
			d.secrets.set(given)
		}
		if err != nil && convertedLines(files.Main) {
			err = fmt.Errorf("%w; every line feed in it follows a carriage return: the file was transferred as text, not in binary", err)
		}
		absent := given == nil
		clear(given) // a codec that needs it later has copied it
		switch {
		case err == nil && missing && wrong != nil:
			// A password is there and does not fit, so the file or its stash was changed: it must not be shown unverified.
			return nil, false, wrong
		case err == nil && called:
			return container, missing, nil
		case err == nil || !called:
			return container, false, err
		case wrong != nil && errors.Is(err, kdb.ErrNoPassword):
			return nil, false, wrong
		case !absent && !errors.Is(err, kdb.ErrPassword):
			return nil, false, err
		}
		wrong = err
		if c.stash != "" {
			wrong = &kdb.StashError{Path: c.stash, Err: err}
		}
	}
	return nil, false, wrong
}

// convertedLines recognises a binary file that a transfer took for text: each of its line feeds got a carriage return.
func convertedLines(data []byte) bool {
	const chance = 3 // so many would hardly come by chance
	feeds := bytes.Count(data, []byte{'\n'})
	return feeds >= chance && feeds == bytes.Count(data, []byte("\r\n")) && bytes.IndexByte(data, 0) >= 0
}

// later answers a container that asks for the password when it is decoded already, since it needs it for private keys alone.
type later struct {
	ask func() ([]byte, error) // nil while decoding
}

// asker returns the password that is known, or asks if it may take its time.
func (d *Database) asker(ctx context.Context, mayAsk bool) func() ([]byte, error) {
	return func() ([]byte, error) {
		if password := d.secrets.get(); password != nil {
			return password, nil
		}
		if !mayAsk {
			return nil, kdb.ErrNoPassword
		}
		password, err := d.ask(ctx)
		if err == nil {
			d.secrets.set(password)
		}
		return password, err
	}
}

// secrets keep the password that fitted.
type secrets struct {
	mu       sync.Mutex
	password []byte
}

// set keeps a copy; an absent password is not kept.
func (s *secrets) set(password []byte) {
	if password == nil {
		return
	}
	kept := append([]byte{}, password...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.password = kept
}

// get returns a copy, nil if none is known.
func (s *secrets) get() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.password)
}

func (s *secrets) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.password)
	s.password = nil
}

// StashPath is where the format's own stash file is: next to the key file; "" if the format has none.
func (d *Database) StashPath() string {
	if d.codec.Stash == nil || d.held != nil {
		return ""
	}
	path := beside(d.location, d.codec.Stash.Extension)
	if _, err := os.Lstat(path); err != nil {
		path = beside(atomicfile.Follow(d.location), d.codec.Stash.Extension)
	}
	return path
}

// Files are the paths of the files that there are: the key file, its companions, its stash.
func (d *Database) Files() []string {
	var found []string
	for _, path := range append(d.paths().all(), d.StashPath()) {
		if path == "" {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			found = append(found, path)
		}
	}
	return found
}

// Password is the password that opened the file, nil if none did yet. The caller clears it.
func (d *Database) Password() []byte { return d.secrets.get() }

// HasStash reports whether there is a stash file next to the key file.
func (d *Database) HasStash() bool {
	if d.StashPath() == "" {
		return false
	}
	_, err := os.Stat(d.StashPath())
	return err == nil
}

func (d *Database) readStash() ([]byte, error) {
	data, err := readAll(d.paths().current().stash)
	if err != nil {
		return nil, err
	}
	return d.codec.Stash.Decode(data)
}

// stashHolds says that the stash file holds this password.
func (d *Database) stashHolds(password []byte) bool {
	if password == nil || !d.HasStash() {
		return false
	}
	stashed, err := d.readStash()
	defer clear(stashed)
	return err == nil && bytes.Equal(stashed, password)
}

// stashOfAnother finds the database that a stash file with another password may belong to: one of the same name with another extension.
func (d *Database) stashOfAnother(password []byte) (string, bool) {
	if !d.HasStash() || d.stashHolds(password) {
		return "", false
	}
	for _, extension := range d.codec.Stash.Shared {
		path := beside(d.location, extension)
		if _, err := os.Stat(path); err == nil && path != d.location {
			return path, true
		}
	}
	return "", false
}

// CreateStash writes the password of the key file into the format's own stash file, with mode 0600, in place of one that is there. The
// error wraps kdb.ErrUnsupported if the format has none, and kdb.ErrDatabaseExists if the one that is there may belong to another database.
// Formats' own stashes hide the password and protect nothing.
func (d *Database) CreateStash(ctx context.Context) error {
	encode, err := d.stashEncoder(kdb.CreateOptions{Stash: true})
	if err != nil {
		return err
	}
	return d.createStash(ctx, encode)
}

// CreateOldStash is CreateStash in an older form, for programs that read nothing else.
func (d *Database) CreateOldStash(ctx context.Context) error {
	encode, err := d.stashEncoder(kdb.CreateOptions{OldStash: true})
	if err != nil {
		return err
	}
	return d.createStash(ctx, encode)
}

// stashEncoder makes the content of a wanted stash file out of a password; nil if none is wanted.
func (d *Database) stashEncoder(o kdb.CreateOptions) (func(password []byte) ([]byte, error), error) {
	switch {
	case !o.Stash && !o.OldStash:
		return nil, nil
	case d.codec.Stash == nil:
		return nil, fmt.Errorf("%w: %s has no stash file of its own", kdb.ErrUnsupported, d.codec.Name)
	case !o.OldStash:
		return d.codec.Stash.Encode, nil
	case d.codec.Stash.EncodeOld == nil:
		return nil, fmt.Errorf("%w: %s has no stash file of an older form", kdb.ErrUnsupported, d.codec.Name)
	}
	return d.codec.Stash.EncodeOld, nil
}

// newStash is the stash file of a new database. One that is left of an earlier database is removed; it opens nothing any more.
func (d *Database) newStash(password []byte, encode func([]byte) ([]byte, error)) (change, error) {
	if password == nil {
		return change{}, fmt.Errorf("stashing its password: %w: the file has none", kdb.ErrNoPassword)
	}
	if err := d.checkStash(password); err != nil {
		return change{}, err
	}
	data, err := encode(password)
	path := d.StashPath()
	if err == nil && d.HasStash() {
		err = d.disk.Remove(path)
	}
	return change{path, data}, err
}

func (d *Database) createStash(ctx context.Context, encode func([]byte) ([]byte, error)) error {
	if err := d.checkHeld(); err != nil {
		return err
	}
	loaded, err := d.load(ctx, true)
	if err != nil {
		return err
	}
	d.spare.put(loaded)
	password := d.secrets.get()
	if password == nil {
		return fmt.Errorf("stashing the password of %q: %w: the file has none", d.location, kdb.ErrNoPassword)
	}
	if err := d.checkStash(password); err != nil {
		return err
	}
	return d.writeStash(ctx, password, encode)
}

// checkStash refuses to replace a stash that may belong to another database.
func (d *Database) checkStash(password []byte) error {
	if other, ok := d.stashOfAnother(password); ok {
		return fmt.Errorf("stashing the password of %q: %w: the stash file %q has another password, perhaps that of %q; move one of them away",
			d.location, kdb.ErrDatabaseExists, d.StashPath(), other)
	}
	return nil
}

func (d *Database) writeStash(ctx context.Context, password []byte, encode func([]byte) ([]byte, error)) error {
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	data, err := encode(password)
	if err == nil {
		err = d.replaceFiles([]change{{atomicfile.Follow(d.StashPath()), data}}, func() error { return nil })
	}
	if err != nil {
		return fmt.Errorf("writing the stash file %q: %w", d.StashPath(), err)
	}
	return nil
}

// RemoveStash deletes the stash file. The error wraps fs.ErrNotExist if there is none.
func (d *Database) RemoveStash(context.Context) error {
	if !d.HasStash() {
		return fmt.Errorf("removing the stash file of %q: %w", d.location, fs.ErrNotExist)
	}
	set := atomicfile.NewSet(d.disk, d.paths().main)
	set.Remove(d.StashPath())
	if err := set.Replace(); err != nil {
		return fmt.Errorf("removing the stash file %q: %w", d.StashPath(), err)
	}
	return nil
}

// Unlock makes sure of the password now, so that nobody is asked for a new one in vain.
func (d *Database) Unlock(ctx context.Context) error {
	loaded, err := d.load(ctx, true)
	if err != nil {
		return err
	}
	if s, ok := loaded.container.(Sealer); ok {
		if err := s.Unlock(); err != nil {
			return &kdb.OpenError{Location: d.location, Err: err}
		}
	}
	d.spare.put(loaded)
	return nil
}
