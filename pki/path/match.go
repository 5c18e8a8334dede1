package path

import (
	"bytes"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"certkdb/pki/cert"
	"certkdb/pki/hosts"
	"certkdb/pki/name"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// underDomain tells names in the subtree of a DNS constraint (RFC 5280, 4.2.1.10): the name itself and everything
// below. With a period in front, which the standard does not define for DNS, only what is below.
func underDomain(host, constraint string) bool {
	host, constraint = hosts.Lower(host), hosts.Lower(constraint)
	if constraint == "" {
		return true
	}
	if constraint[0] == '.' {
		return strings.HasSuffix(host, constraint) && len(host) > len(constraint)
	}
	return host == constraint || strings.HasSuffix(host, "."+constraint)
}

// wildcardReaches tells whether a wildcard name stands for a name in the subtree: one label below its own suffix.
func wildcardReaches(host, constraint string) bool {
	suffix, isWildcard := strings.CutPrefix(hosts.Lower(host), "*.")
	if !isWildcard {
		return false
	}
	label, rest, _ := strings.Cut(strings.TrimPrefix(hosts.Lower(constraint), "."), ".")
	return label != "" && rest == suffix
}

// underHost tells hosts that a rfc822Name or URI constraint names: that host, or with a period in front the hosts
// below it.
func underHost(host, constraint string) bool {
	host, constraint = hosts.Lower(host), hosts.Lower(constraint)
	if constraint == "" {
		return true
	}
	if constraint[0] == '.' {
		return strings.HasSuffix(host, constraint) && len(host) > len(constraint)
	}
	return host == constraint
}

// underMailbox compares an address with a rfc822Name constraint: a mailbox, a host or a subtree of hosts.
func underMailbox(address, constraint string) bool {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return false
	}
	local, host := address[:at], address[at+1:]
	if i := strings.LastIndexByte(constraint, '@'); i >= 0 {
		return local == constraint[:i] && hosts.Lower(host) == hosts.Lower(constraint[i+1:])
	}
	return underHost(host, constraint)
}

// underIP compares an address of 4 or 16 bytes with an address and mask of the same kind.
func underIP(ip, constraint []byte) bool {
	if len(constraint) != 2*len(ip) {
		return false
	}
	for i := range ip {
		mask := constraint[len(ip)+i]
		if ip[i]&mask != constraint[i]&mask {
			return false
		}
	}
	return true
}

// uriHost returns the host of a URI; false if it has none that a constraint can be compared with, which includes IP
// addresses, also in odd notations, and hosts of one label (RFC 5280, 4.2.1.10: a fully qualified domain name).
func uriHost(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" {
		return "", false
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil || strings.HasPrefix(u.Host, "[") || !isHostName(host, false) {
		return "", false
	}
	if !strings.Contains(host, ".") || hosts.EndsInNumber(hosts.Lower(host)) {
		return "", false
	}
	return host, true
}

// isSMTPUTF8 tells other names that should be an internationalised mailbox, well formed or not.
func isSMTPUTF8(n cert.GeneralName) bool {
	if n.Type != cert.OtherName {
		return false
	}
	id, _, err := n.Other()
	return err == nil && id == oid.SMTPUTF8Mailbox
}

// smtpUTF8 returns the mailbox of an other name of that type.
func smtpUTF8(n cert.GeneralName) (string, bool) {
	id, value, err := n.Other()
	if err != nil || id != oid.SMTPUTF8Mailbox {
		return "", false
	}
	input := cryptobyte.String(value)
	var text cryptobyte.String
	if !input.ReadASN1(&text, asn1.UTF8String) || !input.Empty() || !utf8.Valid(text) || strings.HasPrefix(string(text), "\ufeff") {
		return "", false
	}
	return string(text), true
}

// isUTF8Mailbox tells the mailbox of a SmtpUTF8Mailbox (RFC 9598, 3): UTF-8 without a byte order mark, the host in A-labels.
func isUTF8Mailbox(n cert.GeneralName) bool {
	mailbox, ok := smtpUTF8(n)
	at := strings.LastIndexByte(mailbox, '@')
	return ok && at > 0 && isLocalPart(mailbox[:at], true) && isStrictHost(mailbox[at+1:], false)
}

// srvName is the name of a service of a domain (RFC 4985): the service with its underscore, and the domain. Constraints may have one alone.
type srvName struct{ service, domain string }

// readSRV reads an other name of that type. ok says that service and domain are well formed, as far as they are there.
func readSRV(n cert.GeneralName) (name srvName, isSRV, ok bool) {
	id, value, err := n.Other()
	if err != nil || id != oid.SRVName {
		return name, false, false
	}
	input := cryptobyte.String(value)
	var content cryptobyte.String
	if !input.ReadASN1(&content, asn1.IA5String) || !input.Empty() {
		return name, true, false
	}
	name.domain = hosts.Lower(string(content))
	if strings.HasPrefix(name.domain, "_") {
		name.service, name.domain, _ = strings.Cut(name.domain, ".")
	}
	ok = name.service != "_" && (name.domain == "" || isStrictHost(name.domain, false))
	return name, true, ok && name != srvName{}
}

// under tells whether a name lies in the subtree of a constraint: service and domain are compared each for itself (RFC 4985, 4).
func (n srvName) under(limit srvName) bool {
	return (limit.service == "" || n.service == limit.service) && (limit.domain == "" || underDomain(n.domain, limit.domain))
}

// matchHost tells whether the certificate is for a host: a DNS name or an IP address (RFC 9525, 6).
func matchHost(c *cert.Certificate, host string, commonName bool) bool {
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return matchIP(c, ip.Unmap(), commonName)
	}
	found := false
	for _, n := range c.SAN {
		if n.Type == cert.DNSName {
			found = true
			if hosts.Match(string(n.Value), host) {
				return true
			}
		}
	}
	return commonName && !found && matchAny(c.Subject.Attributes(name.CommonName), host)
}

func matchAny(patterns []string, host string) bool {
	for _, p := range patterns {
		if hosts.Match(p, host) {
			return true
		}
	}
	return false
}

func matchIP(c *cert.Certificate, ip netip.Addr, commonName bool) bool {
	found := false
	for _, n := range c.SAN {
		if n.Type == cert.IPAddress {
			found = true
			if bytes.Equal(n.Value, ip.AsSlice()) {
				return true
			}
		}
	}
	if !commonName || found {
		return false
	}
	for _, cn := range c.Subject.Attributes(name.CommonName) {
		if addr, err := netip.ParseAddr(cn); err == nil && addr == ip {
			return true
		}
	}
	return false
}

// isHostName tells the syntax of a host name in A-labels, with wildcard of a DNS name that may begin with one.
func isHostName(s string, wildcard bool) bool {
	if wildcard {
		s = strings.TrimPrefix(s, "*.")
	}
	return hosts.Check(s) == nil
}

// matchEmail tells whether the certificate is for an address: by a rfc822Name, a SmtpUTF8Mailbox or, if there is no
// subject alternative name of either kind, the subject's emailAddress.
func matchEmail(c *cert.Certificate, address string) bool {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		if host, err := hosts.ToASCII(address[at+1:]); err == nil { // RFC 5280, 7.5; RFC 9598, 3
			address = address[:at+1] + host
		}
	}
	for _, n := range c.SAN {
		text, ok := string(n.Value), n.Type == cert.RFC822Name
		if n.Type == cert.OtherName {
			text, ok = smtpUTF8(n)
			ok = ok && !isMailbox(text) // RFC 9598, 5: it never stands for an address that an rfc822Name can have
		}
		if ok && sameMailbox(text, address) {
			return true
		}
	}
	if hasMailbox(c) {
		return false
	}
	for _, text := range c.Subject.Attributes(name.EmailAddress) {
		if sameMailbox(text, address) {
			return true
		}
	}
	return false
}

// sameMailbox compares local parts exactly and hosts without regard to case (RFC 5280, 7.5).
func sameMailbox(a, b string) bool {
	i, j := strings.LastIndexByte(a, '@'), strings.LastIndexByte(b, '@')
	return i > 0 && j > 0 && a[:i] == b[:j] && hosts.Lower(a[i:]) == hosts.Lower(b[j:])
}
