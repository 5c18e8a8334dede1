package kdb

import (
	"fmt"
	"time"
)

// RestoreOptions say how to put a backup in the place of a database.
type RestoreOptions struct {
	// Options open the backup, and the database if that has another master key.
	Options
	// Force replaces a database that has what the backup lacks; see [WouldLose].
	Force bool
	// DryRun only looks.
	DryRun bool
}

// Restored tells what became of a database whose place a backup takes.
type Restored struct {
	ID      string // of the backup
	Entries int
	// Made says that there was no database before, Unchanged that it was in the state of the backup already.
	Made, Unchanged bool
	// Lost is what the database had and the backup lacks; nil if that is nothing.
	Lost *WouldLose
	// Stash is the path of the one that opens the restored database, "" if there is none; StashMade says that it was copied from the backup's.
	// DeadStash is the path of one that is there and does not open it, BackupStash then that of the backup, if it does.
	Stash       string
	StashMade   bool
	DeadStash   string
	BackupStash string
}

// Loss is why a database is more than an older state of a backup.
type Loss uint8

// The reasons.
const (
	LossChanges    Loss = iota + 1 // it was changed since the backup was made
	LossOther                      // it is another database
	LossClosed                     // nothing that is given opens it, so that nobody can tell
	LossUnreadable                 // it is damaged, so that nobody can tell
)

// Change is something that was done to a database: a record of its log.
type Change struct {
	Time      time.Time
	Operation string
	Label     string
}

// WouldLose is the error about a database that a backup must not replace unasked. It wraps [ErrDatabaseExists].
type WouldLose struct {
	Location string
	Loss     Loss
	// Changes is how many there are that the backup lacks, First and Last the oldest and the newest.
	Changes     int
	First, Last Change
}

func (e *WouldLose) Error() string {
	text := fmt.Sprintf("restoring %q: ", e.Location)
	switch e.Loss {
	case LossOther:
		return text + "it is another database than the one that was backed up"
	case LossClosed:
		return text + "it was rekeyed since, and nothing that is given opens it: nobody can tell what it has that the backup lacks"
	case LossUnreadable:
		return text + "it is damaged: nobody can tell what it has that the backup lacks"
	}
	return text + e.changes() + " that the backup lacks"
}

func (e *WouldLose) changes() string {
	if e.Changes == 1 {
		return fmt.Sprintf("it has a change, %s", e.First)
	}
	return fmt.Sprintf("it has %d changes, from %s to %s,", e.Changes, e.First, e.Last)
}

// String is what was done, and when.
func (c Change) String() string {
	text := c.Operation
	if c.Label != "" {
		text += fmt.Sprintf(" %q", c.Label)
	}
	return text + " on " + c.Time.UTC().Format("2006-01-02 15:04")
}

func (e *WouldLose) Unwrap() error { return ErrDatabaseExists }
