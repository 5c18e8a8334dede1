package path

import (
	"cmp"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 certificates signed by DSA exist; whether they count is for Options.Weak to say
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/md5"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"math/big"

	"certkdb/pki/cert"
	"certkdb/pki/oid"

	"github.com/cloudflare/circl/sign/ed448"
)

// Errors of signature checks, to tell a wrong signature from one that cannot be judged.
var (
	errSignature   = errors.New("the signature does not verify")
	errUnsupported = errors.New("unsupported")
	errUnaligned   = fmt.Errorf("%w: it is not a whole number of bytes", errSignature)
)

// digest is a hash function of signature algorithms. hash.Hash is made by fresh; id is Go's number, 0 if it has none.
type digest struct {
	oid   string
	bits  int
	id    crypto.Hash
	fresh func() hash.Hash
}

var (
	digestMD5     = &digest{"1.2.840.113549.2.5", 128, crypto.MD5, md5.New}
	digestSHA1    = &digest{"1.3.14.3.2.26", 160, crypto.SHA1, sha1.New}
	digestSHA224  = &digest{"2.16.840.1.101.3.4.2.4", 224, crypto.SHA224, sha256.New224}
	digestSHA256  = &digest{"2.16.840.1.101.3.4.2.1", 256, crypto.SHA256, sha256.New}
	digestSHA384  = &digest{"2.16.840.1.101.3.4.2.2", 384, crypto.SHA384, sha512.New384}
	digestSHA512  = &digest{"2.16.840.1.101.3.4.2.3", 512, crypto.SHA512, sha512.New}
	digest512t224 = &digest{"2.16.840.1.101.3.4.2.5", 224, crypto.SHA512_224, sha512.New512_224}
	digest512t256 = &digest{"2.16.840.1.101.3.4.2.6", 256, crypto.SHA512_256, sha512.New512_256}
	digestSHA3224 = &digest{"2.16.840.1.101.3.4.2.7", 224, crypto.SHA3_224, func() hash.Hash { return sha3.New224() }}
	digestSHA3256 = &digest{"2.16.840.1.101.3.4.2.8", 256, crypto.SHA3_256, func() hash.Hash { return sha3.New256() }}
	digestSHA3384 = &digest{"2.16.840.1.101.3.4.2.9", 384, crypto.SHA3_384, func() hash.Hash { return sha3.New384() }}
	digestSHA3512 = &digest{"2.16.840.1.101.3.4.2.10", 512, crypto.SHA3_512, func() hash.Hash { return sha3.New512() }}
)

// digests are those that the parameters of RSASSA-PSS may name.
var digests = [...]*digest{
	digestMD5, digestSHA1, digestSHA224, digestSHA256, digestSHA384, digestSHA512, digest512t224, digest512t256,
	digestSHA3224, digestSHA3256, digestSHA3384, digestSHA3512,
}

// kind is a family of signature algorithms.
type kind uint8

const (
	kindRSA kind = iota
	kindPSS
	kindECDSA
	kindDSA
	kindPure // Ed25519, Ed448, ML-DSA: the algorithm and the key have the same identifier
)

type scheme struct {
	kind   kind
	digest *digest // nil for kindPSS, whose parameters name it, and kindPure
}

// schemes are the signature algorithms of RFC 3279, 4055, 5758, 8410, 8692 (without SHAKE), 9881 and NIST's SHA-3 ones.
var schemes = map[string]scheme{
	"1.2.840.113549.1.1.4":    {kindRSA, digestMD5},
	"1.2.840.113549.1.1.5":    {kindRSA, digestSHA1},
	"1.3.14.3.2.29":           {kindRSA, digestSHA1},
	"1.2.840.113549.1.1.14":   {kindRSA, digestSHA224},
	"1.2.840.113549.1.1.11":   {kindRSA, digestSHA256},
	"1.2.840.113549.1.1.12":   {kindRSA, digestSHA384},
	"1.2.840.113549.1.1.13":   {kindRSA, digestSHA512},
	"1.2.840.113549.1.1.15":   {kindRSA, digest512t224},
	"1.2.840.113549.1.1.16":   {kindRSA, digest512t256},
	"2.16.840.1.101.3.4.3.13": {kindRSA, digestSHA3224},
	"2.16.840.1.101.3.4.3.14": {kindRSA, digestSHA3256},
	"2.16.840.1.101.3.4.3.15": {kindRSA, digestSHA3384},
	"2.16.840.1.101.3.4.3.16": {kindRSA, digestSHA3512},
	"1.2.840.113549.1.1.10":   {kindPSS, nil},
	"1.2.840.10045.4.1":       {kindECDSA, digestSHA1},
	"1.2.840.10045.4.3.1":     {kindECDSA, digestSHA224},
	"1.2.840.10045.4.3.2":     {kindECDSA, digestSHA256},
	"1.2.840.10045.4.3.3":     {kindECDSA, digestSHA384},
	"1.2.840.10045.4.3.4":     {kindECDSA, digestSHA512},
	"2.16.840.1.101.3.4.3.9":  {kindECDSA, digestSHA3224},
	"2.16.840.1.101.3.4.3.10": {kindECDSA, digestSHA3256},
	"2.16.840.1.101.3.4.3.11": {kindECDSA, digestSHA3384},
	"2.16.840.1.101.3.4.3.12": {kindECDSA, digestSHA3512},
	"1.2.840.10040.4.3":       {kindDSA, digestSHA1},
	"2.16.840.1.101.3.4.3.1":  {kindDSA, digestSHA224},
	"2.16.840.1.101.3.4.3.2":  {kindDSA, digestSHA256},
	"2.16.840.1.101.3.4.3.3":  {kindDSA, digestSHA384},
	"2.16.840.1.101.3.4.3.4":  {kindDSA, digestSHA512},
	oidEd25519:                {kindPure, nil},
	oidEd448:                  {kindPure, nil},
	oidMLDSA44:                {kindPure, nil},
	oidMLDSA65:                {kindPure, nil},
	oidMLDSA87:                {kindPure, nil},
}

// signatureDigest returns the digest of a signature algorithm, nil if it has none of its own.
func signatureDigest(a oid.Algorithm) *digest {
	s, ok := schemes[a.OID]
	if !ok {
		return nil
	}
	if s.kind == kindPSS {
		if p, err := parsePSS(a.Params); err == nil {
			return p.digest
		}
	}
	return s.digest
}

// verify checks a signature. The error wraps errUnsupported if the algorithm or the key is not known here.
func verify(key publicKey, a oid.Algorithm, message, signature []byte) error {
	s, ok := schemes[a.OID]
	if !ok {
		return fmt.Errorf("%w signature algorithm %s (%s)", errUnsupported, oid.Name(a.OID), a.OID)
	}
	if key.err != nil {
		return key.err
	}
	switch s.kind {
	case kindRSA:
		return verifyRSA(key, s.digest, message, signature)
	case kindPSS:
		return verifyPSS(key, a, message, signature)
	case kindECDSA:
		pub, ok := key.key.(*ecdsa.PublicKey)
		return verdict(ok, ok && ecdsa.VerifyASN1(pub, sum(s.digest, message), signature), a)
	case kindDSA:
		pub, ok := key.key.(*dsa.PublicKey)
		return verdict(ok, ok && verifyDSA(pub, sum(s.digest, message), signature), a)
	}
	return verifyPure(key, a, message, signature)
}

// CheckSignature checks what the key of a certificate has signed, beside certificates and CRLs: digests that are too weak and keys
// that do not fit are refused. Who may sign is not its business.
func CheckSignature(signer *cert.Certificate, a oid.Algorithm, message, signature []byte, w Weak) error {
	key := readKey(signer.RawSPKI, publicKey{})
	if key.oid == oidDSA && !w.AllowDSA {
		return errors.New("it is signed by a DSA key, which is not accepted")
	}
	if d := signatureDigest(a); d != nil && d.bits < cmp.Or(w.MinHash, 160) {
		return fmt.Errorf("its signature's digest %s is too weak", oid.Name(d.oid))
	}
	return verify(key, a, message, signature)
}

// verdict makes an error of what a check found; fits says that the key is of the algorithm's kind.
func verdict(fits, good bool, a oid.Algorithm) error {
	switch {
	case !fits:
		return fmt.Errorf("%w: the issuer's key is not of the kind that %s needs", errSignature, a.Name)
	case !good:
		return errSignature
	}
	return nil
}

func sum(d *digest, message []byte) []byte {
	h := d.fresh()
	h.Write(message)
	return h.Sum(nil)
}

func verifyPure(key publicKey, a oid.Algorithm, message, signature []byte) error {
	if key.oid != a.OID {
		return verdict(false, false, a)
	}
	switch pub := key.key.(type) {
	case ed25519.PublicKey:
		return verdict(true, ed25519.Verify(pub, message, signature), a)
	case ed448.PublicKey:
		return verdict(true, ed448.Verify(pub, message, signature, ""), a)
	case *mldsa.PublicKey:
		return verdict(true, mldsa.Verify(pub, message, signature, nil) == nil, a)
	}
	return verdict(false, false, a)
}

// verifyRSA checks RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2). A key that is restricted to RSASSA-PSS must not make it.
func verifyRSA(key publicKey, d *digest, message, signature []byte) error {
	pub, ok := key.key.(*rsa.PublicKey)
	if !ok || key.pss != nil || key.oid == oidPSS {
		return fmt.Errorf("%w: the issuer's key is no RSA key for PKCS #1 v1.5 signatures", errSignature)
	}
	if pub.N.BitLen() >= 1024 {
		if rsa.VerifyPKCS1v15(pub, d.id, sum(d, message), signature) == nil {
			return nil
		}
		return errSignature
	}
	// crypto/rsa refuses keys below 1024 bits; whether they are acceptable is for Options.Weak to say.
	if !verifySmallRSA(pub, d, sum(d, message), signature) {
		return errSignature
	}
	return nil
}

// verifySmallRSA compares the recovered encoded message with the one that EMSA-PKCS1-v1_5 makes (RFC 8017, 9.2).
func verifySmallRSA(pub *rsa.PublicKey, d *digest, hashed, signature []byte) bool {
	size := pub.Size()
	s := new(big.Int).SetBytes(signature)
	if len(signature) != size || s.Cmp(pub.N) >= 0 {
		return false
	}
	info := digestInfo(d, hashed)
	if size < len(info)+11 {
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
