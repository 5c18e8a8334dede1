package op

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"certkdb/kdb"
)

// Class is the kind of an error, for exit codes and for programs that read JSON: add, never rename.
type Class string

// The classes of errors.
const (
	ClassFailed           Class = "failed" // everything else
	ClassInterrupted      Class = "interrupted"
	ClassUsage            Class = "usage"
	ClassBadLabel         Class = "bad_label"
	ClassUnsupported      Class = "unsupported"
	ClassLabelNotFound    Class = "label_not_found"
	ClassDatabaseNotFound Class = "database_not_found"
	ClassLabelExists      Class = "label_exists"
	ClassDatabaseExists   Class = "database_exists"
	ClassNoPassword       Class = "no_password"
	ClassWrongPassword    Class = "wrong_password"
	ClassLocked           Class = "database_locked"
	ClassChanged          Class = "database_changed"
	ClassParse            Class = "parse"
	ClassEncryption       Class = "unsupported_encryption"
	ClassValidation       Class = "validation"
	ClassExpired          Class = "expired"
	ClassNetwork          Class = "network"
	ClassRolledBack       Class = "database_rolled_back"
	ClassDamaged          Class = "database_damaged"
	ClassUnknownVersion   Class = "unknown_version"
	ClassPermission       Class = "permission"
	ClassFileExists       Class = "file_exists"
	ClassFileNotFound     Class = "file_not_found"
)

// ClassOf says which kind of error err is. An error that wraps several gets the first in the list.
func ClassOf(err error) Class {
	for _, c := range [...]struct {
		err   error
		class Class
	}{
		{context.Canceled, ClassInterrupted},
		{ErrUsage, ClassUsage},
		{kdb.ErrIrregular, ClassUsage},
		{kdb.ErrLabel, ClassBadLabel},
		{kdb.ErrUnsupported, ClassUnsupported},
		{kdb.ErrNotFound, ClassLabelNotFound},
		{kdb.ErrNoDatabase, ClassDatabaseNotFound},
		{kdb.ErrExists, ClassLabelExists},
		{kdb.ErrDatabaseExists, ClassDatabaseExists},
		{kdb.ErrNoPassword, ClassNoPassword},
		{kdb.ErrPassword, ClassWrongPassword},
		{kdb.ErrLocked, ClassLocked},
		{kdb.ErrChanged, ClassChanged},
		{kdb.ErrParse, ClassParse},
		{kdb.ErrEncryption, ClassEncryption},
		{ErrFindings, ClassValidation},
		{ErrExpired, ClassExpired},
		{ErrNetwork, ClassNetwork},
		{kdb.ErrRolledBack, ClassRolledBack},
		{kdb.ErrCorrupt, ClassDamaged},
		{kdb.ErrVersion, ClassUnknownVersion},
		{fs.ErrPermission, ClassPermission},
		{syscall.EROFS, ClassPermission},
		{fs.ErrExist, ClassFileExists},
		{fs.ErrNotExist, ClassFileNotFound},
	} {
		if errors.Is(err, c.err) {
			return c.class
		}
	}
	return ClassFailed
}

// IsOpening says whether err is why a database cannot be opened, not an error of another file.
func IsOpening(err error) bool {
	return errors.As(err, new(*kdb.OpenError))
}

// IsCompanion says that the file belongs to a database and is not one itself.
func IsCompanion(err error) bool { return errors.Is(err, kdb.ErrCompanion) }
