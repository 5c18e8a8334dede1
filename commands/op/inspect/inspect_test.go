package inspect_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/pbe"
)

var ctx = context.Background()

// listed runs a List and joins labels and states.
func listed(s *op.Session, o inspect.List) (string, error) {
	var all []string
	err := o.Run(ctx, s, func(entries []op.Entry) error {
		for _, e := range entries {
			all = append(all, e.Label+" "+string(e.Status))
		}
		return nil
	})
	return strings.Join(all, ", "), err
}

func TestList(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	old, soon := root.Until(t, "old", optest.Now.Add(-time.Hour)), root.Until(t, "soon", optest.Now.Add(time.Hour))
	kept := kdb.Entry{Label: "kept", Kind: kdb.KindTrusted, Certificates: [][]byte{optest.NewCA(t, "Kept").Certificate}}
	s := optest.New(t, kept, root.Trusted("root"), old.Personal("a/old"),
		soon.Personal("soon"), optest.Request(t, "pending"), optest.Secret("aes"))
	for _, c := range []struct {
		rule string
		o    inspect.List
		want string
	}{
		{"everything", inspect.List{}, "a/old expired, aes -, kept valid, pending pending, root valid, soon valid"},
		{"a pattern, in which slashes are ordinary", inspect.List{Pattern: "a*"}, "a/old expired, aes -"},
		{"a pattern without wildcards", inspect.List{Pattern: "root"}, "root valid"},
		{"a pattern that begins like no label", inspect.List{Pattern: "rooted*"}, ""},
		{"a quoted wildcard", inspect.List{Pattern: `ro\ot`}, "root valid"},
		{"labels alone", inspect.List{LabelsOnly: true}, "a/old , aes , kept , pending , root , soon "},
		{"what is not trusted", inspect.List{Kind: "distrusted"}, "kept valid"},
		{"trusted certificates alone", inspect.List{Kind: "trusted"}, "root valid"},
		{"what is trusted, whatever its kind", inspect.List{Trusted: true}, "root valid"},
		{"what a bundle shows", inspect.List{Bundle: true, Pattern: "[kr]*"}, "root valid"},
		{"an untrusted one by its label", inspect.List{Bundle: true, Pattern: "kept"}, "kept valid"},
		{"untrusted ones of a bundle", inspect.List{Bundle: true, Kind: "distrusted"}, "kept valid"},
		{"labels of a kind", inspect.List{LabelsOnly: true, Kind: "request"}, "pending "},
		{"a set of letters", inspect.List{Pattern: "[rs]o*"}, "root valid, soon valid"},
		{"a kind", inspect.List{Kind: "request"}, "pending pending"},
		{"what has expired", inspect.List{Expired: true}, "a/old expired"},
		{"what will expire, or has", inspect.List{Expiring: 2 * time.Hour}, "a/old expired, soon valid"},
		{"within just that time", inspect.List{Expiring: time.Hour, Kind: "personal"}, "a/old expired, soon valid"},
		{"to the second", inspect.List{Expiring: time.Hour - time.Second, Kind: "personal"}, "a/old expired"},
		{"nothing", inspect.List{Pattern: "none"}, ""},
	} {
		if got, err := listed(s, c.o); got != c.want || err != nil {
			t.Errorf("%s: %s, %v; want %s", c.rule, got, err, c.want)
		}
	}
	if got, err := listed(optest.New(t, root.Trusted("root[1]"), root.Trusted("root1")), inspect.List{Pattern: "root[1]"}); err != nil ||
		got != "root1 valid, root[1] valid" {
		t.Errorf("a label that looks like a pattern: %s, %v", got, err)
	}
	for field, o := range map[op.Field]inspect.List{op.FieldPattern: {Pattern: "[a"}, op.FieldKind: {Kind: "odd"}} {
		_, err := listed(s, o)
		if e, ok := errors.AsType[*op.Invalid](err); !ok || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	stop := errors.New("stop")
	if err := (inspect.List{}).Run(ctx, s, func([]op.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a reader that stops: %v", err)
	}
}

func TestList_certificatesOnlyOnRequest(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.NewCA(t, "Root").Trusted("root"))
	for _, with := range []bool{false, true} {
		err := inspect.List{WithPEM: with}.Run(ctx, s, func(entries []op.Entry) error {
			if len(entries) != 1 || (len(entries[0].PEM) == 1) != with {
				t.Errorf("with PEM %v: %+v", with, entries)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestList_inChunks: every entry comes once, whatever is changed between two looks.
func TestList_inChunks(t *testing.T) {
	t.Parallel()
	s := optest.New(t)
	const n = 4500
	optest.Change(t, s, func(tx kdb.Tx) error {
		for i := range n {
			if err := tx.Put(optest.Secret(fmt.Sprintf("%05d", i))); err != nil {
				return err
			}
		}
		return nil
	})
	var labels []string
	chunks := 0
	err := inspect.List{}.Run(ctx, s, func(entries []op.Entry) error {
		if chunks++; chunks == 1 { // nothing is locked now
			optest.Change(t, s, func(tx kdb.Tx) error { return errors.Join(tx.Delete("00000"), tx.Put(optest.Secret("00000a"))) })
		}
		for _, e := range entries {
			labels = append(labels, e.Label)
		}
		return nil
	})
	if err != nil || chunks < 3 || len(labels) != n || labels[0] != "00000" || labels[n-1] != "04499" {
		t.Errorf("%d labels in %d chunks, %v", len(labels), chunks, err)
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web.example")
	s := optest.New(t, root.Trusted("root"), web.Default("web"), optest.Request(t, "pending"))
	shown, err := inspect.Show{Label: "web"}.Run(ctx, s)
	if err != nil || !shown.HasKey || !shown.Default || len(shown.Certificates) != 1 || shown.Status != op.StatusValid {
		t.Errorf("%+v, %v", shown, err)
	}
	c := shown.Certificates[0]
	if c.Subject != "CN=web.example" || c.Issuer != "CN=Root" || c.Serial != web.Serial(t) || len(c.Extensions) == 0 || c.Version != 3 {
		t.Errorf("%+v", c)
	}
	if shown, err = (inspect.Show{Label: "root"}).Run(ctx, s); err != nil || shown.HasKey || !shown.CA || !shown.Trusted {
		t.Errorf("%+v, %v", shown, err)
	}
	shown, err = inspect.Show{Label: "pending"}.Run(ctx, s)
	if err != nil || !shown.HasKey || !strings.Contains(shown.RequestPEM, "CERTIFICATE REQUEST") {
		t.Errorf("%+v, %v", shown, err)
	}
	_, err = inspect.Show{Label: "none"}.Run(ctx, s)
	if e, ok := errors.AsType[*op.NotFound](err); !ok || e.Label != "none" {
		t.Errorf("%v", err)
	}
}

// revoke records that a CA revoked a certificate.
func revoke(t *testing.T, s *op.Session, ca, of *optest.Identity, at time.Time) {
	t.Helper()
	id, err := op.IssuerID(ca.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	optest.Change(t, s, func(tx kdb.Tx) error {
		return tx.(kdb.Registry).PutIssued(kdb.Issued{
			Issuer: id, Serial: of.Serial(t), Certificate: of.Certificate, RevokedAt: at, Reason: int(cert.KeyCompromise),
		})
	})
}

func TestShow_revoked(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web")
	s := optest.New(t, root.Trusted("root"), web.Personal("web"))
	revoke(t, s, root, web, optest.Now)
	shown, err := inspect.Show{Label: "web"}.Run(ctx, s)
	if err != nil || shown.Status != op.StatusRevoked || shown.Reason != "keyCompromise" || !shown.RevokedAt.Equal(optest.Now) {
		t.Errorf("%+v, %v", shown, err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	root, stranger := optest.NewCA(t, "Root"), optest.NewCA(t, "Stranger")
	sub := root.CA(t, "Sub")
	web, old, lost := sub.Issue(t, "web.example"), root.Until(t, "old", optest.Now.Add(-time.Hour)), stranger.Issue(t, "lost")
	gone, later := root.Issue(t, "gone"), root.Issue(t, "later")
	s := optest.New(t, root.Trusted("root"), web.Personal("web"), old.Personal("old"), lost.Personal("lost"), gone.Personal("gone"),
		later.Personal("later"), optest.Secret("aes"))
	optest.Put(t, s, root.Issue(t, "weak", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }).Personal("weak"))
	revoke(t, s, root, gone, optest.Now.Add(-time.Hour))
	revoke(t, s, root, later, optest.Now.Add(time.Hour))
	file := optest.File(t, "web.pem", optest.PEM(sub.Trusted(""), web.Trusted("")))
	trust := optest.File(t, "stranger.pem", optest.PEM(stranger.Trusted("")))
	for _, c := range []struct {
		rule  string
		o     inspect.Validate
		valid bool
		want  string // part of the error
	}{
		{"through an intermediate CA", inspect.Validate{Labels: []string{"web"}}, true, ""},
		{"for its host", inspect.Validate{Labels: []string{"web"}, Host: "web.example"}, true, ""},
		{"for another host", inspect.Validate{Labels: []string{"web"}, Host: "shop.example"}, false, "shop.example"},
		{"for another purpose by its long name", inspect.Validate{Labels: []string{"web"}, Purpose: "emailProtection"}, false, "certificate 0"},
		{"for its purpose by its long name", inspect.Validate{Labels: []string{"web"}, Purpose: "serverAuth"}, true, ""},
		{"for another purpose", inspect.Validate{Labels: []string{"web"}, Purpose: "email"}, false, "certificate 0"},
		{"a file, whatever its order", inspect.Validate{Files: []string{file}}, true, ""},
		{"expired", inspect.Validate{Labels: []string{"old"}}, false, "old: certificate 0: "},
		{"at a time when it was not", inspect.Validate{Labels: []string{"old"}, At: "2026-12-01"}, true, ""},
		{"not trusted", inspect.Validate{Labels: []string{"lost"}}, false, "lost: certificate 0: "},
		{"trusted by a file", inspect.Validate{Labels: []string{"lost"}, Trust: []string{trust}}, true, ""},
		{"by that file alone", inspect.Validate{Labels: []string{"web"}, Trust: []string{trust}, OnlyThese: true}, false, "web: "},
		{"revoked by its CA here", inspect.Validate{Labels: []string{"gone"}}, false, "revoked on 2027-03-01T11:00:00Z (keyCompromise)"},
		{"revoked later", inspect.Validate{Labels: []string{"later"}}, true, ""},
		{"one of several", inspect.Validate{Labels: []string{"web", "old", "lost"}}, false, "(the first of 2)"},
		{"a usage that it has, by its identifier", inspect.Validate{Labels: []string{"web"}, Purpose: "1.3.6.1.5.5.7.3.1"}, true, ""},
		{"a usage that it lacks", inspect.Validate{Labels: []string{"web"}, Purpose: "1.3.6.1.5.5.7.3.4"}, false, "certificate 0"},
		{"an e-mail address, which wants that usage", inspect.Validate{Labels: []string{"web"}, Host: "web@web.example"}, false, "certificate 0"},
		{"a policy that it lacks", inspect.Validate{Labels: []string{"web"}, Policies: []string{"1.2.3"}, ExplicitPolicy: true}, false, "polic"},
		{"any policy, explicitly", inspect.Validate{Labels: []string{"web"}, Policies: []string{"any"}, ExplicitPolicy: true}, false, "polic"},
		{"signed with SHA-1", inspect.Validate{Labels: []string{"weak"}}, false, "weak: certificate 0"},
		{"signed with SHA-1, which is allowed", inspect.Validate{Labels: []string{"weak"}, AllowWeak: true}, true, ""},
		{"no depth at all", inspect.Validate{Labels: []string{"web"}, MaxDepth: 1}, false, "web: "},
	} {
		c.o.MaxDepth-- // no limit, unless the case has one
		got, err := c.o.Run(ctx, s)
		if got.Valid != c.valid || (err == nil) != c.valid || len(got.Results) != len(c.o.Labels)+len(c.o.Files) {
			t.Errorf("%s: %+v, %v", c.rule, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), c.want) || op.ClassOf(err) != op.ClassValidation) {
			t.Errorf("%s: %v, want %q", c.rule, err, c.want)
		}
	}
}

func TestValidate_refuses(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.Secret("aes"), optest.NewCA(t, "Root").Trusted("root"))
	web := []string{"root"}
	field := func(err error) op.Field {
		if e, ok := errors.AsType[*op.Invalid](err); ok {
			return e.Field
		}
		return ""
	}
	for _, c := range []struct {
		rule  string
		o     inspect.Validate
		field op.Field
		err   error
	}{
		{"nothing", inspect.Validate{}, "", op.ErrUsage},
		{"no such label", inspect.Validate{Labels: []string{"none"}}, "", kdb.ErrNotFound},
		{"no certificate", inspect.Validate{Labels: []string{"aes"}}, "", op.ErrUsage},
		{"no such file", inspect.Validate{Files: []string{"/none/x"}}, "", fs.ErrNotExist},
		{"no such time", inspect.Validate{Labels: web, At: "noon"}, op.FieldAt, op.ErrUsage},
		{"no such purpose", inspect.Validate{Labels: web, Purpose: "fun"}, op.FieldPurpose, op.ErrUsage},
		{"no such profile", inspect.Validate{Labels: web, Profile: "fun"}, op.FieldProfile, op.ErrUsage},
		{"no policy", inspect.Validate{Labels: web, Policies: []string{"1.x"}}, op.FieldPolicy, op.ErrUsage},
		{"a URL as host", inspect.Validate{Labels: web, Host: "https://x/"}, op.FieldHost, op.ErrUsage},
		{"a depth below none", inspect.Validate{Labels: web, MaxDepth: -2}, op.FieldMaxDepth, op.ErrUsage},
		{"nothing that is trusted", inspect.Validate{Labels: web, OnlyThese: true}, "", op.ErrUsage},
		{"a root asked for by OCSP", inspect.Validate{Labels: web, OCSP: "certificate"}, "", op.ErrUsage},
	} {
		if _, err := c.o.Run(ctx, s); field(err) != c.field || !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
	if (inspect.Validate{OnlyThese: true}).NeedsDatabase() || !(inspect.Validate{}).NeedsDatabase() {
		t.Error("a database is needed for what it trusts")
	}
}

// inspected says what a file holds: its format, and the types of its items, with "?" after a locked one and "!" after a bad one.
func inspected(found inspect.Inspected) string {
	text := found.Format + ":"
	for _, item := range found.Items {
		text += " " + item.Type
		if item.Locked {
			text += "?"
		}
		if item.Error != "" {
			text += "!"
		}
	}
	return text
}

func TestInspect(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web").Personal("web")
	algorithm, ciphertext, err := pbe.Encrypt(web.Key, []byte(optest.Password), pbe.AES256, 1000)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := optest.File(t, "key.pem", op.PEMString("ENCRYPTED PRIVATE KEY", pbe.JoinPKCS8(algorithm, ciphertext)))
	pieces := optest.File(t, "web.pem", optest.PEM(web, optest.Request(t, "x")))
	broken := optest.File(t, "broken.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"+optest.PEM(root.Trusted("")))
	store := optest.Store(t, "a.jks", web, root.Trusted("root"))
	secret := optest.File(t, "s", op.PEMString(op.SecretKeyBlock, []byte("bytes")))
	wrong := op.Password{Source: op.FromBytes([]byte("wrong"))}
	for _, c := range []struct {
		rule string
		o    inspect.Inspect
		want string
		err  error
	}{
		{"pieces of PEM", inspect.Inspect{File: pieces}, "pem: private-key certificate private-key request", nil},
		{"DER", inspect.Inspect{File: optest.File(t, "x.der", string(root.Certificate))}, "der: certificate", nil},
		{"a key that stays closed", inspect.Inspect{File: encrypted}, "pem: private-key?", nil},
		{"a key that opens", inspect.Inspect{File: encrypted, Password: optest.Secrets()}, "pem: private-key", nil},
		{
			"one of several passwords",
			inspect.Inspect{File: encrypted, Password: wrong, KeyPasswords: []op.Password{optest.Secrets()}},
			"pem: private-key", nil,
		},
		{"a secret key", inspect.Inspect{File: secret, Expect: "secret-key"}, "pem: secret-key", nil},
		{"a wrong password", inspect.Inspect{File: encrypted, Password: wrong}, "pem: private-key!", kdb.ErrPassword},
		{"a bad piece among good ones", inspect.Inspect{File: broken}, "pem: certificate! certificate", kdb.ErrParse},
		{"a key store", inspect.Inspect{File: store, Password: optest.Secrets()}, "jks: trusted personal", nil},
		{"expected and there", inspect.Inspect{File: pieces, Expect: "request"}, "pem: private-key certificate private-key request", nil},
		{"expected and good, others are bad", inspect.Inspect{File: broken, Expect: "key"}, ":", kdb.ErrParse},
		{"expected and not there", inspect.Inspect{File: pieces, Expect: "crl"}, ":", kdb.ErrParse},
		{"a format that is expected", inspect.Inspect{File: store, Password: optest.Secrets(), Expect: "jks"}, "jks: trusted personal", nil},
		{"an expected key stays closed", inspect.Inspect{File: encrypted, Expect: "key"}, ":", kdb.ErrNoPassword},
		{"nothing is called that", inspect.Inspect{File: pieces, Expect: "fun"}, ":", op.ErrUsage},
		{"no such file", inspect.Inspect{File: "/none/x"}, ":", fs.ErrNotExist},
		{"an empty file", inspect.Inspect{File: optest.File(t, "x", "\x00\x00")}, ":", kdb.ErrParse},
		{"a format that is not read", inspect.Inspect{File: optest.File(t, "x", "SQLite format 3\x00...")}, ":", kdb.ErrVersion},
	} {
		found, err := c.o.Run(ctx, optest.Env())
		if got := inspected(found); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %s, %v; want %s", c.rule, got, err, c.want)
		}
	}
}

func TestInspect_standardInput(t *testing.T) {
	t.Parallel()
	env := optest.Env()
	env.Stdin = strings.NewReader(optest.PEM(optest.NewCA(t, "Root").Trusted("")))
	if found, err := (inspect.Inspect{File: "-"}).Run(ctx, env); inspected(found) != "pem: certificate" || err != nil {
		t.Errorf("%+v, %v", found, err)
	}
	store, err := os.ReadFile(optest.Store(t, "a.jks", optest.NewCA(t, "Root").Trusted("root")))
	if err != nil {
		t.Fatal(err)
	}
	for what, data := range map[string]string{"a key store": string(store), "in base64": base64.StdEncoding.EncodeToString(store)} {
		env := optest.Env()
		env.Stdin = strings.NewReader(data)
		found, err := inspect.Inspect{File: "-", Password: optest.Secrets()}.Run(ctx, env)
		if inspected(found) != "jks: trusted" || err != nil {
			t.Errorf("%s: %+v, %v", what, found, err)
		}
	}
}

// TestShowsFile: a label comes before a file of the same name.
func TestShowsFile(t *testing.T) {
	t.Parallel()
	env := optest.Env()
	file := optest.File(t, "web.pem", "x")
	native, jks := op.DB{Location: optest.Store(t, "a.ckdb", optest.Secret(file))}, op.DB{Location: optest.Store(t, "a.jks")}
	jks.Password = optest.Secrets()
	for _, c := range []struct {
		rule     string
		db       op.DB
		argument string
		want     bool
	}{
		{"a label of a native database, which is not opened", native, file, false},
		{"a file without such a label", native, optest.File(t, "b.pem", "x"), true},
		{"no file", native, "web", false},
		{"a folder", native, t.TempDir(), false},
		{"a file next to a key file", jks, file, true},
		{"a file without a database", op.DB{Location: file + ".none"}, file, true},
		{"a file without a default database", op.DB{}, file, true},
	} {
		if got := inspect.ShowsFile(ctx, env, c.db, c.argument); got != c.want {
			t.Errorf("%s: %v", c.rule, got)
		}
	}
}

func TestLint_needsACertificate(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.Secret("aes"))
	_, err := inspect.Lint{Label: "aes"}.Run(ctx, s)
	if e, ok := errors.AsType[*op.WrongKind](err); !ok || e.Label != "aes" || e.Kind != kdb.KindSecretKey {
		t.Errorf("%v", err)
	}
	if _, err := (inspect.Lint{Label: "none"}).Run(ctx, s); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := (inspect.Lint{File: "/none/x"}).Run(ctx, op.Nothing(s.Env)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestSize_doesNotMatter: validating and showing one certificate reads no more of a large database.
func TestSize_doesNotMatter(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub")
	web := sub.Issue(t, "web.example")
	alone := web.Personal("web")
	alone.Certificates = alone.Certificates[:1]
	list := []kdb.Entry{root.Trusted("root"), sub.Personal("sub"), alone}
	file := optest.File(t, "web.pem", optest.PEM(kdb.Entry{Kind: kdb.KindTrusted, Certificates: alone.Certificates}))
	optest.SameReads(t, "validate", list, func(s *op.Session) error {
		_, err := inspect.Validate{Labels: []string{"web"}, MaxDepth: -1}.Run(ctx, s)
		return err
	})
	optest.SameReads(t, "validate --file", list, func(s *op.Session) error {
		validated, err := inspect.Validate{Files: []string{file}, MaxDepth: -1}.Run(ctx, s)
		if got := fmt.Sprint(validated.Results[0].Chains[0].Certificates); !strings.Contains(got, " web ") || !strings.Contains(got, " root ") {
			t.Errorf("the labels are not named: %s", got)
		}
		return err
	})
	for _, o := range []inspect.List{{Pattern: "we*"}, {Pattern: "web", LabelsOnly: true}} {
		optest.SameReads(t, "list", list, func(s *op.Session) error {
			got, err := listed(s, o)
			if !strings.HasPrefix(got, "web ") {
				t.Errorf("listed %q", got)
			}
			return err
		})
	}
	optest.SameReads(t, "show", list, func(s *op.Session) error {
		_, err := inspect.Show{Label: "web"}.Run(ctx, s)
		return err
	})
}

// TestValidate_trustsItsOwn: GSKit trusts self-signed certificates whose keys are in the database; no others by that.
func TestValidate_trustsItsOwn(t *testing.T) {
	t.Parallel()
	own, stranger := optest.NewCA(t, "own"), optest.NewCA(t, "Stranger")
	s := optest.New(t, own.Personal("own"), stranger.Issue(t, "lost").Personal("lost"))
	for _, c := range []struct {
		label       string
		trust, want bool
	}{{"own", true, true}, {"own", false, false}, {"lost", true, false}} {
		got, err := inspect.Validate{Labels: []string{c.label}, MaxDepth: -1, TrustOwn: c.trust}.Run(ctx, s)
		if got.Valid != c.want || (err == nil) != c.want {
			t.Errorf("%s, %t: %t, %v", c.label, c.trust, got.Valid, err)
		}
	}
}
