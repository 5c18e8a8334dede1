package issuing_test

import (
	"crypto/x509"
	"errors"
	"math/big"
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
	"certkdb/pki/cert"
)

// broughtAlong has a CA that worked in another program, and certificates that it issued there.
func broughtAlong(t *testing.T) (s *op.Session, ca, leaf, other *optest.Identity) {
	t.Helper()
	ca = optest.NewCA(t, "Legacy CA")
	leaf, other = ca.Issue(t, "a.example.com"), ca.Issue(t, "b.example.com")
	return optest.New(t, ca.Personal("legacy"), other.Trusted("b")), ca, leaf, other
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func pemFile(t *testing.T, i *optest.Identity) string {
	t.Helper()
	return file(t, "c.crt", op.PEMString("CERTIFICATE", i.Certificate))
}

func TestRevoke_whatTheKeySignedElsewhere(t *testing.T) {
	t.Parallel()
	s, _, leaf, _ := broughtAlong(t)
	revoked := one(t, s, issuing.Revoke{CA: "legacy", File: pemFile(t, leaf), Reason: "keyCompromise"})
	if !revoked.Changed || revoked.Serial != leaf.Serial(t) || revoked.Reason != "keyCompromise" {
		t.Errorf("by file: %+v", revoked)
	}
	if revoked := one(t, s, issuing.Revoke{CA: "legacy", Label: "b"}); !revoked.Changed {
		t.Errorf("by label: %+v", revoked)
	}
	if again := one(t, s, issuing.Revoke{CA: "legacy", File: pemFile(t, leaf)}); again.Changed {
		t.Errorf("again: %+v", again)
	}
	if all := issuedBy(t, s, "legacy"); len(all) != 2 {
		t.Errorf("%d certificates are recorded", len(all))
	}
	for rule, o := range map[string]issuing.Revoke{
		"another CA's certificate":      {CA: "legacy", File: pemFile(t, optest.NewCA(t, "Legacy CA").Issue(t, "c.example.com"))},
		"a number that is not known":    {CA: "legacy", Serial: "abcdef"},
		"holds are released one by one": {CA: "legacy", File: pemFile(t, leaf), Reason: "removeFromCRL", All: true},
	} {
		if _, err := op.One(ctx, s, o); err == nil {
			t.Errorf("%s: revoked", rule)
		}
	}
}

func TestCRL_goesOnFromAListMadeElsewhere(t *testing.T) {
	t.Parallel()
	s, ca, leaf, other := broughtAlong(t)
	old := ca.CRL(t, 0x39, x509.RevocationListEntry{SerialNumber: big.NewInt(0x99), RevocationTime: optest.Now.Add(-time.Hour), ReasonCode: 1},
		x509.RevocationListEntry{SerialNumber: serialOf(t, leaf), RevocationTime: optest.Now.Add(-time.Hour), ReasonCode: 7})
	first := one(t, s, issuing.CRL{CA: "legacy", NextUpdate: time.Hour, Format: entries.FormatDER})
	if len(first.Notes) != 1 || first.Number != 1 {
		t.Errorf("a first list without a warning: %+v", first)
	}
	path := file(t, "old.crl", op.PEMString("X509 CRL", old))
	next := one(t, s, issuing.CRL{CA: "legacy", NextUpdate: time.Hour, Format: entries.FormatDER, After: path})
	if next.Number != 0x3a || next.Revoked != 2 || next.TakenOver != 2 || len(next.Notes) != 0 {
		t.Errorf("after the old list: %+v", next)
	}
	if again := one(t, s, issuing.CRL{CA: "legacy", NextUpdate: time.Hour, Format: entries.FormatDER, After: path}); again.TakenOver != 0 ||
		again.Number != 0x3b {
		t.Errorf("again: %+v", again)
	}
	if set := one(t, s, issuing.CRL{CA: "legacy", NextUpdate: time.Hour, Format: entries.FormatDER, Number: 1000}); set.Number != 1000 {
		t.Errorf("--number: %+v", set)
	}
	for rule, o := range map[string]issuing.CRL{
		"a number that was used":         {Number: 1000},
		"a number that none can follow":  {Number: 1<<64 - 1},
		"another CA's list":              {After: file(t, "x.crl", op.PEMString("X509 CRL", optest.NewCA(t, "Legacy CA").CRL(t, 1)))},
		"no list":                        {After: pemFile(t, other)},
		"an older list than there is":    {Out: op.Output{Path: file(t, "n.crl", op.PEMString("X509 CRL", ca.CRL(t, 5000))), Force: true}},
		"a file to compare is not named": {Before: time.Hour},
	} {
		o.CA, o.NextUpdate, o.Format = "legacy", time.Hour, entries.FormatPEM
		if _, err := op.One(ctx, s, o); err == nil {
			t.Errorf("%s: a list was made", rule)
		}
	}
}

// TestCRL_noBytesToATerminal: nothing is made, and no number taken.
func TestCRL_noBytesToATerminal(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	s.Env.Screen = func() (int, bool) { return 80, true }
	o := issuing.CRL{CA: "root", NextUpdate: time.Hour, Format: entries.FormatDER}
	_, err := op.One(ctx, s, o)
	if problem, _ := errors.AsType[*op.Problem](err); problem == nil || problem.Code != op.BytesForTerminal {
		t.Errorf("made: %v", err)
	}
	o.Out.Path = "-"
	if done := one(t, s, o); done.Number != 1 || len(done.Body) == 0 {
		t.Errorf("with -: %+v", done)
	}
	if done := one(t, s, issuing.CRL{CA: "root", NextUpdate: time.Hour, Format: entries.FormatPEM}); done.Number != 2 {
		t.Errorf("PEM: %+v", done)
	}
}

func TestCRL_leavesAGoodListAlone(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	o := issuing.CRL{CA: "root", NextUpdate: 7 * 24 * time.Hour, Before: 48 * time.Hour, Format: entries.FormatPEM}
	o.Out.Path = filepath.Join(t.TempDir(), "root.crl")
	for i, want := range []bool{true, false, true, false} {
		if i == 2 {
			one(t, s, issuing.Revoke{CA: "root", Label: "web"})
		}
		if done := one(t, s, o); done.Changed != want || done.Revoked != i/2 {
			t.Errorf("run %d: %+v", i+1, done)
		}
	}
	o.Before = 8 * 24 * time.Hour
	if done := one(t, s, o); !done.Changed || done.Number != 3 {
		t.Errorf("the list is due: %+v", done)
	}
}

// TestCRL_takesOverFromAListOlderThanItsOwn: a hold may have been released since, a revocation for good was lost, such as by a backup that
// was restored.
func TestCRL_takesOverFromAListOlderThanItsOwn(t *testing.T) {
	t.Parallel()
	for rule, c := range map[string]struct {
		reason cert.Reason
		number int64 // of the list, while the last one made here is 1000
		want   bool
	}{
		"revoked, in an older list": {cert.KeyCompromise, 999, true},
		"revoked, in the last list": {cert.KeyCompromise, 1000, true},
		"revoked, in a newer list":  {cert.KeyCompromise, 1001, true},
		"on hold, in an older list": {cert.CertificateHold, 999, false},
		"on hold, in the last list": {cert.CertificateHold, 1000, true},
		"on hold, in a newer list":  {cert.CertificateHold, 1001, true},
		"released":                  {cert.RemoveFromCRL, 999, false},
	} {
		s, ca, leaf, _ := broughtAlong(t)
		one(t, s, issuing.TakeOver{CA: "legacy", Files: []string{pemFile(t, leaf)}})
		one(t, s, issuing.CRL{CA: "legacy", NextUpdate: time.Hour, Format: entries.FormatDER, Number: 1000})
		list := file(t, "old.crl", op.PEMString("X509 CRL", ca.CRL(t, c.number, x509.RevocationListEntry{
			SerialNumber: serialOf(t, leaf), RevocationTime: optest.Now.Add(-time.Hour), ReasonCode: int(c.reason),
		})))
		done := one(t, s, issuing.CRL{CA: "legacy", NextUpdate: time.Hour, Format: entries.FormatDER, After: list})
		if done.Number != max(1001, uint64(c.number)+1) || (done.TakenOver == 1) != c.want || (done.Revoked == 1) != c.want {
			t.Errorf("%s: %+v", rule, done)
		}
	}
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	s, ca, leaf, other := broughtAlong(t)
	folder := t.TempDir()
	for name, content := range map[string]string{
		"index.txt": "V\t270101000000Z\t\t" + strings.ToUpper(leaf.Serial(t)) + "\tunknown\t/CN=a.example.com\n" +
			"R\t20270101000000Z\t260101000000Z,keyTime,20260101000000Z\t0999\tunknown\t/CN=gone\n\nE\t200101000000Z\t\t01\tunknown\t/CN=old\r\n",
		"crlnumber":    "3A\n",
		"issued/b.crt": op.PEMString("CERTIFICATE", other.Certificate),
		"ca.crt":       op.PEMString("CERTIFICATE", ca.Certificate),
		"alien.crt":    op.PEMString("CERTIFICATE", optest.NewCA(t, "x").Issue(t, "x").Certificate),
		"crl.pem": op.PEMString("X509 CRL", ca.CRL(t, 7, x509.RevocationListEntry{
			SerialNumber: serialOf(t, other), RevocationTime: optest.Now,
		})),
		"alien.crl":       op.PEMString("X509 CRL", optest.NewCA(t, "x").CRL(t, 9000)),
		"openssl.cnf":     "[ca]\n",
		"private/key.pem": "no certificate\n",
	} {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	o := issuing.TakeOver{CA: "legacy", Files: []string{folder}}
	taken := one(t, s, o)
	if taken != (issuing.TakenOver{Recorded: 4, Revoked: 2, Foreign: 2, NextNumber: 0x3a, Changed: true}) {
		t.Errorf("taken over: %+v", taken)
	}
	if again := one(t, s, o); again.Changed || again.NextNumber != 0x3a {
		t.Errorf("again: %+v", again)
	}
	list := one(t, s, issuing.CRL{CA: "legacy", NextUpdate: time.Hour, Format: entries.FormatDER})
	if list.Number != 0x3a || list.Revoked != 2 {
		t.Errorf("the next list: %+v", list)
	}
	if revoked := one(t, s, issuing.Revoke{CA: "legacy", File: pemFile(t, leaf)}); !revoked.Changed || revoked.SHA256 == "" {
		t.Errorf("a certificate of which only the number was known: %+v", revoked)
	}
	var index string
	err := issuing.Issued{CA: "legacy", WithIndex: true}.Run(ctx, s, func(all []issuing.IssuedCertificate) error {
		for _, i := range all {
			index += i.Index
		}
		return nil
	})
	if err != nil || !strings.Contains(index, "R\t270101000000Z\t260101000000Z,keyTime,20260101000000Z\t0999\tunknown\t/CN=gone\n") {
		t.Errorf("the index is %q, %v", index, err)
	}
}

// TestTakeOver_invalidSince: since when a key is compromised comes along in every form of an index, stays in what is written as one, and is
// in the next list (RFC 5280, 5.3.2).
func TestTakeOver_invalidSince(t *testing.T) {
	t.Parallel()
	since := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for revoked, c := range map[string]struct {
		since time.Time
		index string // as it is written
	}{
		"keyTime,20240101000000Z":                   {since, "keyTime,20240101000000Z"},
		"CAkeyTime,20240101000000Z":                 {since, "CAkeyTime,20240101000000Z"},
		"keyCompromise,20240101000000Z":             {since, "keyTime,20240101000000Z"},
		"superseded,20240101000000Z":                {since, "superseded"},
		"keyCompromise":                             {time.Time{}, "keyCompromise"},
		"holdInstruction,holdInstructionCallIssuer": {time.Time{}, "certificateHold"},
	} {
		s, _, _, _ := broughtAlong(t)
		index := file(t, "index.txt", "R\t350101000000Z\t260101000000Z,"+revoked+"\t09\tunknown\t/CN=gone\n")
		one(t, s, issuing.TakeOver{CA: "legacy", Files: []string{index}})
		if got := issuedBy(t, s, "legacy")[0].InvalidSince; (got == nil) != c.since.IsZero() || got != nil && !got.Equal(c.since) {
			t.Errorf("%s: invalid since %v", revoked, got)
		}
		err := issuing.Issued{CA: "legacy", WithIndex: true}.Run(ctx, s, func(all []issuing.IssuedCertificate) error {
			if !strings.Contains(all[0].Index, "\t260101000000Z,"+c.index+"\t09\t") {
				t.Errorf("%s: written as %q", revoked, all[0].Index)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		list := one(t, s, issuing.CRL{CA: "legacy", NextUpdate: time.Hour, Format: entries.FormatDER})
		parsed, err := cert.ParseCRL(list.Body)
		if err != nil || parsed.Revoked[0].Malformed || !parsed.Revoked[0].InvalidityDate().Equal(c.since) {
			t.Errorf("%s: in the list: %+v, %v", revoked, parsed, err)
		}
	}
	s, _, _, _ := broughtAlong(t)
	for _, revoked := range []string{"keyTime", "CAkeyTime,yesterday"} {
		index := file(t, "index.txt", "R\t350101000000Z\t260101000000Z,"+revoked+"\t09\tunknown\t/CN=gone\n")
		if _, err := op.One(ctx, s, issuing.TakeOver{CA: "legacy", Files: []string{index}}); !errors.Is(err, kdb.ErrParse) {
			t.Errorf("%s: %v", revoked, err)
		}
	}
}

// TestRevoke_invalidSince: the date can be said later, goes with a release, and makes a list that does not say it one to replace.
func TestRevoke_invalidSince(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	list := issuing.CRL{CA: "root", NextUpdate: 7 * 24 * time.Hour, Before: 48 * time.Hour, Format: entries.FormatPEM}
	list.Out.Path = filepath.Join(t.TempDir(), "root.crl")
	for i, c := range []struct {
		reason, since string
		changed       bool
		got           string
	}{
		{"certificateHold", "", true, ""},
		{"", "2020-01-01", true, "2020-01-01"},
		{"", "2020-01-01", false, "2020-01-01"},
		{"", "", false, "2020-01-01"},
		{"removeFromCRL", "", true, ""},
		{"certificateHold", "2020-01-02", true, "2020-01-02"},
		{"keyCompromise", "2020-01-03", true, "2020-01-03"},
	} {
		done := one(t, s, issuing.Revoke{CA: "root", Label: "web", Reason: c.reason, InvalidSince: c.since})
		got := ""
		if done.InvalidSince != nil {
			got = done.InvalidSince.Format(time.DateOnly)
		}
		if done.Changed != c.changed || got != c.got {
			t.Errorf("step %d: %+v", i+1, done)
		}
		if made := one(t, s, list); made.Changed != c.changed {
			t.Errorf("step %d: the list: %+v", i+1, made)
		}
	}
	for rule, o := range map[string]issuing.Revoke{
		"no date": {InvalidSince: "noon"}, "the future": {InvalidSince: "2999-01-01"},
		"a release": {InvalidSince: "2020-01-01", Reason: "removeFromCRL"},
	} {
		o.CA, o.Label = "root", "web"
		if _, err := op.One(ctx, s, o); !slices.Equal(fieldsOf(err), []op.Field{op.FieldInvalidSince}) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

// TestTakeOver_indexUnderAnyName: openssl.cnf says how the index is called.
func TestTakeOver_indexUnderAnyName(t *testing.T) {
	t.Parallel()
	s, _, _, _ := broughtAlong(t)
	database := file(t, "database", "V\t270101000000Z\t\t0A\tunknown\t/CN=a.example.com\n")
	if taken := one(t, s, issuing.TakeOver{CA: "legacy", Files: []string{database}}); taken.Recorded != 1 {
		t.Errorf("taken over: %+v", taken)
	}
}

// TestTakeOver_releasedInAnIndex: the reason says that a certificate is not revoked (RFC 5280, 5.3.1), as in a list.
func TestTakeOver_releasedInAnIndex(t *testing.T) {
	t.Parallel()
	s, _, _, _ := broughtAlong(t)
	index := file(t, "index.txt", "R\t270101000000Z\t260101000000Z,removeFromCRL\t0A\tunknown\t/CN=a.example.com\n"+
		"R\t270101000000Z\t260101000000Z,superseded\t0B\tunknown\t/CN=b.example.com\n")
	taken := one(t, s, issuing.TakeOver{CA: "legacy", Files: []string{index}})
	if taken.Recorded != 2 || taken.Revoked != 1 {
		t.Errorf("taken over: %+v", taken)
	}
}

// TestTakeOver_pipes: what recognises a pipe has read it to its end.
func TestTakeOver_pipes(t *testing.T) {
	t.Parallel()
	s, _, _, _ := broughtAlong(t)
	s.Env.Stdin = strings.NewReader("V\t270101000000Z\t\t0A\tunknown\t/CN=a.example.com\n")
	if taken := one(t, s, issuing.TakeOver{CA: "legacy", Files: []string{op.Stdin}}); taken.Recorded != 1 {
		t.Errorf("taken over: %+v", taken)
	}
}

// TestTakeOver_tooLong: what cannot be in memory is not read.
func TestTakeOver_tooLong(t *testing.T) {
	t.Parallel()
	s, _, _, _ := broughtAlong(t)
	number := file(t, "crlnumber", strings.Repeat("0", 5000))
	_, err := op.One(ctx, s, issuing.TakeOver{CA: "legacy", Files: []string{number}})
	if !errors.Is(err, kdb.ErrParse) {
		t.Errorf("%v", err)
	}
}

// TestTakeOver_brokenIndexUnderAnyName: what looks like an index is told its line.
func TestTakeOver_brokenIndexUnderAnyName(t *testing.T) {
	t.Parallel()
	s, _, _, _ := broughtAlong(t)
	database := file(t, "database", "V\t270101000000Z\t\t0A\tunknown\t/CN=a\nV\t270101000000Z\t\txyz\tunknown\t/CN=b\n")
	_, err := op.One(ctx, s, issuing.TakeOver{CA: "legacy", Files: []string{database}})
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
}

func TestTakeOver_refuses(t *testing.T) {
	t.Parallel()
	s, _, _, _ := broughtAlong(t)
	for rule, name := range map[string]string{
		"no such file":      filepath.Join(t.TempDir(), "nothing"),
		"an empty folder":   t.TempDir(),
		"no index":          file(t, "index.txt", "hello\n"),
		"an odd serial":     file(t, "index.txt", "V\t270101000000Z\t\txyz\tunknown\t/CN=a\n"),
		"an odd time":       file(t, "index.txt", "V\t2701\t\t01\tunknown\t/CN=a\n"),
		"an odd reason":     file(t, "index.txt", "R\t270101000000Z\t270101000000Z,why\t01\tunknown\t/CN=a\n"),
		"an odd number":     file(t, "crlnumber", "no\n"),
		"another CA's leaf": pemFile(t, optest.NewCA(t, "x").Issue(t, "x")),
		"another CA's list": file(t, "x.crl", op.PEMString("X509 CRL", optest.NewCA(t, "x").CRL(t, 1))),
		"something odd":     file(t, "odd", "hello\n"),
		"comments":          file(t, "notes", "# hello\n"),
		"a key alone":       file(t, "key.pem", op.PEMString("PRIVATE KEY", optest.NewCA(t, "x").Key)),
	} {
		if _, err := op.One(ctx, s, issuing.TakeOver{CA: "legacy", Files: []string{name}}); err == nil {
			t.Errorf("%s: taken over", rule)
		}
	}
	if all := issuedBy(t, s, "legacy"); len(all) != 0 {
		t.Errorf("recorded: %+v", all)
	}
}

func TestRevoke_namesTheOlderCertificates(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	one(t, s, issuing.Renew{Label: "web"})
	one(t, s, issuing.Renew{Label: "web"})
	one(t, s, issuing.Create{Label: "shop", Spec: spec("shop.example.com"), CA: issuing.Authority{Label: "root"}})
	revoked := one(t, s, issuing.Revoke{CA: "root", Label: "web"})
	if !revoked.Changed || len(revoked.Valid) != 2 || len(revoked.Others) != 0 {
		t.Errorf("without All: %+v", revoked)
	}
	revoked = one(t, s, issuing.Revoke{CA: "root", Label: "web", All: true})
	if !revoked.Changed || len(revoked.Valid) != 0 || len(revoked.Others) != 2 {
		t.Errorf("with All: %+v", revoked)
	}
	for _, i := range issued(t, s) {
		if (i.Status == op.StatusRevoked) != (i.Subject == "CN=www.example.com") {
			t.Errorf("%s is %s", i.Subject, i.Status)
		}
	}
}

func serialOf(t *testing.T, i *optest.Identity) *big.Int {
	t.Helper()
	c, err := cert.Parse(i.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	return c.Serial
}

func TestRenew_revokesWhatItReplaces(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	old := issued(t, s)[0].Serial
	renewed := one(t, s, issuing.Renew{Label: "web", Revoke: true})
	if renewed.Revoked != old || !renewed.Changed {
		t.Errorf("renewed: %+v", renewed)
	}
	for _, i := range issued(t, s) {
		if want := i.Serial == old; (i.Reason == "superseded") != want {
			t.Errorf("serial %s: %s %s", i.Serial, i.Status, i.Reason)
		}
	}
	if _, err := op.One(ctx, s, issuing.Renew{Label: "root", Revoke: true}); !errors.Is(err, op.ErrUsage) {
		t.Errorf("a self-signed certificate: %v", err)
	}
	ca := optest.NewCA(t, "Root")
	foreign := optest.Kind(t, "pkcs12", ca.Personal("root"), ca.Issue(t, "web").Personal("web"))
	if _, err := op.One(ctx, foreign, issuing.Renew{Label: "web", Revoke: true}); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("a database without records: %v", err)
	}
}

func TestCreate_lengthsAndExtensions(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	now := s.Env.Now()
	for text, want := range map[string]time.Time{
		"90d": now.AddDate(0, 0, 90), "1h": now.Add(time.Hour), "2w": now.AddDate(0, 0, 14),
		"2028-01-31": time.Date(2028, 1, 31, 0, 0, 0, 0, time.UTC), "never": time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		o := issuing.Create{Label: "x", Spec: spec("x.example.com"), Replace: true}
		o.Spec.Days, o.Spec.NotAfter, o.Spec.MustStaple, o.Spec.Extensions = 0, text, true, []string{"1.2.3.4=NULL"}
		if made := one(t, s, o); made.NotAfter == nil || !made.NotAfter.Equal(want) {
			t.Errorf("%s: %v", text, made.NotAfter)
		}
		o.Ensure, o.Replace = true, false
		if made := one(t, s, o); made.Changed {
			t.Errorf("%s: made again", text)
		}
	}
	for rule, change := range map[string]func(*issuing.Spec){
		"a length without a unit":  func(s *issuing.Spec) { s.Days, s.NotAfter = 0, "90" },
		"an extension of ours":     func(s *issuing.Spec) { s.Extensions = []string{"2.5.29.19=NULL"} },
		"an extension twice":       func(s *issuing.Spec) { s.MustStaple, s.Extensions = true, []string{"1.3.6.1.5.5.7.1.24=NULL"} },
		"no usages in the default": func(s *issuing.Spec) { s.ProfileFile = file(t, "p.json", hardWay) },
		"a broken profile":         func(s *issuing.Spec) { s.ProfileFile, s.Profile = file(t, "p.json", hardWay), "odd" },
	} {
		o := issuing.Create{Label: "y", Spec: spec("y.example.com")}
		change(&o.Spec)
		_, err := op.One(ctx, s, o)
		if err == nil {
			t.Errorf("%s: made", rule)
		}
		problem, ok := errors.AsType[*op.Problem](err)
		if rule == "no usages in the default" && (!ok || problem.Code != op.NoProfileChosen || !strings.Contains(problem.Found, "kubernetes")) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	kubernetes := issuing.Create{Label: "k", Spec: spec("k.example.com")}
	kubernetes.Spec.ProfileFile, kubernetes.Spec.Profile = file(t, "p.json", "\ufeff"+hardWay), "kubernetes"
	one(t, s, kubernetes)
}

// hardWay is the most copied configuration of cfssl, with a profile that nobody can use.
const hardWay = `{"signing": {"default": {"expiry": "8760h"}, "profiles": {
	"kubernetes": {"usages": ["signing", "key encipherment", "server auth", "client auth"], "expiry": "8760h"},
	"odd": {"usages": ["digital signing"], "max_pathlen": 1, "expiry": "8760h"}}}}`
