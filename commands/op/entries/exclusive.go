package entries

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// checkExclusive refuses what would make the list of trusted certificates shorter than its author meant.
func (o Add) checkExclusive() error {
	switch {
	case !o.Exclusive:
		return nil
	case o.NoTrust:
		return op.Exclusive(op.FieldExclusive, op.FieldNoTrust)
	case o.SkipInvalid:
		return op.Exclusive(op.FieldExclusive, op.FieldSkipInvalid)
	case o.Only != "":
		return op.Exclusive(op.FieldExclusive, op.FieldOnly)
	}
	return nil
}

// trustList are the certificates of an input that is to be the list of what is trusted.
type trustList struct {
	trusted map[[32]byte]bool // by fingerprint; false is listed without trust, which changes nothing
	any     bool              // one of them is trusted
}

// newTrustList returns nil, which lists and enforces nothing, if the input is no such list.
func newTrustList(exclusive bool) *trustList {
	if !exclusive {
		return nil
	}
	return &trustList{trusted: map[[32]byte]bool{}}
}

func (l *trustList) add(entry *kdb.Entry) {
	if l == nil || len(entry.Certificates) == 0 {
		return
	}
	fingerprint := entry.Fingerprint()
	l.trusted[fingerprint] = l.trusted[fingerprint] || entry.Trusted
	l.any = l.any || entry.Trusted
}

// enforce makes the trusted certificates of the database those of the list.
func (l *trustList) enforce(tx kdb.Tx, added *Added, guard *op.Guard) error {
	if l == nil {
		return nil
	}
	if !l.any {
		return op.Mark(op.EmptyTrustList, fmt.Errorf("%w: the input has no certificate that would be trusted", op.ErrUsage))
	}
	var others []kdb.Summary
	for s, err := range tx.Summaries("") {
		if err != nil {
			return err
		}
		trusted, listed := l.trusted[s.SHA256]
		if s.ChainLength > 0 && s.Trusted != trusted && listed == trusted {
			others = append(others, s)
		}
	}
	for _, s := range others {
		action := Action{Label: s.Label, Action: ActionTrusted, Kind: s.Kind, SHA256: op.HexDigest(s.SHA256)}
		var err error
		switch {
		case s.Trusted && s.Kind == kdb.KindTrusted:
			guard.Lose(s.Label, op.LostTrust)
			action.Action, err = ActionDeleted, tx.Delete(s.Label)
		case s.Trusted:
			guard.Lose(s.Label, op.LostTrust)
			action.Action, err = ActionDistrusted, tx.Mark(s.Label, kdb.Marks{Trusted: new(false)})
		case s.Kind == kdb.KindTrusted:
			err = tx.Mark(s.Label, kdb.Marks{Trusted: new(true)})
		default: // a personal entry need not be trusted
			continue
		}
		if err != nil {
			return err
		}
		added.supersede(action)
	}
	return nil
}

// supersede notes an action in the place of an earlier one that left the same entry as it was.
func (a *Added) supersede(action Action) {
	i := slices.IndexFunc(a.Actions, func(was Action) bool { return was.Label == action.Label && was.Action == ActionUnchanged })
	switch {
	case i >= 0:
		a.Actions = slices.Delete(a.Actions, i, i+1)
	case action.Action == ActionTrusted: // it was only counted
		a.omitted[ActionUnchanged]--
		a.untrusted--
	}
	a.note(action)
}

// trusting says of a certificate that is in the database now, or was before, that it is not trusted, or trusts it.
func (o Add) trusting(tx kdb.Tx, entry *kdb.Entry, added *Added) error {
	last := len(added.Actions) - 1
	a := &added.Actions[last]
	if o.NoTrust || entry.Kind != kdb.KindTrusted || a.Trusted {
		return nil
	}
	now, err := tx.Summary(a.Label)
	switch {
	case err != nil || now.Kind != kdb.KindTrusted || now.Trusted:
		return err
	case o.Trust && o.Retrust:
		action := *a
		action.Action = ActionTrusted
		added.Actions = added.Actions[:last]
		added.note(action)
		return tx.Mark(now.Label, kdb.Marks{Trusted: new(true)})
	}
	a.Reason = cmp.Or(a.Reason, NotTrusted)
	return nil
}

// guardKey tells the guard if a private key is lost when an entry takes the place of another one.
func guardKey(tx kdb.Tx, old *kdb.Summary, entry *kdb.Entry, guard *op.Guard) error {
	if guard == nil || old.Kind != kdb.KindPersonal && old.Kind != kdb.KindRequest {
		return nil
	}
	if entry.Kind == kdb.KindPersonal || entry.Kind == kdb.KindRequest {
		before, err := tx.Entry(old.Label)
		if err != nil {
			return err
		}
		one, err := spkiOf(&before)
		other, errOther := spkiOf(entry)
		if err == nil && errOther == nil && one != nil && bytes.Equal(one, other) {
			return nil
		}
	}
	guard.Lose(old.Label, op.LostKey)
	return nil
}
