package path_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// What stands at the top of a certificate's signed part, as DER.
const (
	derVersion3      = "\xa0\x03\x02\x01\x02"
	derECDSA         = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
	derNotBefore     = "\x17\x0d250601120000Z"
	derNotAfter      = "\x17\x0d270601120000Z"
	derValidity      = "\x30\x1e" + derNotBefore + derNotAfter
	derPoint         = "\x03\x42\x00\x04"
	derCurve         = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
	utf8Organization = "\x06\x03\x55\x04\x0a\x0c\x07Example"
	derOrganization  = "\x06\x03\x55\x04\x0a\x13\x07Example"
)

// validity makes the change of damage that writes other times.
func validity(notBefore, notAfter string) []string {
	return []string{derValidity, der(0x30, notBefore, notAfter)}
}

func utc(s string) string         { return der(0x17, s) }
func generalized(s string) string { return der(0x18, s) }

func serial(n *big.Int) change { return func(c *x509.Certificate) { c.SerialNumber = n } }

func subject(n pkix.Name) change { return func(c *x509.Certificate) { c.Subject = n } }

// teletexSubject has an organization in a TeletexString.
func teletexSubject(c *x509.Certificate) {
	c.RawSubject = []byte(der(0x30, der(0x31, der(0x30, "\x06\x03\x55\x04\x0a", der(0x14, "Example")))))
}

// noExtensions leaves a certificate without any, as versions 1 and 2 have none.
func noExtensions(c *x509.Certificate) {
	c.KeyUsage, c.ExtKeyUsage, c.DNSNames, c.BasicConstraintsValid, c.IsCA, c.SubjectKeyId = 0, nil, nil, false, false, nil
}

// withoutAKI has what a CA issues carry no authority key identifier.
func withoutAKI(c *x509.Certificate) {
	c.SubjectKeyId = nil
	extra(cert.IDSubjectKeyID, false, "\x04\x01\x01")(c)
}

// RFC 5280, 4.1: the fields of a certificate.
var fieldRules = []ruleTest{
	{section: "4.1", rule: "a conforming chain", accepted: "it breaks nothing"},
	{
		section: "4.1", rule: "trailing data after the extensions", damage: []string{derVersion3, derVersion3 + "\x05\x00"},
		rules: "unreadable", strict: "unreadable",
	},
	{
		section: "4.1.1.2", rule: "another algorithm inside than outside", damage: []string{derECDSA, derECDSA[:11] + "\x03"},
		rules: "algorithms-differ", strict: "algorithms-differ",
	},
	{
		section: "4.1.1.2", rule: "parameters inside and not outside", damage: []string{derECDSA, "\x30\x0c" + derECDSA[2:] + "\x05\x00"},
		rules: "algorithms-differ", strict: "algorithms-differ",
	},
	{
		section: "4.1.2.1", rule: "version 2 with extensions", damage: []string{derVersion3, "\xa0\x03\x02\x01\x01"},
		rules: "version", strict: "version",
	},
	{section: "4.1.2.1", rule: "version 1 with extensions", damage: []string{derVersion3, ""}, rules: "version", strict: "version"},
	{section: "4.1.2.1", rule: "version 4", damage: []string{derVersion3, "\xa0\x03\x02\x01\x03"}, rules: "version", strict: "version"},
	{section: "4.1.2.1", rule: "version 0", damage: []string{derVersion3, "\xa0\x03\x02\x01\xff"}, rules: "version", strict: "version"},
	{
		section: "4.1.2.1", rule: "version 1 written out, which is the default", damage: []string{derVersion3, "\xa0\x03\x02\x01\x00"},
		inter: withoutAKI, leaf: noExtensions, strict: "profile profile",
	},
	{section: "4.1.2.2", rule: "serial number 0", leaf: serial(new(big.Int)), strict: "profile"},
	{
		section: "4.1.2.2", rule: "a negative serial number", leaf: serial(big.NewInt(5)), damage: []string{"\x02\x01\x05", "\x02\x01\xfb"},
		strict: "profile",
	},
	{section: "4.1.2.2", rule: "a serial number of 21 bytes", leaf: serial(new(big.Int).Lsh(big.NewInt(1), 160)), strict: "profile"},
	{
		section: "4.1.2.2", rule: "a serial number of 20 bytes", leaf: serial(new(big.Int).Lsh(big.NewInt(1), 158)),
		accepted: "verifiers must handle them",
	},
	{
		section: "4.1.2.2", rule: "a serial number with leading zeros", leaf: serial(big.NewInt(5)),
		damage: []string{"\x02\x01\x05", "\x02\x02\x00\x05"}, rules: "unreadable", strict: "unreadable",
	},
	{section: "4.1.2.4", rule: "no issuer", root: subject(pkix.Name{}), strict: "profile profile profile profile"},
	{
		section: "4.1.2.4", rule: "a TeletexString", leaf: teletexSubject,
		accepted: "names of before 2004 keep their encoding",
	},
	{
		section: "4.1.2.5", rule: "GeneralizedTime before 2050", damage: validity(derNotBefore, generalized("20270601120000Z")),
		strict: "profile",
	},
	{
		section: "4.1.2.5", rule: "GeneralizedTime after 2049", damage: validity(derNotBefore, generalized("20500101000000Z")),
		accepted: "it must be written so",
	},
	{
		section: "4.1.2.5", rule: "99991231235959Z stands for no end", damage: validity(derNotBefore, generalized("99991231235959Z")),
		accepted: "it must be written so",
	},
	{
		section: "4.1.2.5.1", rule: "UTCTime without seconds", damage: validity(derNotBefore, utc("2706011200Z")), rules: "malformed",
		strict: "malformed",
	},
	{
		section: "4.1.2.5.1", rule: "UTCTime with an offset", damage: validity(derNotBefore, utc("270601120000+0000")),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.1.2.5.1", rule: "a year of 50 or more is of 1900", damage: validity(derNotBefore, utc("500101000000Z")),
		rules: "validity", strict: "validity",
	},
	{
		section: "4.1.2.5.2", rule: "GeneralizedTime with a fraction", damage: validity(derNotBefore, generalized("20510601120000.5Z")),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.1.2.5.2", rule: "GeneralizedTime in local time", damage: validity(derNotBefore, generalized("20510601120000")),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.1.2.5", rule: "a day that does not exist", damage: validity(derNotBefore, utc("270631120000Z")), rules: "malformed",
		strict: "malformed",
	},
	{
		section: "4.1.2.5", rule: "a leap second", damage: validity(derNotBefore, utc("270601120060Z")), rules: "malformed",
		strict: "malformed",
	},
	{
		section: "4.1.2.5", rule: "a third time", damage: []string{derValidity, der(0x30, derNotBefore, derNotAfter, derNotAfter)},
		rules: "unreadable", strict: "unreadable",
	},
	{
		section: "4.1.2.6", rule: "the issuer's name in another string type", damage: []string{derOrganization, utf8Organization},
		strict: "profile",
	},
	{
		section: "4.1.2.6", rule: "a CRL issuer without a subject",
		leaf: func(c *x509.Certificate) { noSubject(c); c.KeyUsage |= x509.KeyUsageCRLSign }, strict: "profile",
	},
	{section: "4.1.2.6", rule: "a CA without a subject", inter: subject(pkix.Name{}), strict: "profile profile profile"},
	{
		section: "4.1.2.4", rule: "PrintableString with another character",
		damage: []string{derOrganization, derOrganization[:8] + "*" + derOrganization[9:]},
		rules:  "no-issuer", strict: "no-issuer",
	},
	{
		section: "4.1.2.7", rule: "a point that is not on the curve", damage: []string{derPoint, "\x03\x42\x00\x05"},
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.1.2.7", rule: "a key of a number of bits", damage: []string{derPoint, "\x03\x42\x01\x04"}, rules: "malformed",
		strict: "malformed",
	},
	{
		section: "4.1.2.8", rule: "unique identifiers in version 1", inter: withoutAKI, leaf: noExtensions,
		damage: []string{derVersion3, "", endOfTBS, "\x81\x02\x00\x01"},
		rules:  "version", strict: "version profile profile",
	},
	{
		section: "4.1.2.8", rule: "unique identifiers", inter: withoutAKI, leaf: noExtensions,
		damage: []string{endOfTBS, "\x81\x02\x00\x01\x82\x02\x00\x01"},
		strict: "profile profile",
	},
}

func TestRules_RFC5280_fields(t *testing.T) {
	t.Parallel()
	checkRules(t, "RFC 5280", path.RFC5280, path.StrictRFC5280, fieldRules)
}
