package databases

import (
	"context"
	"errors"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/memory"
)

// RunNew makes a database and runs an operation in it. The operation is tried in memory first, unless its plan streams; a dry run ends
// there. If the operation fails, the new database is removed, unless something is in it. An operation that stores nothing makes an empty
// database, also of a foreign format.
func RunNew[R any](ctx context.Context, env *op.Env, o Init, dryRun bool, operation op.Operation[R]) (result R, err error) {
	created, driver, err := o.plan(ctx, env)
	if err != nil {
		return result, err
	}
	trial := op.Attach(env, created.Location, stand(driver, created.Location))
	trial.DryRun = true
	plan, err := operation.Plan(ctx, trial)
	if plan.Close != nil {
		defer plan.Close()
	}
	if err != nil {
		return result, err
	}
	plan.Close = nil // once is enough
	if dryRun || !plan.Streams {
		if result, err = op.One(ctx, trial, op.Planned(plan)); err != nil || dryRun {
			return result, err
		}
	}
	if driver.CreateWith == nil {
		return runIn(ctx, env, o, op.Planned(plan))
	}
	db := o.unmade(env, driver, created.Location)
	defer func() { db.Close() }()
	result, err = op.One(ctx, op.Attach(env, created.Location, db), op.Planned(plan))
	if err == nil && !db.made && !isIncomplete(result) { // nothing became a database of nothing
		s, _, err := o.Run(ctx, env)
		if err != nil {
			return result, err
		}
		return result, s.Close()
	}
	return result, err
}

// discarder is a database of a kind that is made before its first change.
type discarder interface {
	// Discard removes the database if it was made here and nothing is in it.
	Discard(ctx context.Context) error
}

// runIn makes a database that is there before its first change, and runs the operation in it. If that fails, it removes the
// database.
func runIn[R any](ctx context.Context, env *op.Env, o Init, operation op.Operation[R]) (result R, err error) {
	s, _, err := o.Run(ctx, env)
	if err != nil {
		return result, err
	}
	defer s.Close()
	result, err = op.One(ctx, s, operation)
	if err == nil {
		return result, nil
	}
	if !o.discard(ctx, s) && errors.Is(err, context.Canceled) { // the database stays
		err = &op.Interrupted{Progress: op.ProgressPart, Err: err}
	}
	return result, err
}

// discard removes a database that was just made, with its stash and the file of its password, and reports whether it did: one with
// something in it stays.
func (o Init) discard(ctx context.Context, s *op.Session) bool {
	db, ok := s.Database().(discarder)
	if !ok || db.Discard(context.WithoutCancel(ctx)) != nil {
		return false
	}
	o.NewPassword.Drop()
	return true
}

// isIncomplete says that a result has an error of its own, about what was left out.
func isIncomplete(result any) bool {
	r, ok := result.(interface{ Incomplete() error })
	return ok && r.Incomplete() != nil
}

// stand is an empty database in memory that stands for one which the driver would make.
func stand(driver *kdb.Driver, location string) *memory.Database {
	db := memory.New(location, driver.Name)
	db.Accepts, db.Fold = driver.Accepts, driver.Fold
	return db
}

// unmade is a database that its first change makes. Until then it is empty, and there is no file.
type unmade struct {
	kdb.Database
	create func(ctx context.Context, fn func(kdb.Tx) error) (kdb.Database, error)
	made   bool
}

func (o Init) unmade(env *op.Env, driver *kdb.Driver, location string) *unmade {
	create := func(ctx context.Context, fn func(kdb.Tx) error) (kdb.Database, error) {
		made, err := o.create(ctx, env, driver, location, fn)
		if err == nil && made != nil && o.Stash {
			_, err = o.stash(ctx, op.Attach(env, location, made), driver)
		}
		return made, err
	}
	return &unmade{Database: stand(driver, location), create: create}
}

// Update implements kdb.Database.
func (u *unmade) Update(ctx context.Context, operation string, fn func(kdb.Tx) error) error {
	if u.made {
		return u.Database.Update(ctx, operation, fn)
	}
	db, err := u.create(ctx, fn)
	if db != nil {
		u.Database, u.made = db, true
	}
	return err
}
