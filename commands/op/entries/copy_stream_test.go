package entries_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// flow counts entries on their way from one database to another.
type flow struct{ read, held, most int }

// from is a source that counts what is read of it.
type from struct {
	kdb.Database
	*flow
}

func (d from) View(ctx context.Context, fn func(kdb.Tx) error) error {
	return d.Database.View(ctx, func(tx kdb.Tx) error { return fn(fromTx{tx, d.flow}) })
}

type fromTx struct {
	kdb.Tx
	*flow
}

func (t fromTx) Entry(label string) (kdb.Entry, error) {
	t.read, t.held = t.read+1, t.held+1
	t.most = max(t.most, t.held)
	return t.Tx.Entry(label)
}

// into is a target that counts what is stored in it.
type into struct {
	kdb.Database
	*flow
}

func (d into) Update(ctx context.Context, operation string, fn func(kdb.Tx) error) error {
	return d.Database.Update(ctx, operation, func(tx kdb.Tx) error { return fn(intoTx{tx, d.flow}) })
}

type intoTx struct {
	kdb.Tx
	*flow
}

func (t intoTx) Put(e kdb.Entry) error {
	t.held--
	return t.Tx.Put(e)
}

// counted is a source of certificates, one of them with its key.
func counted(t *testing.T, n int) (*op.Session, *flow) {
	t.Helper()
	root := optest.NewCA(t, "Root")
	list := []kdb.Entry{root.Issue(t, "web").Personal("web")}
	for i := range n - 1 {
		list = append(list, root.Trusted(fmt.Sprintf("root %02d", i)))
	}
	s, f := optest.New(t, list...), new(flow)
	return op.Attach(s.Env, s.Location, from{s.Database(), f}), f
}

// TestCopy_holdsOneEntryAtATime between native databases, however many there are.
func TestCopy_holdsOneEntryAtATime(t *testing.T) {
	t.Parallel()
	const n = 40
	for rule, o := range map[string]entries.Copy{
		"all": {All: true}, "trusted": {Trusted: true}, "certificates": {All: true, Certificates: true},
	} {
		source, f := counted(t, n)
		target := optest.New(t)
		o.From = source
		plan, err := o.Plan(ctx, target)
		if err != nil || f.read > 2 {
			t.Errorf("%s: the plan reads %d entries, %v", rule, f.read, err)
		}
		*f = flow{}
		target = op.Attach(target.Env, target.Location, into{target.Database(), f})
		if err := target.Database().Update(ctx, "copy", func(tx kdb.Tx) error { _, err := plan.Apply(tx); return err }); err != nil {
			t.Error(err)
		}
		if f.read < n-1 || f.most > 1 {
			t.Errorf("%s: %d of %d entries were held", rule, f.most, f.read)
		}
	}
}

// TestCopyTo_readsOnce: a new native database is not tried in memory first, which would hold all entries.
func TestCopyTo_readsOnce(t *testing.T) {
	t.Parallel()
	const n = 40
	source, f := counted(t, n)
	path := filepath.Join(t.TempDir(), "new.ckdb")
	to := databases.Init{DB: op.DB{Location: path, Password: optest.Secrets()}, Cost: kdb.CostTest}
	done, err := entries.Copy{From: source, All: true, Brief: true}.CopyTo(ctx, to, false)
	if err != nil || f.read > n+5 {
		t.Errorf("%d entries were read, %v", f.read, err)
	}
	want := "40 entries: 40 added, 39 now trusted, 1 with private key"
	if got := done.Counts(); got != want || len(done.Actions) >= n {
		t.Errorf("%s, in %d actions", got, len(done.Actions))
	}
	if state := optest.State(t, open(t, path)); strings.Count(state, "=trusted+") != n-1 || !strings.HasSuffix(state, "web=personal") {
		t.Errorf("the database holds %s", state)
	}
	done, err = entries.Copy{From: source, All: true, Brief: true}.CopyTo(ctx, to, false)
	if got := done.Counts(); err != nil || got != "40 entries: 40 unchanged" {
		t.Errorf("again: %s, %v", got, err)
	}
}

// TestCopy_refusesKeysThatTheLogDoesNotName: a key that is added to the source after the plan would leave it unnoticed.
func TestCopy_refusesKeysThatTheLogDoesNotName(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	for want, late := range map[error]kdb.Entry{
		kdb.ErrChanged: root.Issue(t, "web").Personal("web"), op.ErrUsage: root.CA(t, "Sub").Personal("sub"),
	} {
		source, target := optest.New(t, root.Trusted("root")), optest.New(t)
		plan, err := entries.Copy{From: source, All: true}.Plan(ctx, target)
		if err != nil {
			t.Fatal(err)
		}
		optest.Put(t, source, late)
		if _, err = op.One(ctx, target, op.Planned(plan)); !errors.Is(err, want) {
			t.Errorf("%s: %v", late.Label, err)
		}
		optest.Expect(t, target, "")
	}
}

// TestCopyTo_ofNothing: nothing that is trusted becomes no database; an empty database is copied.
func TestCopyTo_ofNothing(t *testing.T) {
	t.Parallel()
	source := optest.New(t)
	to := databases.Init{DB: op.DB{Location: filepath.Join(t.TempDir(), "new.ckdb"), Password: optest.Secrets()}, Cost: kdb.CostTest}
	if _, err := (entries.Copy{From: source, Trusted: true}).CopyTo(ctx, to, false); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("no entry is trusted: %v", err)
	}
	if fileExists(t, to.DB.Location) {
		t.Error("there is a database")
	}
	if _, err := (entries.Copy{From: source, All: true}).CopyTo(ctx, to, false); err != nil || !fileExists(t, to.DB.Location) {
		t.Errorf("an empty one: %v", err)
	}
}
