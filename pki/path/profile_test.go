package path_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// conforming gives a CA what RFC 5280, 4.2 wants it to have.
func conforming(c *x509.Certificate) { c.SubjectKeyId = []byte(c.Subject.CommonName) }

// without builds basic constraints, key usage and the like by hand: template fields are cleared and the extensions given.
func without(clear func(*x509.Certificate), extensions ...change) change {
	return func(c *x509.Certificate) {
		clear(c)
		for _, e := range extensions {
			e(c)
		}
	}
}

var (
	noBasic    = func(c *x509.Certificate) { c.BasicConstraintsValid, c.IsCA, c.KeyUsage = false, false, 0 }
	noUsage    = func(c *x509.Certificate) { c.KeyUsage = 0 }
	basicLoose = extra(cert.IDBasicConstraints, false, "\x30\x03\x01\x01\xff")
	usageCA    = extra(cert.IDKeyUsage, true, "\x03\x02\x01\x06")
)

type strictCase struct {
	rule              string
	root, inter, leaf change
	want              string // part of a reason; "" is a conforming chain
}

var strictCases = []strictCase{
	{rule: "conforming"},
	{
		rule:  "leaf without authority key identifier",
		inter: func(c *x509.Certificate) { c.SubjectKeyId = nil; extra(cert.IDSubjectKeyID, false, "\x04\x01\x01")(c) },
		want:  "lacks the authority key identifier",
	},
	{
		rule: "CA without subject key identifier", inter: extra(cert.IDSubjectKeyID, false, "\x04\x00"),
		want: "without a subject key identifier",
	},
	{
		rule: "critical subject key identifier", inter: extra(cert.IDSubjectKeyID, true, "\x04\x0cIntermediate"),
		want: "subjectKeyIdentifier must not be critical",
	},
	{
		rule: "critical authority key identifier", leaf: extra(cert.IDAuthorityKeyID, true, "\x30\x0e\x80\x0cIntermediate"),
		want: "authorityKeyIdentifier must not be critical",
	},
	{rule: "basic constraints not critical", inter: without(noBasic, basicLoose, usageCA), want: "without critical basic constraints"},
	{rule: "root without basic constraints", root: without(noBasic, usageCA), want: "without critical basic constraints"},
	{rule: "CA without key usage", inter: without(noUsage), want: "without a key usage"},
	{rule: "empty key usage", leaf: without(noUsage, extra(cert.IDKeyUsage, true, "\x03\x02\x07\x00")), want: "allows nothing"},
	{
		rule: "keyCertSign without CA", leaf: func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign },
		want: "not a CA, but its key usage has keyCertSign",
	},
	{
		rule: "path length without CA", leaf: extra(cert.IDBasicConstraints, true, "\x30\x03\x02\x01\x00"), want: "not a CA, but has a path",
	},
	{rule: "serial number 0", leaf: func(c *x509.Certificate) { c.SerialNumber = new(big.Int) }, want: "serial number is not positive"},
	{
		rule: "serial number of 21 bytes", leaf: func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(1), 160) },
		want: "serial number is not positive or longer",
	},
	{rule: "serial number of 20 bytes", leaf: func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(1), 158) }},
	{
		rule: "name constraints not critical", inter: func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.com"} },
		want: "name constraints must be critical",
	},
	{rule: "name constraints critical", inter: func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"example.com"}
	}},
	{rule: "constraint with a leading period", inter: func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"example.com", ".example.org"}
	}, want: "name constraint dns:.example.org is malformed"},
	{
		rule: "policy constraints not critical", inter: extra(cert.IDPolicyConstraints, false, "\x30\x03\x80\x01\x05"),
		want: "policyConstraints must be critical",
	},
	{
		rule: "inhibitAnyPolicy not critical", inter: extra(cert.IDInhibitAnyPolicy, false, "\x02\x01\x01"),
		want: "inhibitAnyPolicy must be critical",
	},
	{rule: "empty subject", leaf: func(c *x509.Certificate) { c.Subject = pkix.Name{} }}, // crypto/x509 makes the alternative name critical
	{
		rule: "empty subject of a CRL issuer", leaf: func(c *x509.Certificate) { c.Subject, c.KeyUsage = pkix.Name{}, x509.KeyUsageCRLSign },
		want: "issues CRLs without a subject",
	},
	{rule: "no name at all", leaf: func(c *x509.Certificate) { c.Subject, c.DNSNames = pkix.Name{}, nil }, want: "no name at all"},
	{rule: "malformed name", leaf: func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "a..b") }, want: "name dns:a..b is malformed"},
	{rule: "NUL in the subject", leaf: func(c *x509.Certificate) { c.Subject.CommonName = "a\x00b" }, want: "has a NUL character"},
	{
		rule: "unreadable authority access", leaf: extra(cert.IDAuthorityInfoAccess, false, "\x30\x02\x05\x00"),
		want: "authorityInfoAccess does not conform",
	},
	{rule: "empty authority access", leaf: extra(cert.IDAuthorityInfoAccess, false, "\x30\x00"), want: "it is empty"},
	{rule: "unreadable subject access", inter: extra(cert.IDSubjectInfoAccess, false, "\x05\x00"), want: "subjectInfoAccess does not conform"},
	{
		rule: "unreadable distribution points", leaf: extra(cert.IDCRLDistributionPoints, false, "\x30\x00"),
		want: "cRLDistributionPoints does not conform",
	},
	{rule: "unreadable freshest CRL", leaf: extra(cert.IDFreshestCRL, false, "\x30\x00"), want: "freshestCRL does not conform"},
	{
		rule: "another authority key identifier", leaf: extra(cert.IDAuthorityKeyID, false, "\x30\x03\x80\x01\x01"),
		want: "is not its issuer's subject key identifier",
	},
	{
		rule: "a serial number in it without an issuer", leaf: extra(cert.IDAuthorityKeyID, false, "\x30\x11\x80\x0cIntermediate\x82\x01\x05"),
		want: "an issuer without a serial number, or the other way round",
	},
}

// TestValidate_strict breaks one rule of section 4 at a time. The chain stays valid for the
// profile rfc5280.
func TestValidate_strict(t *testing.T) {
	t.Parallel()
	for _, test := range strictCases {
		pick := func(c change) []change {
			if c == nil {
				return []change{conforming}
			}
			return []change{conforming, c}
		}
		root := ca(t, nil, "Root", pick(test.root)...)
		inter := ca(t, root, "Intermediate", pick(test.inter)...)
		l := leaf(t, inter, pick(test.leaf)[1:]...)
		o := options(root, inter)
		if got := rules(path.Validate(l.Certificate, o)); got != "valid" {
			t.Errorf("%s: rfc5280: %s", test.rule, got)
		}
		o.Profile = path.StrictRFC5280
		result := path.Validate(l.Certificate, o)
		if result.Valid != (test.want == "") || !strings.Contains(explain(result), test.want) {
			t.Errorf("%s: want %q\n%s", test.rule, test.want, explain(result))
		}
	}
}

// TestValidate_webPKIKeys refuses the keys that the Baseline Requirements do not allow.
func TestValidate_webPKIKeys(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root", conforming)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa1024, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	server := func() *x509.Certificate {
		c := template("example.com")
		c.DNSNames, c.ExtKeyUsage, c.KeyUsage = []string{"example.com"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			x509.KeyUsageDigitalSignature
		return c
	}
	tests := []struct {
		rule string
		leaf *member
		want string
	}{
		{"RSA of 2048 bits", forge(t, root, rsa2048, server()), "valid"},
		{"RSA of 1024 bits", forge(t, root, rsa1024, server()), "baseline-requirements"},
		{"P-256", forge(t, root, newKey(t), server()), "valid"},
		{"P-224", forge(t, root, p224, server()), "baseline-requirements"},
		{"Ed25519", forge(t, root, ed, server()), "baseline-requirements"},
	}
	for _, test := range tests {
		o := options(root)
		o.Profile = path.WebPKI
		if got := rules(path.Validate(test.leaf.Certificate, o)); got != test.want {
			t.Errorf("%s: %s", test.rule, got)
		}
	}
}

// TestValidate_webPKIRoots looks at the authority key identifier and usages of roots.
func TestValidate_webPKIRoots(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule   string
		change change
		want   string
	}{
		{"no identifier", func(*x509.Certificate) {}, "valid"},
		{"its own", extra(cert.IDAuthorityKeyID, false, "\x30\x06\x80\x04Root"), "valid"},
		{"another", extra(cert.IDAuthorityKeyID, false, "\x30\x06\x80\x04root"), "baseline-requirements"},
		{"none in it", extra(cert.IDAuthorityKeyID, false, "\x30\x00"), "baseline-requirements"},
		{"a serial number", extra(cert.IDAuthorityKeyID, false, "\x30\x09\x80\x04Root\x82\x01\x05"), "profile baseline-requirements"},
		{
			"an extended key usage", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
			"baseline-requirements",
		},
	}
	for _, test := range tests {
		root := ca(t, nil, "Root", conforming, test.change)
		o := options(root)
		o.Profile = path.WebPKI
		if got := rules(path.Validate(leaf(t, root).Certificate, o)); got != test.want {
			t.Errorf("%s: %s", test.rule, got)
		}
	}
}

func TestValidate_webPKI(t *testing.T) {
	t.Parallel()
	ids := func(c *x509.Certificate) { c.SubjectKeyId = []byte(c.Subject.CommonName) }
	root := ca(t, nil, "Root", ids)
	tests := []struct {
		rule   string
		change change
		want   string
	}{
		{"a good one", func(*x509.Certificate) {}, "valid"},
		{"no alternative name", func(c *x509.Certificate) { c.DNSNames = nil }, "baseline-requirements baseline-requirements"},
		{"common name that is not an alternative name", func(c *x509.Certificate) { c.Subject.CommonName = "x" }, "baseline-requirements"},
		{"wildcard for a public suffix", func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "*.co.uk") }, "baseline-requirements"},
		{"no extended key usage", func(c *x509.Certificate) { c.ExtKeyUsage = nil }, "baseline-requirements"},
		{"underscore", func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "_a.example.com") }, "profile"},
		{"email address", func(c *x509.Certificate) { c.EmailAddresses = []string{"a@example.com"} }, "baseline-requirements"},
		{"address as a DNS name", func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "192.0.2.1") }, "profile"},
		{"CA", func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid = true, true
			c.KeyUsage = x509.KeyUsageCertSign
		}, "baseline-requirements baseline-requirements baseline-requirements"},
		{"CRL signing", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign }, "baseline-requirements"},
		{
			"server and e-mail", func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageEmailProtection) },
			"baseline-requirements",
		},
		{"server and client", func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) }, "valid"},
		{
			"critical distribution points", extra(cert.IDCRLDistributionPoints, true, der(0x30, der(0x30, fullName("http://a.example/crl")))),
			"baseline-requirements",
		},
	}
	for _, test := range tests {
		l := leaf(t, root, test.change)
		o := options(root)
		o.Profile = path.WebPKI
		if got := rules(path.Validate(l.Certificate, o)); got != test.want {
			t.Errorf("%s: %s, want %s", test.rule, got, test.want)
		}
	}
}
