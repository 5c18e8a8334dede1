package entries

import (
	"errors"
	"fmt"
	"slices"

	"certkdb/kdb"
)

// leftOut are the entries that could not be copied or added, in their order.
type leftOut struct {
	actions []Action
	errs    []error
}

// What is wrong with a single entry: its key does not open, or the entry is damaged; the target cannot hold it, or cannot compare its key.
var (
	unreadable = []error{kdb.ErrPassword, kdb.ErrEncryption, kdb.ErrUnsupported, kdb.ErrParse, kdb.ErrCorrupt}
	unwritable = []error{kdb.ErrPassword, kdb.ErrEncryption, kdb.ErrUnsupported, kdb.ErrLabel}
)

// note adds an entry that cannot be copied because of err, if that is one of the reasons, so that the others can be.
func (l *leftOut) note(label string, kind kdb.Kind, err error, reasons []error) bool {
	if !slices.ContainsFunc(reasons, func(r error) bool { return errors.Is(err, r) }) {
		return false
	}
	l.actions = append(l.actions, Action{Label: label, Action: ActionSkipped, Kind: kind, Reason: err.Error()})
	l.errs = append(l.errs, err)
	return true
}

// add returns both.
func (l leftOut) add(other leftOut) leftOut {
	return leftOut{
		append(l.actions[:len(l.actions):len(l.actions)], other.actions...), append(l.errs[:len(l.errs):len(l.errs)], other.errs...),
	}
}

// leave adds to a result what was left out.
func (a *Added) leave(left leftOut) {
	a.Actions = append(a.Actions, left.actions...)
	a.incomplete = left.err(len(a.Actions))
}

// err is the error of a copy that is not complete; nil if it is.
func (l leftOut) err(total int) error {
	if len(l.errs) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d entries were left out: %w", len(l.errs), total, errors.Join(l.errs...))
}
