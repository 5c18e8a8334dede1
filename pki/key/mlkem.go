package key

import (
	"bytes"
	"crypto/mlkem"
	"crypto/sha3"
	"fmt"
)

func mlkemSet(oid string) (lattice, bool) {
	switch oid {
	case oidMLKEM512:
		return lattice{"mlkem512", 64, 1632, 800}, true
	case oidMLKEM768:
		return lattice{"mlkem768", 64, 2400, 1184}, true
	case oidMLKEM1024:
		return lattice{"mlkem1024", 64, 3168, 1568}, true
	}
	return lattice{}, false
}

// publicMLKEM finds the encapsulation key: in the expanded form, which contains it, else computed from the seed.
func (info *privateInfo) publicMLKEM(set lattice) (string, []byte, error) {
	form, err := readLattice(set, info.key)
	if err != nil {
		return "", nil, err
	}
	var bits []byte
	if form.expanded != nil {
		if bits, err = mlkemExpandedPublic(set, form.expanded); err != nil {
			return "", nil, err
		}
	}
	if form.seed == nil {
		return info.described(bits)
	}
	computed, err := mlkemSeedPublic(set, form.seed)
	if err != nil {
		return "", nil, err
	}
	if bits != nil && !bytes.Equal(bits, computed) {
		return "", nil, fmt.Errorf("%w: an %s key whose seed and expanded form disagree (RFC 9935, section 6)", ErrParse, set.name)
	}
	return info.described(computed)
}

// mlkemExpandedPublic takes the encapsulation key out of dk = dkPKE ‖ ek ‖ H(ek) ‖ z (FIPS 203, algorithm 16) and
// makes the hash check of section 7.3.
func mlkemExpandedPublic(set lattice, dk []byte) ([]byte, error) {
	start := set.expanded - set.public - 64
	ek := dk[start : start+set.public]
	if sum := sha3.Sum256(ek); !bytes.Equal(sum[:], dk[start+set.public:start+set.public+32]) {
		return nil, fmt.Errorf("%w: an %s key whose hash of the encapsulation key is wrong (FIPS 203, 7.3)", ErrParse, set.name)
	}
	return ek, nil
}

// mlkemSeedPublic expands the seed.
func mlkemSeedPublic(set lattice, seed []byte) ([]byte, error) {
	switch set.name {
	case "mlkem768":
		dk, err := mlkem.NewDecapsulationKey768(seed)
		if err != nil {
			return nil, fmt.Errorf("%w: an %s key: %w", ErrUnsupported, set.name, err)
		}
		return dk.EncapsulationKey().Bytes(), nil
	case "mlkem1024":
		dk, err := mlkem.NewDecapsulationKey1024(seed)
		if err != nil {
			return nil, fmt.Errorf("%w: an %s key: %w", ErrUnsupported, set.name, err)
		}
		return dk.EncapsulationKey().Bytes(), nil
	}
	return mlkem512Keys(seed)
}
