package cert

import (
	"errors"
	"fmt"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// signed is what certificates, requests and CRLs have in common: X.509's SIGNED type (RFC 5280, 4.1 and 5.1; RFC 2986, 4.2).
type signed struct {
	tbs       []byte // the element that is signed
	algorithm oid.Algorithm
	signature []byte
	unaligned bool // the signature is not a whole number of bytes
}

func readSigned(der cryptobyte.String) (s signed, err error) {
	var outer, tbs, signature cryptobyte.String
	switch {
	case !der.ReadASN1(&outer, asn1.SEQUENCE):
		return s, errors.New("it is not a DER SEQUENCE")
	case !der.Empty():
		return s, fmt.Errorf("%d bytes follow it", len(der))
	case !outer.ReadASN1Element(&tbs, asn1.SEQUENCE):
		return s, errors.New("it does not begin with a SEQUENCE to be signed")
	}
	if s.algorithm, err = oid.ReadAlgorithm(&outer); err != nil {
		return s, fmt.Errorf("its signature algorithm: %w", err)
	}
	if !outer.ReadASN1(&signature, asn1.BIT_STRING) || len(signature) == 0 || signature[0] > 7 {
		return s, errors.New("its signature is not a BIT STRING")
	}
	if !outer.Empty() {
		return s, fmt.Errorf("%d bytes follow its signature", len(outer))
	}
	s.tbs, s.signature, s.unaligned = tbs, signature[1:], signature[0] != 0
	return s, nil
}
