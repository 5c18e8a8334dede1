package cert

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"certkdb/pki/name"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// NameType is the kind of a general name; the numbers are the tags of RFC 5280, 4.2.1.6.
type NameType uint8

// The kinds of general names.
const (
	OtherName NameType = iota
	RFC822Name
	DNSName
	X400Address
	DirectoryName
	EDIPartyName
	URIName
	IPAddress
	RegisteredID
)

var nameTypeNames = [...]string{"other", "email", "dns", "x400", "directory", "edi", "uri", "ip", "rid"}

// String returns the type as it is written before a name ("dns", "ip", "email", "uri", …).
func (t NameType) String() string {
	if int(t) < len(nameTypeNames) {
		return nameTypeNames[t]
	}
	return fmt.Sprintf("name-type-%d", uint8(t))
}

// GeneralName is one name of a subjectAltName, issuerAltName, constraint or distribution point.
type GeneralName struct {
	Type NameType
	// Value is the text of an email, DNS or URI name, the 4 or 16 bytes of an IP address (8 or 32 in a constraint),
	// the DER Name of a directory name, the OID's content of a registered ID, and the content of the others.
	Value []byte
}

// SAN is the list of subject alternative names in the certificate's order.
type SAN []GeneralName

// ParseGeneralNames reads GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName (RFC 5280, 4.2.1.6).
func ParseGeneralNames(der []byte) (SAN, error) {
	input := cryptobyte.String(der)
	var seq cryptobyte.String
	if !input.ReadASN1(&seq, asn1.SEQUENCE) || !input.Empty() {
		return nil, errors.New("reading general names: not a SEQUENCE")
	}
	return readGeneralNames(seq)
}

func readGeneralNames(list cryptobyte.String) (SAN, error) {
	if list.Empty() {
		return nil, errors.New("reading general names: the list is empty")
	}
	count := 0
	for rest := list; !rest.Empty(); count++ {
		var content cryptobyte.String
		var tag asn1.Tag
		if !rest.ReadAnyASN1(&content, &tag) {
			return nil, errors.New("reading general names: the list is cut short")
		}
	}
	names := make(SAN, 0, count)
	for !list.Empty() {
		n, err := readGeneralName(&list)
		if err != nil {
			return nil, fmt.Errorf("reading general name %d: %w", len(names)+1, err)
		}
		names = append(names, n)
	}
	return names, nil
}

func readGeneralName(from *cryptobyte.String) (GeneralName, error) {
	var content cryptobyte.String
	var tag asn1.Tag
	if !from.ReadAnyASN1(&content, &tag) {
		return GeneralName{}, errors.New("it is cut short")
	}
	n := GeneralName{Type: NameType(tag & 0x1f), Value: content}
	constructed := n.Type == OtherName || n.Type == X400Address || n.Type == DirectoryName || n.Type == EDIPartyName
	if tag&0xc0 != 0x80 || n.Type > RegisteredID || constructed != (tag&0x20 != 0) {
		return GeneralName{}, fmt.Errorf("tag %#02x stands for no kind of name", uint8(tag))
	}
	return n, n.checkStructure()
}

// checkStructure takes apart the names that have parts. The syntax of text and the lengths of addresses are for the validator to judge.
func (n GeneralName) checkStructure() (err error) {
	switch n.Type {
	case OtherName:
		_, _, err = n.Other()
	case DirectoryName:
		_, err = name.Parse(n.Value)
	case RegisteredID:
		_, err = oid.Decode(n.Value)
	}
	return err
}

// Strings returns the names that programs look for, by kind. Addresses of a wrong length are left out.
func (s SAN) Strings() (dns, ips, emails, uris []string) {
	for _, n := range s {
		switch n.Type {
		case DNSName:
			dns = append(dns, string(n.Value))
		case IPAddress:
			if ip, ok := netip.AddrFromSlice(n.Value); ok {
				ips = append(ips, ip.String())
			}
		case RFC822Name:
			emails = append(emails, string(n.Value))
		case URIName:
			uris = append(uris, string(n.Value))
		}
	}
	return dns, ips, emails, uris
}

// Has reports whether there is a name of the given kind.
func (s SAN) Has(t NameType) bool {
	for _, n := range s {
		if n.Type == t {
			return true
		}
	}
	return false
}

// String writes the name as kind:value ("dns:example.com").
func (n GeneralName) String() string {
	return n.Type.String() + ":" + n.text()
}

func (n GeneralName) text() string {
	switch n.Type {
	case RFC822Name, DNSName, URIName:
		return printable(string(n.Value))
	case IPAddress:
		return ipText(n.Value)
	case DirectoryName:
		if d, err := name.Parse(n.Value); err == nil {
			return d.String()
		}
	case RegisteredID:
		if dotted, err := oid.Decode(n.Value); err == nil {
			return dotted
		}
	case OtherName:
		if id, value, err := n.Other(); err == nil {
			return oid.Name(id) + "=" + otherText(value)
		}
	}
	return "#" + hex.EncodeToString(n.Value)
}

// Other takes an other name apart: the dotted identifier of its type, and the DER of its value.
func (n GeneralName) Other() (id string, value []byte, err error) {
	var content, wrapped, one cryptobyte.String
	var tag asn1.Tag
	list := cryptobyte.String(n.Value)
	if !list.ReadASN1(&content, asn1.OBJECT_IDENTIFIER) ||
		!list.ReadASN1(&wrapped, asn1.Tag(0).Constructed().ContextSpecific()) || !list.Empty() {
		return "", nil, errors.New("reading an other name: it is not an identifier and a value")
	}
	if rest := wrapped; !rest.ReadAnyASN1(&one, &tag) || !rest.Empty() {
		return "", nil, errors.New("reading an other name: its value is not one value")
	}
	id, err = oid.Decode(content)
	return id, wrapped, err
}

func otherText(value cryptobyte.String) string {
	var content cryptobyte.String
	var tag asn1.Tag
	whole := value
	if value.ReadAnyASN1(&content, &tag) && value.Empty() {
		if text, ok := name.Text(int(tag), content); ok {
			return printable(text)
		}
	}
	return "#" + hex.EncodeToString(whole)
}

// ipText writes an address, or an address and mask as they stand in name constraints.
func ipText(value []byte) string {
	if ip, ok := netip.AddrFromSlice(value); ok {
		return ip.String()
	}
	if half := len(value) / 2; half == 4 || half == 16 {
		ip, _ := netip.AddrFromSlice(value[:half])
		if ones, ok := prefixLength(value[half:]); ok && len(value) == 2*half {
			return fmt.Sprintf("%s/%d", ip, ones)
		}
	}
	return "#" + hex.EncodeToString(value)
}

// prefixLength counts the ones of a mask; false if a one follows a zero.
func prefixLength(mask []byte) (int, bool) {
	ones, ended := 0, false
	for i := range 8 * len(mask) {
		set := mask[i/8]&(0x80>>(i%8)) != 0
		switch {
		case set && ended:
			return 0, false
		case set:
			ones++
		default:
			ended = true
		}
	}
	return ones, true
}
