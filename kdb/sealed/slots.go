package sealed

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// ErrLastSlot says that a key slot cannot be removed because no other one can be used: nothing could open the database any more.
var ErrLastSlot = errors.New("no other key slot can be used")

// Slots lists the key slots. It needs no password.
func (db *Database) Slots(ctx context.Context) ([]kdb.SlotInfo, error) {
	var list []kdb.SlotInfo
	err := db.store.View(ctx, func(stx store.Tx) error {
		var err error
		list, err = slotInfos(stx)
		return err
	})
	return list, db.name(err)
}

// AddPasswordSlot adds a key slot for a further password and returns its id.
func (db *Database) AddPasswordSlot(ctx context.Context, password []byte, cost kdb.Cost) (id int, err error) {
	added, err := db.replaceSlots(ctx, "slot-add", nil, func(uint32) (*slot, []byte, error) {
		return newSlot(passwordKind(cost), cost, db.now()), password, nil
	})
	return int(added), err
}

// ChangePassword puts a slot for the new password in the place of a password slot. old is the id of that slot; 0 is the
// slot that the database was unlocked with, or the only password slot; a database without one gets its first. The id of the new
// slot is returned.
func (db *Database) ChangePassword(ctx context.Context, old int, password []byte, cost kdb.Cost) (id int, err error) {
	replaced, err := db.passwordSlot(ctx, old)
	if err != nil {
		return 0, fmt.Errorf("changing the password: %w", err)
	}
	added, err := db.replaceSlots(ctx, "passwd", replaced, func(uint32) (*slot, []byte, error) {
		return newSlot(passwordKind(cost), cost, db.now()), password, nil
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

// replaceSlots adds the slot that the function makes and removes others, in one transaction. Deriving its key takes long, so it happens
// outside of the transaction; then the slot's id
// is not certain, and it is done again if somebody else took the id.
func (db *Database) replaceSlots(
	ctx context.Context,
	operation string,
	gone []uint32,
	fill func(id uint32) (*slot, []byte, error),
) (uint32, error) {
	k, err := db.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer k.release()
	for {
		id, err := db.nextSlot(ctx)
		if err != nil {
			return 0, err
		}
		s, secret, err := fill(id)
		if err != nil {
			return 0, err
		}
		if len(secret) == 0 {
			return 0, fmt.Errorf("adding a key slot: %w: the new password is empty", kdb.ErrNoPassword)
		}
		if err := s.wrap(&k.meta, id, secret, k.master); err != nil {
			return 0, err
		}
		err = db.update(ctx, operation, lenient, func(t *tx) error { return t.swapSlots(id, s, gone) })
		if !errors.Is(err, errSlotTaken) {
			return id, err
		}
	}
}

func (db *Database) nextSlot(ctx context.Context) (id uint32, err error) {
	err = db.view(ctx, lenient, func(t *tx) error { id = t.head.lastSlot + 1; return nil })
	return id, err
}

// errSlotTaken says that the slot id was given to somebody else meanwhile.
var errSlotTaken = errors.New("slot id taken")

func (t *tx) swapSlots(id uint32, s *slot, gone []uint32) error {
	if t.head.lastSlot >= id {
		return errSlotTaken
	}
	for _, old := range gone {
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
	return t.log(t.operation, "", [32]byte{})
}

// RemoveSlot removes a key slot: its password or stash no longer opens the database. Unless force is set, the last usable one
// stays, with ErrLastSlot. A slot that does not belong there (see FORMAT.md, "Key slots") can be removed too.
func (db *Database) RemoveSlot(ctx context.Context, id int, force bool) error {
	err := db.update(ctx, "slot-remove", lenient, func(t *tx) error { return t.removeSlot(uint32(id), force) })
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
	return t.log(t.operation, "", [32]byte{})
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
