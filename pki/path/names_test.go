package path_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// General names as they stand in subject alternative names and constraints.
func dnsName(s string) string  { return der(0x82, s) }
func mailName(s string) string { return der(0x81, s) }
func uriName(s string) string  { return der(0x86, s) }
func ipName(s string) string   { return der(0x87, s) }

// smtpName is a SmtpUTF8Mailbox whose text has the given string type.
func smtpName(tag byte, s string) string {
	return der(0xa0, "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09", der(0xa0, der(tag, s)))
}

// names replaces the names of a certificate by a subject alternative name.
func names(list ...string) change {
	return func(c *x509.Certificate) {
		c.DNSNames, c.Subject, c.ExtKeyUsage = nil, pkix.Name{Organization: []string{"Example"}}, nil
		extra(cert.IDSubjectAltName, false, der(0x30, list...))(c)
	}
}

func subtrees(tag byte, list []string) string {
	var all strings.Builder
	for _, n := range list {
		all.WriteString(der(0x30, n))
	}
	return der(0x30, der(tag, all.String()))
}

func permits(list ...string) change { return extra(cert.IDNameConstraints, true, subtrees(0xa0, list)) }

func excludes(list ...string) change {
	return extra(cert.IDNameConstraints, true, subtrees(0xa1, list))
}

// TestValidate_malformedNames holds malformed names against constraints of their form. Somebody might read them as
// what the constraints keep out, so that neither being permitted nor not being excluded is enough.
func TestValidate_malformedNames(t *testing.T) {
	t.Parallel()
	hosts, mailboxes, addresses := excludes(dnsName("evil.org")), excludes(mailName("evil.org")),
		excludes(ipName("\x0a\x00\x00\x00\xff\x00\x00\x00"))
	tests := []struct {
		rule     string
		ca, leaf change
		valid    bool
	}{
		{"host with a trailing dot", hosts, names(dnsName("www.evil.org.")), false},
		{"host with a NUL", hosts, names(dnsName("www.evil.org\x00.example.com")), false},
		{"host with an empty label", permits(dnsName("example.com")), names(dnsName("..example.com")), false},
		{"host with a space", permits(dnsName("example.com")), names(dnsName("evil.org .example.com")), false},
		{"no host at all", permits(dnsName("example.com")), names(dnsName("")), false},
		{"host of letters that are not ASCII", hosts, names(dnsName("www.évil.org")), false},
		{"wildcard within a label", permits(dnsName("example.com")), names(dnsName("w*.example.com")), false},
		{"host with an underscore", permits(dnsName("example.com")), names(dnsName("_a.example.com")), true},
		{"malformed host, other form restricted", mailboxes, names(dnsName("a..b")), true},
		{"mailbox without a local part", permits(mailName("example.com")), names(mailName("@example.com")), false},
		{"mailbox with a NUL", mailboxes, names(mailName("a@evil.org\x00.example.com")), false},
		{"mailbox with a trailing dot", mailboxes, names(mailName("a@evil.org.")), false},
		{"mailbox with a quoted local part", permits(mailName("example.com")), names(mailName("\"a@evil.org\"@example.com")), false},
		{"mailbox at an address literal", mailboxes, names(mailName("a@[192.0.2.1]")), false},
		{"SmtpUTF8Mailbox of another string type", mailboxes, names(smtpName(0x16, "a@evil.org")), false},
		{"SmtpUTF8Mailbox with a U-label", mailboxes, names(smtpName(0x0c, "a@évil.org")), false},
		{"SmtpUTF8Mailbox elsewhere", mailboxes, names(smtpName(0x0c, "é@example.com")), true},
		{"SmtpUTF8Mailbox excluded", mailboxes, names(smtpName(0x0c, "é@EVIL.org")), false},
		{"address with a mask", addresses, names(ipName("\x0a\x01\x02\x03\xff\xff\xff\xff")), false},
		{"address of five bytes", addresses, names(ipName("\x0a\x01\x02\x03\x04")), false},
		{"URI whose host has a trailing dot", excludes(uriName(".evil.org")), names(uriName("https://www.evil.org./")), false},
		{"URI whose host has an empty label", permits(uriName(".example.com")), names(uriName("https://..example.com/")), false},
	}
	for _, c := range []string{
		dnsName("*.evil.org"), dnsName("evil.org."), mailName("@evil.org"), mailName("a@b@evil.org"),
		uriName("https://evil.org"), uriName("evil.org:443"),
	} {
		root := ca(t, nil, "Root", excludes(c))
		if got := rules(path.Validate(leaf(t, root).Certificate, options(root))); got != "name-constraints" {
			t.Errorf("the malformed constraint %q: %s", c, got)
		}
	}
	for _, test := range tests {
		root := ca(t, nil, "Root", test.ca)
		l := leaf(t, root, test.leaf)
		if result := path.Validate(l.Certificate, options(root)); result.Valid != test.valid {
			t.Errorf("%s: %v\n%s", test.rule, result.Valid, explain(result))
		}
	}
}

// TestValidate_noHosts excludes all host names by an empty one, as the Baseline Requirements have CAs do, 7.1.2.10.8.
func TestValidate_noHosts(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root", conforming)
	inter := ca(t, root, "Intermediate", conforming, excludes(dnsName("")))
	address := names(ipName("\xc0\x00\x02\x01"))
	usage := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	for _, test := range []struct {
		profile path.Profile
		leaf    *member
		want    string
	}{
		{path.WebPKI, leaf(t, inter, address, usage), "valid"},
		{path.WebPKI, leaf(t, inter), "name-constraints"},
		{path.RFC5280, leaf(t, inter), "name-constraints"},
		{path.StrictRFC5280, leaf(t, inter, address, usage), "profile"},
	} {
		o := options(root, inter)
		o.Profile = test.profile
		if got := rules(path.Validate(test.leaf.Certificate, o)); got != test.want {
			t.Errorf("%s, %s: %s, want %s", test.profile, test.leaf.SAN, got, test.want)
		}
	}
}

// RFC 5280, 6.1.3 (b), (c): constraints do not bind self-issued certificates, unless it is the last of the path (PKITS 4.13.20).
func TestValidate_constraintsOfSelfIssued(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	sub := ca(t, root, "Sub", permits(dnsName("example.com")))
	newKey := ca(t, sub, "Sub", func(c *x509.Certificate) { c.DNSNames = []string{"other.org"} })
	selfIssued := func(host string) change {
		return func(c *x509.Certificate) { c.Subject, c.DNSNames = sub.template.Subject, []string{host} }
	}
	for _, test := range []struct {
		rule string
		leaf *member
		want string
	}{
		{"the last certificate is self-issued", leaf(t, sub, selfIssued("other.org")), "name-constraints"},
		{"and within the constraints", leaf(t, sub, selfIssued("www.example.com")), "valid"},
		{"a self-issued certificate in the middle", leaf(t, newKey), "valid"},
		{"and the last one outside of the constraints", leaf(t, newKey, selfIssued("other.org")), "name-constraints"},
	} {
		result := path.Validate(test.leaf.Certificate, options(root, sub, newKey))
		if got := rules(result); got != test.want {
			t.Errorf("%s: %s, want %s\n%s", test.rule, got, test.want, explain(result))
		}
	}
}

// TestValidate_subjectAddress holds the subject's emailAddress against constraints (RFC 5280, 4.2.1.10).
func TestValidate_subjectAddress(t *testing.T) {
	t.Parallel()
	email := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	for _, c := range []struct {
		rule     string
		critical bool
		dns      []string
		mailbox  []string
		want     string
	}{
		{"no alternative name", true, nil, nil, "name-constraints"},
		{"alternative names that are no mailboxes", true, []string{"example.com"}, nil, "name-constraints"},
		{"a mailbox among the alternative names counts instead", true, nil, []string{"a@example.com"}, "valid"},
		{"a mailbox that is not permitted", true, nil, []string{"a@example.net"}, "name-constraints"},
		{"constraints that are not critical go for the subject too", false, nil, []string{"a@example.com"}, "name-constraints"},
	} {
		root := ca(t, nil, "Root")
		sub := ca(t, root, "Sub", func(tmpl *x509.Certificate) {
			tmpl.PermittedEmailAddresses, tmpl.PermittedDNSDomainsCritical = []string{"example.com"}, c.critical
		})
		l := leaf(t, sub, func(tmpl *x509.Certificate) {
			tmpl.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: email, Value: "a@example.org"}}
			tmpl.DNSNames, tmpl.EmailAddresses = c.dns, c.mailbox
		})
		if got := rules(path.Validate(l.Certificate, options(root, sub))); got != c.want {
			t.Errorf("%s: %s, want %s", c.rule, got, c.want)
		}
	}
}

// TestValidate_nameConstraints holds one name of each form against one constraint (RFC 5280, 4.2.1.10).
func TestValidate_nameConstraints(t *testing.T) {
	t.Parallel()
	_, net10, _ := net.ParseCIDR("10.0.0.0/8")
	uri := func(s string) change {
		return func(c *x509.Certificate) { u, _ := url.Parse(s); c.DNSNames, c.URIs = nil, []*url.URL{u} }
	}
	email := func(s string) change {
		return func(c *x509.Certificate) { c.DNSNames, c.EmailAddresses = nil, []string{s} }
	}
	dns := func(s string) change { return func(c *x509.Certificate) { c.DNSNames = []string{s} } }
	ip := func(s string) change {
		return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, []net.IP{net.ParseIP(s)} }
	}
	permitDNS := func(s string) change { return func(c *x509.Certificate) { c.PermittedDNSDomains = []string{s} } }
	excludeDNS := func(s string) change { return func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{s} } }
	permitEmail := func(s string) change {
		return func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{s} }
	}
	permitURI := func(s string) change { return func(c *x509.Certificate) { c.PermittedURIDomains = []string{s} } }
	permitIP := func(c *x509.Certificate) { c.PermittedIPRanges = []*net.IPNet{net10} }
	excludeIP := func(c *x509.Certificate) { c.ExcludedIPRanges = []*net.IPNet{net10} }
	subject := func(n pkix.Name) change { return func(c *x509.Certificate) { c.Subject = n } }
	// permitted directoryName O=Good
	permitDN := extra(cert.IDNameConstraints, true, "\x30\x17\xa0\x15\x30\x13\xa4\x11\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x0a\x0c\x04Good")
	// excluded other name of type 1.2.3
	excludeOther := extra(cert.IDNameConstraints, true, "\x30\x0e\xa1\x0c\x30\x0a\xa0\x08\x06\x02\x2a\x03\xa0\x02\x05\x00")
	other := extra(cert.IDSubjectAltName, false, "\x30\x0a\xa0\x08\x06\x02\x2a\x03\xa0\x02\x05\x00")
	tests := []struct {
		rule string
		ca   change
		leaf change
		want bool
	}{
		{"dns: the name itself", permitDNS("example.com"), dns("example.com"), true},
		{"dns: below", permitDNS("example.com"), dns("a.b.EXAMPLE.com"), true},
		{"dns: similar", permitDNS("example.com"), dns("badexample.com"), false},
		{"dns: leading period wants something below", permitDNS(".example.com"), dns("example.com"), false},
		{"dns: excluded below", excludeDNS("example.com"), dns("www.example.com"), false},
		{"dns: wildcard that reaches into an excluded subtree", excludeDNS("a.example.com"), dns("*.example.com"), false},
		{"dns: wildcard in another domain", excludeDNS("example.com"), dns("*.example.net"), true},
		{"dns: other form is free", permitDNS("example.com"), ip("10.1.2.3"), true},
		{"email: host", permitEmail("example.com"), email("a@example.com"), true},
		{"email: host below", permitEmail("example.com"), email("a@b.example.com"), false},
		{"email: subtree", permitEmail(".example.com"), email("a@b.example.com"), true},
		{"email: subtree's top", permitEmail(".example.com"), email("a@example.com"), false},
		{"email: mailbox", permitEmail("a@example.com"), email("a@EXAMPLE.com"), true},
		{"email: local parts have case", permitEmail("a@example.com"), email("A@example.com"), false},
		{"email: two at signs", permitEmail("example.com"), email("a@b@example.com"), false},
		{"uri: host", permitURI("example.com"), uri("https://example.com:8443/x"), true},
		{"uri: host below", permitURI("example.com"), uri("https://www.example.com/x"), false},
		{"uri: subtree", permitURI(".example.com"), uri("https://www.example.com/x"), true},
		{"uri: userinfo is not the host", permitURI("example.com"), uri("https://example.com@evil.org/"), false},
		{"uri: address", permitURI("example.com"), uri("https://10.1.2.3/"), false},
		{"uri: no host", permitURI("example.com"), uri("urn:x:y"), false},
		{"ip: inside", permitIP, ip("10.1.2.3"), true},
		{"ip: outside", permitIP, ip("192.0.2.1"), false},
		{"ip: other family", permitIP, ip("2001:db8::1"), false},
		{"ip: excluded", excludeIP, ip("10.1.2.3"), false},
		{"ip: other family excluded", excludeIP, ip("2001:db8::1"), true},
		{"directory: subject inside", permitDN, subject(pkix.Name{Organization: []string{"good"}, CommonName: "x"}), true},
		{"directory: subject outside", permitDN, subject(pkix.Name{Organization: []string{"bad"}, CommonName: "x"}), false},
		{"directory: empty subject", permitDN, subject(pkix.Name{}), true},
		{"other: present", excludeOther, other, false},
		{"other: absent", excludeOther, dns("example.com"), true},
	}
	for _, test := range tests {
		root := ca(t, nil, "Root", test.ca)
		l := leaf(t, root, func(c *x509.Certificate) { c.ExtKeyUsage = nil; c.Subject.CommonName = "nobody" }, test.leaf)
		if result := path.Validate(l.Certificate, options(root)); result.Valid != test.want {
			t.Errorf("%s: %v\n%s", test.rule, result.Valid, explain(result))
		}
	}
}
