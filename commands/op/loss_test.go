package op_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// losing is an operation that loses a private key, in a transaction that stores something.
type losing struct{ ran *int }

func (o losing) Plan(_ context.Context, s *op.Session) (op.Plan[string], error) {
	return op.Plan[string]{Name: "lose", Apply: func(tx kdb.Tx) (string, error) {
		*o.ran++
		s.Guard.Lose("key", op.LostKey)
		return "done", tx.Put(optest.Secret("new"))
	}}, nil
}

// TestGuard_asksBeforeAnythingIsStored: once, and not in a dry run.
func TestGuard_asksBeforeAnythingIsStored(t *testing.T) {
	t.Parallel()
	refused := errors.New("no")
	asked, ran, answer := 0, 0, refused
	s := optest.New(t)
	s.Guard = &op.Guard{Ask: func(_ context.Context, lost []op.Loss) error {
		if len(lost) != 1 || lost[0] != (op.Loss{Label: "key", What: op.LostKey}) {
			t.Errorf("asked about %+v", lost)
		}
		asked++
		return answer
	}}
	s.DryRun = true
	if _, err := op.One(t.Context(), s, losing{&ran}); err != nil || asked != 0 {
		t.Errorf("a dry run: %v, asked %d times", err, asked)
	}
	s.DryRun = false
	if _, err := op.One(t.Context(), s, losing{&ran}); !errors.Is(err, refused) || asked != 1 {
		t.Errorf("refused: %v, asked %d times", err, asked)
	}
	optest.Expect(t, s, "")
	answer = nil
	if done, err := op.One(t.Context(), s, losing{&ran}); err != nil || done != "done" || asked != 2 {
		t.Errorf("accepted: %v, asked %d times", err, asked)
	}
	optest.Expect(t, s, "new=secret-key")
}

// TestGuard_asksOnceForAllSteps: a list of entries is one question.
func TestGuard_asksOnceForAllSteps(t *testing.T) {
	t.Parallel()
	s := optest.New(t)
	var asked [][]op.Loss
	s.Guard = &op.Guard{Ask: func(_ context.Context, lost []op.Loss) error { asked = append(asked, lost); return nil }}
	losing := func(label string, what op.Lost) op.Step {
		return op.Do(op.Planned(op.Plan[string]{Apply: func(tx kdb.Tx) (string, error) {
			s.Guard.Lose(label, what)
			return label, tx.Put(optest.Secret(label))
		}}), new(string))
	}
	if err := op.Run(t.Context(), s, "lose", losing("one", op.LostKey), losing("two", op.LostTrust)); err != nil {
		t.Fatal(err)
	}
	want := []op.Loss{{Label: "one", What: op.LostKey}, {Label: "two", What: op.LostTrust}}
	if len(asked) != 1 || !slices.Equal(asked[0], want) {
		t.Errorf("asked %+v, want once about %+v", asked, want)
	}
	optest.Expect(t, s, "one=secret-key two=secret-key")
}
