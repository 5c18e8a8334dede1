package issuing_test

import (
	"errors"
	"io/fs"
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

// fieldsOf are the parameters that an error is about.
func fieldsOf(err error) []op.Field {
	if e, ok := errors.AsType[*op.Invalid](err); ok {
		return []op.Field{e.Field}
	}
	if e, ok := errors.AsType[*op.Missing](err); ok {
		return e.Fields
	}
	if e, ok := errors.AsType[*op.Conflict](err); ok {
		return e.Fields
	}
	return nil
}

// TestSpec_refuses: an error about what a certificate is to contain names the parameter.
func TestSpec_refuses(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.NewCA(t, "Root").Personal("root"))
	notJSON := optest.File(t, "x.json", "{")
	for _, c := range []struct {
		rule   string
		change func(*issuing.Spec)
		fields []op.Field
		kind   error
	}{
		{"no name", func(o *issuing.Spec) { o.CommonName = "" }, []op.Field{op.FieldCommonName, op.FieldDN, op.FieldSAN}, op.ErrUsage},
		{"two subjects", func(o *issuing.Spec) { o.DN = "CN=y" }, []op.Field{op.FieldDN, op.FieldCommonName}, op.ErrUsage},
		{"no subject", func(o *issuing.Spec) { o.CommonName, o.DN = "", "web" }, []op.Field{op.FieldDN}, op.ErrUsage},
		{"an empty part", func(o *issuing.Spec) { o.CommonName, o.DN = "", "CN=web,O=" }, []op.Field{op.FieldDN}, op.ErrUsage},
		{"an unknown kind of name", func(o *issuing.Spec) { o.SANs = []string{"odd:x"} }, []op.Field{op.FieldSAN}, op.ErrUsage},
		{"no constraint", func(o *issuing.Spec) { o.Permit = []string{"odd:x"} }, []op.Field{op.FieldPermit}, op.ErrUsage},
		{"no constraint to exclude", func(o *issuing.Spec) { o.Exclude = []string{"odd:x"} }, []op.Field{op.FieldExclude}, op.ErrUsage},
		{"an unknown type of key", func(o *issuing.Spec) { o.KeyType = "rsa1024" }, []op.Field{op.FieldKeyType}, op.ErrUsage},
		{"no time", func(o *issuing.Spec) { o.NotBefore = "noon" }, []op.Field{op.FieldNotBefore}, op.ErrUsage},
		{"no end", func(o *issuing.Spec) { o.Days, o.NotAfter = 0, "noon" }, []op.Field{op.FieldNotAfter}, op.ErrUsage},
		{"two ends", func(o *issuing.Spec) { o.NotAfter = "2030-01-01" }, []op.Field{op.FieldDays, op.FieldNotAfter}, op.ErrUsage},
		{"no day", func(o *issuing.Spec) { o.Days = -1 }, []op.Field{op.FieldDays}, op.ErrUsage},
		{"an extension twice", func(o *issuing.Spec) {
			o.Extensions = []string{"1.2.3=NULL", "1.2.3=NULL"}
		}, []op.Field{op.FieldExtension}, op.ErrUsage},
		{"no extension", func(o *issuing.Spec) { o.Extensions = []string{"x"} }, []op.Field{op.FieldExtension}, op.ErrUsage},
		{"an unknown profile", func(o *issuing.Spec) { o.Profile = "odd" }, nil, op.ErrUsage},
		{"no file of profiles", func(o *issuing.Spec) { o.ProfileFile = "/none/x" }, nil, fs.ErrNotExist},
		{"not a file of profiles", func(o *issuing.Spec) { o.ProfileFile = notJSON }, nil, kdb.ErrParse},
	} {
		o := spec("www.example.com")
		c.change(&o)
		_, errCreate := op.One(ctx, s, issuing.Create{Label: "web", Spec: o})
		_, errRequest := op.One(ctx, s, issuing.Request{Label: "web", Spec: o})
		for what, err := range map[string]error{"create": errCreate, "request": errRequest} {
			if !errors.Is(err, c.kind) || !slices.Equal(fieldsOf(err), c.fields) {
				t.Errorf("%s, %s: fields %s, %v", what, c.rule, fieldsOf(err), err)
			}
		}
	}
	if got := labels(t, s); got != "root" {
		t.Errorf("the labels are %s", got)
	}
}

// TestWeakKeys_needToBeAllowed: and a renewal that would keep one says so.
func TestWeakKeys_needToBeAllowed(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	weak := spec("www.example.com")
	weak.KeyType, weak.Weak = "rsa1024", true
	one(t, s, issuing.Create{Label: "web", Spec: weak})
	_, err := op.One(ctx, s, issuing.Renew{Label: "web", ReuseKey: true})
	if p, ok := errors.AsType[*op.Problem](err); !ok || p.Code != op.WeakKey || p.Label != "web" {
		t.Errorf("renewed: %v", err)
	}
}

// withoutRecords is a PEM file with two CAs, of which one has no certificate, and an entry without a key.
func withoutRecords(t *testing.T) *op.Session {
	t.Helper()
	root := optest.NewCA(t, "Root")
	bare := kdb.Entry{Label: "bare", Kind: kdb.KindPersonal, Key: optest.NewCA(t, "bare").Key}
	return optest.Kind(t, "pem", root.Personal("root"), bare, root.Issue(t, "web").Trusted("web"), optest.Request(t, "pending"))
}

// TestOperations_errorsHaveFields: each operation says by values what it cannot do with which entry.
func TestOperations_errorsHaveFields(t *testing.T) {
	t.Parallel()
	web := spec("www.example.com")
	wrong := func(label string) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*op.WrongKind](err)
			return ok && e.Label == label && e.Reason != ""
		}
	}
	missing := func(fields ...op.Field) func(error) bool {
		return func(err error) bool { return errors.Is(err, op.ErrUsage) && slices.Equal(fieldsOf(err), fields) }
	}
	records := func(err error) bool {
		e, ok := errors.AsType[*op.Unsupported](err)
		return ok && e.Feature == op.FeatureRecords
	}
	found := func(label string) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*op.NotFound](err)
			return ok && e.Label == label
		}
	}
	ca := func(label string) issuing.Authority { return issuing.Authority{Label: label} }
	stranger := pemFile(t, optest.NewCA(t, "Stranger"))
	elsewhere := issuing.Authority{DB: op.DB{Location: "/none/x"}}
	for name, c := range map[string]struct {
		do   func(*op.Session) error
		want func(error) bool
	}{
		"create by an entry without a key":         {failing(issuing.Create{Label: "new", Spec: web, CA: ca("web")}), wrong("web")},
		"create by an entry without a certificate": {failing(issuing.Create{Label: "new", Spec: web, CA: ca("bare")}), wrong("bare")},
		"create by a CA that is not there":         {failing(issuing.Create{Label: "new", Spec: web, CA: ca("none")}), found("none")},
		"create by an unnamed CA":                  {failing(issuing.Create{Label: "new", Spec: web, CA: elsewhere}), missing(op.FieldCA)},
		"create under no label":                    {failing(issuing.Create{Spec: web}), func(err error) bool { return err != nil }},
		"request under no label":                   {failing(issuing.Request{Spec: web}), func(err error) bool { return err != nil }},
		"request again for two kinds of key": {
			failing(issuing.Request{Renew: "root", ReuseKey: true, Spec: issuing.Spec{KeyType: "p256"}}),
			missing(op.FieldReuseKey, op.FieldKeyType),
		},
		"request again for an unknown type of key": {
			failing(issuing.Request{Renew: "root", Spec: issuing.Spec{KeyType: "odd"}}), missing(op.FieldKeyType),
		},
		"request again for a request":   {failing(issuing.Request{Renew: "pending"}), wrong("pending")},
		"renew a request":               {failing(issuing.Renew{Label: "pending"}), wrong("pending")},
		"renew without a key":           {failing(issuing.Renew{Label: "web"}), wrong("web")},
		"renew without a certificate":   {failing(issuing.Renew{Label: "bare"}), wrong("bare")},
		"renew what is not there":       {failing(issuing.Renew{Label: "none"}), found("none")},
		"renew for an unknown type":     {failing(issuing.Renew{Label: "root", KeyType: "odd"}), missing(op.FieldKeyType)},
		"renew by an unnamed CA":        {failing(issuing.Renew{Label: "root", CA: elsewhere}), missing(op.FieldCA)},
		"renew and revoke itself":       {failing(issuing.Renew{Label: "root", Revoke: true}), missing(op.FieldRevoke)},
		"renew and revoke, unrecorded":  {failing(issuing.Renew{Label: "root", Revoke: true, ReuseKey: true, CA: ca("root")}), records},
		"revoke by no CA":               {failing(issuing.Revoke{Serial: "1"}), missing(op.FieldCA)},
		"revoke without records":        {failing(issuing.Revoke{CA: "root", Serial: "1"}), records},
		"a list of no CA":               {failing(issuing.CRL{Format: entries.FormatPEM}), missing(op.FieldCA)},
		"a list in another format":      {failing(issuing.CRL{CA: "root", Format: "odd"}), missing(op.FieldFormat)},
		"a list of no file to look at":  {failing(issuing.CRL{CA: "root", Format: entries.FormatPEM, Before: 1}), missing(op.FieldOut)},
		"a list without records":        {failing(issuing.CRL{CA: "root", Format: entries.FormatPEM}), records},
		"taken over by no CA":           {failing(issuing.TakeOver{}), missing(op.FieldCA)},
		"taken over without records":    {failing(issuing.TakeOver{CA: "root"}), records},
		"sign by no CA":                 {failing(issuing.Sign{Files: []string{"x"}, Spec: issuing.Spec{PathLen: -1}}), missing(op.FieldCA)},
		"sign for an unknown key":       {failing(issuing.Sign{CA: ca("root"), Spec: issuing.Spec{KeyType: "odd"}}), missing(op.FieldKeyType)},
		"receive for no such label":     {failing(issuing.Receive{Files: []string{stranger}, Label: "none"}), found("none")},
		"issued by no CA":               {func(s *op.Session) error { return issuing.Issued{}.Run(ctx, s, nil) }, missing(op.FieldCA)},
		"issued by what has no records": {func(s *op.Session) error { return issuing.Issued{CA: "root"}.Run(ctx, s, nil) }, records},
	} {
		s := withoutRecords(t)
		before := optest.State(t, s)
		if err := c.do(s); !c.want(err) {
			t.Errorf("%s: %v", name, err)
		}
		if after := optest.State(t, s); after != before {
			t.Errorf("%s: %s", name, after)
		}
	}
}

// TestCreate_inADatabaseWithoutRecords: what is issued there cannot be revoked, and the result says so.
func TestCreate_inADatabaseWithoutRecords(t *testing.T) {
	t.Parallel()
	s := withoutRecords(t)
	made := one(t, s, issuing.Create{Label: "new", Spec: spec("new.example"), CA: issuing.Authority{Label: "root"}})
	if !slices.ContainsFunc(made.Notes, func(n string) bool { return strings.Contains(n, "keeps no record") }) {
		t.Errorf("%q", made.Notes)
	}
	optest.Expect(t, s, "bare=personal new=personal pending=request root=personal web=trusted+")
}

// TestRevoke_notTwice: what is revoked stays as it was, but for a hold.
func TestRevoke_notTwice(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	revoke := func(reason string) issuing.Revoke { return issuing.Revoke{CA: "root", Label: "web", Reason: reason} }
	if r := one(t, s, revoke("removeFromCRL")); r.Changed {
		t.Errorf("released what was not on hold: %+v", r)
	}
	hold := one(t, s, revoke("certificateHold"))
	if again := one(t, s, revoke("")); again.Changed || again.Reason != "certificateHold" {
		t.Errorf("without a reason: %+v", again)
	}
	final := one(t, s, revoke("keyCompromise"))
	if !final.Changed || final.Reason != "keyCompromise" || !final.RevokedAt.Equal(*hold.RevokedAt) {
		t.Errorf("for good: %+v", final)
	}
	if again := one(t, s, revoke("superseded")); again.Changed || again.Reason != "keyCompromise" {
		t.Errorf("for another reason: %+v", again)
	}
	if _, err := op.One(ctx, s, revoke("removeFromCRL")); !errors.Is(err, kdb.ErrExists) || !strings.Contains(err.Error(), "keyCompromise") {
		t.Errorf("released: %v", err)
	}
	if _, err := op.One(ctx, s, revoke("odd")); !errors.Is(err, op.ErrUsage) {
		t.Errorf("an unknown reason: %v", err)
	}
	all := revoke("removeFromCRL")
	all.All = true
	if _, err := op.One(ctx, s, all); !errors.Is(err, op.ErrUsage) {
		t.Errorf("all released at once: %v", err)
	}
}

// TestIssued_oneOfThem: by its serial number as any program prints it, with its certificate on request.
func TestIssued_oneOfThem(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	all := issued(t, s)
	one := func(serial string) (list []issuing.IssuedCertificate, err error) {
		o := issuing.Issued{CA: "root", Serial: serial, WithPEM: true, WithIndex: true}
		err = o.Run(ctx, s, func(found []issuing.IssuedCertificate) error { list = found; return nil })
		return list, err
	}
	for _, serial := range []string{all[0].Serial, "0x00" + strings.ToUpper(all[0].Serial)} {
		got, err := one(serial)
		if err != nil || len(got) != 1 || got[0].SHA256 != all[0].SHA256 || !strings.Contains(got[0].PEM, "BEGIN CERT") || got[0].Index == "" {
			t.Errorf("%s: %+v, %v", serial, got, err)
		}
	}
	_, err := one("0")
	if p, ok := errors.AsType[*op.Problem](err); !ok || p.Code != op.NotIssued || p.Found != "00" || p.Label != "root" {
		t.Errorf("0: %v", err)
	}
	if all[0].PEM+all[0].Index != "" {
		t.Error("the certificate comes without being asked for")
	}
}

// TestSign_folders: a folder stands for its requests, which are known by their names or by what is in them.
func TestSign_folders(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	folder, out := t.TempDir(), filepath.Join(t.TempDir(), "signed")
	request := func(name string) string {
		return one(t, newSession(t), issuing.Request{Label: name, Spec: spec(name + ".example.com")}).PEM
	}
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("a.csr", request("a"))
	put("b.PEM", request("b"))
	put("c.p10", request("c"))
	put("cert.pem", optest.PEM(optest.NewCA(t, "x").Trusted("")))
	put("notes.txt", request("d"))
	if err := os.Mkdir(filepath.Join(folder, "sub.csr"), 0o700); err != nil {
		t.Fatal(err)
	}
	sign := issuing.Sign{
		CA: issuing.Authority{Label: "root"}, Files: []string{folder}, Out: op.Output{Path: out}, Spec: issuing.Spec{PathLen: -1}, DER: true,
	}
	signed := one(t, s, sign)
	var subjects []string
	for _, c := range signed.Certificates {
		subjects = append(subjects, c.Subject)
		if der, err := os.ReadFile(c.Out); err != nil || len(der) == 0 || der[0] != 0x30 {
			t.Errorf("%s: %v", c.Out, err)
		}
	}
	if got := strings.Join(subjects, " "); got != "CN=a.example.com CN=b.example.com CN=c.example.com" {
		t.Errorf("signed %s", got)
	}
	if _, err := op.One(ctx, s, sign); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over existing files: %v", err)
	}
	if n := len(issued(t, s)); n != 4 {
		t.Errorf("%d are recorded", n)
	}
}

// TestSign_refuses: nothing is issued if one of the requests, or the place for one certificate, is not as it should be.
func TestSign_refuses(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	text := one(t, newSession(t), issuing.Request{Label: "a", Spec: spec("a.example.com")}).PEM
	csr, two := optest.File(t, "a.csr", text), optest.File(t, "two.csr", text+text)
	twin := optest.File(t, "a.req", text)
	none, broken := optest.File(t, "none.csr", optest.PEM(optest.NewCA(t, "x").Trusted(""))), optest.File(t, "broken.csr", "-----BEGIN X\n")
	taken := t.TempDir()
	if err := os.WriteFile(filepath.Join(taken, "a.crt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule  string
		files []string
		out   string
		want  error
	}{
		{"no such file", []string{"/none/x.csr"}, "x", fs.ErrNotExist},
		{"an empty folder", []string{t.TempDir()}, "x", kdb.ErrParse},
		{"two requests in a file", []string{two}, "x", kdb.ErrParse},
		{"no request in a file", []string{none}, "x", kdb.ErrParse},
		{"not PEM", []string{csr, broken}, t.TempDir(), kdb.ErrParse},
		{"several to standard output", []string{csr, two}, "", op.ErrUsage},
		{"two to one file", []string{csr, twin}, t.TempDir(), op.ErrUsage},
		{"over an existing file", []string{csr}, taken, fs.ErrExist},
	} {
		if c.out == "x" {
			c.out = filepath.Join(t.TempDir(), "x.crt")
		}
		o := issuing.Sign{CA: issuing.Authority{Label: "root"}, Files: c.files, Out: op.Output{Path: c.out}, Spec: issuing.Spec{PathLen: -1}}
		if _, err := op.One(ctx, s, o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.rule, err)
		}
		if n := len(issued(t, s)); n != 1 {
			t.Fatalf("%s: %d are recorded", c.rule, n)
		}
	}
}

// TestEnsure_whatIsOver: an entry that has expired, was revoked or is of another kind does not fulfil what is asked for.
func TestEnsure_whatIsOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule   string
		change func(*testing.T, *op.Session)
		found  string // part of what the error says
	}{
		{"expired", func(_ *testing.T, s *op.Session) {
			later := s.Env.Now().AddDate(0, 0, 31)
			s.Env.Now = func() time.Time { return later }
		}, "it expired on"},
		{"revoked", func(t *testing.T, s *op.Session) { one(t, s, issuing.Revoke{CA: "root", Label: "web"}) }, "it was revoked on"},
		{"not personal", func(t *testing.T, s *op.Session) {
			root := optest.NewCA(t, "www.example.com")
			optest.Change(t, s, func(tx kdb.Tx) error { return errors.Join(tx.Delete("web"), tx.Put(root.Trusted("web"))) })
		}, "it is a trusted entry"},
	} {
		s := withCA(t)
		c.change(t, s)
		before := optest.State(t, s)
		create := issuing.Create{Label: "web", Spec: spec("www.example.com"), CA: issuing.Authority{Label: "root"}, Ensure: true}
		request := issuing.Request{Label: "web", Spec: spec("www.example.com"), Ensure: true}
		_, errCreate := op.One(ctx, s, create)
		_, errRequest := op.One(ctx, s, request)
		for what, err := range map[string]error{"create": errCreate, "request": errRequest} {
			if e, ok := errors.AsType[*op.Exists](err); !ok || !e.Ensure || e.Label != "web" || !strings.Contains(e.Found, c.found) {
				t.Errorf("%s, %s: %v", what, c.rule, err)
			}
		}
		if after := optest.State(t, s); after != before {
			t.Errorf("%s: %s", c.rule, after)
		}
		create.Replace = true
		if made := one(t, s, create); !made.Changed {
			t.Errorf("%s, replaced: %+v", c.rule, made)
		}
	}
}

// TestRequest_ensuredTogether: of several runs at the same time one makes the request and its file, and all succeed.
func TestRequest_ensuredTogether(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	o := issuing.Request{Label: "a", Spec: spec("a.example.com"), Ensure: true, Out: op.Output{Path: filepath.Join(t.TempDir(), "a.csr")}}
	results := make(chan error, 8)
	for range cap(results) {
		own, env := *s, *s.Env // a session is one process's
		own.Env = &env
		go func() {
			_, err := op.One(ctx, &own, o)
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// TestRequest_ensuresItsFile: a request that is here already is written to its file again if that is not the one.
func TestRequest_ensuresItsFile(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	out := op.Output{Path: filepath.Join(t.TempDir(), "a.csr")}
	ensure := issuing.Request{Label: "a", Spec: spec("a.example.com"), Ensure: true, Out: out}
	first := one(t, s, ensure)
	for range 2 {
		again := one(t, s, ensure)
		text, err := os.ReadFile(out.Path)
		if again.Changed || err != nil || string(text) != first.PEM || again.Out != out.Path {
			t.Errorf("%+v, %v, %s", again, err, text)
		}
		if err := os.Remove(out.Path); err != nil {
			t.Fatal(err)
		}
	}
	other := issuing.Request{Label: "a", Spec: spec("b.example.com"), Ensure: true}
	if _, err := op.One(ctx, s, other); !errors.Is(err, kdb.ErrExists) {
		t.Errorf("for another name: %v", err)
	}
}
