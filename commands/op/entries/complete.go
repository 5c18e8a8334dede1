package entries

import (
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
		labels, err := op.Complete(tx, e, now)
		if err != nil {
			return fmt.Errorf("label %q: %w", e.Label, err)
		}
		if note := op.Completed(labels); note != "" {
			note = fmt.Sprintf("label %q: %s", e.Label, note)
			if !slices.Contains(*o.completed, note) { // it is read again
				*o.completed = append(*o.completed, note)
			}
		}
	}
	return nil
}

// complete continues the chains of entries with issuers that are entries of their own, and returns the labels of those: in other formats
// than the native one, programs send the chain that an entry has.
func complete(tx kdb.Tx, entries []kdb.Entry, now time.Time) (with map[string][]string, err error) {
	with = map[string][]string{}
	for i := range entries {
		if e := &entries[i]; e.Kind == kdb.KindPersonal {
			if with[e.Label], err = op.Complete(tx, e, now); err != nil {
				return nil, fmt.Errorf("label %q: %w", e.Label, err)
			}
		}
	}
	return with, nil
}
