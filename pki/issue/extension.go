package issue

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/hosts"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxSANs is the most alternative names that are issued. Peers refuse messages with more: 1 000 names of 60 characters
// are near the 64 KiB that some TLS implementations take for a chain.
const maxSANs = 1000

// checkSAN refuses names that programs read differently: control characters, NUL first of all, and addresses of a length
// that none has. It takes what [ParseSAN] makes and what stands in certificates and requests.
func checkSAN(n cert.GeneralName) error {
	switch n.Type {
	case cert.DNSName, cert.RFC822Name, cert.URIName:
		for _, c := range n.Value {
			if c < 0x20 || c >= 0x7f {
				return fmt.Errorf("%w: the alternative name %q has a character that is not allowed there (RFC 5280, 4.2.1.6)", pki.ErrRefused,
					n.String())
			}
		}
		if len(n.Value) == 0 {
			return fmt.Errorf("%w: an alternative name is empty", pki.ErrRefused)
		}
		if n.Type == cert.DNSName {
			if err := hosts.Check(strings.TrimPrefix(string(n.Value), "*.")); err != nil {
				return fmt.Errorf("%w: the alternative name %s is not a host name: %w (RFC 5280, 4.2.1.6)", pki.ErrRefused, n.String(), err)
			}
		}
	case cert.IPAddress:
		if len(n.Value) != 4 && len(n.Value) != 16 {
			return fmt.Errorf("%w: an IP address of %d bytes", pki.ErrRefused, len(n.Value))
		}
	}
	return nil
}

// addGeneralName writes a name with its implicit tag (RFC 5280, 4.2.1.6). Those that are SEQUENCEs or, for a directory
// name, an explicit CHOICE, are constructed.
func addGeneralName(b *cryptobyte.Builder, n cert.GeneralName) {
	tag := asn1.Tag(n.Type).ContextSpecific()
	switch n.Type {
	case cert.OtherName, cert.X400Address, cert.DirectoryName, cert.EDIPartyName:
		tag = tag.Constructed()
	}
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(n.Value) })
}

// sanExtension is critical if the subject is empty (RFC 5280, 4.2.1.6).
func sanExtension(names []cert.GeneralName, critical bool) cert.Extension {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, n := range names {
			addGeneralName(b, n)
		}
	})
	return cert.Extension{ID: cert.IDSubjectAltName, Critical: critical, Value: b.BytesOrPanic()}
}

// constraintsExtension writes name constraints (RFC 5280, 4.2.1.10), which must be critical. x509's template has no
// directory names.
func constraintsExtension(permitted, excluded []cert.GeneralName) cert.Extension {
	var b cryptobyte.Builder
	subtrees := func(b *cryptobyte.Builder, tag asn1.Tag, names []cert.GeneralName) {
		if len(names) == 0 {
			return
		}
		b.AddASN1(tag.ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			for _, n := range names {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addGeneralName(b, n) })
			}
		})
	}
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		subtrees(b, 0, permitted)
		subtrees(b, 1, excluded)
	})
	return cert.Extension{ID: cert.IDNameConstraints, Critical: true, Value: b.BytesOrPanic()}
}

// timestampingExtension makes the extended key usage critical where timestamping is the only purpose, as RFC 3161, 2.3
// demands and x509's template does not.
func (d *draft) timestampingExtension() (cert.Extension, bool) {
	named := slices.Equal(d.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}) && len(d.UnknownExtKeyUsage) == 0
	dotted := len(d.ExtKeyUsage) == 0 && len(d.UnknownExtKeyUsage) == 1 && d.UnknownExtKeyUsage[0].String() == oid.TimeStamping
	if !named && !dotted {
		return cert.Extension{}, false
	}
	e := purposesExtension([]string{oid.TimeStamping})
	e.Critical = true
	return e, true
}

// ParseConstraint reads a name constraint written TYPE:VALUE as [ParseSAN] does, with the forms of RFC 5280, 4.2.1.10:
// dns:example.com (and all below it), ip:10.0.0.0/8, email:a@example.com, email:example.com (a host), email:.example.com
// (all hosts below), uri:.example.com, directory:O=Example,C=DE.
func ParseConstraint(text string) (cert.GeneralName, error) {
	kind, value, ok := strings.Cut(text, ":")
	kind, value = strings.ToLower(strings.TrimSpace(kind)), strings.TrimSpace(value)
	if !ok || !isConstraintType(kind) {
		return cert.GeneralName{}, fmt.Errorf("%w: the name constraint %q has none of dns:, ip:, email:, uri: and directory: before it",
			pki.ErrArgument, text)
	}
	switch kind {
	case "ip", ipAddress:
		return ipConstraint(value)
	case "dirname", "directory":
		return dirSAN(value)
	case "email":
		if at := strings.IndexByte(value, '@'); at > 0 {
			return emailSAN(value)
		}
		return hostConstraint(cert.RFC822Name, value)
	case "dns":
		if strings.HasPrefix(value, ".") {
			return cert.GeneralName{}, fmt.Errorf("%w: the name constraint dns:%s has a dot in front: write dns:%s, which includes the domain "+
				"itself; RFC 5280, 4.2.1.10 has no form for the names below it alone", pki.ErrArgument, value, value[1:])
		}
		return hostConstraint(cert.DNSName, value)
	}
	return hostConstraint(cert.URIName, value)
}

// ConstraintTypes are the types of names that a name constraint can have.
func ConstraintTypes() []string { return []string{"dns", "ip", "email", "uri", "directory"} }

func isConstraintType(kind string) bool {
	return slices.Contains(ConstraintTypes(), kind) || isOtherSpelling(kind)
}

// hostConstraint takes a host, a domain with a leading dot, and for DNS the empty name that stands for all.
func hostConstraint(kind cert.NameType, value string) (cert.GeneralName, error) {
	if value == "" && kind == cert.DNSName {
		return cert.GeneralName{Type: kind, Value: []byte{}}, nil
	}
	rest, dot := strings.CutPrefix(value, ".")
	host, err := asciiHost(rest)
	if err != nil || strings.HasPrefix(host, "*") {
		return cert.GeneralName{}, fmt.Errorf(
			"%w: the name constraint %q is not a domain; write example.com, which includes all names below it",
			pki.ErrArgument, value)
	}
	if dot {
		host = "." + host
	}
	return cert.GeneralName{Type: kind, Value: []byte(host)}, nil
}

// ipConstraint takes a network in CIDR form, or one address.
func ipConstraint(value string) (cert.GeneralName, error) {
	prefix, err := netip.ParsePrefix(value)
	if err != nil {
		addr, err := netip.ParseAddr(value)
		if err != nil || addr.Zone() != "" {
			return cert.GeneralName{}, fmt.Errorf("%w: the name constraint %q is not a network; write 192.0.2.0/24 or 2001:db8::/32",
				pki.ErrArgument, value)
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	address := prefix.Masked().Addr().AsSlice()
	mask := make([]byte, len(address))
	for i := range prefix.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return cert.GeneralName{Type: cert.IPAddress, Value: append(address, mask...)}, nil
}

// readPurposes reads the value of an extended key usage; it leaves out what it cannot read.
func readPurposes(der []byte) []string {
	in := cryptobyte.String(der)
	var list cryptobyte.String
	if !in.ReadASN1(&list, asn1.SEQUENCE) {
		return nil
	}
	var ids []string
	for !list.Empty() {
		var content cryptobyte.String
		if !list.ReadASN1(&content, asn1.OBJECT_IDENTIFIER) {
			return nil
		}
		id, err := oid.Decode(content)
		if err != nil {
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}
