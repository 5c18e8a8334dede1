package entries_test

import (
	"crypto/x509"
	"slices"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// TestCopy_renewedIssuer: an entry whose certificate and key the target has is the same entry. It gets the chain of the source, unless that
// is the older one.
func TestCopy_renewedIssuer(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.CA(t, "Sub").Issue(t, "web").Personal("web")
	with := func(chain ...[]byte) kdb.Entry {
		e := web
		e.Certificates = slices.Concat(web.Certificates[:1], chain)
		e.Key = slices.Clone(web.Key)
		return e
	}
	between := func(begin, end int) []byte {
		return root.CA(t, "Sub", func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = optest.Now.AddDate(0, 0, begin), optest.Now.AddDate(0, 0, end)
		}).Certificate
	}
	old, renewed, short := between(-90, 100), between(-90, 200), between(-1, 50)
	longer := [][]byte{old, root.Certificate}
	marked := with(old)
	marked.Trusted, marked.Default = true, true
	existing := map[string]entries.Existing{
		"the old one is wanted": entries.ExistingReplace, "no other one is wanted": entries.ExistingKeep,
	}
	const kept = "the target has other content under this label, which stays"
	for rule, c := range map[string]struct {
		have, from kdb.Entry
		action     entries.ActionName
		reason     string
		chain      [][]byte
	}{
		"the issuer was renewed":     {with(old), with(renewed), entries.ActionReplaced, entries.NewChain, [][]byte{renewed}},
		"an old file comes again":    {with(renewed), with(old), entries.ActionUnchanged, entries.NewerChain, [][]byte{renewed}},
		"the chain is longer":        {with(old), with(longer...), entries.ActionReplaced, entries.NewChain, longer},
		"the chain is shorter":       {with(longer...), with(old), entries.ActionUnchanged, "", longer},
		"it was, for a shorter time": {with(renewed), with(short), entries.ActionReplaced, entries.NewChain, [][]byte{short}},
		"it is the same":             {with(old), with(old), entries.ActionUnchanged, "", [][]byte{old}},
		"marks stay":                 {marked, with(renewed), entries.ActionReplaced, entries.NewChain, [][]byte{renewed}},
		"an issuer cannot be read":   {with([]byte("?")), with(old), entries.ActionReplaced, entries.NewChain, [][]byte{old}},
		"the new one is unreadable":  {with(old), with([]byte("?")), entries.ActionUnchanged, entries.NewerChain, [][]byte{old}},
		"the old one is wanted":      {with(renewed), with(old), entries.ActionReplaced, entries.NewChain, [][]byte{old}},
		"no other one is wanted":     {with(old), with(renewed), entries.ActionSkipped, kept, [][]byte{old}},
	} {
		target := optest.New(t, c.have)
		done, err := op.One(ctx, target, op.Operation[entries.Added](entries.Copy{
			From: optest.New(t, c.from), Labels: []string{"web"}, Existing: existing[rule],
		}))
		if err != nil || len(done.Actions) != 1 || done.Actions[0].Action != c.action || done.Actions[0].Reason != c.reason {
			t.Errorf("%s: %+v, %v", rule, done.Actions, err)
			continue
		}
		e := optest.Entry(t, target, "web")
		if !slices.EqualFunc(e.Certificates[1:], c.chain, slices.Equal) || e.Trusted != c.have.Trusted || e.Default != c.have.Default {
			t.Errorf("%s: the entry has %d certificates, trusted %v, default %v", rule, len(e.Certificates), e.Trusted, e.Default)
		}
		if !slices.Equal(e.Key, web.Key) {
			t.Errorf("%s: the key is another one", rule)
		}
	}
}
