package op_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/pki"
	"certkdb/pki/cert"
)

func TestErrors_textAndClass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		text  string // with the names of parameters in capitals
		class op.Class
	}{
		{op.Need(op.FieldTo), "wrong usage: TO is missing", op.ClassUsage},
		{op.Need(op.FieldLabels, op.FieldAll), "wrong usage: LABELS or ALL is missing", op.ClassUsage},
		{op.Exclusive(op.FieldKey, op.FieldChain), "wrong usage: KEY and CHAIN exclude each other", op.ClassUsage},
		{&op.Conflict{Fields: []op.Field{op.FieldKey, op.FieldCombined}, Reason: "why"}, "wrong usage: KEY, COMBINED: why", op.ClassUsage},
		{&op.Dependent{Field: op.FieldAll, Needs: op.FieldTo}, "wrong usage: ALL needs TO", op.ClassUsage},
		{&op.Invalid{Field: op.FieldDays, Value: -1, Reason: "too few"}, "wrong usage: DAYS -1: too few", op.ClassUsage},
		{&op.Invalid{Field: op.FieldAt, Value: "noon", Reason: "not a time"}, `wrong usage: AT "noon": not a time`, op.ClassUsage},
		{&op.Invalid{Field: op.FieldKind, Err: errFailed}, "wrong usage: KIND: failed", op.ClassUsage},
		{&op.NotFound{Label: "web"}, `label "web": no such label`, op.ClassLabelNotFound},
		{&op.NotFound{Label: "web", Where: "the input"}, `label "web": no such label in the input`, op.ClassLabelNotFound},
		{&op.Exists{Label: "web"}, `label "web": label exists already`, op.ClassLabelExists},
		{&op.Exists{Label: "web", Found: "other content"}, `label "web": label exists already with other content`, op.ClassLabelExists},
		{
			&op.Exists{Label: "web", Found: "another key", Ensure: true},
			`label "web": label exists already, and is not what is asked for: another key`, op.ClassLabelExists,
		},
		{&op.WrongKind{Label: "aes", Kind: kdb.KindSecretKey, Reason: "why"}, `label "aes": wrong usage: why`, op.ClassUsage},
		{&op.Unsupported{Feature: op.FeatureLog}, "not possible in this kind of database: an audit log", op.ClassUnsupported},
		{
			&op.Unsupported{Location: "a.p12", Format: "pkcs12", Feature: op.FeatureStash},
			`"a.p12" is a pkcs12 file: not possible in this kind of database: a stash`, op.ClassUnsupported,
		},
		{op.Mark(op.Damaged, kdb.ErrCorrupt), "database damaged", op.ClassDamaged},
		{op.Classify(errFailed, kdb.ErrNotFound), "failed", op.ClassLabelNotFound},
	} {
		text := c.err.Error()
		if worded, ok := c.err.(op.Worded); ok {
			text = worded.Text(func(f op.Field) string { return strings.ToUpper(string(f)) })
			if !strings.EqualFold(text, c.err.Error()) {
				t.Errorf("%T: %q with other names is %q", c.err, c.err, text)
			}
		}
		if text != c.text {
			t.Errorf("%T: %q, want %q", c.err, text, c.text)
		}
		if class := op.ClassOf(fmt.Errorf("doing something: %w", c.err)); class != c.class {
			t.Errorf("%T is of class %s, want %s", c.err, class, c.class)
		}
	}
	if e := (&op.Invalid{Field: op.FieldDN, Err: errFailed}); !errors.Is(e, errFailed) {
		t.Error("the cause of an Invalid is lost")
	}
	if op.Mark(op.Damaged, nil) != nil {
		t.Error("an error was made of nothing")
	}
}

func TestClassOf(t *testing.T) {
	t.Parallel()
	for want, errs := range map[op.Class][]error{
		op.ClassFailed:           {errFailed, fs.ErrClosed},
		op.ClassInterrupted:      {context.Canceled, errors.Join(context.Canceled, kdb.ErrLocked)},
		op.ClassUsage:            {op.ErrUsage, errors.Join(fs.ErrNotExist, op.ErrUsage)},
		op.ClassBadLabel:         {kdb.CheckLabel("")},
		op.ClassUnsupported:      {kdb.ErrUnsupported},
		op.ClassLabelNotFound:    {kdb.ErrNotFound},
		op.ClassDatabaseNotFound: {kdb.ErrNoDatabase},
		op.ClassLabelExists:      {kdb.ErrExists},
		op.ClassDatabaseExists:   {kdb.ErrDatabaseExists},
		op.ClassNoPassword:       {kdb.ErrNoPassword},
		op.ClassWrongPassword:    {kdb.ErrPassword},
		op.ClassLocked:           {kdb.ErrLocked},
		op.ClassChanged:          {kdb.ErrChanged},
		op.ClassParse:            {kdb.ErrParse},
		op.ClassEncryption:       {kdb.ErrEncryption},
		op.ClassValidation:       {op.ErrFindings, op.ErrInvalid},
		op.ClassExpired:          {op.ErrExpired},
		op.ClassNetwork:          {op.ErrNetwork},
		op.ClassDamaged:          {kdb.ErrCorrupt},
		op.ClassUnknownVersion:   {kdb.ErrVersion, kdb.FindForeign([]byte("SQLite format 3\x00"))},
		op.ClassPermission:       {fs.ErrPermission, &fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, syscall.EROFS},
		op.ClassFileExists:       {fs.ErrExist},
		op.ClassFileNotFound:     {fs.ErrNotExist},
	} {
		for _, err := range errs {
			if got := op.ClassOf(fmt.Errorf("doing something: %w", err)); got != want {
				t.Errorf("%v is of class %s, want %s", err, got, want)
			}
		}
	}
}

func TestPKIError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		class op.Class
		code  op.Code
	}{
		{fmt.Errorf("RSA of 1024 bits: %w", pki.ErrFIPS), op.ClassUsage, map[bool]op.Code{false: op.FIPSOff, true: op.NotFIPS}[op.FIPSEnabled()]},
		{pki.ErrArgument, op.ClassUsage, 0},
		{errors.Join(pki.ErrRemote, x509.UnknownAuthorityError{}), op.ClassNetwork, op.UntrustedServer},
		{pki.ErrRemote, op.ClassNetwork, 0},
		{pki.ErrParse, op.ClassParse, 0},
		{pki.ErrRefused, op.ClassValidation, 0},
		{errFailed, op.ClassFailed, 0},
	} {
		got := op.PKIError(c.err)
		p, marked := errors.AsType[*op.Problem](got)
		if op.ClassOf(got) != c.class || got.Error() != c.err.Error() || !errors.Is(got, c.err) {
			t.Errorf("%v: %v, class %s", c.err, got, op.ClassOf(got))
		}
		if marked != (c.code != 0) || marked && p.Code != c.code {
			t.Errorf("%v: %#v", c.err, p)
		}
	}
	if op.PKIError(nil) != nil {
		t.Error("an error was made of nothing")
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"":                          {},
		"2027-01-31":                time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
		"2027-01-31T12:00:00Z":      time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC),
		"2027-01-31T12:00:00+02:00": time.Date(2027, 1, 31, 10, 0, 0, 0, time.UTC),
	} {
		if got, err := op.ParseTime(op.FieldAt, text); !got.Equal(want) || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"tomorrow", "2027-02-30", "1949-12-31", "31.01.2027"} {
		_, err := op.ParseTime(op.FieldAt, text)
		if e, ok := errors.AsType[*op.Invalid](err); !ok || e.Field != op.FieldAt || e.Value != text {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestQuote_whatAShellWouldChange(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"a.ckdb": "a.ckdb", "/x/Y_1-2:3": "/x/Y_1-2:3", "a b": "'a b'", "a$b": "'a$b'", "it's": `'it'\''s'`, "": "''",
	} {
		if got := op.Quote(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

func TestStatusOf(t *testing.T) {
	t.Parallel()
	now := optest.Now
	within := kdb.Summary{Kind: kdb.KindTrusted, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	at := func(kind kdb.Kind, from, to time.Time) kdb.Summary {
		return kdb.Summary{Kind: kind, NotBefore: from, NotAfter: to}
	}
	for _, c := range []struct {
		rule string
		s    kdb.Summary
		want op.Status
	}{
		{"within its time", within, op.StatusValid},
		{"to the last second", at(kdb.KindPersonal, now, now), op.StatusValid},
		{"after it", at(kdb.KindTrusted, now.Add(-2*time.Second), now.Add(-time.Second)), op.StatusExpired},
		{"before it", at(kdb.KindTrusted, now.Add(time.Second), now.Add(time.Hour)), op.StatusNotYetValid},
		{"a request", kdb.Summary{Kind: kdb.KindRequest}, op.StatusPending},
		{"a secret key", kdb.Summary{Kind: kdb.KindSecretKey}, op.StatusNone},
		{"a damaged certificate", kdb.Summary{Kind: kdb.KindTrusted, ChainLength: 1}, op.StatusDamaged},
		{"a damaged certificate of a key", kdb.Summary{Kind: kdb.KindPersonal, ChainLength: 3}, op.StatusDamaged},
		{"a key alone", kdb.Summary{Kind: kdb.KindPersonal}, op.StatusNone},
		{"a certificate without times", kdb.Summary{Kind: kdb.KindTrusted, ChainLength: 1, Serial: "00"}, op.StatusNone},
		{"a certificate without readable times", kdb.Summary{Kind: kdb.KindTrusted}, op.StatusNone},
	} {
		if got := op.StatusOf(&c.s, now); got != c.want {
			t.Errorf("%s: %s, want %s", c.rule, got, c.want)
		}
	}
	entry := op.NewEntry(&within, now)
	if entry.ExpiresInSeconds == nil || *entry.ExpiresInSeconds != 3600 || entry.SANs != nil || entry.Added != nil {
		t.Errorf("%+v", entry)
	}
}

func TestRevocationOf(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web, shop := root.Issue(t, "web"), root.Issue(t, "shop")
	s := optest.New(t, root.Trusted("root"), web.Personal("web"), shop.Personal("shop"))
	id, err := op.IssuerID(root.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	optest.Change(t, s, func(tx kdb.Tx) error {
		r := tx.(kdb.Registry)
		revoked := kdb.Issued{Issuer: id, Serial: web.Serial(t), Certificate: web.Certificate, RevokedAt: optest.Now}
		revoked.Reason = int(cert.KeyCompromise)
		return errors.Join(r.PutIssued(revoked), r.PutIssued(kdb.Issued{Issuer: id, Serial: shop.Serial(t), Certificate: shop.Certificate}))
	})
	for label, want := range map[string]bool{"web": true, "shop": false, "root": false} {
		e := optest.Entry(t, s, label)
		optest.View(t, s, func(tx kdb.Tx) error {
			record, revoked, err := op.RevocationOf(tx, &e)
			if revoked != want {
				t.Errorf("%s: revoked is %v", label, revoked)
			}
			if revoked && op.RevokedOn(record) != "revoked on 2027-03-01T12:00:00Z (keyCompromise)" {
				t.Errorf("%s: %s", label, op.RevokedOn(record))
			}
			return err
		})
	}
	optest.View(t, optest.Kind(t, "jks", root.Trusted("root")), func(tx kdb.Tx) error { // no records
		e := web.Personal("web")
		_, revoked, err := op.RevocationOf(tx, &e)
		if revoked {
			t.Error("revoked by a database without records")
		}
		return err
	})
	if _, err := op.IssuerID([]byte("odd")); err == nil {
		t.Error("an odd issuer has an identifier")
	}
}
