package key

import (
	"bytes"
	"crypto"
	"crypto/mldsa"
	"crypto/sha3"
	"fmt"

	"github.com/cloudflare/circl/dh/x448"
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"
	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

// This file is the one importer of cloudflare/circl, for what Go has not: Ed448, X448, ML-KEM-512 and the
// expanded forms of ML-DSA and ML-KEM keys. It costs nothing at start-up.

// ed448Public derives an Ed448 public key (RFC 8032, 5.2.5).
func ed448Public(secret []byte) []byte {
	k := ed448.NewKeyFromSeed(secret)
	return k[len(k)-ed448.PublicKeySize:]
}

// readEd448 reads a public key (RFC 8410, 4).
func readEd448(bits []byte) (ed448.PublicKey, error) {
	if len(bits) != ed448.PublicKeySize {
		return nil, malformed("an Ed448 key of %d bytes instead of %d", len(bits), ed448.PublicKeySize)
	}
	return ed448.PublicKey(bits), nil
}

// verifyEd448 is false too if the key is of another kind.
func verifyEd448(public crypto.PublicKey, message, signature []byte) bool {
	pub, ok := public.(ed448.PublicKey)
	return ok && ed448.Verify(pub, message, signature, "")
}

// x448Public derives an X448 public key (RFC 7748, 6.2).
func x448Public(secret []byte) []byte {
	var public, k x448.Key
	copy(k[:], secret)
	x448.KeyGen(&public, &k)
	return public[:]
}

// mlkemExpand expands a seed (FIPS 203, algorithm 16) to the encapsulation and the decapsulation key.
func mlkemExpand(set lattice, seed []byte) (ek, dk []byte, err error) {
	scheme := mlkem1024.Scheme()
	switch set.name {
	case "mlkem512":
		scheme = mlkem512.Scheme()
	case "mlkem768":
		scheme = mlkem768.Scheme()
	}
	public, private := scheme.DeriveKeyPair(seed)
	if ek, err = public.MarshalBinary(); err != nil {
		return nil, nil, err
	}
	dk, err = private.MarshalBinary()
	return ek, dk, err
}

func mldsaScheme(set lattice) sign.Scheme {
	switch set.name {
	case "mldsa44":
		return mldsa44.Scheme()
	case "mldsa65":
		return mldsa65.Scheme()
	}
	return mldsa87.Scheme()
}

// mldsaExpand returns the expanded form of the private key of a seed (FIPS 204, algorithm 6).
func mldsaExpand(set lattice, seed []byte) ([]byte, error) {
	_, k := mldsaScheme(set).DeriveKey(seed)
	return k.MarshalBinary()
}

// readExpandedMLDSA decodes an expanded private key and derives its public key. Of the checks of RFC 9881, section 6, it makes those of
// the coefficients of s1 and s2 and of tr, the hash of the public key; whether t0 fits is left to a signature that must verify.
func readExpandedMLDSA(set lattice, expanded []byte) (sign.PrivateKey, []byte, error) {
	if !set.shortVectorsInRange(expanded) {
		return nil, nil, fmt.Errorf("%w: an %s key with a coefficient of s1 or s2 out of range (FIPS 204, algorithm 25)", ErrParse, set.name)
	}
	k, err := mldsaScheme(set).UnmarshalBinaryPrivateKey(expanded)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: an %s key: %w", ErrParse, set.name, err)
	}
	signer, ok := k.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("%w: an %s key in expanded form", ErrUnsupported, set.name)
	}
	encoder, ok := signer.Public().(interface{ MarshalBinary() ([]byte, error) })
	if !ok {
		return nil, nil, fmt.Errorf("%w: an %s key in expanded form", ErrUnsupported, set.name)
	}
	public, err := encoder.MarshalBinary()
	if err != nil {
		return nil, nil, err
	}
	if tr := sha3.SumSHAKE256(public, 64); !bytes.Equal(tr, expanded[64:128]) {
		return nil, nil, fmt.Errorf("%w: an %s key whose hash of the public key is wrong (FIPS 204, algorithm 6)", ErrParse, set.name)
	}
	if !mldsaVerifies(set, signer, public) {
		return nil, nil, fmt.Errorf("%w: an %s key whose signatures do not verify", ErrParse, set.name)
	}
	return k, public, nil
}

// mldsaVerifies signs once and verifies with Go's package.
func mldsaVerifies(set lattice, signer crypto.Signer, bits []byte) bool {
	public, err := mldsa.NewPublicKey(set.mldsa(), bits)
	if err != nil {
		return false
	}
	message := []byte("certkdb: does this key sign?")
	signature, err := signer.Sign(nil, message, crypto.Hash(0))
	return err == nil && mldsa.Verify(public, message, signature, nil) == nil
}

// expandedSigner signs with an expanded ML-DSA key, showing Go's public key to Go's packages.
type expandedSigner struct {
	crypto.Signer
	public *mldsa.PublicKey
}

// Public returns a *mldsa.PublicKey.
func (s expandedSigner) Public() crypto.PublicKey { return s.public }

func newExpandedSigner(set lattice, expanded []byte) (crypto.Signer, error) {
	k, bits, err := readExpandedMLDSA(set, expanded)
	if err != nil {
		return nil, err
	}
	public, err := mldsa.NewPublicKey(set.mldsa(), bits)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	signer, ok := k.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: signing with an expanded %s key", ErrUnsupported, set.name)
	}
	return expandedSigner{signer, public}, nil
}
