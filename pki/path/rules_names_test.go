package path_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// Names of the forms that have no text of their own.
var (
	otherUPN   = der(0xa0, "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03", der(0xa0, der(0x0c, "a@example.com")))
	x400       = der(0xa3, "\x30\x00")
	edi        = der(0xa5, der(0xa1, der(0x0c, "party")))
	registered = "\x88\x02\x2a\x03"
	nameO      = func(o string) string { return der(0x30, der(0x31, der(0x30, "\x06\x03\x55\x04\x0a", der(0x0c, o)))) }
	dirName    = func(o string) string { return der(0xa4, nameO(o)) }
)

// srvName is a name of a service of a domain.
func serviceName(text string) string {
	return der(0xa0, "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x07", der(0xa0, der(0x16, text)))
}

// san makes the change that sets the names of the leaf and lets it serve any purpose.
func san(list ...string) change { return names(list...) }

// looseConstraints are constraints that are not critical.
func looseConstraints(tag byte, list ...string) change {
	return extra(cert.IDNameConstraints, false, subtrees(tag, list))
}

// anyNames accepts the leaf for any purpose.
func anyNames(o *path.Options) { o.Purpose = "" }

// nc is one name held against one constraint; the strict profile alone says " profile" at the end of the rules.
func nc(section, rule string, inter, leaf change, rules string) ruleTest {
	r := ruleTest{
		section: section, rule: rule, inter: inter, leaf: leaf, set: anyNames, rules: strings.TrimSuffix(rules, " profile"), strict: rules,
	}
	if rules == "" {
		r.accepted = "the name is within the constraints"
	}
	return r
}

const outside = "name-constraints"

// RFC 5280, 4.2.1.10: every form of name against constraints of its form.
var constraintRules = []ruleTest{
	nc("4.2.1.10", "dns: the host itself", permits(dnsName("example.com")), san(dnsName("example.com")), ""),
	nc("4.2.1.10", "dns: a host below", permits(dnsName("example.com")), san(dnsName("a.b.EXAMPLE.com")), ""),
	nc("4.2.1.10", "dns: a host with the same end", permits(dnsName("example.com")), san(dnsName("badexample.com")), outside),
	nc("4.2.1.10", "dns: one name of two outside", permits(dnsName("example.com")), san(dnsName("example.com"), dnsName("a.org")), outside),
	nc("4.2.1.10", "dns: excluded", excludes(dnsName("example.com")), san(dnsName("a.example.com")), outside),
	nc("4.2.1.10", "dns: a wildcard that reaches what is excluded",
		excludes(dnsName("a.example.com")), san(dnsName("*.example.com")), outside),
	nc("4.2.1.10", "dns: a wildcard that reaches beyond what is permitted",
		permits(dnsName("a.example.com")), san(dnsName("*.example.com")), outside),
	nc("4.2.1.10", "dns: a wildcard below what is permitted", permits(dnsName("example.com")), san(dnsName("*.example.com")), ""),
	nc("4.2.1.10", "dns: a name of another form", permits(dnsName("example.com")), san(ipName("\x7f\x00\x00\x01")), ""),
	nc("4.2.1.10", "ip: inside", permits(ipName("\x0a\x00\x00\x00\xff\x00\x00\x00")), san(ipName("\x0a\x01\x02\x03")), ""),
	nc("4.2.1.10", "ip: bits of the host in the constraint",
		permits(ipName("\x0a\x01\x02\x03\xff\x00\x00\x00")), san(ipName("\x0a\x09\x09\x09")), ""),
	nc("4.2.1.10", "ip: outside", permits(ipName("\x0a\x00\x00\x00\xff\x00\x00\x00")), san(ipName("\x0b\x01\x02\x03")), outside),
	nc("4.2.1.10", "ip: of the other version", permits(ipName("\x0a\x00\x00\x00\xff\x00\x00\x00")), san(ipName(v6)), outside),
	nc("4.2.1.10", "ip: an address that stands for an excluded one",
		excludes(ipName("\x0a\x00\x00\x00\xff\x00\x00\x00")), san(ipName(mapped10)), outside),
	nc("4.2.1.10", "ip: a mask with holes", permits(ipName("\x0a\x00\x00\x00\xff\x00\xff\x00")), nil, outside+" profile"),
	nc("4.2.1.10", "ip: a constraint without a mask", permits(ipName("\x0a\x00\x00\x00")), nil, outside+" profile"),
	nc("4.2.1.10", "ip: a name with a mask",
		permits(ipName("\x0a\x00\x00\x00\xff\x00\x00\x00")), san(ipName("\x0a\x00\x00\x00\xff\x00\x00\x00")), outside+" profile"),
	nc("4.2.1.10", "email: a host", permits(mailName("example.com")), san(mailName("a@EXAMPLE.com")), ""),
	nc("4.2.1.10", "email: a host below", permits(mailName("example.com")), san(mailName("a@b.example.com")), outside),
	nc("4.2.1.10", "email: a domain", permits(mailName(".example.com")), san(mailName("a@b.example.com")), ""),
	nc("4.2.1.10", "email: the domain itself", permits(mailName(".example.com")), san(mailName("a@example.com")), outside),
	nc("4.2.1.10", "email: a mailbox", permits(mailName("a@example.com")), san(mailName("a@EXAMPLE.com")), ""),
	nc("4.2.1.10", "email: the local part in another case", permits(mailName("a@example.com")), san(mailName("A@example.com")), outside),
	nc("4.2.1.10", "email: an asterisk stands for itself", permits(mailName("*@example.com")), san(mailName("a@example.com")), outside),
	nc("4.2.1.10", "email: excluded", excludes(mailName("example.com")), san(mailName("a@example.com")), outside),
	nc("4.2.1.10", "uri: a host", permits(uriName("example.com")), san(uriName("https://u@EXAMPLE.com:8443/a?b#c")), ""),
	nc("4.2.1.10", "uri: a host below", permits(uriName("example.com")), san(uriName("https://a.example.com/")), outside),
	nc("4.2.1.10", "uri: a domain", permits(uriName(".example.com")), san(uriName("https://a.example.com/")), ""),
	nc("4.2.1.10", "uri: the domain itself", permits(uriName(".example.com")), san(uriName("https://example.com/")), outside),
	nc("4.2.1.10", "uri: the host as a user", permits(uriName("example.com")), san(uriName("https://example.com@evil.org/")), outside),
	nc("4.2.1.10", "uri: no authority", excludes(uriName("evil.org")), san(uriName("urn:a:b")), outside),
	nc("4.2.1.10", "uri: a host that is not fully qualified", excludes(uriName("evil.org")), san(uriName("https://localhost/")),
		outside+" profile"),
	nc("4.2.1.10", "uri: an address", excludes(uriName("evil.org")), san(uriName("https://192.0.2.1/")), outside),
	nc("4.2.1.10", "uri: an address of version 6", excludes(uriName("evil.org")), san(uriName("https://[2001:db8::1]/")), outside),
	nc("4.2.1.10", "uri: an address in hexadecimal", excludes(uriName("evil.org")), san(uriName("https://192.0.0x201/")), outside),
	nc("4.2.1.10", "uri: a host in escapes", permits(uriName("example.com")), san(uriName("https://ex%61mple.com/")), outside+" profile"),
	nc("4.2.1.10", "uri: a port that is not a number",
		permits(uriName("example.com")), san(uriName("https://example.com:x/")), outside+" profile"),
	nc("4.2.1.10", "uri: a constraint with a scheme", permits(uriName("https://example.com")), nil, outside+" profile"),
	nc("4.2.1.10", "directory: inside", permits(dirName("EXAMPLE")), nil, ""),
	nc("4.2.1.10", "directory: the subject outside", permits(dirName("Other")), nil, outside),
	nc("4.2.1.10", "directory: an alternative name outside", permits(dirName("Example")), san(dirName("Other")), outside),
	nc("4.2.1.10", "directory: excluded", excludes(dirName("example")), nil, outside),
	nc("4.2.1.10", "directory: the constraint is not a name", permits(der(0xa4, "\x05\x00")), nil, "malformed"),
	nc("4.2.1.10", "email: the subject's address, no alternative name",
		permits(mailName("example.com")), without(noNames, subjectMail("a@evil.org")), outside),
	nc("4.2.1.10", "x400Address constrained", excludes(x400), nil, "malformed profile"),
	nc("4.2.1.10", "ediPartyName constrained", excludes(edi), nil, "malformed profile"),
	nc("4.2.1.10", "registeredID constrained", permits(registered), nil, "malformed profile"),
	nc("4.2.1.10", "an other name of a form that is not processed, excluded", excludes(otherUPN), san(otherUPN), outside),
	nc("4.2.1.10", "an other name of a form that is not processed, permitted", permits(otherUPN), san(otherUPN), outside),
	nc("4.2.1.10", "no name of a form that is not processed", excludes(otherUPN), nil, ""),
	{
		section: "4.2.1.10", rule: "not critical: registeredID with the same bytes is excluded", inter: looseConstraints(0xa1, registered),
		leaf: san(registered), set: anyNames, rules: outside, strict: outside + " profile profile",
	},
	{
		section: "4.2.1.10", rule: "not critical: x400Address with the same bytes is excluded", inter: looseConstraints(0xa1, x400),
		leaf: san(x400), set: anyNames, rules: outside, strict: outside + " profile profile",
	},
	{
		section: "4.2.1.10", rule: "not critical: ediPartyName with the same bytes is excluded", inter: looseConstraints(0xa1, edi),
		leaf: san(edi), set: anyNames, rules: outside, strict: outside + " profile profile",
	},
	{
		section: "4.2.1.10", rule: "not critical: an other name with the same bytes is excluded", inter: looseConstraints(0xa1, otherUPN),
		leaf: san(otherUPN), set: anyNames, rules: outside, strict: outside + " profile",
	},
	{
		section: "4.2.1.10", rule: "not critical: another registeredID", inter: looseConstraints(0xa1, registered),
		leaf: san("\x88\x02\x2a\x04"),
		set:  anyNames, strict: "profile profile",
	},
	{section: "4.2.1.10", rule: "not critical", inter: looseConstraints(0xa0, dnsName("example.com")), strict: "profile"},
	{section: "4.2.1.10", rule: "in the last certificate, no CA", leaf: permits(dnsName("example.com")), rules: outside, strict: outside},
	{section: "4.2.1.10", rule: "empty", inter: extra(cert.IDNameConstraints, true, "\x30\x00"), rules: "malformed", strict: "malformed"},
	{
		section: "4.2.1.10", rule: "an empty list", inter: extra(cert.IDNameConstraints, true, "\x30\x02\xa0\x00"), rules: "malformed",
		strict: "malformed",
	},
	{
		section: "4.2.1.10", rule: "a list with a tag too many",
		inter: extra(cert.IDNameConstraints, true, der(0x30, der(0xa0, der(0x30, der(0x30, dnsName("a")))))),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.10", rule: "a minimum distance",
		inter: extra(cert.IDNameConstraints, true, der(0x30, der(0xa0, der(0x30, dnsName("a"), "\x80\x01\x01")))),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.10", rule: "a maximum distance",
		inter: extra(cert.IDNameConstraints, true, der(0x30, der(0xa0, der(0x30, dnsName("a"), "\x81\x01\x01")))),
		rules: "malformed", strict: "malformed",
	},
	{
		section: "4.2.1.10", rule: "dns: a leading period in the constraint", inter: permits(dnsName(".example.com")),
		leaf: san(dnsName("a.example.com")), set: anyNames, strict: "profile",
	},
	{section: "4.2.1.10", rule: "dns: an empty constraint permits all", inter: permits(dnsName("")), strict: "profile"},
}

const (
	v6       = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
	mapped10 = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x01\x02\x03"
)

// noNames takes the alternative names away.
func noNames(c *x509.Certificate) { c.DNSNames = nil }

// subjectMail adds an address to the subject.
func subjectMail(address string) change {
	return func(c *x509.Certificate) {
		c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: goOID("1.2.840.113549.1.9.1"), Value: address}}
	}
}

// RFC 4985: names of services.
var serviceRules = []ruleTest{
	nc("4", "srv: the same", permits(serviceName("_mail.example.com")), san(serviceName("_MAIL.example.com")), ""),
	nc("4", "srv: a host below", permits(serviceName("_mail.example.com")), san(serviceName("_mail.a.example.com")), ""),
	nc("4", "srv: another service", permits(serviceName("_mail.example.com")), san(serviceName("_web.example.com")), outside),
	nc("4", "srv: another domain", permits(serviceName("_mail.example.com")), san(serviceName("_mail.example.org")), outside),
	nc("4", "srv: any service of a domain", permits(serviceName("example.com")), san(serviceName("_web.example.com")), ""),
	nc("4", "srv: a service of any domain", permits(serviceName("_mail")), san(serviceName("_mail.example.org")), ""),
	nc("4", "srv: an excluded service", excludes(serviceName("_mail")), san(serviceName("_mail.example.org")), outside),
	nc("4", "srv: a name without a service", excludes(serviceName("_mail")), san(serviceName("example.org")), outside),
	nc("4", "srv: a constraint with an empty label", excludes(serviceName("_mail.example..com")), nil, outside),
	nc("4", "srv: no such name", permits(serviceName("_mail.example.com")), nil, ""),
}

// RFC 9525: which names stand for a host.
var hostRules = []ruleTest{
	{section: "6.3", rule: "the host", set: host("EXAMPLE.com"), accepted: "case does not count"},
	{section: "6.3", rule: "another host", set: host("www.example.com"), rules: "host", strict: "host"},
	{
		section: "6.3", rule: "a wildcard for one label", leaf: san(dnsName("*.example.com")), set: host("a.example.com"),
		accepted: "it matches",
	},
	{
		section: "6.3", rule: "a wildcard for two labels", leaf: san(dnsName("*.example.com")), set: host("a.b.example.com"), rules: "host",
		strict: "host",
	},
	{
		section: "6.3", rule: "a wildcard for no label", leaf: san(dnsName("*.example.com")), set: host("example.com"), rules: "host",
		strict: "host",
	},
	{
		section: "6.3", rule: "a wildcard within a label", leaf: san(dnsName("a*.example.com")), set: host("ab.example.com"), rules: "host",
		strict: "host profile",
	},
	{
		section: "6.3", rule: "a wildcard within an A-label", leaf: san(dnsName("xn--*.example.com")), set: host("xn--a.example.com"),
		rules: "host", strict: "host profile",
	},
	{
		section: "6.3", rule: "a wildcard that is not the first label", leaf: san(dnsName("a.*.example.com")), set: host("a.b.example.com"),
		rules: "host", strict: "host profile",
	},
	{section: "6.3", rule: "a wildcard alone", leaf: san(dnsName("*")), set: host("localhost"), rules: "host", strict: "host profile"},
	{section: "6.4", rule: "the common name", leaf: noNames, set: host("example.com"), rules: "host", strict: "host"},
	{
		section: "6.5", rule: "an address as a host name", leaf: san(dnsName("192.0.2.1")), set: host("192.0.2.1"), rules: "host",
		strict: "host profile",
	},
	{section: "6.5", rule: "an address", leaf: san(ipName("\xc0\x00\x02\x01")), set: host("192.0.2.1"), accepted: "it matches"},
	{section: "6.5", rule: "another address", leaf: san(ipName("\xc0\x00\x02\x02")), set: host("192.0.2.1"), rules: "host", strict: "host"},
	{section: "6.5", rule: "a host name for an address", set: host("192.0.2.1"), rules: "host", strict: "host"},
}

func host(name string) func(*path.Options) {
	return func(o *path.Options) { o.Purpose, o.Host = "", name }
}

func TestRules_RFC5280_names(t *testing.T) {
	t.Parallel()
	checkRules(t, "RFC 5280", path.RFC5280, path.StrictRFC5280, constraintRules)
}

func TestRules_RFC4985(t *testing.T) {
	t.Parallel()
	checkRules(t, "RFC 4985", path.RFC5280, path.StrictRFC5280, serviceRules)
}

func TestRules_RFC9525(t *testing.T) {
	t.Parallel()
	checkRules(t, "RFC 9525", path.RFC5280, path.StrictRFC5280, hostRules)
}
