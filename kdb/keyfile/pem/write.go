package pem

import (
	"encoding/asn1"
	stdpem "encoding/pem"
	"fmt"
	"math/big"

	"certkdb/kdb"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// typeOfKind is the type that OpenSSL writes for a kind.
var typeOfKind = [...]string{
	Certificate: "CERTIFICATE", Request: "CERTIFICATE REQUEST", PrivateKey: "PRIVATE KEY", EncryptedKey: "ENCRYPTED PRIVATE KEY",
	OpenSSHKey: "OPENSSH PRIVATE KEY", PublicKey: "PUBLIC KEY", RevocationSet: "X509 CRL", PKCS7: "PKCS7", PKCS12: "PKCS12",
}

// Encode returns DER in the PEM armour of its kind, in OpenSSL's layout: 64 characters a line. Parameters and other kinds have no
// type of their own, so it is nil for these.
func Encode(kind Kind, der []byte) []byte {
	if int(kind) >= len(typeOfKind) || typeOfKind[kind] == "" {
		return nil
	}
	return stdpem.EncodeToMemory(&stdpem.Block{Type: typeOfKind[kind], Bytes: der})
}

// Object identifiers of the keys that have a traditional form.
var (
	oidRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEC  = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidDSA = asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}
)

// Traditional turns PKCS #8 into the form of the key's own standard, as openssl pkey -traditional does: PKCS #1 for RSA, SEC 1 for EC,
// OpenSSL's for DSA. The error wraps kdb.ErrUnsupported if the algorithm has no such form, kdb.ErrParse if the key is damaged.
func Traditional(pkcs8 []byte) (Item, error) {
	in := cryptobyte.String(pkcs8)
	var info, algorithm, inner cryptobyte.String
	var oid asn1.ObjectIdentifier
	var version int64
	if !in.ReadASN1(&info, cbasn1.SEQUENCE) || !info.ReadASN1Integer(&version) || !info.ReadASN1(&algorithm, cbasn1.SEQUENCE) ||
		!info.ReadASN1(&inner, cbasn1.OCTET_STRING) || !algorithm.ReadASN1ObjectIdentifier(&oid) {
		return Item{}, fmt.Errorf("%w: a private key that is no PKCS #8", kdb.ErrParse)
	}
	item := Item{Kind: PrivateKey, DER: inner}
	var err error
	switch {
	case oid.Equal(oidRSA):
		item.Type = "RSA PRIVATE KEY"
	case oid.Equal(oidEC):
		item.Type = "EC PRIVATE KEY"
		item.DER, err = withParameters(inner, algorithm)
	case oid.Equal(oidDSA):
		item.Type = "DSA PRIVATE KEY"
		item.DER, err = traditionalDSA(inner, algorithm)
	default:
		err = fmt.Errorf("%w: keys of the algorithm %s have no traditional form, only PKCS #8", kdb.ErrUnsupported, oid)
	}
	return item, err
}

// withParameters puts the curve into an ECPrivateKey (RFC 5915, 3): PKCS #8 has it in the algorithm, and mostly only there.
func withParameters(sec1, parameters cryptobyte.String) ([]byte, error) {
	tag0 := cbasn1.Tag(0).ContextSpecific().Constructed()
	var body, version, key, present, rest cryptobyte.String
	var has bool
	if !sec1.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Element(&version, cbasn1.INTEGER) ||
		!body.ReadASN1Element(&key, cbasn1.OCTET_STRING) || !body.ReadOptionalASN1(&present, &has, tag0) {
		return nil, fmt.Errorf("%w: an EC private key that is no ECPrivateKey", kdb.ErrParse)
	}
	if rest = body; has {
		parameters = present
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(version)
		b.AddBytes(key)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddBytes(parameters) })
		b.AddBytes(rest)
	})
	return b.Bytes()
}

// maxDSA is what OpenSSL takes (OPENSSL_DSA_MAX_MODULUS_BITS).
const maxDSA = 10000

// traditionalDSA builds SEQUENCE { 0, p, q, g, y, x }; PKCS #8 has p, q and g in the algorithm, x as the key, and y nowhere.
func traditionalDSA(inner, algorithm cryptobyte.String) ([]byte, error) {
	p, q, g, x := new(big.Int), new(big.Int), new(big.Int), new(big.Int)
	var parameters cryptobyte.String
	if !algorithm.ReadASN1(&parameters, cbasn1.SEQUENCE) || !parameters.ReadASN1Integer(p) || !parameters.ReadASN1Integer(q) ||
		!parameters.ReadASN1Integer(g) || !inner.ReadASN1Integer(x) {
		return nil, fmt.Errorf("%w: a DSA private key without its parameters", kdb.ErrParse)
	}
	if p.Sign() <= 0 || x.Sign() <= 0 || g.Sign() <= 0 || p.BitLen() > maxDSA || x.BitLen() > maxDSA || g.BitLen() > maxDSA {
		return nil, fmt.Errorf("%w: a DSA private key with numbers out of range", kdb.ErrParse)
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, n := range []*big.Int{new(big.Int), p, q, g, new(big.Int).Exp(g, x, p), x} {
			b.AddASN1BigInt(n)
		}
	})
	return b.Bytes()
}
