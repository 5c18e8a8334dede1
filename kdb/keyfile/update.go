package keyfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/internal/lockfile"
)

// Update implements [kdb.Database]. operation is not kept: foreign files have no audit log. fn is tried in a View first, up to its first
// change.
func (d *Database) Update(ctx context.Context, _ string, fn func(kdb.Tx) error) error {
	if err := d.View(ctx, fn); !errors.Is(err, errViewing) {
		return err
	}
	return d.update(ctx, func(container Container) (bool, error) {
		tx := newTx(ctx, &d.codec, container, true)
		err := fn(tx)
		return tx.changed, err
	}, nil)
}

// ChangePassword writes the file under another password. The new file is opened once with it before it takes the old one's place. A stash
// file with the old password gets the new one.
func (d *Database) ChangePassword(ctx context.Context, password []byte) error {
	if err := d.checkHeld(); err != nil {
		return err
	}
	if password == nil {
		return fmt.Errorf("changing the password of %q: %w", d.location, kdb.ErrNoPassword)
	}
	if err := d.Unlock(ctx); err != nil {
		return err
	}
	return d.update(ctx, func(c Container) (bool, error) {
		if s, ok := c.(Sealer); ok {
			if err := s.Reseal(); err != nil {
				return false, fmt.Errorf("changing the password of %q: %w", d.location, err)
			}
		}
		return true, nil
	}, password)
}

// PasswordExpires is when the password of the key file expires; the zero time is never. It is kept for those who ask: the file opens later,
// too. The error wraps kdb.ErrUnsupported if the format has no place for it.
func (d *Database) PasswordExpires(ctx context.Context) (time.Time, error) {
	loaded, err := d.load(ctx, true)
	if err != nil {
		return time.Time{}, err
	}
	defer d.spare.put(loaded)
	if e, ok := loaded.container.(Expirer); ok {
		return e.Expires(), nil
	}
	return time.Time{}, d.noExpiry()
}

// SetPasswordExpires says when the password expires, to the second; see [Database.PasswordExpires].
func (d *Database) SetPasswordExpires(ctx context.Context, at time.Time) error {
	return d.update(ctx, func(c Container) (bool, error) {
		e, ok := c.(Expirer)
		if !ok {
			return false, d.noExpiry()
		}
		changed := !e.Expires().Equal(at)
		e.SetExpires(at)
		return changed, nil
	}, nil)
}

func (d *Database) noExpiry() error {
	return fmt.Errorf("the password of %q: %w: %s keeps no date on which it expires", d.location, kdb.ErrUnsupported, d.codec.Name)
}

// edit works on a container and says whether it changed it.
type edit func(Container) (changed bool, err error)

// update reads, edits and replaces the files under their lock. Whatever may need a person happens before the lock is taken. The
// password, if not nil, is a new one.
func (d *Database) update(ctx context.Context, edit edit, password []byte) error {
	if err := d.checkHeld(); err != nil {
		return err
	}
	select {
	case d.updating <- struct{}{}:
		defer func() { <-d.updating }()
	case <-ctx.Done():
		return ctx.Err()
	}
	loaded, err := d.load(ctx, true)
	if err != nil {
		return err
	}
	d.spare.put(loaded)
	err = d.locked(ctx, edit, password)
	if password == nil && errors.Is(err, kdb.ErrNoPassword) && d.secrets.get() == nil {
		// The file could be read without a password and cannot be written without one.
		ask := d.ask
		if errors.Is(err, ErrUnprotected) {
			ask = d.askNew
		}
		if password, err = ask(ctx); err == nil {
			d.secrets.set(password)
			err = d.locked(ctx, edit, nil)
		}
	}
	return err
}

// checkHeld is the error of what cannot be done to a database that is no file of its own; nil if it is one.
func (d *Database) checkHeld() error {
	if d.held == nil {
		return nil
	}
	err := &kdb.Limit{Reason: "it came out of base64 text or a pipe, and is only read", Way: kdb.WayCopy}
	return fmt.Errorf("writing %q: %w", d.location, err)
}

// locked does the part of update that needs the lock.
func (d *Database) locked(ctx context.Context, edit edit, newPassword []byte) error {
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	loaded, err := d.load(ctx, false)
	if err != nil {
		return err
	}
	changed, err := edit(loaded.container)
	if err != nil {
		return err
	}
	if !changed {
		d.spare.put(loaded)
		return nil
	}
	return d.commit(ctx, loaded, newPassword)
}

// commit replaces the files whose bytes are others now.
func (d *Database) commit(ctx context.Context, loaded *loaded, newPassword []byte) error {
	password := newPassword
	if password == nil {
		password = d.secrets.get()
	}
	files, err := loaded.container.Encode(password)
	if err == nil && newPassword != nil {
		_, err = d.codec.Decode(files, Passwords{Database: func() ([]byte, error) { return password, nil }, Keys: d.options.KeyPasswords})
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", d.location, err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p := d.paths()
	changes := p.changes(files, loaded.files)
	if newPassword != nil && d.stashHolds(d.secrets.get()) {
		data, err := d.codec.Stash.Encode(newPassword)
		if err != nil {
			return fmt.Errorf("writing the stash file %q: %w", d.StashPath(), err)
		}
		changes = append(changes, change{p.stash, data})
	}
	err = d.replaceFiles(changes, func() error {
		if now, err := p.stamp(); err != nil || !now.equal(loaded.stamp) {
			return fmt.Errorf("%w: a program that takes no lock wrote it", kdb.ErrChanged)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing %q: %w", d.location, err)
	}
	d.secrets.set(newPassword)
	return nil
}

// changes lists what differs between two states, in the order in which it is to be written.
func (p paths) changes(files, before Files) []change {
	var list []change
	if before.Main == nil || !bytes.Equal(files.Main, before.Main) {
		list = append(list, change{p.main, files.Main})
	}
	for i, ending := range p.endings {
		data, old := files.Companions[ending], before.Companions[ending]
		if (data == nil) != (old == nil) || !bytes.Equal(data, old) {
			list = append(list, change{p.companions[i], data})
		}
	}
	return list
}

// lock takes the lock of the main file, waiting up to the lock timeout, and completes what a killed process left. The lock goes with the
// main file, so that the process before may still be replacing the others.
func (d *Database) lock(ctx context.Context) (unlock func(), err error) {
	p := d.paths()
	unlock, err = lockfile.Lock(ctx, p.main, d.options.LockTimeout)
	if err == nil {
		err = lockfile.Wait(ctx, d.options.LockTimeout, atomicfile.ErrBusy, func() error {
			return atomicfile.Recover(d.disk, p.main, p.others()...)
		})
		if err != nil {
			unlock()
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = kdb.ErrNoDatabase
	}
	if err = busy(err); err != nil {
		return nil, fmt.Errorf("locking %q: %w", d.location, err)
	}
	return unlock, nil
}

// busy turns the error about a lock that another process has into that of package kdb.
func busy(err error) error {
	if errors.Is(err, lockfile.ErrBusy) {
		return kdb.ErrLocked
	}
	return err
}
