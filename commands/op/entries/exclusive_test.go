package entries_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// TestAdd_exclusive: what is trusted becomes what the input trusts. Nothing with a private key is deleted, and a certificate that the input
// lists without trust keeps what it has.
func TestAdd_exclusive(t *testing.T) {
	t.Parallel()
	one, two, three := optest.NewCA(t, "One"), optest.NewCA(t, "Two"), optest.NewCA(t, "Three")
	sub, own, distrusted := one.CA(t, "Sub").Trusted("sub"), optest.NewCA(t, "Own").Personal("own"), two.Trusted("two")
	own.Trusted, distrusted.Trusted = true, false
	listed := sub
	listed.Trusted = false
	bundle := optest.Store(t, "bundle.p12", two.Trusted("two"), three.Trusted("three"), listed)
	done := optest.Try(t, entries.Add{Files: []string{bundle}, InPassword: optest.Secrets(), Exclusive: true}, entries.Added.Counts,
		one.Trusted("one"), distrusted, sub, own, optest.Secret("aes"))
	const counts = "5 entries: 1 unchanged, 1 added, 1 deleted, 1 distrusted, 1 trusted, 1 now trusted"
	const state = "aes=secret-key own=personal sub=trusted+ three=trusted+ two=trusted+"
	if done.Err != nil || done.Text != counts || done.State != state {
		t.Errorf("%s; %s; %v", done.Text, done.State, done.Err)
	}
}

func TestAdd_exclusiveRefuses(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	leaf := optest.File(t, "leaf.pem", optest.PEM(root.Issue(t, "web").Trusted("")))
	bundle := optest.File(t, "bundle.pem", optest.PEM(root.Trusted("")))
	for rule, o := range map[string]entries.Add{
		"nothing would be trusted":     {Files: []string{leaf}},
		"nothing is trusted":           {Files: []string{bundle}, NoTrust: true},
		"what is skipped is not known": {Files: []string{bundle}, SkipInvalid: true},
		"a part is not the whole":      {Files: []string{bundle}, Only: "root"},
	} {
		o.Exclusive = true
		s, store := optest.Sealed(t, optest.NewCA(t, "Old").Trusted("old"))
		optest.Unchanged(t, store, rule, func() {
			if _, err := op.One(t.Context(), s, o); !errors.Is(err, op.ErrUsage) {
				t.Errorf("%s: %v", rule, err)
			}
		})
	}
}

// TestGuard_keysThatAreReplaced: the guard hears of each entry whose private key is lost, and of none whose key stays.
func TestGuard_keysThatAreReplaced(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Root")
	web, other := ca.Issue(t, "web"), ca.Issue(t, "other")
	again := web.Personal("web")
	again.Certificates = again.Certificates[:1]
	file := func(e kdb.Entry) string { return optest.File(t, "in.pem", optest.PEM(e)) }
	from := optest.New(t, other.Personal("web"), optest.Request(t, "waiting"))
	request := optest.Request(t, "waiting")
	for _, c := range []struct {
		rule string
		o    func(s *op.Session) error
		lost []string
	}{
		{"added over another key", add(t, entries.Add{Files: []string{file(other.Personal(""))}, Label: "web", Replace: true}), []string{"web"}},
		{"added over its own key", add(t, entries.Add{Files: []string{file(again)}, Label: "web", Replace: true}), nil},
		{"a certificate over a key", add(t, entries.Add{Files: []string{file(ca.Trusted(""))}, Label: "web", Replace: true}), []string{"web"}},
		{"over a certificate", add(t, entries.Add{Files: []string{file(other.Personal(""))}, Label: "root", Replace: true}), nil},
		{"copied", add(t, entries.Copy{From: from, All: true, Replace: true}), []string{"waiting", "web"}},
		{"renamed", rename("spare", "web"), []string{"web"}},
		{"renamed over a certificate", rename("spare", "root"), nil},
	} {
		s, _ := optest.Sealed(t, web.Personal("web"), ca.Trusted("root"), request, optest.NewCA(t, "Spare").Personal("spare"))
		var lost []string
		s.Guard = &op.Guard{Ask: func(_ context.Context, all []op.Loss) error {
			for _, l := range all {
				lost = append(lost, l.Label)
			}
			return nil
		}}
		if err := c.o(s); err != nil || !slices.Equal(lost, c.lost) {
			t.Errorf("%s: asked about %q, want %q; %v", c.rule, lost, c.lost, err)
		}
	}
}

func add(t *testing.T, o op.Operation[entries.Added]) func(*op.Session) error {
	return func(s *op.Session) error { _, err := op.One(t.Context(), s, o); return err }
}

func rename(from, to string) func(*op.Session) error {
	return func(s *op.Session) error {
		_, err := op.One(ctx, s, entries.Rename{Label: from, NewLabel: to, Replace: true})
		return err
	}
}
