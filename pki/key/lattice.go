package key

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// latticeKey is the private key of ML-DSA or ML-KEM: a seed, its expanded form, or both.
type latticeKey struct {
	seed, expanded []byte
	public         []byte // from the older form that has it after the private key
}

// readLattice reads the content of a PrivateKeyInfo's OCTET STRING, for ML-DSA by RFC 9881, section 6 and for ML-KEM by
// RFC 9935, section 6, which have the same three forms: [0] seed, OCTET STRING expanded, SEQUENCE of both. It also takes
// what was written before these existed: the bare seed or bare expanded key, and the private key with the public
// key after it (Open Quantum Safe), with or without an OCTET STRING around.
func readLattice(set lattice, der []byte) (latticeKey, error) {
	if k, ok := set.bare(der); ok {
		return k, nil
	}
	in := cryptobyte.String(der)
	var content cryptobyte.String
	var tag cbasn1.Tag
	if !in.ReadAnyASN1(&content, &tag) || !in.Empty() {
		return latticeKey{}, fmt.Errorf("%w: an %s key of %d bytes in no known form", ErrParse, set.name, len(der))
	}
	switch tag {
	case cbasn1.Tag(0).ContextSpecific():
		if len(content) == set.seed {
			return latticeKey{seed: content}, nil
		}
	case cbasn1.OCTET_STRING:
		if k, ok := set.bare(content); ok {
			return k, nil
		}
	case cbasn1.SEQUENCE:
		var k latticeKey
		var seed, expanded cryptobyte.String
		if content.ReadASN1(&seed, cbasn1.OCTET_STRING) && content.ReadASN1(&expanded, cbasn1.OCTET_STRING) &&
			content.Empty() && len(seed) == set.seed && len(expanded) == set.expanded {
			k.seed, k.expanded = seed, expanded
			return k, nil
		}
	}
	return latticeKey{}, fmt.Errorf("%w: an %s key whose seed or expanded form has the wrong length", ErrParse, set.name)
}

// bare recognises a key by its length alone.
func (l lattice) bare(b []byte) (latticeKey, bool) {
	switch len(b) {
	case l.seed:
		return latticeKey{seed: b}, true
	case l.expanded:
		return latticeKey{expanded: b}, true
	case l.expanded + l.public:
		return latticeKey{expanded: b[:l.expanded], public: b[l.expanded:]}, true
	}
	return latticeKey{}, false
}
