package path

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"certkdb/pki/cert"
	"certkdb/pki/name"
)

// constraint is the nameConstraints extension of one CA on the path.
type constraint struct {
	*cert.NameConstraints
	owner    *cert.Certificate // nil for the initial subtrees
	critical bool
}

// constraints accumulates them (RFC 5280, 6.1.4 (g)). The intersection of the permitted subtrees needs no
// computation: a name lies in it if it lies in every set.
type constraints struct {
	list   []constraint
	budget *int // comparisons left
}

var errNames = errors.New("more names and constraints than are compared")

func (l *constraints) add(c constraint) { l.list = append(l.list, c) }

// check is RFC 5280, 6.1.3 (b), (c) for one certificate.
func (l *constraints) check(c *cert.Certificate, commonName bool) error {
	if len(l.list) == 0 {
		return nil
	}
	names := constrainedNames(c, commonName)
	addresses := subjectAddresses(c)
	for _, set := range l.list {
		of := names
		if !set.critical || !hasMailbox(c) {
			of = slices.Concat(names, addresses)
		}
		for _, n := range of {
			if *l.budget -= cost(n) * (len(set.Permitted) + len(set.Excluded)); *l.budget < 0 {
				return errNames
			}
			if err := set.check(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// cost weighs the comparison of one name: directory names are decoded and prepared each time.
func cost(n cert.GeneralName) int {
	if n.Type == cert.DirectoryName {
		return 1 + len(n.Value)/256
	}
	return 1
}

// subjectAddresses are the subject's emailAddress attributes, the old place for mailboxes.
//
// RFC 5280, 4.2.1.10 wants them constrained when there is no subject alternative name. Here they are whenever none of the
// alternative names is a mailbox, since programs read them then ([matchEmail] does), and always under constraints that are not
// critical: those are not made by RFC 5280, which wants them critical, and the CA may rely on the subject too, as OpenSSL does.
func subjectAddresses(c *cert.Certificate) []cert.GeneralName {
	var names []cert.GeneralName
	for _, e := range c.Subject.Attributes(name.EmailAddress) {
		names = append(names, cert.GeneralName{Type: cert.RFC822Name, Value: []byte(e)})
	}
	return names
}

// hasMailbox tells whether one of the alternative names is a mailbox.
func hasMailbox(c *cert.Certificate) bool {
	return slices.ContainsFunc(c.SAN, func(n cert.GeneralName) bool {
		if n.Type != cert.OtherName {
			return n.Type == cert.RFC822Name
		}
		_, ok := smtpUTF8(n)
		return ok
	})
}

// constrainedNames lists the names of a certificate that all constraints apply to: the subject, the subject alternative
// names, and common names in place of an alternative name of their kind.
func constrainedNames(c *cert.Certificate, commonName bool) []cert.GeneralName {
	names := make([]cert.GeneralName, 0, len(c.SAN)+2)
	if !c.Subject.Empty() {
		names = append(names, cert.GeneralName{Type: cert.DirectoryName, Value: c.RawSubject})
	}
	names = append(names, c.SAN...)
	if !commonName || c.IsCA || c.SAN.Has(cert.DNSName) {
		return names
	}
	return append(names, commonNames(c)...)
}

// commonNames are the common names that a program might take for a host, so that constraints are not evaded by
// leaving the alternative names out.
func commonNames(c *cert.Certificate) []cert.GeneralName {
	var names []cert.GeneralName
	for _, cn := range c.Subject.Attributes(name.CommonName) {
		cn, _, _ = strings.Cut(cn, "\x00") // what a C program would read
		if ip, err := netip.ParseAddr(cn); err == nil {
			if !c.SAN.Has(cert.IPAddress) {
				names = append(names, cert.GeneralName{Type: cert.IPAddress, Value: ip.AsSlice()})
			}
		} else if strings.Contains(cn, ".") && isHostName(cn, true) {
			names = append(names, cert.GeneralName{Type: cert.DNSName, Value: []byte(cn)})
		}
	}
	return names
}

// check compares one name with one CA's constraints.
func (s constraint) check(n cert.GeneralName) error {
	ofForm := func(c cert.GeneralName) bool { return sameForm(c, n) }
	if !canCompare(n) && (slices.ContainsFunc(s.Permitted, ofForm) || slices.ContainsFunc(s.Excluded, ofForm)) {
		return fmt.Errorf("the name %s is malformed, but %s restrict names of its form", n, s.who())
	}
	restricted, permitted := false, false
	for _, p := range s.Permitted {
		if !sameForm(p, n) {
			continue
		}
		restricted = true
		ok, err := s.within(n, p, false)
		if err != nil {
			return err
		}
		if permitted = ok; ok {
			break
		}
	}
	if restricted && !permitted {
		return fmt.Errorf("the name %s is outside of what %s permit", n, s.who())
	}
	for _, e := range s.Excluded {
		if !sameForm(e, n) {
			continue
		}
		ok, err := s.within(n, e, true)
		if err != nil {
			return err
		}
		if ok {
			return fmt.Errorf("the name %s is excluded by %s (%s)", n, s.who(), e)
		}
	}
	return nil
}

func (s constraint) who() string {
	if s.owner == nil {
		return "the initial constraints"
	}
	return fmt.Sprintf("the name constraints of %s", subjectOf(s.owner))
}

// sameForm tells whether a constraint speaks about names of n's form: of other names each type is a form. A SmtpUTF8Mailbox is under
// the constraints for rfc822Name (RFC 9598, 6).
func sameForm(c, n cert.GeneralName) bool {
	if c.Type == cert.OtherName && n.Type == cert.OtherName {
		id1, _, err1 := c.Other()
		id2, _, err2 := n.Other()
		return err1 == nil && err2 == nil && id1 == id2
	}
	return c.Type == n.Type || c.Type == cert.RFC822Name && isSMTPUTF8(n)
}

// within compares a name with a subtree of its form. excluded makes doubtful names count as inside.
func (s constraint) within(n, c cert.GeneralName, excluded bool) (bool, error) {
	text, limit := string(n.Value), string(c.Value)
	switch n.Type {
	case cert.DNSName:
		return underDomain(text, limit) || excluded && wildcardReaches(text, limit), nil
	case cert.RFC822Name:
		return underMailbox(text, limit), nil
	case cert.URIName:
		host, ok := uriHost(text)
		if !ok {
			return false, fmt.Errorf("the name %s has no host name, but %s restrict URIs", n, s.who())
		}
		return underHost(host, limit), nil
	case cert.IPAddress:
		return withinIP(n.Value, c.Value, excluded), nil
	case cert.DirectoryName:
		return withinDirectory(n.Value, c.Value)
	case cert.OtherName:
		if mailbox, ok := smtpUTF8(n); ok && c.Type == cert.RFC822Name {
			return withinSMTPUTF8(mailbox, limit, excluded), nil
		}
		if name, isSRV, _ := readSRV(n); isSRV {
			base, _, _ := readSRV(c)
			return name.under(base), nil
		}
	}
	if !s.critical {
		// What is not critical and not understood is left out of account, but the same bytes are the same name.
		return !excluded || bytes.Equal(n.Value, c.Value), nil
	}
	return false, fmt.Errorf("%s restrict names of a form that is not processed: %s", s.who(), n)
}

// canCompare tells names that can be compared with constraints. Programs differ in what they make of a malformed name, and
// it may be just what the constraints keep out. URIs and directory names are taken apart when they are compared.
func canCompare(n cert.GeneralName) bool {
	switch n.Type {
	case cert.DNSName:
		return isHostName(string(n.Value), true)
	case cert.RFC822Name:
		return isMailbox(string(n.Value))
	case cert.IPAddress:
		return len(n.Value) == 4 || len(n.Value) == 16
	case cert.OtherName:
		if name, isSRV, ok := readSRV(n); isSRV {
			return ok && name.service != "" && name.domain != ""
		}
		return !isSMTPUTF8(n) || isUTF8Mailbox(n)
	}
	return true
}

// withinIP takes an IPv4-mapped IPv6 address for the IPv4 address too when addresses are excluded.
func withinIP(ip, limit []byte, excluded bool) bool {
	if underIP(ip, limit) {
		return true
	}
	addr, ok := netip.AddrFromSlice(ip)
	return ok && excluded && addr.Is4In6() && underIP(addr.Unmap().AsSlice(), limit)
}

func withinDirectory(subject, base []byte) (bool, error) {
	n, err1 := name.Parse(subject)
	b, err2 := name.Parse(base)
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	return n.HasPrefix(b), nil
}

// withinSMTPUTF8 compares the host alone. A constraint for one mailbox permits no SmtpUTF8Mailbox (RFC 9598, 6), and excludes all of its
// host: a local part may be written in several ways.
func withinSMTPUTF8(mailbox, limit string, excluded bool) bool {
	at := strings.LastIndexByte(limit, '@')
	if at < 0 {
		return underMailbox(mailbox, limit)
	}
	return excluded && underMailbox(mailbox, limit[at+1:])
}

// supported says why constraints cannot be processed: then what they meant to exclude must not pass.
func (s constraint) supported() error {
	for _, n := range slices.Concat(s.Permitted, s.Excluded) {
		ok := true
		text := string(n.Value)
		host := strings.TrimPrefix(text, ".")
		switch n.Type {
		case cert.DNSName, cert.URIName:
			ok = host == "" || isHostName(host, false)
		case cert.RFC822Name:
			ok = host == "" || isHostName(host, false) || isMailbox(text)
		case cert.DirectoryName:
			_, err := name.Parse(n.Value)
			ok = err == nil
		case cert.IPAddress:
			ok = isSubnet(n.Value)
		case cert.OtherName:
			_, isSRV, wellFormed := readSRV(n)
			ok = !isSRV || wellFormed
		}
		if !ok {
			return fmt.Errorf("its constraint %s is malformed", n)
		}
	}
	return nil
}
