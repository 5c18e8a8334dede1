package issuing

import (
	"context"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/issue"
)

// Request makes a private key and a PKCS #10 request for a certificate, which waits under its label for Receive.
type Request struct {
	Spec    Spec
	Label   string
	Replace bool
	// Ensure does nothing when the label has such a request already, or the certificate that came of it.
	Ensure bool
	Out    op.Output // the request as PEM; "" leaves it in the database alone
}

// Requested tells of a new request.
type Requested struct {
	op.Entry
	Changed bool     `json:"changed"`
	Out     string   `json:"out,omitempty"`
	PEM     string   `json:"request_pem"`
	Notes   []string `json:"notes,omitempty"`
}

// HasChanged says whether anything was changed.
func (r Requested) HasChanged() bool { return r.Changed }

// Plan makes the key and the request, if the label is free. The key is in the database before the request leaves.
func (o Request) Plan(ctx context.Context, s *op.Session) (plan op.Plan[Requested], err error) {
	request, err := o.request(s.Env)
	if err != nil {
		return plan, err
	}
	a := &asking{Request: o, env: s.Env, request: request}
	plan = op.Plan[Requested]{Name: "request", Apply: a.apply, After: a.after}
	var done bool
	err = s.View(ctx, func(tx kdb.Tx) (err error) {
		_, done, err = a.ensured(tx)
		return err
	})
	if done || err != nil {
		return plan, err
	}
	if err := o.Out.Check(s.Env); err != nil {
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

// asking is a Request between Plan and Apply.
type asking struct {
	Request
	env     *op.Env
	request issue.Request
	made    *issue.Requested // nil if the label has it already
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
	if err := tx.Put(kdb.Entry{Label: a.Label, Kind: kdb.KindRequest, Request: a.made.Request, Key: a.made.Key.PKCS8}); err != nil {
		return done, err
	}
	now, err := tx.Summary(a.Label)
	if err != nil {
		return done, err
	}
	done = Requested{Entry: op.NewEntry(&now, a.env.Now()), Changed: true, PEM: op.PEMString("CERTIFICATE REQUEST", a.made.Request)}
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
