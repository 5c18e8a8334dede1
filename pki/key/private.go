package key

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// ReadPrivate reads an unencrypted private key in DER: PKCS #8, PKCS #1, SEC 1 or the traditional DSA form.
// The error wraps [ErrEncrypted], [ErrUnsupported] (no private key algorithm known here) or [ErrParse].
func ReadPrivate(der []byte) (Private, error) {
	if len(der) > maxEncoding {
		return Private{}, fmt.Errorf("%w: a private key of %d bytes, at most %d are read", ErrParse, len(der), maxEncoding)
	}
	pkcs8, err := toPKCS8(der)
	if err != nil {
		return Private{}, err
	}
	info, err := parsePKCS8(pkcs8)
	if err != nil {
		return Private{}, err
	}
	typ, spki, err := info.public()
	if err != nil {
		return Private{}, err
	}
	return Private{PKCS8: pkcs8, Type: typ, SPKI: spki}, nil
}

// toPKCS8 recognises the form by its first elements and wraps it in a PrivateKeyInfo unless it is one.
func toPKCS8(der []byte) ([]byte, error) {
	in := cryptobyte.String(der)
	var body cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) {
		return nil, fmt.Errorf("%w: it does not begin with a complete DER SEQUENCE", ErrParse)
	}
	if !in.Empty() {
		return nil, fmt.Errorf("%w: %d bytes follow the private key at offset %d", ErrParse, len(in), len(der)-len(in))
	}
	if isEncryptedInfo(body) {
		return nil, fmt.Errorf("%w: it is an EncryptedPrivateKeyInfo (RFC 5958, section 3)", ErrEncrypted)
	}
	if !body.SkipASN1(cbasn1.INTEGER) {
		return nil, fmt.Errorf("%w: no version number at its beginning", ErrParse)
	}
	switch {
	case body.PeekASN1Tag(cbasn1.SEQUENCE):
		return bytes.Clone(der), nil
	case body.PeekASN1Tag(cbasn1.OCTET_STRING):
		return wrapSEC1(der)
	case body.PeekASN1Tag(cbasn1.INTEGER):
		return wrapIntegers(der, body)
	}
	return nil, fmt.Errorf("%w: it has the form of no private key", ErrParse)
}

// isEncryptedInfo recognises SEQUENCE { AlgorithmIdentifier, OCTET STRING }.
func isEncryptedInfo(body cryptobyte.String) bool {
	return body.SkipASN1(cbasn1.SEQUENCE) && body.SkipASN1(cbasn1.OCTET_STRING) && body.Empty()
}

// wrapIntegers tells RSAPrivateKey (RFC 8017, A.1.2: nine integers, more for several primes) from the traditional DSA
// form (version, p, q, g, y, x). rest begins after the version.
func wrapIntegers(der []byte, rest cryptobyte.String) ([]byte, error) {
	var numbers []cryptobyte.String
	for rest.PeekASN1Tag(cbasn1.INTEGER) && len(numbers) < 9 {
		var n cryptobyte.String
		if !rest.ReadASN1Element(&n, cbasn1.INTEGER) {
			return nil, fmt.Errorf("%w: integer %d of the private key is cut off", ErrParse, len(numbers)+2)
		}
		numbers = append(numbers, n)
	}
	switch {
	case len(numbers) == 8:
		return buildPKCS8(oid.RSA, derNull, der)
	case len(numbers) == 5 && rest.Empty():
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, n := range numbers[:3] {
				b.AddBytes(n)
			}
		})
		params, err := b.Bytes()
		if err != nil {
			return nil, err
		}
		return buildPKCS8(oid.DSA, params, numbers[4])
	}
	return nil, fmt.Errorf("%w: %d integers, where RSA has 9 and DSA 6", ErrParse, len(numbers)+1)
}

// buildPKCS8 builds a PrivateKeyInfo of version 0 (RFC 5208, section 5).
func buildPKCS8(id string, params, key []byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		addAlgorithm(b, id, params)
		b.AddASN1OctetString(key)
	})
	return b.Bytes()
}

// privateInfo is a PrivateKeyInfo or OneAsymmetricKey (RFC 5958, section 2), parsed.
type privateInfo struct {
	raw    []byte
	id     string
	params []byte // the parameters' DER, empty if absent
	key    []byte // content of the OCTET STRING
	pub    []byte // content of publicKey, nil if absent
}

func parsePKCS8(der []byte) (*privateInfo, error) {
	info := &privateInfo{raw: der}
	in := cryptobyte.String(der)
	var body, key cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.SkipASN1(cbasn1.INTEGER) {
		return nil, fmt.Errorf("%w: not a PrivateKeyInfo (RFC 5958, section 2)", ErrParse)
	}
	algorithm, err := oid.ReadAlgorithm(&body)
	if err != nil {
		return nil, malformed("the algorithm of a PrivateKeyInfo: %w", err)
	}
	if !body.ReadASN1(&key, cbasn1.OCTET_STRING) {
		return nil, malformed("a PrivateKeyInfo without a key")
	}
	info.id, info.params, info.key = algorithm.OID, algorithm.Params, key
	return info, info.parseTail(body)
}

// parseTail reads attributes [0] and publicKey [1] IMPLICIT BIT STRING.
func (info *privateInfo) parseTail(tail cryptobyte.String) error {
	if !tail.SkipOptionalASN1(cbasn1.Tag(0).ContextSpecific().Constructed()) {
		return fmt.Errorf("%w: the attributes of a PrivateKeyInfo are cut off", ErrParse)
	}
	var pub cryptobyte.String
	var has bool
	if !tail.ReadOptionalASN1(&pub, &has, cbasn1.Tag(1).ContextSpecific()) {
		return fmt.Errorf("%w: the publicKey of a OneAsymmetricKey is cut off", ErrParse)
	}
	if has {
		if len(pub) < 2 || pub[0] != 0 {
			return fmt.Errorf("%w: the publicKey of a OneAsymmetricKey is not whole bytes", ErrParse)
		}
		info.pub = pub[1:]
	}
	if !tail.Empty() {
		return fmt.Errorf("%w: %d bytes too many at the end of a PrivateKeyInfo", ErrParse, len(tail))
	}
	return nil
}

// public returns the type and the SubjectPublicKeyInfo, nil if it cannot be had.
func (info *privateInfo) public() (string, []byte, error) {
	switch info.id {
	case oid.RSA, oid.X500RSA, oid.RSAPSS, oid.RSAOAEP:
		return info.publicRSA()
	case oid.EC, oid.ECDH, oid.ECMQV:
		return info.publicEC()
	case oid.DSA, oid.OIWDSA, oid.DH, oid.X942DH:
		return info.publicDSA()
	case oid.Ed25519, oid.X25519, oid.Ed448, oid.X448:
		return info.publicEdwards()
	}
	if set, ok := mldsaSet(info.id); ok {
		return info.publicMLDSA(set)
	}
	if set, ok := mlkemSet(info.id); ok {
		return info.publicMLKEM(set)
	}
	if name := otherAlgorithm(info.id); name != "" {
		return info.described(info.pub)
	}
	return "", nil, fmt.Errorf("%w private key algorithm %s", ErrUnsupported, info.id)
}

// described builds the SubjectPublicKeyInfo around the public key's bits, nil for none, and names it.
func (info *privateInfo) described(bits []byte) (string, []byte, error) {
	s := SPKI{Algorithm: oid.Algorithm{OID: info.id, Params: info.params}, Bits: bits}
	typ := s.Describe().Type
	if bits == nil {
		return typ, nil, nil
	}
	der, err := buildSPKI(info.id, info.params, bits)
	return typ, der, err
}

// publicRSA takes modulus and exponent from the RSAPrivateKey. The parameters of RSASSA-PSS stand in the public key too
// (RFC 4055, 1.2); rsaEncryption always gets its NULL (RFC 8017, A.1).
func (info *privateInfo) publicRSA() (string, []byte, error) {
	in := cryptobyte.String(info.key)
	var body, n, e cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.SkipASN1(cbasn1.INTEGER) ||
		!body.ReadASN1Element(&n, cbasn1.INTEGER) || !body.ReadASN1Element(&e, cbasn1.INTEGER) ||
		!body.SkipASN1(cbasn1.INTEGER) || !body.SkipASN1(cbasn1.INTEGER) || !body.SkipASN1(cbasn1.INTEGER) {
		return "", nil, fmt.Errorf("%w: an RSA key that is not an RSAPrivateKey (RFC 8017, A.1.2)", ErrParse)
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(n); b.AddBytes(e) })
	bits, err := b.Bytes()
	if err != nil {
		return "", nil, err
	}
	if rsaBits(bits) == 0 {
		return "", nil, fmt.Errorf("%w: an RSA key whose modulus is not positive", ErrParse)
	}
	if info.id == oid.RSA && len(info.params) == 0 {
		info.params = derNull
	}
	return info.described(bits)
}

// publicEdwards handles the curves of RFC 8410, whose private keys are an OCTET STRING in the OCTET STRING.
func (info *privateInfo) publicEdwards() (string, []byte, error) {
	secret, err := info.edwardsSecret()
	if err != nil {
		return "", nil, err
	}
	bits, err := edwardsPublic(info.id, secret)
	if err != nil {
		return "", nil, err
	}
	return info.described(bits)
}

// edwardsSecret returns the private key of RFC 8410, section 7, checking its length.
func (info *privateInfo) edwardsSecret() ([]byte, error) {
	in := cryptobyte.String(info.key)
	var secret cryptobyte.String
	if !in.ReadASN1(&secret, cbasn1.OCTET_STRING) || !in.Empty() {
		return nil, fmt.Errorf("%w: an %s key that is not a CurvePrivateKey (RFC 8410, section 7)", ErrParse, fixedType(info.id))
	}
	want := map[string]int{oid.Ed25519: 32, oid.X25519: 32, oid.X448: 56, oid.Ed448: 57}[info.id]
	if len(secret) != want {
		return nil, fmt.Errorf("%w: an %s key of %d bytes instead of %d", ErrParse, fixedType(info.id), len(secret), want)
	}
	return secret, nil
}

// signer makes the key usable.
func (info *privateInfo) signer() (crypto.Signer, error) {
	switch info.id {
	case oid.RSA, oid.X500RSA, oid.RSAPSS:
		return info.rsaSigner()
	case oid.EC:
		return info.ecSigner()
	case oid.Ed25519:
		secret, err := info.edwardsSecret()
		if err != nil {
			return nil, err
		}
		return ed25519.NewKeyFromSeed(secret), nil
	}
	if set, ok := mldsaSet(info.id); ok {
		return info.mldsaSigner(set)
	}
	return nil, fmt.Errorf("%w: signing with algorithm %s", ErrUnsupported, info.id)
}

func (info *privateInfo) rsaSigner() (*rsa.PrivateKey, error) {
	_, public, err := info.publicRSA()
	if err != nil {
		return nil, err
	}
	if bits := DescribePublic(public).Bits; bits > maxRSABits {
		return nil, fmt.Errorf("%w: an RSA modulus of %d bits, at most %d are computed with", ErrUnsupported, bits, maxRSABits)
	}
	k, err := x509.ParsePKCS1PrivateKey(info.key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return k, nil
}
