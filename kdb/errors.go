package kdb

import (
	"errors"
	"fmt"
)

// What can be wrong with a label or an entry.
var (
	ErrNotFound = errors.New("no such label")
	ErrExists   = errors.New("label exists already")
	ErrLabel    = errors.New("bad label")
)

// What can be wrong with a database. Backends translate their own errors into these at their boundary.
var (
	// ErrNoDatabase: there is no file, or it holds no database.
	ErrNoDatabase = errors.New("no such database")
	// ErrIrregular: what is there is a pipe or a device.
	ErrIrregular = errors.New("it is a pipe or a device, not a regular file")
	// ErrDatabaseExists: a database is never created over an existing file.
	ErrDatabaseExists = errors.New("a file exists there already")
	// ErrPassword: the password does not open it. A wrong password and a damaged key slot look the same.
	ErrPassword = errors.New("wrong password")
	// ErrEmptyPassword: the password of the file is empty, and another one was given. It wraps ErrPassword.
	ErrEmptyPassword = fmt.Errorf("%w: the file has an empty one", ErrPassword)
	// ErrEmpty: a file has no content.
	ErrEmpty = errors.New("there is nothing in the file")
	// ErrZeros: what was read of a file is nothing but zeros, as a power failure leaves it. It wraps ErrEmpty.
	ErrZeros = fmt.Errorf("%w but zeros, at least at its beginning", ErrEmpty)
	// ErrNoPassword: no password source is there to ask.
	ErrNoPassword = errors.New("no password given")
	// ErrCorrupt: the database, or a record in it, was damaged or tampered with.
	ErrCorrupt = errors.New("database damaged")
	// ErrRolledBack: an older state of the database was put in the place of the newest one. It wraps ErrCorrupt.
	ErrRolledBack = fmt.Errorf("%w: an older state was put back", ErrCorrupt)
	// ErrVersion: the database has a version or an algorithm that this program does not know.
	ErrVersion = errors.New("unknown database version")
	// ErrEncryption: a private key, or the whole file, is encrypted in a way that this program does not know, or that asks for too much work.
	ErrEncryption = errors.New("unsupported encryption")
	// ErrLocked: another process held the database for longer than the lock timeout.
	ErrLocked = errors.New("database locked by another process")
	// ErrChanged: the database was rekeyed or replaced between reading and writing it.
	ErrChanged = errors.New("database changed meanwhile")
	// ErrUnsupported: this kind of database cannot hold or do that.
	ErrUnsupported = errors.New("not possible in this kind of database")
	// ErrParse: a foreign file is not what its format says.
	ErrParse = errors.New("cannot be parsed")
)

// ErrCompanion says that the file belongs to a database and is not one itself; it need not be damaged. It wraps [ErrParse].
var ErrCompanion = fmt.Errorf("%w: it is not a key database, but belongs to one", ErrParse)

// ErrRemains says that the beginning of a native database is damaged, and that other parts of it are there. It wraps [ErrCorrupt].
var ErrRemains = fmt.Errorf("%w: it was a native database, and its beginning is lost", ErrCorrupt)

// Way is how something can be had that a database cannot do itself. Front ends say it in their words.
type Way uint8

// The ways around a limit of a format.
const (
	WayCopy   Way = iota + 1 // copy the entries into another database
	WayAdd                   // add the contents of the file to another database
	WayWrite                 // write the certificates to files
	WayLabels                // that, or copy the entries into a database that has labels
)

// Limit is the error of a format that cannot do something which can be had in another way. It wraps [ErrUnsupported].
type Limit struct {
	Reason string
	Way    Way
}

func (e *Limit) Error() string { return ErrUnsupported.Error() + ": " + e.Reason }

func (e *Limit) Unwrap() error { return ErrUnsupported }

// RolledBack is the error about a database that is not what became of the newest state that this user made. It wraps [ErrRolledBack].
type RolledBack struct {
	Location string
	// Found is the generation, the number of changes, of the database as it is; Seen is that of the newest known state.
	Found, Seen uint64
}

func (e *RolledBack) Error() string {
	if e.Found < e.Seen {
		return fmt.Sprintf("database %q: an older state was put back: it has %d changes, and this user has seen %d",
			e.Location, e.Found, e.Seen)
	}
	return fmt.Sprintf("database %q: an older state was put back and changed since: it does not contain change %d, the last one that this "+
		"user has seen", e.Location, e.Seen)
}

func (e *RolledBack) Unwrap() error { return ErrRolledBack }

// StashError is why the stash file of a key store of another program does not open it. It may be damaged, or have an earlier password.
type StashError struct {
	Path string
	Err  error
}

func (e *StashError) Error() string { return fmt.Sprintf("with the stash file %q: %v", e.Path, e.Err) }

func (e *StashError) Unwrap() error { return e.Err }

// OpenError is why a database cannot be opened, as [fs.PathError] is for a file.
type OpenError struct {
	Location string
	Err      error
}

func (e *OpenError) Error() string { return fmt.Sprintf("opening %q: %v", e.Location, e.Err) }

func (e *OpenError) Unwrap() error { return e.Err }
