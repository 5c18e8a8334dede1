package issuing_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/issuing"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/memory"
)

var ctx = context.Background()

// newSession returns a session on an empty database in memory, whose clock stands still.
func newSession(t *testing.T) *op.Session {
	t.Helper()
	now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	env := &op.Env{
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard,
		Getenv: func(string) string { return "" }, Now: func() time.Time { return now },
	}
	return op.Attach(env, "test", memory.New("test", "ckdb"))
}

// spec is that of a certificate with a key that is quickly made.
func spec(cn string) issuing.Spec {
	return issuing.Spec{CommonName: cn, KeyType: "p256", PathLen: -1, Days: 30}
}

func caSpec(cn string) issuing.Spec {
	s := spec(cn)
	s.IsCA, s.Days = true, 3650
	return s
}

func one[R any](t *testing.T, s *op.Session, o op.Operation[R]) R {
	t.Helper()
	result, err := op.One(ctx, s, o)
	if err != nil {
		t.Fatalf("%T: %v", o, err)
	}
	return result
}

// withCA has a CA "root", and "web" issued by it.
func withCA(t *testing.T) *op.Session {
	t.Helper()
	s := newSession(t)
	one(t, s, issuing.Create{Label: "root", Spec: caSpec("Root")})
	one(t, s, issuing.Create{Label: "web", Spec: spec("www.example.com"), CA: issuing.Authority{Label: "root"}})
	return s
}

func labels(t *testing.T, s *op.Session) string {
	t.Helper()
	var found []string
	err := s.View(ctx, func(tx kdb.Tx) error {
		for summary, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			found = append(found, summary.Label)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, " ")
}

func issued(t *testing.T, s *op.Session) []issuing.IssuedCertificate {
	t.Helper()
	return issuedBy(t, s, "root")
}

func issuedBy(t *testing.T, s *op.Session, ca string) []issuing.IssuedCertificate {
	t.Helper()
	var all []issuing.IssuedCertificate
	err := issuing.Issued{CA: ca}.Run(ctx, s, func(list []issuing.IssuedCertificate) error {
		all = append(all, list...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCreate_recordsWhatItsCAIssues(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	if all := issued(t, s); len(all) != 1 || all[0].Subject != "CN=www.example.com" || all[0].Status != op.StatusValid {
		t.Errorf("the records are %+v", all)
	}
}

func TestCreate_refuses(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	for name, o := range map[string]issuing.Create{
		"a label that is taken":    {Label: "web", Spec: spec("other.example.com")},
		"no name":                  {Label: "new", Spec: issuing.Spec{KeyType: "p256", PathLen: -1}},
		"an unknown type of key":   {Label: "new", Spec: issuing.Spec{CommonName: "x", KeyType: "rot13", PathLen: -1}},
		"a CA without a key":       {Label: "new", Spec: spec("x"), CA: issuing.Authority{Label: "nosuch"}},
		"not a CA":                 {Label: "new", Spec: spec("x"), CA: issuing.Authority{Label: "web"}},
		"other names under Ensure": {Label: "web", Spec: spec("other.example.com"), CA: issuing.Authority{Label: "root"}, Ensure: true},
		"days and an end": {
			Label: "new", Spec: issuing.Spec{CommonName: "x", KeyType: "p256", PathLen: -1, Days: 1, NotAfter: "2030-01-01"},
		},
		"two CAs": {
			Label: "new", Spec: issuing.Spec{CommonName: "x", PathLen: -1}, CA: issuing.Authority{Label: "root", Remote: "http://127.0.0.1:1"},
		},
		"a remote CA without a URL": {Label: "new", Spec: spec("x"), CA: issuing.Authority{RemoteProfile: "x"}},
	} {
		if _, err := op.One(ctx, s, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if got := labels(t, s); got != "root web" {
		t.Errorf("the labels are %s", got)
	}
}

func TestCreate_errorsHaveFields(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	_, err := op.One(ctx, s, issuing.Create{Label: "web", Spec: spec("other.example.com"), CA: issuing.Authority{Label: "root"}, Ensure: true})
	exists, ok := errors.AsType[*op.Exists](err)
	if !ok || exists.Label != "web" || !exists.Ensure || !strings.Contains(exists.Found, "www.example.com") {
		t.Errorf("the error is %#v", err)
	}
	_, err = op.One(ctx, s, issuing.Create{Label: "new", Spec: spec("x"), CA: issuing.Authority{Label: "nosuch"}})
	if missing, ok := errors.AsType[*op.NotFound](err); !ok || missing.Label != "nosuch" {
		t.Errorf("the error is %#v", err)
	}
	long := spec("x")
	long.Days = -1
	_, err = op.One(ctx, s, issuing.Create{Label: "new", Spec: long})
	if invalid, ok := errors.AsType[*op.Invalid](err); !ok || invalid.Field != op.FieldDays || invalid.Value != -1 {
		t.Errorf("the error is %#v", err)
	}
}

func TestCreate_ensuresOnce(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	again := issuing.Create{Label: "web", Spec: spec("www.example.com"), CA: issuing.Authority{Label: "root"}, Ensure: true}
	if made := one(t, s, again); made.Changed || !made.Kept {
		t.Errorf("made again: %+v", made)
	}
	again.Default = true
	if made := one(t, s, again); !made.Changed || !made.Kept || !made.Default {
		t.Errorf("not made the default one: %+v", made)
	}
	if made := one(t, s, again); made.Changed {
		t.Errorf("made the default one again: %+v", made)
	}
	if n := len(issued(t, s)); n != 1 {
		t.Errorf("%d certificates were issued", n)
	}
}

func TestRun_laterPlansSeeEarlierOnes(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	chain := func(root, web *issuing.Made, trusted *entries.Changed) []op.Step {
		return []op.Step{
			op.Do(issuing.Create{Label: "root", Spec: caSpec("Root")}, root),
			op.Do(issuing.Create{Label: "web", Spec: spec("www.example.com"), CA: issuing.Authority{Label: "root"}}, web),
			op.Do(entries.SetTrust{Labels: []string{"root"}, Trusted: true}, trusted),
		}
	}
	var root, web issuing.Made
	var trusted entries.Changed
	s.DryRun = true
	if err := op.Run(ctx, s, "apply", chain(&root, &web, &trusted)...); err != nil {
		t.Fatal(err)
	}
	if !web.Changed || web.Issuer != "CN=Root" || !trusted.Changed {
		t.Errorf("the dry run says %+v and %+v", web, trusted)
	}
	if got := labels(t, s); got != "" {
		t.Errorf("the dry run has made %s", got)
	}
	s.DryRun = false
	if err := op.Run(ctx, s, "apply", chain(&root, &web, &trusted)...); err != nil {
		t.Fatal(err)
	}
	if got := labels(t, s); got != "root web" {
		t.Errorf("the labels are %s", got)
	}
	if n := len(issued(t, s)); n != 1 {
		t.Errorf("%d certificates are recorded", n)
	}
}

func TestRun_failsAsAWhole(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	var made issuing.Made
	var deleted entries.Changed
	err := op.Run(ctx, s, "apply",
		op.Do(issuing.Create{Label: "root", Spec: caSpec("Root")}, &made), op.Do(entries.Delete{Labels: []string{"nosuch"}}, &deleted))
	if !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("the error is %v", err)
	}
	if got := labels(t, s); got != "" {
		t.Errorf("there is %s", got)
	}
}

func TestRequest_isReceived(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	folder := t.TempDir()
	request, certificate := filepath.Join(folder, "api.csr"), filepath.Join(folder, "api.crt")
	asked := one(t, s, issuing.Request{Label: "api", Spec: spec("api.example.com"), Out: op.Output{Path: request}})
	if text, err := os.ReadFile(request); err != nil || string(text) != asked.PEM {
		t.Fatalf("the file of the request: %v, %s", err, text)
	}
	if again := one(t, s, issuing.Request{Label: "api", Spec: spec("api.example.com"), Ensure: true}); again.Changed ||
		again.PEM != asked.PEM {
		t.Errorf("asked again: %+v", again)
	}
	sign := issuing.Sign{
		CA: issuing.Authority{Label: "root"}, Files: []string{request}, Out: op.Output{Path: certificate},
		Spec: issuing.Spec{PathLen: -1, Days: 30},
	}
	if signed := one(t, s, sign); signed.Certificates[0].Subject != "CN=api.example.com" {
		t.Errorf("signed %+v", signed)
	}
	received := one(t, s, issuing.Receive{Files: []string{certificate}})
	if !received.Changed || received.Label != "api" || received.Kind != kdb.KindPersonal || received.Complete {
		t.Errorf("received %+v", received)
	}
	if again := one(t, s, issuing.Receive{Files: []string{certificate}}); again.Changed {
		t.Errorf("received again: %+v", again)
	}
	_, err := op.One(ctx, s, issuing.Receive{Files: []string{certificate}, Label: "web"})
	if problem, ok := errors.AsType[*op.Problem](err); !ok || problem.Code != op.NoMatchingKey {
		t.Errorf("received for another key: %v", err)
	}
}

func TestSign_dryRunWritesNothing(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	folder := t.TempDir()
	request := filepath.Join(folder, "api.csr")
	one(t, s, issuing.Request{Label: "api", Spec: spec("api.example.com"), Out: op.Output{Path: request}})
	s.DryRun = true
	sign := issuing.Sign{
		CA: issuing.Authority{Label: "root"}, Files: []string{request}, Out: op.Output{Path: filepath.Join(folder, "new") + "/"},
		Spec: issuing.Spec{PathLen: -1},
	}
	if signed := one(t, s, sign); len(signed.Certificates) != 1 || signed.Certificates[0].PEM != "" {
		t.Errorf("the dry run says %+v", signed)
	}
	if _, err := os.Stat(filepath.Join(folder, "new")); err == nil {
		t.Error("the dry run has made a folder")
	}
	s.DryRun = false
	if n := len(issued(t, s)); n != 1 {
		t.Errorf("%d certificates are recorded", n)
	}
}

func TestRenew_keepsNamesAndMarks(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	one(t, s, entries.SetDefault{Label: "web"})
	one(t, s, entries.SetTrust{Labels: []string{"web"}, Trusted: true})
	if r := one(t, s, issuing.Renew{Label: "web", Before: 24 * time.Hour}); r.Changed {
		t.Errorf("renewed before it was due: %+v", r)
	}
	r := one(t, s, issuing.Renew{Label: "web", Days: 60})
	if !r.Changed || !r.NewKey || r.Issuer != "root" || r.Subject != "CN=www.example.com" || !r.Default || !r.Trusted {
		t.Errorf("renewed %+v", r)
	}
	if n := len(issued(t, s)); n != 2 {
		t.Errorf("%d certificates are recorded", n)
	}
	if r := one(t, s, issuing.Renew{Label: "web", Before: 90 * 24 * time.Hour}); len(r.Notes) == 0 ||
		r.Notes[len(r.Notes)-1] != issuing.NoteDueAgain {
		t.Errorf("the notes are %q", r.Notes)
	}
}

func TestRenew_refreshesTheChainsBelowACA(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	one(t, s, issuing.Create{Label: "root", Spec: caSpec("Root")})
	one(t, s, issuing.Create{Label: "sub", Spec: caSpec("Sub"), CA: issuing.Authority{Label: "root"}})
	one(t, s, issuing.Create{Label: "web", Spec: spec("www.example.com"), CA: issuing.Authority{Label: "sub"}})
	r := one(t, s, issuing.Renew{Label: "sub"})
	if r.NewKey || len(r.Refreshed) != 1 || r.Refreshed[0] != "web" {
		t.Errorf("renewed %+v", r)
	}
}

func TestRenew_refusesWhatHasNoIssuer(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	one(t, s, entries.Delete{Labels: []string{"root"}})
	_, err := op.One(ctx, s, issuing.Renew{Label: "web"})
	if problem, ok := errors.AsType[*op.Problem](err); !ok || problem.Code != op.NoIssuerKey {
		t.Errorf("the error is %v", err)
	}
}

func TestRevoke_stopsTheCAAndFillsTheList(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	one(t, s, issuing.Create{Label: "root", Spec: caSpec("Root")})
	one(t, s, issuing.Create{Label: "sub", Spec: caSpec("Sub"), CA: issuing.Authority{Label: "root"}})
	revoke := issuing.Revoke{CA: "root", Label: "sub", Reason: "certificateHold"}
	if r := one(t, s, revoke); !r.Changed || r.Status != op.StatusRevoked {
		t.Errorf("revoked %+v", r)
	}
	if r := one(t, s, revoke); r.Changed {
		t.Errorf("revoked again: %+v", r)
	}
	create := issuing.Create{Label: "web", Spec: spec("www.example.com"), CA: issuing.Authority{Label: "sub"}}
	_, err := op.One(ctx, s, create)
	if problem, ok := errors.AsType[*op.Problem](err); !ok || problem.Code != op.CARevoked || !errors.Is(err, op.ErrFindings) {
		t.Errorf("issued by a revoked CA: %v", err)
	}
	list := issuing.CRL{CA: "root", NextUpdate: 24 * time.Hour, Format: entries.FormatPEM}
	first, second := one(t, s, list), one(t, s, list)
	if first.Number != 1 || second.Number != 2 || first.Revoked != 1 || !bytes.Contains(first.Body, []byte("BEGIN X509 CRL")) {
		t.Errorf("the lists are %+v and %+v", first, second)
	}
	revoke.Reason = "removeFromCRL"
	if r := one(t, s, revoke); !r.Changed || r.RevokedAt != nil {
		t.Errorf("released %+v", r)
	}
	one(t, s, create)
}

func TestRevoke_refusesWhatTheCADidNotIssue(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	_, err := op.One(ctx, s, issuing.Revoke{CA: "root", Serial: "123456"})
	if problem, ok := errors.AsType[*op.Problem](err); !ok || problem.Code != op.NotIssued || problem.Label != "root" {
		t.Errorf("a serial number: %v", err)
	}
	if _, err := op.One(ctx, s, issuing.Revoke{CA: "root", Label: "root"}); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("its own certificate: %v", err)
	}
	one(t, s, issuing.Create{Label: "other", Spec: caSpec("Root")})
	_, err = op.One(ctx, s, issuing.Revoke{CA: "other", Label: "web"})
	if problem, ok := errors.AsType[*op.Problem](err); !ok || problem.Code != op.SignedByOther || problem.Found != "root" {
		t.Errorf("what another CA of the name signed: %v", err)
	}
	_, err = op.One(ctx, s, issuing.Revoke{CA: "root", Serial: "xyz"})
	if invalid, ok := errors.AsType[*op.Invalid](err); !ok || invalid.Field != op.FieldSerial {
		t.Errorf("the error is %v", err)
	}
}

// TestRenew_byTheCAThatSigned: of several CAs with one name, as after a change of keys, the signature tells which one issued it.
func TestRenew_byTheCAThatSigned(t *testing.T) {
	t.Parallel()
	alike := func(c *x509.Certificate) { c.SubjectKeyId = []byte("alike") }
	cas := map[string]*optest.Identity{}
	for _, label := range []string{"a", "b", "c"} {
		cas[label] = optest.NewCA(t, "Root", alike)
	}
	for label, ca := range cas {
		s := optest.New(t, cas["a"].Personal("a"), cas["b"].Personal("b"), cas["c"].Personal("c"), ca.Issue(t, "web").Personal("web"))
		if r := one(t, s, issuing.Renew{Label: "web"}); r.Issuer != label {
			t.Errorf("renewed by %q, and it was issued by %q", r.Issuer, label)
		}
	}
}

// withOldAndNew has a CA "old" that permits names below example.com only, and its successor "new" of the same name, which old certified.
// The certificate of new has no authority key identifier.
func withOldAndNew(t *testing.T) *op.Session {
	t.Helper()
	root := optest.NewCA(t, "Root", func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"example.com"}
	})
	return optest.New(t, root.Trusted("old"), root.CA(t, "Root").Personal("new"))
}

// TestCreate_underACAThatIsSelfIssued: RFC 5280, 3.2 and 4.2.1.10: the constraints above a CA's new key, which its old one certified, hold.
func TestCreate_underACAThatIsSelfIssued(t *testing.T) {
	t.Parallel()
	s := withOldAndNew(t)
	for host, refused := range map[string]bool{"www.example.com": false, "www.other.org": true} {
		_, err := op.One(ctx, s, issuing.Create{Label: host, Spec: spec(host), CA: issuing.Authority{Label: "new"}})
		if errors.Is(err, op.ErrFindings) != refused {
			t.Errorf("%s: %v", host, err)
		}
	}
}
