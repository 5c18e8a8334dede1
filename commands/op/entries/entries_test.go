package entries_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

var ctx = context.Background()

// text says what a change did: label action, with the new label and the reason if there are any.
func text(c entries.Changed) string {
	var all []string
	for _, a := range c.Actions {
		line := fmt.Sprintf("%s %s", a.Label, a.Action)
		if a.NewLabel != "" {
			line += " " + a.NewLabel
		}
		if a.Reason != "" {
			line += " (" + a.Reason + ")"
		}
		all = append(all, line)
	}
	if c.Changed {
		return strings.Join(all, ", ") + "!"
	}
	return strings.Join(all, ", ")
}

// fixture is a database with an entry of each kind. Its state is initial.
func fixture(t *testing.T) []kdb.Entry {
	t.Helper()
	root := optest.NewCA(t, "Root")
	return []kdb.Entry{
		root.Trusted("root"), root.Issue(t, "web").Default("web"), root.Issue(t, "shop").Personal("shop"),
		optest.Request(t, "pending"), optest.Secret("aes"),
	}
}

const initial = "aes=secret-key pending=request root=trusted+ shop=personal web=personal*"

// as looks for an error of a type and shows it with its fields.
func as[E error](err error) string {
	e, ok := errors.AsType[E](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%+v", e)
}

type change struct {
	rule  string
	o     op.Operation[entries.Changed]
	done  string
	state string // "" is initial
}

func TestChanges(t *testing.T) {
	t.Parallel()
	list := fixture(t)
	for _, c := range []change{
		{
			"rename",
			entries.Rename{Label: "root", NewLabel: "other"},
			"root renamed other!", "aes=secret-key other=trusted+ pending=request shop=personal web=personal*",
		},
		{"rename: again", entries.Rename{Label: "renamed", NewLabel: "web", Ensure: true}, "web unchanged", ""},
		{"rename: to itself", entries.Rename{Label: "web", NewLabel: "web"}, "web unchanged", ""},
		{
			"rename: the default mark goes along",
			entries.Rename{Label: "web", NewLabel: "a"},
			"web renamed a!", "a=personal* aes=secret-key pending=request root=trusted+ shop=personal",
		},
		{
			"rename over the default: the label stays it",
			entries.Rename{Label: "shop", NewLabel: "web", Replace: true},
			"shop renamed web!", "aes=secret-key pending=request root=trusted+ web=personal*",
		},
		{
			"rename over the default: another kind cannot be it",
			entries.Rename{Label: "aes", NewLabel: "web", Replace: true},
			"aes renamed web (no longer the default entry: a secret-key cannot be)!", "pending=request root=trusted+ shop=personal web=secret-key",
		},
		{
			"rename over a trusted one: that is reported",
			entries.Rename{Label: "shop", NewLabel: "root", Replace: true},
			"shop renamed root (no longer trusted: the old certificate was, the new one is not)!",
			"aes=secret-key pending=request root=personal web=personal*",
		},
		{
			"trust", entries.SetTrust{
				Labels:  []string{"root", "web"},
				Trusted: true,
			}, "root unchanged, web trusted!", "aes=secret-key pending=request root=trusted+ shop=personal web=personal+*",
		},
		{
			"distrust",
			entries.SetTrust{Labels: []string{"root", "shop"}},
			"root distrusted, shop unchanged!", "aes=secret-key pending=request root=trusted shop=personal web=personal*",
		},
		{"trust what is trusted", entries.SetTrust{Labels: []string{"root"}, Trusted: true}, "root unchanged", ""},
		{
			"default: it moves",
			entries.SetDefault{Label: "shop"},
			"shop default!", "aes=secret-key pending=request root=trusted+ shop=personal* web=personal",
		},
		{"default: it is there", entries.SetDefault{Label: "web"}, "web unchanged", ""},
		{
			"delete",
			entries.Delete{Labels: []string{"web", "aes"}},
			"web deleted, aes deleted!", "pending=request root=trusted+ shop=personal",
		},
		{
			"delete: one that does not exist", entries.Delete{
				Labels:   []string{"none", "aes"},
				IfExists: true,
			}, "none absent, aes deleted!", "pending=request root=trusted+ shop=personal web=personal*",
		},
		{"delete: none exists", entries.Delete{Labels: []string{"none"}, IfExists: true}, "none absent", ""},
		{
			"delete: damaged or not", entries.Delete{
				Labels:  []string{"aes"},
				Damaged: true,
			}, "aes deleted!", "pending=request root=trusted+ shop=personal web=personal*",
		},
	} {
		t.Run(strings.ReplaceAll(c.rule, " ", "_"), func(t *testing.T) {
			t.Parallel()
			got := optest.Try(t, c.o, text, list...)
			if c.state == "" {
				c.state = initial
			}
			if got.Err != nil || got.Text != c.done || got.State != c.state {
				t.Errorf("%s, %v; the database holds %s", got.Text, got.Err, got.State)
			}
			if got.Result.HasChanged() != strings.HasSuffix(c.done, "!") {
				t.Errorf("changed is %v", got.Result.HasChanged())
			}
		})
	}
}

func TestChanges_refused(t *testing.T) {
	t.Parallel()
	list := fixture(t)
	for _, c := range []struct {
		rule string
		o    op.Operation[entries.Changed]
		show func(error) string
		want string
		err  error
	}{
		{
			"rename: no such label",
			entries.Rename{Label: "none", NewLabel: "x"},
			as[*op.NotFound], `label "none": no such label`, kdb.ErrNotFound,
		},
		{
			"rename: the label is taken",
			entries.Rename{Label: "web", NewLabel: "shop"},
			as[*op.Exists], `label "shop": label exists already`, kdb.ErrExists,
		},
		{
			"rename: no label",
			entries.Rename{Label: "web", NewLabel: "a\nb"},
			as[error], `bad label: "a\nb" contains a control character`, kdb.ErrLabel,
		},
		{
			"trust: all or nothing", entries.SetTrust{
				Labels:  []string{"web", "none"},
				Trusted: true,
			}, as[*op.NotFound], `label "none": no such label`, kdb.ErrNotFound,
		},
		{
			"trust: no certificate", entries.SetTrust{
				Labels:  []string{"web", "aes"},
				Trusted: true,
			}, as[*op.WrongKind], `label "aes": wrong usage: a secret-key has no certificate to trust`, op.ErrUsage,
		},
		{"trust: no labels", entries.SetTrust{}, as[*op.Missing], "wrong usage: labels is missing", op.ErrUsage},
		{
			"default: not personal",
			entries.SetDefault{Label: "root"},
			as[*op.WrongKind], `label "root": wrong usage: only a personal certificate can be the default`, op.ErrUsage,
		},
		{
			"delete: all or nothing",
			entries.Delete{Labels: []string{"web", "none"}},
			as[*op.NotFound], `label "none": no such label`, kdb.ErrNotFound,
		},
		{"delete: no labels", entries.Delete{}, as[*op.Missing], "wrong usage: labels is missing", op.ErrUsage},
		{
			"delete: a contradiction", entries.Delete{
				Labels:   []string{"web"},
				IfExists: true, Damaged: true,
			}, as[*op.Conflict], "wrong usage: damaged and if-exists exclude each other", op.ErrUsage,
		},
	} {
		t.Run(strings.ReplaceAll(c.rule, " ", "_"), func(t *testing.T) {
			t.Parallel()
			got := optest.Try(t, c.o, text, list...)
			if c.show(got.Err) != c.want || !errors.Is(got.Err, c.err) || got.State != initial {
				t.Errorf("%s; the database holds %s", c.show(got.Err), got.State)
			}
		})
	}
}

// TestChanges_together: several operations run in one transaction, and each sees what those before it do.
func TestChanges_together(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule string
		last op.Operation[entries.Changed]
		want string
		fail bool
	}{
		{"all of them", entries.Delete{Labels: []string{"shop"}}, "aes=secret-key pending=request root=trusted www=personal+*", false},
		{"or none", entries.Delete{Labels: []string{"web"}}, initial, true},
	} {
		for _, dryRun := range []bool{false, true} {
			s, store := optest.Sealed(t, fixture(t)...)
			s.DryRun = dryRun
			before := store.Records()
			var results [4]entries.Changed
			err := op.Run(ctx, s, "apply",
				op.Do(entries.Rename{Label: "web", NewLabel: "www"}, &results[0]),
				op.Do(entries.SetTrust{Labels: []string{"www"}, Trusted: true}, &results[1]),
				op.Do(entries.SetTrust{Labels: []string{"root"}}, &results[2]), op.Do(c.last, &results[3]))
			if (err != nil) != c.fail {
				t.Errorf("%s: %v", c.rule, err)
			}
			if got := text(results[1]); got != "www trusted!" {
				t.Errorf("%s: the second says %s", c.rule, got)
			}
			if dryRun || c.fail {
				optest.Same(t, before, store.Records(), c.rule)
			} else {
				optest.Expect(t, s, c.want)
			}
		}
	}
}

func TestDelete_damagedEntries(t *testing.T) {
	t.Parallel()
	s, store := optest.Sealed(t, fixture(t)...)
	records := store.Records()
	for key := range records {
		if strings.HasSuffix(key, "web") {
			records[key][len(records[key])-1] ^= 1
		}
	}
	store.Replace(records)
	_, err := op.One(ctx, s, entries.Delete{Labels: []string{"web"}})
	if p, ok := errors.AsType[*op.Problem](err); !ok || p.Code != op.DamagedEntry || p.Label != "web" || !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("without Damaged: %v", err)
	}
	done, err := op.One(ctx, s, entries.Delete{Labels: []string{"web", "aes", "web"}, Damaged: true})
	if got := text(done); err != nil || got != "web deleted, aes deleted!" {
		t.Errorf("%s, %v", got, err)
	}
	optest.Expect(t, s, "pending=request root=trusted+ shop=personal")
	_, err = op.One(ctx, optest.Kind(t, "pkcs12"), entries.Delete{Labels: []string{"web"}, Damaged: true})
	if !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("in a key file: %v", err)
	}
}
