package name

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Text decodes the content of a character string type. It reports false for other tags and for content that
// does not fit the type's width. Bytes that are no UTF-8 in a UTF8String are kept as they are, so that a damaged
// name is still shown and compared; T61String is read as Latin-1, as every CA that used it meant it.
func Text(tag int, content []byte) (string, bool) {
	if isBytewise(tag) {
		return string(content), true
	}
	switch tag {
	case TagT61String:
		return latin1(content), true
	case TagBMPString:
		return bmp(content)
	case TagUniversalString:
		return universal(content)
	}
	return "", false
}

// isBytewise tells the string types whose content is ASCII or UTF-8 as it stands.
func isBytewise(tag int) bool {
	switch tag {
	case TagUTF8String, TagNumericString, TagPrintableString, TagIA5String, TagVisibleString, TagGeneralString:
		return true
	}
	return false
}

func latin1(content []byte) string {
	var b strings.Builder
	b.Grow(len(content))
	for _, c := range content {
		b.WriteRune(rune(c))
	}
	return b.String()
}

func bmp(content []byte) (string, bool) {
	if len(content)%2 != 0 {
		return "", false
	}
	units := make([]uint16, 0, len(content)/2)
	for i := 0; i < len(content); i += 2 {
		units = append(units, uint16(content[i])<<8|uint16(content[i+1]))
	}
	return string(utf16.Decode(units)), true
}

func universal(content []byte) (string, bool) {
	if len(content)%4 != 0 {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(content); i += 4 {
		v := uint32(content[i])<<24 | uint32(content[i+1])<<16 | uint32(content[i+2])<<8 | uint32(content[i+3])
		if v > utf8.MaxRune {
			return "", false
		}
		b.WriteRune(rune(v))
	}
	return b.String(), true
}

// DER encodes the name. Attributes with a Raw value keep it; the others are encoded by their Tag. An attribute whose
// type is not an object identifier is left out: [ParseString] and [Parse] never make one.
func (n Name) DER() []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, rdn := range n.RDNs {
			b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
				for _, a := range rdn {
					b.AddBytes(a.der())
				}
			})
		}
	})
	return b.BytesOrPanic() // only an ASN.1 length above 2^32 could fail
}

func (a Attribute) der() []byte {
	id, err := oid.Encode(a.Type)
	if err != nil {
		return nil
	}
	raw := a.Raw
	if raw == nil {
		raw = encodeValue(a)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(id) })
		b.AddBytes(raw)
	})
	return b.BytesOrPanic()
}

func encodeValue(a Attribute) []byte {
	tag := a.Tag
	if tag == 0 {
		tag = defaultTag(a.Type, a.Value)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.Tag(tag), func(b *cryptobyte.Builder) { b.AddBytes(encodeText(tag, a.Value)) })
	return b.BytesOrPanic()
}

func encodeText(tag int, value string) []byte {
	var out []byte
	switch tag {
	case TagBMPString:
		for _, u := range utf16.Encode([]rune(value)) {
			out = append(out, byte(u>>8), byte(u))
		}
	case TagUniversalString:
		for _, r := range value {
			out = append(out, byte(r>>24), byte(r>>16), byte(r>>8), byte(r))
		}
	case TagT61String:
		for _, r := range value {
			out = append(out, byte(r))
		}
	default:
		return []byte(value)
	}
	return out
}

// defaultTag is the string type that RFC 5280 (4.1.2.4 and appendix A.1) gives the value of an attribute.
func defaultTag(dotted, value string) int {
	switch dotted {
	case Country, SerialNumber, DNQualifier, jurisdictionCountry:
		if isPrintable(value) {
			return TagPrintableString
		}
	case DomainComponent, EmailAddress, Mailbox:
		if isASCII(value) {
			return TagIA5String
		}
	}
	return TagUTF8String
}

// isPrintable tells the character set of PrintableString (X.680, 41.4).
func isPrintable(s string) bool {
	for _, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte(" '()+,-./:=?", c) < 0 {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// sortDER puts the attributes in the order of a DER SET OF (X.690, 11.6).
func (r RDN) sortDER() {
	if len(r) > 1 {
		slices.SortStableFunc(r, func(a, b Attribute) int { return bytes.Compare(a.der(), b.der()) })
	}
}

// IsDER reports whether the attributes of each part stand in the order that DER wants, each once.
func (n Name) IsDER() bool {
	for _, rdn := range n.RDNs {
		for i := 1; i < len(rdn); i++ {
			if bytes.Compare(rdn[i-1].der(), rdn[i].der()) >= 0 {
				return false
			}
		}
	}
	return true
}
