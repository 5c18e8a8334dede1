package issuing_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/issuing"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// rolledBack is a database in whose place an older state was put.
type rolledBack struct{ kdb.Database }

func (rolledBack) RolledBack(context.Context) (*kdb.RolledBack, error) {
	return &kdb.RolledBack{Location: "key.ckdb", Found: 1, Seen: 2}, nil
}

func (rolledBack) AcceptState(context.Context) error { return nil }

// requestFile writes a request for a name.
func requestFile(t *testing.T, cn string) string {
	t.Helper()
	return optest.File(t, cn+".csr", one(t, newSession(t), issuing.Request{Label: "x", Spec: spec(cn)}).PEM)
}

// TestRolledBack_issuesNothing: in an older state, certificates that were issued and revocations are missing.
func TestRolledBack_issuesNothing(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	csr, ca := requestFile(t, "a.example"), issuing.Authority{Label: "root"}
	for name, do := range map[string]func(*op.Session) error{
		"create":        failing(issuing.Create{Label: "new", Spec: spec("new.example"), CA: ca}),
		"sign":          failing(issuing.Sign{CA: ca, Files: []string{csr}, Spec: issuing.Spec{PathLen: -1}}),
		"renew":         failing(issuing.Renew{Label: "web"}),
		"renew a root":  failing(issuing.Renew{Label: "root"}),
		"revoke":        failing(issuing.Revoke{CA: "root", Label: "web"}),
		"revoke number": failing(issuing.Revoke{CA: "root", Serial: "1"}),
		"crl":           failing(issuing.CRL{CA: "root", Format: entries.FormatPEM}),
		"take over":     failing(issuing.TakeOver{CA: "root"}),
	} {
		s := optest.New(t, root.Personal("root"), root.Issue(t, "web").Personal("web"))
		err := do(op.Attach(s.Env, s.Location, rolledBack{s.Database()}))
		if !errors.Is(err, kdb.ErrRolledBack) {
			t.Errorf("%s: %v", name, err)
		}
		optest.Expect(t, s, "root=personal web=personal")
	}
}

// TestSign_byARevokedCA: it signs no requests.
func TestSign_byARevokedCA(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	s := optest.New(t, root.Personal("root"), root.CA(t, "Sub").Personal("sub"))
	one(t, s, issuing.Revoke{CA: "root", Label: "sub"})
	sign := issuing.Sign{
		CA: issuing.Authority{Label: "sub"}, Files: []string{requestFile(t, "a.example")}, Spec: issuing.Spec{PathLen: -1},
	}
	_, err := sign.Plan(ctx, s)
	if p, ok := errors.AsType[*op.Problem](err); !ok || p.Code != op.CARevoked {
		t.Errorf("planned: %v", err)
	}
}

// TestSign_namesAreTheRequesters: a common name is not added to the alternative names of a request, as it is to those of a certificate
// that is created here.
func TestSign_namesAreTheRequesters(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	_, key := optest.NewCA(t, "x").Parts()
	asked := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "a.example"}, DNSNames: []string{"b.example"}}
	request, err := x509.CreateCertificateRequest(rand.Reader, asked, key)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "a.crt")
	one(t, s, issuing.Sign{
		CA: issuing.Authority{Label: "root"}, Files: []string{optest.File(t, "a.csr", string(request))}, Out: op.Output{Path: out},
		Spec: issuing.Spec{PathLen: -1}, DER: true,
	})
	der, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := x509.ParseCertificate(der); err != nil || !slices.Equal(c.DNSNames, asked.DNSNames) {
		t.Errorf("%v, %v", c.DNSNames, err)
	}
}

// TestSign_numbersAreUnique: a CA gives a serial number once (RFC 5280, 4.1.2.2).
func TestSign_numbersAreUnique(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	sign := issuing.Sign{
		CA: issuing.Authority{Label: "root"}, Files: []string{requestFile(t, "a.example")},
		Spec: issuing.Spec{PathLen: -1, Serial: big.NewInt(7)},
	}
	if signed := one(t, s, sign); signed.Certificates[0].Serial != "07" {
		t.Errorf("%+v", signed)
	}
	if _, err := op.One(ctx, s, sign); !errors.Is(err, kdb.ErrExists) {
		t.Errorf("again: %v", err)
	}
	if n := len(issued(t, s)); n != 2 {
		t.Errorf("%d are recorded", n)
	}
}

// TestSign_issuedNotWritten: what is recorded and could not be written is named, so that it can be had from the records.
func TestSign_issuedNotWritten(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	folder := t.TempDir()
	sign := issuing.Sign{
		CA: issuing.Authority{Label: "root"}, Files: []string{requestFile(t, "a.example")}, Spec: issuing.Spec{PathLen: -1},
		Out: op.Output{Path: filepath.Join(folder, "a.crt")},
	}
	err := meanwhile(s, sign, func() {
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
	})
	all := issued(t, s)
	p, ok := errors.AsType[*op.Problem](err)
	named := ok && slices.ContainsFunc(all, func(i issuing.IssuedCertificate) bool { return i.Serial == p.Found })
	if !named || p.Code != op.IssuedNotWritten || p.Label != "root" || !errors.Is(err, fs.ErrNotExist) || len(all) != 2 {
		t.Errorf("%v; %+v", err, all)
	}
}

// TestReceive_refreshesNoChainsUnderAnotherName: what a CA signed under its old name does not lead to a certificate with a new one.
func TestReceive_refreshesNoChainsUnderAnotherName(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub")
	web := sub.Issue(t, "web")
	s := optest.New(t, root.Trusted("root"), sub.Personal("sub"), web.Personal("web"))
	before := optest.Entry(t, s, "web").Certificates
	_, key := sub.Parts()
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "New Name"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	renamed := file(t, "sub.crt", op.PEMString("CERTIFICATE", root.Receive(t, request)))
	if r := one(t, s, issuing.Receive{Files: []string{renamed}, Label: "sub"}); !r.Changed || len(r.Refreshed) > 0 {
		t.Errorf("%+v", r)
	}
	if after := optest.Entry(t, s, "web").Certificates; !slices.EqualFunc(before, after, bytes.Equal) {
		t.Error("the chain of web has changed")
	}
}

// TestCRL_isInTheLog: each list that is signed is noted, and nothing is when the one in the file is good.
func TestCRL_isInTheLog(t *testing.T) {
	t.Parallel()
	s, _ := optest.Sealed(t, optest.NewCA(t, "Root").Personal("root"))
	o := issuing.CRL{CA: "root", NextUpdate: 48 * time.Hour, Before: time.Hour, Format: entries.FormatPEM}
	o.Out.Path = filepath.Join(t.TempDir(), "root.crl")
	for range 2 {
		one(t, s, o)
	}
	noted := 0
	for record, err := range s.Database().(*sealed.Database).Log(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if record.Operation == "crl" && record.Label == "root" {
			noted++
		}
	}
	if noted != 1 {
		t.Errorf("%d lists are noted", noted)
	}
}

// TestCRL_newReason: a list that has another reason for a revocation is not good any more.
func TestCRL_newReason(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	o := issuing.CRL{CA: "root", NextUpdate: 48 * time.Hour, Before: time.Hour, Format: entries.FormatPEM}
	o.Out.Path = filepath.Join(t.TempDir(), "root.crl")
	one(t, s, issuing.Revoke{CA: "root", Label: "web", Reason: "certificateHold"})
	one(t, s, o)
	if again := one(t, s, o); again.Changed {
		t.Errorf("%+v", again)
	}
	one(t, s, issuing.Revoke{CA: "root", Label: "web", Reason: "keyCompromise"})
	if again := one(t, s, o); !again.Changed || again.Number != 2 {
		t.Errorf("for another reason: %+v", again)
	}
}

// TestCRL_leavesOutWhatExpiredLongAgo: an expired certificate stays on lists for 90 days (RFC 5280, 3.3 wants one list).
func TestCRL_leavesOutWhatExpiredLongAgo(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	one(t, s, issuing.Revoke{CA: "root", Label: "web"})
	start := s.Env.Now()
	o := issuing.CRL{CA: "root", NextUpdate: time.Hour, Format: entries.FormatPEM}
	for days, want := range map[int]int{29: 1, 31: 1, 119: 1, 121: 0} { // it was issued for 30 days
		s.Env.Now = func() time.Time { return start.AddDate(0, 0, days) }
		if done := one(t, s, o); done.Revoked != want {
			t.Errorf("after %d days: %d are on the list", days, done.Revoked)
		}
	}
}

// TestCRL_doesNotFollowADeltaList: a delta list has changes alone, so that what it leaves out would be valid again.
func TestCRL_doesNotFollowADeltaList(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Root")
	s := optest.New(t, ca.Personal("root"))
	certificate, key := ca.Parts()
	base, err := asn1.Marshal(5)
	if err != nil {
		t.Fatal(err)
	}
	delta := &x509.RevocationList{
		Number: big.NewInt(6), ThisUpdate: optest.Now, NextUpdate: optest.Now.Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: base}},
	}
	der, err := x509.CreateRevocationList(rand.Reader, delta, certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	file := optest.File(t, "d.crl", op.PEMString("X509 CRL", der))
	o := issuing.CRL{CA: "root", NextUpdate: time.Hour, Format: entries.FormatPEM, After: file}
	if _, err := op.One(ctx, s, o); !errors.Is(err, op.ErrUsage) {
		t.Errorf("%v", err)
	}
}

// TestRevoke_ofAnotherWithItsNumber: another certificate under a recorded number is not the one that was issued.
func TestRevoke_ofAnotherWithItsNumber(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Root")
	number := func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x1234) }
	first, second := ca.Issue(t, "a.example", number), ca.Issue(t, "b.example", number)
	s := optest.New(t, ca.Personal("root"))
	one(t, s, issuing.TakeOver{CA: "root", Files: []string{pemFile(t, first)}})
	if _, err := op.One(ctx, s, issuing.Revoke{CA: "root", File: pemFile(t, second)}); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if all := issued(t, s); len(all) != 1 || all[0].Status != op.StatusValid {
		t.Errorf("%+v", all)
	}
}

// TestRevoke_allMeansTheValid: of the certificates of a subject, those that have expired need no revocation.
func TestRevoke_allMeansTheValid(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Root")
	past := func(c *x509.Certificate) { c.NotAfter = optest.Now.Add(-time.Hour) }
	now, valid, old := ca.Issue(t, "web.example"), ca.Issue(t, "web.example"), ca.Issue(t, "web.example", past)
	other := ca.Issue(t, "other.example")
	s := optest.New(t, ca.Personal("root"), now.Personal("web"))
	one(t, s, issuing.TakeOver{CA: "root", Files: []string{pemFile(t, now), pemFile(t, valid), pemFile(t, old), pemFile(t, other)}})
	r := one(t, s, issuing.Revoke{CA: "root", Label: "web", All: true})
	if len(r.Others) != 1 || r.Others[0].Serial != valid.Serial(t) || len(r.Valid) != 0 {
		t.Errorf("%+v", r)
	}
}

// TestTakeOver_countsOnFromTheLists: the next list has a number above those of the lists that are taken over.
func TestTakeOver_countsOnFromTheLists(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Root")
	s := optest.New(t, ca.Personal("root"))
	list := optest.File(t, "root.crl", op.PEMString("X509 CRL", ca.CRL(t, 0x39, optest.Revoked(0x77, 1, time.Time{}))))
	if taken := one(t, s, issuing.TakeOver{CA: "root", Files: []string{list}}); taken.NextNumber != 0x3a || taken.Revoked != 1 {
		t.Errorf("%+v", taken)
	}
	next := one(t, s, issuing.CRL{CA: "root", NextUpdate: time.Hour, Format: entries.FormatPEM})
	if next.Number != 0x3a || next.Revoked != 1 {
		t.Errorf("%+v", next)
	}
}

// TestTakeOver_doesNotRevokeAgain: what was released here after the list was made stays released.
func TestTakeOver_doesNotRevokeAgain(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	o := issuing.CRL{CA: "root", NextUpdate: time.Hour, Format: entries.FormatPEM, Out: op.Output{Path: filepath.Join(t.TempDir(), "a.crl")}}
	one(t, s, issuing.Revoke{CA: "root", Label: "web", Reason: "certificateHold"})
	one(t, s, o)
	one(t, s, issuing.Revoke{CA: "root", Label: "web", Reason: "removeFromCRL"})
	first := o.Out.Path
	o.Out = op.Output{}
	one(t, s, o)
	o.After = first
	if done := one(t, s, o); done.Revoked != 0 || done.TakenOver != 0 || done.Number != 3 {
		t.Errorf("%d revoked, %d taken over", done.Revoked, done.TakenOver)
	}
}
