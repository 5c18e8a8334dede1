package pkcs12_test

import (
	"crypto/rand"
	"crypto/x509"
	"slices"
	"testing"

	gopkcs12 "software.sslmate.com/src/go-pkcs12"
)

// forge makes a self-signed certificate with the name and the key identifier of a CA, and another key.
func forge(t testing.TB, ca *identity) *x509.Certificate {
	t.Helper()
	other := issue(t, "Other", nil, true)
	template := *other.cert
	template.RawSubject, template.SubjectKeyId, template.AuthorityKeyId = ca.cert.RawSubject, ca.cert.SubjectKeyId, ca.cert.SubjectKeyId
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, other.key.Public(), other.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A certificate that somebody put into another program's file does not get into a chain by its name and key identifier, nor is it trusted.
func TestDecode_aForgedIssuerIsNotInTheChain(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	forged := forge(t, f.middle)
	for rule, test := range map[string]struct {
		authorities []*x509.Certificate
		want        []*x509.Certificate
	}{
		"alone":                 {[]*x509.Certificate{forged}, []*x509.Certificate{f.one.cert}},
		"before the issuer":     {[]*x509.Certificate{forged, f.middle.cert}, []*x509.Certificate{f.one.cert, f.middle.cert}},
		"after the issuer":      {[]*x509.Certificate{f.middle.cert, forged}, []*x509.Certificate{f.one.cert, f.middle.cert}},
		"above an intermediate": {[]*x509.Certificate{f.middle.cert, forge(t, f.root)}, []*x509.Certificate{f.one.cert, f.middle.cert}},
		"the chain":             {[]*x509.Certificate{f.root.cert, f.middle.cert}, []*x509.Certificate{f.one.cert, f.middle.cert, f.root.cert}},
	} {
		data, err := gopkcs12.Modern.Encode(f.one.key, f.one.cert, test.authorities, "x")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range decode(t, data, "x").Entries() {
			same := func(der []byte, c *x509.Certificate) bool { return slices.Equal(der, c.Raw) }
			if isOne := same(e.Certificates[0], f.one.cert); isOne && !slices.EqualFunc(e.Certificates, test.want, same) {
				t.Errorf("%s: a chain of %d certificates, want %d", rule, len(e.Certificates), len(test.want))
			} else if !isOne && e.Trusted {
				t.Errorf("%s: %s is trusted", rule, e.Label)
			}
		}
	}
}
