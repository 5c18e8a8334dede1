package pbe

import (
	"crypto/rand"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/pki/oid"
)

// Scheme is a way to encrypt with a password that is written here.
type Scheme uint8

// The schemes that are written.
const (
	// AES256 is PBES2: PBKDF2 with HMAC-SHA-256, AES-256-CBC. Everything from OpenSSL 1.1.1 and Java 12 on reads it.
	AES256 Scheme = iota
	// AES128 is the same with AES-128-CBC.
	AES128
	// Scrypt is PBES2: scrypt (N=16384, r=8, p=1, as much as OpenSSL takes), AES-256-CBC. OpenSSL 1.1.0, pyca and others read it.
	Scrypt
	// TripleDES is pbeWithSHAAnd3-KeyTripleDES-CBC of PKCS #12, for what was made before 2010. It is weak.
	TripleDES
	// RC2of40 is pbeWithSHAAnd40BitRC2-CBC of PKCS #12, which old programs use for certificates. It hides nothing.
	RC2of40
	// GSKit is pbeWithSHA1AndTripleDES-CBC of a draft of PKCS #12, with which IBM's GSKit seals keys in CMS databases of versions 3 and 4:
	// like TripleDES, but over the bytes of the password. It is weak, and nothing else reads it.
	GSKit
)

var schemeNames = [...]string{AES256: "aes256", AES128: "aes128", Scrypt: "scrypt", TripleDES: "3des", RC2of40: "rc2-40", GSKit: "gskit"}

// DefaultIterations is what [EncryptPKCS8] has PBKDF2 do: OWASP's advice of 2023 for HMAC-SHA-256.
const DefaultIterations = 600_000

const (
	legacyIterations = 2048 // what OpenSSL wrote with the schemes of PKCS #12
	gskitIterations  = 5    // in every file of GSKit
)

// scryptN, scryptR and scryptP are those of "openssl pkcs8 -scrypt"; more memory OpenSSL would refuse to read.
const (
	scryptN = 16384
	scryptR = 8
	scryptP = 1
)

// String returns the scheme's name: aes256, aes128, scrypt, 3des, rc2-40 or gskit.
func (s Scheme) String() string {
	if int(s) < len(schemeNames) {
		return schemeNames[s]
	}
	return fmt.Sprintf("scheme-%d", uint8(s))
}

// EncryptPKCS8 wraps a PrivateKeyInfo into an EncryptedPrivateKeyInfo (RFC 5958, section 3) with the scheme's own cost.
func EncryptPKCS8(pkcs8, password []byte, scheme Scheme) ([]byte, error) {
	algorithm, ciphertext, err := Encrypt(pkcs8, password, scheme, 0)
	if err != nil {
		return nil, fmt.Errorf("encrypting a private key with %s: %w", scheme, err)
	}
	return JoinPKCS8(algorithm, ciphertext), nil
}

// JoinPKCS8 is the inverse of [SplitPKCS8].
func JoinPKCS8(algorithm, ciphertext []byte) []byte {
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(algorithm)
			b.AddASN1OctetString(ciphertext)
		})
	})
}

// Encrypt encrypts with a random salt and IV and returns the AlgorithmIdentifier (DER) and the ciphertext. With 0
// iterations the scheme's own number is used; scrypt has a fixed cost.
func Encrypt(plain, password []byte, scheme Scheme, iterations int) (algorithm, ciphertext []byte, err error) {
	if iterations == 0 {
		iterations = scheme.iterations()
	}
	random := make([]byte, 32)
	rand.Read(random)
	salt, iv := random[:16], random[16:]
	switch scheme {
	case AES256:
		algorithm = pbes2(oidAES256CBC, iv, func(b *cryptobyte.Builder) { addPBKDF2(b, salt, iterations, 0) })
	case AES128:
		algorithm = pbes2(oidAES128CBC, iv, func(b *cryptobyte.Builder) { addPBKDF2(b, salt, iterations, 0) })
	case Scrypt:
		algorithm = pbes2(oidAES256CBC, iv, func(b *cryptobyte.Builder) { addScrypt(b, salt) })
	case TripleDES:
		algorithm = saltedAlgorithm(oidPBETripleDES, salt[:8], iterations)
	case RC2of40:
		algorithm = saltedAlgorithm(oidPBERC2of40, salt[:8], iterations)
	case GSKit:
		algorithm = saltedAlgorithm(oidGSKit, salt[:8], iterations)
	default:
		return nil, nil, fmt.Errorf("%w: %s", ErrUnsupported, scheme)
	}
	s, err := parseScheme(algorithm)
	if err != nil {
		return nil, nil, err
	}
	ciphertext, err = s.encrypt(plain, password)
	return algorithm, ciphertext, err
}

func (s Scheme) iterations() int {
	switch s {
	case TripleDES, RC2of40:
		return legacyIterations
	case GSKit:
		return gskitIterations
	}
	return DefaultIterations
}

func pbes2(cipher string, iv []byte, addKDF func(*cryptobyte.Builder)) []byte {
	return build(func(b *cryptobyte.Builder) {
		oid.AddAlgorithm(b, oidPBES2, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				addKDF(b)
				oid.AddAlgorithm(b, cipher, func(b *cryptobyte.Builder) { b.AddASN1OctetString(iv) })
			})
		})
	})
}

func saltedAlgorithm(id string, salt []byte, iterations int) []byte {
	return build(func(b *cryptobyte.Builder) {
		oid.AddAlgorithm(b, id, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(salt)
				b.AddASN1Int64(int64(iterations))
			})
		})
	})
}

// addPBKDF2 adds PBKDF2 with HMAC-SHA-256; the key length is left out if it is 0.
func addPBKDF2(b *cryptobyte.Builder, salt []byte, iterations, keyLength int) {
	oid.AddAlgorithm(b, oidPBKDF2, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1OctetString(salt)
			b.AddASN1Int64(int64(iterations))
			if keyLength > 0 {
				b.AddASN1Int64(int64(keyLength))
			}
			oid.AddAlgorithm(b, oidHMACSHA256, (*cryptobyte.Builder).AddASN1NULL)
		})
	})
}

func addScrypt(b *cryptobyte.Builder, salt []byte) {
	oid.AddAlgorithm(b, oidScrypt, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1OctetString(salt)
			b.AddASN1Int64(scryptN)
			b.AddASN1Int64(scryptR)
			b.AddASN1Int64(scryptP)
		})
	})
}

// build runs a builder whose input cannot make it fail.
func build(f func(*cryptobyte.Builder)) []byte {
	b := cryptobyte.NewBuilder(nil)
	f(b)
	return b.BytesOrPanic()
}
