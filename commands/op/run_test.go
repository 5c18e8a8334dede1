package op_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

var (
	ctx       = context.Background()
	errFailed = errors.New("failed")
)

// probe is an operation that notes what is called.
type probe struct {
	name   string
	inside bool // nothing comes before the transaction
	events *[]string
	fail   string // the event that fails
	// interrupt is called at each event, if it is not nil.
	interrupt func(event string) error
	change    func(kdb.Tx) error
}

func (p probe) note(event string) error {
	*p.events = append(*p.events, event+" "+p.name)
	if p.fail == event {
		return errFailed
	}
	if p.interrupt != nil {
		return p.interrupt(event + " " + p.name)
	}
	return nil
}

func (p probe) Plan(context.Context, *op.Session) (op.Plan[string], error) {
	plan := op.Plan[string]{
		Name:   p.name,
		Before: func(context.Context) error { return p.note("before") },
		After:  func(_ context.Context, result *string) error { *result += ", stored"; return p.note("after") },
		Close:  func() { _ = p.note("close") },
		Apply: func(tx kdb.Tx) (string, error) {
			err := p.note("apply")
			if err == nil && p.change != nil {
				err = p.change(tx)
			}
			return "done by " + p.name, err
		},
	}
	if p.inside {
		plan.Before = nil
	}
	return plan, p.note("plan")
}

func putSecret(label string) func(kdb.Tx) error {
	return func(tx kdb.Tx) error { return tx.Put(optest.Secret(label)) }
}

func TestRun_order(t *testing.T) {
	t.Parallel()
	nothing := func(kdb.Tx) error { return nil }
	for _, c := range []struct {
		rule   string
		inside bool
		dryRun bool
		fail   string // of the first step
		change []func(kdb.Tx) error
		want   string
		holds  string
	}{
		{
			rule: "one step is done at once", inside: true, change: []func(kdb.Tx) error{putSecret("x")},
			want: "plan 1, apply 1, after 1, close 1", holds: "x=secret-key",
		},
		{
			rule: "two steps are tried all the same", inside: true, change: []func(kdb.Tx) error{putSecret("x"), putSecret("y")},
			want:  "plan 1, apply 1, plan 2, apply 2, apply 1, apply 2, after 1, after 2, close 2, close 1",
			holds: "x=secret-key y=secret-key",
		},
		{
			rule: "one step that has something before it is tried, then done", change: []func(kdb.Tx) error{putSecret("x")},
			want: "plan 1, apply 1, before 1, apply 1, after 1, close 1", holds: "x=secret-key",
		},
		{
			rule: "nothing to change: what is outside of the database is done all the same", change: []func(kdb.Tx) error{nothing},
			want: "plan 1, apply 1, before 1, apply 1, after 1, close 1",
		},
		{
			rule: "two steps are planned and tried in turn, then done together", change: []func(kdb.Tx) error{putSecret("x"), putSecret("y")},
			want:  "plan 1, apply 1, plan 2, apply 2, before 1, before 2, apply 1, apply 2, after 1, after 2, close 2, close 1",
			holds: "x=secret-key y=secret-key",
		},
		{
			rule: "a dry run ends when it was tried", dryRun: true, change: []func(kdb.Tx) error{putSecret("x"), putSecret("y")},
			want: "plan 1, apply 1, plan 2, apply 2, close 2, close 1",
		},
		{rule: "a plan fails", fail: "plan", change: []func(kdb.Tx) error{putSecret("x"), putSecret("y")}, want: "plan 1, close 1"},
		{rule: "a trial fails", fail: "apply", change: []func(kdb.Tx) error{putSecret("x"), putSecret("y")}, want: "plan 1, apply 1, close 1"},
		{
			rule: "what comes before fails", fail: "before", change: []func(kdb.Tx) error{putSecret("x"), putSecret("y")},
			want: "plan 1, apply 1, plan 2, apply 2, before 1, close 2, close 1",
		},
		{
			rule: "what comes after fails: the change stays", fail: "after", change: []func(kdb.Tx) error{putSecret("x")},
			want: "plan 1, apply 1, before 1, apply 1, after 1, close 1", holds: "x=secret-key",
		},
	} {
		s := optest.New(t)
		s.DryRun = c.dryRun
		var events []string
		var steps []op.Step
		results := make([]string, len(c.change))
		for i, change := range c.change {
			p := probe{name: fmt.Sprint(i + 1), inside: c.inside, events: &events, change: change}
			if i == 0 {
				p.fail = c.fail
			}
			steps = append(steps, op.Do(p, &results[i]))
		}
		err := op.Run(ctx, s, "", steps...)
		if (err != nil) != (c.fail != "") || err != nil && !errors.Is(err, errFailed) {
			t.Errorf("%s: %v", c.rule, err)
		}
		if got := strings.Join(events, ", "); got != c.want {
			t.Errorf("%s: %s, want %s", c.rule, got, c.want)
		}
		if got := optest.State(t, s); got != c.holds {
			t.Errorf("%s: the database holds %q, want %q", c.rule, got, c.holds)
		}
	}
}

// TestRun_allOrNothing: the second step fails only in the transaction, because the database has changed since it was planned.
func TestRun_allOrNothing(t *testing.T) {
	t.Parallel()
	s, store := optest.Sealed(t)
	var events []string
	var one, two string
	steps := []op.Step{
		op.Do(probe{name: "1", events: &events, change: putSecret("x")}, &one),
		op.Do(probe{name: "2", events: &events, change: func(kdb.Tx) error {
			if len(events) > 4 { // no longer tried, but done
				return errFailed
			}
			return nil
		}}, &two),
	}
	optest.Unchanged(t, store, "a step failed", func() {
		if err := op.Run(ctx, s, "test", steps...); !errors.Is(err, errFailed) {
			t.Errorf("%v, want the error of the second step", err)
		}
	})
}

func TestRun_laterPlansSeeEarlierChanges(t *testing.T) {
	t.Parallel()
	for _, dryRun := range []bool{false, true} {
		s, store := optest.Sealed(t)
		s.DryRun = dryRun
		var seen string
		var made, looked string
		look := operation(func(ctx context.Context, s *op.Session) (op.Plan[string], error) {
			err := s.View(ctx, func(tx kdb.Tx) error {
				_, err := tx.Summary("x")
				seen = fmt.Sprint(err)
				return nil
			})
			return op.Plan[string]{Apply: func(tx kdb.Tx) (string, error) { return "", tx.Rename("x", "y") }}, err
		})
		before := len(store.Records())
		first := probe{name: "1", events: new([]string), change: putSecret("x")}
		if err := op.Run(ctx, s, "test", op.Do(first, &made), op.Do(look, &looked)); err != nil {
			t.Fatal(err)
		}
		if seen != "<nil>" {
			t.Errorf("dry run %v: the second plan sees %s", dryRun, seen)
		}
		if dryRun && len(store.Records()) != before {
			t.Error("a dry run wrote records")
		}
		optest.Expect(t, s, map[bool]string{false: "y=secret-key", true: ""}[dryRun])
	}
}

// TestRun_beforeAChange: what must be on record before a change is, even if only another process has made the change necessary.
func TestRun_beforeAChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule                  string
		there, removed, wants bool
	}{
		{"something to change", false, false, true},
		{"nothing to change", true, false, false},
		{"changed meanwhile", true, true, true},
	} {
		s := optest.New(t)
		if c.there {
			optest.Put(t, s, optest.Secret("x"))
		}
		noted, stored := false, false
		_, err := op.One(ctx, s, op.Planned(op.Plan[string]{
			Name: "copy",
			Before: func(context.Context) error {
				if c.removed {
					return s.Database().Update(ctx, "delete", func(tx kdb.Tx) error { return tx.Delete("x") })
				}
				return nil
			},
			BeforeChange: func(context.Context) error {
				noted = true
				return nil
			},
			Apply: func(tx kdb.Tx) (string, error) {
				if _, err := tx.Summary("x"); err == nil {
					return "", nil
				}
				err := putSecret("x")(tx)
				if stored = err == nil; stored && !noted {
					t.Errorf("%s: stored, and not noted", c.rule)
				}
				return "", err
			},
		}))
		if err != nil || noted != c.wants || stored != c.wants {
			t.Errorf("%s: noted %t, stored %t, %v", c.rule, noted, stored, err)
		}
	}
}

// operation is an operation that is a function.
type operation func(context.Context, *op.Session) (op.Plan[string], error)

func (o operation) Plan(ctx context.Context, s *op.Session) (op.Plan[string], error) {
	return o(ctx, s)
}

func applying(name string, apply func(kdb.Tx) (string, error)) operation {
	return func(context.Context, *op.Session) (op.Plan[string], error) {
		return op.Plan[string]{Name: name, Apply: apply}, nil
	}
}

// TestOne_noticesEveryKindOfChange: whatever an Apply changes, it is done, and an Apply that changes nothing leaves the records alone.
func TestOne_noticesEveryKindOfChange(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web")
	for _, c := range []struct {
		rule    string
		change  func(kdb.Tx) error
		changes bool
	}{
		{"Put", putSecret("x"), true},
		{"Certify", func(tx kdb.Tx) error { return tx.Certify("web", [][]byte{web.Certificate, root.Certificate}) }, true},
		{"Rename", func(tx kdb.Tx) error { return tx.Rename("web", "www") }, true},
		{"Mark", func(tx kdb.Tx) error { return tx.Mark("web", kdb.Marks{Default: new(true)}) }, true},
		{"Delete", func(tx kdb.Tx) error { return tx.Delete("web") }, true},
		{"Audit", func(tx kdb.Tx) error { return tx.Audit("test", "web") }, true},
		{"PutIssued", func(tx kdb.Tx) error {
			return tx.(kdb.Registry).PutIssued(kdb.Issued{Serial: "1", Certificate: []byte("x")})
		}, true},
		{"NextCRLNumber", func(tx kdb.Tx) error { _, err := tx.(kdb.Registry).NextCRLNumber([32]byte{}, 0); return err }, true},
		{"reading", func(tx kdb.Tx) error {
			_, err := tx.Key("web")
			_, err2 := tx.(kdb.Registry).LastCRLNumber([32]byte{})
			return errors.Join(err, err2)
		}, false},
	} {
		s, store := optest.Sealed(t, web.Personal("web"))
		before := fmt.Sprint(store.Records())
		calls := 0
		result, err := op.One(ctx, s, applying("test", func(tx kdb.Tx) (string, error) { calls++; return "done", c.change(tx) }))
		if err != nil || result != "done" {
			t.Errorf("%s: %q, %v", c.rule, result, err)
		}
		if changed := fmt.Sprint(store.Records()) != before; changed != c.changes || calls != 1 {
			t.Errorf("%s: changed %v after %d calls", c.rule, changed, calls)
		}
	}
}

// again is a database that runs every change twice, as those do whose transactions can collide.
type again struct{ kdb.Database }

func (a again) Update(ctx context.Context, operation string, fn func(kdb.Tx) error) error {
	discarded := errors.New("discarded")
	err := a.Database.Update(ctx, operation, func(tx kdb.Tx) error { return errors.Join(fn(tx), discarded) })
	if !errors.Is(err, discarded) || err.Error() != discarded.Error() {
		return err
	}
	return a.Database.Update(ctx, operation, fn)
}

func TestOne_resultIsThatOfTheLastApply(t *testing.T) {
	t.Parallel()
	s := optest.New(t)
	s = op.Attach(s.Env, s.Location, again{s.Database()})
	calls := 0
	result, err := op.One(ctx, s, applying("test", func(tx kdb.Tx) (string, error) {
		calls++
		return fmt.Sprintf("call %d", calls), tx.Put(optest.Secret("x"))
	}))
	if err != nil || result != "call 2" {
		t.Errorf("%q, %v", result, err)
	}
	optest.Expect(t, s, "x=secret-key")
}

// TestOne_asksWhileNothingIsLocked: an Apply that needs a password ends, and is called again when it is there.
func TestOne_asksWhileNothingIsLocked(t *testing.T) {
	t.Parallel()
	for _, dryRun := range []bool{false, true} {
		s := optest.New(t)
		s.DryRun = dryRun
		var asked []string
		result, err := op.One(ctx, s, applying("test", func(tx kdb.Tx) (string, error) {
			if len(asked) < 2 {
				return "", fmt.Errorf("reading: %w", op.Pause{Resume: func(context.Context) error {
					if err := s.Database().Update(ctx, "", func(kdb.Tx) error { return nil }); err != nil { // would wait forever
						return err
					}
					asked = append(asked, "password")
					return nil
				}})
			}
			return "done", tx.Put(optest.Secret("x"))
		}))
		if err != nil || result != "done" || len(asked) != 2 {
			t.Errorf("%q after %d questions, %v", result, len(asked), err)
		}
	}
	_, err := op.One(ctx, optest.New(t), applying("test", func(kdb.Tx) (string, error) {
		return "", op.Pause{Resume: func(context.Context) error { return errFailed }}
	}))
	if !errors.Is(err, errFailed) {
		t.Errorf("no answer: %v", err)
	}
	if text := (op.Pause{}).Error(); text == "" {
		t.Error("no text")
	}
}

// TestOne_changesThatAreNeededOnlyLater: while Before was at work, the database came to need a change.
func TestOne_changesThatAreNeededOnlyLater(t *testing.T) {
	t.Parallel()
	s := optest.New(t)
	needed := false
	result, err := op.One(ctx, s, op.Planned(op.Plan[string]{
		Before: func(context.Context) error { needed = true; return nil },
		Apply: func(tx kdb.Tx) (string, error) {
			if !needed {
				return "nothing to do", nil
			}
			return "done", tx.Put(optest.Secret("x"))
		},
	}))
	if err != nil || result != "done" {
		t.Errorf("%q, %v", result, err)
	}
	optest.Expect(t, s, "x=secret-key")
}

func TestRun_namesTheOperationForTheAuditLog(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"": "1", "apply": "apply"} {
		s, _ := optest.Sealed(t)
		var result string
		p := probe{name: "1", events: new([]string), change: putSecret("x")}
		if err := op.Run(ctx, s, given, op.Do(p, &result)); err != nil {
			t.Fatal(err)
		}
		var log []string
		for r, err := range s.Database().(*sealed.Database).Log(ctx, 1) {
			if err != nil {
				t.Fatal(err)
			}
			log = append(log, r.Operation+" "+r.Label)
		}
		if !slices.Equal(log, []string{want + " x"}) {
			t.Errorf("the log says %q, want %q", log, want+" x")
		}
		if result != "done by 1, stored" {
			t.Errorf("the result is %q", result)
		}
	}
}

func TestRun_withoutSteps(t *testing.T) {
	t.Parallel()
	if err := op.Run(ctx, optest.New(t), "nothing"); err != nil {
		t.Error(err)
	}
}

// act is an op.Act that notes what is called.
type act struct {
	events *[]string
	fail   error
}

func (a act) Plan(context.Context, *op.Session) (string, error) {
	*a.events = append(*a.events, "plan")
	return "would", a.fail
}

func (a act) Do(context.Context, *op.Session) (string, error) {
	*a.events = append(*a.events, "do")
	return "done", nil
}

// TestRun_interruptionSaysHowFarItCame: what is true of the database then.
func TestRun_interruptionSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule   string
		change bool // there is something to change in the database
		at     string
		want   op.Progress
		holds  string
	}{
		{"while planning", true, "plan 1", op.ProgressNone, ""},
		{"while it is tried", true, "apply 1", op.ProgressNone, ""},
		{"by what comes before", true, "before 1", op.ProgressElsewhere, ""},
		{"in the transaction", true, "apply 1 again", op.ProgressElsewhere, ""},
		{"by what comes after", true, "after 1", op.ProgressStored, "x=secret-key"},
		{"without a change, by what comes after", false, "after 1", op.ProgressStored, ""},
	} {
		s := optest.New(t)
		var events []string
		seen := map[string]bool{}
		interrupt := func(event string) error {
			if seen[event] {
				event += " again"
			}
			if seen[event] = true; event == c.at {
				return fmt.Errorf("working: %w", context.Canceled)
			}
			return nil
		}
		p := probe{name: "1", events: &events, interrupt: interrupt}
		if c.change {
			p.change = putSecret("x")
		}
		var result string
		err := op.Run(ctx, s, "test", op.Do(p, &result))
		if e, ok := errors.AsType[*op.Interrupted](err); !ok || e.Progress != c.want || op.ClassOf(err) != op.ClassInterrupted {
			t.Errorf("%s: %#v", c.rule, err)
		}
		optest.Expect(t, s, c.holds)
	}
	s := optest.New(t)
	if _, err := op.Perform(ctx, s, act{new([]string), context.Canceled}); op.Interruption(err) != "interrupted" {
		t.Errorf("an act that is planned: %v", err)
	}
	if got := op.Interruption(op.InterruptedAt(context.Canceled, op.ProgressPart)); !strings.Contains(got, "some of it may be done") {
		t.Errorf("an act: %s", got)
	}
}

func TestPerform(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule           string
		dryRun         bool
		fail           error
		events, result string
	}{
		{"it is planned and done", false, nil, "[plan do]", "done"},
		{"a dry run says what would be done", true, nil, "[plan]", "would"},
		{"what cannot be done is not", false, errFailed, "[plan]", "would"},
	} {
		s := optest.New(t)
		s.DryRun = c.dryRun
		var events []string
		result, err := op.Perform(ctx, s, act{&events, c.fail})
		if fmt.Sprint(events) != c.events || result != c.result || !errors.Is(err, c.fail) {
			t.Errorf("%s: %v, %q, %v", c.rule, events, result, err)
		}
	}
}
