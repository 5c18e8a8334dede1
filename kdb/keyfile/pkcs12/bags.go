package pkcs12

import (
	"bytes"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/pki/oid"
)

// Bag types (RFC 7292, appendix D) and the identifiers within bags.
const (
	oidKeyBag         = "1.2.840.113549.1.12.10.1.1"
	oidShroudedKeyBag = "1.2.840.113549.1.12.10.1.2"
	oidCertBag        = "1.2.840.113549.1.12.10.1.3"
	oidCRLBag         = "1.2.840.113549.1.12.10.1.4"
	oidSecretBag      = "1.2.840.113549.1.12.10.1.5"
	oidSafeContents   = "1.2.840.113549.1.12.10.1.6"

	oidX509Certificate = "1.2.840.113549.1.9.22.1"
)

// maxBagDepth bounds SafeContents within SafeContents.
const maxBagDepth = 16

// bag is a SafeBag (RFC 7292, section 4.2).
type bag struct {
	id         string
	raw        []byte // the DER as it was read; nil once something was changed
	value      []byte // the element within [0]
	attributes []attribute
	children   []*bag // of nested SafeContents
	cert       []byte // of an X.509 certBag
	placed     bool   // it is in the file
	removed    bool
	owner      *record // the entry whose certificate it is, once the file is changed
}

// parseSafeContents reads a SEQUENCE OF SafeBag, BER or DER.
func parseSafeContents(data []byte) ([]*bag, error) {
	der, _, err := normalize(data)
	if err != nil {
		return nil, fmt.Errorf("reading SafeContents: %w", err)
	}
	return parseBags(der, 0)
}

func parseBags(der cryptobyte.String, depth int) ([]*bag, error) {
	if depth > maxBagDepth {
		return nil, bad("SafeContents nested more than %d times", maxBagDepth)
	}
	var list cryptobyte.String
	if !der.ReadASN1(&list, asn1.SEQUENCE) {
		return nil, bad("no SafeContents")
	}
	var bags []*bag
	for !list.Empty() {
		b, err := parseBag(&list, depth)
		if err != nil {
			return nil, fmt.Errorf("bag %d: %w", len(bags)+1, err)
		}
		bags = append(bags, b)
	}
	return bags, nil
}

func parseBag(list *cryptobyte.String, depth int) (*bag, error) {
	var raw, body, id, value cryptobyte.String
	if !list.ReadASN1Element(&raw, asn1.SEQUENCE) {
		return nil, bad("no SafeBag")
	}
	element := raw
	if !element.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) || !body.ReadASN1(&value, context0) {
		return nil, bad("a SafeBag without type or value")
	}
	dotted, err := oid.Decode(id)
	if err != nil {
		return nil, bad("a bag's type: %v", err)
	}
	b := &bag{id: dotted, raw: raw, value: value, placed: true}
	if !body.Empty() {
		if b.attributes, err = parseAttributes(body); err != nil {
			return nil, err
		}
	}
	switch b.id {
	case oidCertBag:
		b.cert, err = parseCertBag(value)
	case oidSafeContents:
		b.children, err = parseBags(value, depth+1)
	}
	return b, err
}

// parseCertBag returns the certificate, nil for one that is not X.509 (RFC 7292, section 4.2.3).
func parseCertBag(value cryptobyte.String) ([]byte, error) {
	var body, id, content, der cryptobyte.String
	if !value.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) || !body.ReadASN1(&content, context0) {
		return nil, bad("a bad CertBag")
	}
	dotted, err := oid.Decode(id)
	if err != nil || dotted != oidX509Certificate {
		return nil, nil
	}
	if !content.ReadASN1(&der, asn1.OCTET_STRING) {
		return nil, bad("a CertBag whose certificate is not an OCTET STRING")
	}
	return der, nil
}

// der returns the SafeBag as it is to be written: as it was read, if nothing was changed.
func (b *bag) der() []byte {
	if b.raw != nil && !b.changedWithin() {
		return b.raw
	}
	value := b.value
	if b.id == oidSafeContents {
		value = bagsDER(b.children)
	}
	return build(func(out *cryptobyte.Builder) {
		out.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) {
			addOID(out, b.id)
			out.AddASN1(context0, func(out *cryptobyte.Builder) { out.AddBytes(value) })
			if len(b.attributes) > 0 {
				out.AddASN1(asn1.SET, func(out *cryptobyte.Builder) { addSorted(out, b.attributes) })
			}
		})
	})
}

// changedWithin says whether nested bags were changed.
func (b *bag) changedWithin() bool {
	return slices.ContainsFunc(b.children, func(child *bag) bool {
		return child.removed || child.raw == nil || child.changedWithin()
	})
}

func bagsDER(bags []*bag) []byte {
	return build(func(out *cryptobyte.Builder) {
		out.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) {
			for _, b := range bags {
				if !b.removed {
					out.AddBytes(b.der())
				}
			}
		})
	})
}

// addSorted writes the attributes in the order of DER's SET OF (X.690, 11.6).
func addSorted(out *cryptobyte.Builder, attributes []attribute) {
	sorted := slices.SortedFunc(slices.Values(attributes), func(a, b attribute) int { return bytes.Compare(a.raw, b.raw) })
	for _, a := range sorted {
		out.AddBytes(a.raw)
	}
}

// walk yields all bags that are left, nested ones in their places.
func walk(bags []*bag, yield func(*bag) bool) bool {
	for _, b := range bags {
		if b.removed {
			continue
		}
		if !yield(b) || !walk(b.children, yield) {
			return false
		}
	}
	return true
}

func newCertBag(der []byte) *bag {
	value := build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addOID(b, oidX509Certificate)
			b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(der) })
		})
	})
	return &bag{id: oidCertBag, value: value, cert: der}
}

// secretValue is the value of a secret bag as Java writes it: typed as a shrouded key bag, an EncryptedPrivateKeyInfo in
// an OCTET STRING. ok is false for secrets of other programs.
func (b *bag) secretValue() (encrypted []byte, ok bool) {
	in := cryptobyte.String(b.value)
	var body, id, content, value cryptobyte.String
	if b.id != oidSecretBag || !in.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) ||
		!body.ReadASN1(&content, context0) || !content.ReadASN1(&value, asn1.OCTET_STRING) {
		return nil, false
	}
	dotted, err := oid.Decode(id)
	return value, err == nil && dotted == oidShroudedKeyBag
}

// secretBagValue is the inverse of secretValue.
func secretBagValue(encrypted []byte) []byte {
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addOID(b, oidShroudedKeyBag)
			b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(encrypted) })
		})
	})
}

// isPrivateKeyInfo tells a PrivateKeyInfo (RFC 5958, section 2) from what a wrong password yields.
func isPrivateKeyInfo(plain []byte) bool {
	_, _, ok := splitPKCS8(plain)
	return ok
}

// splitPKCS8 returns the algorithm and the key of a PrivateKeyInfo, BER or DER.
func splitPKCS8(data []byte) (algorithm string, key []byte, ok bool) {
	der, _, err := normalize(data)
	if err != nil {
		return "", nil, false
	}
	in := cryptobyte.String(der)
	var body, identifier, id, octets cryptobyte.String
	var version int64
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1Integer(&version) || !body.ReadASN1(&identifier, asn1.SEQUENCE) ||
		!identifier.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) || !body.ReadASN1(&octets, asn1.OCTET_STRING) {
		return "", nil, false
	}
	algorithm, err = oid.Decode(id)
	return algorithm, octets, err == nil
}

func addOID(b *cryptobyte.Builder, id string) {
	content, err := oid.Encode(id)
	if err != nil {
		b.SetError(err)
		return
	}
	b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(content) })
}

// build runs a builder whose input cannot make it fail: identifiers were read from a file or are constants.
func build(f func(*cryptobyte.Builder)) []byte {
	b := cryptobyte.NewBuilder(nil)
	f(b)
	return b.BytesOrPanic()
}
