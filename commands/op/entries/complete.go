package entries

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// complete continues the chains that are written with issuers that are entries of their own. What is only trusted gets nothing with it
// unless it was named: readers would trust that too.
func (o Export) complete(tx kdb.Tx, list []kdb.Entry, now time.Time) error {
	if !o.Chain && !o.Combined {
		return nil
	}
	for i := range list {
		e := &list[i]
		if len(o.Labels) == 0 && e.Kind != kdb.KindPersonal {
			continue
		}
		note, err := op.Complete(tx, e, now)
		if err != nil {
			return err
		}
		if note != "" {
			note = fmt.Sprintf("label %q: %s", e.Label, note)
			if !slices.Contains(*o.completed, note) { // it is read again
				*o.completed = append(*o.completed, note)
			}
		}
	}
	return nil
}

// complete continues the chains of entries with issuers that are entries of their own, and returns what to say of each label: in other
// formats than the native one, programs send the chain that an entry has. The copy goes on without an issuer that is damaged: it may be
// what is rescued.
func complete(tx kdb.Tx, entries []kdb.Entry, now time.Time) (notes map[string]string, err error) {
	notes = map[string]string{}
	for i := range entries {
		e := &entries[i]
		if e.Kind != kdb.KindPersonal {
			continue
		}
		note, err := op.Complete(tx, e, now)
		switch {
		case errors.Is(err, kdb.ErrCorrupt):
			notes[e.Label] = "its chain stays as it is: " + err.Error()
		case err != nil:
			return nil, err
		default:
			notes[e.Label] = note
		}
	}
	return notes, nil
}
