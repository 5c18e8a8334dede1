package sealed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
)

// CreateStash makes a key slot with a random key and stores that key in the file next to the database that StashPath
// names. A stash that was there before is replaced and opens the database no longer.
func (db *Database) CreateStash(ctx context.Context) error {
	if db.stash == "" {
		return fmt.Errorf("creating a stash: %w", kdb.ErrUnsupported)
	}
	if err := db.replaceStash(ctx); err != nil {
		return fmt.Errorf("creating the stash %q: %w", db.stash, err)
	}
	return nil
}

// stashAttempts is how often a stash is made again because another process replaced it at the same time.
const stashAttempts = 5

// replaceStash adds a slot, gives the file its name, and removes the slots of older stashes only after that is on the disk. So the
// stash that is there opens a slot at every moment.
func (db *Database) replaceStash(ctx context.Context) error {
	for range stashAttempts {
		err := db.addStash(ctx)
		if err != nil && !errors.Is(err, kdb.ErrChanged) { // else another process removed the slot, and has a stash of its own
			return err
		}
		added := err == nil
		if opens, err := db.hasWorkingStash(ctx); err != nil || opens && !added {
			return err
		}
		old, err := db.stashSlots(ctx) // those too that other processes have added meanwhile
		if err == nil {
			err = db.removeStashSlots(ctx, old, true)
		}
		if err != nil {
			return fmt.Errorf("the new one opens the database, but the old one does, too: %w", err)
		}
		if opens, err := db.hasWorkingStash(ctx); err != nil || opens {
			return err
		}
	}
	return fmt.Errorf("%w: other processes replace it, too", kdb.ErrLocked)
}

// addStash adds a slot and replaces the file. If the file cannot be replaced, the slot is removed again.
func (db *Database) addStash(ctx context.Context) error {
	k, err := db.acquire(ctx)
	if err != nil {
		return err
	}
	defer k.release()
	content := stash{id: k.meta.id}
	rand.Read(content.key[:]) // never fails
	defer clear(content.key[:])
	content.slot, err = db.replaceSlots(ctx, slotChange{operation: "stash-create", kind: slotStash, secret: content.key[:]})
	if err != nil {
		return err
	}
	if err := db.fileStash(ctx, &content); err != nil {
		if there, errRead := readStash(db.stash); errRead != nil || there != content {
			_ = db.removeStashSlots(ctx, []uint32{content.slot}, true) // at worst a slot stays that nothing opens
		}
		return err
	}
	return nil
}

// fileStash replaces the file in a transaction: its slot must still be there, or the only stash that opens the database could
// be replaced by one that does not. Nobody can write the database again meanwhile.
func (db *Database) fileStash(ctx context.Context, content *stash) error {
	return db.update(ctx, "stash-create", lenient, func(t *tx) error {
		there, err := t.hasSlot(content.slot)
		if err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("%w: the key slot of the new stash was removed", kdb.ErrChanged)
		}
		if err := writeStash(db.disk, db.stash, content); err != nil {
			return err
		}
		removeEarly(db.disk, db.stash, content.id)
		return nil
	})
}

// RemoveStash removes the stash's key slot and its file.
func (db *Database) RemoveStash(ctx context.Context) error {
	if db.stash == "" {
		return fmt.Errorf("removing the stash: %w", kdb.ErrUnsupported)
	}
	ids, err := db.stashSlots(ctx)
	if err == nil && len(ids) > 0 {
		err = db.removeStashSlots(ctx, ids, false)
	}
	if err != nil {
		return fmt.Errorf("removing the stash: %w", err)
	}
	switch err := db.removeStashFile(ctx, func(*stash) bool { return true }); {
	case errors.Is(err, fs.ErrNotExist) && len(ids) == 0:
		return fmt.Errorf("removing the stash: %w: there is none", kdb.ErrNotFound)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("removing the stash: %w", err)
	}
	return nil
}

// removeStashFile removes a file that is wanted no longer, unless another process has made it a stash that opens a slot.
func (db *Database) removeStashFile(ctx context.Context, unwanted func(*stash) bool) error {
	return db.updateAlone(ctx, "stash-remove", func(t *tx) error {
		s, err := readStash(db.stash)
		clear(s.key[:])
		if err == nil && s.id == t.keys.meta.id {
			if there, err := t.hasSlot(s.slot); err != nil || there {
				return err
			}
		}
		if !unwanted(&s) {
			return nil
		}
		return db.disk.Remove(db.stash)
	})
}

// removeStashSlots removes those of the slots that are still there. If another one is to replace them, the slot that the stash opens
// stays, no matter who made it.
func (db *Database) removeStashSlots(ctx context.Context, ids []uint32, replaced bool) error {
	if len(ids) == 0 {
		return nil
	}
	return db.updateAlone(ctx, "stash-remove", func(t *tx) error {
		var current stash
		if replaced {
			current, _ = readStash(db.stash)
			clear(current.key[:])
		}
		for _, id := range ids {
			if replaced && id == current.slot && current.id == t.keys.meta.id {
				continue
			}
			if err := t.removeSlot(id, replaced); err != nil && !errors.Is(err, kdb.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

// StashPath is the file where the stash is, or would be; "" if there can be none.
func (db *Database) StashPath() string { return db.stash }

func (db *Database) stashSlots(ctx context.Context) ([]uint32, error) {
	slots, err := db.Slots(ctx)
	var ids []uint32
	for _, s := range slots {
		if s.Kind == "stash" {
			ids = append(ids, uint32(s.ID))
		}
	}
	return ids, err
}

// hasWorkingStash reports whether the stash opens a slot.
func (db *Database) hasWorkingStash(ctx context.Context) (opens bool, err error) {
	err = db.view(ctx, lenient, func(t *tx) error {
		slots, err := t.slots()
		for i := range slots {
			opens = opens || db.stashOpens(&t.keys.meta, &slots[i])
		}
		return err
	})
	return opens, err
}

// stashOpens reports whether the stash opens this slot.
func (db *Database) stashOpens(m *meta, s *storedSlot) bool {
	for st, err := range db.stashes(m.id) {
		if err == nil && st.opensAny(m, []storedSlot{*s}) {
			return true
		}
	}
	return false
}

// opensAny reports whether the stash opens one of the slots.
func (s *stash) opensAny(m *meta, slots []storedSlot) bool {
	_, master := s.open(m, slots)
	clear(master)
	return master != nil
}

// open returns the slot that the stash opens, and the master key; nil if it opens none.
func (s *stash) open(m *meta, slots []storedSlot) (*storedSlot, []byte) {
	if s.id != m.id {
		return nil, nil
	}
	for _, slot := range slots {
		if !slot.isStash() || slot.id != s.slot {
			continue
		}
		if master, err := slot.slot.unwrap(m, slot.id, s.key[:]); err == nil {
			return &slot, master
		}
	}
	return nil, nil
}

// stashPath is where the stash of the database at path is. Behind a symbolic link it is next to the database itself, where it is found
// by every name, unless there is one next to the link.
func stashPath(path string) string {
	own := path + StashExtension
	if _, err := os.Lstat(own); err == nil {
		return own
	}
	return atomicfile.Follow(path) + StashExtension
}

// writeStash replaces the file, down to the disk.
func writeStash(disk atomicfile.FS, name string, s *stash) error {
	path := atomicfile.Follow(name)
	if err := mayReplace(name, path); err != nil {
		return err
	}
	if err := keepOther(disk, path, s.id); err != nil {
		return err
	}
	atomicfile.RemoveStale(disk, path)
	return storeStash(disk, path, s)
}

// mayReplace refuses to replace a file that a symbolic link leads to, unless it is a stash or empty: whoever can write to the folder of a
// database could have any file of the user who makes a stash there overwritten. path is what the name leads to.
func mayReplace(name, path string) error {
	isOwn := path == name || path == filepath.Join(atomicfile.Follow(filepath.Dir(name)), filepath.Base(name))
	if info, err := os.Stat(path); isOwn || err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		return nil
	}
	s, err := parseStash(path)
	clear(s.key[:])
	if err != nil {
		return fmt.Errorf("it is a symbolic link to %q, which is no stash; remove the link: %w", path, fs.ErrExist)
	}
	return nil
}

// keepOther keeps the stash of a different database, which may be the only key to it, under another name: NAME.stash.ID.
func keepOther(disk atomicfile.FS, path string, id [16]byte) error {
	old, err := parseStash(path)
	defer clear(old.key[:])
	if err != nil || old.id == id {
		return nil
	}
	if err := disk.Link(path, keptStash(path, &old)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the stash of another database is there, and cannot be kept: %w", err)
	}
	return nil
}

// storeStash writes a stash to a path, down to the disk.
func storeStash(disk atomicfile.FS, path string, s *stash) error {
	t, err := atomicfile.New(disk, path) // mode 0600
	if err != nil {
		return err
	}
	defer t.Discard()
	content := s.encode()
	_, err = t.Write(content)
	clear(content)
	if err != nil {
		return err
	}
	if !exists(path) { // a link needs no temporary name, which a kill would leave
		if err := t.Publish(); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return t.Replace()
}

// keptStash is the name under which the stash of another database is kept.
func keptStash(path string, s *stash) string { return fmt.Sprintf("%s.%x-%d", path, s.id[:4], s.slot) }

// parseStash reads a stash whatever its mode is.
func parseStash(path string) (stash, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxStash {
		return stash{}, errors.Join(err, kdb.ErrParse)
	}
	data, err := os.ReadFile(filepath.Clean(path))
	defer clear(data)
	if err != nil {
		return stash{}, err
	}
	return decodeStash(data)
}
