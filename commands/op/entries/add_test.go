package entries_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/pki/pbe"
)

func added(a entries.Added) string { return text(a.Changed) }

// withoutParseErrors is added without the reasons of what was passed over.
func withoutParseErrors(a entries.Added) string {
	for i := range a.Actions {
		if a.Actions[i].Action == entries.ActionSkipped && a.Actions[i].Reason != "" {
			a.Actions[i].Reason = ""
		}
	}
	return added(a)
}

func TestAdd(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web, web2 := root.Issue(t, "web"), root.Issue(t, "web")
	certificate := optest.File(t, "root.pem", optest.PEM(root.Trusted("")))
	pair := optest.File(t, "web.pem", optest.PEM(web.Personal("")))
	sub := root.CA(t, "Sub")
	forged := optest.NewCA(t, "Sub", func(c *x509.Certificate) {
		real, _ := sub.Parts()
		c.SubjectKeyId, c.AuthorityKeyId = real.SubjectKeyId, real.SubjectKeyId
	})
	alone := sub.Issue(t, "web").Personal("")
	alone.Certificates = alone.Certificates[:1]
	withForged := optest.File(t, "forged.pem", optest.PEM(alone, forged.Trusted("")))
	chain := optest.File(t, "chain.pem", optest.PEM(sub.Trusted(""), root.Trusted("")))
	bundle := optest.File(t, "bundle.pem", optest.PEM(web.Trusted(""), web2.Trusted("")))
	old := root.Until(t, "old", optest.Now.AddDate(0, 0, -1))
	mixed := optest.File(t, "mixed.pem", optest.PEM(root.Trusted(""), old.Trusted("")))
	broken := optest.File(t, "broken.pem", optest.PEM(root.Trusted(""))+"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
	store := optest.Store(t, "a.jks", web.Personal("web"), root.Trusted("root"))
	rootLabel, second := entryOf(root), entryOf(web2)
	for _, c := range []struct {
		rule, done, state string
		add               entries.Add
		have              []kdb.Entry
	}{
		{"a root is trusted", rootLabel + " added!", rootLabel + "=trusted+", entries.Add{Files: []string{certificate}}, nil},
		{"unless it is not to be", "root added!", "root=trusted", entries.Add{Files: []string{certificate}, Label: "root", NoTrust: true}, nil},
		{
			"what comes along with a root is not trusted", entryOf(sub) + " added (it is not trusted), " + rootLabel + " added!",
			rootLabel + "=trusted+ " + entryOf(sub) + "=trusted",
			entries.Add{Files: []string{chain}},
			nil,
		},
		{
			"unless all is to be", entryOf(sub) + " added, " + rootLabel + " added!",
			rootLabel + "=trusted+ " + entryOf(sub) + "=trusted+",
			entries.Add{Files: []string{chain}, Trust: true},
			nil,
		},
		{"a certificate with its key", "web added!", "web=personal", entries.Add{Files: []string{pair}, Label: "web"}, nil},
		{
			"a forged issuer that comes with them", "web added, " + entryOf(forged) + " added (it is not trusted)!",
			entryOf(forged) + "=trusted web=personal",
			entries.Add{Files: []string{withForged}, Label: "web", LabelFirst: true},
			nil,
		},
		{
			"a key store", "root added, web added!", "root=trusted+ web=personal",
			entries.Add{Files: []string{store}, InPassword: optest.Secrets()},
			nil,
		},
		{"one of a key store", "web added!", "web=personal", entries.Add{Files: []string{store}, InPassword: optest.Secrets(), Only: "web"}, nil},
		{
			"the label is that of the first", "first added, " + second + " added!", "first=trusted+ " + second + "=trusted+",
			entries.Add{Files: []string{bundle}, Label: "first", LabelFirst: true, Trust: true},
			nil,
		},
		{
			"two of one subject, a name of the input", "CN=web added, CN=web (2) added!", "CN=web=trusted+ CN=web (2)=trusted+",
			entries.Add{Files: []string{bundle}, LabelBySubject: true, Trust: true},
			nil,
		},
		{
			"other labels than the input's", "root added, shop added!", "root=trusted+ shop=personal",
			entries.Add{Files: []string{store}, InPassword: optest.Secrets(), Labels: map[string]string{"web": "shop"}},
			nil,
		},
		{
			"what cannot be read is passed over", " skipped, " + rootLabel + " added!", rootLabel + "=trusted+",
			entries.Add{Files: []string{broken}, SkipInvalid: true},
			nil,
		},
		{
			"what has expired is left out", rootLabel + " added!", rootLabel + "=trusted+",
			entries.Add{Files: []string{mixed}, ValidAfter: optest.Now},
			nil,
		},
		{
			"a private key that is ignored", "web added!", "web=trusted+",
			entries.Add{Files: []string{pair}, Label: "web", CertificatesOnly: true, IgnoreKeys: true, Trust: true},
			nil,
		},
		{"the same again", "web unchanged", "web=personal", entries.Add{Files: []string{pair}, Label: "web"}, []kdb.Entry{web.Personal("web")}},
		{
			"the certificate of a key that is there", "web unchanged", "web=personal",
			entries.Add{Files: []string{optest.File(t, "c.pem", optest.PEM(web.Trusted("")))}, Label: "web"},
			[]kdb.Entry{web.Personal("web")},
		},
		{
			"trust that was taken does not come back", "root unchanged (it is not trusted)", "root=trusted",
			entries.Add{Files: []string{certificate}, Label: "root"},
			[]kdb.Entry{{Label: "root", Kind: kdb.KindTrusted, Certificates: [][]byte{root.Certificate}}},
		},
		{
			"replaced: the default stays", "web replaced!", "web=personal*",
			entries.Add{Files: []string{pair}, Label: "web", Replace: true},
			[]kdb.Entry{web2.Default("web")},
		},
		{
			"replaced: trust that is lost is reported",
			"root replaced (no longer trusted: the old certificate was, the new one is not)!", "root=personal",
			entries.Add{Files: []string{pair}, Label: "root", Replace: true},
			[]kdb.Entry{root.Trusted("root")},
		},
		{
			"replaced by another kind: the default mark that is lost is reported",
			"web replaced (no longer the default entry: a trusted cannot be)!", "web=trusted+",
			entries.Add{Files: []string{certificate}, Label: "web", Replace: true},
			[]kdb.Entry{web.Default("web")},
		},
	} {
		t.Run(strings.ReplaceAll(c.rule, " ", "_"), func(t *testing.T) {
			t.Parallel()
			got := optest.Try(t, c.add, withoutParseErrors, c.have...)
			if got.Err != nil || got.Text != c.done || got.State != c.state {
				t.Errorf("%s, %v; the database holds %s", got.Text, got.Err, got.State)
			}
		})
	}
}

// entryOf is the label of an identity's certificate in a file.
func entryOf(i *optest.Identity) string {
	e := i.Trusted("")
	return kdb.AutoLabel(&e)
}

func TestAdd_refused(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web")
	pair := optest.File(t, "web.pem", optest.PEM(web.Personal("")))
	bundle := optest.File(t, "bundle.pem", optest.PEM(web.Trusted(""), root.Trusted("")))
	other := []kdb.Entry{root.Trusted("web")}
	for _, c := range []struct {
		rule string
		add  entries.Add
		show func(error) string
		want string
		err  error
	}{
		{
			"other content under the label",
			entries.Add{Files: []string{pair}, Label: "web"},
			as[*op.Exists],
			`label "web": label exists already with other content`, kdb.ErrExists,
		},
		{
			"all or nothing",
			entries.Add{Files: []string{bundle}, Label: "new"},
			as[*op.Invalid],
			fmt.Sprintf(`wrong usage: label "new": it is for one entry, and the input has %q, %q`, entryOf(web), entryOf(root)), op.ErrUsage,
		},
		{
			"a private key",
			entries.Add{Files: []string{pair}, CertificatesOnly: true},
			as[error],
			"wrong usage: the input has a private key, and only certificates are expected", op.ErrUsage,
		},
		{
			"nothing of that name",
			entries.Add{Files: []string{bundle}, Only: "none"},
			as[*op.NotFound],
			`label "none": no such label in the input`, kdb.ErrNotFound,
		},
		{"no such file", entries.Add{Files: []string{"/none/x.pem"}}, as[error], `reading "/none/x.pem": file does not exist`, fs.ErrNotExist},
		{"bad pieces", entries.Add{Files: []string{optest.File(t, "x.pem", "hello\n")}}, func(error) string { return "" }, "", kdb.ErrParse},
		{"an empty file", entries.Add{Files: []string{optest.File(t, "x.pem", "")}}, func(error) string { return "" }, "", kdb.ErrParse},
		{
			"no password of a key store", entries.Add{Files: []string{optest.Store(t, "a.jks", web.Personal("web"))}}, func(err error) string {
				p, ok := errors.AsType[*op.Problem](err)
				if !ok {
					return fmt.Sprint(err)
				}
				return fmt.Sprint(p.Code == op.NoPassword, " ", p.Found)
			}, "true password", kdb.ErrNoPassword,
		},
	} {
		t.Run(strings.ReplaceAll(c.rule, " ", "_"), func(t *testing.T) {
			t.Parallel()
			got := optest.Try(t, c.add, added, other...)
			if c.show(got.Err) != c.want || !errors.Is(got.Err, c.err) || got.State != "web=trusted+" {
				t.Errorf("%v, %s; the database holds %s", got.Err, c.show(got.Err), got.State)
			}
		})
	}
}

// TestAdd_standardInput: it cannot be read twice, and Apply runs more than once.
func TestAdd_standardInput(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	s := optest.Twice(optest.New(t))
	s.Env.Stdin = strings.NewReader(optest.PEM(root.Trusted("")))
	done, err := op.One(ctx, s, entries.Add{Files: []string{"-"}, Label: "root"})
	if err != nil || added(done) != "root added!" {
		t.Errorf("%s, %v", added(done), err)
	}
	optest.Expect(t, s, "root=trusted+")
}

// TestAdd_asksForAPasswordOnce: however often Apply runs; and not before it is needed.
func TestAdd_asksForAPasswordOnce(t *testing.T) {
	t.Parallel()
	e := optest.NewCA(t, "Root").Issue(t, "web").Personal("")
	algorithm, ciphertext, err := pbe.Encrypt(e.Key, []byte(optest.Password), pbe.AES256, 1000)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := pbe.JoinPKCS8(algorithm, ciphertext)
	file := optest.File(t, "web.pem", op.PEMString("ENCRYPTED PRIVATE KEY", encrypted)+op.PEMString("CERTIFICATE", e.Certificates[0]))
	read := 0
	password := optest.Secrets()
	password.Seen = func([]byte) { read++ }
	s := optest.Twice(optest.New(t))
	done, err := op.One(ctx, s, entries.Add{Files: []string{file}, Label: "web", InPassword: password})
	if err != nil || added(done) != "web added!" || read != 1 {
		t.Errorf("%s, %v, %d passwords", added(done), err, read)
	}
	if got := optest.Entry(t, s, "web"); string(got.Key) != string(e.Key) {
		t.Error("the key differs")
	}
	_, err = op.One(ctx, optest.New(t), entries.Add{Files: []string{file}, Label: "web", InPassword: op.Password{Field: op.FieldInPassword}})
	if p, ok := errors.AsType[*op.Problem](err); !ok || p.Code != op.NoPassword || p.Found != "in-password" {
		t.Errorf("no terminal: %v", err)
	}
}

func TestAdded_counts(t *testing.T) {
	t.Parallel()
	a := entries.Added{Changed: entries.Changed{Actions: []entries.Action{
		{Action: entries.ActionAdded}, {Action: entries.ActionUnchanged}, {Action: entries.ActionAdded},
	}}}
	if got := a.Counts(); got != "3 entries: 2 added, 1 unchanged" {
		t.Error(got)
	}
}

// TestAdd_toAJavaKeyStore: a dry run says what the run does, in a format that takes labels for one if they differ in case alone.
func TestAdd_toAJavaKeyStore(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	lower, upper, other := root.Trusted("web"), root.Trusted("WEB"), optest.NewCA(t, "Other").Trusted("Web")
	for _, c := range []struct {
		rule    string
		have    []kdb.Entry
		add     []kdb.Entry
		replace bool
		want    string
	}{
		{"one label", nil, []kdb.Entry{lower, upper}, false, "web added, web unchanged!"},
		{"new labels in lower case", nil, []kdb.Entry{upper}, false, "web added!"},
		{"a label that is there", []kdb.Entry{lower}, []kdb.Entry{upper}, false, "web unchanged"},
		{"other content", []kdb.Entry{lower}, []kdb.Entry{other}, false, `label "Web": label exists already with other content`},
		{"replaced", []kdb.Entry{lower}, []kdb.Entry{other}, true, "web replaced!"},
	} {
		s, err := op.Open(ctx, optest.Env(), op.DB{Location: optest.Store(t, "trust.jks", c.have...), Password: optest.Secrets()})
		if err != nil {
			t.Fatal(err)
		}
		s.DryRun = true
		dry := copyEach(t, s, c.add, c.replace)
		s.DryRun = false
		if got := copyEach(t, s, c.add, c.replace); got != c.want || dry != got {
			t.Errorf("%s: %s, want %s; a dry run says %s", c.rule, got, c.want, dry)
		}
		s.Close()
	}
}

// copyEach copies entries from databases of their own, together, and says what was done.
func copyEach(t *testing.T, s *op.Session, list []kdb.Entry, replace bool) string {
	t.Helper()
	results := make([]entries.Added, len(list))
	var steps []op.Step
	for i, e := range list {
		steps = append(steps, op.Do(entries.Copy{From: optest.New(t, e), All: true, Replace: replace}, &results[i]))
	}
	if err := op.Run(ctx, s, "", steps...); err != nil {
		return err.Error()
	}
	var whole entries.Changed
	for _, r := range results {
		whole.Actions, whole.Changed = append(whole.Actions, r.Actions...), whole.Changed || r.HasChanged()
	}
	return text(whole)
}

// A file without marks trusts all that it has, and what is added or copied from it is trusted by the same rule.
func TestAdd_trustByTheKindOfDatabase(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub")
	chain := optest.File(t, "chain.pem", optest.PEM(sub.Trusted(""), root.Trusted("")))
	for format, want := range map[string]string{
		"pem": "2 entries: 2 added, 2 now trusted", "jks": "2 entries: 2 added, 2 now trusted",
		"ckdb":   "2 entries: 2 added, 1 now trusted",
		"pkcs12": "2 entries: 2 added, 1 now trusted", "cms": "2 entries: 2 added, 1 now trusted",
	} {
		done, err := op.One(t.Context(), optest.Kind(t, format), entries.Add{Files: []string{chain}})
		if err != nil || !strings.HasPrefix(done.Counts()+",", want+",") {
			t.Errorf("%s: %s, %v; want %s", format, done.Counts(), err, want)
		}
		for _, source := range []string{"pem", "pkcs7", "der"} {
			from := optest.Kind(t, source, sub.Trusted("sub"), root.Trusted("root"))
			done, err := op.One(t.Context(), optest.Kind(t, format), entries.Copy{From: from, All: true})
			if err != nil || !strings.HasPrefix(done.Counts()+",", want+",") {
				t.Errorf("copied from %s to %s: %s, %v; want %s", source, format, done.Counts(), err, want)
			}
		}
	}
	from := optest.Kind(t, "jks", sub.Trusted("sub"), root.Trusted("root")) // a Java trust store marks what it trusts
	done, err := op.One(t.Context(), optest.New(t), entries.Copy{From: from, All: true})
	if err != nil || !strings.Contains(done.Counts(), "2 now") {
		t.Errorf("from jks: %s, %v", done.Counts(), err)
	}
	_, err = op.One(t.Context(), optest.New(t), entries.Add{Files: []string{chain}, Trust: true, NoTrust: true})
	if !errors.Is(err, op.ErrUsage) {
		t.Errorf("all and none: %v", err)
	}
}
