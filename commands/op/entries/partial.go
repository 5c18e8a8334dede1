package entries

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// leftOut are the entries that could not be copied or added, in their order.
type leftOut struct {
	actions []Action
	errs    []error
	passed  []error // about entries that are left out without error, as was asked for
	// unverified is why nothing proves that the others are all that there were; nil if that is proven.
	unverified error
}

// What is wrong with a single entry: its key does not open, or the entry is damaged; the target cannot hold it, or cannot compare its key.
var (
	unreadable = []error{kdb.ErrPassword, kdb.ErrEncryption, kdb.ErrUnsupported, kdb.ErrParse, kdb.ErrCorrupt}
	unwritable = []error{kdb.ErrPassword, kdb.ErrEncryption, kdb.ErrUnsupported, kdb.ErrLabel}
)

// note adds an entry that cannot be copied because of err, if that is one of the reasons, so that the others can be.
func (l *leftOut) note(label string, kind kdb.Kind, err error, reasons []error) bool {
	if !slices.ContainsFunc(reasons, func(r error) bool { return errors.Is(err, r) }) {
		return false
	}
	l.actions = append(l.actions, Action{Label: label, Action: ActionSkipped, Kind: kind, Reason: err.Error()})
	l.errs = append(l.errs, err)
	return true
}

// warnOfKept says what the source of a copy of everything keeps that is not an entry, such as CRLs: it is not copied.
func (o Copy) warnOfKept(ctx context.Context) {
	if !o.All || o.Certificates || o.From.Env.Warn == nil {
		return
	}
	info, err := o.From.Database().Info(ctx)
	if err != nil {
		return // its entries were read; there is no more to be said
	}
	for _, f := range info.Facts {
		if f.Name == kdb.FactKept && !f.Weak { // what is damaged is said elsewhere
			o.From.Env.Warn(fmt.Errorf("%q: not copied: %s", o.From.Location, f.Value))
		}
	}
}

// clone is a copy that grows by itself.
func (l leftOut) clone() leftOut {
	l.actions, l.errs = slices.Clone(l.actions), slices.Clone(l.errs)
	return l
}

// leave adds to a result what was left out; way is as in [leftOut.err].
func (a *Added) leave(left leftOut, way op.Code) {
	a.Actions = append(a.Actions, left.actions...)
	a.incomplete = left.err(a.Count(), way)
}

// pass notes an entry that is left out without error.
func (l *leftOut) pass(s *kdb.Summary, err error) {
	l.passed = append(l.passed, err)
	l.actions = append(l.actions, Action{Label: s.Label, Action: ActionSkipped, Kind: s.Kind, Reason: err.Error()})
}

// invalid says that what is wrong with an entry is what Add.SkipInvalid passes over: a wrong password is not.
func invalid(err error) bool { return errors.Is(err, kdb.ErrParse) || unsupported(err) }

// unsupported says that an entry, or its encryption, is of a kind that cannot be read or stored.
func unsupported(err error) bool {
	return errors.Is(err, kdb.ErrEncryption) || errors.Is(err, kdb.ErrUnsupported) || errors.Is(err, kdb.ErrLabel)
}

// err is the error of a copy that is not complete; nil if it is. way is the code for entries that an option leaves out without error.
func (l leftOut) err(total int, way op.Code) error {
	if len(l.errs) == 0 {
		return op.Mark(op.LeftOut, l.unverified)
	}
	all := errors.Join(append(l.errs, l.unverified)...)
	err := fmt.Errorf("%d of %d entries were left out: %w", len(l.errs), total, all)
	if errors.Is(all, kdb.ErrCorrupt) { // whatever else there is, this counts
		err := fmt.Errorf("%d of %d entries were left out: %s", len(l.errs), total, all.Error())
		return op.Mark(op.LeftOut, op.Classify(err, kdb.ErrCorrupt))
	}
	if slices.ContainsFunc(l.errs, func(err error) bool { return errors.Is(err, kdb.ErrPassword) }) {
		return op.Mark(op.ClosedKeys, err)
	}
	passes := map[op.Code]func(error) bool{op.PassesInvalid: invalid, op.PassesUnsupported: unsupported}[way]
	if !slices.ContainsFunc(l.errs, func(err error) bool { return !passes(err) }) && (len(l.errs) > 1 || errors.Is(all, kdb.ErrEncryption)) {
		return op.Mark(way, err)
	}
	return err
}

// InChain is the reason why a certificate without trust was left out that a copied entry has in its chain.
const InChain = "it is in the chain of an entry, and the target cannot keep it apart without trusting it"

// copying is a copy that goes on when an entry does not fit.
type copying struct {
	Copy
	env     *op.Env
	number  int // of the entries
	guard   *op.Guard
	brief   bool // see Add.Brief
	added   Added
	left    leftOut
	stored  int
	chains  map[[32]byte]bool // the SHA-256 of what is in the chains of the entries that were stored
	skipped leftOut           // without error, unless nothing is left
	pending []misfit
}

// misfit is a certificate that the target refused; it may be in the chain of an entry.
type misfit struct {
	entry kdb.Entry
	err   error
}

// all copies the entries; after is called with each that was stored. Of entries that were named, an error about each that does not fit is
// returned; of all entries, the others are copied.
func (c *copying) all(
	tx kdb.Tx, each func(*leftOut, func(*kdb.Entry) error) error, after func(*kdb.Entry, *Action),
) (Added, error) {
	c.chains = map[[32]byte]bool{}
	done := 0
	err := each(&c.left, func(entry *kdb.Entry) error {
		c.env.Advance(op.UnitEntries, done, c.number)
		done++
		if err := c.put(tx, *entry, &c.added.Changed, c.guard); err != nil {
			if !c.leave(entry, err) {
				return err
			}
			return nil
		}
		c.stored++
		for i := 1; i < len(entry.Certificates); i++ {
			c.chains[sha256.Sum256(entry.Certificates[i])] = true
		}
		after(entry, &c.added.Actions[len(c.added.Actions)-1])
		if c.brief {
			c.added.omitLast()
		}
		return nil
	})
	if err != nil {
		return c.added, err
	}
	for i := range c.pending {
		m := &c.pending[i]
		if c.chains[sha256.Sum256(m.entry.Certificates[0])] {
			c.skip(&m.entry, InChain)
		} else {
			c.refuse(&m.entry, m.err)
		}
	}
	if c.stored == 0 { // a target of nothing would be a trap
		c.left.errs = append(c.left.errs, c.skipped.errs...)
	}
	c.added.leave(c.left, op.PassesUnsupported)
	if !c.All {
		return c.added, c.added.incomplete
	}
	return c.added, nil
}

// leave notes that the target does not hold an entry, and says whether the copy goes on.
func (c *copying) leave(entry *kdb.Entry, err error) bool {
	misfits := errors.Is(err, kdb.ErrUnsupported) || errors.Is(err, kdb.ErrLabel)
	if misfits && c.All && entry.Kind == kdb.KindTrusted && !entry.Trusted {
		c.pending = append(c.pending, misfit{*entry, err})
		return true
	}
	if misfits {
		c.refuse(entry, err)
		return true
	}
	return c.All && c.left.note(entry.Label, entry.Kind, err, unwritable)
}

// refuse notes an entry that the target cannot hold.
func (c *copying) refuse(entry *kdb.Entry, err error) {
	if c.SkipUnsupported {
		c.skip(entry, err.Error())
		c.skipped.errs = append(c.skipped.errs, err)
		return
	}
	c.left.note(entry.Label, entry.Kind, err, unwritable)
}

// skip notes an entry that is left out without error.
func (c *copying) skip(entry *kdb.Entry, reason string) {
	c.added.note(Action{
		Label: entry.Label, Action: ActionSkipped, Kind: entry.Kind, SHA256: op.HexDigest(entry.Fingerprint()), Reason: reason,
	})
}

// Twin is the reason of an action about a label that other programs take for that of another entry.
const Twin = "Java shows only one of the entries whose labels differ in case alone"

// noteTwins says so of new entries in a PKCS #12 file, once for each label.
func noteTwins(tx kdb.Tx, format string, actions []Action) error {
	if format != "pkcs12" {
		return nil
	}
	same := map[string]int{}
	for s, err := range tx.Summaries("") {
		if err != nil {
			return err
		}
		same[strings.ToLower(s.Label)]++
	}
	for i := range actions {
		a, folded := &actions[i], strings.ToLower(actions[i].Label)
		if a.Action == ActionAdded && same[folded] > 1 {
			a.Reason = join(a.Reason, Twin)
			delete(same, folded)
		}
	}
	return nil
}
