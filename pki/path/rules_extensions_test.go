package path_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/oid"
	"certkdb/pki/path"
)

// has makes the change that writes an extension by its value, in place of the template's.
func has(id string, parts ...string) change { return extra(id, false, der(0x30, parts...)) }

// derUnknown is an extension that nobody knows.
const derUnknown = "\x30\x09\x06\x03\x2a\x03\x04\x04\x02\x05\x00"

func noSubject(c *x509.Certificate) { c.Subject = pkix.Name{} }

// noSubjectKeyID leaves a CA without a subject key identifier, so that what it issues has no authority key identifier.
func noSubjectKeyID(c *x509.Certificate) {
	c.SubjectKeyId = nil
}

// derIntermediate is the name of the intermediate.
const derIntermediate = "\x30\x29\x31\x10\x30\x0e" + derOrganization + "\x31\x15\x30\x13\x06\x03\x55\x04\x03\x13\x0cIntermediate"

// Object identifiers as DER: policies, and qualifiers of them.
const (
	derPolicyA    = "\x06\x03\x2a\x03\x01"
	derPolicyB    = "\x06\x03\x2a\x03\x02"
	derAnyPolicy  = "\x06\x04\x55\x1d\x20\x00"
	derCPS        = "\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x01"
	derNotice     = "\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x02"
	derOCSP       = "\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01"
	derServerAuth = "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
)

// derCARepository is the access method of what a CA issued.
const derCARepository = "\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x05"

// crlAttribute is where a directory has a CRL (RFC 4523).
const crlAttribute = "certificateRevocationList;binary"

// keyIDOfCA is the authority key identifier of what the intermediate issues.
const keyIDOfCA = "\x80\x0cIntermediate"

// RFC 5280, 4.2: what an extension must and must not be. A section of 4.2.1.x is that of the extension.
var extensionRules = []ruleTest{
	{
		section: "4.2", rule: "an extension occurs twice", leaf: noExtensions, inter: withoutAKI,
		damage: []string{endOfTBS, der(0xa3, der(0x30, derUnknown, derUnknown))}, rules: "unreadable", strict: "unreadable",
	},
	{
		section: "4.2", rule: "unknown and critical", leaf: extra("1.2.3.4", true, "\x05\x00"), rules: "critical-extension",
		strict: "critical-extension",
	},
	{
		section: "4.2", rule: "unknown and critical in a CA", inter: extra("1.2.3.4", true, "\x05\x00"),
		rules: "critical-extension", strict: "critical-extension",
	},
	{
		section: "4.2", rule: "unknown and critical in a root", root: extra("1.2.3.4", true, "\x05\x00"),
		rules: "critical-extension", strict: "critical-extension",
	},
	{section: "4.2", rule: "unknown, not critical", leaf: extra("1.2.3.4", false, "\x05\x00"), accepted: "it may be ignored"},
	{
		section: "4.1", rule: "critical FALSE written out, which is the default", leaf: noExtensions, inter: withoutAKI,
		damage: []string{endOfTBS, der(0xa3, der(0x30, der(0x30, "\x06\x03\x2a\x03\x04\x01\x01\x00\x04\x02\x05\x00")))},
		strict: "profile profile",
	},
	{
		section: "4.1", rule: "critical TRUE that is not DER", leaf: noExtensions, inter: withoutAKI,
		damage: []string{endOfTBS, der(0xa3, der(0x30, der(0x30, "\x06\x03\x55\x1d\x0e\x01\x01\x01\x04\x03\x04\x01a")))},
		strict: "profile profile profile",
	},
	{
		section: "4.1", rule: "an empty list of extensions", leaf: noExtensions, inter: withoutAKI,
		damage: []string{endOfTBS, der(0xa3, "\x30\x00")}, strict: "profile profile",
	},
	{
		section: "4.1", rule: "an extension without a value", leaf: noExtensions, inter: withoutAKI,
		damage: []string{endOfTBS, der(0xa3, der(0x30, der(0x30, "\x06\x03\x2a\x03\x04")))}, rules: "unreadable", strict: "unreadable",
	},
	// Authority key identifier.
	{section: "4.2.1.1", rule: "critical", leaf: extra(cert.IDAuthorityKeyID, true, der(0x30, keyIDOfCA)), strict: "profile"},
	{section: "4.2.1.1", rule: "missing", inter: withoutAKI, strict: "profile"},
	{section: "4.2.1.1", rule: "empty", leaf: has(cert.IDAuthorityKeyID), strict: "profile"},
	{section: "4.2.1.1", rule: "of another key", leaf: has(cert.IDAuthorityKeyID, "\x80\x01\x01"), strict: "profile"},
	{
		section: "4.2.1.1", rule: "a serial number without an issuer", leaf: has(cert.IDAuthorityKeyID, keyIDOfCA, "\x82\x01\x05"),
		strict: "profile",
	},
	{
		section: "4.2.1.1", rule: "an issuer without a serial number", leaf: has(cert.IDAuthorityKeyID, keyIDOfCA, der(0xa1, dnsName("a"))),
		strict: "profile",
	},
	{
		section: "4.2.1.1", rule: "an empty list of issuers", leaf: has(cert.IDAuthorityKeyID, keyIDOfCA, "\xa1\x00\x82\x01\x05"),
		rules: "malformed", strict: "malformed profile",
	},
	{
		section: "4.2.1.1", rule: "trailing data", leaf: has(cert.IDAuthorityKeyID, keyIDOfCA, "\x05\x00"),
		rules: "malformed", strict: "malformed profile",
	},
	// Subject key identifier.
	{section: "4.2.1.2", rule: "critical", inter: extra(cert.IDSubjectKeyID, true, "\x04\x0cIntermediate"), strict: "profile"},
	{section: "4.2.1.2", rule: "empty in a CA", inter: extra(cert.IDSubjectKeyID, false, "\x04\x00"), strict: "profile"},
	{
		section: "4.2.1.2", rule: "missing in a CA", strict: "profile profile",
		inter: without(noBasic, noSubjectKeyID, usageCA, extra(cert.IDBasicConstraints, true, "\x30\x03\x01\x01\xff")),
	},
	{
		section: "4.2.1.2", rule: "not an OCTET STRING", leaf: extra(cert.IDSubjectKeyID, false, "\x0c\x01a"),
		rules: "malformed", strict: "malformed",
	},
	// Key usage.
	{section: "4.2.1.3", rule: "no usage in it", leaf: extra(cert.IDKeyUsage, true, "\x03\x02\x07\x00"), strict: "profile"},
	{section: "4.2.1.3", rule: "missing in a CA", inter: noUsage, strict: "profile"},
	{
		section: "4.2.1.3", rule: "keyCertSign without CA", leaf: func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign },
		strict: "profile",
	},
	{
		section: "4.2.1.3", rule: "a CA without keyCertSign", inter: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign },
		rules: "key-usage", strict: "key-usage",
	},
	{
		section: "4.2.1.3", rule: "a root without keyCertSign", root: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign },
		rules: "key-usage", strict: "key-usage",
	},
	{section: "4.2.1.3", rule: "unused bits that are set", leaf: extra(cert.IDKeyUsage, true, "\x03\x02\x05\x9f"), strict: "profile"},
	{
		section: "4.2.1.3", rule: "not a BIT STRING", leaf: extra(cert.IDKeyUsage, true, "\x02\x01\x05"), rules: "malformed",
		strict: "malformed profile",
	},
	// Certificate policies.
	{section: "4.2.1.4", rule: "no policy", leaf: has(cert.IDCertificatePolicies), rules: "malformed", strict: "malformed"},
	{
		section: "4.2.1.4", rule: "a policy occurs twice", leaf: has(cert.IDCertificatePolicies, der(0x30, derPolicyA), der(0x30, derPolicyA)),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.4", rule: "an empty list of qualifiers", leaf: has(cert.IDCertificatePolicies, der(0x30, derPolicyA, "\x30\x00")),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.4", rule: "anyPolicy with another qualifier than CPS and user notice",
		leaf:  has(cert.IDCertificatePolicies, der(0x30, derAnyPolicy, der(0x30, der(0x30, "\x06\x01\x2a\x05\x00")))),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.4", rule: "an unknown qualifier in a critical extension",
		leaf:  extra(cert.IDCertificatePolicies, true, der(0x30, der(0x30, derPolicyA, der(0x30, der(0x30, "\x06\x01\x2a\x05\x00"))))),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.4", rule: "an unknown qualifier, not critical",
		leaf:     has(cert.IDCertificatePolicies, der(0x30, derPolicyA, der(0x30, der(0x30, "\x06\x01\x2a\x05\x00")))),
		accepted: "qualifiers are not processed",
	},
	{
		section: "4.2.1.4 (RFC 6818, 3)", rule: "a notice whose text is an IA5String",
		leaf:   has(cert.IDCertificatePolicies, der(0x30, derPolicyA, der(0x30, der(0x30, derNotice, der(0x30, der(0x16, "text")))))),
		strict: "profile",
	},
	{
		section: "4.2.1.4 (RFC 6818, 3)", rule: "a notice whose text is a UTF8String, after a reference",
		leaf: has(cert.IDCertificatePolicies, der(0x30, derPolicyA, der(0x30, der(0x30, derNotice,
			der(0x30, der(0x30, der(0x0c, "Example"), der(0x30, "\x02\x01\x01")), der(0x0c, "text")))))),
		accepted: "it should be written so",
	},
	{
		section: "4.2.1.4", rule: "a notice of something else",
		leaf:   has(cert.IDCertificatePolicies, der(0x30, derPolicyA, der(0x30, der(0x30, derNotice, der(0x30, "\x05\x00"))))),
		strict: "profile",
	},
	{
		section: "4.2.1.4", rule: "a CPS pointer that is not an IA5String",
		leaf:  has(cert.IDCertificatePolicies, der(0x30, derPolicyA, der(0x30, der(0x30, derCPS, "\x05\x00")))),
		rules: "malformed", strict: "malformed",
	},
	// Policy mappings.
	{section: "4.2.1.5", rule: "no mapping", inter: has(cert.IDPolicyMappings), rules: "malformed", strict: "malformed"},
	{
		section: "4.2.1.5", rule: "from anyPolicy", inter: has(cert.IDPolicyMappings, der(0x30, derAnyPolicy, derPolicyA)),
		rules: "malformed policy-mapping", strict: "malformed policy-mapping",
	},
	{
		section: "4.2.1.5", rule: "to anyPolicy", inter: has(cert.IDPolicyMappings, der(0x30, derPolicyA, derAnyPolicy)),
		rules: "malformed policy-mapping", strict: "malformed policy-mapping",
	},
	{
		section: "4.2.1.5", rule: "to anyPolicy in the last certificate", leaf: has(cert.IDPolicyMappings, der(0x30, derPolicyA, derAnyPolicy)),
		rules: "malformed", strict: "malformed",
	},
	// Alternative names.
	{section: "4.2.1.6", rule: "no name", leaf: has(cert.IDSubjectAltName), rules: "malformed", strict: "malformed"},
	{
		section: "4.2.1.6", rule: "a name of no form", leaf: has(cert.IDSubjectAltName, "\x89\x01a"), rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.6", rule: "not critical without a subject",
		leaf: without(noSubject, has(cert.IDSubjectAltName, dnsName("example.com"))), strict: "profile",
	},
	{section: "4.2.1.6", rule: "no name of any kind", leaf: func(c *x509.Certificate) { noSubject(c); c.DNSNames = nil }, strict: "profile"},
	{section: "4.2.1.6", rule: "an address of 5 bytes", leaf: has(cert.IDSubjectAltName, ipName("12345")), strict: "profile"},
	{section: "4.2.1.6", rule: "a host name of one space", leaf: has(cert.IDSubjectAltName, dnsName(" ")), strict: "profile"},
	{section: "4.2.1.6", rule: "a relative URI", leaf: has(cert.IDSubjectAltName, uriName("/a")), strict: "profile"},
	{section: "4.2.1.6", rule: "a URI without a host", leaf: has(cert.IDSubjectAltName, uriName("https:///a")), strict: "profile"},
	{
		section: "4.2.1.6", rule: "a mailbox with a display name", leaf: has(cert.IDSubjectAltName, mailName("A <a@example.com>")),
		strict: "profile",
	},
	{
		section: "4.2.1.6", rule: "a directory name that is not a name", leaf: has(cert.IDSubjectAltName, der(0xa4, "\x05\x00")),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.6", rule: "a directory name with trailing data", leaf: has(cert.IDSubjectAltName, der(0xa4, "\x30\x00\x05\x00")),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.6", rule: "an other name without a value", leaf: has(cert.IDSubjectAltName, der(0xa0, "\x06\x02\x2a\x03")),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.6", rule: "an other name of two values",
		leaf:  has(cert.IDSubjectAltName, der(0xa0, "\x06\x02\x2a\x03", der(0xa0, "\x05\x00\x05\x00"))),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.6", rule: "a registered identifier that is cut short", leaf: has(cert.IDSubjectAltName, "\x88\x01\x80"),
		rules: "malformed", strict: "malformed",
	},
	malformedName("4.2.1.6", "an empty host name", dnsName("")),
	malformedName("4.2.1.6", "an empty mailbox", mailName("")),
	malformedName("4.2.1.6", "an empty URI", uriName("")),
	malformedName("4.2.1.6", "an empty address", ipName("")),
	malformedName("4.2.1.6", "an empty directory name", der(0xa4, "\x30\x00")),
	malformedName("4.2.1.6", "a host name that ends in a period", dnsName("example.com.")),
	malformedName("4.2.1.6", "a host name with an underscore", dnsName("a_b.example.com")),
	malformedName("4.2.1.6", "a host name that begins with a hyphen", dnsName("-a.example.com")),
	malformedName("4.2.1.6", "a label of 64 characters", dnsName(strings.Repeat("a", 64)+".example.com")),
	malformedName("4.2.1.6", "an address as a host name", dnsName("192.0.2.1")),
	malformedName("4.2.1.6", "an address in letters", ipName("192.0.2.1")),
	malformedName("4.2.1.6", "a URI with nothing after the scheme", uriName("http:")),
	malformedName("4.2.1.6", "a URI with a space", uriName("https://example.com/a b")),
	malformedName("4.2.1.6", "a URI with an escape that is cut short", uriName("https://example.com/%4")),
	malformedName("4.2.1.6", "a URI whose host is not fully qualified", uriName("https://example/a")),
	malformedName("7.4", "a URI whose path is not ASCII", uriName("https://example.com/ä")),
	{section: "4.2.1.7", rule: "no name", inter: has(cert.IDIssuerAltName), strict: "profile"},
	{
		section: "4.2.1.8", rule: "subject directory attributes are critical", leaf: extra(oid.SubjectDirectoryAttributes, true, "\x30\x00"),
		rules: "critical-extension", strict: "critical-extension",
	},
	// Basic constraints.
	{
		section: "4.2.1.9", rule: "an intermediate that is no CA", inter: notCA, rules: "basic-constraints",
		strict: "basic-constraints profile",
	},
	{
		section: "4.2.1.9", rule: "an intermediate without them", inter: without(noBasic, usageCA), rules: "basic-constraints",
		strict: "basic-constraints profile profile",
	},
	{section: "4.2.1.9", rule: "not critical in a CA", inter: without(noBasic, basicLoose, usageCA), strict: "profile"},
	{
		section: "4.2.1.9", rule: "a path length without CA", leaf: extra(cert.IDBasicConstraints, true, "\x30\x03\x02\x01\x00"),
		strict: "profile",
	},
	{
		section: "4.2.1.9", rule: "a path length without keyCertSign",
		inter: func(c *x509.Certificate) { c.MaxPathLen, c.KeyUsage = 5, x509.KeyUsageCRLSign },
		rules: "key-usage", strict: "key-usage profile",
	},
	{
		section: "4.2.1.9", rule: "a negative path length",
		inter: without(noBasic, usageCA, extra(cert.IDBasicConstraints, true, "\x30\x06\x01\x01\xff\x02\x01\xff")),
		rules: "malformed basic-constraints", strict: "malformed basic-constraints profile",
	},
	{
		section: "4.2.1.9", rule: "CA FALSE written out", leaf: extra(cert.IDBasicConstraints, true, "\x30\x03\x01\x01\x00"), strict: "profile",
	},
	{
		section: "4.2.1.9", rule: "trailing data", leaf: extra(cert.IDBasicConstraints, true, "\x30\x02\x05\x00"),
		rules: "malformed", strict: "malformed",
	},
	// Policy constraints.
	{section: "4.2.1.11", rule: "not critical", inter: has(cert.IDPolicyConstraints, "\x80\x01\x05"), strict: "profile"},
	{section: "4.2.1.11", rule: "empty", inter: extra(cert.IDPolicyConstraints, true, "\x30\x00"), rules: "malformed", strict: "malformed"},
	{
		section: "4.2.1.11", rule: "a negative number", inter: extra(cert.IDPolicyConstraints, true, "\x30\x03\x80\x01\xff"),
		rules: "malformed", strict: "malformed",
	},
	// Extended key usage.
	{section: "4.2.1.12", rule: "no usage", leaf: has(cert.IDExtendedKeyUsage), rules: "malformed", strict: "malformed"},
	{
		section: "4.2.1.12", rule: "something else in the list", leaf: has(cert.IDExtendedKeyUsage, derServerAuth, "\x05\x00"),
		rules: "malformed", strict: "malformed",
	},
	// Distribution points.
	{
		section: "4.2.1.13", rule: "no point", leaf: extra(cert.IDCRLDistributionPoints, true, "\x30\x00"), rules: "malformed",
		strict: "malformed profile",
	},
	{section: "4.2.1.13", rule: "no point, not critical", leaf: has(cert.IDCRLDistributionPoints), strict: "profile"},
	{section: "4.2.1.13", rule: "a point of reasons alone", leaf: point("\x81\x02\x01\x06"), strict: "profile"},
	{
		section: "4.2.1.13", rule: "a CRL issuer that is no directory name", leaf: point(der(0xa2, dnsName("example.com"))), strict: "profile",
	},
	{
		section: "4.2.1.13", rule: "a relative name for two CRL issuers",
		leaf: point(relativeName("a"), der(0xa2, der(0xa4, "\x30\x00"), der(0xa4, "\x30\x00"))), strict: "profile",
	},
	{section: "4.2.1.13", rule: "a point of nothing", leaf: point(), strict: "profile"},
	{
		section: "4.2.1.13", rule: "a CRL issuer with another name too",
		leaf: point(fullName("http://a.example"), der(0xa2, dirName("a"), dnsName("a.example"))), strict: "profile",
	},
	{
		section: "4.2.1.13", rule: "a CRL issuer that is the certificate's",
		leaf: point(fullName("http://a.example"), der(0xa2, der(0xa4, derIntermediate))), strict: "profile",
	},
	{
		section: "4.2.1.13", rule: "points for some reasons alone", leaf: point(fullName("http://a.example"), "\x81"+keyCompromise),
		strict: "profile",
	},
	{
		section: "4.2.1.13", rule: "points for the unused bit of the reasons alone", strict: "profile",
		leaf: point(fullName("http://a.example"), "\x81\x02\x07\x80"),
	},
	{section: "4.2.1.13", rule: "LDAP without a name", leaf: point(fullName("ldap://a.example/?" + crlAttribute)), strict: "profile"},
	{section: "4.2.1.13", rule: "LDAP and nothing else", leaf: point(fullName("LDAP://a.example")), strict: "profile"},
	{section: "4.2.1.13", rule: "LDAP without an attribute", leaf: point(fullName("ldap://a.example/cn=a,dc=example")), strict: "profile"},
	{section: "4.2.1.13", rule: "LDAP with an empty attribute", leaf: point(fullName("ldap:///cn=a?")), strict: "profile"},
	{
		section: "4.2.1.13", rule: "LDAP with two attributes", leaf: point(fullName("ldap:///cn=a?" + crlAttribute + ",deltaRevocationList")),
		strict: "profile",
	},
	{section: "4.2.1.13", rule: "LDAP with all attributes", leaf: point(fullName("ldap:///cn=a?*")), strict: "profile"},
	{section: "4.2.1.13", rule: "LDAP with a name that is none", leaf: point(fullName("ldap:///a%zz=b?" + crlAttribute)), strict: "profile"},
	{
		section: "4.2.1.13", rule: "LDAP with name and attribute", accepted: "it is as it must be",
		leaf: point(fullName("ldap://a.example/cn=example%20CA,dc=example,dc=com?" + crlAttribute)),
	},
	{
		section: "4.2.1.13", rule: "LDAP with scope and filter", accepted: "certificate services of Windows write them",
		leaf: point(fullName("ldap:///CN=a,DC=b?certificateRevocationList?base?objectClass=cRLDistributionPoint")),
	},
	{section: "4.2.1.14", rule: "not critical", inter: extra(cert.IDInhibitAnyPolicy, false, "\x02\x01\x05"), strict: "profile"},
	{
		section: "4.2.1.14", rule: "a negative number", inter: extra(cert.IDInhibitAnyPolicy, true, "\x02\x01\xff"), rules: "malformed",
		strict: "malformed",
	},
	{
		section: "4.2.1.15", rule: "critical", leaf: extra(cert.IDFreshestCRL, true, der(0x30, der(0x30, fullName("http://a.example")))),
		rules: "critical-extension", strict: "critical-extension profile",
	},
	{section: "4.2.1.15", rule: "no point", leaf: has(cert.IDFreshestCRL), strict: "profile"},
	{
		section: "4.2.1.15", rule: "a point of reasons alone", leaf: has(cert.IDFreshestCRL, der(0x30, "\x81"+keyCompromise)),
		strict: "profile",
	},
	{
		section: "4.2.1.15", rule: "LDAP without an attribute", strict: "profile",
		leaf: has(cert.IDFreshestCRL, der(0x30, fullName("ldap:///cn=a"))),
	},
	{
		section: "4.2.2.1", rule: "LDAP without a name",
		leaf: has(cert.IDAuthorityInfoAccess, der(0x30, derCAIssuers, uriName("ldap://a.example/?cACertificate"))), strict: "profile",
	},
	{
		section: "4.2.2.1", rule: "LDAP without attributes",
		leaf: has(cert.IDAuthorityInfoAccess, der(0x30, derCAIssuers, uriName("ldap:///cn=a"))), strict: "profile",
	},
	{
		section: "4.2.2.1", rule: "LDAP with an empty attribute",
		leaf: has(cert.IDAuthorityInfoAccess, der(0x30, derCAIssuers, uriName("ldap:///cn=a?cACertificate,"))), strict: "profile",
	},
	{
		section: "4.2.2.1", rule: "LDAP with attributes", accepted: "it is as it must be",
		leaf: has(cert.IDAuthorityInfoAccess, der(0x30, derCAIssuers, uriName("ldap:///cn=a?cACertificate;binary,crossCertificatePair;binary"))),
	},
	{
		section: "4.2.2.1", rule: "critical",
		leaf:  extra(cert.IDAuthorityInfoAccess, true, der(0x30, der(0x30, derOCSP, uriName("http://a.example")))),
		rules: "critical-extension", strict: "critical-extension profile",
	},
	{section: "4.2.2.1", rule: "empty", leaf: has(cert.IDAuthorityInfoAccess), strict: "profile"},
	{
		section: "4.2.2.2", rule: "critical",
		inter: extra(cert.IDSubjectInfoAccess, true, der(0x30, der(0x30, derOCSP, uriName("http://a.example")))),
		rules: "critical-extension", strict: "critical-extension profile",
	},
	{
		section: "4.2.2.2", rule: "LDAP without attributes",
		inter: has(cert.IDSubjectInfoAccess, der(0x30, derCARepository, uriName("ldap:///cn=a"))), strict: "profile",
	},
	{section: "4.2.2.2", rule: "empty", inter: has(cert.IDSubjectInfoAccess), strict: "profile"},
}

func notCA(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign
}

func TestRules_RFC5280_extensions(t *testing.T) {
	t.Parallel()
	checkRules(t, "RFC 5280", path.RFC5280, path.StrictRFC5280, extensionRules)
}
