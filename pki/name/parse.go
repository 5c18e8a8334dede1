package name

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxText bounds the text of a name, far above the upper bounds of RFC 5280 appendix A.
const maxText = 1 << 16

// typesByName maps the attribute names that are read, in lower case, to identifiers: the short names, the long names
// of the standards, and old spellings of other programs.
var typesByName = sync.OnceValue(attributeTypes)

func attributeTypes() map[string]string {
	types := map[string]string{
		"s": oid.StateOrProvinceName, "sp": oid.StateOrProvinceName, "state": oid.StateOrProvinceName, "province": oid.StateOrProvinceName,
		"e": EmailAddress, "email": EmailAddress, "t": oid.Title, "g": oid.GivenName, "surname": oid.Surname,
		"pc": oid.PostalCode, "zip": oid.PostalCode, "userid": oid.UserID, "streetaddress": oid.StreetAddress,
		"dnq": DNQualifier, "country": Country, "locality": oid.LocalityName, "organization": oid.OrganizationName,
	}
	for dotted, short := range shortNames() {
		types[strings.ToLower(short)] = dotted
		types[strings.ToLower(oid.Name(dotted))] = dotted
	}
	return types
}

// ParseString reads the text form of a name: RFC 4514, and the older forms that people paste: values in quotes,
// semicolons between parts, spaces around separators (RFC 1779, RFC 2253 section 4), and an OID. prefix. The text is
// most specific first. Text that begins with a slash, which none of these does, is openssl's notation, most general first. The empty
// string is the empty name.
func ParseString(s string) (Name, error) {
	if len(s) > maxText {
		return Name{}, fmt.Errorf("reading a name: %d bytes, at most %d are read", len(s), maxText)
	}
	p := &parser{text: s}
	p.skipSpaces()
	var n Name
	if p.done() {
		return n, nil
	}
	if p.text[p.pos] == '/' {
		n, err := parseSlashes(strings.TrimRight(p.text[p.pos:], " \n\r\t"))
		if err != nil {
			err = fmt.Errorf("reading the name %.200q: %w", s, err)
		}
		return n, err
	}
	for {
		rdn, err := p.rdn()
		if err != nil {
			return Name{}, fmt.Errorf("reading the name %.200q at character %d: %w", s, p.pos+1, err)
		}
		n.RDNs = append(n.RDNs, rdn)
		if p.done() {
			slices.Reverse(n.RDNs)
			return n, nil
		}
		p.pos++ // the separator, which rdn left in place
	}
}

type parser struct {
	text string
	pos  int
}

func (p *parser) done() bool { return p.pos >= len(p.text) }

func (p *parser) skipSpaces() {
	for !p.done() && (p.text[p.pos] == ' ' || p.text[p.pos] == '\n' || p.text[p.pos] == '\r' || p.text[p.pos] == '\t') {
		p.pos++
	}
}

// rdn reads attributes up to the end or a separator, at which it stops.
func (p *parser) rdn() (RDN, error) {
	var rdn RDN
	for {
		a, err := p.attribute()
		if err != nil {
			return nil, err
		}
		rdn = append(rdn, a)
		p.skipSpaces()
		if p.done() || p.text[p.pos] == ',' || p.text[p.pos] == ';' {
			rdn.sortDER()
			return rdn, nil
		}
		if p.text[p.pos] != '+' {
			return nil, fmt.Errorf("%q stands where a comma should", p.text[p.pos])
		}
		p.pos++
	}
}

func (p *parser) attribute() (Attribute, error) {
	p.skipSpaces()
	end := strings.IndexAny(p.text[p.pos:], `=,;+"\`)
	if end < 0 || p.text[p.pos+end] != '=' {
		return Attribute{}, errors.New("an attribute without =; write TYPE=value, with \\ before a comma in a value")
	}
	word := strings.TrimSpace(p.text[p.pos : p.pos+end])
	dotted, err := attributeType(word)
	if err != nil {
		return Attribute{}, err
	}
	p.pos += end + 1
	p.skipSpaces()
	return p.value(dotted)
}

func attributeType(word string) (string, error) {
	if dotted, ok := typesByName()[strings.ToLower(word)]; ok {
		return dotted, nil
	}
	if len(word) > 4 && strings.EqualFold(word[:4], "oid.") {
		word = word[4:]
	}
	if oid.IsDotted(word) {
		return word, nil
	}
	return "", fmt.Errorf("%q is not a known attribute type; use CN, OU, O, L, ST, C, DC, UID, emailAddress, … or a dotted identifier", word)
}

func (p *parser) value(dotted string) (Attribute, error) {
	if !p.done() && p.text[p.pos] == '#' {
		return p.hexValue(dotted)
	}
	read := p.plainValue
	if !p.done() && p.text[p.pos] == '"' {
		read = p.quotedValue
	}
	text, err := read()
	if err != nil {
		return Attribute{}, err
	}
	a := Attribute{Type: dotted, Value: text, Tag: defaultTag(dotted, text)}
	a.Raw = encodeValue(a)
	return a, nil
}

// hexValue reads # and the hexadecimal DER of a value (RFC 4514, 2.4).
func (p *parser) hexValue(dotted string) (Attribute, error) {
	rest := p.text[p.pos+1:]
	end := strings.IndexAny(rest, ",;+ ")
	if end < 0 {
		end = len(rest)
	}
	raw, err := hex.DecodeString(rest[:end])
	if err != nil {
		return Attribute{}, errors.New("the value after # is not hexadecimal; write \\# for a value that begins with #")
	}
	input := cryptobyte.String(raw)
	var content cryptobyte.String
	var tag asn1.Tag
	if !input.ReadAnyASN1(&content, &tag) || !input.Empty() {
		return Attribute{}, errors.New("the value after # is not the DER of one value")
	}
	p.pos += 1 + end
	a := Attribute{Type: dotted, Tag: int(tag), Raw: raw}
	a.Value, _ = Text(a.Tag, content)
	return a, nil
}

func (p *parser) quotedValue() (string, error) {
	var out []byte
	for p.pos++; !p.done(); {
		switch c := p.text[p.pos]; c {
		case '"':
			p.pos++
			return string(out), nil
		case '\\':
			b, err := p.escape()
			if err != nil {
				return "", err
			}
			out = append(out, b)
		default:
			out = append(out, c)
			p.pos++
		}
	}
	return "", errors.New("the closing quote is missing")
}

func (p *parser) plainValue() (string, error) {
	var out []byte
	kept := 0 // the length up to the last character that is not a trailing space
	for !p.done() {
		switch c := p.text[p.pos]; c {
		case ',', ';', '+':
			return string(out[:kept]), nil
		case '"', 0:
			return "", fmt.Errorf("the character %q must be written with a \\ before it", c)
		case '\\':
			b, err := p.escape()
			if err != nil {
				return "", err
			}
			out = append(out, b)
			kept = len(out)
		default:
			out = append(out, c)
			p.pos++
			if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
				kept = len(out)
			}
		}
	}
	return string(out[:kept]), nil
}

// escape reads a backslash and what it stands for: two hexadecimal digits or the character itself.
func (p *parser) escape() (byte, error) {
	rest := p.text[p.pos+1:]
	if len(rest) >= 2 {
		if b, err := hex.DecodeString(rest[:2]); err == nil {
			p.pos += 3
			return b[0], nil
		}
	}
	if rest == "" {
		return 0, errors.New("it ends in a backslash")
	}
	if strings.IndexByte(` "#+,;<=>\/`, rest[0]) < 0 && rest[0] < 0x80 {
		return 0, fmt.Errorf("%q needs no backslash; write \\\\ for a backslash itself", rest[0])
	}
	p.pos += 2
	return rest[0], nil
}
