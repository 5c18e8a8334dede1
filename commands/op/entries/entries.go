package entries

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Changed lists what an operation did to entries; empty when there was nothing to do.
type Changed struct {
	Changed bool     `json:"changed"`
	Actions []Action `json:"actions"`
}

// Action is what was done to one entry.
type Action struct {
	Label  string `json:"label"`
	Action string `json:"action"` // "added", "replaced", "unchanged", "renamed", "trusted", "distrusted", "default", "deleted", "absent", "skipped"
	Kind   string `json:"kind,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Reason tells why an entry was skipped, or what is odd about it.
	Reason string `json:"reason,omitempty"`
	// NewLabel is the label after a rename.
	NewLabel string `json:"new_label,omitempty"`
}

func (c *Changed) note(a Action) {
	c.Actions = append(c.Actions, a)
	switch a.Action {
	case "unchanged", "absent", "skipped":
	default:
		c.Changed = true
	}
}

// Rename gives an entry another label.
type Rename struct {
	op.DB
	Label, NewLabel string
	Replace         bool // an entry that has the new label already
}

// Run renames.
func (o Rename) Run(ctx context.Context, env *op.Env) (Changed, error) {
	if err := kdb.CheckLabel(o.NewLabel); err != nil {
		return Changed{}, err
	}
	var changed Changed
	err := o.Update(ctx, env, "rename", func(tx kdb.Tx) error {
		changed = Changed{}
		s, err := op.MustHave(tx, o.Label)
		if err != nil {
			return err
		}
		if o.Label == o.NewLabel {
			changed.note(Action{Label: o.Label, Action: "unchanged", Kind: s.Kind.String()})
			return nil
		}
		lost, err := o.move(tx, &s)
		changed.note(Action{Label: o.Label, Action: "renamed", Kind: s.Kind.String(), NewLabel: o.NewLabel, Reason: lost})
		return err
	})
	return changed, err
}

// move renames the entry. A label that was the default one stays it; a trust mark that is lost is returned as a reason.
func (o Rename) move(tx kdb.Tx, s *kdb.Summary) (lost string, err error) {
	old, err := tx.Summary(o.NewLabel)
	switch {
	case errors.Is(err, kdb.ErrNotFound):
		return "", tx.Rename(o.Label, o.NewLabel)
	case err != nil:
		return "", err
	case !o.Replace:
		return "", op.WithHint(fmt.Errorf("label %q: %w", o.NewLabel, kdb.ErrExists), "choose another, or replace that entry with --replace")
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

// SetTrust makes certificates trust anchors, or takes that from them.
type SetTrust struct {
	op.DB
	Labels  []string
	Trusted bool
}

// Run sets the trust of all the labels or of none.
func (o SetTrust) Run(ctx context.Context, env *op.Env) (Changed, error) {
	operation, done := "trust", "trusted"
	if !o.Trusted {
		operation, done = "distrust", "distrusted"
	}
	return each(ctx, env, o.DB, operation, o.Labels, func(tx kdb.Tx, s *kdb.Summary) (string, error) {
		if s.ChainLength == 0 {
			return "", fmt.Errorf("label %q: %w: a %s has no certificate to trust", s.Label, op.ErrUsage, s.Kind)
		}
		if s.Trusted == o.Trusted {
			return "unchanged", nil
		}
		return done, tx.Mark(s.Label, kdb.Marks{Trusted: &o.Trusted})
	})
}

// SetDefault makes one personal entry the default.
type SetDefault struct {
	op.DB
	Label string
}

// Run sets the default entry.
func (o SetDefault) Run(ctx context.Context, env *op.Env) (Changed, error) {
	db, err := o.Open(ctx, env)
	if err != nil {
		return Changed{}, err
	}
	defer db.Close()
	return o.In(ctx, db)
}

// In sets the default entry of an open database.
func (o SetDefault) In(ctx context.Context, db kdb.Database) (Changed, error) {
	return eachIn(ctx, db, "default", []string{o.Label}, func(tx kdb.Tx, s *kdb.Summary) (string, error) {
		if s.Kind != kdb.KindPersonal {
			return "", op.WithHint(fmt.Errorf("label %q: %w: only a personal certificate can be the default", s.Label, op.ErrUsage),
				"see the personal ones with: certkdb list --kind personal")
		}
		if s.Default {
			return "unchanged", nil
		}
		return "default", tx.Mark(s.Label, kdb.Marks{Default: new(true)})
	})
}

// Delete removes entries, all of them or none.
type Delete struct {
	op.DB
	Labels   []string
	IfExists bool // a label that is not there is no error
	// Damaged deletes entries that cannot be read any more, too.
	Damaged bool
}

// Run deletes.
func (o Delete) Run(ctx context.Context, env *op.Env) (Changed, error) {
	if o.Damaged {
		return o.damaged(ctx, env)
	}
	changed, err := o.sound(ctx, env)
	if errors.Is(err, kdb.ErrCorrupt) && op.Hint(err) == "" {
		err = op.WithHint(err, "see what is damaged with: certkdb check; restore a backup, or give the entry up with: certkdb delete LABEL --damaged")
	}
	return changed, err
}

// damaged deletes entries with damage, all of them or none.
func (o Delete) damaged(ctx context.Context, env *op.Env) (Changed, error) {
	if o.IfExists {
		return Changed{}, fmt.Errorf("%w: --damaged and --if-exists exclude each other", op.ErrUsage)
	}
	var changed Changed
	err := o.Update(ctx, env, "delete", func(tx kdb.Tx) error {
		changed = Changed{}
		remover, ok := tx.(kdb.DamageRemover)
		if !ok {
			return fmt.Errorf("%w: deleting single damaged entries", kdb.ErrUnsupported)
		}
		var lost []string
		for _, label := range o.Labels {
			_, err := tx.Summary(label)
			switch {
			case err == nil: // at most its other records are damaged
				err = tx.Delete(label)
			case !slices.Contains(lost, label):
				lost, err = append(lost, label), nil
			}
			if err != nil {
				return err
			}
			changed.note(Action{Label: label, Action: "deleted"})
		}
		if len(lost) == 0 {
			return nil
		}
		return remover.DeleteDamaged(lost...)
	})
	return changed, err
}

func (o Delete) sound(ctx context.Context, env *op.Env) (Changed, error) {
	return each(ctx, env, o.DB, "delete", o.Labels, func(tx kdb.Tx, s *kdb.Summary) (string, error) {
		if s.Kind == 0 { // there is none
			if o.IfExists {
				return "absent", nil
			}
			_, err := op.MustHave(tx, s.Label)
			return "", err
		}
		return "deleted", tx.Delete(s.Label)
	})
}

// each does something to each of the labels in one transaction. Labels that are not there are errors, for deletions the
// function gets them with Kind 0.
func each(ctx context.Context, env *op.Env, d op.DB, operation string, labels []string, do func(kdb.Tx, *kdb.Summary) (string, error)) (Changed, error) {
	if len(labels) == 0 {
		return Changed{}, fmt.Errorf("%w: no label is given", op.ErrUsage)
	}
	db, err := d.Open(ctx, env)
	if err != nil {
		return Changed{}, err
	}
	defer db.Close()
	return eachIn(ctx, db, operation, labels, do)
}

// eachIn is each in an open database.
func eachIn(ctx context.Context, db kdb.Database, operation string, labels []string, do func(kdb.Tx, *kdb.Summary) (string, error)) (Changed, error) {
	var changed Changed
	err := db.Update(ctx, operation, func(tx kdb.Tx) error {
		changed = Changed{}
		for _, label := range labels {
			s, err := op.MustHave(tx, label)
			if errors.Is(err, kdb.ErrNotFound) && operation == "delete" {
				s, err = kdb.Summary{Label: label}, nil
			}
			if err != nil {
				return err
			}
			action, err := do(tx, &s)
			if err != nil {
				return err
			}
			note := Action{Label: label, Action: action}
			if s.Kind != 0 {
				note.Kind, note.SHA256 = s.Kind.String(), op.HexDigest(s.SHA256)
			}
			changed.note(note)
		}
		return nil
	})
	return changed, err
}
