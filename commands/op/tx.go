package op

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"certkdb/kdb"
)

// ReadEntries reads entries with their keys, those of the labels or all. skip, if it is not nil, says whether an entry that cannot be read
// may be left out. The caller clears the keys, also after an error.
func ReadEntries(tx kdb.Tx, labels []string, all bool, skip func(kdb.Summary, error) bool) ([]kdb.Entry, error) {
	if all {
		for s, err := range tx.Summaries("") {
			if err != nil {
				return nil, err
			}
			labels = append(labels, s.Label)
		}
	}
	var entries []kdb.Entry
	for _, label := range labels {
		s, err := MustHave(tx, label)
		if err != nil {
			return entries, err
		}
		entry, err := UsableEntry(tx, label)
		if err != nil && skip != nil && skip(s, err) {
			continue
		}
		if err != nil {
			return entries, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// ClearKeys clears the private keys of entries.
func ClearKeys(entries []kdb.Entry) {
	for i := range entries {
		clear(entries[i].Key)
	}
}

// FreeLabel returns an error if a label is taken, unless its entry may be replaced.
func FreeLabel(tx kdb.Tx, label string, replace bool) error {
	_, err := tx.Summary(label)
	switch {
	case errors.Is(err, kdb.ErrNotFound):
		return nil
	case err == nil && !replace:
		return &Exists{Label: label}
	}
	return err
}

// ReadKeys calls fn, which reads private keys of the session's database and notes that in the audit log. A database that can only be read
// takes no notes: a warning says so if it has a log.
func ReadKeys(ctx context.Context, s *Session, operation string, fn func(kdb.Tx) error) error {
	err := s.db.Update(ctx, operation, fn)
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return err
	}
	unnoted := false
	readOnly := s.db.View(ctx, func(tx kdb.Tx) error {
		_, hasLog := tx.(kdb.Registry)
		return fn(Silent{tx, func() { unnoted = hasLog }})
	})
	if readOnly == nil && unnoted && s.Env.Warn != nil {
		s.Env.Warn(fmt.Errorf("the audit log has no record of this: %w", err))
	}
	return readOnly
}

// Silent is a transaction that notes nothing, and calls Noted, if that is not nil, when it should.
type Silent struct {
	kdb.Tx
	Noted func()
}

// Audit implements kdb.Tx.
func (s Silent) Audit(string, string) error {
	if s.Noted != nil {
		s.Noted()
	}
	return nil
}

// MustHave says in one sentence that label is not in the database.
func MustHave(tx kdb.Tx, label string) (kdb.Summary, error) {
	s, err := tx.Summary(label)
	if errors.Is(err, kdb.ErrNotFound) {
		return s, &NotFound{Label: label, Near: nearLabel(tx, label)}
	}
	return s, err
}

// ErrEmptySecret says that a secret key has no bytes, as keytool makes one of an empty password: no database can store it. It wraps
// [kdb.ErrParse].
var ErrEmptySecret = fmt.Errorf("%w: a secret key of no bytes", kdb.ErrParse)

// FullEntry reads an entry with its key, or fails with [ErrEmptySecret].
func FullEntry(tx kdb.Tx, label string) (kdb.Entry, error) {
	entry, err := tx.Entry(label)
	if err != nil || entry.Kind == kdb.KindTrusted {
		return entry, err
	}
	entry.Key, err = tx.Key(label)
	if err == nil && entry.Kind == kdb.KindSecretKey && len(entry.Key) == 0 {
		err = fmt.Errorf("label %q: %w", label, ErrEmptySecret)
	}
	return entry, err
}

// UsableEntry is FullEntry for an entry that is to go elsewhere: its key must belong to its certificate or request ([kdb.WrongKey]).
func UsableEntry(tx kdb.Tx, label string) (kdb.Entry, error) {
	entry, err := FullEntry(tx, label)
	if err == nil && entry.Kind != kdb.KindSecretKey && len(entry.Key) > 0 && len(entry.Certificates)+len(entry.Request) > 0 {
		err = entry.CheckKey()
	}
	if err != nil {
		clear(entry.Key)
		entry.Key = nil
	}
	return entry, err
}

// EntriesNamed reads the entries of labels, without their keys.
func EntriesNamed(tx kdb.Tx, labels []string) ([]kdb.Entry, error) {
	var found []kdb.Entry
	for _, label := range labels {
		if _, err := MustHave(tx, label); err != nil {
			return nil, err
		}
		entry, err := tx.Entry(label)
		if err != nil {
			return nil, err
		}
		found = append(found, entry)
	}
	return found, nil
}
