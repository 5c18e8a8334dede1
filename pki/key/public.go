package key

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strconv"

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
	return s.describe()
}

// ReadPublic takes a SubjectPublicKeyInfo or a PKCS #1 RSAPublicKey and returns the SubjectPublicKeyInfo.
func ReadPublic(der []byte) ([]byte, error) {
	if s, err := parseSPKI(der); err == nil {
		return bytes.Clone(s.raw), nil
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
	return buildSPKI(oidRSA, derNull, der)
}

// derNull is the NULL that RFC 8017, A.1 wants as the parameters of rsaEncryption; it is only read.
var derNull = []byte{0x05, 0x00}

// spki is a SubjectPublicKeyInfo taken apart.
type spki struct {
	raw    []byte
	oid    string
	params []byte // the parameters' DER, empty if absent
	key    []byte // the bits, which are whole bytes
}

func parseSPKI(der []byte) (spki, error) {
	var s spki
	if len(der) > maxEncoding {
		return s, fmt.Errorf("%w: a public key of %d bytes", ErrParse, len(der))
	}
	in := cryptobyte.String(der)
	var body, algorithm cryptobyte.String
	var bits asn1.BitString
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1(&algorithm, cbasn1.SEQUENCE) ||
		!body.ReadASN1BitString(&bits) || !body.Empty() {
		return s, fmt.Errorf("%w: not a SubjectPublicKeyInfo", ErrParse)
	}
	var err error
	s.raw, s.key = der, bits.Bytes
	s.oid, s.params, err = parseAlgorithm(algorithm)
	return s, err
}

// parseAlgorithm reads the content of an AlgorithmIdentifier.
func parseAlgorithm(in cryptobyte.String) (oid string, params []byte, err error) {
	var id cryptobyte.String
	if !in.ReadASN1(&id, cbasn1.OBJECT_IDENTIFIER) {
		return "", nil, fmt.Errorf("%w: an AlgorithmIdentifier without an object identifier", ErrParse)
	}
	oid, ok := dotted(id)
	if !ok {
		return "", nil, fmt.Errorf("%w: an object identifier that is none: %x", ErrParse, []byte(id))
	}
	return oid, in, nil
}

// dotted writes the content of an OBJECT IDENTIFIER with dots. Unlike encoding/asn1 it takes arcs of up to 63 bits.
func dotted(id []byte) (string, bool) {
	if len(id) == 0 || len(id) > 64 {
		return "", false
	}
	var out []byte
	var arc uint64
	for i, b := range id {
		if arc > 1<<56 {
			return "", false
		}
		arc = arc<<7 | uint64(b&0x7f)
		if b >= 0x80 {
			if i == len(id)-1 {
				return "", false
			}
			continue
		}
		if out == nil {
			first := min(arc/40, 2)
			out, arc = strconv.AppendUint(out, first, 10), arc-40*first
		}
		out = strconv.AppendUint(append(out, '.'), arc, 10)
		arc = 0
	}
	return string(out), true
}

// buildSPKI puts a SubjectPublicKeyInfo together. params is the parameters' DER, empty to leave them out.
func buildSPKI(oid string, params, key []byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addAlgorithm(b, oid, params)
		b.AddASN1BitString(key)
	})
	return b.Bytes()
}

func addAlgorithm(b *cryptobyte.Builder, oid string, params []byte) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(parseOID(oid))
		b.AddBytes(params)
	})
}

// parseOID is the inverse of dotted for identifiers whose arcs fit encoding/asn1.
func parseOID(oid string) asn1.ObjectIdentifier {
	var id asn1.ObjectIdentifier
	arc := 0
	for i := 0; i <= len(oid); i++ {
		if i == len(oid) || oid[i] == '.' {
			id, arc = append(id, arc), 0
			continue
		}
		arc = arc*10 + int(oid[i]-'0')
	}
	return id
}

func (s *spki) describe() Public {
	p := Public{OID: s.oid}
	switch s.oid {
	case oidRSA, oidX500RSA:
		p.Bits = rsaBits(s.key)
		p.Type = sized("rsa", p.Bits)
	case oidRSAPSS:
		p.Bits = rsaBits(s.key)
		p.Type = sized("rsapss", p.Bits)
	case oidRSAOAEP:
		p.Bits = rsaBits(s.key)
		p.Type = sized("rsaoaep", p.Bits)
	case oidEC, oidECDH, oidECMQV:
		return describeEC(s.oid, s.params)
	case oidDSA, oidDSAOld:
		p.Bits = firstIntegerBits(s.params)
		p.Type = sized("dsa", p.Bits)
	case oidDH, oidDHX:
		p.Bits = firstIntegerBits(s.params)
		p.Type = sized("dh", p.Bits)
	default:
		p.Type = fixedType(s.oid)
	}
	return p
}

// fixedType names the algorithms whose identifier says all.
func fixedType(oid string) string {
	switch oid {
	case oidEd25519:
		return "ed25519"
	case oidEd448:
		return "ed448"
	case oidX25519:
		return "x25519"
	case oidX448:
		return "x448"
	}
	if set, ok := mldsaSet(oid); ok {
		return set.name
	}
	if set, ok := mlkemSet(oid); ok {
		return set.name
	}
	if name := otherAlgorithm(oid); name != "" {
		return name
	}
	return "unknown (" + oid + ")"
}

// sized is the name with the size behind it, if there is one.
func sized(name string, bits int) string {
	if bits <= 0 {
		return name
	}
	return name + strconv.Itoa(bits)
}

// rsaBits is the modulus' size in an RSAPublicKey, 0 if it is none.
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
