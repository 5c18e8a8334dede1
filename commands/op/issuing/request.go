package issuing

import (
	"context"
	"fmt"
	"io"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/issue"
)

// Request makes a private key and a PKCS #10 request for a certificate, which waits under its label for Receive.
type Request struct {
	op.DB
	Spec
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

// Run makes it. The key is in the database before the request leaves.
func (o Request) Run(ctx context.Context, env *op.Env) (Requested, error) {
	if err := kdb.CheckLabel(o.Label); err != nil {
		return Requested{}, err
	}
	if !o.named() {
		return Requested{}, fmt.Errorf("%w: the request has no name: use --cn, --dn or --san", op.ErrUsage)
	}
	request, err := o.request(env)
	if err != nil {
		return Requested{}, err
	}
	if _, remote := request.Profile.Remote(); remote || o.Profile == "" && o.ProfileFile == "" && !o.IsCA {
		request.Profile = issue.Profile{} // it asks for usages only if it is told to
	}
	db, err := o.Open(ctx, env)
	if err != nil {
		return Requested{}, err
	}
	defer db.Close()
	if o.Ensure {
		if made, done, err := o.ensured(ctx, env, db, request); done || err != nil {
			return made, err
		}
	}
	if err := o.Out.Check(); err != nil {
		return Requested{}, err
	}
	if err := db.View(ctx, func(tx kdb.Tx) error { return op.FreeLabel(tx, o.Label, o.Replace) }); err != nil {
		return Requested{}, err
	}
	made, err := issue.NewRequest(request)
	if err != nil {
		return Requested{}, op.PKIError(err)
	}
	done := Requested{Changed: true, PEM: op.PEMString("CERTIFICATE REQUEST", made.Request), Notes: made.Notes, Out: o.Out.Path}
	if o.Out.IsStdout() {
		done.Out = ""
	}
	err = db.Update(ctx, "request", func(tx kdb.Tx) error {
		if err := op.FreeLabel(tx, o.Label, o.Replace); err != nil {
			return err
		}
		old, err := summaryOf(tx, o.Label)
		if err != nil {
			return err
		}
		if err := tx.Put(kdb.Entry{Label: o.Label, Kind: kdb.KindRequest, Request: made.Request, Key: made.Key.PKCS8}); err != nil {
			return err
		}
		s, err := tx.Summary(o.Label)
		if err != nil {
			return err
		}
		done.Entry = op.NewEntry(&s, env.Now())
		done.Notes, err = noteLost(tx, &old, made.Notes)
		return err
	})
	if err != nil || o.Out.IsStdout() {
		return done, err
	}
	return done, o.Out.Write(env, false, func(w io.Writer) error {
		_, err := io.WriteString(w, done.PEM)
		return err
	})
}
