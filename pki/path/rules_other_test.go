package path_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/oid"
	"certkdb/pki/path"
)

// Identifiers of extensions that package path does not process.
const (
	idIPAddrBlocks     = "1.3.6.1.5.5.7.1.7"
	idAutonomousSysIDs = "1.3.6.1.5.5.7.1.8"
)

// ipv4Block is an IPAddressFamily with one prefix, 10.0.0.0/8 (RFC 3779, 2.2.3).
var ipv4Block = der(0x30, der(0x04, "\x00\x01"), der(0x30, "\x03\x02\x00\x0a"))

// RFC 3779 is for certificates of the RPKI: resources are not compared here. What marks them as critical is refused, as RFC 5280, 4.2 asks
// of those who do not process an extension.
var resourceRules = []ruleTest{
	{
		section: "2.2.2", rule: "addresses, critical", leaf: extra(idIPAddrBlocks, true, der(0x30, ipv4Block)), rules: "critical-extension",
		strict: "critical-extension",
	},
	{
		section: "3.2.2", rule: "autonomous systems, critical in a CA", inter: extra(idAutonomousSysIDs, true, der(0x30, der(0xa0, "\x05\x00"))),
		rules: "critical-extension", strict: "critical-extension",
	},
	{
		section: "2.3", rule: "addresses that the issuer does not have, not critical", leaf: extra(idIPAddrBlocks, false, der(0x30, ipv4Block)),
		accepted: "an extension that is not critical may be ignored, and TLS has no use for it",
	},
}

// RFC 9608: a certificate says that there is no revocation information about it. A check of revocation is made all the same if somebody
// asks for it; the strict profile refuses a certificate that contradicts itself.
var noRevocationRules = []ruleTest{
	{
		section: "2", rule: "critical", leaf: extra(oid.NoRevAvail, true, "\x05\x00"), rules: "critical-extension", strict: "critical-extension",
	},
	{section: "3", rule: "not critical", leaf: extra(oid.NoRevAvail, false, "\x05\x00"), accepted: "that is how it is meant"},
	{section: "3", rule: "in a CA", inter: extra(oid.NoRevAvail, false, "\x05\x00"), strict: "profile"},
	{
		section: "3", rule: "with a CRL distribution point", strict: "profile",
		leaf: both(extra(oid.NoRevAvail, false, "\x05\x00"), point(fullName("http://a.example"))),
	},
	{
		section: "3", rule: "with a freshest CRL", strict: "profile",
		leaf: both(extra(oid.NoRevAvail, false, "\x05\x00"), has(cert.IDFreshestCRL, der(0x30, fullName("http://a.example")))),
	},
	{
		section: "3", rule: "with an OCSP responder", strict: "profile",
		leaf: both(extra(oid.NoRevAvail, false, "\x05\x00"),
			has(cert.IDAuthorityInfoAccess, der(0x30, derOCSP, uriName("http://a.example")))),
	},
}

// X.520 and RFC 5280, appendix A.1 bound the lengths of attributes.
var upperBoundRules = []ruleTest{
	{
		section: "A.1", rule: "ub-common-name", leaf: func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("a", 65) },
		accepted: "a longer name cannot be mistaken for another one, and CAs have issued them",
	},
	{
		section: "A.1", rule: "ub-country-name", leaf: func(c *x509.Certificate) { c.Subject.Country = []string{"DEU"} },
		accepted: "the bytes are compared, whatever their number",
	},
	{
		section: "A.1", rule: "ub-organization-name", accepted: "as for the common name",
		leaf: func(c *x509.Certificate) { c.Subject.Organization = []string{strings.Repeat("a", 65)} },
	},
	{
		section: "A.1", rule: "ub-serial-number", leaf: func(c *x509.Certificate) { c.Subject.SerialNumber = strings.Repeat("1", 65) },
		accepted: "as for the common name",
	},
}

func TestRules_otherStandards(t *testing.T) {
	t.Parallel()
	checkRules(t, "RFC 3779", path.RFC5280, path.StrictRFC5280, resourceRules)
	checkRules(t, "RFC 9608", path.RFC5280, path.StrictRFC5280, noRevocationRules)
	checkRules(t, "RFC 5280", path.RFC5280, path.StrictRFC5280, upperBoundRules)
}
