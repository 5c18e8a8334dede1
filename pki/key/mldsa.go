package key

import (
	"bytes"
	"crypto"
	"crypto/mldsa"
	"fmt"

	"certkdb/pki/oid"
)

// lattice describes a parameter set of ML-DSA (FIPS 204) or ML-KEM (FIPS 203) by its encodings' sizes.
type lattice struct {
	name                   string
	seed, expanded, public int
}

func mldsaSet(id string) (lattice, bool) {
	switch id {
	case oid.MLDSA44:
		return lattice{"mldsa44", 32, 2560, 1312}, true
	case oid.MLDSA65:
		return lattice{"mldsa65", 32, 4032, 1952}, true
	case oid.MLDSA87:
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

// publicMLDSA derives the public key from the seed or the expanded form; if both are there they must agree.
func (info *privateInfo) publicMLDSA(set lattice) (string, []byte, error) {
	form, err := readLattice(set, info.key)
	if err != nil {
		return "", nil, err
	}
	if form.seed == nil {
		_, bits, err := readExpandedMLDSA(set, form.expanded)
		if err != nil {
			return "", nil, err
		}
		return info.described(bits)
	}
	k, err := mldsa.NewPrivateKey(set.mldsa(), form.seed)
	if err != nil {
		return "", nil, fmt.Errorf("%w: an %s key: %w", ErrUnsupported, set.name, err)
	}
	if form.expanded != nil {
		expanded, err := mldsaExpand(set, form.seed)
		if err != nil {
			return "", nil, fmt.Errorf("%w: an %s key: %w", ErrUnsupported, set.name, err)
		}
		if !bytes.Equal(expanded, form.expanded) {
			return "", nil, fmt.Errorf("%w: an %s key whose seed and expanded form disagree (RFC 9881, section 6)", ErrParse, set.name)
		}
	}
	return info.described(k.PublicKey().Bytes())
}

func (info *privateInfo) mldsaSigner(set lattice) (crypto.Signer, error) {
	form, err := readLattice(set, info.key)
	if err != nil {
		return nil, err
	}
	if form.seed == nil {
		return newExpandedSigner(set, form.expanded)
	}
	return mldsa.NewPrivateKey(set.mldsa(), form.seed)
}

// dimensions are those of the matrix A, section 4.
func (l lattice) dimensions() (k, el int) {
	switch l.name {
	case "mldsa44":
		return 4, 4
	case "mldsa65":
		return 6, 5
	}
	return 8, 7
}

// etaPacking is the width in which coefficients between -eta and eta are packed.
func (l lattice) etaPacking() (bits int, eta uint32) {
	if l.name == "mldsa65" {
		return 4, 4
	}
	return 3, 2
}

// packedCoefficient reads number i of numbers of so many bits, at most 8.
func packedCoefficient(packed []byte, i, bits int) uint32 {
	at := i * bits
	window := uint32(packed[at/8])
	if at/8+1 < len(packed) {
		window |= uint32(packed[at/8+1]) << 8
	}
	return window >> (at % 8) & (1<<bits - 1)
}

// shortVectorsInRange checks that s1 and s2, packed in 3 bits a coefficient where eta is 2 and 4 where it is 4, hold
// no number above 2·eta: BitUnpack (FIPS 204, algorithm 19) would make one that no key has.
func (l lattice) shortVectorsInRange(expanded []byte) bool {
	k, el := l.dimensions()
	bits, eta := l.etaPacking()
	packed := expanded[128 : 128+(k+el)*32*bits]
	for i := range (k + el) * 256 {
		if packedCoefficient(packed, i, bits) > 2*eta {
			return false
		}
	}
	return true
}
