package entries_test

import (
	"errors"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
)

// TestAdd_keyJoinsItsCertificate: a private key that comes alone goes to its certificate in the database, whose label and trust stay.
func TestAdd_keyJoinsItsCertificate(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Root")
	web, other := ca.Issue(t, "web"), ca.Issue(t, "other")
	alone := func(i *optest.Identity) string { return optest.File(t, "key.pem", op.PEMString("PRIVATE KEY", i.Key)) }
	plain := web.Trusted("web")
	plain.Trusted = false
	full := web.Personal("")
	for _, c := range []struct {
		rule        string
		o           entries.Add
		before      []kdb.Entry
		text, state string
		err         error
	}{
		{
			"its certificate is there",
			entries.Add{Files: []string{alone(web)}},
			[]kdb.Entry{plain, other.Trusted("other")},
			"1 entries: 1 added, 1 with private key", "other=trusted+ web=personal", nil,
		},
		{
			"trusted, as a root",
			entries.Add{Files: []string{alone(ca)}},
			[]kdb.Entry{ca.Trusted("root")},
			"1 entries: 1 added, 1 with private key", "root=personal+", nil,
		},
		{
			"with its certificate under the same label",
			entries.Add{Files: []string{optest.File(t, "a.pem", optest.PEM(full))}, Label: "web"},
			[]kdb.Entry{plain},
			"1 entries: 1 added, 1 with private key", "web=personal", nil,
		},
		{
			"the key is there, too",
			entries.Add{Files: []string{alone(web)}},
			[]kdb.Entry{web.Personal("web")},
			"1 entries: 1 unchanged", "web=personal", nil,
		},
		{
			"another certificate",
			entries.Add{Files: []string{alone(web)}},
			[]kdb.Entry{other.Trusted("other")},
			"0 entries:", "other=trusted+", pem.ErrNoCertificate,
		},
	} {
		done := optest.Try(t, c.o, entries.Added.Counts, c.before...)
		if done.Text != c.text || done.State != c.state || !errors.Is(done.Err, c.err) {
			t.Errorf("%s: %s; %s; %v", c.rule, done.Text, done.State, done.Err)
		}
	}
}
