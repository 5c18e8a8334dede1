package inspect_test

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// listOf is the CA's revocation list in PEM, with the certificates on it.
func listOf(t *testing.T, ca *optest.Identity, next time.Time, revoked ...*optest.Identity) string {
	t.Helper()
	certificate, key := ca.Parts()
	list := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: optest.Now.Add(-time.Hour), NextUpdate: next}
	for _, r := range revoked {
		c, _ := r.Parts()
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: c.SerialNumber, RevocationTime: optest.Now.Add(-time.Minute),
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return optest.File(t, "list.crl", op.PEMString("X509 CRL", der))
}

// TestValidate_CRLs: with revocation lists, every certificate below a trusted one needs a list of its issuer that is current, and must not
// be on it.
func TestValidate_CRLs(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub")
	good, bad := sub.Issue(t, "good"), sub.Issue(t, "bad")
	s := optest.New(t, root.Trusted("root"), sub.Trusted("sub"), good.Personal("good"), bad.Personal("bad"))
	optest.Change(t, s, func(tx kdb.Tx) error { return tx.Mark("sub", kdb.Marks{Trusted: new(false)}) })
	later, past := optest.Now.Add(time.Hour), optest.Now.Add(-time.Minute)
	roots, subs := listOf(t, root, later), listOf(t, sub, later, bad)
	for _, c := range []struct {
		rule, label string
		crls        []string
		want        string // part of the error
	}{
		{"without lists", "bad", nil, ""},
		{"not on the list", "good", []string{roots, subs}, ""},
		{"on the list", "bad", []string{roots, subs}, "certificate 0: it was revoked on"},
		{"its CA on a list", "good", []string{listOf(t, root, later, sub), subs}, "certificate 1: it was revoked on"},
		{"no list of its issuer", "good", []string{roots}, "certificate 0"},
		{"no list of its issuer's issuer", "good", []string{subs}, "certificate 1"},
		{"on the list, without one of its issuer's issuer", "bad", []string{subs}, "certificate 0: it was revoked on"},
		{"an old list", "good", []string{roots, listOf(t, sub, past)}, "certificate 0"},
		{"a list of another CA of that name", "good", []string{roots, listOf(t, root.CA(t, "Sub"), later)}, "certificate 0"},
	} {
		_, err := inspect.Validate{Labels: []string{c.label}, CRLs: c.crls, MaxDepth: -1}.Run(ctx, s)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, op.ErrInvalid) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
	for rule, file := range map[string]string{
		"a file without lists": optest.File(t, "x.pem", optest.PEM(root.Trusted(""))),
		"a broken list":        optest.File(t, "x.crl", op.PEMString("X509 CRL", []byte("\x30\x00"))),
	} {
		_, err := inspect.Validate{Labels: []string{"good"}, CRLs: []string{file}, MaxDepth: -1}.Run(ctx, s)
		if !errors.Is(err, kdb.ErrParse) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

// TestInspect_CRL: a list is described by its issuer, number, times and how many are on it.
func TestInspect_CRL(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	file := listOf(t, root, optest.Now.Add(time.Hour), root.Issue(t, "a"), root.Issue(t, "b"))
	got, err := inspect.Inspect{File: file}.Run(ctx, optest.Env())
	if err != nil || len(got.Items) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	item := got.Items[0]
	if item.Type != "crl" || item.Issuer != "CN=Root" || item.Number != "7" || item.Revoked == nil || *item.Revoked != 2 {
		t.Errorf("%+v", item)
	}
	if !item.ThisUpdate.Equal(optest.Now.Add(-time.Hour)) || !item.NextUpdate.Equal(optest.Now.Add(time.Hour)) {
		t.Errorf("from %v to %v", item.ThisUpdate, item.NextUpdate)
	}
}
