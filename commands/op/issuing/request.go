package issuing

import (
	"cmp"
	"context"
	"fmt"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/issue"
	"certkdb/pki/key"
)

// Request makes a private key and a PKCS #10 request for a certificate, which waits under its label for Receive.
type Request struct {
	Spec    Spec
	Label   string
	Replace bool
	// Ensure does nothing when the label has such a request already, or the certificate that came of it.
	Ensure bool
	Out    op.Output // the request as PEM; "" leaves it in the database alone
	// Renew is the label of an entry whose names, usages and type of key are asked for again, instead of those of Spec; Label is then
	// made of it. The entry stays as it is until Receive replaces it.
	Renew string
	// ReuseKey asks for a certificate for the key of Renew. Nothing waits in the database then: Receive finds the entry by its key.
	ReuseKey bool
}

// RenewalSuffix is what the label of an entry has behind it while a request for its next certificate waits.
const RenewalSuffix = ".renewal"

// Requested tells of a new request.
type Requested struct {
	op.Entry
	Changed bool     `json:"changed"`
	Renews  string   `json:"renews,omitempty"` // the label whose certificate is to be replaced
	Out     string   `json:"file,omitempty"`
	PEM     string   `json:"request_pem"`
	Notes   []string `json:"notes"`
}

// HasChanged says whether anything was changed.
func (r Requested) HasChanged() bool { return r.Changed }

// Plan makes the key and the request, if the label is free. The key is in the database before the request leaves.
func (o Request) Plan(ctx context.Context, s *op.Session) (plan op.Plan[Requested], err error) {
	var request issue.Request
	if o.Renew != "" {
		o.Label = o.Renew + RenewalSuffix
		request, err = o.renewal(ctx, s)
	} else {
		request, err = o.request(s.Env)
	}
	if err != nil {
		return plan, err
	}
	if o.ReuseKey {
		return o.again(s.Env, request)
	}
	a := &asking{Request: o, env: s.Env, guard: s.Guard, request: request}
	plan = op.Plan[Requested]{Name: "request", Apply: a.apply, After: a.after}
	done, err := a.isDone(ctx, s)
	if done || err != nil {
		return plan, err
	}
	if err := o.Out.Check(s.Env); err != nil {
		if done, errDone := a.isDone(ctx, s); o.Ensure && errDone == nil && done { // another process made it in between
			return plan, nil
		}
		return plan, err
	}
	made, err := issue.NewRequest(request)
	a.made = &made
	return plan, op.PKIError(err)
}

func (o Request) request(env *op.Env) (issue.Request, error) {
	if err := kdb.CheckNewLabel(o.Label); err != nil {
		return issue.Request{}, err
	}
	if !o.Spec.named() {
		return issue.Request{}, op.Need(op.FieldCommonName, op.FieldDN, op.FieldSAN)
	}
	request, err := o.Spec.request(env)
	if err != nil {
		return request, err
	}
	if _, remote := request.Profile.Remote(); remote || o.Spec.Profile == "" && o.Spec.ProfileFile == "" && !o.Spec.IsCA {
		request.Profile = issue.Profile{} // it asks for usages only if it is told to
	}
	return request, nil
}

// renewal reads the entry to be renewed.
func (o Request) renewal(ctx context.Context, s *op.Session) (request issue.Request, err error) {
	if err := kdb.CheckNewLabel(o.Label); err != nil {
		return request, err
	}
	if o.ReuseKey && o.Spec.KeyType != "" {
		return request, op.Exclusive(op.FieldReuseKey, op.FieldKeyType)
	}
	if err := checkKeyType(o.Spec.KeyType); err != nil {
		return request, err
	}
	var entry kdb.Entry
	defer func() { clear(entry.Key) }()
	err = s.View(ctx, func(tx kdb.Tx) error {
		summary, err := op.MustHave(tx, o.Renew)
		if err == nil && (summary.Kind != kdb.KindPersonal || summary.ChainLength == 0) {
			err = &op.WrongKind{Label: o.Renew, Kind: summary.Kind, Wanted: kdb.KindPersonal, Reason: "it has no certificate with its private key"}
		}
		if err == nil {
			entry, err = tx.Entry(o.Renew)
		}
		if err == nil && o.ReuseKey {
			entry.Key, err = tx.Key(o.Renew)
		}
		return err
	})
	if err != nil {
		return request, err
	}
	if request, err = issue.RenewalRequest(entry.Certificates[0]); err != nil {
		return request, op.PKIError(err)
	}
	request.Now, request.KeyType = s.Env.Now, cmp.Or(o.Spec.KeyType, request.KeyType)
	if o.ReuseKey {
		private, err := key.ReadPrivate(entry.Key)
		if err != nil {
			return request, fmt.Errorf("label %q: %w", o.Renew, err)
		}
		request.Key = &private
	}
	return request, nil
}

// again makes the request for a key that is here. The database stays as it is.
func (o Request) again(env *op.Env, request issue.Request) (op.Plan[Requested], error) {
	plan := op.Plan[Requested]{Name: "request"}
	if err := o.Out.Check(env); err != nil {
		return plan, err
	}
	made, err := issue.NewRequest(request)
	if err != nil {
		return plan, op.PKIError(err)
	}
	plan.Apply = func(tx kdb.Tx) (Requested, error) {
		summary, err := op.MustHave(tx, o.Renew)
		done := Requested{
			Entry: op.NewEntry(&summary, env.Now()), Renews: o.Renew, PEM: op.PEMString("CERTIFICATE REQUEST", made.Request), Notes: made.Notes,
		}
		if !o.Out.IsStdout() {
			done.Out = o.Out.Path
		}
		return done, err
	}
	plan.After = func(_ context.Context, done *Requested) error {
		return (&asking{Request: o, env: env}).writeAgain(done)
	}
	return plan, nil
}

// asking is a Request between Plan and Apply.
type asking struct {
	Request
	env     *op.Env
	guard   *op.Guard
	request issue.Request
	made    *issue.Requested // nil if the label has it already
}

func (a *asking) isDone(ctx context.Context, s *op.Session) (done bool, err error) {
	err = s.View(ctx, func(tx kdb.Tx) (err error) {
		_, done, err = a.ensured(tx)
		return err
	})
	return done, err
}

func (a *asking) apply(tx kdb.Tx) (Requested, error) {
	done, ready, err := a.ensured(tx)
	if ready || err != nil {
		return done, err
	}
	if a.made == nil {
		return done, &op.NotFound{Label: a.Label} // it was there
	}
	old, err := summaryOf(tx, a.Label)
	if err != nil {
		return done, err
	}
	guardKey(a.guard, &old)
	if err := tx.Put(kdb.Entry{Label: a.Label, Kind: kdb.KindRequest, Request: a.made.Request, Key: a.made.Key.PKCS8}); err != nil {
		return done, err
	}
	now, err := tx.Summary(a.Label)
	if err != nil {
		return done, err
	}
	done = Requested{
		Entry: op.NewEntry(&now, a.env.Now()), Changed: true, Renews: a.Renew, PEM: op.PEMString("CERTIFICATE REQUEST", a.made.Request),
	}
	if !a.Out.IsStdout() {
		done.Out = a.Out.Path
	}
	done.Notes, err = noteLost(tx, &old, a.made.Notes)
	return done, err
}

// after writes the file of the request.
func (a *asking) after(_ context.Context, done *Requested) error {
	return a.writeAgain(done)
}
