package name

import (
	"encoding/hex"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"certkdb/pki/oid"
)

// shortNames are the descriptors of RFC 4514 section 3, then the spellings that OpenSSL uses for the others.
var shortNames = sync.OnceValue(func() map[string]string {
	return map[string]string{
		CommonName:                          "CN",
		oid.LocalityName:                    "L",
		oid.StateOrProvinceName:             "ST",
		oid.OrganizationName:                "O",
		oid.OrganizationalUnitName:          "OU",
		Country:                             "C",
		oid.StreetAddress:                   "street",
		DomainComponent:                     "DC",
		oid.UserID:                          "UID",
		oid.Surname:                         "SN",
		SerialNumber:                        "serialNumber",
		oid.Title:                           "title",
		oid.Description:                     "description",
		oid.BusinessCategory:                "businessCategory",
		oid.PostalAddress:                   "postalAddress",
		oid.PostalCode:                      "postalCode",
		oid.PostOfficeBox:                   "postOfficeBox",
		oid.TelephoneNumber:                 "telephoneNumber",
		oid.PersonName:                      "name",
		oid.GivenName:                       "GN",
		oid.Initials:                        "initials",
		oid.GenerationQualifier:             "generationQualifier",
		oid.X500UniqueIdentifier:            "x500UniqueIdentifier",
		DNQualifier:                         "dnQualifier",
		oid.Pseudonym:                       "pseudonym",
		oid.OrganizationIdentifier:          "organizationIdentifier",
		Mailbox:                             "mail",
		EmailAddress:                        "emailAddress",
		oid.UnstructuredName:                "unstructuredName",
		oid.UnstructuredAddress:             "unstructuredAddress",
		oid.JurisdictionLocalityName:        "jurisdictionL",
		oid.JurisdictionStateOrProvinceName: "jurisdictionST",
		jurisdictionCountry:                 "jurisdictionC",
	}
})

// ShortName returns the short name of an attribute type ("CN"), or the dotted identifier.
func ShortName(dotted string) string {
	if short, ok := shortNames()[dotted]; ok {
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
	short, known := shortNames()[a.Type]
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
