package path_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// crlOf signs a revocation list by issuer for the given serial numbers.
func crlOf(t testing.TB, issuer *member, changes func(*x509.RevocationList), revoked ...*member) *cert.CRL {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(5), ThisUpdate: now.AddDate(0, 0, -1), NextUpdate: now.AddDate(0, 0, 6)}
	for _, m := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: m.Serial, RevocationTime: now.AddDate(0, 0, -2), ReasonCode: 1,
		})
	}
	if changes != nil {
		changes(list)
	}
	parent := *issuer.template
	parent.KeyUsage, parent.SubjectKeyId = x509.KeyUsageCRLSign, []byte{1} // what x509 wants before it signs; not checked here
	der, err := x509.CreateRevocationList(rand.Reader, list, &parent, issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cert.ParseCRL(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func crlExtension(id string, critical bool, value string) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: goOID(id), Critical: critical, Value: []byte(value)})
	}
}

func old(r *x509.RevocationList) {
	r.ThisUpdate, r.NextUpdate = now.AddDate(0, -2, 0), now.AddDate(0, -1, 0)
}

func future(r *x509.RevocationList) {
	r.ThisUpdate, r.NextUpdate = now.AddDate(0, 1, 0), now.AddDate(0, 2, 0)
}

func number(n int64, more func(*x509.RevocationList)) func(*x509.RevocationList) {
	return func(r *x509.RevocationList) {
		r.Number = big.NewInt(n)
		if more != nil {
			more(r)
		}
	}
}

func hour(n int) func(*x509.RevocationList) {
	return func(r *x509.RevocationList) { r.ThisUpdate = r.ThisUpdate.Add(time.Duration(n) * time.Hour) }
}

func TestValidate_revocation(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	inter := ca(t, root, "Intermediate")
	l := leaf(t, inter)
	other := ca(t, nil, "Intermediate") // same name, other key
	mute := ca(t, root, "Mute", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	muteLeaf := leaf(t, mute)
	rootCRL := crlOf(t, root, nil)
	deltaOf5 := crlExtension(cert.IDDeltaCRLIndicator, true, "\x02\x01\x05")
	removed := func(r *x509.RevocationList) {
		r.RevokedCertificateEntries = []x509.RevocationListEntry{{
			SerialNumber: l.Serial, RevocationTime: now, ReasonCode: int(cert.RemoveFromCRL),
		}}
	}
	remove := func(r *x509.RevocationList) {
		deltaOf5(r)
		r.Number = big.NewInt(6)
		removed(r)
	}
	tests := []struct {
		rule string
		leaf *member
		crls []*cert.CRL
		want string
	}{
		{"not revoked", l, []*cert.CRL{rootCRL, crlOf(t, inter, nil)}, "valid"},
		{"revoked", l, []*cert.CRL{rootCRL, crlOf(t, inter, nil, l)}, "revoked"},
		{"intermediate revoked", l, []*cert.CRL{crlOf(t, root, nil, inter), crlOf(t, inter, nil)}, "revoked"},
		{"no CRL for the leaf", l, []*cert.CRL{rootCRL}, "no-crl"},
		{"no CRL at all", l, nil, "no-crl no-crl"},
		{"CRL too old", l, []*cert.CRL{rootCRL, crlOf(t, inter, old)}, "no-crl"},
		{"CRL of the future", l, []*cert.CRL{rootCRL, crlOf(t, inter, future)}, "no-crl"},
		{"one too old, one current", l, []*cert.CRL{rootCRL, crlOf(t, inter, old), crlOf(t, inter, nil)}, "valid"},
		{"CRL by another key", l, []*cert.CRL{rootCRL, crlOf(t, other, nil)}, "no-crl"},
		{"issuer may not sign CRLs", muteLeaf, []*cert.CRL{rootCRL, crlOf(t, mute, nil)}, "no-crl"},
		{"unknown critical extension", l, []*cert.CRL{rootCRL, crlOf(t, inter, crlExtension("1.2.3.4", true, "\x05\x00"))}, "no-crl"},
		{
			"only for CAs", l,
			[]*cert.CRL{rootCRL, crlOf(t, inter, crlExtension(cert.IDIssuingDistribution, true, "\x30\x03\x82\x01\xff"))},
			"no-crl",
		},
		{
			"only for users", l,
			[]*cert.CRL{rootCRL, crlOf(t, inter, crlExtension(cert.IDIssuingDistribution, true, "\x30\x03\x81\x01\xff"))},
			"valid",
		},
		{
			"only for key compromise", l,
			[]*cert.CRL{rootCRL, crlOf(t, inter, crlExtension(cert.IDIssuingDistribution, true, "\x30\x04\x83\x02\x06\x40"))},
			"no-crl",
		},
		{
			"an older one, then a newer one that revokes", l, []*cert.CRL{rootCRL, crlOf(t, inter, hour(3)), crlOf(t, inter, hour(4), l)}, "revoked",
		},
		{
			"a newer one that revokes, then an older one", l, []*cert.CRL{rootCRL, crlOf(t, inter, hour(4), l), crlOf(t, inter, hour(3))}, "revoked",
		},
		{"a hold that the newer one has no more", l, []*cert.CRL{rootCRL, crlOf(t, inter, hour(3), l), crlOf(t, inter, hour(4))}, "valid"},
		{"the greater number of the same time", l, []*cert.CRL{rootCRL, crlOf(t, inter, number(4, nil)), crlOf(t, inter, nil, l)}, "revoked"},
		{"delta alone (6.3.3 (a))", l, []*cert.CRL{rootCRL, crlOf(t, inter, number(6, deltaOf5))}, "no-crl"},
		{"delta revokes (6.3.3 (i))", l, []*cert.CRL{rootCRL, crlOf(t, inter, nil), crlOf(t, inter, number(6, deltaOf5), l)}, "revoked"},
		{
			"delta of an older base (6.3.3 (c))", l,
			[]*cert.CRL{rootCRL, crlOf(t, inter, number(4, nil)), crlOf(t, inter, number(6, deltaOf5), l)},
			"valid",
		},
		{"removeFromCRL in a complete CRL (6.3.3 (k))", l, []*cert.CRL{rootCRL, crlOf(t, inter, removed)}, "valid"},
		{
			"a delta revokes what the complete CRL removes (6.3.3 (i))", l,
			[]*cert.CRL{rootCRL, crlOf(t, inter, removed), crlOf(t, inter, number(6, deltaOf5), l)},
			"revoked",
		},
		{"delta removes a hold (6.3.3 (k))", l, []*cert.CRL{rootCRL, crlOf(t, inter, nil, l), crlOf(t, inter, remove)}, "valid"},
	}
	for _, test := range tests {
		o := options(root, inter, mute)
		o.CRLs, o.RequireCRLs = test.crls, true
		result := path.Validate(test.leaf.Certificate, o)
		if got := rules(result); got != test.want {
			t.Errorf("%s: %s, want %s\n%s", test.rule, got, test.want, explain(result))
		}
	}
}

// TestValidate_separateCRLKey has the CRL signed by another key of the issuer's name, certified by the root.
func TestValidate_separateCRLKey(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	inter := ca(t, root, "Intermediate", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	signer := ca(t, root, "Intermediate", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign; c.IsCA = false })
	l := leaf(t, inter)
	o := options(root, inter, signer)
	o.RequireCRLs = true
	o.CRLs = []*cert.CRL{crlOf(t, root, nil), crlOf(t, signer, nil)}
	if result := path.Validate(l.Certificate, o); !result.Valid {
		t.Error(explain(result))
	}
	o.CRLs = []*cert.CRL{crlOf(t, root, nil, signer), crlOf(t, signer, nil)}
	if got := rules(path.Validate(l.Certificate, o)); got != "no-crl" {
		t.Errorf("CRL signer revoked: %s", got)
	}
}

func TestResult_revokedTellsWhen(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	l := leaf(t, root)
	o := options(root)
	o.CRLs, o.RequireCRLs = []*cert.CRL{crlOf(t, root, nil, l)}, true
	want := "it was revoked on " + now.AddDate(0, 0, -2).Format(time.RFC3339) + " (key compromise)"
	if got := path.Validate(l.Certificate, o).Attempts[0].Failures[0].Reason; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestValidate_crlAnchors has a CRL by a trusted root of the same name that is not the chain's anchor.
func TestValidate_crlAnchors(t *testing.T) {
	t.Parallel()
	root, sameName := ca(t, nil, "Root"), ca(t, nil, "Root")
	l := leaf(t, root)
	o := options(root)
	o.Roots = path.Anchors(root.Certificate, sameName.Certificate)
	o.CRLs, o.RequireCRLs = []*cert.CRL{crlOf(t, sameName, nil)}, true
	result := path.Validate(l.Certificate, o)
	if result.Valid || !strings.Contains(explain(result), "another trust anchor") {
		t.Error(explain(result))
	}
}

// RFC 5280, 6.3.3 (f): a CRL issuer's chain must end in the anchor of the certificate's chain. Here a CA of the same name as the issuer
// has its certificate from another trusted root.
func TestValidate_crlIssuerBelowAnotherAnchor(t *testing.T) {
	t.Parallel()
	root, foreign := ca(t, nil, "Root"), ca(t, nil, "Foreign Root")
	inter := ca(t, root, "Intermediate", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	l := leaf(t, inter)
	for by, want := range map[*member]string{root: "valid", foreign: "no-crl"} {
		signer := ca(t, by, "Intermediate")
		o := options(root, inter, signer)
		o.Roots = path.Anchors(root.Certificate, foreign.Certificate)
		o.CRLs, o.RequireCRLs = []*cert.CRL{crlOf(t, root, nil), crlOf(t, foreign, nil), crlOf(t, signer, nil)}, true
		result := path.Validate(l.Certificate, o)
		if got := rules(result); got != want || !result.Valid && !strings.Contains(explain(result), "chain ends in another trust anchor") {
			t.Errorf("CRL issuer below %q: %s\n%s", by.Subject.String(), got, explain(result))
		}
	}
}

// TestValidate_noCheck heeds ocsp-nocheck for OCSP responders alone.
func TestValidate_noCheck(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	noCheck := extra("1.3.6.1.5.5.7.48.1.5", false, "\x05\x00")
	o := options(root)
	o.Purpose, o.RequireCRLs = "", true
	responder := leaf(t, root, noCheck, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} })
	if got := rules(path.Validate(responder.Certificate, o)); got != "valid" {
		t.Errorf("responder: %s", got)
	}
	if got := rules(path.Validate(leaf(t, root, noCheck).Certificate, o)); got != "no-crl" {
		t.Errorf("server: %s", got)
	}
}
