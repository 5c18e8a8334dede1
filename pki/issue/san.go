package issue

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/hosts"
	"certkdb/pki/name"
	"certkdb/pki/oid"
)

// SplitNames splits a list of names that [ParseSAN] or [ParseConstraint] reads: "a.example, b.example" or, as OpenSSL prints them,
// "DNS:a.example, IP Address:192.0.2.1". Commas separate names of the types dns, ip, email and rid and names without a type. A value of
// another type may have commas itself, so it goes on to the end of the text; so does one in quotes, to the closing quote. A text without
// such a comma is its own only name.
func SplitNames(text string) []string {
	var list []string
	for {
		end := nameEnd(text)
		list = append(list, strings.TrimSpace(text[:end]))
		if end == len(text) {
			return list
		}
		text = text[end+1:]
	}
}

// nameEnd is where the first name of a list ends: at a comma, or at the end of the text.
func nameEnd(text string) int {
	if kind, _, typed := strings.Cut(text, ":"); typed && mayContainCommas(strings.ToLower(strings.TrimSpace(kind))) {
		return len(text)
	}
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case strings.HasPrefix(text[i:], "://"):
			return len(text)
		case text[i] == ',' && !quoted:
			return i
		}
	}
	return len(text)
}

// mayContainCommas says whether the values of a type of names may have commas.
func mayContainCommas(kind string) bool {
	switch kind {
	case "uri", "url", "directory", "dirname", "upn", "other", "othername":
		return true
	}
	return false
}

// hasTypedPart says whether a comma in a name is followed by a type of names, as in upn:a,dns:b: several names were probably meant.
func hasTypedPart(n cert.GeneralName) bool {
	text := strings.ReplaceAll(n.String(), "%20", " ") // of URIs
	for _, part := range strings.Split(text, ",")[1:] {
		if kind, _, typed := strings.Cut(part, ":"); typed && isSANType(strings.ToLower(strings.TrimSpace(kind))) {
			return true
		}
	}
	return false
}

// ParseSAN reads a subject alternative name written TYPE:VALUE with type dns, ip, email, uri, directory, rid, upn or other, as listings
// write it; an other name is other:OID;VALUE with a value as in [ParseExtension]. Without a type it is an IP address, an email address, a
// URI or a DNS name by its looks. Names of hosts in other alphabets become A-labels (RFC 5890), so dns:bücher.example is stored as
// xn--bcher-kva.example.
func ParseSAN(text string) (cert.GeneralName, error) {
	kind, value, ok := strings.Cut(text, ":")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if !ok || !isSANType(kind) || strings.HasPrefix(value, "//") {
		return guessSAN(text)
	}
	switch kind {
	case "dns":
		return dnsSAN(value)
	case "ip", ipAddress:
		return ipSAN(value)
	case "email":
		return emailSAN(value)
	case "uri", "url":
		return uriSAN(value)
	case "rid":
		return ridSAN(value)
	case "upn":
		return upnSAN(value)
	case "other", "othername":
		return otherSAN(value)
	}
	return dirSAN(value)
}

// SANTypes are the types of subject alternative names.
func SANTypes() []string { return append(ConstraintTypes(), "rid", "upn", "other") }

func isSANType(kind string) bool {
	return slices.Contains(SANTypes(), kind) || isOtherSpelling(kind) || kind == "othername"
}

// isOtherSpelling says whether a type of names is written as in other programs.
func isOtherSpelling(kind string) bool {
	return kind == "url" || kind == "dirname" || kind == ipAddress
}

// ipAddress is the type ip as OpenSSL prints it.
const ipAddress = "ip address"

// guessSAN is for names without a type.
func guessSAN(text string) (cert.GeneralName, error) {
	if strings.Contains(text, "://") {
		return uriSAN(text)
	}
	_, isAddr := netip.ParseAddr(text)
	_, isNetwork := netip.ParsePrefix(text)
	if isAddr == nil || isNetwork == nil || strings.HasPrefix(text, "[") {
		return ipSAN(text)
	}
	if kind, value, ok := strings.Cut(text, ":"); ok && isWord(kind) && !hosts.IsPort(value) {
		return cert.GeneralName{}, fmt.Errorf("%w: there is no type of names %q; there are %s", pki.ErrArgument, kind,
			strings.Join(SANTypes(), ", "))
	}
	if strings.Contains(text, "@") {
		return emailSAN(text)
	}
	return dnsSAN(text)
}

func isWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r|0x20 < 'a' || r|0x20 > 'z' })
}

func dnsSAN(host string) (cert.GeneralName, error) {
	host = strings.TrimSpace(host)
	ascii, err := asciiHost(host)
	if err != nil {
		return cert.GeneralName{}, err
	}
	return cert.GeneralName{Type: cert.DNSName, Value: []byte(ascii)}, nil
}

// asciiHost turns a DNS name, which may begin with the wildcard label *, into A-labels.
func asciiHost(host string) (string, error) {
	ascii, err := hosts.PatternToASCII(host)
	if err != nil {
		return "", fmt.Errorf("%w: %w", pki.ErrArgument, err)
	}
	return ascii, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func ipSAN(text string) (cert.GeneralName, error) {
	plain := strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(plain, "["); ok && strings.HasSuffix(inner, "]") { // as in URLs
		plain = strings.TrimSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(plain)
	_, withPort := netip.ParseAddrPort(plain)
	_, withPrefix := netip.ParsePrefix(plain)
	reason := ""
	switch {
	case withPort == nil:
		reason = ": it has a port: leave the port out"
	case withPrefix == nil:
		reason = ", but a network: name each address"
	case err == nil && addr.Zone() != "":
		reason = " that a certificate can hold: leave the zone out"
	}
	if err != nil || reason != "" {
		return cert.GeneralName{}, fmt.Errorf("%w: %q is not an IP address%s", pki.ErrArgument, text, reason)
	}
	return cert.GeneralName{Type: cert.IPAddress, Value: addr.Unmap().AsSlice()}, nil
}

// emailSAN checks a mailbox (RFC 5321, 4.1.2) and turns its host into A-labels (RFC 5280, 7.5).
func emailSAN(text string) (cert.GeneralName, error) {
	text = strings.TrimSpace(text)
	at := strings.LastIndexByte(text, '@')
	if at <= 0 || at > 64 || !isASCII(text[:at]) || strings.ContainsFunc(text[:at],
		func(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' }) {
		return cert.GeneralName{}, fmt.Errorf("%w: %q is not an email address that a certificate can hold", pki.ErrArgument, text)
	}
	host, err := asciiHost(text[at+1:])
	if err != nil || strings.HasPrefix(host, "*") {
		return cert.GeneralName{}, fmt.Errorf("%w: %q is not an email address: its host is not a host name", pki.ErrArgument, text)
	}
	return cert.GeneralName{Type: cert.RFC822Name, Value: []byte(text[:at] + "@" + host)}, nil
}

// uriSAN takes absolute URIs, whose host, if they have one, is a full name or an IP address (RFC 5280, 4.2.1.6). Go reads no certificate
// with another one.
func uriSAN(text string) (cert.GeneralName, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" && u.Path == "" {
		return cert.GeneralName{}, fmt.Errorf("%w: %q is not an absolute URI", pki.ErrArgument, text)
	}
	if u.Host != "" {
		if _, err := netip.ParseAddr(u.Hostname()); err != nil {
			host, err := asciiHost(u.Hostname())
			if err != nil {
				return cert.GeneralName{}, err
			}
			if port := u.Port(); port != "" {
				host += ":" + port
			}
			u.Host = host
		}
	}
	written := u.String()
	if !isASCII(written) {
		return cert.GeneralName{}, fmt.Errorf("%w: the URI %q has characters that must be percent-encoded", pki.ErrArgument, text)
	}
	return cert.GeneralName{Type: cert.URIName, Value: []byte(written)}, nil
}

func dirSAN(text string) (cert.GeneralName, error) {
	n, err := name.ParseString(text)
	if err != nil {
		return cert.GeneralName{}, fmt.Errorf("%w: %w", pki.ErrArgument, err)
	}
	return cert.GeneralName{Type: cert.DirectoryName, Value: n.DER()}, nil
}

func ridSAN(text string) (cert.GeneralName, error) {
	id, err := oid.Encode(strings.TrimSpace(text))
	if err != nil {
		return cert.GeneralName{}, fmt.Errorf("%w: %w", pki.ErrArgument, err)
	}
	return cert.GeneralName{Type: cert.RegisteredID, Value: id}, nil
}

// fromCommonName makes a name of the subject's common name if that is an IP address or the name of a host. A word
// without a dot is one for servers only: a client's name is rather that of a person or program.
func fromCommonName(cn string, server bool) (cert.GeneralName, bool) {
	if addr, err := ipSAN(cn); err == nil {
		return addr, true
	}
	host, err := dnsSAN(cn)
	if err != nil || !server && !strings.Contains(cn, ".") && !strings.EqualFold(cn, "localhost") {
		return cert.GeneralName{}, false
	}
	return host, true
}
