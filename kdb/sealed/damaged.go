package sealed

import (
	"errors"
	"fmt"

	"certkdb/kdb"
)

// DeleteDamaged implements kdb.DamageRemover. A damaged summary cannot be taken out of the head's digest, so the digest is computed again
// over the others. Their number must match the head: otherwise more is damaged than was named. The log records each label.
func (t *tx) DeleteDamaged(labels ...string) error {
	if t.operation == "" {
		return errReading
	}
	for _, label := range labels {
		if err := t.dropDamaged(label); err != nil {
			return err
		}
	}
	left, err := t.recount()
	if err != nil {
		return err
	}
	if left.count != t.head.entries {
		return fmt.Errorf("%w: without what was named %d entries are there, and there should be %d: more were removed or put back",
			kdb.ErrCorrupt, left.count, t.head.entries)
	}
	t.head.digest = left.digest
	return nil
}

// dropDamaged removes the records of a label that has one that does not open, or has lost its summary.
func (t *tx) dropDamaged(label string) error {
	s, err := t.Summary(label)
	switch {
	case err == nil:
		return fmt.Errorf("label %q: its summary is not damaged: %w", label, kdb.ErrExists)
	case errors.Is(err, kdb.ErrNotFound) && !t.hasParts(label):
		return err
	case !errors.Is(err, kdb.ErrNotFound) && !errors.Is(err, kdb.ErrCorrupt):
		return err
	}
	for _, prefix := range []string{prefixSummary, prefixCerts, prefixKey} {
		if err := t.stx.Delete(prefix + label); err != nil {
			return err
		}
	}
	if err := t.purge(label); err != nil {
		return err
	}
	t.erase = true
	t.head.entries--
	if t.head.defaultLabel == label {
		t.head.defaultLabel = ""
	}
	return t.log(opDeleteDamaged, label, s.SHA256)
}

// hasParts reports whether a label has other records than its summary.
func (t *tx) hasParts(label string) bool {
	_, errCerts := t.stx.Get(prefixCerts + label)
	_, errKey := t.stx.Get(prefixKey + label)
	return errCerts == nil || errKey == nil
}

// recount counts the summaries and makes their digest.
func (t *tx) recount() (seen counted, err error) {
	for record, err := range t.stx.Scan(prefixSummary, "") {
		if err != nil {
			return seen, err
		}
		if err := t.ctx.Err(); err != nil {
			return seen, err
		}
		seen.add(t.digester, record.Key, record.Value)
	}
	return seen, nil
}
