package sealed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// ErrLastSlot says that a key slot cannot be removed because no other one can be used: nothing could open the database any more.
var ErrLastSlot = errors.New("no other key slot can be used")

// Slots lists the key slots, and says which of them are in use here. It needs no password; what it lists is verified by the head only when
// the database is unlocked.
func (db *Database) Slots(ctx context.Context) ([]kdb.SlotInfo, error) {
	var list []kdb.SlotInfo
	var m meta
	err := db.store.View(ctx, func(stx store.Tx) (err error) {
		if list, err = slotInfos(stx); err == nil {
			m, _, err = readMetaRecord(stx)
		}
		return err
	})
	if err != nil {
		return nil, db.name(err)
	}
	db.markInUse(list, &m)
	return list, nil
}

// markInUse marks the slot that opened the database, and that of the stash that is there.
func (db *Database) markInUse(list []kdb.SlotInfo, m *meta) {
	db.mu.Lock()
	opened := 0
	if db.keys != nil {
		opened = int(db.keys.slot)
	}
	db.mu.Unlock()
	for i := range list {
		list[i].Opened = list[i].ID == opened
	}
	for st, err := range db.stashes(m.id) {
		for i := range list {
			list[i].HasStash = list[i].HasStash || err == nil && list[i].Kind == "stash" && list[i].ID == int(st.slot)
		}
	}
}

// SlotOf returns the key slot that a password opens. The error wraps kdb.ErrPassword if it opens none.
func (db *Database) SlotOf(ctx context.Context, password []byte) (kdb.SlotInfo, error) {
	s, err := db.slotOf(ctx, password)
	if err != nil {
		return kdb.SlotInfo{}, err
	}
	return s.info(), nil
}

// slotOf also verifies by the head that the slot belongs to the database, for which it is unlocked.
func (db *Database) slotOf(ctx context.Context, password []byte) (found *storedSlot, err error) {
	k, err := db.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer k.release()
	var slots []storedSlot
	err = db.view(ctx, lenient, func(t *tx) (err error) {
		slots, err = t.listedSlots()
		return err
	})
	if err != nil {
		return nil, err
	}
	d := derivations{secret: password, left: newBudget(db.o.MaxKDFMemory)}
	defer d.forget()
	found, master, err := db.openByPassword(ctx, &k.meta, slots, &d)
	clear(master)
	return found, err
}

// HasPassword says whether ChangePassword would change nothing: the password opens the slot that it would replace, and the key derivation
// is the same.
func (db *Database) HasPassword(ctx context.Context, password []byte, cost kdb.Cost) (bool, error) {
	replaced, err := db.passwordSlot(ctx, 0)
	if err != nil || len(replaced) == 0 {
		return false, nil // ChangePassword tells
	}
	s, err := db.slotOf(ctx, password)
	if errors.Is(err, kdb.ErrPassword) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	kind := passwordKind(cost)
	return s.id == replaced[0] && s.slot.kind == kind && db.newSlot(kind, cost).alike(&s.slot.stretch), nil
}

// AddPasswordSlot adds a key slot for a further password and returns its id. Without a name it gets one that is free. The error wraps
// kdb.ErrExists when another slot has the name or, as a *SamePassword, the password, and kdb.ErrLabel when it is no name.
func (db *Database) AddPasswordSlot(ctx context.Context, name string, password []byte, cost kdb.Cost) (id int, err error) {
	if name != "" {
		if err := CheckSlotName(name); err != nil {
			return 0, err
		}
	}
	added, err := db.replaceSlots(ctx, slotChange{operation: "slot-add", name: name, kind: passwordKind(cost), cost: cost, secret: password})
	return int(added), err
}

// ChangePassword puts a slot for the new password in the place of a password slot, with its name. old is the id of that slot; 0 is the
// slot that the database was unlocked with, or the only password slot; a database without one gets its first. The id of the new
// slot is returned. The error is a *SamePassword if yet another slot has the password.
func (db *Database) ChangePassword(ctx context.Context, old int, password []byte, cost kdb.Cost) (id int, err error) {
	replaced, err := db.passwordSlot(ctx, old)
	if err != nil {
		return 0, fmt.Errorf("changing the password: %w", err)
	}
	added, err := db.replaceSlots(ctx, slotChange{
		operation: "passwd", kind: passwordKind(cost), cost: cost, secret: password, removed: replaced, first: len(replaced) == 0,
	})
	return int(added), err
}

// passwordSlot finds the slot whose password is to be changed, if there is one.
func (db *Database) passwordSlot(ctx context.Context, wanted int) ([]uint32, error) {
	k, err := db.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer k.release()
	slots, err := db.Slots(ctx)
	if err != nil {
		return nil, err
	}
	var candidates []uint32
	for _, s := range slots {
		if s.Kind != "password" && s.Kind != "secret" {
			continue
		}
		if s.ID == wanted || wanted == 0 && s.ID == int(k.slot) {
			return []uint32{uint32(s.ID)}, nil
		}
		candidates = append(candidates, uint32(s.ID))
	}
	switch {
	case wanted != 0:
		return nil, fmt.Errorf("%w: there is no password slot %d", kdb.ErrNotFound, wanted)
	case len(candidates) > 1:
		return nil, fmt.Errorf("%w: there are %d password slots, say which", kdb.ErrUnsupported, len(candidates))
	}
	return candidates, nil
}

// slotChange is a slot to be made, and those that it replaces.
type slotChange struct {
	operation string
	name      string // "" is one that is free, or that of the replaced slot
	kind      uint8
	cost      kdb.Cost
	secret    []byte
	removed   []uint32
	first     bool // no slot of a password is there
}

// SamePassword says that another key slot has the password already: it would go on opening the database when one of the two is removed. It
// wraps kdb.ErrExists.
type SamePassword struct {
	Slot string // its name
}

func (e *SamePassword) Error() string {
	return fmt.Sprintf("key slot %q has this password already", e.Slot)
}

func (e *SamePassword) Unwrap() error { return kdb.ErrExists }

// replaceSlots adds a slot and removes others, in one transaction. Deriving its key takes long, so it happens outside of the transaction;
// then the slot's id and name are not certain, and it is done again if somebody else took them.
func (db *Database) replaceSlots(ctx context.Context, change slotChange) (uint32, error) {
	k, err := db.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer k.release()
	if len(change.secret) == 0 {
		return 0, fmt.Errorf("adding a key slot: %w: the new password is empty", kdb.ErrNoPassword)
	}
	for {
		s := db.newSlot(change.kind, change.cost)
		var id uint32
		var others []storedSlot
		err := db.view(ctx, lenient, func(t *tx) (err error) {
			id = t.head.lastSlot + 1
			if s.name, err = t.slotName(&change); err != nil {
				return err
			}
			others, err = t.passwordSlots(change.removed)
			return err
		})
		if err != nil {
			return 0, err
		}
		if change.first && len(others) > 0 {
			return 0, fmt.Errorf("key slot %q: %w: it was added meanwhile", others[0].slot.name, kdb.ErrChanged)
		}
		if err := db.wrapAlone(ctx, k, id, s, &change, others); err != nil {
			return 0, err
		}
		err = db.update(ctx, change.operation, lenient, func(t *tx) error { return t.swapSlots(id, s, &change) })
		if !errors.Is(err, errSlotTaken) {
			return id, err
		}
	}
}

// wrapAlone seals the master key in a slot, unless another one of a password has the secret already. The slot of a password gets the salt
// of the others, so that one derivation serves for all. See FORMAT.md, "Key slots".
func (db *Database) wrapAlone(ctx context.Context, k *keys, id uint32, s *slot, change *slotChange, others []storedSlot) error {
	for _, other := range others {
		if s.alike(&other.slot.stretch) {
			s.salt = other.slot.salt
		}
	}
	d := derivations{secret: change.secret, left: newBudget(db.o.MaxKDFMemory)}
	defer d.forget()
	if change.kind != slotStash {
		found, master, err := db.openByPassword(ctx, &k.meta, others, &d)
		clear(master)
		if err == nil {
			return &SamePassword{found.slot.name}
		}
		if !errors.Is(err, kdb.ErrPassword) {
			return err
		}
	}
	d.left = nil // it is not to fail for what others cost
	return s.wrapBy(&k.meta, id, &d, k.master)
}

// passwordSlots are the slots of passwords that stay.
func (t *tx) passwordSlots(removed []uint32) ([]storedSlot, error) {
	list, err := t.listedSlots() // others may have been put there by somebody without a key
	return slices.DeleteFunc(list, func(s storedSlot) bool { return s.rank() == 0 || slices.Contains(removed, s.id) }), err
}

// errSlotTaken says that the slot's id or name was given to somebody else meanwhile.
var errSlotTaken = errors.New("slot taken")

// slotName is the name of the slot that is to be made.
func (t *tx) slotName(change *slotChange) (string, error) {
	list, err := t.slots()
	if err != nil {
		return "", err
	}
	var taken []string
	inherited := ""
	for _, s := range list {
		switch {
		case s.slot == nil:
		case slices.Contains(change.removed, s.id):
			inherited = s.slot.name
		default:
			taken = append(taken, s.slot.name)
		}
	}
	switch name := cmp.Or(change.name, inherited); {
	case name == "":
		return defaultSlotName(change.kind, taken), nil
	case slices.Contains(taken, name):
		return "", fmt.Errorf("key slot %q: %w", name, kdb.ErrExists)
	default:
		return name, nil
	}
}

// defaultSlotName is the first free one of password, password-2, password-3 …. Every stash is called stash: there are two only while one
// replaces the other.
func defaultSlotName(kind uint8, taken []string) string {
	if kind == slotStash {
		return "stash"
	}
	name := "password"
	for n := 2; slices.Contains(taken, name); n++ {
		name = fmt.Sprintf("password-%d", n)
	}
	return name
}

func (t *tx) swapSlots(id uint32, s *slot, change *slotChange) error {
	name, err := t.slotName(change)
	if err != nil {
		return err
	}
	if t.head.lastSlot >= id || name != s.name {
		return errSlotTaken
	}
	for _, old := range change.removed {
		if there, err := t.hasSlot(old); err != nil {
			return err
		} else if !there {
			return fmt.Errorf("key slot %d: %w: it was removed meanwhile", old, kdb.ErrChanged)
		}
		if err := t.deleteSlot(old); err != nil {
			return err
		}
	}
	if err := t.putSlot(id, s); err != nil {
		return err
	}
	return t.logSlot(s.name)
}

// RemoveSlot removes a key slot: its password or stash no longer opens the database. Unless force is set, the last usable one
// stays, with ErrLastSlot. A slot that does not belong there (see FORMAT.md, "Key slots") can be removed too. A stash file that belongs to
// the slot would open nothing, and is removed.
func (db *Database) RemoveSlot(ctx context.Context, id int, force bool) error {
	var m meta
	err := db.updateAlone(ctx, "slot-remove", func(t *tx) error {
		m = t.keys.meta
		return t.removeSlot(uint32(id), force)
	})
	belongs := func(s *stash) bool { return s.id == m.id && s.slot == uint32(id) }
	s, errStash := readStash(db.stash)
	clear(s.key[:])
	if err == nil && errStash == nil && belongs(&s) {
		err = db.removeStashFile(ctx, belongs)
	}
	if err != nil {
		return fmt.Errorf("removing key slot %d: %w", id, err)
	}
	return nil
}

func (t *tx) removeSlot(id uint32, force bool) error {
	there, err := t.hasSlot(id)
	listed := slices.ContainsFunc(t.head.slots, func(h slotHash) bool { return h.id == id })
	switch {
	case err != nil:
		return err
	case !there && !listed:
		return fmt.Errorf("%w: there is no such slot", kdb.ErrNotFound)
	}
	name, err := t.nameOfSlot(id)
	if err != nil {
		return err
	}
	if err := t.deleteSlot(id); err != nil {
		return err
	}
	if !force {
		if usable, err := t.anyUsableSlot(); err != nil {
			return err
		} else if !usable {
			return ErrLastSlot
		}
	}
	return t.logSlot(name)
}

// logSlot appends to the audit log what became of the slot of a name.
func (t *tx) logSlot(name string) error { return t.log(t.operation, "slot "+name, [32]byte{}) }

// nameOfSlot is the name of a slot, or its number if it has none that can be read.
func (t *tx) nameOfSlot(id uint32) (string, error) {
	list, err := t.slots()
	for _, s := range list {
		if s.id == id && s.slot != nil {
			return s.slot.name, err
		}
	}
	return strconv.FormatUint(uint64(id), 10), err
}

func (t *tx) hasSlot(id uint32) (bool, error) {
	list, err := readSlots(t.stx)
	return slices.ContainsFunc(list, func(s storedSlot) bool { return s.id == id }), err
}

// anyUsableSlot reports whether a slot is left that can open the database and is listed in the head. The slot of a stash counts only
// if the stash is there and opens it.
func (t *tx) anyUsableSlot() (bool, error) {
	list, err := t.slots()
	return slices.ContainsFunc(list, func(s storedSlot) bool {
		return t.lists(&s) && s.slot != nil && (s.slot.kind != slotStash || t.db.stashOpens(&t.keys.meta, &s))
	}), err
}
