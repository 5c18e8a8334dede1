package entries

import (
	"context"
	"errors"
	"fmt"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/kdb"
	"certkdb/pki/cert"
)

// intact is a database that entries are copied from, without what is damaged in it.
type intact struct {
	*op.Session
	damaged map[string]bool // labels
	left    leftOut
	close   func() error
}

// source is what the copy reads.
func (o Copy) source(ctx context.Context) (intact, error) {
	from := intact{Session: o.From, close: func() error { return nil }, damaged: map[string]bool{}}
	if !o.SkipDamaged {
		return from, nil
	}
	if db, ok := o.From.Database().(kdb.Salvager); ok {
		found, err := db.Salvage(ctx)
		if err != nil {
			return from, err
		}
		from.Session = op.Attach(o.From.Env, o.From.Location, found.Database)
		from.close = from.Session.Close
		from.note(found)
		return from, nil
	}
	info, err := databases.Info{}.Run(ctx, o.From)
	for _, what := range info.Damaged {
		from.left.damage(Action{Reason: what}, fmt.Errorf("%w: %s", kdb.ErrCorrupt, what))
	}
	if errors.Is(err, kdb.ErrParse) || errors.Is(err, kdb.ErrCorrupt) {
		err = op.Mark(op.ReadAsAWhole, err)
	}
	return from, err
}

// note says what of a native database is damaged.
func (s *intact) note(found kdb.Salvaged) {
	for _, d := range found.Damaged {
		s.damaged[d.Label] = true
		s.left.damage(Action{Label: d.Label, Reason: d.What}, fmt.Errorf("label %q: %w: %s", d.Label, kdb.ErrCorrupt, d.What))
	}
	if found.Unnamed > 0 {
		what := fmt.Sprintf("%d more, whose labels are lost", found.Unnamed)
		s.left.damage(Action{Reason: what}, fmt.Errorf("%w: %s", kdb.ErrCorrupt, what))
	}
	if !found.Verified {
		s.left.unverified = fmt.Errorf("%w: the entries are genuine, but nothing proves that none was removed or replaced", kdb.ErrCorrupt)
	}
}

// without drops the entries that are damaged, and clears their keys.
func (s *intact) without(entries []kdb.Entry, left *leftOut) (whole []kdb.Entry) {
	for i := range entries {
		e := &entries[i]
		if err := readable(e); err != nil && !s.damaged[e.Label] {
			left.damage(Action{Label: e.Label, Kind: e.Kind, Reason: err.Error()}, err)
		} else if err == nil && !s.damaged[e.Label] {
			whole = append(whole, *e)
			continue
		}
		clear(e.Key)
	}
	return whole
}

// readable reports which certificate of an entry cannot be read.
func readable(e *kdb.Entry) error {
	for i, der := range e.Certificates {
		if _, err := cert.Parse(der); err != nil {
			return fmt.Errorf("label %q: %w: certificate %d: %w", e.Label, kdb.ErrCorrupt, i+1, err)
		}
	}
	return nil
}

// damage notes what is left out because it is damaged.
func (l *leftOut) damage(a Action, err error) {
	a.Action = ActionSkipped
	l.actions = append(l.actions, a)
	l.errs = append(l.errs, err)
}
