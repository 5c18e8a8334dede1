package issuing_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/issuing"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// meanwhile plans an operation, lets another process change the database, and applies the plan.
func meanwhile[R any](s *op.Session, o op.Operation[R], change func()) error {
	plan, err := o.Plan(ctx, s)
	if err != nil {
		return err
	}
	if plan.Close != nil {
		defer plan.Close()
	}
	change()
	_, err = op.One(ctx, s, op.Planned(plan))
	return err
}

// TestPlan_relyingOnACAThatChanges: what a plan found out about its CA is checked again in the transaction.
func TestPlan_relyingOnACAThatChanges(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	request := filepath.Join(folder, "api.csr")
	asking := newSession(t)
	one(t, asking, issuing.Request{Label: "api", Spec: spec("api.example.com"), Out: op.Output{Path: request}})
	sub := issuing.Authority{Label: "sub"}
	operations := map[string]func(s *op.Session, change func()) error{
		"create": func(s *op.Session, change func()) error {
			return meanwhile(s, issuing.Create{Label: "new", Spec: spec("new.example.com"), CA: sub}, change)
		},
		"renew": func(s *op.Session, change func()) error { return meanwhile(s, issuing.Renew{Label: "web"}, change) },
		"sign": func(s *op.Session, change func()) error {
			out := op.Output{Path: filepath.Join(folder, "api.crt")}
			return meanwhile(s, issuing.Sign{CA: sub, Files: []string{request}, Out: out, Spec: issuing.Spec{PathLen: -1, Days: 30}}, change)
		},
		"crl": func(s *op.Session, change func()) error {
			return meanwhile(s, issuing.CRL{CA: "sub", NextUpdate: time.Hour, Format: entries.FormatPEM}, change)
		},
	}
	stale := func(label string) func(error) bool {
		return func(err error) bool {
			changed, ok := errors.AsType[*op.ChangedMeanwhile](err)
			return ok && changed.Label == label && op.ClassOf(err) == op.ClassChanged
		}
	}
	revoked := func(err error) bool {
		problem, ok := errors.AsType[*op.Problem](err)
		return ok && problem.Code == op.CARevoked
	}
	for _, c := range []struct {
		name   string
		change func(*testing.T, *op.Session)
		want   func(error) bool
		lists  bool // a list may still be signed
	}{
		{"revoked", func(t *testing.T, s *op.Session) { one(t, s, issuing.Revoke{CA: "root", Label: "sub"}) }, revoked, true},
		{"renewed", func(t *testing.T, s *op.Session) { one(t, s, issuing.Renew{Label: "sub"}) }, stale("sub"), false},
		{"with a new key", func(t *testing.T, s *op.Session) { one(t, s, issuing.Renew{Label: "sub", KeyType: "p256"}) }, stale("sub"), false},
		{"deleted", func(t *testing.T, s *op.Session) { one(t, s, entries.Delete{Labels: []string{"sub"}}) }, stale("sub"), false},
		{
			"renewed above", func(t *testing.T, s *op.Session) { one(t, s, issuing.Renew{Label: "root", KeyType: "p256"}) },
			stale("root"), false,
		},
		{"deleted above", func(t *testing.T, s *op.Session) { one(t, s, entries.Delete{Labels: []string{"root"}}) }, stale("root"), false},
		{
			"trusted", func(t *testing.T, s *op.Session) { one(t, s, entries.SetTrust{Labels: []string{"sub"}, Trusted: true}) },
			stale("sub"), false,
		},
		{
			"replaced by a certificate without a key", func(t *testing.T, s *op.Session) {
				e := optest.Entry(t, s, "sub")
				optest.Put(t, s, kdb.Entry{Label: "sub", Kind: kdb.KindTrusted, Certificates: e.Certificates[:1]})
			}, stale("sub"), false,
		},
	} {
		for name, run := range operations {
			t.Run(name+" by a CA that is "+c.name, func(t *testing.T) {
				t.Parallel()
				s := withSub(t)
				before := len(issuedBy(t, s, "sub"))
				err := run(s, func() { c.change(t, s) })
				if c.lists && name == "crl" {
					if err != nil {
						t.Errorf("a list of a revoked CA: %v", err)
					}
					return
				}
				if !c.want(err) {
					t.Errorf("the error is %v", err)
				}
				// A CA with a new key keeps the old one under another label.
				kept := slices.DeleteFunc(strings.Fields(labels(t, s)), func(label string) bool { return strings.Contains(label, ".") })
				if strings.Join(kept, " ") != "root sub web" && c.name != "deleted" && c.name != "deleted above" {
					t.Errorf("the database has %s", labels(t, s))
				}
				if c.name == "revoked" && len(issuedBy(t, s, "sub")) != before {
					t.Error("something was recorded")
				}
			})
		}
	}
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(folder, "api.crt")); err == nil {
			t.Error("a certificate was written")
		}
	})
}

// withSub has a CA "root", a CA "sub" below it, and "web" issued by that.
func withSub(t *testing.T) *op.Session {
	t.Helper()
	s := newSession(t)
	one(t, s, issuing.Create{Label: "root", Spec: caSpec("Root")})
	one(t, s, issuing.Create{Label: "sub", Spec: caSpec("Sub"), CA: issuing.Authority{Label: "root"}})
	one(t, s, issuing.Create{Label: "web", Spec: spec("www.example.com"), CA: issuing.Authority{Label: "sub"}})
	return s
}

// TestPlan_relyingOnNothingElse: other changes do not matter.
func TestPlan_relyingOnNothingElse(t *testing.T) {
	t.Parallel()
	s := withSub(t)
	err := meanwhile(s, issuing.Create{Label: "new", Spec: spec("new.example.com"), CA: issuing.Authority{Label: "sub"}}, func() {
		one(t, s, entries.Rename{Label: "web", NewLabel: "www"})
		one(t, s, entries.SetDefault{Label: "www"})
		one(t, s, issuing.Revoke{CA: "sub", Label: "www"})
	})
	if err != nil || labels(t, s) != "new root sub www" {
		t.Errorf("%v; the labels are %s", err, labels(t, s))
	}
}

// TestCreate_whenTheLabelIsTakenMeanwhile: the label is looked at again, too.
func TestCreate_whenTheLabelIsTakenMeanwhile(t *testing.T) {
	t.Parallel()
	s := withSub(t)
	err := meanwhile(s, issuing.Create{Label: "new", Spec: spec("new.example.com")}, func() {
		one(t, s, entries.Rename{Label: "web", NewLabel: "new"})
	})
	if exists, ok := errors.AsType[*op.Exists](err); !ok || exists.Label != "new" {
		t.Errorf("the error is %v", err)
	}
}

// TestRenew_whenItWasRenewedMeanwhile: two processes renew one entry; the second one says so.
func TestRenew_whenItWasRenewedMeanwhile(t *testing.T) {
	t.Parallel()
	s := withSub(t)
	err := meanwhile(s, issuing.Renew{Label: "web"}, func() { one(t, s, issuing.Renew{Label: "web"}) })
	if changed, ok := errors.AsType[*op.ChangedMeanwhile](err); !ok || changed.Label != "web" {
		t.Errorf("the error is %v", err)
	}
}

// TestRenew_whenItIsNoLongerDue: of two runs that renew what expires soon, the second has nothing to do.
func TestRenew_whenItIsNoLongerDue(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	short := spec("short.example.com")
	short.Days = 20
	one(t, s, issuing.Create{Label: "short", Spec: short, CA: issuing.Authority{Label: "root"}})
	due := issuing.Renew{Label: "short", Before: 30 * 24 * time.Hour, Days: 90}
	if err := meanwhile(s, due, func() { one(t, s, due) }); err != nil {
		t.Errorf("renewed for longer: %v", err)
	}
	due.Before = 100 * 24 * time.Hour
	if err := meanwhile(s, due, func() { one(t, s, due) }); op.ClassOf(err) != op.ClassChanged {
		t.Errorf("still due: %v", err)
	}
}

// TestPlan_relyingOnACAInAnotherDatabase: that database is checked as well, and nothing is recorded there when the CA has changed.
func TestPlan_relyingOnACAInAnotherDatabase(t *testing.T) {
	t.Parallel()
	ca := op.DB{Location: optest.Store(t, "ca.ckdb", optest.NewCA(t, "Root").Personal("root")), Password: optest.Secrets()}
	home, err := op.Open(ctx, optest.Env(), ca)
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	create := issuing.Create{Label: "web", Spec: spec("www.example.com"), CA: issuing.Authority{Label: "root", DB: ca}}
	s := optest.New(t)
	if err := meanwhile(s, create, func() { one(t, home, issuing.Renew{Label: "root"}) }); !errors.As(err, new(*op.ChangedMeanwhile)) {
		t.Errorf("the error is %v", err)
	}
	if optest.Expect(t, s, ""); len(issuedBy(t, home, "root")) != 0 {
		t.Error("a certificate is recorded")
	}
	if one(t, s, create); len(issuedBy(t, home, "root")) != 1 {
		t.Error("the certificate is not recorded")
	}
	optest.Expect(t, s, "web=personal")
}
