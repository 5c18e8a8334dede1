package databases

import (
	"context"

	"certkdb/commands/op"
)

// stasher is a database that can have a stash.
type stasher interface {
	CreateStash(ctx context.Context) error
	RemoveStash(ctx context.Context) error
	StashPath() string
}

// StashAction is what was done to a stash.
type StashAction string

// What is done to stashes.
const (
	StashCreated StashAction = "created"
	StashRemoved StashAction = "removed"
)

// StashDone tells what was done to which stash.
type StashDone struct {
	Action StashAction `json:"action"`
	Path   string      `json:"path"`
}

// HasChanged is always true.
func (StashDone) HasChanged() bool { return true }

// CreateStash makes a stash.
type CreateStash struct {
	Old bool // in an older form, for programs that read nothing else
}

// Plan opens the database.
func (CreateStash) Plan(ctx context.Context, s *op.Session) (StashDone, error) {
	db, err := op.As[stasher](ctx, s, op.FeatureStash)
	if err != nil {
		return StashDone{}, err
	}
	return StashDone{StashCreated, db.StashPath()}, unlock(ctx, s)
}

// Do makes it.
func (o CreateStash) Do(ctx context.Context, s *op.Session) (StashDone, error) {
	db, err := op.As[stasher](ctx, s, op.FeatureStash)
	if err != nil {
		return StashDone{}, err
	}
	if !o.Old {
		return StashDone{StashCreated, db.StashPath()}, db.CreateStash(ctx)
	}
	old, err := op.As[interface {
		CreateOldStash(ctx context.Context) error
	}](ctx, s, op.FeatureStash)
	if err != nil {
		return StashDone{}, err
	}
	return StashDone{StashCreated, db.StashPath()}, old.CreateOldStash(ctx)
}

// RemoveStash removes a stash and what it opened.
type RemoveStash struct{}

// Plan says which stash.
func (RemoveStash) Plan(ctx context.Context, s *op.Session) (StashDone, error) {
	db, err := op.As[stasher](ctx, s, op.FeatureStash)
	if err != nil {
		return StashDone{}, err
	}
	return StashDone{StashRemoved, db.StashPath()}, nil
}

// Do removes it.
func (RemoveStash) Do(ctx context.Context, s *op.Session) (StashDone, error) {
	db, err := op.As[stasher](ctx, s, op.FeatureStash)
	if err != nil {
		return StashDone{}, err
	}
	return StashDone{StashRemoved, db.StashPath()}, db.RemoveStash(ctx)
}
