package issuing_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
	"certkdb/commands/op/optest"
	"certkdb/kdb"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// certificateFile writes the certificate of a label into a folder.
func certificateFile(t *testing.T, s *op.Session, dir, label string) string {
	t.Helper()
	path := filepath.Join(dir, label+".pem")
	err := s.View(ctx, func(tx kdb.Tx) error {
		entry, err := tx.Entry(label)
		if err != nil {
			return err
		}
		block := &pem.Block{Type: "CERTIFICATE", Bytes: entry.Certificates[0]}
		return os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Both generations of a root are accepted by clients that trust only the other one (RFC 4210, 4.4).
func TestRenew_rollsTheKeyOfARootOver(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	if err := s.Database().Update(ctx, "trust", func(tx kdb.Tx) error { return tx.Mark("root", kdb.Marks{Trusted: new(true)}) }); err != nil {
		t.Fatal(err)
	}
	renewed := one(t, s, issuing.Renew{Label: "root", NewKey: true, KeyType: "p384"})
	if !renewed.NewKey || !renewed.Trusted || renewed.OldLabel != "root.old" || len(renewed.CrossCertificates) != 2 ||
		renewed.KeyType != "p384" {
		t.Errorf("renewed: %+v", renewed)
	}
	if got := labels(t, s); got != "root root.new-with-old root.old root.old-with-new web" {
		t.Errorf("the labels are %s", got)
	}
	one(t, s, issuing.Create{Label: "shop", Spec: spec("shop.example.com"), CA: issuing.Authority{Label: "root"}})
	dir := t.TempDir()
	byOld := certificateFile(t, s, dir, "web")
	if r := one(t, s, issuing.Revoke{CA: "root.old", Label: "web"}); !r.Changed {
		t.Errorf("the old key revokes what it issued: %+v", r)
	}
	if r := one(t, s, issuing.Renew{Label: "web"}); r.Issuer != "root" {
		t.Errorf("renewed by %q and not by the new key", r.Issuer)
	}
	if _, err := op.One(ctx, s, issuing.Renew{Label: "root", NewKey: true}); err == nil {
		t.Error("rolled over again while the old key is there")
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	byNew := certificateFile(t, s, dir, "shop")
	for _, c := range [][3]string{
		{"root", "root", byNew}, {"root.old", "root.new-with-old", byNew}, {"root.old", "root.old", byOld}, {"root", "root.old-with-new", byOld},
	} {
		cmd := exec.Command("openssl", "verify", "-attime", "1801396800", "-CAfile", certificateFile(t, s, dir, c[0]),
			"-untrusted", certificateFile(t, s, dir, c[1]), c[2])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %s", strings.Join(c[:], ", "), out)
		}
	}
}

// TestRenew_rollsOverInAKeyStore: one that trusts every certificate without a key gets no cross certificates, and the result says so. The
// keys of both generations are there.
func TestRenew_rollsOverInAKeyStore(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	for _, name := range []string{"a.jks", "a.pem", "a.p12"} {
		path := optest.Store(t, name, root.Personal("root"), root.Issue(t, "web").Personal("web"))
		s, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: optest.Secrets()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		want, crosses := "root root.old web", 0
		if name == "a.p12" {
			want, crosses = "root root.new-with-old root.old root.old-with-new web", 2
		}
		renewed := one(t, s, issuing.Renew{Label: "root", NewKey: true})
		if !renewed.NewKey || renewed.OldLabel != "root.old" || len(renewed.CrossCertificates) != crosses ||
			slices.Contains(renewed.Notes, issuing.NoteNoCross) != (crosses == 0) {
			t.Errorf("%s: %+v", name, renewed)
		}
		if got := labels(t, s); got != want {
			t.Errorf("%s: the labels are %s", name, got)
		}
		one(t, s, issuing.Create{Label: "new", Spec: spec("new.example.com"), CA: issuing.Authority{Label: "root"}})
		one(t, s, issuing.Create{Label: "old", Spec: spec("old.example.com"), CA: issuing.Authority{Label: "root.old"}})
		_, err = op.One(ctx, s, issuing.Renew{Label: "root", NewKey: true})
		if p, ok := errors.AsType[*op.Problem](err); !ok || p.Code != op.OlderGeneration || p.Label != "root.old" {
			t.Errorf("%s, a third key: %v", name, err)
		}
	}
}

func TestRenew_rollsTheKeyOfACABelowAnotherOver(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	sub := caSpec("Sub")
	sub.PathLen, sub.Days = 0, 300
	one(t, s, issuing.Create{Label: "sub", Spec: sub, CA: issuing.Authority{Label: "root"}})
	renewed := one(t, s, issuing.Renew{Label: "sub", NewKey: true})
	if renewed.OldLabel != "sub.old" || len(renewed.CrossCertificates) != 0 || renewed.Issuer != "root" {
		t.Errorf("renewed: %+v", renewed)
	}
	for rule, o := range map[string]issuing.Renew{
		"keep the key and make another": {Label: "root", NewKey: true, ReuseKey: true},
		"of no CA":                      {Label: "web", NewKey: true, ReuseKey: true},
	} {
		if _, err := op.One(ctx, s, o); err == nil {
			t.Errorf("%s: renewed", rule)
		}
	}
	limited := caSpec("Limited")
	limited.PathLen = 0
	one(t, s, issuing.Create{Label: "limited", Spec: limited})
	if r := one(t, s, issuing.Renew{Label: "limited", NewKey: true}); len(r.CrossCertificates) != 2 {
		t.Errorf("a root with the path length 0: %+v", r)
	}
}

// byNumber makes a certificate name its issuer by name and serial number, as easy-rsa and openssl ca do.
func byNumber(issuer *x509.Certificate) optest.Adapt {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(issuer.SubjectKeyId) })
		b.AddASN1(asn1.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.Tag(4).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(issuer.RawIssuer) })
		})
		b.AddASN1(asn1.Tag(2).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(issuer.SerialNumber.Bytes()) })
	})
	extension := pkix.Extension{Id: []int{2, 5, 29, 35}, Value: b.BytesOrPanic()}
	return func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, extension) }
}

// TestRenew_saysWhatTheOldCAKeeps: what names the serial number of a CA's old certificate is below the new one only for some programs.
func TestRenew_saysWhatTheOldCAKeeps(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	parsed, _ := root.Parts()
	s := optest.New(t, root.Personal("root"), root.Issue(t, "plain").Personal("plain"))
	if r := one(t, s, issuing.Renew{Label: "root"}); len(r.Notes) != 0 {
		t.Errorf("notes without such certificates: %q", r.Notes)
	}
	s = optest.New(t, root.Personal("root"), root.Issue(t, "web", byNumber(parsed)).Personal("web"), root.Issue(t, "plain").Personal("plain"))
	r := one(t, s, issuing.Renew{Label: "root"})
	if got := strings.Join(r.Notes, "; "); !strings.HasSuffix(got, `renew such certificates, here "web"`) {
		t.Errorf("the notes are %q", r.Notes)
	}
	one(t, s, issuing.Renew{Label: "web"})
	if r := one(t, s, issuing.Renew{Label: "root"}); len(r.Notes) != 0 {
		t.Errorf("notes after they were renewed: %q", r.Notes)
	}
}

// The entry that a CA elsewhere is asked to renew stays until the certificate comes (N8).
func TestRequest_renewsAnEntry(t *testing.T) {
	t.Parallel()
	for _, reuse := range []bool{false, true} {
		ca := optest.NewCA(t, "Outside CA")
		web := ca.Issue(t, "web.example.com").Default("web")
		web.Trusted = true
		s := optest.New(t, web)
		asked := one(t, s, issuing.Request{Renew: "web", ReuseKey: reuse, Spec: issuing.Spec{PathLen: -1}})
		if asked.Renews != "web" || asked.Changed == reuse || asked.Subject != "CN=web.example.com" {
			t.Errorf("asked: %+v", asked)
		}
		block, _ := pem.Decode([]byte(asked.PEM))
		path := file(t, "new.crt", op.PEMString("CERTIFICATE", ca.Receive(t, block.Bytes)))
		if want := map[bool]string{true: "web", false: "web web.renewal"}[reuse]; labels(t, s) != want {
			t.Errorf("the labels are %s", labels(t, s))
		}
		received := one(t, s, issuing.Receive{Files: []string{path}})
		if received.Label != "web" || !received.Changed || !received.Default || !received.Trusted || received.Renewed == reuse {
			t.Errorf("received: %+v", received)
		}
		if got := labels(t, s); got != "web" {
			t.Errorf("the labels are %s afterwards", got)
		}
	}
}

func TestRequest_refusesToRenew(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	s := optest.New(t, root.Trusted("root"), root.Issue(t, "web").Personal("web"), optest.Request(t, "web.renewal"))
	for rule, o := range map[string]issuing.Request{
		"without a key":           {Renew: "root"},
		"what is not there":       {Renew: "nothing"},
		"what is asked for":       {Renew: "web"},
		"another type of its key": {Renew: "web", ReuseKey: true, Spec: issuing.Spec{KeyType: "p384"}},
		"an unknown type of key":  {Renew: "web", Spec: issuing.Spec{KeyType: "rot13"}},
	} {
		if _, err := op.One(ctx, s, o); err == nil {
			t.Errorf("%s: asked for", rule)
		}
	}
	if asked := one(t, s, issuing.Request{Renew: "web", Replace: true}); asked.Label != "web.renewal" || !asked.Changed {
		t.Errorf("replaced: %+v", asked)
	}
}

// What is above a certificate counts for its renewal, too (N7).
func TestRenew_watchesTheWholeChain(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	sub := caSpec("Sub")
	sub.Days = 40
	one(t, s, issuing.Create{Label: "sub", Spec: sub, CA: issuing.Authority{Label: "root"}})
	one(t, s, issuing.Create{Label: "shop", Spec: spec("shop.example.com"), CA: issuing.Authority{Label: "sub"}})
	before := issuing.Renew{Label: "shop", Before: 20 * 24 * time.Hour}
	if r := one(t, s, before); r.Changed || len(r.Notes) != 0 {
		t.Errorf("nothing is due: %+v", r)
	}
	later := op.Attach(s.Env, "test", s.Database())
	now := s.Env.Now()
	env := *s.Env
	env.Now = func() time.Time { return now.AddDate(0, 0, 9) }
	later.Env = &env
	// The leaf has 21 days left, the CA 31.
	if r := one(t, later, issuing.Renew{Label: "shop", Before: 20 * 24 * time.Hour}); r.Changed {
		t.Errorf("not due: %+v", r)
	}
	if r := one(t, later, issuing.Renew{Label: "shop", BeforePercent: 75}); !r.Changed {
		t.Errorf("a share of the validity: %+v", r)
	}
}

func TestRenew_chainThatExpiresFirst(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub", func(c *x509.Certificate) { c.NotAfter = optest.Now.AddDate(0, 0, 10) })
	s := optest.New(t, root.Personal("root"), sub.Personal("sub"), sub.Issue(t, "web").Personal("web"))
	o := issuing.Renew{Label: "web", Before: 30 * 24 * time.Hour}
	r := one(t, s, o)
	if r.Changed || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "CN=Sub in its chain expires on") {
		t.Errorf("the CA is to be renewed first: %+v", r)
	}
	if r := one(t, s, issuing.Renew{Label: "sub", Before: 30 * 24 * time.Hour}); !r.Changed || len(r.Refreshed) != 1 {
		t.Errorf("the CA: %+v", r)
	}
	if r := one(t, s, o); r.Changed || len(r.Notes) != 0 {
		t.Errorf("then nothing is due: %+v", r)
	}
	outside := optest.New(t, sub.Issue(t, "web").Personal("web"))
	if r := one(t, outside, o); r.Changed || len(r.Notes) != 1 {
		t.Errorf("a CA elsewhere: %+v", r)
	}
}

// What the old key issued is revoked by the old key, also when its successor renews it.
func TestRenew_revokesWithTheKeyThatSigned(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	old := issued(t, s)[0].Serial
	one(t, s, issuing.Renew{Label: "root", NewKey: true})
	if r := one(t, s, issuing.Renew{Label: "web", Revoke: true}); r.Revoked != old || r.Issuer != "root" {
		t.Errorf("renewed: %+v", r)
	}
	for _, i := range issuedBy(t, s, "root.old") {
		if (i.Reason == "superseded") != (i.Serial == old) {
			t.Errorf("serial %s: %s %s", i.Serial, i.Status, i.Reason)
		}
	}
}

// A CA that gets a certificate for a new key from elsewhere can still revoke what its old key signed.
func TestReceive_keepsTheOldKeyOfACA(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub")
	web := sub.Issue(t, "web")
	s := optest.New(t, sub.Default("sub"), web.Personal("web"))
	asked := one(t, s, issuing.Request{Renew: "sub", Spec: issuing.Spec{PathLen: -1}})
	block, _ := pem.Decode([]byte(asked.PEM))
	path := file(t, "new.crt", op.PEMString("CERTIFICATE", root.Receive(t, block.Bytes)))
	if r := one(t, s, issuing.Receive{Files: []string{path}}); !r.Renewed || !r.Default {
		t.Errorf("received: %+v", r)
	}
	optest.Expect(t, s, "sub=personal* sub.old=personal web=personal")
	if r := one(t, s, issuing.Revoke{CA: "sub.old", Label: "web"}); !r.Changed {
		t.Errorf("revoked: %+v", r)
	}
}
