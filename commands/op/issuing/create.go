// Package issuing has the operations that make certificates, requests and revocation lists, and keep the records of CAs.
package issuing

import (
	"context"
	"errors"
	"slices"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/kdb"
	"certkdb/pki/issue"
)

// Create makes a private key and its certificate under a label.
type Create struct {
	Spec    Spec
	Label   string
	CA      Authority // who signs; without a label the certificate is self-signed
	Replace bool
	Default bool
	// Ensure does nothing when the label has already what would be made, dates apart.
	Ensure bool
}

// Made tells of a new certificate.
type Made struct {
	op.Entry
	Changed bool     `json:"changed"`
	Kept    bool     `json:"-"` // it was there; at most it became the default entry
	Notes   []string `json:"notes"`
}

// HasChanged says whether anything was changed.
func (m Made) HasChanged() bool { return m.Changed }

// Plan makes the key and the certificate, if the label is free.
func (o Create) Plan(ctx context.Context, s *op.Session) (plan op.Plan[Made], err error) {
	request, err := o.request(s.Env)
	if err != nil {
		return plan, err
	}
	var ca *authority
	if o.CA.given() && !o.CA.isRemote() {
		if ca, err = o.CA.load(ctx, s); err != nil {
			return plan, err
		}
	}
	m := making{Create: o, env: s.Env, guard: s.Guard, request: request, ca: ca}
	plan = op.Plan[Made]{Name: "create", Apply: m.apply, Close: ca.close}
	var done bool
	err = s.View(ctx, func(tx kdb.Tx) (err error) {
		_, done, err = m.ensured(tx)
		return err
	})
	if done || err != nil {
		return plan, err
	}
	if o.CA.isRemote() {
		if m.ca, err = o.CA.load(ctx, s); err != nil {
			return plan, err
		}
	}
	m.request.Lint = s.Env.Linter(ctx)
	if m.draft, err = newDraft(m.ca, m.request); err == nil && m.draft.Certificate != nil {
		err = op.PKIError(o.Spec.lint(ctx, s.Env, m.draft.Certificate))
	}
	if m.ca.elsewhere() {
		plan.Before = m.before
	}
	return plan, err
}

// request checks the parameters.
func (o *Create) request(env *op.Env) (issue.Request, error) {
	if err := kdb.CheckNewLabel(o.Label); err != nil {
		return issue.Request{}, err
	}
	if !o.Spec.named() {
		return issue.Request{}, op.Need(op.FieldCommonName, op.FieldDN, op.FieldSAN)
	}
	request, err := o.Spec.request(env)
	if err == nil {
		err = o.CA.byProfile(&request)
	}
	if err == nil {
		err = o.CA.check()
	}
	if err == nil && o.CA.isRemote() {
		err = refuse(o.Spec.serversChoice())
	}
	return request, err
}

// making is a Create between Plan and Apply.
type making struct {
	Create
	env     *op.Env
	guard   *op.Guard
	request issue.Request
	ca      *authority
	draft   *draft // nil if the label has it already
}

func (m *making) before(ctx context.Context) error {
	err := m.draft.complete(ctx)
	if err == nil && m.ca != nil && m.ca.remote != nil {
		err = op.PKIError(m.Spec.lint(ctx, m.env, m.draft.Certificate))
	}
	if err != nil {
		return err
	}
	return m.ca.recordElsewhere(ctx, "create", [][]byte{m.draft.Certificate}, m.env.Now())
}

func (m *making) apply(tx kdb.Tx) (Made, error) {
	made, done, err := m.ensured(tx) // again: somebody else may have made it meanwhile
	if done && made.Changed && err == nil {
		err = tx.Mark(m.Label, kdb.Marks{Default: new(true)})
	}
	if done || err != nil {
		return made, err
	}
	if m.draft == nil {
		return made, &op.NotFound{Label: m.Label} // it was there
	}
	old, err := summaryOf(tx, m.Label)
	if err != nil {
		return made, err
	}
	guardKey(m.guard, &old)
	if m.draft.Certificate != nil {
		if err := m.ca.recordHere(tx, [][]byte{m.draft.Certificate}, m.env.Now()); err != nil {
			return made, err
		}
	}
	entry := m.draft.entry(m.Label)
	entry.Default = m.Default && entry.Kind == kdb.KindPersonal
	if err := tx.Put(entry); err != nil {
		return made, err
	}
	now, err := tx.Summary(m.Label)
	if err != nil {
		return made, err
	}
	made = Made{Entry: op.NewEntry(&now, m.env.Now()), Changed: true}
	if m.draft.Certificate == nil {
		made.Notes = []string{"the remote CA decides about the certificate"}
		return made, nil
	}
	made.Notes, err = noteLost(tx, &old, m.draft.Notes)
	made.Notes = append(made.Notes, m.ca.unrecorded()...)
	return made, err
}

// summaryOf is that of a label which need not exist.
func summaryOf(tx kdb.Tx, label string) (kdb.Summary, error) {
	s, err := tx.Summary(label)
	if errors.Is(err, kdb.ErrNotFound) {
		return kdb.Summary{}, nil
	}
	return s, err
}

// guardKey tells the guard of an entry whose private key is lost when a new one takes its place.
func guardKey(guard *op.Guard, old *kdb.Summary) {
	if old.Kind == kdb.KindPersonal || old.Kind == kdb.KindRequest {
		guard.Lose(old.Label, op.LostKey)
	}
}

// noteLost adds to notes which marks went with a replaced entry.
func noteLost(tx kdb.Tx, old *kdb.Summary, notes []string) ([]string, error) {
	lost, err := entries.LostMarks(tx, old)
	if lost == "" {
		return notes, err
	}
	return append(slices.Clone(notes), "the entry is "+lost), nil
}
