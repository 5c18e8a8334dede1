package key

import (
	"bytes"
	"crypto"
	"crypto/mldsa"
	"fmt"
)

// lattice describes a parameter set of ML-DSA (FIPS 204) or ML-KEM (FIPS 203) by its encodings' sizes.
type lattice struct {
	name                   string
	seed, expanded, public int
}

func mldsaSet(oid string) (lattice, bool) {
	switch oid {
	case oidMLDSA44:
		return lattice{"mldsa44", 32, 2560, 1312}, true
	case oidMLDSA65:
		return lattice{"mldsa65", 32, 4032, 1952}, true
	case oidMLDSA87:
		return lattice{"mldsa87", 32, 4896, 2592}, true
	}
	return lattice{}, false
}

func (l lattice) mldsa() mldsa.Parameters {
	switch l.name {
	case "mldsa44":
		return mldsa.MLDSA44()
	case "mldsa65":
		return mldsa.MLDSA65()
	}
	return mldsa.MLDSA87()
}

// publicMLDSA finds the public key: computed from the seed, else beside the key.
func (info *privateInfo) publicMLDSA(set lattice) (string, []byte, error) {
	form, err := readLattice(set, info.key)
	if err != nil {
		return "", nil, err
	}
	if form.seed == nil {
		return info.described(first(form.public, info.pub))
	}
	k, err := mldsa.NewPrivateKey(set.mldsa(), form.seed)
	if err != nil {
		return "", nil, fmt.Errorf("%w: an %s key: %w", ErrUnsupported, set.name, err)
	}
	bits := k.PublicKey().Bytes()
	// rho is the beginning of both the expanded private key and the public key (FIPS 204, algorithms 22 and 24).
	if form.expanded != nil && !bytes.Equal(form.expanded[:32], bits[:32]) {
		return "", nil, fmt.Errorf("%w: an %s key whose seed and expanded form disagree (RFC 9881, section 6)", ErrParse, set.name)
	}
	return info.described(bits)
}

func (info *privateInfo) mldsaSigner(set lattice) (crypto.Signer, error) {
	form, err := readLattice(set, info.key)
	if err != nil {
		return nil, err
	}
	if form.seed == nil {
		return nil, fmt.Errorf("%w: Go's crypto/mldsa needs the seed, and this key has only its expanded form", ErrUnsupported)
	}
	return mldsa.NewPrivateKey(set.mldsa(), form.seed)
}

// first returns the first of its arguments that is there.
func first(candidates ...[]byte) []byte {
	for _, c := range candidates {
		if c != nil {
			return c
		}
	}
	return nil
}
