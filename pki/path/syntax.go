package path

import (
	"net/netip"
	"net/url"
	"strings"

	"certkdb/pki/cert"
	"certkdb/pki/hosts"
	"certkdb/pki/name"
)

// wellFormed tells the syntax of a subject alternative name.
func wellFormed(g cert.GeneralName) bool {
	text := string(g.Value)
	switch g.Type {
	case cert.DNSName:
		return isStrictHost(text, true) && hosts.CheckALabels(text) == nil
	case cert.RFC822Name:
		return isMailbox(text) && hosts.CheckALabels(hostOf(text)) == nil
	case cert.URIName:
		return isAbsoluteURI(text)
	case cert.IPAddress:
		return len(g.Value) == 4 || len(g.Value) == 16
	case cert.DirectoryName:
		d, err := name.Parse(g.Value)
		return err == nil && len(d.RDNs) > 0 && directoryProblem(d) == ""
	case cert.OtherName:
		if isSMTPUTF8(g) {
			mailbox, _ := smtpUTF8(g)
			return isUTF8Mailbox(g) && isInForm(mailbox)
		}
		_, _, err := g.Other()
		return err == nil
	}
	return true
}

// isInForm tells how a SmtpUTF8Mailbox must be written (RFC 9598, 3 and 4): the local part is not ASCII, for which rfc822Name is, and the
// host is lower-case A-labels and labels that are not reserved.
func isInForm(mailbox string) bool {
	host := hostOf(mailbox)
	return !isMailbox(mailbox) && host == hosts.Lower(host) && !hosts.HasReservedLabel(host) && hosts.CheckALabels(host) == nil
}

// hostOf returns what follows the last @ of a mailbox, all of it if there is none.
func hostOf(mailbox string) string { return mailbox[strings.LastIndexByte(mailbox, '@')+1:] }

// wellFormedConstraint tells the syntax of the base of a subtree.
func wellFormedConstraint(g cert.GeneralName) bool {
	text := string(g.Value)
	switch g.Type {
	case cert.DNSName:
		return isStrictHost(text, false) && hosts.CheckALabels(text) == nil
	case cert.URIName:
		host := strings.TrimPrefix(text, ".")
		return isStrictHost(host, false) && strings.Contains(host, ".")
	case cert.RFC822Name:
		host := hostOf(text)
		if strings.Contains(text, "@") {
			return isMailbox(text) && hosts.CheckALabels(host) == nil
		}
		host = strings.TrimPrefix(host, ".")
		return isStrictHost(host, false) && hosts.CheckALabels(host) == nil
	case cert.IPAddress:
		return isSubnet(g.Value)
	case cert.DirectoryName:
		d, err := name.Parse(g.Value)
		return err == nil && len(d.RDNs) > 0 && directoryProblem(d) == ""
	}
	// The other forms must not be constrained, nor SmtpUTF8Mailbox: constraints of rfc822Name are for both (RFC 9598, 6).
	return g.Type == cert.OtherName && !isSMTPUTF8(g)
}

// isNoHosts tells the constraint by which the Baseline Requirements have CAs excluded from all host names (7.1.2.10.8).
func isNoHosts(g cert.GeneralName) bool { return g.Type == cert.DNSName && len(g.Value) == 0 }

// isStrictHost tells letters, digits and hyphens only, and no address. A wildcard leaves at least two labels.
func isStrictHost(s string, wildcard bool) bool {
	if !isHostName(s, wildcard) || strings.Contains(s, "_") {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "*."); ok && !strings.Contains(rest, ".") {
		return false
	}
	_, err := netip.ParseAddr(s)
	return err != nil
}

// isMailbox tells the Mailbox of RFC 5321, 4.1.2 with a dot-string and a domain. Quoted local parts and address
// literals are legal there, but nobody has them, and they have been used to smuggle names past constraints.
func isMailbox(s string) bool {
	local, host, ok := strings.Cut(s, "@")
	return ok && isLocalPart(local, false) && isStrictHost(host, false)
}

// isLocalPart tells a dot-string, of ASCII alone or not.
func isLocalPart(local string, international bool) bool {
	if local == "" || local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	for _, c := range []byte(local) {
		if c <= ' ' || c == 0x7f || c > 0x7f && !international || strings.IndexByte(`"(),:;<>@[\]`, c) >= 0 {
			return false
		}
	}
	return true
}

// isAbsoluteURI wants a scheme, and something after it: an address or a fully qualified host if there are slashes (RFC 5280, 4.2.1.6).
func isAbsoluteURI(s string) bool {
	u, err := url.Parse(s)
	if err != nil || strings.ContainsFunc(s, isNoURI) || u.Scheme == "" || u.Opaque == "" && u.Host == "" && u.Path == "" {
		return false
	}
	host := u.Hostname()
	if host == "" && strings.HasPrefix(s[len(u.Scheme):], "://") && u.Scheme != "file" {
		return false // an authority without a host
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == ""
	}
	return host == "" || isHostName(host, false) && strings.Contains(host, ".")
}

// isNoURI tells a character that no URI has (RFC 3986, 2): all but ASCII is escaped (RFC 5280, 7.4).
func isNoURI(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", c) }

func isSubnet(value []byte) bool {
	half := len(value) / 2
	if len(value) != 8 && len(value) != 32 {
		return false
	}
	mask := value[half:]
	for i := 1; i < 8*half; i++ {
		set := mask[i/8]&(0x80>>(i%8)) != 0
		before := mask[(i-1)/8]&(0x80>>((i-1)%8)) != 0
		if set && !before {
			return false
		}
	}
	return true
}

// directoryProblem finds what DER and X.520 forbid in a name: parts without attributes or out of order, control
// characters, characters that a string type does not have.
func directoryProblem(n name.Name) string {
	for _, rdn := range n.RDNs {
		if len(rdn) == 0 {
			return "has an empty part"
		}
		for _, a := range rdn {
			if problem := attributeProblem(a); problem != "" {
				return problem
			}
		}
	}
	if !n.IsDER() {
		return "has a part whose attributes are not in DER order"
	}
	return ""
}

// attributeProblem looks at one attribute. Old string types are let be.
func attributeProblem(a name.Attribute) string {
	switch a.Tag {
	case name.TagPrintableString, name.TagUTF8String, name.TagNumericString, name.TagIA5String, name.TagBMPString:
	default:
		return ""
	}
	switch {
	case strings.ContainsRune(a.Value, 0):
		return "has a NUL character"
	case !a.IsText() || cert.OddAttribute(a) != "":
		return "has characters that its string type does not have"
	case a.Value == "":
		return "has an attribute without a value"
	}
	return ""
}
