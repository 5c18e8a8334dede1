// Package entries has the operations on the entries of a database: add, rename, trust, default, delete, export, copy.
package entries

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// ActionName is what was done to an entry.
type ActionName string

// What is done to entries.
const (
	ActionAdded      ActionName = "added"
	ActionReplaced   ActionName = "replaced"
	ActionUnchanged  ActionName = "unchanged"
	ActionRenamed    ActionName = "renamed"
	ActionTrusted    ActionName = "trusted"
	ActionDistrusted ActionName = "distrusted"
	ActionDefault    ActionName = "default"
	ActionDeleted    ActionName = "deleted"
	ActionAbsent     ActionName = "absent"
	ActionSkipped    ActionName = "skipped"
)

// changes says whether the action changes an entry.
func (a ActionName) changes() bool {
	return a != ActionUnchanged && a != ActionAbsent && a != ActionSkipped
}

// Changed lists what an operation did to entries; empty when there was nothing to do.
type Changed struct {
	Changed bool     `json:"changed"`
	Actions []Action `json:"actions"`

	stored map[string]bool // labels that this run stored entries under, as the key store of another program spells them
}

// HasChanged says whether anything was changed.
func (c Changed) HasChanged() bool { return c.Changed }

// Action is what was done to one entry.
type Action struct {
	Label  string     `json:"label"`
	Action ActionName `json:"action"`
	Kind   kdb.Kind   `json:"kind,omitempty"`
	SHA256 string     `json:"sha256,omitempty"`
	// Reason tells why an entry was skipped, or what is odd about it.
	Reason string `json:"reason,omitempty"`
	// PrivateKey says that the private key was copied with the certificate or request.
	PrivateKey bool `json:"has_private_key,omitempty"`
	// Trusted says that the entry has become trusted.
	Trusted bool `json:"trusted,omitempty"`
	// NewLabel is the label after a rename.
	NewLabel string `json:"new_label,omitempty"`
}

func (c *Changed) note(a Action) {
	c.Actions = append(c.Actions, a)
	c.Changed = c.Changed || a.Action.changes()
}

// store remembers a label that an entry was stored under. A native database, which may be large, tells labels by their case.
func (c *Changed) store(tx kdb.Tx, label string) {
	if _, native := tx.(kdb.Registry); native {
		return
	}
	if c.stored == nil {
		c.stored = map[string]bool{}
	}
	c.stored[label] = true
}

// Rename gives an entry another label.
type Rename struct {
	Label, NewLabel string
	Replace         bool // an entry that has the new label already
	// Ensure does nothing if there is no entry with the label, and one with the new label: it was renamed before.
	Ensure bool
}

// Plan implements op.Operation.
func (o Rename) Plan(_ context.Context, s *op.Session) (op.Plan[Changed], error) {
	apply := func(tx kdb.Tx) (Changed, error) { return o.apply(tx, s.Guard) }
	return op.Plan[Changed]{Name: "rename", Apply: apply}, kdb.CheckNewLabel(o.NewLabel)
}

func (o Rename) apply(tx kdb.Tx, guard *op.Guard) (changed Changed, err error) {
	s, err := op.MustHave(tx, o.Label)
	if o.Ensure && errors.Is(err, kdb.ErrNotFound) {
		if renamed, errNew := tx.Summary(o.NewLabel); errNew == nil {
			s, err = renamed, nil
		}
	}
	if err != nil {
		return changed, err
	}
	if o.Label == o.NewLabel || s.Label == folded(tx, o.NewLabel) {
		changed.note(Action{Label: s.Label, Action: ActionUnchanged, Kind: s.Kind})
		return changed, nil
	}
	lost, err := o.move(tx, &s, guard)
	if err != nil {
		return changed, err
	}
	now, err := tx.Summary(o.NewLabel)
	changed.note(Action{Label: s.Label, Action: ActionRenamed, Kind: s.Kind, NewLabel: now.Label, Reason: lost})
	return changed, err
}

// folded is a label as the database would store it.
func folded(tx kdb.Tx, label string) string {
	if f, ok := tx.(kdb.Folder); ok {
		return f.Fold(label)
	}
	return label
}

// move renames the entry. A label that was the default one stays it; a trust mark that is lost is returned as a reason.
func (o Rename) move(tx kdb.Tx, s *kdb.Summary, guard *op.Guard) (lost string, err error) {
	old, err := tx.Summary(o.NewLabel)
	switch {
	case errors.Is(err, kdb.ErrNotFound):
		return "", tx.Rename(o.Label, o.NewLabel)
	case err != nil:
		return "", err
	case old.Label == s.Label: // the same entry, in a format that folds case
		return "", tx.Rename(o.Label, o.NewLabel)
	case !o.Replace:
		return "", &op.Exists{Label: o.NewLabel}
	}
	if guard != nil {
		entry, err := tx.Entry(o.Label)
		if err == nil {
			err = guardKey(tx, &old, &entry, guard)
		}
		if err != nil {
			return "", err
		}
	}
	if err := tx.Delete(o.NewLabel); err != nil {
		return "", err
	}
	if err := tx.Rename(o.Label, o.NewLabel); err != nil {
		return "", err
	}
	if old.Default && s.Kind == kdb.KindPersonal {
		if err := tx.Mark(o.NewLabel, kdb.Marks{Default: new(true)}); err != nil {
			return "", err
		}
	}
	return LostMarks(tx, &old)
}

// LostMarks says which marks of a replaced entry its label has no longer; "" if none.
func LostMarks(tx kdb.Tx, old *kdb.Summary) (string, error) {
	if !old.Trusted && !old.Default {
		return "", nil
	}
	now, err := tx.Summary(old.Label)
	trusted, isDefault := old.Trusted && !now.Trusted, old.Default && !now.Default
	switch {
	case err != nil:
		return "", err
	case trusted && isDefault:
		return "no longer trusted, and no longer the default entry", nil
	case trusted:
		return "no longer trusted: the old certificate was, the new one is not", nil
	case isDefault:
		return fmt.Sprintf("no longer the default entry: a %s cannot be", now.Kind), nil
	}
	return "", nil
}

// SetTrust makes certificates trust anchors, or takes that from them: all the labels or none.
type SetTrust struct {
	Labels  []string
	Trusted bool
}

// Plan implements op.Operation.
func (o SetTrust) Plan(context.Context, *op.Session) (op.Plan[Changed], error) {
	name, done := "trust", ActionTrusted
	if !o.Trusted {
		name, done = "distrust", ActionDistrusted
	}
	plan, err := each(name, o.Labels, func(tx kdb.Tx, s *kdb.Summary) (ActionName, error) {
		if s.ChainLength == 0 {
			return "", &op.WrongKind{Label: s.Label, Kind: s.Kind, Reason: fmt.Sprintf("a %s has no certificate to trust", s.Kind)}
		}
		implicit, ok := tx.(kdb.Implicit)
		if s.Trusted == o.Trusted && !(o.Trusted && ok && implicit.TrustsImplicitly(s.Label)) {
			return ActionUnchanged, nil
		}
		return done, tx.Mark(s.Label, kdb.Marks{Trusted: &o.Trusted})
	})
	if err != nil || !o.Trusted {
		return plan, err
	}
	apply := plan.Apply
	plan.Apply = func(tx kdb.Tx) (Changed, error) {
		before, err := trustedImplicitly(tx)
		if err != nil {
			return Changed{}, err
		}
		changed, err := apply(tx)
		if changed.Changed {
			changed.noteMarked(o.Labels, before)
		}
		return changed, err
	}
	return plan, nil
}

// MarkedToo is the reason of an action about a certificate that was not named: as soon as one certificate of a file has the mark of trust,
// the others are trusted only if they have it.
const MarkedToo = "it was trusted without the mark that Java looks for, and has it now"

// trustedImplicitly are the entries that are trusted without a mark.
func trustedImplicitly(tx kdb.Tx) (found []kdb.Summary, err error) {
	implicit, ok := tx.(kdb.Implicit)
	if !ok {
		return nil, nil
	}
	for s, err := range tx.Summaries("") {
		if err != nil {
			return nil, err
		}
		if implicit.TrustsImplicitly(s.Label) {
			found = append(found, s)
		}
	}
	return found, nil
}

// noteMarked notes which entries, other than those of labels, get a mark with them.
func (c *Changed) noteMarked(labels []string, before []kdb.Summary) {
	for i := range before {
		if s := &before[i]; !slices.Contains(labels, s.Label) {
			c.note(Action{Label: s.Label, Action: ActionTrusted, Kind: s.Kind, SHA256: op.HexDigest(s.SHA256), Reason: MarkedToo})
		}
	}
}

// SetDefault makes one personal entry the default.
type SetDefault struct {
	Label string
}

// Plan implements op.Operation.
func (o SetDefault) Plan(context.Context, *op.Session) (op.Plan[Changed], error) {
	return each("default", []string{o.Label}, func(tx kdb.Tx, s *kdb.Summary) (ActionName, error) {
		if s.Kind != kdb.KindPersonal {
			return "", &op.WrongKind{
				Label: s.Label, Kind: s.Kind, Wanted: kdb.KindPersonal, Reason: "only a personal certificate can be the default",
			}
		}
		if s.Default {
			return ActionUnchanged, nil
		}
		return ActionDefault, tx.Mark(s.Label, kdb.Marks{Default: new(true)})
	})
}

// each plans to do something to each of the labels.
func each(name string, labels []string, do func(kdb.Tx, *kdb.Summary) (ActionName, error)) (op.Plan[Changed], error) {
	if len(labels) == 0 {
		return op.Plan[Changed]{}, op.Need(op.FieldLabels)
	}
	return op.Plan[Changed]{Name: name, Apply: func(tx kdb.Tx) (changed Changed, err error) {
		for _, label := range labels {
			s, err := op.MustHave(tx, label)
			if err != nil {
				return changed, err
			}
			action, err := do(tx, &s)
			if err != nil {
				return changed, err
			}
			changed.note(Action{Label: s.Label, Action: action, Kind: s.Kind, SHA256: op.HexDigest(s.SHA256)})
		}
		return changed, nil
	}}, nil
}

// Delete removes entries, all of them or none.
type Delete struct {
	Labels   []string
	IfExists bool // a label that does not exist is no error
	// Damaged deletes entries that cannot be read any more, too.
	Damaged bool
	// CertificatesOnly refuses every other kind of entry: nothing with a key is lost.
	CertificatesOnly bool
}

// Plan implements op.Operation.
func (o Delete) Plan(context.Context, *op.Session) (op.Plan[Changed], error) {
	plan := op.Plan[Changed]{Name: "delete", Apply: o.sound}
	switch {
	case len(o.Labels) == 0:
		return plan, op.Need(op.FieldLabels)
	case o.Damaged && o.IfExists:
		return plan, op.Exclusive(op.FieldDamaged, op.FieldIfExists)
	case o.Damaged:
		plan.Apply = o.damaged
	}
	return plan, nil
}

func (o Delete) sound(tx kdb.Tx) (changed Changed, err error) {
	for _, label := range o.Labels {
		s, err := op.MustHave(tx, label)
		if errors.Is(err, kdb.ErrNotFound) && o.IfExists {
			changed.note(Action{Label: label, Action: ActionAbsent})
			continue
		}
		if err == nil && o.CertificatesOnly && s.Kind != kdb.KindTrusted {
			err = &op.WrongKind{Label: label, Kind: s.Kind, Reason: "it has a key of its own, and is not a server's certificate"}
		}
		if err == nil {
			err = tx.Delete(label)
		}
		if errors.Is(err, kdb.ErrCorrupt) {
			err = &op.Problem{Code: op.DamagedEntry, Label: label, Err: err}
		}
		if err != nil {
			return changed, err
		}
		changed.note(Action{Label: s.Label, Action: ActionDeleted, Kind: s.Kind, SHA256: op.HexDigest(s.SHA256)})
	}
	return changed, nil
}

// damaged deletes entries with damage.
func (o Delete) damaged(tx kdb.Tx) (changed Changed, err error) {
	remover, ok := tx.(kdb.DamageRemover)
	if !ok {
		return changed, fmt.Errorf("%w: deleting single damaged entries", kdb.ErrUnsupported)
	}
	var lost []string
	for _, label := range o.Labels {
		if slices.Contains(lost, label) { // named twice
			continue
		}
		_, err := tx.Summary(label)
		if err == nil { // at most its other records are damaged
			err = tx.Delete(label)
		} else {
			lost, err = append(lost, label), nil
		}
		if err != nil {
			return changed, err
		}
		changed.note(Action{Label: label, Action: ActionDeleted})
	}
	if len(lost) == 0 {
		return changed, nil
	}
	return changed, remover.DeleteDamaged(lost...)
}

// PrivateKeys are those of the labels whose entries have private keys. What cannot be read is not among them.
func (o Delete) PrivateKeys(ctx context.Context, s *op.Session) (labels []string, err error) {
	err = s.View(ctx, func(tx kdb.Tx) error {
		labels = nil
		for _, label := range o.Labels {
			summary, err := tx.Summary(label)
			if err == nil && (summary.Kind == kdb.KindPersonal || summary.Kind == kdb.KindRequest) {
				labels = append(labels, label)
			}
		}
		return nil
	})
	return labels, err
}
