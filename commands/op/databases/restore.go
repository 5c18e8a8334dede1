package databases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// Restore puts a backup in the place of a database.
type Restore struct {
	From  string // the backup
	To    op.DB  // its password opens the backup
	Force bool   // also over a database that has what the backup lacks
}

// Restored tells what was done.
type Restored struct {
	From      string `json:"source_location"`
	Location  string `json:"location"`
	ID        string `json:"id"`
	Entries   int    `json:"entries"`
	Created   bool   `json:"created,omitempty"` // there was no database
	Unchanged bool   `json:"-"`
	Lost      *Lost  `json:"lost,omitempty"` // null if the backup has everything
	// Stash opens the restored database; CopiedStash says that it was the backup's. UselessStash is there and does not open it;
	// BackupStash does.
	Stash        string `json:"stash_file,omitempty"`
	CopiedStash  bool   `json:"copied_stash,omitempty"`
	UselessStash string `json:"useless_stash_file,omitempty"`
	BackupStash  string `json:"backup_stash_file,omitempty"`
}

// Lost is what the database had and the backup lacks.
type Lost struct {
	What    LostWhat `json:"what"`
	Changes int      `json:"changes,omitempty"`
	First   *Change  `json:"first,omitempty"`
	Last    *Change  `json:"last,omitempty"`
}

// LostWhat says what a backup replaced.
type LostWhat string

// What can be lost.
const (
	LostChanges  LostWhat = "changes"          // made after the backup
	LostDatabase LostWhat = "another database" // all of it
	LostUnknown  LostWhat = "unknown"          // it could not be read
)

// Change is something that was done to a database.
type Change struct {
	Time      time.Time `json:"recorded_at"`
	Operation string    `json:"operation"`
	Label     string    `json:"label,omitempty"`
}

// HasChanged says whether the database was replaced.
func (r Restored) HasChanged() bool { return !r.Unchanged }

// Run restores; a dry run says what would be done. The error is a [kdb.WouldLose] if the database has what the backup lacks.
func (o Restore) Run(ctx context.Context, env *op.Env, dryRun bool) (Restored, error) {
	location, err := o.To.Path(env)
	if err != nil {
		return Restored{}, err
	}
	driver, err := o.plan(env, location)
	if err != nil {
		return Restored{}, err
	}
	if err := op.MakeFolder(o.To, location); err != nil {
		return Restored{}, fmt.Errorf("creating %q: %w", location, err)
	}
	options := kdb.RestoreOptions{Force: o.Force, DryRun: dryRun}
	if options.Options, err = o.To.Options(ctx, env); err != nil {
		return Restored{}, err
	}
	found, err := driver.Restore(ctx, o.From, location, options)
	if err != nil {
		return Restored{}, op.InterruptedAt(err, op.ProgressNone)
	}
	done := Restored{
		From: o.From, Location: location, ID: found.ID, Entries: found.Entries, Created: found.Made, Unchanged: found.Unchanged,
		Stash: found.Stash, CopiedStash: found.StashMade, UselessStash: found.DeadStash, BackupStash: found.BackupStash,
		Lost: newLost(found.Lost),
	}
	return done, nil
}

func newLost(l *kdb.WouldLose) *Lost {
	switch {
	case l == nil:
		return nil
	case l.Loss == kdb.LossOther:
		return &Lost{What: LostDatabase}
	case l.Loss != kdb.LossChanges:
		return &Lost{What: LostUnknown}
	}
	first, last := Change(l.First), Change(l.Last)
	return &Lost{What: LostChanges, Changes: l.Changes, First: &first, Last: &last}
}

// plan finds the driver of the backup, and refuses what it cannot replace.
func (o Restore) plan(env *op.Env, location string) (*kdb.Driver, error) {
	if kdb.Same(o.From, location) {
		return nil, fmt.Errorf("%w: backup and database are the same file %q", op.ErrUsage, location)
	}
	driver, err := kdb.Recognise(env.Drivers, o.From)
	switch {
	case errors.Is(err, kdb.ErrNoDatabase):
		return nil, err
	case errors.Is(err, kdb.ErrRemains):
		return nil, &op.Problem{Code: op.Wrecked, Location: o.From, Err: err}
	case err != nil:
		return nil, err
	case driver.Restore == nil:
		return nil, &op.Unsupported{Location: o.From, Format: driver.Name, Feature: op.FeatureRestoring}
	}
	there, err := kdb.Recognise(env.Drivers, location)
	switch {
	case err == nil && there != driver:
		return nil, &op.Unsupported{Location: location, Format: there.Name, Feature: op.FeatureRestoring}
	case err != nil && !errors.Is(err, kdb.ErrNoDatabase) && !errors.Is(err, kdb.ErrCorrupt):
		return nil, err // whatever it is, it never was a database of this kind
	}
	env.Protect(o.From, location, o.From+sealed.StashExtension, location+sealed.StashExtension)
	return driver, nil
}
