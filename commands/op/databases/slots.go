package databases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

func nativeOf(ctx context.Context, s *op.Session, feature op.Feature) (*sealed.Database, error) {
	return op.As[*sealed.Database](ctx, s, feature)
}

// ListSlots lists key slots.
type ListSlots struct{}

// Slots is a list of key slots.
type Slots struct {
	Slots []Slot `json:"slots"`
}

// Run lists. It needs no password.
func (ListSlots) Run(ctx context.Context, s *op.Session) (Slots, error) {
	db, err := nativeOf(ctx, s, op.FeatureSlots)
	if err != nil {
		return Slots{}, err
	}
	list, err := db.Slots(ctx)
	return Slots{newSlots(list)}, err
}

// SlotDone names a slot; 0 is one that has no number yet.
type SlotDone struct {
	ID   int    `json:"id"`
	Name string `json:"name,omitempty"`
	// Unchanged says that the slot was there, with the same password.
	Unchanged bool `json:"-"`
}

// HasChanged says whether a slot was added or removed.
func (s SlotDone) HasChanged() bool { return !s.Unchanged }

// AddSlot adds a password. A slot of that name, or without one any slot, that has the password already is left alone.
type AddSlot struct {
	Name        string // "" is one that is free
	NewPassword op.NewPassword
	Cost        kdb.Cost
}

// Plan opens the database.
func (o AddSlot) Plan(ctx context.Context, s *op.Session) (SlotDone, error) {
	db, err := nativeOf(ctx, s, op.FeatureSlots)
	if err == nil && o.Name != "" {
		err = sealed.CheckSlotName(o.Name)
	}
	if err == nil {
		err = o.NewPassword.CheckKept()
	}
	if err != nil {
		return SlotDone{}, err
	}
	list, err := db.Slots(ctx)
	taken := slices.ContainsFunc(list, func(s kdb.SlotInfo) bool { return o.Name != "" && s.Name == o.Name })
	if err == nil {
		err = db.Unlock(ctx)
	}
	done := SlotDone{Name: o.Name}
	if err == nil && o.NewPassword.Source.Lasts() {
		var password []byte
		if password, err = o.NewPassword.Get(s.Env, "the new slot"); err == nil {
			done, err = o.existing(ctx, db, password)
			clear(password)
		}
	}
	if err == nil && taken && !done.Unchanged {
		err = fmt.Errorf("key slot %q: %w", o.Name, kdb.ErrExists)
	}
	return done, err
}

// existing finds the slot that has the password already. The error wraps kdb.ErrExists if that has another name than the one asked for: the
// password would go on opening the database when one of the two is removed.
func (o AddSlot) existing(ctx context.Context, db *sealed.Database, password []byte) (SlotDone, error) {
	found, err := db.SlotOf(ctx, password)
	switch {
	case errors.Is(err, kdb.ErrPassword):
		return SlotDone{Name: o.Name}, nil
	case err != nil:
		return SlotDone{}, err
	case o.Name != "" && found.Name != o.Name:
		return SlotDone{}, &sealed.SamePassword{Slot: found.Name}
	}
	return SlotDone{ID: found.ID, Name: found.Name, Unchanged: true}, nil
}

// Do asks for the new password and adds it.
func (o AddSlot) Do(ctx context.Context, s *op.Session) (SlotDone, error) {
	db, err := nativeOf(ctx, s, op.FeatureSlots)
	if err != nil {
		return SlotDone{}, err
	}
	password, err := o.NewPassword.Get(s.Env, "the new slot")
	if err != nil {
		return SlotDone{}, err
	}
	defer clear(password)
	if done, err := o.existing(ctx, db, password); done.Unchanged || err != nil { // typed
		return done, err
	}
	id, err := db.AddPasswordSlot(ctx, o.Name, password, o.NewPassword.Cost(o.Cost))
	if errors.Is(err, kdb.ErrExists) { // another process may have added it at the same time
		done, errExisting := o.existing(ctx, db, password)
		if done.Unchanged || errExisting != nil {
			return done, errExisting
		}
	}
	if err != nil {
		return SlotDone{}, err
	}
	list, err := db.Slots(ctx)
	for _, s := range list {
		if s.ID == id {
			return SlotDone{ID: id, Name: s.Name}, err
		}
	}
	return SlotDone{ID: id}, err
}

// RemoveSlot removes a slot.
type RemoveSlot struct {
	Slot  string // its name, or its number
	Force bool   // even if nothing opens the database then
}

// Plan checks whether there is such a slot, and whether the database opens.
func (o RemoveSlot) Plan(ctx context.Context, s *op.Session) (SlotDone, error) {
	db, err := nativeOf(ctx, s, op.FeatureSlots)
	if err != nil {
		return SlotDone{}, err
	}
	slot, err := o.find(ctx, db)
	if err != nil {
		return SlotDone{}, err
	}
	return slot, db.Unlock(ctx)
}

// Do removes it.
func (o RemoveSlot) Do(ctx context.Context, s *op.Session) (SlotDone, error) {
	db, err := nativeOf(ctx, s, op.FeatureSlots)
	if err != nil {
		return SlotDone{}, err
	}
	slot, err := o.find(ctx, db)
	if err != nil {
		return SlotDone{}, err
	}
	err = db.RemoveSlot(ctx, slot.ID, o.Force)
	switch {
	case errors.Is(err, kdb.ErrNotFound):
		err = o.missing()
	case errors.Is(err, sealed.ErrLastSlot):
		err = op.Mark(op.LastSlot, err)
	}
	return slot, err
}

// find looks for the slot by its name, then by its number.
func (o RemoveSlot) find(ctx context.Context, db *sealed.Database) (SlotDone, error) {
	list, err := db.Slots(ctx)
	if err != nil {
		return SlotDone{}, err
	}
	var found []SlotDone
	for _, s := range list {
		if s.Name == o.Slot || strconv.Itoa(s.ID) == o.Slot {
			found = append(found, SlotDone{ID: s.ID, Name: s.Name})
		}
	}
	switch len(found) {
	case 0:
		return SlotDone{}, o.missing()
	case 1:
		return found[0], nil
	}
	err = fmt.Errorf("%d key slots are named %q: say which by its number", len(found), o.Slot)
	return SlotDone{}, op.Mark(op.NoSlot, op.Classify(err, op.ErrUsage))
}

func (o RemoveSlot) missing() error {
	return op.Mark(op.NoSlot, op.Classify(fmt.Errorf("there is no key slot %q", o.Slot), kdb.ErrNotFound))
}
