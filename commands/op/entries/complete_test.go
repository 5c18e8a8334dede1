package entries_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
)

// apart is a database with a certificate whose issuers are entries of their own, and what a server has to send with it.
func apart(t *testing.T, changes ...optest.Adapt) (s *op.Session, sent [][]byte) {
	t.Helper()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub", changes...)
	web := sub.Issue(t, "web")
	bare := web.Personal("app")
	bare.Certificates = bare.Certificates[:1]
	signer := sub.Trusted("sub")
	signer.Trusted = false
	s = optest.New(t, root.Trusted("root"), signer, bare)
	s.Env.Drivers = append(s.Env.Drivers, keyfile.Driver(cms.Codec()))
	return s, [][]byte{web.Certificate, sub.Certificate}
}

const fromSub = `its chain was completed with "sub" of the database`

// TestExport_completesTheChain: a certificate is written with its issuers although they are entries of their own, which is said.
func TestExport_completesTheChain(t *testing.T) {
	t.Parallel()
	s, sent := apart(t)
	for rule, o := range map[string]entries.Export{
		"chain":    {Labels: []string{"app"}, Chain: true},
		"combined": {Labels: []string{"app"}, Combined: true},
		"all":      {All: true, Chain: true},
	} {
		var out bytes.Buffer
		s.Env.Stdout = &out
		done, err := o.Run(ctx, s)
		var certificates [][]byte
		for b, rest := pem.Decode(out.Bytes()); b != nil; b, rest = pem.Decode(rest) {
			if b.Type == "CERTIFICATE" {
				certificates = append(certificates, b.Bytes)
			}
		}
		if err != nil || !slices.EqualFunc(certificates[:min(2, len(certificates))], sent, bytes.Equal) ||
			!slices.Equal(done.Notes, []string{`label "app": ` + fromSub}) {
			t.Errorf("%s: %d certificates, %q, %v", rule, len(certificates), done.Notes, err)
		}
		if rule != "all" && len(certificates) != 2 {
			t.Errorf("%s: %d certificates: the root is the peer's business", rule, len(certificates))
		}
	}
	for rule, o := range map[string]entries.Export{
		"the certificate alone":   {Labels: []string{"app"}},
		"only what is trusted":    {Trusted: true, Chain: true},
		"a key without its chain": {Labels: []string{"app"}, Key: true},
	} {
		var out bytes.Buffer
		s.Env.Stdout = &out
		if done, err := o.Run(ctx, s); err != nil || len(done.Notes) > 0 || strings.Count(out.String(), "BEGIN") != 1 {
			t.Errorf("%s: %q, %v\n%s", rule, done.Notes, err, out.String())
		}
	}
	folder := filepath.Join(t.TempDir(), "out")
	files, err := entries.ExportFolder{Labels: []string{"app"}, Folder: folder, Chain: true}.Run(ctx, s)
	text, errRead := os.ReadFile(filepath.Join(folder, "app.crt"))
	if err != nil || errRead != nil || string(text) != strings.Join(op.PEMStrings(sent), "") ||
		!slices.Equal(files.Notes, []string{`label "app": ` + fromSub}) {
		t.Errorf("into a folder: %q, %v, %v\n%s", files.Notes, err, errRead, text)
	}
}

// TestCopy_completesTheChain: in key stores the entry has the whole chain, once, and copying again changes nothing. A native database gets
// what the source has.
func TestCopy_completesTheChain(t *testing.T) {
	t.Parallel()
	for file, all := range map[string]string{
		"a.p12": "app=personal root=trusted+ sub=trusted", "a.kdb": "app=personal root=trusted+ sub=trusted",
		"a.jks": "app=personal root=trusted+", "a.pem": "app=personal root=trusted+", "a.ckdb": "app=personal root=trusted+ sub=trusted",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			source, sent := apart(t)
			to := databases.Init{DB: op.DB{Location: filepath.Join(t.TempDir(), file), Password: optest.Secrets()}, Cost: kdb.CostTest}
			want := "app added (" + fromSub + ")!"
			if file == "a.ckdb" {
				want, sent = "app added!", sent[:1]
			}
			done, err := entries.Copy{From: source, Labels: []string{"app"}}.CopyTo(ctx, to, false)
			if err != nil || added(done) != want {
				t.Errorf("%s, %v", added(done), err)
			}
			again, err := entries.Copy{From: source, Labels: []string{"app"}}.CopyTo(ctx, to, false)
			if err != nil || added(again) != "app unchanged" {
				t.Errorf("again: %s, %v", added(again), err)
			}
			to.DB.Location += ".named" + filepath.Ext(file)
			byName := entries.Copy{From: source, Labels: []string{"app", "sub", "root"}, SkipUnsupported: true}
			for range 2 {
				if done, err = byName.CopyTo(ctx, to, false); err != nil {
					t.Fatal(err)
				}
			}
			if done.HasChanged() {
				t.Errorf("with its issuers again: %s", added(done))
			}
			named, err := op.Open(ctx, source.Env, to.DB)
			if err != nil {
				t.Fatal(err)
			}
			defer named.Close()
			optest.Expect(t, named, all)
			to.DB.Location += ".all" + filepath.Ext(file)
			for range 2 {
				if done, err = (entries.Copy{From: source, All: true}.CopyTo(ctx, to, false)); err != nil || done.Incomplete() != nil {
					t.Fatal(err, done.Incomplete())
				}
			}
			if done.HasChanged() {
				t.Errorf("all again: %s", added(done))
			}
			target, err := op.Open(ctx, source.Env, to.DB)
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			optest.Expect(t, target, all)
			// The other formats show a root that they have as the end of the chain.
			n, exact := len(sent), file == "a.jks" || file == "a.ckdb"
			if e := optest.Entry(t, target, "app"); !slices.EqualFunc(e.Certificates[:n], sent, bytes.Equal) || exact && len(e.Certificates) > n {
				t.Errorf("a chain of %d", len(e.Certificates))
			}
		})
	}
}

// TestComplete_expiredIssuer: the only issuer completes a chain even if it has expired, which is said; so it is when the entry has it.
func TestComplete_expiredIssuer(t *testing.T) {
	t.Parallel()
	s, sent := apart(t, func(c *x509.Certificate) { c.NotAfter = optest.Now.AddDate(0, 0, -1) })
	const expired = `the issuer "CN=Sub" expired on 2027-02-28`
	s.Env.Stdout = io.Discard
	for _, note := range []string{fromSub + "; " + expired, expired} {
		exported, err := entries.Export{Labels: []string{"app"}, Chain: true}.Run(ctx, s)
		folder, errFolder := entries.ExportFolder{Labels: []string{"app"}, Folder: t.TempDir(), Chain: true}.Run(ctx, s)
		to := databases.Init{DB: op.DB{Location: filepath.Join(t.TempDir(), "a.p12"), Password: optest.Secrets()}, Cost: kdb.CostTest}
		copied, errCopy := entries.Copy{From: s, Labels: []string{"app"}}.CopyTo(ctx, to, false)
		if err := errors.Join(err, errFolder, errCopy); err != nil {
			t.Fatal(err)
		}
		labelled := []string{`label "app": ` + note}
		if !slices.Equal(exported.Notes, labelled) || !slices.Equal(folder.Notes, labelled) || added(copied) != "app added ("+note+")!" {
			t.Errorf("export %q, into a folder %q, copy %s", exported.Notes, folder.Notes, added(copied))
		}
		whole := optest.Entry(t, s, "app")
		whole.Certificates = sent
		optest.Put(t, s, whole)
	}
}

// TestComplete_damagedIssuer: a chain that cannot be completed is not written. A copy goes on, and says so: it may be what is rescued.
func TestComplete_damagedIssuer(t *testing.T) {
	t.Parallel()
	whole, _ := apart(t)
	s, store := optest.Sealed(t, optest.Entry(t, whole, "app"), optest.Entry(t, whole, "sub"))
	records := store.Records()
	records["c/sub"] = records["c/app"]
	store.Replace(records)
	var out bytes.Buffer
	s.Env.Stdout = &out
	folder := filepath.Join(t.TempDir(), "out")
	for what, export := range map[string]func() error{
		"chain": func() error { _, err := entries.Export{Labels: []string{"app"}, Chain: true}.Run(ctx, s); return err },
		"folder": func() error {
			_, err := entries.ExportFolder{Labels: []string{"app"}, Folder: folder, Chain: true}.Run(ctx, s)
			return err
		},
	} {
		if err := export(); !errors.Is(err, kdb.ErrCorrupt) || out.Len() > 0 {
			t.Errorf("%s: %v\n%s", what, err, out.String())
		}
	}
	if _, err := os.Lstat(folder); err == nil {
		t.Error("the folder was made")
	}
	to := databases.Init{DB: op.DB{Location: filepath.Join(t.TempDir(), "a.p12"), Password: optest.Secrets()}, Cost: kdb.CostTest}
	done, err := entries.Copy{From: s, Labels: []string{"app"}}.CopyTo(ctx, to, false)
	if text := added(done); err != nil || !strings.HasPrefix(text, "app added (its chain stays as it is: completing the chain of label") {
		t.Errorf("copy: %s, %v", text, err)
	}
}
