package key

import (
	"crypto"
	"crypto/x509"
	"fmt"
)

// Types returns the types of keys that are made here.
func Types() []string {
	return []string{"rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521", "ed25519", "mldsa44", "mldsa65", "mldsa87"}
}

// FromGo encodes a private key of Go's crypto packages.
func FromGo(k crypto.PrivateKey) (Private, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return Private{}, fmt.Errorf("encoding a private key: %w: %w", ErrUnsupported, err)
	}
	return ReadPrivate(der)
}
