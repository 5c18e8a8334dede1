package key

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"fmt"

	"certkdb/pki/oid"
)

// edwardsPublic computes the public key of a secret of the right length.
func edwardsPublic(id string, secret []byte) ([]byte, error) {
	switch id {
	case oid.Ed25519:
		return ed25519.NewKeyFromSeed(secret).Public().(ed25519.PublicKey), nil
	case oid.X25519:
		k, err := ecdh.X25519().NewPrivateKey(secret)
		if err != nil {
			return nil, fmt.Errorf("%w: an x25519 key: %w", ErrParse, err)
		}
		return k.PublicKey().Bytes(), nil
	case oid.X448:
		return x448Public(secret), nil
	}
	return ed448Public(secret), nil
}
