package key

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 certificates signed by DSA exist; whether they count is for the caller to say
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	"fmt"
	"math/big"
	"sync"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// signatureKind is a family of signature algorithms.
type signatureKind uint8

const (
	kindRSA signatureKind = iota
	kindPSS
	kindECDSA
	kindDSA
	kindPure // Ed25519, Ed448, ML-DSA: the algorithm and the key have the same identifier
)

type signatureScheme struct {
	kind   signatureKind
	digest crypto.Hash // 0 for kindPSS, whose parameters name it, and kindPure
}

// signatureSchemes are the signature algorithms of RFC 3279, 4055, 5758, 8410, 8692 (without SHAKE), 9881 and NIST's SHA-3 ones.
// The map is only read.
var signatureSchemes = sync.OnceValue(func() map[string]signatureScheme {
	return map[string]signatureScheme{
		oid.RSAWithMD5:         {kindRSA, crypto.MD5},
		oid.RSAWithSHA1:        {kindRSA, crypto.SHA1},
		oid.OIWRSAWithSHA1:     {kindRSA, crypto.SHA1},
		oid.RSAWithSHA224:      {kindRSA, crypto.SHA224},
		oid.RSAWithSHA256:      {kindRSA, crypto.SHA256},
		oid.RSAWithSHA384:      {kindRSA, crypto.SHA384},
		oid.RSAWithSHA512:      {kindRSA, crypto.SHA512},
		oid.RSAWithSHA512Of224: {kindRSA, crypto.SHA512_224},
		oid.RSAWithSHA512Of256: {kindRSA, crypto.SHA512_256},
		oid.RSAWithSHA3Of224:   {kindRSA, crypto.SHA3_224},
		oid.RSAWithSHA3Of256:   {kindRSA, crypto.SHA3_256},
		oid.RSAWithSHA3Of384:   {kindRSA, crypto.SHA3_384},
		oid.RSAWithSHA3Of512:   {kindRSA, crypto.SHA3_512},
		oid.RSAPSS:             {kindPSS, 0},
		oid.ECDSAWithSHA1:      {kindECDSA, crypto.SHA1},
		oid.ECDSAWithSHA224:    {kindECDSA, crypto.SHA224},
		oid.ECDSAWithSHA256:    {kindECDSA, crypto.SHA256},
		oid.ECDSAWithSHA384:    {kindECDSA, crypto.SHA384},
		oid.ECDSAWithSHA512:    {kindECDSA, crypto.SHA512},
		oid.ECDSAWithSHA3Of224: {kindECDSA, crypto.SHA3_224},
		oid.ECDSAWithSHA3Of256: {kindECDSA, crypto.SHA3_256},
		oid.ECDSAWithSHA3Of384: {kindECDSA, crypto.SHA3_384},
		oid.ECDSAWithSHA3Of512: {kindECDSA, crypto.SHA3_512},
		oid.DSAWithSHA1:        {kindDSA, crypto.SHA1},
		oid.DSAWithSHA224:      {kindDSA, crypto.SHA224},
		oid.DSAWithSHA256:      {kindDSA, crypto.SHA256},
		oid.DSAWithSHA384:      {kindDSA, crypto.SHA384},
		oid.DSAWithSHA512:      {kindDSA, crypto.SHA512},
		oid.Ed25519:            {kindPure, 0},
		oid.Ed448:              {kindPure, 0},
		oid.MLDSA44:            {kindPure, 0},
		oid.MLDSA65:            {kindPure, 0},
		oid.MLDSA87:            {kindPure, 0},
	}
})

// SignatureDigest returns the digest of a signature algorithm; nil if the algorithm is unknown or has none of its own.
func SignatureDigest(a oid.Algorithm) *oid.Digest {
	s, ok := signatureSchemes()[a.OID]
	if !ok {
		return nil
	}
	if s.kind == kindPSS {
		p, err := parsePSS(a.Params)
		if err != nil {
			return nil
		}
		return p.digest
	}
	return oid.DigestOf(s.digest)
}

// CanonicalParams reports whether a signature algorithm has the parameters that its standard wants: NULL with RSA's PKCS #1 v1.5
// (RFC 4055, 5), none with the others (RFC 5758, 3.2; RFC 8410, 3; RFC 9881, 3). Those of RSASSA-PSS are read by [Verify], and those
// of an unknown algorithm are not judged.
func CanonicalParams(a oid.Algorithm) bool {
	s, known := signatureSchemes()[a.OID]
	switch {
	case !known || s.kind == kindPSS:
		return true
	case s.kind == kindRSA:
		return string(a.Params) == string(derNull)
	}
	return a.Params == nil
}

// CanonicalSPKI reports whether a public key's algorithm has the parameters that its standard wants: NULL with RSA (RFC 3279, 2.3.1), none
// with Edwards and Montgomery curves (RFC 8410, 3) and with ML-DSA (RFC 9881, 3). Those of other algorithms are not judged here.
func CanonicalSPKI(der []byte) bool {
	s, err := parseSPKI(der)
	if err != nil {
		return false
	}
	switch a := s.Algorithm; a.OID {
	case oid.RSA:
		return string(a.Params) == string(derNull)
	case oid.Ed25519, oid.Ed448, oid.X25519, oid.X448, oid.MLDSA44, oid.MLDSA65, oid.MLDSA87:
		return a.Params == nil
	}
	return true
}

// Verify checks the signature of a message. The error wraps [ErrSignature] if the signature is wrong or the key is not of the algorithm's
// kind, and [ErrUnsupported] if the algorithm is unknown. Weak digests and short keys are for the caller to judge.
func Verify(public *PublicKey, a oid.Algorithm, message, signature []byte) error {
	s, ok := signatureSchemes()[a.OID]
	if !ok {
		return fmt.Errorf("%w signature algorithm %s (%s)", ErrUnsupported, oid.Name(a.OID), a.OID)
	}
	switch s.kind {
	case kindRSA:
		return verifyRSA(public, oid.DigestOf(s.digest), message, signature)
	case kindPSS:
		return verifyPSS(public, a, message, signature)
	case kindECDSA:
		pub, ok := public.Key.(*ecdsa.PublicKey)
		return verdict(ok, ok && ecdsa.VerifyASN1(pub, oid.DigestOf(s.digest).Sum(message), signature), a)
	case kindDSA:
		pub, ok := public.Key.(*dsa.PublicKey)
		return verdict(ok, ok && verifyDSA(pub, oid.DigestOf(s.digest).Sum(message), signature), a)
	}
	return verifyPure(public, a, message, signature)
}

// verdict makes an error of what a check found; fits says that the key is of the algorithm's kind.
func verdict(fits, good bool, a oid.Algorithm) error {
	switch {
	case !fits:
		return fmt.Errorf("%w: the key is not of the kind that %s needs", ErrSignature, oid.Name(a.OID))
	case !good:
		return ErrSignature
	}
	return nil
}

func verifyPure(public *PublicKey, a oid.Algorithm, message, signature []byte) error {
	if public.OID != a.OID {
		return verdict(false, false, a)
	}
	switch pub := public.Key.(type) {
	case ed25519.PublicKey:
		return verdict(true, ed25519.Verify(pub, message, signature), a)
	case *mldsa.PublicKey:
		return verdict(true, mldsa.Verify(pub, message, signature, nil) == nil, a)
	}
	return verdict(true, verifyEd448(public.Key, message, signature), a)
}

// verifyDSA reads Dss-Sig-Value (RFC 3279, 2.2.2) and cuts the digest to the length of q (FIPS 186-4, 4.6).
func verifyDSA(pub *dsa.PublicKey, hashed []byte, signature cryptobyte.String) bool {
	r, s := new(big.Int), new(big.Int)
	var seq cryptobyte.String
	if !signature.ReadASN1(&seq, asn1.SEQUENCE) || !signature.Empty() || !seq.ReadASN1Integer(r) || !seq.ReadASN1Integer(s) || !seq.Empty() {
		return false
	}
	return dsa.Verify(pub, hashed[:min(len(hashed), (pub.Q.BitLen()+7)/8)], r, s)
}

// verifyRSA checks RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2), which a key restricted to RSASSA-PSS must not make.
func verifyRSA(public *PublicKey, d *oid.Digest, message, signature []byte) error {
	pub, ok := public.Key.(*rsa.PublicKey)
	if !ok || public.OID == oid.RSAPSS {
		return fmt.Errorf("%w: the key is not an RSA key for PKCS #1 v1.5 signatures", ErrSignature)
	}
	if pub.N.BitLen() >= 1024 {
		if rsa.VerifyPKCS1v15(pub, d.Hash, d.Sum(message), signature) == nil {
			return nil
		}
		return ErrSignature
	}
	// crypto/rsa refuses keys below 1024 bits. Whether they are acceptable is for the caller to say: OpenSSL accepts them at
	// authentication level 0.
	if !verifySmallRSA(pub, d, d.Sum(message), signature) {
		return ErrSignature
	}
	return nil
}

// verifySmallRSA compares the recovered encoded message with the one that EMSA-PKCS1-v1_5 makes (RFC 8017, 9.2).
func verifySmallRSA(pub *rsa.PublicKey, d *oid.Digest, hashed, signature []byte) bool {
	size := pub.Size()
	s := new(big.Int).SetBytes(signature)
	info := digestInfo(d, hashed)
	if len(signature) != size || s.Cmp(pub.N) >= 0 || size < len(info)+11 {
		return false
	}
	want := make([]byte, size)
	want[1] = 1
	for i := 2; i < size-len(info)-1; i++ {
		want[i] = 0xff
	}
	copy(want[size-len(info):], info)
	got := s.Exp(s, big.NewInt(int64(pub.E)), pub.N).FillBytes(make([]byte, size))
	return string(got) == string(want)
}

// digestInfo encodes DigestInfo (RFC 8017, A.2.4).
func digestInfo(d *oid.Digest, hashed []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		oid.AddAlgorithm(b, d.OID, (*cryptobyte.Builder).AddASN1NULL)
		b.AddASN1OctetString(hashed)
	})
	return b.BytesOrPanic()
}
