package key

import (
	"fmt"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Traditional turns PKCS #8 into the form of the key's own standard, as openssl pkey -traditional does, and names its PEM type: PKCS #1
// for RSA, SEC 1 for EC, OpenSSL's for DSA. The error wraps [ErrUnsupported] if the algorithm has no such form, [ErrParse] if the key is
// damaged.
func Traditional(pkcs8 []byte) (pemType string, der []byte, err error) {
	info, err := parsePKCS8(pkcs8)
	if err != nil {
		return "", nil, err
	}
	switch info.id {
	case oid.RSA:
		return "RSA PRIVATE KEY", info.key, nil
	case oid.EC:
		der, err = info.traditionalEC()
		return "EC PRIVATE KEY", der, err
	case oid.DSA:
		der, err = info.traditionalDSA()
		return "DSA PRIVATE KEY", der, err
	}
	return "", nil, fmt.Errorf("%w: keys of the algorithm %s have no traditional form, only PKCS #8", ErrUnsupported, info.id)
}

// traditionalEC puts the curve into an ECPrivateKey (RFC 5915, section 3): PKCS #8 has it in the algorithm, and mostly only there.
func (info *privateInfo) traditionalEC() ([]byte, error) {
	in, tag0 := cryptobyte.String(info.key), cbasn1.Tag(0).ContextSpecific().Constructed()
	var body, version, secret, params cryptobyte.String
	var has bool
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Element(&version, cbasn1.INTEGER) ||
		!body.ReadASN1Element(&secret, cbasn1.OCTET_STRING) || !body.ReadOptionalASN1(&params, &has, tag0) {
		return nil, malformed("an EC private key that is not an ECPrivateKey (RFC 5915, section 3)")
	}
	if !has {
		params = info.params
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(version)
		b.AddBytes(secret)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddBytes(params) })
		b.AddBytes(body)
	})
	return b.Bytes()
}

// traditionalDSA builds SEQUENCE { 0, p, q, g, y, x }. PKCS #8 has p, q and g in the algorithm, x as the key, and y nowhere.
func (info *privateInfo) traditionalDSA() ([]byte, error) {
	y, err := info.exponentiate()
	if err != nil {
		return nil, err
	}
	if y == nil {
		return nil, malformed("a DSA private key with numbers out of range")
	}
	in := cryptobyte.String(info.params)
	var group cryptobyte.String
	in.ReadASN1(&group, cbasn1.SEQUENCE) // exponentiate has read it
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(group)
		b.AddBytes(y)
		b.AddBytes(info.key)
	})
	return b.Bytes()
}
