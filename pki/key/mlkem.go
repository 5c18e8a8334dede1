package key

import (
	"bytes"
	"crypto/sha3"
	"fmt"

	"certkdb/pki/oid"
)

func mlkemSet(id string) (lattice, bool) {
	switch id {
	case oid.MLKEM512:
		return lattice{"mlkem512", 64, 1632, 800}, true
	case oid.MLKEM768:
		return lattice{"mlkem768", 64, 2400, 1184}, true
	case oid.MLKEM1024:
		return lattice{"mlkem1024", 64, 3168, 1568}, true
	}
	return lattice{}, false
}

// publicMLKEM finds the encapsulation key: computed from the seed, else in the expanded form, which contains it. If both
// are there they must agree.
func (info *privateInfo) publicMLKEM(set lattice) (string, []byte, error) {
	form, err := readLattice(set, info.key)
	if err != nil {
		return "", nil, err
	}
	if form.seed == nil {
		ek, err := mlkemExpandedPublic(set, form.expanded)
		if err != nil {
			return "", nil, err
		}
		return info.described(ek)
	}
	ek, dk, err := mlkemExpand(set, form.seed)
	if err != nil {
		return "", nil, fmt.Errorf("%w: an %s key: %w", ErrUnsupported, set.name, err)
	}
	if form.expanded != nil && !bytes.Equal(form.expanded, dk) {
		return "", nil, fmt.Errorf("%w: an %s key whose seed and expanded form disagree (RFC 9935, section 6)", ErrParse, set.name)
	}
	return info.described(ek)
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
