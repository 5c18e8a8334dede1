package pkcs12

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/document"
	"certkdb/pki/name"
	"certkdb/pki/oid"
)

// Bag attributes: PKCS #9 (RFC 2985, section 5.5), X.520, and Oracle's.
const (
	oidFriendlyName    = "1.2.840.113549.1.9.20"
	oidLocalKeyID      = "1.2.840.113549.1.9.21"
	oidDescription     = oid.Description
	oidTrustedKeyUsage = "2.16.840.1.113894.746875.1.1"

	oidAnyExtendedKeyUsage = oid.AnyExtendedKeyUsage
)

const tagBMPString = asn1.Tag(30)

// attribute is a PKCS12Attribute (RFC 7292, section 4.2) as it is in the file.
type attribute struct {
	id  string
	raw []byte
}

// parseAttributes reads the SET of a bag's attributes.
func parseAttributes(in cryptobyte.String) ([]attribute, error) {
	var set cryptobyte.String
	if !in.ReadASN1(&set, asn1.SET) {
		return nil, bad("a bag's attributes are not a SET")
	}
	var list []attribute
	for !set.Empty() {
		var raw, body, id cryptobyte.String
		if !set.ReadASN1Element(&raw, asn1.SEQUENCE) {
			return nil, bad("a bad attribute of a bag")
		}
		element := raw
		if !element.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
			return nil, bad("an attribute of a bag without type")
		}
		dotted, err := oid.Decode(id)
		if err != nil {
			return nil, bad("an attribute's type: %v", err)
		}
		list = append(list, attribute{dotted, raw})
	}
	return list, nil
}

// values returns the first value of each attribute of a type: there should be one, but some files have two.
func (b *bag) values(id string) []attributeValue {
	var list []attributeValue
	for _, a := range b.attributes {
		if a.id != id {
			continue
		}
		in := cryptobyte.String(a.raw)
		var body, values, content cryptobyte.String
		var tag asn1.Tag
		if in.ReadASN1(&body, asn1.SEQUENCE) && body.SkipASN1(asn1.OBJECT_IDENTIFIER) &&
			body.ReadASN1(&values, asn1.SET) && values.ReadAnyASN1(&content, &tag) {
			list = append(list, attributeValue{tag, content})
		}
	}
	return list
}

type attributeValue struct {
	tag     asn1.Tag
	content []byte
}

func (b *bag) has(id string) bool {
	return slices.ContainsFunc(b.attributes, func(a attribute) bool { return a.id == id })
}

// friendlyName is a BMPString by RFC 2985; some programs write other strings, or a terminator.
func (b *bag) friendlyName() string {
	for _, v := range b.values(oidFriendlyName) {
		text, ok := decodeUTF16(v.content), true
		if v.tag != tagBMPString {
			text, ok = name.Text(int(v.tag), v.content)
		}
		if text = strings.TrimRight(text, "\x00"); ok && text != "" {
			return text
		}
	}
	return ""
}

func decodeUTF16(content []byte) string {
	units := make([]uint16, len(content)/2)
	for i := range units {
		units[i] = uint16(content[2*i])<<8 | uint16(content[2*i+1])
	}
	return string(utf16.Decode(units))
}

// localKeyIDs are OCTET STRINGs by RFC 2985; a value of another type is taken with its tag.
func (b *bag) localKeyIDs() [][]byte {
	var list [][]byte
	for _, v := range b.values(oidLocalKeyID) {
		if v.tag != asn1.OCTET_STRING {
			v.content = build(func(out *cryptobyte.Builder) {
				out.AddASN1(v.tag, func(out *cryptobyte.Builder) { out.AddBytes(v.content) })
			})
		}
		list = append(list, v.content)
	}
	return list
}

// localKeyID is the last one, as in programs that keep one.
func (b *bag) localKeyID() []byte {
	if list := b.localKeyIDs(); len(list) > 0 {
		return list[len(list)-1]
	}
	return nil
}

// isSigner says that a certificate has an attribute of those that are trusted: Oracle's, or what GSKit writes.
func (b *bag) isSigner() bool { return b.has(oidTrustedKeyUsage) || b.isGSKitSigner() }

// isGSKitSigner recognises a trusted certificate of IBM's GSKit, which has the certificate's signature, a BIT STRING, as its localKeyId.
// Only newer versions of GSKit write Oracle's attribute too.
func (b *bag) isGSKitSigner() bool {
	id := cryptobyte.String(b.localKeyID())
	var bits cryptobyte.String
	return id.ReadASN1(&bits, asn1.BIT_STRING) && id.Empty() && len(bits) > 1 && bytes.HasSuffix(b.cert, bits)
}

// markGSKitSigner gives a certificate the localKeyId of GSKit's signers.
func (b *bag) markGSKitSigner() {
	outer := cryptobyte.String(b.cert)
	var certificate, signature cryptobyte.String
	if outer.ReadASN1(&certificate, asn1.SEQUENCE) && certificate.SkipASN1(asn1.SEQUENCE) && certificate.SkipASN1(asn1.SEQUENCE) &&
		certificate.ReadASN1Element(&signature, asn1.BIT_STRING) {
		b.setLocalKeyID(signature)
	}
}

// set replaces an attribute's values by one; nil removes the attribute.
func (b *bag) set(id string, value []byte) {
	b.raw = nil
	b.attributes = slices.DeleteFunc(slices.Clone(b.attributes), func(a attribute) bool { return a.id == id })
	if value == nil {
		return
	}
	raw := build(func(out *cryptobyte.Builder) {
		out.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) {
			addOID(out, id)
			out.AddASN1(asn1.SET, func(out *cryptobyte.Builder) { out.AddBytes(value) })
		})
	})
	b.attributes = append(b.attributes, attribute{id, raw})
}

func (b *bag) setFriendlyName(label string) {
	if b.friendlyName() == label {
		return
	}
	if label == "" {
		b.set(oidFriendlyName, nil)
		return
	}
	b.set(oidFriendlyName, build(func(out *cryptobyte.Builder) {
		out.AddASN1(tagBMPString, func(out *cryptobyte.Builder) {
			for _, unit := range utf16.Encode([]rune(label)) {
				out.AddUint16(unit)
			}
		})
	}))
}

// nameAfter gives a bag the label of its entry. A name that is too long for a label stays as long as it gives this one.
func (b *bag) nameAfter(label string) {
	if name := b.friendlyName(); len(name) <= kdb.MaxLabel || document.Label(name, func() string { return "" }) != label {
		b.setFriendlyName(label)
	}
}

func (b *bag) setLocalKeyID(id []byte) {
	if string(b.localKeyID()) == string(id) {
		return
	}
	if len(id) == 0 {
		b.set(oidLocalKeyID, nil)
		return
	}
	b.set(oidLocalKeyID, build(func(out *cryptobyte.Builder) { out.AddASN1OctetString(id) }))
}

func (b *bag) setTrustedKeyUsage(trusted bool) {
	if b.has(oidTrustedKeyUsage) == trusted {
		return
	}
	if !trusted {
		b.set(oidTrustedKeyUsage, nil)
		return
	}
	b.set(oidTrustedKeyUsage, build(func(out *cryptobyte.Builder) { addOID(out, oidAnyExtendedKeyUsage) }))
}

// marks is what our description attribute says.
type marks struct {
	isDefault  bool
	trusted    bool // a personal entry that somebody trusts
	distrusted bool
	entry      bool     // a certificate that is an entry of its own, though it is part of a chain and nothing else shows it
	chain      []string // SHA-256 of the certificates after the entry's own, in hexadecimal; nil if they follow from the file
	fixed      bool     // chain counts, be it empty
	request    []byte   // the PKCS #10 request of a key that waits for its certificate
}

const markPrefix = "certkdb:"

func (b *bag) marks() (m marks) {
	var text string
	for _, v := range b.values(oidDescription) {
		if rest, ok := strings.CutPrefix(string(v.content), markPrefix); ok && v.tag == asn1.UTF8String {
			text = rest
		}
	}
	for _, word := range strings.Fields(text) {
		list, isChain := strings.CutPrefix(word, "chain=")
		request, isRequest := strings.CutPrefix(word, "request=")
		switch {
		case word == "default":
			m.isDefault = true
		case word == "trusted":
			m.trusted = true
		case word == "distrusted":
			m.distrusted = true
		case word == "entry":
			m.entry = true
		case isChain:
			m.fixed = true
			m.chain = strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
		case isRequest:
			m.request, _ = base64.StdEncoding.DecodeString(request) // nothing, if somebody damaged it
		}
	}
	return m
}

func (m marks) String() string {
	var words []string
	for _, w := range []struct {
		set  bool
		word string
	}{
		{m.isDefault, "default"},
		{m.trusted, "trusted"},
		{m.distrusted, "distrusted"},
		{m.entry, "entry"},
		{m.fixed, "chain=" + strings.Join(m.chain, ",")},
		{m.request != nil, "request=" + base64.StdEncoding.EncodeToString(m.request)},
	} {
		if w.set {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, " ")
}

// setMarks writes our description. One of somebody else's gives way only to a mark that is needed.
func (b *bag) setMarks(m marks) {
	text := m.String()
	if b.marks().String() == text {
		return
	}
	if text == "" {
		b.set(oidDescription, nil)
		return
	}
	b.set(oidDescription, build(func(out *cryptobyte.Builder) {
		out.AddASN1(asn1.UTF8String, func(out *cryptobyte.Builder) { out.AddBytes([]byte(markPrefix + " " + text)) })
	}))
}
