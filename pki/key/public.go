package key

import (
	"bytes"
	"fmt"
	"math/big"
	"strconv"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Public describes a public key.
type Public struct {
	// Type is the name used in listings: "rsa2048", "rsapss2048", "p256", "secp256k1", "ec-explicit", "ed25519",
	// "x448", "dsa2048", "dh2048", "mldsa65", "mlkem768", …; "unknown (1.2.3)" with the algorithm's OID otherwise.
	Type string
	// OID is the algorithm's object identifier; "" if it cannot be read.
	OID string
	// Bits is the size of the modulus or field; 0 where the algorithm has no such number or it cannot be read.
	Bits int
	// Curve names the elliptic curve, also of explicit parameters that are those of a curve known here.
	Curve string
}

// DescribePublic describes a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7). It never fails: what it cannot read it calls unknown.
func DescribePublic(spki []byte) Public {
	s, err := parseSPKI(spki)
	if err != nil {
		return Public{Type: "unknown"}
	}
	return s.Describe()
}

// ReadPublic takes a SubjectPublicKeyInfo or a PKCS #1 RSAPublicKey and returns the SubjectPublicKeyInfo.
func ReadPublic(der []byte) ([]byte, error) {
	if s, err := parseSPKI(der); err == nil {
		return bytes.Clone(s.Raw), nil
	}
	in := cryptobyte.String(der)
	var body cryptobyte.String
	n, e := new(big.Int), new(big.Int)
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Integer(n) || !body.ReadASN1Integer(e) || !body.Empty() {
		return nil, fmt.Errorf("%w: neither a SubjectPublicKeyInfo nor a PKCS #1 RSAPublicKey", ErrParse)
	}
	if n.Sign() <= 0 || e.Sign() <= 0 {
		return nil, fmt.Errorf("%w: an RSAPublicKey whose modulus or exponent is not positive", ErrParse)
	}
	return buildSPKI(oid.RSA, derNull, der)
}

// derNull is the NULL that RFC 8017, A.1 wants as the parameters of rsaEncryption; it is only read.
var derNull = []byte{0x05, 0x00}

// SPKI is a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7), parsed as far as all algorithms have in common.
type SPKI struct {
	Raw       []byte
	Algorithm oid.Algorithm
	Bits      []byte // the key, whose encoding the algorithm defines
	// Unaligned says that the key is not a whole number of bytes, as no algorithm makes it.
	Unaligned bool
}

// ReadSPKI reads the SubjectPublicKeyInfo at the beginning of from. It checks the structure and leaves the key's own encoding alone.
func ReadSPKI(from *cryptobyte.String) (SPKI, error) {
	var raw, seq, bits cryptobyte.String
	if !from.ReadASN1Element(&raw, cbasn1.SEQUENCE) {
		return SPKI{}, malformed("a SubjectPublicKeyInfo that is not a SEQUENCE")
	}
	if len(raw) > maxEncoding {
		return SPKI{}, malformed("a public key of %d bytes, at most %d are read", len(raw), maxEncoding)
	}
	seq = raw
	seq.ReadASN1(&seq, cbasn1.SEQUENCE) // it was read as an element already
	algorithm, err := oid.ReadAlgorithm(&seq)
	if err != nil {
		return SPKI{}, malformed("the algorithm of a public key: %w", err)
	}
	if !seq.ReadASN1(&bits, cbasn1.BIT_STRING) || len(bits) == 0 || bits[0] > 7 || !seq.Empty() {
		return SPKI{}, malformed("a SubjectPublicKeyInfo without a BIT STRING at its end")
	}
	return SPKI{Raw: raw, Algorithm: algorithm, Bits: bits[1:], Unaligned: bits[0] != 0}, nil
}

func parseSPKI(der []byte) (SPKI, error) {
	in := cryptobyte.String(der)
	s, err := ReadSPKI(&in)
	if err == nil && !in.Empty() {
		err = malformed("%d bytes follow the SubjectPublicKeyInfo", len(in))
	}
	return s, err
}

// buildSPKI builds a SubjectPublicKeyInfo. params is the parameters' DER, empty to leave them out.
func buildSPKI(id string, params, key []byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addAlgorithm(b, id, params)
		b.AddASN1BitString(key)
	})
	return b.Bytes()
}

func addAlgorithm(b *cryptobyte.Builder, id string, params []byte) {
	oid.AddAlgorithm(b, id, func(b *cryptobyte.Builder) { b.AddBytes(params) })
}

// Describe names the key.
func (s *SPKI) Describe() Public {
	p := Public{OID: s.Algorithm.OID}
	switch s.Algorithm.OID {
	case oid.RSA, oid.X500RSA:
		p.Bits = rsaBits(s.Bits)
		p.Type = sized("rsa", p.Bits)
	case oid.RSAPSS:
		p.Bits = rsaBits(s.Bits)
		p.Type = sized("rsapss", p.Bits)
	case oid.RSAOAEP:
		p.Bits = rsaBits(s.Bits)
		p.Type = sized("rsaoaep", p.Bits)
	case oid.EC, oid.ECDH, oid.ECMQV:
		return describeEC(s.Algorithm.OID, s.Algorithm.Params)
	case oid.DSA, oid.OIWDSA:
		p.Bits = firstIntegerBits(s.Algorithm.Params)
		p.Type = sized("dsa", p.Bits)
	case oid.DH, oid.X942DH:
		p.Bits = firstIntegerBits(s.Algorithm.Params)
		p.Type = sized("dh", p.Bits)
	default:
		p.Type = fixedType(s.Algorithm.OID)
	}
	return p
}

// fixedType names the algorithms whose identifier says all.
func fixedType(id string) string {
	switch id {
	case oid.Ed25519:
		return "ed25519"
	case oid.Ed448:
		return "ed448"
	case oid.X25519:
		return "x25519"
	case oid.X448:
		return "x448"
	}
	if set, ok := mldsaSet(id); ok {
		return set.name
	}
	if set, ok := mlkemSet(id); ok {
		return set.name
	}
	if name := otherAlgorithm(id); name != "" {
		return name
	}
	return "unknown (" + id + ")"
}

// sized is the name followed by the size, if there is one.
func sized(name string, bits int) string {
	if bits <= 0 {
		return name
	}
	return name + strconv.Itoa(bits)
}

// rsaBits is the modulus' size in an RSAPublicKey, 0 if it cannot be read.
func rsaBits(der []byte) int { return firstIntegerBits(der) }

// firstIntegerBits is the size of the first integer of a SEQUENCE, 0 if there is none or it is not positive.
// It does not read the number: a hostile size costs nothing.
func firstIntegerBits(der []byte) int {
	in := cryptobyte.String(der)
	var body, n cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1(&n, cbasn1.INTEGER) || len(n) == 0 || n[0] >= 0x80 {
		return 0
	}
	for len(n) > 0 && n[0] == 0 {
		n = n[1:]
	}
	if len(n) == 0 {
		return 0
	}
	bits := len(n) * 8
	for top := n[0]; top < 0x80; top <<= 1 {
		bits--
	}
	return bits
}
