package issuing_test

import (
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/issuing"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// failing tries an operation on a database of which each access fails in turn.
func failing[R any](o op.Operation[R]) func(*op.Session) error {
	return func(s *op.Session) error {
		_, err := op.One(ctx, s, o)
		return err
	}
}

// TestFailures_reachTheCaller: no error of the database is lost on the way, whichever access it comes from, and a change that fails leaves
// the database as it was.
func TestFailures_reachTheCaller(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub")
	web, old := sub.Issue(t, "web.example"), root.Issue(t, "old.example")
	request := optest.Request(t, "pending")
	received := optest.File(t, "pending.crt", op.PEMString("CERTIFICATE", sub.Receive(t, request.Request)))
	csr := optest.File(t, "pending.csr", optest.PEM(kdb.Entry{Kind: kdb.KindTrusted, Request: request.Request}))
	list := optest.File(t, "root.crl", op.PEMString("X509 CRL", root.CRL(t, 7, optest.Revoked(0x77, 1, time.Time{}))))
	given := optest.File(t, "old.crt", op.PEMString("CERTIFICATE", old.Certificate))
	open := func() *op.Session {
		return optest.New(t, root.Personal("root"), sub.Personal("sub"), web.Default("web"), request, old.Trusted("old"))
	}
	ca := issuing.Authority{Label: "sub"}
	for name, do := range map[string]func(*op.Session) error{
		"create":              failing(issuing.Create{Label: "new", Spec: spec("new.example"), CA: ca}),
		"create in its place": failing(issuing.Create{Label: "web", Spec: spec("new.example"), CA: ca, Replace: true}),
		"create, ensured":     failing(issuing.Create{Label: "web", Spec: spec("new.example"), CA: ca, Ensure: true, Replace: true}),
		"request":             failing(issuing.Request{Label: "new", Spec: spec("new.example")}),
		"request in place":    failing(issuing.Request{Label: "web", Spec: spec("new.example"), Replace: true}),
		"request, ensured":    failing(issuing.Request{Label: "pending", Spec: spec("x"), Ensure: true, Replace: true}),
		"request to renew":    failing(issuing.Request{Renew: "web"}),
		"request for its key": failing(issuing.Request{Renew: "web", ReuseKey: true}),
		"receive":             failing(issuing.Receive{Files: []string{received}, Default: true}),
		"receive for a label": failing(issuing.Receive{Files: []string{received}, Label: "pending"}),
		"renew":               failing(issuing.Renew{Label: "web"}),
		"renew, not yet due":  failing(issuing.Renew{Label: "web", Before: time.Hour}),
		"renew and revoke":    failing(issuing.Renew{Label: "web", Revoke: true}),
		"renew a CA":          failing(issuing.Renew{Label: "sub"}),
		"renew a CA's key":    failing(issuing.Renew{Label: "sub", NewKey: true}),
		"renew a root's key":  failing(issuing.Renew{Label: "root", NewKey: true}),
		"revoke":              failing(issuing.Revoke{CA: "sub", Label: "web", All: true}),
		"revoke by a file":    failing(issuing.Revoke{CA: "root", File: given}),
		"crl":                 failing(issuing.CRL{CA: "root", NextUpdate: time.Hour, Format: entries.FormatPEM, After: list}),
		"take over":           failing(issuing.TakeOver{CA: "root", Files: []string{list, given}}),
		"sign":                failing(issuing.Sign{CA: ca, Files: []string{csr}, Spec: issuing.Spec{PathLen: -1}}),
		"issued": func(s *op.Session) error {
			return issuing.Issued{CA: "root"}.Run(ctx, s, func([]issuing.IssuedCertificate) error { return nil })
		},
		"request again": func(s *op.Session) error {
			_, err := issuing.RequestAgain{Label: "web"}.Run(ctx, s)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			optest.EachFailure(t, open, do)
		})
	}
}
