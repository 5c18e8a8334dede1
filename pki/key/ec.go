package key

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"math/big"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// ecPrivate holds the fields of an ECPrivateKey (RFC 5915, section 3).
type ecPrivate struct {
	secret []byte // the scalar as it stands
	params []byte // DER of the parameters, nil if absent
	pub    []byte // the point, nil if absent
}

func parseSEC1(der []byte) (ecPrivate, error) {
	var k ecPrivate
	in := cryptobyte.String(der)
	var body, secret, params, pub cryptobyte.String
	var hasParams, hasPub bool
	ok := in.ReadASN1(&body, cbasn1.SEQUENCE) && in.Empty() && body.SkipASN1(cbasn1.INTEGER) &&
		body.ReadASN1(&secret, cbasn1.OCTET_STRING) &&
		body.ReadOptionalASN1(&params, &hasParams, cbasn1.Tag(0).ContextSpecific().Constructed()) &&
		body.ReadOptionalASN1(&pub, &hasPub, cbasn1.Tag(1).ContextSpecific().Constructed()) && body.Empty()
	if !ok {
		return k, fmt.Errorf("%w: an EC key that is not an ECPrivateKey (RFC 5915, section 3)", ErrParse)
	}
	k.secret = secret
	if hasParams {
		k.params = params
	}
	if hasPub {
		var bits []byte
		if !pub.ReadASN1BitStringAsBytes(&bits) || !pub.Empty() {
			return k, fmt.Errorf("%w: the public key in an ECPrivateKey is not a BIT STRING", ErrParse)
		}
		k.pub = bits
	}
	return k, nil
}

// wrapSEC1 puts an ECPrivateKey into a PrivateKeyInfo. Its parameters stay in it too: nothing that came is lost.
func wrapSEC1(der []byte) ([]byte, error) {
	k, err := parseSEC1(der)
	if err != nil {
		return nil, err
	}
	if k.params == nil {
		return nil, fmt.Errorf("%w: an ECPrivateKey that does not say its curve", ErrParse)
	}
	return buildPKCS8(oid.EC, k.params, der)
}

// ecParams is what the parameters of an EC key say: a named curve or explicit ones.
type ecParams struct {
	id       string // of a named curve, or of the named curve that explicit parameters spell out
	explicit bool
	bits     int
	domain   *domain // of explicit parameters over a prime field
}

// parseECParams reads EcpkParameters (RFC 3279, 2.3.5). What it does not understand it leaves out.
func parseECParams(der []byte) ecParams {
	in := cryptobyte.String(der)
	var content cryptobyte.String
	if in.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER) && in.ReadASN1(&content, cbasn1.OBJECT_IDENTIFIER) {
		id, err := oid.Decode(content)
		if err != nil {
			return ecParams{}
		}
		c, _ := namedCurve(id)
		return ecParams{id: id, bits: c.bits}
	}
	if !in.ReadASN1(&content, cbasn1.SEQUENCE) {
		return ecParams{}
	}
	p := ecParams{explicit: true}
	if d := parseDomain(content); d != nil {
		p.domain, p.bits, p.id = d, d.p.BitLen(), d.name()
	}
	return p
}

// CheckECParameters refuses explicit parameters that have the prime of a curve known here, but other numbers: they pass for that curve and
// are weaker (CVE-2020-0601). So does it with binary fields of a standard size that have another polynomial. Curves that are not known here
// are not judged.
func CheckECParameters(der []byte) error {
	d := parseECParams(der).domain
	if d == nil {
		in, content := cryptobyte.String(der), cryptobyte.String(nil)
		if !in.ReadASN1(&content, cbasn1.SEQUENCE) {
			return nil
		}
		return checkBinaryField(content)
	}
	if d.name() != "" {
		return nil
	}
	known := []*elliptic.CurveParams{secp256k1()}
	for _, id := range goCurveIDs {
		known = append(known, goCurve(id).Params())
	}
	for _, c := range known {
		if d.p.Cmp(c.P) == 0 {
			return malformed("explicit parameters that have the prime of %s, but not its other numbers", c.Name)
		}
	}
	return nil
}

// describeEC names an EC key by the parameters of its algorithm.
func describeEC(algorithm string, params []byte) Public {
	p := parseECParams(params)
	out := Public{OID: algorithm, Bits: p.bits, Type: "ec"}
	if c, ok := namedCurve(p.id); ok {
		out.Curve = c.name
	}
	switch {
	case p.explicit:
		out.Type = "ec-explicit"
	case out.Curve != "":
		out.Type = out.Curve
	case p.id != "":
		out.Type = "ec-" + p.id
	}
	return out
}

// goCurveIDs are the curves of crypto/elliptic.
var goCurveIDs = [...]string{oid.P256, oid.P384, oid.P521, oid.P224}

// goCurve is the curve in Go's crypto/elliptic, nil if it has none.
func goCurve(id string) elliptic.Curve {
	switch id {
	case oid.P224:
		return elliptic.P224()
	case oid.P256:
		return elliptic.P256()
	case oid.P384:
		return elliptic.P384()
	case oid.P521:
		return elliptic.P521()
	}
	return nil
}

// publicEC computes the point where Go has the curve, and else takes the one that stands with the key.
func (info *privateInfo) publicEC() (string, []byte, error) {
	inner, err := parseSEC1(info.key)
	if err != nil {
		return "", nil, err
	}
	if len(info.params) == 0 {
		info.params = inner.params
	}
	p := parseECParams(info.params)
	if !p.explicit && p.id == "" {
		return "", nil, fmt.Errorf("%w: an EC key that does not say its curve", ErrParse)
	}
	point := inner.pub
	if point == nil {
		point = info.pub
	}
	if curve := goCurve(p.id); curve != nil {
		k, err := ecdsaKey(curve, inner.secret)
		if err != nil {
			return "", nil, err
		}
		// The point that came is kept if it is the same one: it may be compressed, as in the certificate.
		if computed, err := k.PublicKey.Bytes(); err == nil && !samePoint(curve, computed, point) {
			point = computed
		}
	}
	return info.described(point)
}

// ecdsaKey makes a key of the scalar, which some programs write without its leading zeros and some with too many.
func ecdsaKey(curve elliptic.Curve, secret []byte) (*ecdsa.PrivateKey, error) {
	size := (curve.Params().N.BitLen() + 7) / 8
	secret = bytes.TrimLeft(secret, "\x00")
	if len(secret) > size {
		return nil, fmt.Errorf("%w: an EC private key of %d bytes for a curve of %d", ErrParse, len(secret), size)
	}
	padded := make([]byte, size)
	copy(padded[size-len(secret):], secret)
	k, err := ecdsa.ParseRawPrivateKey(curve, padded)
	if err != nil {
		return nil, fmt.Errorf("%w: an EC private key out of range for its curve %s", ErrParse, curve.Params().Name)
	}
	return k, nil
}

// samePoint compares a point with the uncompressed one.
func samePoint(curve elliptic.Curve, uncompressed, point []byte) bool {
	size := (curve.Params().BitSize + 7) / 8
	if len(point) == 1+size && (point[0] == 2 || point[0] == 3) {
		return bytes.Equal(uncompressed[1:1+size], point[1:]) && uncompressed[2*size]&1 == point[0]&1
	}
	return bytes.Equal(uncompressed, point)
}

func (info *privateInfo) ecSigner() (*ecdsa.PrivateKey, error) {
	inner, err := parseSEC1(info.key)
	if err != nil {
		return nil, err
	}
	params := info.params
	if len(params) == 0 {
		params = inner.params
	}
	curve := goCurve(parseECParams(params).id)
	if curve == nil {
		return nil, fmt.Errorf("%w: Go's crypto packages have no curve %s", ErrUnsupported, describeEC(oid.EC, params).Type)
	}
	return ecdsaKey(curve, inner.secret)
}

// domain is the explicit parameters of a curve over a prime field: y² = x³ + ax + b mod p, base point, its order.
type domain struct {
	p, a, b, n *big.Int
	base       []byte // as it stands: compressed or not
}

// maxFieldBytes bounds explicit parameters; the largest named curve has 72 bytes.
const maxFieldBytes = 128

// parseDomain reads the content of ECParameters (RFC 3279, 2.3.5). It returns nil for other fields than prime ones
// and for what is not well-formed.
func parseDomain(in cryptobyte.String) *domain {
	var field, coefficients, a, b, base, p, n, fieldID cryptobyte.String
	ok := in.SkipASN1(cbasn1.INTEGER) && in.ReadASN1(&field, cbasn1.SEQUENCE) &&
		field.ReadASN1(&fieldID, cbasn1.OBJECT_IDENTIFIER) && field.ReadASN1(&p, cbasn1.INTEGER) &&
		in.ReadASN1(&coefficients, cbasn1.SEQUENCE) && coefficients.ReadASN1(&a, cbasn1.OCTET_STRING) &&
		coefficients.ReadASN1(&b, cbasn1.OCTET_STRING) && in.ReadASN1(&base, cbasn1.OCTET_STRING) &&
		in.ReadASN1(&n, cbasn1.INTEGER)
	if id, err := oid.Decode(fieldID); !ok || err != nil || id != oid.PrimeField || len(p) > maxFieldBytes || len(a) > maxFieldBytes ||
		len(b) > maxFieldBytes || len(n) > maxFieldBytes {
		return nil
	}
	number := func(s cryptobyte.String) *big.Int { return new(big.Int).SetBytes(s) }
	return &domain{p: number(p), a: number(a), b: number(b), n: number(n), base: base}
}

// name returns the identifier of the named curve that the parameters spell out, "" if they are not those of one of Go's curves or
// secp256k1. All numbers are compared: a curve that shares only some of them is a different one (CVE-2020-0601).
func (d *domain) name() string {
	for _, id := range goCurveIDs {
		if d.is(goCurve(id).Params()) {
			return id
		}
	}
	if d.is(secp256k1()) {
		return oid.Secp256k1
	}
	return ""
}

// is compares with c, whose a is p - 3 except for secp256k1, where it is 0.
func (d *domain) is(c *elliptic.CurveParams) bool {
	a := new(big.Int).Sub(c.P, big.NewInt(3))
	if c.Name == "secp256k1" {
		a = new(big.Int)
	}
	if d.p.Cmp(c.P) != 0 || d.a.Cmp(a) != 0 || d.b.Cmp(c.B) != 0 || d.n.Cmp(c.N) != 0 {
		return false
	}
	size := (c.BitSize + 7) / 8
	base := make([]byte, 1+2*size)
	base[0] = 4
	c.Gx.FillBytes(base[1 : 1+size])
	c.Gy.FillBytes(base[1+size:])
	return samePoint(&elliptic.CurveParams{BitSize: c.BitSize}, base, d.base)
}

// secp256k1 returns the numbers of SEC 2, section 2.4.1.
func secp256k1() *elliptic.CurveParams {
	number := func(s string) *big.Int { n, _ := new(big.Int).SetString(s, 16); return n }
	return &elliptic.CurveParams{
		Name: "secp256k1", BitSize: 256, B: big.NewInt(7),
		P:  number("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"),
		N:  number("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
		Gx: number("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
		Gy: number("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"),
	}
}
