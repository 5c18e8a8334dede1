package sessions

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/inspect"
	"certkdb/kdb"
)

// Keep says which certificates of servers are stored. The zero value stores none.
type Keep struct {
	// Label is the label to store a server's certificate under; with Accept, "" is the server's name.
	Label string
	// Save stores a certificate that is valid, without trusting it, or one that has the Fingerprint, as a trusted one.
	Save bool
	// Fingerprint is a SHA-256 that somebody got from a trusted source.
	Fingerprint string
	Replace     bool // what Label has
	// Accept is trust on first use: what nothing but trust is missing for is stored as trusted, unless the label is taken.
	Accept bool
	// Chain stores what the server sent besides, without trusting it.
	Chain bool
}

func (k Keep) wanted() bool { return k.Save || k.Accept }

// label is the one under which a server's certificate is, or would be.
func (k Keep) label(r *Result) string {
	if k.Label != "" {
		return k.Label
	}
	return r.ServerName
}

func (k *Keep) check(targets int) error {
	if k.Fingerprint != "" {
		k.Fingerprint = strings.ToLower(strings.ReplaceAll(k.Fingerprint, ":", ""))
		if len(k.Fingerprint) != 64 || strings.Trim(k.Fingerprint, "0123456789abcdef") != "" {
			return &op.Invalid{Field: op.FieldFingerprint, Reason: "not a SHA-256: 64 hexadecimal digits"}
		}
	}
	switch {
	case k.Save && targets > 1:
		return &op.Conflict{Fields: []op.Field{op.FieldSave}, Reason: "one label is for one server"}
	case k.Save && k.Accept:
		return op.Exclusive(op.FieldSave, op.FieldAccept)
	case k.Fingerprint != "" && !k.Save:
		return &op.Dependent{Field: op.FieldFingerprint, Needs: op.FieldSave}
	case k.Replace && !k.Save:
		return &op.Dependent{Field: op.FieldReplace, Needs: op.FieldSave}
	case k.Chain && !k.wanted():
		return &op.Dependent{Field: op.FieldSaveChain, Needs: op.FieldSave}
	case k.Save:
		return kdb.CheckNewLabel(k.Label)
	}
	return nil
}

// stored looks for the entry of a server.
func (k Keep) stored(ctx context.Context, s *op.Session, r *Result) (found kdb.Summary, ok bool, err error) {
	if kdb.CheckNewLabel(k.label(r)) != nil {
		return found, false, nil
	}
	err = s.View(ctx, func(tx kdb.Tx) error {
		found, err = tx.Summary(k.label(r))
		return err
	})
	if errors.Is(err, kdb.ErrNotFound) {
		return found, false, nil
	}
	return found, err == nil, err
}

// store keeps what may be kept, in one transaction.
func (k Keep) store(ctx context.Context, s *op.Session, results []*Result) error {
	keeping := keeping{Keep: k, guard: s.Guard}
	for _, r := range results {
		if !r.complete || r.changed && (!k.Replace || k.Fingerprint == "") {
			continue
		}
		keep, trusted, err := k.mayKeep(ctx, r, s)
		if err != nil {
			return err
		}
		if keep {
			keeping.items = append(keeping.items, k.item(r, trusted))
		}
	}
	if len(keeping.items) == 0 {
		return nil
	}
	kept, err := op.One(ctx, s, keeping)
	if err != nil {
		return err
	}
	for i, outcome := range kept {
		r := keeping.items[i].result
		if outcome.otherwise != "" {
			r.changedFrom(outcome.actions[0].Label, outcome.otherwise)
			continue
		}
		r.Stored = outcome.actions
		if keeping.items[i].trusted {
			r.TrustedBy = outcome.actions[0].Label
		}
	}
	return nil
}

// mayKeep decides about a server's certificate, and whether it is to be trusted from now on. What was wrong with it is forgotten if
// that was nothing but trust.
func (k Keep) mayKeep(ctx context.Context, r *Result, s *op.Session) (keep, trusted bool, err error) {
	valid := r.Validation.Valid
	switch {
	case k.Fingerprint != "" && r.Chain[0].SHA256 != k.Fingerprint:
		f := Finding{
			Code: CodeFingerprint, Side: SideServer, Details: Details{Fingerprint: r.Chain[0].SHA256},
			Cause: fmt.Sprintf("the fingerprint of the server's certificate is %s, and %s is wanted", r.Chain[0].SHA256, k.Fingerprint),
		}
		r.findFirst(f)
		return false, false, nil
	case k.Fingerprint != "":
		return true, true, k.pin(ctx, r, s)
	case k.Save:
		return valid, false, nil
	case valid || r.anchored: // nothing to accept, or a trusted CA says something else
		return false, false, nil
	}
	if r.distrusted != "" {
		r.findFirst(Finding{
			Code: CodeDistrusted, Side: SideClient, Details: Details{Label: r.distrusted},
			Cause: fmt.Sprintf("the database has the server's certificate as %q, but does not trust it", r.distrusted),
		})
		return false, false, nil
	}
	err = k.pin(ctx, r, s)
	return r.Validation.Valid, true, err
}

// pin judges a certificate as if it were trusted for this server.
func (k Keep) pin(ctx context.Context, r *Result, s *op.Session) error {
	v, err := r.known.Judge(ctx, inspect.Peer{Name: r.Address, Chain: r.raw, Pinned: true})
	if err != nil {
		return err
	}
	r.Validation, r.Findings, r.Status = &v, []Finding{}, StatusOK
	if !v.Valid {
		r.refuse(v, nothingSeen, s.Env.Now())
	}
	return nil
}

// item is a certificate to be stored for a server, with what else it sent.
type item struct {
	result  *Result
	trusted bool
	entries []kdb.Entry
}

func (k Keep) item(r *Result, trusted bool) item {
	own := kdb.Entry{Label: k.label(r), Kind: kdb.KindTrusted, Trusted: trusted, Certificates: r.raw[:1]}
	it := item{result: r, trusted: trusted, entries: []kdb.Entry{own}}
	if !k.Chain {
		return it
	}
	for i, der := range r.raw[1:min(len(r.raw), maxSent)] {
		sent := r.Chain[i+1]
		if sent.Unreadable || sent.Superfluous || r.known.Label(der) != "" {
			continue
		}
		entry := kdb.Entry{Kind: kdb.KindTrusted, Certificates: [][]byte{der}}
		entry.Label = kdb.AutoLabel(&entry)
		it.entries = append(it.entries, entry)
	}
	return it
}

// keeping is the operation that stores.
type keeping struct {
	Keep
	items []item
	guard *op.Guard
}

// outcome tells of one server. otherwise is the fingerprint of another certificate under its label.
type outcome struct {
	actions   []entries.Action
	otherwise string
}

// Plan implements op.Operation.
func (k keeping) Plan(context.Context, *op.Session) (op.Plan[[]outcome], error) {
	name := "accept"
	if k.Save {
		name = "connect"
	}
	return op.Plan[[]outcome]{Name: name, Apply: k.apply}, nil
}

func (k keeping) apply(tx kdb.Tx) ([]outcome, error) {
	var all []outcome
	for _, it := range k.items {
		var o outcome
		for i, entry := range it.entries {
			action, otherwise, err := k.put(tx, entry, i == 0)
			if err != nil {
				return nil, err
			}
			o.actions = append(o.actions, action)
			if o.otherwise = otherwise; otherwise != "" {
				break
			}
		}
		all = append(all, o)
	}
	return all, nil
}

// put stores an entry unless it is there. Another certificate under the label of the server is told; none is replaced silently.
func (k keeping) put(tx kdb.Tx, entry kdb.Entry, own bool) (action entries.Action, otherwise string, err error) {
	sum := sha256.Sum256(entry.Certificates[0])
	action = entries.Action{Label: entry.Label, Action: entries.ActionAdded, Kind: entry.Kind, SHA256: op.HexDigest(sum)}
	old, err := tx.Summary(entry.Label)
	switch {
	case errors.Is(err, kdb.ErrNotFound):
		return action, "", tx.Put(entry)
	case err != nil:
		return action, "", err
	case old.SHA256 == sum:
		action.Label, action.Kind, action.Action = old.Label, old.Kind, entries.ActionUnchanged
		if own && entry.Trusted && !old.Trusted && !k.Accept {
			action.Action = entries.ActionTrusted
			return action, "", tx.Mark(old.Label, kdb.Marks{Trusted: new(true)})
		}
		return action, "", nil
	case own && k.Accept:
		return action, op.HexDigest(old.SHA256), nil
	case own && k.Replace:
		if old.Kind == kdb.KindPersonal || old.Kind == kdb.KindRequest {
			k.guard.Lose(old.Label, op.LostKey)
		}
		action.Action = entries.ActionReplaced
		return action, "", tx.Put(entry)
	}
	return action, "", &op.Exists{Label: entry.Label, Found: "other content"}
}
