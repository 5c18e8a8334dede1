package inspect_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

func write(t *testing.T, ids ...*optest.Identity) string {
	t.Helper()
	var text string
	for _, i := range ids {
		text += op.PEMString("CERTIFICATE", i.Certificate)
	}
	path := filepath.Join(t.TempDir(), "c.pem")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// until ends the validity of a CA sooner.
func until(days int) optest.Adapt {
	return func(c *x509.Certificate) { c.NotAfter = optest.Now.AddDate(0, 0, days) }
}

// An intermediate certificate that expires first takes what the server sends with it (N7).
func TestList_watchesTheWholeChain(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	soon, over, late := root.CA(t, "Soon", until(10)), root.CA(t, "Over", until(-10)), root.CA(t, "Late")
	for _, format := range []string{"ckdb", "pkcs12"} {
		s := optest.Kind(t, format, soon.Issue(t, "a").Personal("a"), over.Issue(t, "b").Personal("b"), late.Issue(t, "c").Personal("c"))
		for want, o := range map[string]inspect.List{
			"a b": {Expiring: 30 * 24 * time.Hour}, "b": {Expired: true}, "a b c": {}, "": {Expiring: 30 * 24 * time.Hour, Kind: "trusted"},
		} {
			var found []string
			err := o.Run(ctx, s, func(chunk []op.Entry) error {
				for _, e := range chunk {
					found = append(found, e.Label)
					if (o.Expired || o.Expiring > 0) && (e.ChainEnds == nil || !strings.HasPrefix(e.ChainEnds.Subject, "CN=")) {
						t.Errorf("%s: %s does not say what expires: %+v", format, e.Label, e.ChainEnds)
					}
				}
				return nil
			})
			if got := strings.Join(found, " "); err != nil || got != want {
				t.Errorf("%s: %+v lists %q, %v, want %q", format, o, got, err, want)
			}
		}
	}
}

// What the database supplied and the file lacks is said, and so is what ends before the certificate (N17, N7).
func TestValidate_notesAboutAValidChain(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	inter := root.CA(t, "Inter", until(100))
	web := inter.Issue(t, "web.example.com")
	ends := func(note string) bool {
		return strings.Contains(note, `certificate 1 of the chain, "CN=Inter", expires on`)
	}
	trusted := inter.Trusted("inter")
	untrusted := inter.Trusted("inter")
	untrusted.Trusted = false
	for _, c := range []struct {
		rule    string
		entries []kdb.Entry
		o       inspect.Validate
		lacks   bool
	}{
		{"the leaf alone, with the rest in the database", []kdb.Entry{untrusted}, inspect.Validate{Files: []string{write(t, web)}}, true},
		{"a trusted intermediate", []kdb.Entry{trusted}, inspect.Validate{Files: []string{write(t, web)}}, true},
		{"the whole chain in the file", []kdb.Entry{trusted}, inspect.Validate{Files: []string{write(t, web, inter)}}, false},
		{"given with --untrusted", nil, inspect.Validate{Files: []string{write(t, web)}, Untrusted: []string{write(t, inter)}}, false},
	} {
		s := optest.New(t, append(c.entries, root.Trusted("root"))...)
		c.o.MaxDepth = -1
		validated, err := c.o.Run(ctx, s)
		if err != nil {
			t.Errorf("%s: %v", c.rule, err)
			continue
		}
		notes, lacking := validated.Results[0].Notes, validated.Results[0].Lacking
		if c.lacks && (len(lacking) != 2 || lacking[1].Subject != "CN=Inter" || lacking[1].Label != "inter") || !c.lacks && lacking != nil ||
			!slices.ContainsFunc(notes, ends) {
			t.Errorf("%s: the notes are %q, and it lacks %v", c.rule, notes, lacking)
		}
	}
	s := optest.New(t, root.Trusted("root"))
	if _, err := (inspect.Validate{Files: []string{write(t, web)}, MaxDepth: -1}).Run(ctx, s); err == nil {
		t.Error("a chain without its intermediate certificate is valid")
	}
	if _, err := (inspect.Validate{Files: []string{write(t, web)}, Untrusted: []string{"/nothing"}, MaxDepth: -1}).Run(ctx, s); err == nil {
		t.Error("a file that is not there")
	}
}

// A revocation list says which certificates it names, since when and why (M11).
func TestInspect_entriesOfARevocationList(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Root")
	der := ca.CRL(t, 5, optest.Revoked(0x1001, 1, optest.Now.AddDate(0, 0, -3)), optest.Revoked(0x1002, 6, time.Time{}))
	path := filepath.Join(t.TempDir(), "c.crl")
	if err := os.WriteFile(path, der, 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := inspect.Inspect{File: path}.Run(ctx, optest.Env())
	if err != nil || len(found.Items) != 1 || len(found.Items[0].RevokedCertificates) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	first, second := found.Items[0].RevokedCertificates[0], found.Items[0].RevokedCertificates[1]
	if first.Serial != "1001" || first.Reason != "keyCompromise" || first.Hold || !first.InvalidSince.Equal(optest.Now.AddDate(0, 0, -3)) {
		t.Errorf("the first: %+v", first)
	}
	if second.Serial != "1002" || !second.Hold || second.InvalidSince != nil {
		t.Errorf("the second: %+v", second)
	}
	for _, e := range found.Items[0].Extensions {
		if e.Name == "cRLNumber" {
			t.Error("the number stands there twice")
		}
	}
}
