package databases

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// Recover copies what can be read of a damaged database into a new one.
type Recover struct {
	From op.DB  // the damaged one; what opens it opens the new one
	To   string // must not exist
}

// Recovered tells what was copied, and what was not.
type Recovered struct {
	From     string `json:"source_location"`
	To       string `json:"location"`
	Entries  int    `json:"entries"`
	Expected *int   `json:"expected"` // null if that is lost
	// Verified says that the entries are exactly those of the last state.
	Verified bool `json:"verified"`
	// Missing is lost; Altered was copied, but not as it was; LeftOut had been removed or replaced, and was not copied.
	Missing []Problem `json:"missing"`
	Altered []Problem `json:"altered"`
	LeftOut []Problem `json:"left_out"`
}

// HasChanged is true: a database is made or there is an error.
func (Recovered) HasChanged() bool { return true }

// Incomplete is an error wrapping kdb.ErrCorrupt if anything is missing or altered.
func (r Recovered) Incomplete() error {
	n := len(r.Missing) + len(r.Altered)
	if n == 0 {
		return nil
	}
	err := fmt.Errorf("recovering %q: %w: %d %s lost or altered", r.From, kdb.ErrCorrupt, n, op.Plural(n, "part"))
	return &op.Problem{Code: op.Incomplete, Location: r.To, Err: err}
}

// Run recovers; a dry run says what can be.
func (o Recover) Run(ctx context.Context, env *op.Env, dryRun bool) (Recovered, error) {
	location, err := o.From.Path(env)
	if err != nil {
		return Recovered{}, err
	}
	driver, err := o.plan(ctx, env, location)
	if err != nil {
		return Recovered{}, err
	}
	options, err := o.From.Options(ctx, env)
	if err != nil {
		return Recovered{}, err
	}
	to := o.To
	if dryRun {
		to = ""
	}
	defer op.CollectMore()()
	found, err := driver.Recover(ctx, location, to, options)
	if err != nil {
		return Recovered{}, op.InterruptedAt(err, op.ProgressNone)
	}
	done := Recovered{
		From: location, To: o.To, Entries: found.Entries, Verified: found.Verified,
		Missing: newProblems(found.Missing), Altered: newProblems(found.Altered), LeftOut: newProblems(found.LeftOut),
	}
	if found.Expected >= 0 {
		done.Expected = &found.Expected
	}
	return done, nil
}

// plan finds the driver that can recover the file.
func (o Recover) plan(ctx context.Context, env *op.Env, location string) (*kdb.Driver, error) {
	if o.To == "" {
		return nil, op.Need(op.FieldTo)
	}
	if kdb.Same(location, o.To) {
		return nil, fmt.Errorf("%w: source and target are the same file %q", op.ErrUsage, o.To)
	}
	driver, err := kdb.Recognise(env.Drivers, location)
	foreign, isForeign := errors.AsType[*kdb.ForeignFormat](err)
	switch {
	case errors.Is(err, kdb.ErrNoDatabase):
		return nil, &op.Problem{Code: op.NoDatabase, Location: location, Err: err}
	case isForeign && !foreign.Loose: // what looks like text may be the rest of a database
		return nil, foreign
	case err == nil && driver.Recover == nil:
		return nil, &op.Unsupported{Location: location, Format: driver.Name, Feature: op.FeatureRecovery}
	case err != nil && !errors.Is(err, kdb.ErrCorrupt) && !errors.Is(err, kdb.ErrVersion):
		return nil, err
	case err != nil: // unless it is what is left of a database, there is no key slot in it
		i := slices.IndexFunc(env.Drivers, func(d kdb.Driver) bool { return d.Recover != nil })
		if i < 0 {
			return nil, err
		}
		driver = &env.Drivers[i]
	}
	env.Protect(location, location+sealed.StashExtension)
	if exists, err := driver.Exists(ctx, o.To); err != nil {
		return nil, fmt.Errorf("creating %q: %w", o.To, op.UnwrapPath(err))
	} else if exists {
		return nil, fmt.Errorf("creating %q: %w", o.To, kdb.ErrDatabaseExists)
	}
	return driver, nil
}

func newProblems(list []kdb.Problem) []Problem {
	out := []Problem{}
	for _, p := range list {
		out = append(out, Problem{Where: p.Where, What: p.What})
	}
	return out
}
