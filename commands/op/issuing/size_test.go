package issuing_test

import (
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// TestSize_doesNotMatter: what concerns one certificate reads no more of a large database.
func TestSize_doesNotMatter(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub")
	web := sub.Issue(t, "web.example")
	request := optest.Request(t, "shop")
	answer := kdb.Entry{Kind: kdb.KindTrusted, Certificates: [][]byte{sub.Receive(t, request.Request)}}
	received := optest.File(t, "shop.pem", optest.PEM(answer))
	asked := optest.File(t, "shop.csr", optest.PEM(kdb.Entry{Kind: kdb.KindTrusted, Request: request.Request}))
	list := []kdb.Entry{root.Trusted("root"), sub.Personal("sub"), web.Personal("web"), request}
	for what, do := range map[string]func(s *op.Session) error{
		"renew below a CA": func(s *op.Session) error {
			renewed, err := op.One(ctx, s, issuing.Renew{Label: "web"})
			if err == nil && renewed.Issuer != "sub" {
				t.Errorf("renewed by %q", renewed.Issuer)
			}
			return err
		},
		"renew a CA": func(s *op.Session) error {
			renewed, err := op.One(ctx, s, issuing.Renew{Label: "sub", CA: issuing.Authority{Label: "sub"}})
			if err == nil && len(renewed.Refreshed) != 1 {
				t.Errorf("refreshed %q", renewed.Refreshed)
			}
			return err
		},
		"receive": func(s *op.Session) error {
			got, err := op.One(ctx, s, issuing.Receive{Files: []string{received}})
			if err == nil && (got.Label != "shop" || !got.Complete) {
				t.Errorf("received %+v", got)
			}
			return err
		},
		"sign": func(s *op.Session) error {
			_, err := op.One(ctx, s, issuing.Sign{
				Spec: issuing.Spec{PathLen: -1, Days: 3}, CA: issuing.Authority{Label: "sub"}, Files: []string{asked},
			})
			return err
		},
	} {
		optest.SameReads(t, what, list, do)
	}
}
