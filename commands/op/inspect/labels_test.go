package inspect_test

import (
	"slices"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

func TestCompletion_findsLabels(t *testing.T) {
	t.Parallel()
	env := optest.Env()
	native := op.DB{Location: optest.Store(t, "a.ckdb", optest.Secret("web"), optest.Secret("web site"), optest.Secret("x"))}
	opens, closed := native, native
	opens.Password = optest.Secrets()
	pkcs12 := op.DB{Location: optest.Store(t, "a.p12", optest.NewCA(t, "Root").Trusted("web"))}
	opened := pkcs12
	opened.Password = optest.Secrets()
	none := func(*kdb.Summary) bool { return false }
	site := func(s *kdb.Summary) bool { return s.Label == "web site" }
	for _, c := range []struct {
		rule string
		o    inspect.Completion
		want []string
	}{
		{"without a password", inspect.Completion{DB: native, Most: 9}, []string{"web", "web site", "x"}},
		{"that begin as typed", inspect.Completion{DB: native, Prefix: "web", Most: 9}, []string{"web", "web site"}},
		{"no more than wanted", inspect.Completion{DB: native, Most: 1}, []string{"web"}},
		{"of entries that fit", inspect.Completion{DB: opens, Fits: site, Most: 9}, []string{"web site"}},
		{"none fits", inspect.Completion{DB: opens, Fits: none, Most: 9}, nil},
		{"all where entries cannot be read", inspect.Completion{DB: closed, Fits: none, Most: 9}, []string{"web", "web site", "x"}},
		{"of a file that does not open", inspect.Completion{DB: pkcs12, Most: 9}, nil},
		{"of a file that opens", inspect.Completion{DB: opened, Most: 9}, []string{"web"}},
		{"of a file, that begin as typed", inspect.Completion{DB: opened, Prefix: "x", Most: 9}, nil},
		{"no database", inspect.Completion{DB: op.DB{Location: "/none"}, Most: 9}, nil},
		{"none is named", inspect.Completion{Most: 9}, nil},
	} {
		if got := c.o.Labels(ctx, env); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
	}
}
