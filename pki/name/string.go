package name

import (
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shortNames are the descriptors of RFC 4514 section 3, then the spellings that OpenSSL uses for the others.
var shortNames = map[string]string{
	CommonName:                  "CN",
	"2.5.4.7":                   "L",
	"2.5.4.8":                   "ST",
	"2.5.4.10":                  "O",
	"2.5.4.11":                  "OU",
	Country:                     "C",
	"2.5.4.9":                   "street",
	DomainComponent:             "DC",
	"0.9.2342.19200300.100.1.1": "UID",
	"2.5.4.4":                   "SN",
	SerialNumber:                "serialNumber",
	"2.5.4.12":                  "title",
	"2.5.4.13":                  "description",
	"2.5.4.15":                  "businessCategory",
	"2.5.4.16":                  "postalAddress",
	"2.5.4.17":                  "postalCode",
	"2.5.4.18":                  "postOfficeBox",
	"2.5.4.20":                  "telephoneNumber",
	"2.5.4.41":                  "name",
	"2.5.4.42":                  "GN",
	"2.5.4.43":                  "initials",
	"2.5.4.44":                  "generationQualifier",
	"2.5.4.45":                  "x500UniqueIdentifier",
	DNQualifier:                 "dnQualifier",
	"2.5.4.65":                  "pseudonym",
	"2.5.4.97":                  "organizationIdentifier",
	Mailbox:                     "mail",
	EmailAddress:                "emailAddress",
	"1.2.840.113549.1.9.2":      "unstructuredName",
	"1.2.840.113549.1.9.8":      "unstructuredAddress",
	"1.3.6.1.4.1.311.60.2.1.1":  "jurisdictionL",
	"1.3.6.1.4.1.311.60.2.1.2":  "jurisdictionST",
	jurisdictionCountry:         "jurisdictionC",
}

// ShortName returns the short name of an attribute type ("CN"), or the dotted identifier.
func ShortName(dotted string) string {
	if short, ok := shortNames[dotted]; ok {
		return short
	}
	return dotted
}

// String writes the name by RFC 4514, most specific part first. Values of unknown types and values that are no
// character strings are written as # and the hexadecimal DER (2.4). Characters that a terminal would obey or hide are
// escaped as well, which the RFC allows. ParseString reads it back to an equal name.
func (n Name) String() string {
	out := make([]byte, 0, 128)
	for i := len(n.RDNs) - 1; i >= 0; i-- {
		if i < len(n.RDNs)-1 {
			out = append(out, ',')
		}
		for j, a := range n.RDNs[i] {
			if j > 0 {
				out = append(out, '+')
			}
			out = a.appendText(out)
		}
	}
	return string(out)
}

// String writes one attribute as it stands in [Name.String].
func (a Attribute) String() string {
	return string(a.appendText(nil))
}

func (a Attribute) appendText(out []byte) []byte {
	short, known := shortNames[a.Type]
	if !known {
		short = a.Type
	}
	out = append(append(out, short...), '=')
	if known && a.IsText() {
		return appendEscaped(out, a.Value)
	}
	raw := a.Raw
	if raw == nil {
		raw = encodeValue(a)
	}
	return hex.AppendEncode(append(out, '#'), raw)
}

// IsText says whether Value stands for the whole value: it is of a character string type and of a fitting length.
func (a Attribute) IsText() bool {
	switch a.Tag {
	case 0, TagUTF8String, TagNumericString, TagPrintableString, TagT61String, TagIA5String, TagVisibleString, TagGeneralString:
		return true
	case TagBMPString, TagUniversalString:
		return a.Value != "" || len(a.Raw) <= 2 // content of the wrong width has no text
	}
	return false
}

// appendEscaped writes a value by RFC 4514 section 2.4.
func appendEscaped(out []byte, value string) []byte {
	if plain(value) {
		return append(out, value...)
	}
	for i := 0; i < len(value); {
		r, size := utf8.DecodeRuneInString(value[i:])
		edge := i == 0 || i == len(value)-1
		switch {
		case r == utf8.RuneError && size == 1, !unicode.IsGraphic(r):
			out = appendHexPairs(out, value[i:i+size])
		case strings.ContainsRune(`"+,;<>\`, r), r == ' ' && edge, r == '#' && i == 0:
			out = append(out, '\\', byte(r))
		default:
			out = append(out, value[i:i+size]...)
		}
		i += size
	}
	return out
}

// plain says that no character of value needs an escape; it is the fast path of nearly every name.
func plain(value string) bool {
	for _, c := range []byte(value) {
		if c < ' ' || c >= 0x7f || c == '"' || c == '+' || c == ',' || c == ';' || c == '<' || c == '>' || c == '\\' {
			return false
		}
	}
	return value == "" || value[0] != ' ' && value[0] != '#' && value[len(value)-1] != ' '
}

func appendHexPairs(out []byte, raw string) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range []byte(raw) {
		out = append(out, '\\', digits[c>>4], digits[c&15])
	}
	return out
}
