package openssh

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
)

// Names of key types: RFC 4253, section 6.6, and RFC 8709. Those of ECDSA keys end with the name of the curve (RFC 5656, section 3.1).
const (
	dsaName     = "ssh-dss"
	rsaName     = "ssh-rsa"
	ed25519Name = "ssh-ed25519"
	ecdsaPrefix = "ecdsa-sha2-"
)

// Bounds on RSA keys, which keep their check cheap. The longest that ssh-keygen makes has 16384 bits.
const (
	maxModulus  = 16384
	maxPrime    = maxModulus / 2
	maxExponent = 24
)

var (
	errCutOff   = errors.New("the private part is cut off")
	errMismatch = errors.New("the public key does not match the private key")
)

// curves are those of RFC 5656, section 10.1, that Go's crypto packages have.
func curves(name string) (elliptic.Curve, bool) {
	switch name {
	case "nistp256":
		return elliptic.P256(), true
	case "nistp384":
		return elliptic.P384(), true
	case "nistp521":
		return elliptic.P521(), true
	}
	return nil, false
}

// readString reads a string of RFC 4251, section 5.
func readString(in, out *cryptobyte.String) bool {
	var n uint32
	return in.ReadUint32(&n) && uint64(n) <= uint64(len(*in)) && in.ReadBytes((*[]byte)(out), int(n))
}

// readNumber reads an mpint of RFC 4251, section 5, that is not negative.
func readNumber(in *cryptobyte.String, out *big.Int) bool {
	var digits cryptobyte.String
	if !readString(in, &digits) || len(digits) > 0 && digits[0] >= 0x80 {
		return false
	}
	out.SetBytes(digits)
	return true
}

func addString(b *cryptobyte.Builder, s []byte) {
	b.AddUint32LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s) })
}

// addNumber writes an mpint that is not negative.
func addNumber(b *cryptobyte.Builder, n *big.Int) {
	digits := n.Bytes()
	if len(digits) > 0 && digits[0] >= 0x80 {
		digits = append([]byte{0}, digits...)
	}
	addString(b, digits)
}

// readPrivate reads the private part in clear (PROTOCOL.key, section 3): two equal numbers, the key, a comment and padding.
func readPrivate(in cryptobyte.String) (crypto.PrivateKey, error) {
	var first, second uint32
	var name, comment cryptobyte.String
	if !in.ReadUint32(&first) || !in.ReadUint32(&second) || !readString(&in, &name) {
		return nil, errCutOff
	}
	if first != second {
		return nil, errors.New("the numbers at the beginning of the private part differ")
	}
	k, err := readKey(string(name), &in)
	if err != nil {
		return nil, err
	}
	if !readString(&in, &comment) {
		return nil, errCutOff
	}
	for i, b := range in {
		if int(b) != i+1 {
			return nil, errors.New("the padding is wrong")
		}
	}
	return k, nil
}

func readKey(name string, in *cryptobyte.String) (crypto.PrivateKey, error) {
	switch name {
	case rsaName:
		return readRSA(in)
	case ed25519Name:
		return readEd25519(in)
	case ecdsaPrefix + "nistp256", ecdsaPrefix + "nistp384", ecdsaPrefix + "nistp521":
		return readECDSA(name[len(ecdsaPrefix):], in)
	}
	return nil, fmt.Errorf("key type %.40q", name)
}

func readRSA(in *cryptobyte.String) (*rsa.PrivateKey, error) {
	var n, e, d, inverse, p, q big.Int
	for _, number := range []*big.Int{&n, &e, &d, &inverse, &p, &q} {
		if !readNumber(in, number) {
			return nil, errCutOff
		}
	}
	if n.BitLen() > maxModulus || p.BitLen() > maxPrime || q.BitLen() > maxPrime || e.BitLen() > maxExponent {
		return nil, errors.New("a number of the RSA key is too large")
	}
	k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: &n, E: int(e.Int64())}, D: &d, Primes: []*big.Int{&p, &q}}
	if err := k.Validate(); err != nil {
		return nil, err
	}
	return k, nil
}

func readEd25519(in *cryptobyte.String) (ed25519.PrivateKey, error) {
	var public, private cryptobyte.String
	if !readString(in, &public) || !readString(in, &private) || len(private) != ed25519.PrivateKeySize {
		return nil, errCutOff
	}
	k := ed25519.NewKeyFromSeed(private[:ed25519.SeedSize])
	if !bytes.Equal(k, private) || !bytes.Equal(k[ed25519.SeedSize:], public) {
		return nil, errMismatch
	}
	return k, nil
}

func readECDSA(name string, in *cryptobyte.String) (*ecdsa.PrivateKey, error) {
	var curveName, point cryptobyte.String
	var secret big.Int
	if !readString(in, &curveName) || !readString(in, &point) || !readNumber(in, &secret) {
		return nil, errCutOff
	}
	curve, known := curves(name)
	if !known || string(curveName) != name {
		return nil, fmt.Errorf("curve %.40q", curveName)
	}
	if secret.Cmp(curve.Params().N) >= 0 {
		return nil, errors.New("the secret number is out of range")
	}
	k, err := ecdsa.ParseRawPrivateKey(curve, secret.FillBytes(make([]byte, (curve.Params().BitSize+7)/8)))
	if err != nil {
		return nil, err
	}
	if made, err := k.PublicKey.Bytes(); err != nil || !bytes.Equal(made, point) {
		return nil, errMismatch
	}
	return k, nil
}

// publicLine writes a public key as the type and the base64 of RFC 4253, section 6.6; ok is false if OpenSSH has no such type.
func publicLine(public crypto.PublicKey) (line string, ok bool) {
	b := cryptobyte.NewBuilder(nil)
	var name string
	switch public := public.(type) {
	case *rsa.PublicKey:
		name = rsaName
		addString(b, []byte(name))
		addNumber(b, big.NewInt(int64(public.E)))
		addNumber(b, public.N)
	case ed25519.PublicKey:
		name = ed25519Name
		addString(b, []byte(name))
		addString(b, public)
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		curve := fmt.Sprintf("nistp%d", public.Params().BitSize)
		if _, known := curves(curve); err != nil || !known {
			return "", false
		}
		name = ecdsaPrefix + curve
		addString(b, []byte(name))
		addString(b, []byte(curve))
		addString(b, point)
	default:
		return "", false
	}
	return name + " " + base64.StdEncoding.EncodeToString(b.BytesOrPanic()), true // it is shorter than 4 GiB
}
