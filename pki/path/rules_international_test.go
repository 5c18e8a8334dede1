package path_test

import (
	"crypto/x509"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// malformedName is a name that no certificate may have: the strict profile refuses it.
func malformedName(section, rule, name string) ruleTest {
	return ruleTest{section: section, rule: rule, leaf: san(name), set: anyNames, strict: "profile"}
}

// address asks whether a name stands for an address; rules are the rules that it breaks.
func address(section, rule, mailbox, name, rules string) ruleTest {
	r := ruleTest{section: section, rule: rule, leaf: san(name), rules: rules, strict: rules}
	r.set = func(o *path.Options) { o.Purpose, o.Emails = "", []string{mailbox} }
	if rules == "" {
		r.accepted = "it is the same mailbox"
	}
	return r
}

// component makes the change that gives the leaf a domain component by DER.
func component(tag byte, value string) change {
	return func(c *x509.Certificate) {
		c.RawSubject = []byte(der(0x30, der(0x31, der(0x30, "\x06\x0a\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", der(tag, value)))))
	}
}

// RFC 9549: international names. Its sections 2.2 to 2.5 are the new texts of RFC 5280, 4.2.1.10, 7.2, 7.3 and 7.5.
var internationalRules = []ruleTest{
	nc("2.2", "a mailbox constraint with a host in U-labels",
		excludes(mailName("exämple.com")), san(mailName("a@xn--exmple-cua.com")), outside+" profile"),
	nc("2.2", "a constraint for a host binds a SmtpUTF8Mailbox, too",
		permits(mailName("example.com")), san(smtpName(0x0c, "é@example.org")), outside),
	nc("2.2", "a constraint for the hosts of a domain binds a SmtpUTF8Mailbox, too",
		permits(mailName(".example.com")), san(smtpName(0x0c, "é@example.com")), outside),
	malformedName("2.3", "a host name that is not ASCII", dnsName("exämple.com")),
	malformedName("2.3", "Punycode that cannot be decoded", dnsName("xn--a.example.com")),
	malformedName("2.3", "Punycode of nothing", dnsName("xn--.example.com")),
	malformedName("2.3", "Punycode of ASCII", dnsName("xn--example-.com")),
	malformedName("2.3", "Punycode of a capital letter, which IDNA 2008 does not have", dnsName("xn--mnchen-psa.de")),
	malformedName("2.3", "Punycode of an invisible character", dnsName("xn--paypal-df0c.com")),
	{section: "2.3", rule: "an A-label", leaf: san(dnsName("xn--exmple-cua.com")), set: anyNames, accepted: "it must be written so"},
	{section: "2.3", rule: "an A-label in capitals", leaf: san(dnsName("XN--EXMPLE-CUA.com")), set: anyNames, accepted: "case does not count"},
	{section: "2.3", rule: "an A-label of IDNA 2008 alone (ß)", leaf: san(dnsName("xn--fa-hia.de")), set: anyNames, accepted: "it is one"},
	{
		section: "2.3", rule: "an A-label for the host in U-labels", leaf: san(dnsName("xn--exmple-cua.com")), set: host("exämple.com"),
		accepted: "it is the same host",
	},
	{
		section: "2.3", rule: "a U-label for the same host", leaf: san(dnsName("exämple.com")), set: host("exämple.com"), rules: "host",
		strict: "host profile",
	},
	{
		section: "2.3", rule: "another A-label", leaf: san(dnsName("xn--exmple-cua.com")), set: host("example.com"), rules: "host",
		strict: "host",
	},
	nc("2.3", "A-labels are compared as they stand",
		permits(dnsName("xn--exmple-cua.com")), san(dnsName("a.XN--exmple-cua.com")), ""),
	nc("2.3", "label by label, not by the end of one",
		permits(dnsName("exmple-cua.com")), san(dnsName("xn--exmple-cua.com")), outside),
	nc("2.3", "a constraint in U-labels", excludes(dnsName("exämple.com")), nil, outside+" profile"),
	{section: "2.3", rule: "a constraint that is not an A-label", inter: excludes(dnsName("xn--a.example.com")), strict: "profile"},
	malformedName("2.3", "a URI whose host is not ASCII (RFC 5280, 7.4)", uriName("https://exämple.com/")),
	{section: "2.4", rule: "a domain component that is not ASCII", leaf: component(0x16, "exämple"), strict: "profile"},
	{section: "2.4", rule: "a domain component in A-labels", leaf: component(0x16, "xn--exmple-cua"), accepted: "it must be written so"},
	malformedName("2.5", "an rfc822Name with a host in U-labels", mailName("a@exämple.com")),
	malformedName("2.5", "an rfc822Name with a local part that is not ASCII", mailName("é@example.com")),
	malformedName("2.5", "an rfc822Name whose host is not an A-label", mailName("a@xn--a.example.com")),
	{
		section: "2.5", rule: "a constraint for an address whose host is not an A-label", inter: excludes(mailName("a@xn--a.example.com")),
		strict: "profile",
	},
	{section: "2.5", rule: "a constraint for a host that is no A-label", inter: excludes(mailName("xn--a.example.com")), strict: "profile"},
	address("2.5", "the host in capitals", "a@EXAMPLE.com", mailName("a@example.com"), ""),
	address("2.5", "the host in U-labels", "a@exämple.com", mailName("a@xn--exmple-cua.com"), ""),
	address("2.5", "the local part in capitals", "A@example.com", mailName("a@example.com"), "email"),
}

// RFC 9598: SmtpUTF8Mailbox.
var mailboxRules = []ruleTest{
	nc("6", "a host permits it", permits(mailName("example.com")), san(smtpName(0x0c, "é@example.com")), ""),
	nc("6", "another host", permits(mailName("example.com")), san(smtpName(0x0c, "é@example.org")), outside),
	nc("6", "a host excludes it", excludes(mailName("example.com")), san(smtpName(0x0c, "é@example.com")), outside),
	nc("6", "a domain excludes it", excludes(mailName(".example.com")), san(smtpName(0x0c, "é@a.example.com")), outside),
	nc("6", "a mailbox permits none", permits(mailName("a@example.com")), san(smtpName(0x0c, "é@example.com")), outside),
	nc("6", "a mailbox excludes those of its host",
		excludes(mailName("a@example.com")), san(smtpName(0x0c, "é@example.com")), outside),
	nc("6", "and of no other", excludes(mailName("a@example.com")), san(smtpName(0x0c, "é@example.org")), ""),
	nc("6", "a SmtpUTF8Mailbox as constraint",
		excludes(smtpName(0x0c, "é@example.com")), san(smtpName(0x0c, "é@example.com")), outside+" profile"),
	nc("3", "not a UTF8String", permits(mailName("example.com")), san(smtpName(0x16, "a@example.com")), outside+" profile"),
	nc("3", "a host in U-labels", permits(mailName("example.com")), san(smtpName(0x0c, "é@exämple.com")), outside+" profile"),
	nc("3", "a byte order mark",
		permits(mailName("example.com")), san(smtpName(0x0c, "\ufeffé@example.com")), outside+" profile"),
	nc("3", "text that is not UTF-8",
		permits(mailName("example.com")), san(smtpName(0x0c, "\xe9@example.com")), outside+" profile"),
	{
		section: "3", rule: "a byte order mark, no constraints", leaf: san(smtpName(0x0c, "\ufeffé@example.com")), set: anyNames,
		strict: "profile",
	},
	{
		section: "3", rule: "an ASCII local part, which rfc822Name is for", leaf: san(smtpName(0x0c, "a@example.com")),
		set: anyNames, strict: "profile",
	},
	malformedName("3", "an empty one", smtpName(0x0c, "")),
	malformedName("3", "no host", smtpName(0x0c, "é@")),
	malformedName("3", "no local part", smtpName(0x0c, "@example.com")),
	malformedName("3", "a phrase before it", smtpName(0x0c, "É <é@example.com>")),
	malformedName("3", "a comment after it", smtpName(0x0c, "é@example.com (é)")),
	malformedName("3", "angle brackets around it", smtpName(0x0c, "<é@example.com>")),
	malformedName("3", "a host in capitals", smtpName(0x0c, "é@Example.com")),
	malformedName("3", "a reserved label", smtpName(0x0c, "é@ab--cd.example.com")),
	malformedName("3", "an underscore in the host", smtpName(0x0c, "é@a_b.example.com")),
	malformedName("3", "an address in place of a host", smtpName(0x0c, "é@[192.0.2.1]")),
	{
		section: "3", rule: "of the issuer, a host in U-labels", leaf: has(cert.IDIssuerAltName, smtpName(0x0c, "é@exämple.com")),
		strict: "profile",
	},
	malformedName("4", "a host that IDNA 2008 does not have", smtpName(0x0c, "é@xn--a.example.com")),
	{
		section: "4", rule: "a host in A-labels", leaf: san(smtpName(0x0c, "é@xn--exmple-cua.com")), set: anyNames,
		accepted: "it must be written so",
	},
	address("5", "the same", "é@example.com", smtpName(0x0c, "é@example.com"), ""),
	address("5", "the host in U-labels and capitals", "é@Exämple.com", smtpName(0x0c, "é@xn--exmple-cua.com"), ""),
	address("5", "the local part in capitals", "É@example.com", smtpName(0x0c, "é@example.com"), "email"),
	address("5", "the local part composed otherwise", "e\u0301@example.com", smtpName(0x0c, "é@example.com"), "email"),
	address("5", "an asterisk stands for itself", "éa@example.com", smtpName(0x0c, "é*@example.com"), "email"),
	{
		section: "5", rule: "a SmtpUTF8Mailbox never stands for what an rfc822Name can say", leaf: san(smtpName(0x0c, "a@example.com")),
		set: func(o *path.Options) { o.Purpose, o.Emails = "", []string{"a@example.com"} }, rules: "email", strict: "email profile",
	},
	nc("6", "the constraint's host in capitals", permits(mailName("EXAMPLE.com")), san(smtpName(0x0c, "é@example.com")), ""),
	nc("6", "a domain, and the end of a label", permits(mailName(".example.com")), san(smtpName(0x0c, "é@badexample.com")), outside),
	nc("6", "a domain permits the hosts below", permits(mailName(".example.com")), san(smtpName(0x0c, "é@a.example.com")), ""),
	nc("6", "a constraint in A-labels", permits(mailName("xn--exmple-cua.com")), san(smtpName(0x0c, "é@xn--exmple-cua.com")), ""),
}

func TestRules_RFC9549(t *testing.T) {
	t.Parallel()
	checkRules(t, "RFC 9549", path.RFC5280, path.StrictRFC5280, internationalRules)
}

func TestRules_RFC9598(t *testing.T) {
	t.Parallel()
	checkRules(t, "RFC 9598", path.RFC5280, path.StrictRFC5280, mailboxRules)
}
