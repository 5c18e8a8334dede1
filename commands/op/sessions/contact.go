package sessions

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"certkdb/commands/op"
	"certkdb/pki"
	"certkdb/pki/session"
)

// Contact connects to a server as the client would whose options file it is, first contact included.
type Contact struct {
	Connect // without targets
	Options Options
}

// Run connects and obeys the rules: which port and versions, and whether an unknown certificate is accepted.
func (o Contact) Run(ctx context.Context, s *op.Session) (Connected, error) {
	if o.Keep.wanted() {
		return Connected{}, &op.Conflict{Fields: []op.Field{op.FieldOptions}, Reason: "the options file decides what is accepted and stored"}
	}
	f, err := o.Options.read(s.Env)
	if err != nil {
		return Connected{}, err
	}
	if f.client == nil {
		return Connected{}, notClient(o.Options)
	}
	label := cmp.Or(f.client.Name, f.client.Address.Value)
	ruling := f.rule(o.Options, true, o.Options.CASigned)
	if err := o.obey(f.client, ruling); err != nil {
		return Connected{}, err
	}
	o.Keep.Label = label
	w, err := o.begin(ctx, s)
	if err != nil {
		return Connected{}, err
	}
	results, err := w.all(ctx)
	if err != nil {
		return Connected{}, err
	}
	if r := results[0]; r.complete && !r.Validation.Valid && !r.changed && !r.anchored {
		caSigned := r.Chain[0].Subject != r.Chain[0].Issuer
		err = w.firstContact(ctx, r, f.rule(o.Options, false, caSigned), label)
	}
	connected := newConnected(results)
	connected.Warnings = f.warnings()
	return connected, err
}

// notClient is about the options of a server or storage agent.
func notClient(o Options) error {
	return &op.Invalid{Field: op.FieldOptions, Value: o.File, Reason: "not the options of a client: name a dsm.sys or dsm.opt"}
}

// rule asks the rules about the server.
func (f facts) rule(o Options, hasCertificate, caSigned bool) session.Session {
	p := f.roles(o)[0].Peer
	p.Level, p.HasCertificate, p.CASigned = f.levels[len(f.levels)-1], hasCertificate, caSigned
	return f.client.Session(f.own, p)
}

// obey takes address, port and versions from the rules, or says why there is no TLS session.
func (o *Contact) obey(c *session.Client, ruling session.Session) error {
	because := func(rules []session.Rule) string {
		if len(rules) == 0 {
			return "the rules of the options file"
		}
		return rules[0].Source().Text
	}
	switch {
	case c.Address.Value == "":
		return &op.Invalid{Field: op.FieldOptions, Value: o.Options.File, Reason: "TCPSERVERADDRESS is missing"}
	case ruling.Outcome.Value == session.Refused:
		var todo []string
		for _, t := range ruling.Todo {
			todo = append(todo, t.Text())
		}
		err := fmt.Errorf("%w: the client does not open the session: %s", op.ErrFindings, because(ruling.Outcome.Because))
		return &op.Problem{Code: op.NotValid, Found: strings.Join(todo, "; "), Err: err}
	case !ruling.Encrypted.Value:
		return fmt.Errorf("%w: the session is not encrypted, so there is no handshake: %s", op.ErrFindings, because(ruling.Encrypted.Because))
	case c.FIPS.Value && !op.FIPSEnabled():
		return op.Mark(op.FIPSOff, fmt.Errorf("%w: SSLFIPSMODE is YES: %w", op.ErrUsage, pki.ErrFIPS))
	}
	o.Targets = []Target{{Address: net.JoinHostPort(c.Address.Value, strconv.Itoa(ruling.Port.Value))}}
	o.MinVersion, o.MaxVersion = max(o.MinVersion, ruling.Versions.Value.Min), ruling.Versions.Value.Max
	return nil
}

// firstContact accepts an unknown certificate, or says what to do by hand.
func (w *work) firstContact(ctx context.Context, r *Result, ruling session.Session, label string) error {
	if ruling.Certificate.Value == session.FirstContact {
		keep := Keep{Label: label, Accept: true}
		return keep.store(ctx, w.session, []*Result{r})
	}
	f := Finding{Code: CodeByHand, Side: SideClient, Details: Details{Label: label, Fingerprint: r.Chain[0].SHA256}}
	f.Cause = "the client does not accept the server's certificate by itself"
	if len(ruling.Certificate.Because) > 0 {
		f.Cause += ": " + ruling.Certificate.Because[0].Source().Text
	}
	r.findFirst(f)
	return nil
}
