package databases

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	info, err := db.Info(ctx)
	return Slots{newSlots(info.Slots)}, err
}

// SlotDone names a slot; 0 is one that has no number yet.
type SlotDone struct {
	ID int `json:"id"`
}

// HasChanged is always true.
func (SlotDone) HasChanged() bool { return true }

// AddSlot adds a password.
type AddSlot struct {
	NewPassword op.NewPassword
	Cost        kdb.Cost
}

// Plan opens the database.
func (o AddSlot) Plan(ctx context.Context, s *op.Session) (SlotDone, error) {
	db, err := nativeOf(ctx, s, op.FeatureSlots)
	if err == nil {
		err = o.NewPassword.CheckKept()
	}
	if err == nil {
		err = db.Unlock(ctx)
	}
	return SlotDone{}, err
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
	id, err := db.AddPasswordSlot(ctx, password, o.NewPassword.Cost(o.Cost))
	return SlotDone{id}, err
}

// RemoveSlot removes a slot.
type RemoveSlot struct {
	ID    int
	Force bool // even if nothing opens the database then
}

// Plan checks whether there is such a slot, and whether the database opens.
func (o RemoveSlot) Plan(ctx context.Context, s *op.Session) (SlotDone, error) {
	db, err := nativeOf(ctx, s, op.FeatureSlots)
	if err != nil {
		return SlotDone{}, err
	}
	info, err := db.Info(ctx)
	if err != nil {
		return SlotDone{}, err
	}
	if !slices.ContainsFunc(info.Slots, func(slot kdb.SlotInfo) bool { return slot.ID == o.ID }) {
		return SlotDone{}, o.missing()
	}
	return SlotDone{o.ID}, db.Unlock(ctx)
}

// Do removes it.
func (o RemoveSlot) Do(ctx context.Context, s *op.Session) (SlotDone, error) {
	db, err := nativeOf(ctx, s, op.FeatureSlots)
	if err != nil {
		return SlotDone{}, err
	}
	err = db.RemoveSlot(ctx, o.ID, o.Force)
	switch {
	case errors.Is(err, kdb.ErrNotFound):
		err = o.missing()
	case errors.Is(err, sealed.ErrLastSlot):
		err = op.Mark(op.LastSlot, err)
	}
	return SlotDone{o.ID}, err
}

func (o RemoveSlot) missing() error {
	return op.Mark(op.NoSlot, op.Classify(fmt.Errorf("there is no key slot %d", o.ID), kdb.ErrNotFound))
}
