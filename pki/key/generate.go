package key

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
)

// Types returns the key types that [Generate] makes.
func Types() []string {
	return []string{"rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521", "ed25519", "mldsa44", "mldsa65", "mldsa87"}
}

// Generate makes a key of one of [Types]. Its PKCS #8 has the seed form for ML-DSA (RFC 9881, section 6) and, for elliptic
// curves, the public key with it.
func Generate(keyType string) (Private, error) {
	k, err := generate(keyType)
	if err != nil {
		return Private{}, fmt.Errorf("making a key: %w", err)
	}
	return FromGo(k)
}

func generate(keyType string) (crypto.Signer, error) {
	switch keyType {
	case "rsa2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "rsa3072":
		return rsa.GenerateKey(rand.Reader, 3072)
	case "rsa4096":
		return rsa.GenerateKey(rand.Reader, 4096)
	case "p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "ed25519":
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return k, err
	case "mldsa44":
		return mldsa.GenerateKey(mldsa.MLDSA44())
	case "mldsa65":
		return mldsa.GenerateKey(mldsa.MLDSA65())
	case "mldsa87":
		return mldsa.GenerateKey(mldsa.MLDSA87())
	}
	return nil, fmt.Errorf("%w: type %q, use one of %s", ErrUnsupported, keyType, strings.Join(Types(), ", "))
}

// FromGo encodes a private key of Go's crypto packages.
func FromGo(k crypto.PrivateKey) (Private, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return Private{}, fmt.Errorf("encoding a private key: %w: %w", ErrUnsupported, err)
	}
	return ReadPrivate(der)
}
