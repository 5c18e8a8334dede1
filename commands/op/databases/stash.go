package databases

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/stash"
	"certkdb/kdb/sealed"
)

// stasher is a database that can have a stash.
type stasher interface {
	CreateStash(ctx context.Context) error
	RemoveStash(ctx context.Context) error
	StashPath() string
}

// HasStash says whether a stash lies next to a database: of a native one, or of GSKit.
func HasStash(location string) bool {
	_, err := os.Lstat(strings.TrimSuffix(location, filepath.Ext(location)) + ".sth")
	return err == nil || sealed.HasStash(location)
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
	Path   string      `json:"file"`
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
	err = db.RemoveStash(ctx)
	if errors.Is(err, sealed.ErrLastSlot) {
		err = op.Mark(op.OnlyStash, err)
	}
	return StashDone{StashRemoved, db.StashPath()}, err
}

// RevealStash reads the password in a stash of GSKit. It needs no database: the file is no protection, and people who have lost the
// password have the stash.
type RevealStash struct{ File string }

// Revealed is a password. Nobody logs it.
type Revealed struct {
	Path     string `json:"file"`
	Password string `json:"password"`
}

// maxStash is more than a stash has.
const maxStash = 4096

// Run reads. The error wraps kdb.ErrParse for what is no stash with a password; that of a native database holds none.
func (o RevealStash) Run() (Revealed, error) {
	info, err := os.Stat(o.File)
	if err == nil && !info.Mode().IsRegular() {
		err = kdb.ErrIrregular
	}
	if err == nil && info.Size() > maxStash {
		err = fmt.Errorf("%w: it is too long for a stash", kdb.ErrParse)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(o.File)
	}
	if err != nil {
		return Revealed{}, fmt.Errorf("reading %q: %w", o.File, op.UnwrapPath(err))
	}
	password, err := stash.Decode(data)
	if err != nil {
		return Revealed{}, fmt.Errorf("reading %q: %w", o.File, err)
	}
	return Revealed{o.File, string(password)}, nil
}
