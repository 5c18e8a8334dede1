package op

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"certkdb/kdb"
	"certkdb/pki/issuers"
)

// Basis is what a plan relies on: entries as it read them. Another process may change them before the transaction begins, so the
// plan's Apply calls [Basis.Holds] before it makes use of what was planned.
//
//	entry, err := basis.Entry(tx, "root")  // in Plan
//	err := basis.Holds(tx)                 // in Apply
//
// The zero value relies on nothing.
type Basis struct{ entries []kdb.Entry }

// Entry reads an entry without its key, and notes that the plan relies on its kind, its certificates and its trust.
func (b *Basis) Entry(tx kdb.Tx, label string) (kdb.Entry, error) {
	e, err := tx.Entry(label)
	if err == nil {
		b.rely(e)
	}
	return e, err
}

func (b *Basis) rely(e kdb.Entry) {
	if !slices.ContainsFunc(b.entries, func(known kdb.Entry) bool { return known.Label == e.Label }) {
		b.entries = append(b.entries, kdb.Entry{Label: e.Label, Kind: e.Kind, Trusted: e.Trusted, Certificates: e.Certificates})
	}
}

// Above is the function [Above], and notes that the plan relies on the entries from which the chain was continued.
func (b *Basis) Above(tx kdb.Tx, chain [][]byte, now time.Time) ([][]byte, error) {
	longer, sources, err := above(tx, chain, now)
	for _, e := range sources {
		b.rely(e)
	}
	return longer, err
}

// Complete is the function [Complete], and notes that the plan relies on the entries from which the chain was continued.
func (b *Basis) Complete(tx kdb.Tx, e *kdb.Entry, now time.Time) (note string, err error) {
	if len(e.Certificates) == 0 {
		return "", nil
	}
	longer, sources, err := above(tx, e.Certificates, now)
	if err != nil {
		return "", fmt.Errorf("completing the chain of label %q: %w", e.Label, err)
	}
	var labels []string
	added := issuers.WithoutRoot(longer[len(e.Certificates):])
	for _, source := range sources[:len(added)] {
		b.rely(source)
		if !slices.Contains(labels, source.Label) {
			labels = append(labels, source.Label)
		}
	}
	e.Certificates = append(slices.Clip(e.Certificates), added...)
	return completed(labels, e.Certificates, now), nil
}

// Holds says whether everything is as it was when the plan was made; if not, the error is a [ChangedMeanwhile].
func (b *Basis) Holds(tx kdb.Tx) error {
	for _, was := range b.entries {
		is, err := tx.Entry(was.Label)
		switch {
		case errors.Is(err, kdb.ErrNotFound):
			return &ChangedMeanwhile{Label: was.Label, What: "it is not there any more"}
		case err != nil:
			return err
		case is.Kind != was.Kind:
			return &ChangedMeanwhile{Label: was.Label, What: fmt.Sprintf("it is a %s entry now", is.Kind)}
		case !sameChain(was.Certificates, is.Certificates):
			return &ChangedMeanwhile{Label: was.Label, What: "it has a different certificate now"}
		case is.Trusted != was.Trusted:
			return &ChangedMeanwhile{Label: was.Label, What: "its trust is different now"}
		}
	}
	return nil
}

// sameChain compares two chains of an entry as far as both go: formats that keep each certificate once show more of a chain as soon as an
// issuer is added.
func sameChain(was, is [][]byte) bool {
	n := min(len(was), len(is))
	return (n > 0 || len(was) == len(is)) && slices.EqualFunc(was[:n], is[:n], bytes.Equal)
}

// ChangedMeanwhile says that an entry is not any more what an operation relied on when it was planned.
type ChangedMeanwhile struct {
	Label string
	What  string // what is different about it
}

func (e *ChangedMeanwhile) Error() string {
	return fmt.Sprintf("label %q: %s: %s", e.Label, kdb.ErrChanged, e.What)
}

func (e *ChangedMeanwhile) Unwrap() error { return kdb.ErrChanged }
