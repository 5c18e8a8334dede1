package cert

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// NameConstraints are the subtrees of names that a CA's certificates may and may not have (RFC 5280, 4.2.1.10).
type NameConstraints struct {
	Permitted, Excluded []GeneralName
}

// ParseNameConstraints reads the value of the nameConstraints extension. Base distances other than the default are an
// error, as the standard forbids them and nobody can process them.
func ParseNameConstraints(der []byte) (*NameConstraints, error) {
	input := cryptobyte.String(der)
	var seq cryptobyte.String
	if !input.ReadASN1(&seq, asn1.SEQUENCE) || !input.Empty() {
		return nil, errors.New("reading name constraints: not a SEQUENCE")
	}
	var nc NameConstraints
	for number, list := range []*[]GeneralName{&nc.Permitted, &nc.Excluded} {
		tag := asn1.Tag(number).Constructed().ContextSpecific()
		if !seq.PeekASN1Tag(tag) {
			continue
		}
		var subtrees cryptobyte.String
		if !seq.ReadASN1(&subtrees, tag) {
			return nil, errors.New("reading name constraints: the subtrees are cut short")
		}
		var err error
		if *list, err = readSubtrees(subtrees); err != nil {
			return nil, fmt.Errorf("reading name constraints: %w", err)
		}
	}
	if !seq.Empty() {
		return nil, errors.New("reading name constraints: something else follows the subtrees")
	}
	if len(nc.Permitted)+len(nc.Excluded) == 0 {
		return nil, errors.New("reading name constraints: the list is empty")
	}
	return &nc, nil
}

func readSubtrees(list cryptobyte.String) ([]GeneralName, error) {
	var names []GeneralName
	if list.Empty() {
		return nil, errors.New("an empty list of subtrees")
	}
	for !list.Empty() {
		var subtree cryptobyte.String
		if !list.ReadASN1(&subtree, asn1.SEQUENCE) {
			return nil, errors.New("a subtree is not a SEQUENCE")
		}
		n, err := readGeneralName(&subtree)
		if err != nil {
			return nil, fmt.Errorf("subtree %d: %w", len(names)+1, err)
		}
		if err := checkDistance(subtree); err != nil {
			return nil, fmt.Errorf("subtree %d: %w", len(names)+1, err)
		}
		names = append(names, n)
	}
	return names, nil
}

// checkDistance accepts the minimum 0, written out against DER, and nothing else.
func checkDistance(rest cryptobyte.String) error {
	tag := asn1.Tag(0).ContextSpecific()
	if rest.PeekASN1Tag(tag) {
		var minimum int64
		if !rest.ReadASN1Int64WithTag(&minimum, tag) || minimum != 0 {
			return errors.New("its minimum distance is not 0")
		}
	}
	if !rest.Empty() {
		return errors.New("it has a maximum distance")
	}
	return nil
}
