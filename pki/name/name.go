// Package name reads, writes and compares X.501 distinguished names.
//
// The DER reader is tolerant: it takes every name that OpenSSL takes, whatever string type its values have, and keeps
// the bytes. The text form is that of RFC 4514, most specific part first:
//
//	n, err := name.ParseString(`CN=Sales\, Paris,O=Example,C=FR`)
//	n.CommonName() // "Sales, Paris"
//	n.DER()        // for a certificate
//	name.Equal(n, issuer)
//
// It does not know certificates.
package name

import (
	"errors"
	"fmt"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Name is a distinguished name, least specific part first, as in DER. The zero value is the empty name.
type Name struct {
	RDNs []RDN
}

// RDN is a relative distinguished name: one attribute, rarely several.
type RDN []Attribute

// Attribute is a type and a value of a name.
type Attribute struct {
	Type  string // dotted object identifier
	Value string // UTF-8 text; empty if the value is not a character string
	Tag   int    // universal tag number of the value; 0 leaves the choice to DER
	Raw   []byte // the value's DER, tag and length included; nil leaves its making to DER
}

// Universal tags of the character strings that names use (X.680, 8.4).
const (
	TagBitString       = 3
	TagUTF8String      = 12
	TagNumericString   = 18
	TagPrintableString = 19
	TagT61String       = 20
	TagIA5String       = 22
	TagVisibleString   = 26
	TagGeneralString   = 27
	TagUniversalString = 28
	TagBMPString       = 30
)

// Attribute types with a meaning for this package and its callers.
const (
	CommonName      = oid.CommonName
	SerialNumber    = oid.SerialNumber
	Country         = oid.CountryName
	DNQualifier     = oid.DNQualifier
	DomainComponent = oid.DomainComponent
	Mailbox         = oid.RFC822Mailbox
	EmailAddress    = oid.EmailAddress

	jurisdictionCountry = oid.JurisdictionCountryName
)

// Parse reads a DER Name (RFC 5280, 4.1.2.4). The result refers to der.
func Parse(der []byte) (Name, error) {
	input := cryptobyte.String(der)
	var rdns cryptobyte.String
	if !input.ReadASN1(&rdns, asn1.SEQUENCE) {
		return Name{}, errors.New("reading a name: not a SEQUENCE of relative distinguished names")
	}
	if !input.Empty() {
		return Name{}, fmt.Errorf("reading a name: %d bytes follow it", len(input))
	}
	if rdns.Empty() {
		return Name{}, nil
	}
	count, ok := countElements(rdns)
	if !ok {
		return Name{}, errors.New("reading a name: a relative distinguished name is cut short")
	}
	return parseRDNs(rdns, count)
}

func countElements(list cryptobyte.String) (int, bool) {
	count := 0
	for ; !list.Empty(); count++ {
		var element cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1(&element, &tag) {
			return 0, false
		}
	}
	return count, true
}

func parseRDNs(rdns cryptobyte.String, count int) (Name, error) {
	n := Name{RDNs: make([]RDN, 0, count)}
	attributes := make([]Attribute, 0, count) // one allocation for the usual case of an attribute each
	t := texts{raw: rdns, all: string(rdns)}
	for !rdns.Empty() {
		var set cryptobyte.String
		if !rdns.ReadASN1(&set, asn1.SET) {
			return Name{}, fmt.Errorf("reading a name: part %d is not a SET", len(n.RDNs)+1)
		}
		start := len(attributes)
		for !set.Empty() {
			a, err := parseAttribute(&set, t)
			if err != nil {
				return Name{}, fmt.Errorf("reading a name: part %d: %w", len(n.RDNs)+1, err)
			}
			attributes = append(attributes, a)
		}
		n.RDNs = append(n.RDNs, attributes[start:len(attributes):len(attributes)])
	}
	return n, nil
}

// texts turns parts of raw into strings without an allocation for each: a million certificates are read at a time.
type texts struct {
	raw []byte
	all string // raw as a string
}

// of returns a part of raw as a string. Subslices keep the capacity up to the end of what they were cut from.
func (t texts) of(part []byte) string {
	start := cap(t.raw) - cap(part)
	return t.all[start : start+len(part)]
}

func parseAttribute(set *cryptobyte.String, t texts) (Attribute, error) {
	var pair, id, raw, content cryptobyte.String
	var tag asn1.Tag
	if !set.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
		return Attribute{}, errors.New("it has an attribute without a type")
	}
	if !pair.ReadAnyASN1Element(&raw, &tag) || !pair.Empty() {
		return Attribute{}, errors.New("it has an attribute that is not one type and one value")
	}
	dotted, err := oid.Decode(id)
	if err != nil {
		return Attribute{}, err
	}
	a := Attribute{Type: dotted, Tag: int(tag), Raw: raw}
	whole := raw
	whole.ReadAnyASN1(&content, &tag)
	if isBytewise(a.Tag) {
		a.Value = t.of(content)
	} else {
		a.Value, _ = Text(a.Tag, content)
	}
	return a, nil
}

// Attribute returns the first value of the given type, "" if there is none.
func (n Name) Attribute(dotted string) string {
	for _, rdn := range n.RDNs {
		for _, a := range rdn {
			if a.Type == dotted {
				return a.Value
			}
		}
	}
	return ""
}

// Attributes returns all values of the given type, least specific first.
func (n Name) Attributes(dotted string) []string {
	var values []string
	for _, rdn := range n.RDNs {
		for _, a := range rdn {
			if a.Type == dotted {
				values = append(values, a.Value)
			}
		}
	}
	return values
}

// CommonName returns the most specific common name, "" if there is none.
func (n Name) CommonName() string {
	for i := len(n.RDNs) - 1; i >= 0; i-- {
		for _, a := range n.RDNs[i] {
			if a.Type == CommonName {
				return a.Value
			}
		}
	}
	return ""
}

// Empty reports whether the name has no attribute at all.
func (n Name) Empty() bool {
	for _, rdn := range n.RDNs {
		if len(rdn) > 0 {
			return false
		}
	}
	return true
}
