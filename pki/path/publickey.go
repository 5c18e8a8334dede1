package path

import (
	"crypto/dsa" //lint:ignore SA1019 certificates signed by DSA exist; whether they count is for Options.Weak to say
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"math"
	"math/big"

	"certkdb/pki/oid"

	"github.com/cloudflare/circl/sign/ed448"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Identifiers of public key algorithms (RFC 3279, 4055, 8410, 9881; X.509 8.4 for the old RSA one).
const (
	oidRSA     = "1.2.840.113549.1.1.1"
	oidOldRSA  = "2.5.8.1.1"
	oidPSS     = "1.2.840.113549.1.1.10"
	oidEC      = "1.2.840.10045.2.1"
	oidDSA     = "1.2.840.10040.4.1"
	oidEd25519 = "1.3.101.112"
	oidEd448   = "1.3.101.113"
	oidMLDSA44 = "2.16.840.1.101.3.4.3.17"
	oidMLDSA65 = "2.16.840.1.101.3.4.3.18"
	oidMLDSA87 = "2.16.840.1.101.3.4.3.19"
)

// maxRSA bounds the work of one RSA verification.
const maxRSA = 16384

// publicKey is a SubjectPublicKeyInfo made ready for [verify].
type publicKey struct {
	oid    string
	params []byte     // DER of the algorithm's parameters
	pss    *pssParams // what an RSASSA-PSS key is restricted to; nil if it is not
	key    any
	err    error // why the key cannot be used
	bits   []byte
}

// readKey never fails; an unusable key has its err set. inherited are the parameters of the issuer's key, for a DSA
// key without any (RFC 5280, 6.1.4 (f)).
func readKey(spki []byte, inherited publicKey) publicKey {
	var k publicKey
	var seq, algorithm, id, bits cryptobyte.String
	input := cryptobyte.String(spki)
	if !input.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!algorithm.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) || !seq.ReadASN1(&bits, asn1.BIT_STRING) || len(bits) == 0 {
		k.err = errors.New("the public key cannot be read")
		return k
	}
	if k.oid, k.err = oid.Decode(id); k.err != nil {
		return k
	}
	if bits[0] != 0 {
		k.err = errors.New("the public key is not a whole number of bytes")
		return k
	}
	k.params, k.bits = algorithm, bits[1:]
	if k.oid == oidDSA && !hasParams(k.params) && inherited.oid == oidDSA {
		k.params = inherited.params
	}
	k.key, k.err = k.decode()
	return k
}

// hasParams tells parameters from none and from NULL.
func hasParams(params []byte) bool { return len(params) > 2 }

func (k *publicKey) decode() (any, error) {
	switch k.oid {
	case oidRSA, oidOldRSA:
		return readRSA(k.bits)
	case oidPSS:
		if hasParams(k.params) {
			p, err := parsePSS(k.params)
			if err != nil {
				return nil, err
			}
			k.pss = &p
		}
		return readRSA(k.bits)
	case oidEC:
		return readEC(k.params, k.bits)
	case oidDSA:
		return readDSA(k.params, k.bits)
	case oidEd25519:
		if len(k.bits) == ed25519.PublicKeySize {
			return ed25519.PublicKey(k.bits), nil
		}
		return nil, errors.New("the Ed25519 key is not 32 bytes long")
	case oidEd448:
		if len(k.bits) == ed448.PublicKeySize {
			return ed448.PublicKey(k.bits), nil
		}
		return nil, errors.New("the Ed448 key is not 57 bytes long")
	case oidMLDSA44:
		return mldsa.NewPublicKey(mldsa.MLDSA44(), k.bits)
	case oidMLDSA65:
		return mldsa.NewPublicKey(mldsa.MLDSA65(), k.bits)
	case oidMLDSA87:
		return mldsa.NewPublicKey(mldsa.MLDSA87(), k.bits)
	}
	return nil, fmt.Errorf("%w key algorithm %s (%s)", errUnsupported, oid.Name(k.oid), k.oid)
}

func readRSA(der cryptobyte.String) (*rsa.PublicKey, error) {
	n, e := new(big.Int), new(big.Int)
	var seq cryptobyte.String
	if !der.ReadASN1(&seq, asn1.SEQUENCE) || !der.Empty() || !seq.ReadASN1Integer(n) || !seq.ReadASN1Integer(e) || !seq.Empty() {
		return nil, errors.New("the RSA key is no modulus and exponent")
	}
	switch {
	case n.Sign() <= 0 || n.Bit(0) == 0 || e.Cmp(big.NewInt(3)) < 0 || e.Bit(0) == 0:
		return nil, errors.New("the RSA key has an impossible modulus or exponent") // RFC 8017, 3.1: odd, and at least 3
	case n.BitLen() > maxRSA:
		return nil, fmt.Errorf("%w RSA key of %d bits, at most %d are processed", errUnsupported, n.BitLen(), maxRSA)
	case !e.IsInt64() || e.Int64() > math.MaxInt32:
		return nil, fmt.Errorf("%w RSA exponent of %d bits", errUnsupported, e.BitLen())
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

// curves are those of crypto/ecdsa, by their identifiers (RFC 5480, 2.1.1.1).
var curves = map[string]elliptic.Curve{
	"1.3.132.0.33": elliptic.P224(), "1.2.840.10045.3.1.7": elliptic.P256(),
	"1.3.132.0.34": elliptic.P384(), "1.3.132.0.35": elliptic.P521(),
}

func readEC(params, point cryptobyte.String) (*ecdsa.PublicKey, error) {
	var id cryptobyte.String
	if !params.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) || !params.Empty() {
		return nil, fmt.Errorf("%w: an elliptic curve given by explicit parameters", errUnsupported)
	}
	dotted, err := oid.Decode(id)
	if err != nil {
		return nil, err
	}
	curve := curves[dotted]
	if curve == nil {
		return nil, fmt.Errorf("%w elliptic curve %s (%s)", errUnsupported, oid.Name(dotted), dotted)
	}
	if len(point) > 0 && point[0] != 4 {
		x, y := elliptic.UnmarshalCompressed(curve, point)
		if x == nil {
			return nil, errors.New("the elliptic curve point is malformed")
		}
		//lint:ignore SA1019 crypto/ecdsa reads no compressed points
		point = elliptic.Marshal(curve, x, y)
	}
	return ecdsa.ParseUncompressedPublicKey(curve, point)
}

func readDSA(params, key cryptobyte.String) (*dsa.PublicKey, error) {
	pub := &dsa.PublicKey{Y: new(big.Int)}
	pub.P, pub.Q, pub.G = new(big.Int), new(big.Int), new(big.Int)
	var seq cryptobyte.String
	if !params.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1Integer(pub.P) || !seq.ReadASN1Integer(pub.Q) || !seq.ReadASN1Integer(pub.G) {
		return nil, errors.New("the DSA key has no parameters")
	}
	if !key.ReadASN1Integer(pub.Y) || pub.Y.Sign() <= 0 || pub.P.Sign() <= 0 || pub.Q.Sign() <= 0 || pub.G.Sign() <= 0 ||
		pub.P.BitLen() > maxRSA || pub.Q.BitLen() > 1024 {
		return nil, errors.New("the DSA key is malformed")
	}
	return pub, nil
}

// verifyDSA reads Dss-Sig-Value (RFC 3279, 2.2.2) and cuts the digest to the length of q (FIPS 186-4, 4.6).
func verifyDSA(pub *dsa.PublicKey, hashed []byte, signature cryptobyte.String) bool {
	r, s := new(big.Int), new(big.Int)
	var seq cryptobyte.String
	if !signature.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1Integer(r) || !seq.ReadASN1Integer(s) || !seq.Empty() {
		return false
	}
	return dsa.Verify(pub, hashed[:min(len(hashed), (pub.Q.BitLen()+7)/8)], r, s)
}
