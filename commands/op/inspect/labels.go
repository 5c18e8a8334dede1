package inspect

import (
	"context"
	"io"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Completion finds labels for shells to complete. It never asks for a password, and answers nothing when something is wrong: a shell has
// nowhere to show it.
type Completion struct {
	DB     op.DB
	Prefix string // what the labels begin with
	// Fits chooses among the entries; nil takes all. If the entries cannot be read, all labels that can be read are taken.
	Fits func(*kdb.Summary) bool
	Most int // how many labels are found at most
}

// Labels are those found, in the order of their bytes.
func (o Completion) Labels(ctx context.Context, env *op.Env) []string {
	location, err := o.DB.Path(env)
	if err != nil {
		return nil
	}
	driver, err := env.Recognise(location)
	if err != nil {
		return nil
	}
	if driver.Labels == nil {
		return o.opened(ctx, env)
	}
	var found []string
	for label, err := range driver.Labels(ctx, location, o.Prefix) {
		if err != nil || len(found) == o.Most {
			break
		}
		found = append(found, label)
	}
	if o.Fits == nil || len(found) == 0 {
		return found
	}
	if fitting, err := o.fitting(ctx, env, found); err == nil {
		return fitting
	}
	return found
}

// open opens the database if that needs no person, and notes nothing.
func (o Completion) open(ctx context.Context, env *op.Env) (*op.Session, error) {
	quiet := *env
	quiet.Terminal = func() (op.Terminal, error) { return nil, op.ErrNoTerminal }
	quiet.Stdin, quiet.Stderr, quiet.State, quiet.Warn = strings.NewReader(""), io.Discard, "", nil
	return op.Open(ctx, &quiet, o.DB)
}

// fitting are those of the labels whose entries fit.
func (o Completion) fitting(ctx context.Context, env *op.Env, labels []string) (fitting []string, err error) {
	s, err := o.open(ctx, env)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	err = s.View(ctx, func(tx kdb.Tx) error {
		for _, label := range labels {
			summary, err := tx.Summary(label)
			if err != nil {
				return err
			}
			if o.Fits(&summary) {
				fitting = append(fitting, label)
			}
		}
		return nil
	})
	return fitting, err
}

// opened are the labels of a database that tells them only when it is open.
func (o Completion) opened(ctx context.Context, env *op.Env) (found []string) {
	s, err := o.open(ctx, env)
	if err != nil {
		return nil
	}
	defer s.Close()
	err = s.View(ctx, func(tx kdb.Tx) error {
		for summary, err := range tx.Summaries("") {
			if err != nil || len(found) == o.Most {
				return err
			}
			if strings.HasPrefix(summary.Label, o.Prefix) && (o.Fits == nil || o.Fits(&summary)) {
				found = append(found, summary.Label)
			}
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return found
}
