package pki

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"certkdb/pki/cert"
	"certkdb/pki/name"
)

// namesPermitted reads what was issued and holds every name in it against the CA's name constraints (RFC 5280,
// 4.2.1.10), so that nothing is given out that no validator accepts.
func (ca *CA) namesPermitted(der []byte) error {
	if ca.constraints == nil {
		return nil
	}
	c, err := cert.Parse(der)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrParse, err)
	}
	for _, n := range constrainedNames(c) {
		if slices.ContainsFunc(ca.constraints.Excluded, func(base cert.GeneralName) bool { return within(n, base, true) }) {
			return fmt.Errorf("%w: the CA's name constraints exclude %s (RFC 5280, 4.2.1.10)", ErrRefused, n)
		}
		permitted := slices.DeleteFunc(slices.Clone(ca.constraints.Permitted), func(base cert.GeneralName) bool { return base.Type != n.Type })
		if len(permitted) > 0 && !slices.ContainsFunc(permitted, func(base cert.GeneralName) bool { return within(n, base, false) }) {
			return fmt.Errorf("%w: the CA's name constraints do not permit %s, but %s (RFC 5280, 4.2.1.10)", ErrRefused, n, cert.SAN(permitted))
		}
	}
	return nil
}

// constrainedNames are the alternative names, the subject, and its email addresses where no alternative name has one.
func constrainedNames(c *cert.Certificate) []cert.GeneralName {
	names := slices.Clone([]cert.GeneralName(c.SAN))
	if !c.Subject.Empty() {
		names = append(names, cert.GeneralName{Type: cert.DirectoryName, Value: c.RawSubject})
	}
	if !c.SAN.Has(cert.RFC822Name) {
		for _, email := range c.Subject.Attributes(name.EmailAddress) {
			names = append(names, cert.GeneralName{Type: cert.RFC822Name, Value: []byte(email)})
		}
	}
	return names
}

// within reports whether a name lies in a subtree. excluding makes it report also whether a wildcard could.
func within(n, base cert.GeneralName, excluding bool) bool {
	if n.Type != base.Type {
		return false
	}
	value, limit := strings.ToLower(string(n.Value)), strings.ToLower(string(base.Value))
	switch n.Type {
	case cert.DNSName:
		return dnsWithin(value, limit, excluding)
	case cert.RFC822Name:
		return emailWithin(string(n.Value), string(base.Value))
	case cert.URIName:
		u, err := url.Parse(value)
		return err == nil && hostWithin(u.Hostname(), limit)
	case cert.IPAddress:
		return ipWithin(n.Value, base.Value)
	case cert.DirectoryName:
		whole, err := name.Parse(n.Value)
		prefix, err2 := name.Parse(base.Value)
		return err == nil && err2 == nil && whole.HasPrefix(prefix)
	}
	return bytes.Equal(n.Value, base.Value)
}

// dnsWithin: a domain contains itself and all below it. A wildcard is within an excluded domain if it may match there.
func dnsWithin(host, base string, excluding bool) bool {
	host, base = strings.TrimSuffix(host, "."), strings.TrimPrefix(strings.TrimSuffix(base, "."), ".")
	if base == "" {
		return true
	}
	parent, wildcard := strings.CutPrefix(host, "*.")
	if wildcard && excluding && strings.HasSuffix(base, "."+parent) && !strings.Contains(strings.TrimSuffix(base, "."+parent), ".") {
		return true
	}
	return host == base || strings.HasSuffix(host, "."+base)
}

// hostWithin: a host is itself, a domain with a dot before it is what lies below.
func hostWithin(host, base string) bool {
	if strings.HasPrefix(base, ".") {
		return strings.HasSuffix(host, base)
	}
	return host == base
}

// emailWithin: a mailbox is itself, the case of its local part kept; without @ the constraint is one on hosts.
func emailWithin(mailbox, base string) bool {
	at := strings.LastIndexByte(mailbox, '@')
	if i := strings.LastIndexByte(base, '@'); i >= 0 {
		return at >= 0 && mailbox[:at] == base[:i] && strings.EqualFold(mailbox[at:], base[i:])
	}
	return hostWithin(strings.ToLower(mailbox[at+1:]), strings.ToLower(base))
}

// ipWithin: the constraint is an address and a mask.
func ipWithin(address, base []byte) bool {
	if len(base) != 2*len(address) {
		return false
	}
	for i, b := range address {
		if mask := base[len(address)+i]; b&mask != base[i]&mask {
			return false
		}
	}
	return true
}
