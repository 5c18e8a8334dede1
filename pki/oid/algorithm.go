package oid

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Algorithm is an AlgorithmIdentifier (RFC 5280, 4.1.1.2).
type Algorithm struct {
	OID    string // dotted
	Name   string // "ecdsa-with-SHA256", or the OID
	Params []byte // DER of the parameters; nil if absent
	Raw    []byte
}

// ParseAlgorithm reads one AlgorithmIdentifier. der must hold nothing else.
func ParseAlgorithm(der []byte) (Algorithm, error) {
	input := cryptobyte.String(der)
	a, err := ReadAlgorithm(&input)
	if err == nil && !input.Empty() {
		err = fmt.Errorf("%d bytes follow it", len(input))
	}
	if err != nil {
		return Algorithm{}, fmt.Errorf("reading an algorithm identifier: %w", err)
	}
	return a, nil
}

// ReadAlgorithm reads the AlgorithmIdentifier at the beginning of from.
func ReadAlgorithm(from *cryptobyte.String) (Algorithm, error) {
	var raw, seq, id, params cryptobyte.String
	var tag asn1.Tag
	if !from.ReadASN1Element(&raw, asn1.SEQUENCE) {
		return Algorithm{}, errors.New("no SEQUENCE")
	}
	seq = raw
	if !seq.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
		return Algorithm{}, errors.New("no object identifier")
	}
	if !seq.Empty() && (!seq.ReadAnyASN1Element(&params, &tag) || !seq.Empty()) {
		return Algorithm{}, errors.New("the parameters are not one value")
	}
	dotted, err := Decode(id)
	if err != nil {
		return Algorithm{}, err
	}
	return Algorithm{OID: dotted, Name: Name(dotted), Params: params, Raw: raw}, nil
}

// HasParams reports whether there are parameters other than NULL.
func (a Algorithm) HasParams() bool { return len(a.Params) > 2 }

// AddAlgorithm adds an AlgorithmIdentifier. params adds the DER of the parameters; nil leaves them out.
func AddAlgorithm(b *cryptobyte.Builder, dotted string, params cryptobyte.BuilderContinuation) {
	content, err := Encode(dotted)
	if err != nil {
		b.SetError(err)
		return
	}
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(content) })
		if params != nil {
			params(b)
		}
	})
}
