package key

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 certificates signed by DSA exist; whether they count is for the caller to say
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	"fmt"
	"math"
	"math/big"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// PublicKey is a public key that signatures can be verified with; see [Verify].
type PublicKey struct {
	Public
	// Key is *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, *mldsa.PublicKey, *dsa.PublicKey or circl's ed448.PublicKey.
	// It is nil for a DSA key without parameters.
	Key crypto.PublicKey

	pss  *pssParams // what an RSASSA-PSS key is restricted to; nil if it is not
	spki SPKI
}

// ParsePublic reads a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) whose key this program can compute with. The error wraps [ErrUnsupported]
// or [ErrParse].
func ParsePublic(der []byte) (*PublicKey, error) {
	s, err := parseSPKI(der)
	if err != nil {
		return nil, err
	}
	k := &PublicKey{Public: s.Describe(), spki: s}
	if k.LacksParams() {
		return k, nil
	}
	if s.Unaligned {
		return nil, malformed("the public key is not a whole number of bytes")
	}
	if err := k.decode(); err != nil {
		return nil, err
	}
	return k, nil
}

// LacksParams tells a DSA key without parameters: those of the issuer's key are meant (RFC 3279, 2.3.2).
func (k *PublicKey) LacksParams() bool { return k.OID == oid.DSA && !k.spki.Algorithm.HasParams() }

// Inherit returns the key with the parameters of the issuer's key (RFC 5280, 6.1.4 (f)).
func (k *PublicKey) Inherit(issuer *PublicKey) (*PublicKey, error) {
	if issuer == nil || issuer.OID != oid.DSA || issuer.LacksParams() {
		return nil, malformed("the DSA key has no parameters")
	}
	s := k.spki
	s.Algorithm.Params = issuer.spki.Algorithm.Params
	whole := &PublicKey{Public: s.Describe(), spki: s}
	if err := whole.decode(); err != nil {
		return nil, err
	}
	return whole, nil
}

func (k *PublicKey) decode() (err error) {
	params, bits := k.spki.Algorithm.Params, k.spki.Bits
	switch k.OID {
	case oid.RSA, oid.X500RSA:
		k.Key, err = readRSA(bits)
	case oid.RSAPSS:
		if k.spki.Algorithm.HasParams() {
			p, err := parsePSS(params)
			if err != nil {
				return err
			}
			k.pss = &p
		}
		k.Key, err = readRSA(bits)
	case oid.EC:
		k.Key, err = readEC(params, bits)
	case oid.DSA:
		k.Key, err = readDSA(params, bits)
	case oid.Ed25519:
		if len(bits) != ed25519.PublicKeySize {
			return malformed("an Ed25519 key of %d bytes instead of %d", len(bits), ed25519.PublicKeySize)
		}
		k.Key = ed25519.PublicKey(bits)
	case oid.Ed448:
		k.Key, err = readEd448(bits)
	default:
		k.Key, err = readMLDSA(k.OID, bits)
	}
	return err
}

func readMLDSA(id string, bits []byte) (*mldsa.PublicKey, error) {
	set, ok := mldsaSet(id)
	if !ok {
		return nil, fmt.Errorf("%w key algorithm %s (%s)", ErrUnsupported, oid.Name(id), id)
	}
	k, err := mldsa.NewPublicKey(set.mldsa(), bits)
	if err != nil {
		return nil, malformed("an ML-DSA key: %w", err)
	}
	return k, nil
}

func readRSA(der cryptobyte.String) (*rsa.PublicKey, error) {
	n, e := new(big.Int), new(big.Int)
	if bits := rsaBits(der); bits > maxRSABits {
		return nil, fmt.Errorf("%w RSA key of %d bits, at most %d are computed with", ErrUnsupported, bits, maxRSABits)
	}
	var seq cryptobyte.String
	if !der.ReadASN1(&seq, asn1.SEQUENCE) || !der.Empty() || !seq.ReadASN1Integer(n) || !seq.ReadASN1Integer(e) || !seq.Empty() {
		return nil, malformed("the RSA key is not a modulus and an exponent (RFC 8017, A.1.1)")
	}
	switch {
	case n.Sign() <= 0 || n.Bit(0) == 0 || e.Cmp(big.NewInt(3)) < 0 || e.Bit(0) == 0:
		return nil, malformed("the RSA key has an impossible modulus or exponent") // RFC 8017, 3.1: odd, and at least 3
	case !e.IsInt64() || e.Int64() > math.MaxInt32:
		return nil, fmt.Errorf("%w RSA exponent of %d bits", ErrUnsupported, e.BitLen())
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

func readEC(params, point cryptobyte.String) (*ecdsa.PublicKey, error) {
	p := parseECParams(params)
	curve := goCurve(p.id)
	switch {
	case p.explicit:
		return nil, fmt.Errorf("%w: an elliptic curve given by explicit parameters", ErrUnsupported)
	case p.id == "":
		return nil, malformed("the elliptic curve key does not name its curve")
	case curve == nil:
		return nil, fmt.Errorf("%w elliptic curve %s (%s)", ErrUnsupported, oid.Name(p.id), p.id)
	}
	if len(point) > 0 && point[0] != 4 {
		x, y := elliptic.UnmarshalCompressed(curve, point)
		if x == nil {
			return nil, malformed("the elliptic curve point cannot be decompressed")
		}
		//lint:ignore SA1019 crypto/ecdsa reads no compressed points
		point = elliptic.Marshal(curve, x, y)
	}
	k, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, malformed("the elliptic curve point: %w", err)
	}
	return k, nil
}

func readDSA(params, key cryptobyte.String) (*dsa.PublicKey, error) {
	pub := &dsa.PublicKey{Y: new(big.Int)}
	pub.P, pub.Q, pub.G = new(big.Int), new(big.Int), new(big.Int)
	var seq cryptobyte.String
	if !params.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1Integer(pub.P) || !seq.ReadASN1Integer(pub.Q) || !seq.ReadASN1Integer(pub.G) {
		return nil, malformed("the DSA key has no parameters")
	}
	if !key.ReadASN1Integer(pub.Y) || pub.Y.Sign() <= 0 || pub.P.Sign() <= 0 || pub.Q.Sign() <= 0 || pub.G.Sign() <= 0 ||
		pub.P.BitLen() > maxRSABits || pub.Q.BitLen() > 1024 {
		return nil, malformed("the numbers of the DSA key are out of range")
	}
	return pub, nil
}
