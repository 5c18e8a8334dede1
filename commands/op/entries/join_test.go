package entries_test

import (
	"errors"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/pki/cert"
)

// TestAdd_keyJoinsItsCertificate: a private key that comes alone goes to its certificate in the database, whose label and trust stay.
func TestAdd_keyJoinsItsCertificate(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Root")
	web, other := ca.Issue(t, "web"), ca.Issue(t, "other")
	alone := func(i *optest.Identity) string { return optest.File(t, "key.pem", op.PEMString("PRIVATE KEY", i.Key)) }
	plain := web.Trusted("web")
	plain.Trusted = false
	full := web.Personal("")
	for _, c := range []struct {
		rule        string
		o           entries.Add
		before      []kdb.Entry
		text, state string
		err         error
	}{
		{
			"its certificate is there",
			entries.Add{Files: []string{alone(web)}},
			[]kdb.Entry{plain, other.Trusted("other")},
			"1 entries: 1 added, 1 with private key", "other=trusted+ web=personal", nil,
		},
		{
			"trusted, as a root",
			entries.Add{Files: []string{alone(ca)}},
			[]kdb.Entry{ca.Trusted("root")},
			"1 entries: 1 added, 1 with private key", "root=personal+", nil,
		},
		{
			"with its certificate under the same label",
			entries.Add{Files: []string{optest.File(t, "a.pem", optest.PEM(full))}, Label: "web"},
			[]kdb.Entry{plain},
			"1 entries: 1 added, 1 with private key", "web=personal", nil,
		},
		{
			"the key is there, too",
			entries.Add{Files: []string{alone(web)}},
			[]kdb.Entry{web.Personal("web")},
			"1 entries: 1 unchanged", "web=personal", nil,
		},
		{
			"another certificate",
			entries.Add{Files: []string{alone(web)}},
			[]kdb.Entry{other.Trusted("other")},
			"0 entries:", "other=trusted+", pem.ErrNoCertificate,
		},
	} {
		done := optest.Try(t, c.o, entries.Added.Counts, c.before...)
		if done.Text != c.text || done.State != c.state || !errors.Is(done.Err, c.err) {
			t.Errorf("%s: %s; %s; %v", c.rule, done.Text, done.State, done.Err)
		}
	}
}

// TestAdd_namesTheFile: an error about a private key that belongs to nothing names its own file, and that of a public key alone is not
// passed over where the private one is missing.
func TestAdd_namesTheFile(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Root")
	web, shop := ca.Issue(t, "web"), ca.Issue(t, "shop")
	c, err := cert.Parse(web.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	crt := optest.File(t, "web.crt", op.PEMString("CERTIFICATE", web.Certificate))
	private := optest.File(t, "web.key", op.PEMString("PRIVATE KEY", web.Key))
	other := optest.File(t, "shop.key", op.PEMString("PRIVATE KEY", shop.Key))
	public := optest.File(t, "web.pub", op.PEMString("PUBLIC KEY", c.RawSPKI))
	both := optest.File(t, "both.pem", op.PEMString("PUBLIC KEY", c.RawSPKI)+op.PEMString("CERTIFICATE", web.Certificate))
	const lone, isPublic = ": private key 1 (line 1): " + "no certificate or request in the input belongs to this private key",
		": cannot be parsed: it holds a public key, but no certificate and no private key"
	for _, c := range []struct {
		rule  string
		files []string
		err   string
	}{
		{"another key first", []string{other, crt}, other + lone},
		{"another key last", []string{crt, other}, other + lone},
		{"the public key", []string{crt, public}, public + isPublic},
		{"the public key first", []string{public, crt}, public + isPublic},
		{"the public key alone", []string{public}, public + isPublic},
		{"the public key too", []string{public, crt, private}, ""},
		{"the public key before its certificate, as openssl writes both", []string{both}, ""},
	} {
		got := optest.Try(t, entries.Add{Files: c.files, Label: "web"}, added)
		text := ""
		if got.Err != nil {
			text = strings.ReplaceAll(strings.TrimPrefix(got.Err.Error(), "reading "), `"`, "")
		}
		if text != c.err || c.err != "" && (!errors.Is(got.Err, kdb.ErrParse) || got.State != "") {
			t.Errorf("%s: %v; the database holds %s", c.rule, got.Err, got.State)
		}
	}
}

// TestAdd_loneKeyOfAStore: a private key that is alone in a key store goes to its certificate in the database, as one in PEM does.
func TestAdd_loneKeyOfAStore(t *testing.T) {
	t.Parallel()
	web := optest.NewCA(t, "Root").Issue(t, "web")
	store := optest.Store(t, "a.p12", kdb.Entry{Label: "key", Kind: kdb.KindPersonal, Key: web.Key})
	o := entries.Add{Files: []string{store}, InPassword: optest.Secrets()}
	done := optest.Try(t, o, added, web.Trusted("web"))
	if done.Err != nil || done.State != "web=personal+" {
		t.Errorf("%s, %v; the database holds %s", done.Text, done.Err, done.State)
	}
	done = optest.Try(t, o, added)
	p, ok := errors.AsType[*op.Problem](done.Err)
	if !ok || p.Code != op.LoneKey || !errors.Is(done.Err, kdb.ErrUnsupported) || done.State != "" {
		t.Errorf("alone: %#v; the database holds %s", done.Err, done.State)
	}
}

// TestAdd_badLabelOfAnInput: what to do about an invisible character, as the management console of Windows puts it into names, can be said.
func TestAdd_badLabelOfAnInput(t *testing.T) {
	t.Parallel()
	store := optest.Store(t, "a.p12", optest.NewCA(t, "Root").Trusted("\u200eroot"))
	done := optest.Try(t, entries.Add{Files: []string{store}, InPassword: optest.Secrets()}, added)
	if p, ok := errors.AsType[*op.Problem](done.Err); !ok || p.Code != op.BadInputLabel || !errors.Is(done.Err, kdb.ErrLabel) {
		t.Errorf("%v", done.Err)
	}
}

// TestAdd_badPiece: --skip-invalid leaves out a damaged certificate of a bundle, and is named.
func TestAdd_badPiece(t *testing.T) {
	t.Parallel()
	text := op.PEMString("CERTIFICATE", []byte("\x30\x03\x02\x01\x05")) + optest.PEM(optest.NewCA(t, "Root").Trusted(""))
	done := optest.Try(t, entries.Add{Files: []string{optest.File(t, "x.pem", text)}}, added)
	if p, ok := errors.AsType[*op.Problem](done.Err); !ok || p.Code != op.PassesInvalid || done.State != "" {
		t.Errorf("%v; the database holds %s", done.Err, done.State)
	}
}
