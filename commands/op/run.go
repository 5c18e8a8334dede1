package op

import (
	"context"
	"errors"

	"certkdb/kdb"
	"certkdb/kdb/memory"
)

// Operation is a change to a database whose result is an R.
type Operation[R any] interface {
	// Plan finds out what is to be done and prepares it. It changes nothing and holds no lock, so it may wait for a person or the
	// network.
	Plan(ctx context.Context, s *Session) (Plan[R], error)
}

// Plan is what an operation is about to do. All but Name and Apply may be nil.
type Plan[R any] struct {
	// Name is what the audit log calls the operation.
	Name string
	// Apply makes the change. It may run more than once, so it must have no effects but those on tx.
	Apply func(tx kdb.Tx) (R, error)
	// Before does what is outside of the database. It is called after all plans, before the transaction, also if the database stays
	// as it is.
	Before func(context.Context) error
	// BeforeChange is the same, but called only if the database is going to be changed.
	BeforeChange func(context.Context) error
	// After is called when the change is stored, or when there was nothing to change.
	After func(context.Context, *R) error
	// Close is called at the end in any case, to clear secrets.
	Close func()
	// Streams says that Apply may store more than memory should hold, and fails in no way that a trial in memory would show.
	Streams bool
}

// Pause is an error of an Apply that needs something for which it must not hold the lock, such as a password. Resume is called
// while nothing is locked; then Apply is called again.
type Pause struct {
	Resume func(context.Context) error
}

func (Pause) Error() string { return "something has to be asked for first" }

// Step is an operation of a Run.
type Step interface {
	plan(ctx context.Context, s *Session) error
	name() string
	apply(tx kdb.Tx) error
	isPreceded() bool // by what Before or BeforeChange does
	before(ctx context.Context) (did bool, err error)
	beforeChange(ctx context.Context) (did bool, err error)
	after(ctx context.Context) error
	close()
}

// Do makes a step of an operation. Its result goes to result.
func Do[R any](o Operation[R], result *R) Step {
	return &step[R]{operation: o, result: result}
}

// One runs one operation in its own transaction.
func One[R any](ctx context.Context, s *Session, o Operation[R]) (R, error) {
	var result R
	err := Run(ctx, s, "", Do(o, &result))
	return result, err
}

// Run runs operations in one transaction, which the audit log calls operation; "" is the name of the first step's plan. In a dry
// run the results say what would be done. An error means that this database was not changed, unless it comes
// from an After; a Before may have changed another one (the CA's records, a remote CA). That of an interruption is an [Interrupted].
func Run(ctx context.Context, s *Session, operation string, steps ...Step) error {
	for _, step := range steps {
		defer step.close()
	}
	changes, err := rehearse(ctx, s, steps)
	if err == nil && !s.DryRun {
		err = s.Guard.ask(ctx)
	}
	if err != nil || s.DryRun {
		return InterruptedAt(err, ProgressNone)
	}
	elsewhere, err := each(ctx, steps, Step.before)
	if err == nil && changes {
		var noted bool
		noted, err = each(ctx, steps, Step.beforeChange)
		elsewhere = elsewhere || noted
	}
	if err == nil && (changes || elsewhere) {
		err = perform(ctx, s, operation, changes, steps)
	}
	switch {
	case err != nil && elsewhere:
		return InterruptedAt(err, ProgressElsewhere)
	case err != nil:
		return InterruptedAt(err, ProgressNone)
	}
	for _, step := range steps {
		if err := step.after(ctx); err != nil {
			return InterruptedAt(err, ProgressStored)
		}
	}
	return nil
}

// each does what comes before the transaction, and says whether anything does.
func each(ctx context.Context, steps []Step, do func(Step, context.Context) (bool, error)) (elsewhere bool, err error) {
	for _, step := range steps {
		did, err := do(step, ctx)
		elsewhere = elsewhere || did
		if err != nil {
			return elsewhere, err
		}
	}
	return elsewhere, nil
}

// rehearse plans the steps and says whether they change anything, or may do so: an Update finds that out by itself before it locks
// anything, so a single step is tried only if something comes before it, and only up to its first change.
func rehearse(ctx context.Context, s *Session, steps []Step) (changes bool, err error) {
	planning := *s
	defer func() { s.others = planning.others }()
	if s.pending == nil && (s.DryRun || len(steps) > 1) {
		planning.pending = memory.NewOverlay()
	}
	s.Guard.begin()
	for _, step := range steps {
		if err := step.plan(ctx, &planning); err != nil {
			return false, err
		}
		if len(steps) == 1 && planning.pending == nil && !step.isPreceded() {
			return true, nil
		}
		err := resuming(ctx, func() error {
			return s.db.View(ctx, func(tx kdb.Tx) error {
				if planning.pending == nil {
					return step.apply(reader(tx))
				}
				tried := planning.pending.Clone()
				err := step.apply(tried.On(tx))
				if err == nil {
					planning.pending = tried
				}
				return err
			})
		})
		switch {
		case errors.Is(err, errChanges):
			return true, nil
		case err != nil:
			return false, err
		}
	}
	return planning.pending != nil && planning.pending.Changed(), nil
}

// perform does what was rehearsed. Steps that change nothing here may have done something elsewhere.
func perform(ctx context.Context, s *Session, operation string, changes bool, steps []Step) error {
	all := func(tx kdb.Tx) error {
		s.Guard.begin()
		for _, step := range steps {
			if err := step.apply(tx); err != nil {
				return err
			}
		}
		return s.Guard.settle()
	}
	if !changes { // again, for the results
		err := s.db.View(ctx, func(tx kdb.Tx) error { return all(reader(tx)) })
		if !errors.Is(err, errChanges) {
			return err
		}
		if _, err := each(ctx, steps, Step.beforeChange); err != nil { // the database is not as it was any more
			return err
		}
	}
	if operation == "" {
		operation = steps[0].name()
	}
	return resuming(ctx, func() error { return s.db.Update(ctx, operation, all) })
}

// resuming calls fn until it asks for no more.
func resuming(ctx context.Context, fn func() error) error {
	for {
		err := fn()
		pause, ok := errors.AsType[Pause](err)
		if !ok {
			return err
		}
		if err := pause.Resume(ctx); err != nil {
			return err
		}
	}
}

type step[R any] struct {
	operation Operation[R]
	planned   Plan[R]
	result    *R
}

func (s *step[R]) plan(ctx context.Context, session *Session) (err error) {
	s.planned, err = s.operation.Plan(ctx, session)
	return err
}

func (s *step[R]) name() string { return s.planned.Name }

func (s *step[R]) apply(tx kdb.Tx) (err error) {
	*s.result, err = s.planned.Apply(tx)
	return err
}

func (s *step[R]) isPreceded() bool { return s.planned.Before != nil || s.planned.BeforeChange != nil }

func (s *step[R]) before(ctx context.Context) (did bool, err error) {
	return callIfAny(ctx, s.planned.Before)
}

func (s *step[R]) beforeChange(ctx context.Context) (did bool, err error) {
	return callIfAny(ctx, s.planned.BeforeChange)
}

// callIfAny calls a function unless it is nil, and says whether it did.
func callIfAny(ctx context.Context, do func(context.Context) error) (did bool, err error) {
	if do == nil {
		return false, nil
	}
	return true, do(ctx)
}

func (s *step[R]) after(ctx context.Context) error {
	if s.planned.After == nil {
		return nil
	}
	return s.planned.After(ctx, s.result)
}

func (s *step[R]) close() {
	if s.planned.Close != nil {
		s.planned.Close()
	}
}

// errChanges ends an Apply at its first change.
var errChanges = errors.New("there is something to change")

// reader returns a transaction that ends at the first change, a registry if tx is one.
func reader(tx kdb.Tx) kdb.Tx {
	if registry, ok := tx.(kdb.Registry); ok {
		return readerOfRecords{readerTx{tx}, registry}
	}
	return readerTx{tx}
}

type readerTx struct{ kdb.Tx }

func (readerTx) Put(kdb.Entry) error             { return errChanges }
func (readerTx) Certify(string, [][]byte) error  { return errChanges }
func (readerTx) Rename(string, string) error     { return errChanges }
func (readerTx) Mark(string, kdb.Marks) error    { return errChanges }
func (readerTx) Delete(string) error             { return errChanges }
func (readerTx) Audit(operation, _ string) error { return errChanges }

type readerOfRecords struct {
	readerTx
	kdb.Registry
}

func (readerOfRecords) PutIssued(kdb.Issued) error                     { return errChanges }
func (readerOfRecords) NextCRLNumber([32]byte, uint64) (uint64, error) { return 0, errChanges }
func (readerOfRecords) SetDeployments(string, []byte) error            { return errChanges }
func (readerOfRecords) DeleteDamaged(...string) error                  { return errChanges }

// Planned is the operation of a plan that is made already.
func Planned[R any](p Plan[R]) Operation[R] { return planned[R]{p} }

type planned[R any] struct{ p Plan[R] }

func (p planned[R]) Plan(context.Context, *Session) (Plan[R], error) { return p.p, nil }

// Act is a change to a database as a whole: its passwords, its file. No transaction covers it.
type Act[R any] interface {
	// Plan checks whether it can be done and says what would be done. It changes nothing.
	Plan(ctx context.Context, s *Session) (R, error)
	// Do does it.
	Do(ctx context.Context, s *Session) (R, error)
}

// Perform does an act, or in a dry run says what it would do. An act whose plan says that nothing would change is not done.
func Perform[R any](ctx context.Context, s *Session, a Act[R]) (R, error) {
	result, err := a.Plan(ctx, s)
	if err != nil || s.DryRun {
		return result, err
	}
	if changer, ok := any(result).(interface{ HasChanged() bool }); ok && !changer.HasChanged() {
		return result, nil
	}
	result, err = a.Do(ctx, s)
	return result, InterruptedAt(err, ProgressPart)
}
