package databases

import (
	"context"
	"errors"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// Rekey encrypts everything under a new master key. The slots of the passwords that opened the session are carried over.
type Rekey struct {
	DropSlots bool // that cannot be carried over
	// Passwords are those of the slots to keep.
	Passwords func() [][]byte
	Cost      kdb.Cost // of the slots
}

// Plan opens the database.
func (o Rekey) Plan(ctx context.Context, s *op.Session) (Done, error) {
	db, err := nativeOf(ctx, s, op.FeatureRekey)
	if err != nil {
		return Done{}, err
	}
	return Done{Location: s.Location}, db.Unlock(ctx)
}

// Do encrypts.
func (o Rekey) Do(ctx context.Context, s *op.Session) (Done, error) {
	db, err := nativeOf(ctx, s, op.FeatureRekey)
	if err != nil {
		return Done{}, err
	}
	defer op.CollectMore()()
	err = db.Rekey(ctx, sealed.Rekey{Passwords: o.Passwords(), Drop: o.DropSlots, Cost: o.Cost})
	if _, lost := errors.AsType[*sealed.LostStash](err); lost {
		err = op.Mark(op.StashLost, err)
	} else if errors.Is(err, kdb.ErrPassword) {
		err = op.Mark(op.SlotsDropped, err)
	}
	return Done{Location: s.Location}, err
}

// Compact rewrites the file.
type Compact struct{}

// Compacted tells the sizes.
type Compacted struct {
	Before int64 `json:"bytes_before"`
	After  int64 `json:"bytes_after"` // 0 in a dry run
}

// HasChanged says whether the file is smaller.
func (c Compacted) HasChanged() bool { return c.After != c.Before }

// Plan tells the size of the file.
func (Compact) Plan(ctx context.Context, s *op.Session) (Compacted, error) {
	db, err := nativeOf(ctx, s, op.FeatureCompaction)
	if err != nil {
		return Compacted{}, err
	}
	info, err := db.Info(ctx)
	return Compacted{Before: info.Size}, err
}

// Do compacts.
func (o Compact) Do(ctx context.Context, s *op.Session) (Compacted, error) {
	done, err := o.Plan(ctx, s)
	if err != nil {
		return done, err
	}
	db, err := nativeOf(ctx, s, op.FeatureCompaction)
	if err != nil {
		return done, err
	}
	if err := db.Compact(ctx); err != nil {
		return done, err
	}
	after, err := db.Info(ctx)
	done.After = after.Size
	return done, err
}
