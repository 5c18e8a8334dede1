package optest

import (
	"context"
	"errors"
	"testing"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// twice is a database that runs every change twice, as those do whose transactions may collide.
type twice struct{ kdb.Database }

var errDiscarded = errors.New("discarded")

func (d twice) Update(ctx context.Context, operation string, fn func(kdb.Tx) error) error {
	err := d.Database.Update(ctx, operation, func(tx kdb.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errDiscarded
	})
	if !errors.Is(err, errDiscarded) {
		return err
	}
	return d.Database.Update(ctx, operation, fn)
}

// Twice returns a session on the same database, in which every transaction runs twice.
func Twice(s *op.Session) *op.Session {
	return op.Attach(s.Env, s.Location, twice{s.Database()})
}

// Outcome is what came of an operation.
type Outcome[R any] struct {
	Result R
	Text   string // of the result
	State  string // of the database
	Err    error
}

// Try runs an operation on a database with the entries, and holds it to what is true of all operations: a dry run says the same and
// changes nothing, nor does an operation that fails; a transaction that runs twice has the same result. text says what of the result
// should be the same.
func Try[R any](t testing.TB, o op.Operation[R], text func(R) string, entries ...kdb.Entry) Outcome[R] {
	t.Helper()
	s, store := Sealed(t, entries...)
	run := func(s *op.Session) Outcome[R] {
		result, err := op.One(context.Background(), s, o)
		return Outcome[R]{Result: result, Text: text(result), State: State(t, s), Err: err}
	}
	var dry, done Outcome[R]
	s.DryRun = true
	Unchanged(t, store, "a dry run", func() { dry = run(s) })
	s.DryRun = false
	before := store.Records()
	done = run(s)
	if done.Err != nil {
		Same(t, before, store.Records(), "an operation that failed")
	}
	again := run(Twice(New(t, entries...)))
	if dry.Text != done.Text || message(dry.Err) != message(done.Err) {
		t.Errorf("a dry run says %s, %v; the operation says %s, %v", dry.Text, dry.Err, done.Text, done.Err)
	}
	if again.Text != done.Text || again.State != done.State || message(again.Err) != message(done.Err) {
		t.Errorf("run twice: %s, %s, %v; once: %s, %s, %v", again.Text, again.State, again.Err, done.Text, done.State, done.Err)
	}
	return done
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
