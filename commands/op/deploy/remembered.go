package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Remembered is where an entry is deployed.
type Remembered struct {
	Label   string   `json:"label"`
	Targets []Target `json:"targets"`
}

// Listed is where the entries of a database are deployed.
type Listed struct {
	Deployments []Remembered `json:"deployments"`
}

// List tells where entries are deployed; a label makes it that of one entry.
type List struct{ Label string }

// Run lists.
func (o List) Run(ctx context.Context, s *op.Session) (Listed, error) {
	listed := Listed{Deployments: []Remembered{}}
	err := s.View(ctx, func(tx kdb.Tx) error {
		if o.Label != "" {
			e, err := entryOf(tx, o.Label)
			if err != nil || len(e.Deployments) == 0 {
				return err
			}
		}
		all, err := remembered(tx, o.Label)
		listed.Deployments = append(listed.Deployments[:0], all...)
		return err
	})
	return listed, err
}

// remembered reads where an entry is deployed, which must be somewhere, or all entries if label is "".
func remembered(tx kdb.Tx, label string) ([]Remembered, error) {
	labels := []string{label}
	if label == "" {
		labels = nil
		for s, err := range tx.Find(kdb.Deployed) {
			if err != nil {
				return nil, err
			}
			labels = append(labels, s.Label)
		}
	}
	var all []Remembered
	for _, label := range labels {
		e, err := entryOf(tx, label)
		if err != nil {
			return nil, err
		}
		targets, err := Targets(&e)
		if err == nil && len(targets) == 0 {
			err = op.Mark(op.NotDeployed, fmt.Errorf("label %q: %w: the database does not remember where it is deployed", label, op.ErrUsage))
		}
		if err != nil {
			return nil, err
		}
		all = append(all, Remembered{Label: label, Targets: targets})
	}
	return all, nil
}

func entryOf(tx kdb.Tx, label string) (kdb.Entry, error) {
	if _, err := op.MustHave(tx, label); err != nil {
		return kdb.Entry{}, err
	}
	return tx.Entry(label)
}

// Targets are those that an entry remembers.
func Targets(e *kdb.Entry) (targets []Target, err error) {
	if len(e.Deployments) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(e.Deployments, &targets); err != nil {
		return nil, fmt.Errorf("label %q: where it is deployed: %w: %w", e.Label, kdb.ErrCorrupt, err)
	}
	return targets, nil
}

// setTarget makes the database remember a target, in place of those that have a file in common with it.
func setTarget(tx kdb.Deployer, e *kdb.Entry, t Target) error {
	targets, err := Targets(e)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(targets, t.meets)
	if at < 0 {
		at = len(targets)
	}
	targets = slices.DeleteFunc(targets, t.meets)
	return setTargets(tx, e.Label, slices.Insert(targets, min(at, len(targets)), t))
}

func setTargets(tx kdb.Deployer, label string, targets []Target) error {
	if len(targets) == 0 {
		return tx.SetDeployments(label, nil)
	}
	data, err := json.Marshal(targets)
	if err != nil {
		return err
	}
	return tx.SetDeployments(label, data)
}

// Forget makes the database forget where an entry is deployed. The files stay.
type Forget struct{ Label string }

// Plan implements op.Operation.
func (o Forget) Plan(context.Context, *op.Session) (op.Plan[Forgotten], error) {
	return op.Plan[Forgotten]{Name: "deploy", Apply: func(tx kdb.Tx) (Forgotten, error) {
		e, err := entryOf(tx, o.Label)
		if err != nil {
			return Forgotten{}, err
		}
		done := Forgotten{Label: o.Label, Targets: []Target{}}
		deployer, ok := tx.(kdb.Deployer)
		if !ok || len(e.Deployments) == 0 {
			return done, nil
		}
		if targets, err := Targets(&e); err == nil { // what cannot be read can be forgotten
			done.Targets = targets
		}
		return done, deployer.SetDeployments(o.Label, nil)
	}}, nil
}

// Forgotten is what a database has forgotten.
type Forgotten struct {
	Label   string   `json:"label"`
	Targets []Target `json:"targets"`
}

// HasChanged implements the result of a change.
func (f Forgotten) HasChanged() bool { return len(f.Targets) > 0 }
