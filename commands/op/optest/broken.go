package optest

import (
	"context"
	"errors"
	"iter"
	"testing"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// errBroken is the error of a database that fails.
var errBroken = errors.New("the database is broken")

// maxAccesses bounds the accesses of one operation in tests.
const maxAccesses = 500

// EachFailure calls do with sessions on a database of which the first access fails, then the second and so on, until do needs no more
// accesses. It reports if the error does not reach the caller, or if the database is not as before after it. open makes a session on the
// same database each time.
func EachFailure(t *testing.T, open func() *op.Session, do func(s *op.Session) error) {
	t.Helper()
	s := open()
	for n := 1; n <= maxAccesses; n++ {
		before := State(t, s)
		db := &broken{Database: s.Database(), left: n}
		failing := op.Attach(s.Env, s.Location, db)
		failing.Source, failing.DryRun = s.Source, s.DryRun
		err := do(failing)
		if db.left > 0 {
			if err != nil || n == 1 {
				t.Errorf("with %d accesses, of which none fails: %v", n-1, err)
			}
			return
		}
		if !errors.Is(err, errBroken) {
			t.Errorf("access %d (%s) fails, and the error is %v", n, db.what, err)
			s = open()
		} else if after := State(t, s); after != before {
			t.Errorf("access %d (%s) fails, and the database holds %s, not %s", n, db.what, after, before)
			s = open()
		}
	}
	t.Errorf("more than %d accesses", maxAccesses)
}

// broken is a database of which one access fails.
type broken struct {
	kdb.Database
	left int    // accesses to come, the failing one included; it is not positive after that
	what string // the access that failed
}

func (b *broken) access(what string) error {
	if b.left--; b.left != 0 {
		return nil
	}
	b.what = what
	return errBroken
}

func (b *broken) View(ctx context.Context, fn func(kdb.Tx) error) error {
	return b.Database.View(ctx, func(tx kdb.Tx) error { return fn(b.on(tx)) })
}

func (b *broken) Update(ctx context.Context, operation string, fn func(kdb.Tx) error) error {
	return b.Database.Update(ctx, operation, func(tx kdb.Tx) error { return fn(b.on(tx)) })
}

func (b *broken) on(tx kdb.Tx) kdb.Tx {
	if registry, ok := tx.(kdb.Registry); ok {
		return brokenRecords{brokenTx{tx, b}, registry}
	}
	return brokenTx{tx, b}
}

type brokenTx struct {
	kdb.Tx
	b *broken
}

// tried is what an access returns that may fail.
func tried[T any](b *broken, what string, do func() (T, error)) (result T, err error) {
	if err := b.access(what); err != nil {
		return result, err
	}
	return do()
}

// done is [tried] for an access that returns nothing.
func done(b *broken, what string, do func() error) error {
	_, err := tried(b, what, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// each yields what all yields; the access to any of it may fail.
func each[T any](b *broken, what string, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for one, err := range all {
			if err == nil {
				err = b.access(what)
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}

func (t brokenTx) Summary(label string) (kdb.Summary, error) {
	return tried(t.b, "Summary", func() (kdb.Summary, error) { return t.Tx.Summary(label) })
}

func (t brokenTx) Summaries(after string) iter.Seq2[kdb.Summary, error] {
	return each(t.b, "Summaries", t.Tx.Summaries(after))
}

func (t brokenTx) Labels(after string) iter.Seq2[string, error] {
	return each(t.b, "Labels", t.Tx.Labels(after))
}

func (t brokenTx) Find(trait kdb.Trait) iter.Seq2[kdb.Summary, error] {
	return each(t.b, "Find", t.Tx.Find(trait))
}

func (t brokenTx) Entry(label string) (kdb.Entry, error) {
	return tried(t.b, "Entry", func() (kdb.Entry, error) { return t.Tx.Entry(label) })
}

func (t brokenTx) Key(label string) ([]byte, error) {
	return tried(t.b, "Key", func() ([]byte, error) { return t.Tx.Key(label) })
}

func (t brokenTx) Default() (string, error) { return tried(t.b, "Default", t.Tx.Default) }

func (t brokenTx) Put(e kdb.Entry) error {
	return done(t.b, "Put", func() error { return t.Tx.Put(e) })
}

func (t brokenTx) Certify(label string, certificates [][]byte) error {
	return done(t.b, "Certify", func() error { return t.Tx.Certify(label, certificates) })
}

func (t brokenTx) Rename(from, to string) error {
	return done(t.b, "Rename", func() error { return t.Tx.Rename(from, to) })
}

func (t brokenTx) Mark(label string, m kdb.Marks) error {
	return done(t.b, "Mark", func() error { return t.Tx.Mark(label, m) })
}

func (t brokenTx) Delete(label string) error {
	return done(t.b, "Delete", func() error { return t.Tx.Delete(label) })
}

func (t brokenTx) Audit(operation, label string) error {
	return done(t.b, "Audit", func() error { return t.Tx.Audit(operation, label) })
}

// brokenRecords is a transaction of a database that has the records of CAs, too.
type brokenRecords struct {
	brokenTx
	kdb.Registry
}

func (t brokenRecords) PutIssued(r kdb.Issued) error {
	return done(t.b, "PutIssued", func() error { return t.Registry.PutIssued(r) })
}

func (t brokenRecords) Issued(issuer [32]byte, serial string) (kdb.Issued, error) {
	return tried(t.b, "Issued", func() (kdb.Issued, error) { return t.Registry.Issued(issuer, serial) })
}

func (t brokenRecords) AllIssued(issuer [32]byte) iter.Seq2[kdb.Issued, error] {
	return each(t.b, "AllIssued", t.Registry.AllIssued(issuer))
}

func (t brokenRecords) LastCRLNumber(issuer [32]byte) (uint64, error) {
	return tried(t.b, "LastCRLNumber", func() (uint64, error) { return t.Registry.LastCRLNumber(issuer) })
}

func (t brokenRecords) NextCRLNumber(issuer [32]byte, least uint64) (uint64, error) {
	return tried(t.b, "NextCRLNumber", func() (uint64, error) { return t.Registry.NextCRLNumber(issuer, least) })
}
