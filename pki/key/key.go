// Package key reads, describes and makes private and public keys.
//
// [ReadPrivate] takes PKCS #8 (RFC 5208, RFC 5958), PKCS #1 (RFC 8017), SEC 1 (RFC 5915) and OpenSSL's traditional DSA
// form, in DER. Keys that Go cannot compute with are recognised, named and kept byte for byte too, and their public
// key is found where the encoding or arithmetic gives it, so that they can be matched to their certificates.
//
//	k, err := key.ReadPrivate(der)
//	if err != nil { … }
//	fmt.Println(k.Type)                  // "p256"
//	same := key.SameKey(k.SPKI, certSPKI)
//
// It reads no PEM, decrypts nothing (package pbe does) and knows no files.
package key

import (
	"crypto"
	"errors"
	"fmt"
)

// What can be wrong with a key.
var (
	// ErrParse: the bytes are not the key that their form says.
	ErrParse = errors.New("malformed key")
	// ErrEncrypted: the bytes are an EncryptedPrivateKeyInfo; decrypt them first.
	ErrEncrypted = errors.New("the private key is encrypted")
	// ErrUnsupported: the algorithm is not known, or this program cannot compute with the key.
	ErrUnsupported = errors.New("unsupported")
	// ErrSignature: the signature is wrong.
	ErrSignature = errors.New("the signature does not verify")
)

// Limits on what is read or computed with, so that no input costs more than milliseconds.
const (
	maxEncoding = 1 << 20 // bytes of a key; the largest known here, RSA of 16384 bits, has under 10 000
	maxRSABits  = 16384   // as in OpenSSL (OPENSSL_RSA_MAX_MODULUS_BITS)
	maxDSABits  = 10000   // as in OpenSSL (OPENSSL_DSA_MAX_MODULUS_BITS, OPENSSL_DH_MAX_MODULUS_BITS)
)

// Private is a private key in its encoding.
type Private struct {
	// PKCS8 is the PrivateKeyInfo in DER: as it came if it came so, else built around the form that came.
	PKCS8 []byte
	// Type names the key as [DescribePublic] does: "rsa2048", "p256", "mldsa65", …
	Type string
	// SPKI is the SubjectPublicKeyInfo in DER; nil if it is neither in the encoding nor computable.
	SPKI []byte
}

// Signer returns the key for signing with Go's crypto packages. The error wraps [ErrUnsupported] if Go cannot compute
// with it: then it can be kept, matched and exported, but not be used for issuing or handshakes.
func (p Private) Signer() (crypto.Signer, error) {
	info, err := parsePKCS8(p.PKCS8)
	if err != nil {
		return nil, err
	}
	signer, err := info.signer()
	if err != nil {
		return nil, fmt.Errorf("using a private key of type %s: %w", p.Type, err)
	}
	return signer, nil
}

// String names the type, so that a key that is printed by mistake shows no secret.
func (p Private) String() string { return "private key of type " + p.Type }

// GoString is String, for %#v.
func (p Private) GoString() string { return p.String() }

// malformed makes an error that wraps [ErrParse].
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrParse, fmt.Errorf(format, args...))
}
