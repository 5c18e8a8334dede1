package sealed

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// NewBackup says what is to open a copy besides what opens the database.
type NewBackup struct {
	Password []byte // 256 random bits; nil is none
	Stash    bool   // the caller gives it a place with WriteStash
}

// Backup is a compact copy of one state of a database, complete and without a name. The caller proves that it opens, writes it somewhere
// and closes it.
type Backup struct {
	db    *Database
	keys  *keys
	copy  store.Copy
	slots []storedSlot
	stash stash // that opens it; zero if there is none
}

// The names of the key slots that only a backup has.
const backupSlot, backupStashSlot = "backup", "backup-stash"

// Backup copies the database into a file without a name, in the folder of a path. What opens the database opens the copy too. The
// generation and the log stay, so that the copy counts as the state that it is.
func (db *Database) Backup(ctx context.Context, path string, o NewBackup) (*Backup, error) {
	st, ok := db.store.(store.Copier)
	if !ok {
		return nil, &store.Error{Op: "copying", Location: db.location, Err: kdb.ErrUnsupported}
	}
	k, err := db.acquire(ctx)
	if err != nil {
		return nil, err
	}
	b := &Backup{db: db, keys: k}
	var fill func(old, made store.Tx) error
	if o.Stash || o.Password != nil {
		fill = func(old, made store.Tx) error { return b.fill(ctx, old, made, &o) }
	}
	if b.copy, err = st.Copy(ctx, path, fill); err != nil {
		k.release()
		return nil, db.name(err)
	}
	err = b.view(ctx, func(t *tx) (err error) {
		b.slots, err = t.listedSlots()
		return err
	})
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("opening the copy: %w", err)
	}
	return b, nil
}

// fill copies all records and adds key slots.
func (b *Backup) fill(ctx context.Context, old, made store.Tx, o *NewBackup) error {
	t, err := b.db.begin(ctx, old, b.keys)
	if err != nil {
		return err
	}
	if err := copyRecords(old, made); err != nil {
		return err
	}
	t.stx = putter{old, made}
	if o.Password != nil {
		if _, err := b.addSlot(t, backupSlot, slotSecret, o.Password); err != nil {
			return err
		}
	}
	if o.Stash {
		b.stash.id = b.keys.meta.id
		rand.Read(b.stash.key[:]) // never fails
		if b.stash.slot, err = b.addSlot(t, backupStashSlot, slotStash, b.stash.key[:]); err != nil {
			return err
		}
	}
	return t.putHead()
}

// copyRecords copies all records but the head.
func copyRecords(from, to store.Tx) error {
	for record, err := range from.Scan("", "") {
		if err == nil && strings.TrimPrefix(record.Key, store.Apart) != keyHead {
			err = to.Put(record.Key, bytes.Clone(record.Value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addSlot adds a slot under a name, with a number behind it if that is taken.
func (b *Backup) addSlot(t *tx, name string, kind uint8, secret []byte) (id uint32, err error) {
	list, err := t.slots()
	if err != nil {
		return 0, err
	}
	taken := map[string]bool{}
	for _, s := range list {
		if s.slot != nil {
			taken[s.slot.name] = true
		}
	}
	s := b.db.newSlot(kind, kdb.CostRandom)
	s.name = name
	for n := 2; taken[s.name]; n++ {
		s.name = fmt.Sprintf("%s-%d", name, n)
	}
	id = t.head.lastSlot + 1
	if err := s.wrap(&b.keys.meta, id, secret, b.keys.master); err != nil {
		return 0, err
	}
	return id, t.putSlot(id, s)
}

// view calls fn with the copy, whose head the keys open.
func (b *Backup) view(ctx context.Context, fn func(*tx) error) error {
	return b.copy.View(ctx, func(stx store.Tx) error {
		t, err := b.db.begin(ctx, stx, b.keys)
		if err == nil {
			err = t.require(strict)
		}
		if err != nil {
			return err
		}
		return fn(t)
	})
}

// StashOf is the path of the stash of the database in a file.
func StashOf(path string) string { return stashPath(path) }

// WriteStash writes the stash that opens the copy, before the copy is written. PlaceStash gives it its name, which belongs next to the
// place of the copy: see StashOf.
func (b *Backup) WriteStash(path string) error {
	if err := b.early(path).write(); err != nil {
		return fmt.Errorf("creating the stash %q: %w", path, err)
	}
	return nil
}

// PlaceStash gives the stash its name when the copy has its own. Until then it opens the copy, too. For a copy without a stash it removes
// those that killed commands left.
func (b *Backup) PlaceStash(path string) error {
	if b.stash.slot == 0 {
		removeEarly(b.db.disk, path, [16]byte{})
		return nil
	}
	if err := b.early(path).place(); err != nil {
		return fmt.Errorf("creating the stash %q: %w", path, err)
	}
	return nil
}

// WithdrawStash removes the stash of a copy that nobody gets.
func (b *Backup) WithdrawStash(path string) { b.early(path).remove() }

func (b *Backup) early(path string) *earlyStash { return &earlyStash{b.db.disk, path, b.stash} }

// errNoOpener says that something does not open the copy of a database.
var errNoOpener = errors.New("it does not open the copy")

// ProveStash opens the copy with the stash that was written, and nothing else.
func (b *Backup) ProveStash(ctx context.Context, path string) error {
	s, err := readStash(earlyPath(path, b.stash.id))
	defer clear(s.key[:])
	if err != nil {
		return err
	}
	return b.prove(ctx, s.key[:], func(slot *storedSlot) bool { return slot.slot.kind == slotStash && s.slot == slot.id })
}

// ProvePassword opens the copy with a password of 256 random bits.
func (b *Backup) ProvePassword(ctx context.Context, password []byte) error {
	return b.prove(ctx, password, func(slot *storedSlot) bool { return slot.slot.kind == slotSecret })
}

// prove reads the key slots and the head of the copy, and opens them with a secret.
func (b *Backup) prove(ctx context.Context, secret []byte, fits func(*storedSlot) bool) error {
	return b.view(ctx, func(t *tx) error {
		list, err := t.listedSlots()
		for i := range list {
			s := &list[i]
			if s.slot == nil || !fits(s) {
				continue
			}
			master, errSlot := s.slot.unwrap(&t.keys.meta, s.id, secret)
			if errSlot == nil && bytes.Equal(master, b.keys.master) {
				clear(master)
				return err
			}
		}
		return errors.Join(err, errNoOpener)
	})
}

// Slots are the key slots of the copy. HasStash says that the stash of the database, if it is put next to the copy, opens it.
func (b *Backup) Slots() []kdb.SlotInfo {
	var list []kdb.SlotInfo
	for i := range b.slots {
		info := b.slots[i].info()
		info.Opened = b.slots[i].id == b.keys.slot
		info.HasStash = b.db.stashOpens(&b.keys.meta, &b.slots[i])
		list = append(list, info)
	}
	return list
}

// DatabaseStash is the path of the stash of the database itself.
func (b *Backup) DatabaseStash() string { return b.db.stashFile(b.keys.meta.id) }

// Size is the number of bytes of the copy.
func (b *Backup) Size() int64 { return b.copy.Size() }

// WriteTo writes the copy.
func (b *Backup) WriteTo(w io.Writer) (int64, error) { return b.copy.WriteTo(w) }

// Close removes the file without a name.
func (b *Backup) Close() error {
	b.keys.release()
	clear(b.stash.key[:])
	return b.copy.Close()
}
