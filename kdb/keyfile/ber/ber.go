// Package ber reads the basic encoding rules (X.690), which key files use more often than the distinguished ones: indefinite
// lengths, lengths in more bytes than needed, strings in pieces. It finds where elements begin and end, and rewrites them as
// DER; it decodes nothing.
//
//	tag, content, rest, err := ber.Next(data)
//	der, rest, err := ber.DER(data)
//
// Nesting and lengths are bounded, and no length is believed that the input does not have.
package ber

import (
	"errors"
	"fmt"
)

// The tags that are met in key files (X.690, 8.1.2). Constructed is set in the tags of what contains other elements.
const (
	Integer         = 0x02
	BitString       = 0x03
	OctetString     = 0x04
	ObjectID        = 0x06
	UTCTime         = 0x17
	GeneralizedTime = 0x18
	Sequence        = 0x30
	Set             = 0x31
	Context0        = 0xa0 // [0], constructed
	Constructed     = 0x20
)

// MaxHead is the longest tag and length that [Head] reads.
const MaxHead = 10

// maxNesting is more than twice the depth of what any key file holds.
const maxNesting = 64

// What can be wrong with an element.
var (
	ErrShort  = errors.New("cut off")
	ErrSyntax = errors.New("not in the basic encoding rules")
)

// Head reads a tag and a length: how many bytes they take, and how long the content is, -1 if its length is indefinite (X.690,
// 8.1.3.6). Tags of several bytes are refused: nothing in key files has them.
func Head(data []byte) (tag byte, size, length int, err error) {
	if len(data) < 2 {
		return 0, 0, 0, fmt.Errorf("%w in the middle of a tag or length", ErrShort)
	}
	tag, first := data[0], data[1]
	switch {
	case tag&0x1f == 0x1f:
		return 0, 0, 0, fmt.Errorf("%w: a tag of several bytes (0x%02x 0x%02x)", ErrSyntax, tag, first)
	case first < 0x80:
		return tag, 2, int(first), nil
	case first == 0x80:
		return tag, 2, -1, nil
	}
	n := int(first & 0x7f)
	if n > MaxHead-2 {
		return 0, 0, 0, fmt.Errorf("%w: a length of %d bytes", ErrSyntax, n)
	}
	if len(data) < 2+n {
		return 0, 0, 0, fmt.Errorf("%w in the middle of a tag or length", ErrShort)
	}
	for _, b := range data[2 : 2+n] {
		if length > 1<<40 {
			return 0, 0, 0, fmt.Errorf("%w: a length of more than 2^40 bytes", ErrSyntax)
		}
		length = length<<8 | int(b)
	}
	return tag, 2 + n, length, nil
}

// Length returns the length of the element that data begins with, tag and length included.
func Length(data []byte) (int, error) {
	total, _, err := measure(data, 0)
	return total, err
}

// Next cuts the first element off: its tag, its content without tag, length and end-of-contents octets, and what follows.
func Next(data []byte) (tag byte, content, rest []byte, err error) {
	total, end, err := measure(data, 0)
	if err != nil {
		return 0, nil, nil, err
	}
	tag, size, _, err := Head(data)
	return tag, data[size:end:end], data[total:], err
}

// measure returns the length of an element and where its content ends.
func measure(data []byte, depth int) (total, end int, err error) {
	tag, size, length, err := Head(data)
	switch {
	case err != nil:
		return 0, 0, err
	case depth > maxNesting:
		return 0, 0, fmt.Errorf("%w: nested more than %d deep", ErrSyntax, maxNesting)
	case length > len(data)-size:
		return 0, 0, fmt.Errorf("%w: %d bytes of %d are there", ErrShort, len(data), size+length)
	case length >= 0:
		return size + length, size + length, nil
	case tag&Constructed == 0:
		return 0, 0, fmt.Errorf("%w: a primitive element (tag 0x%02x) of indefinite length", ErrSyntax, tag)
	}
	for at := size; ; {
		if rest := data[at:]; len(rest) >= 2 && rest[0] == 0 && rest[1] == 0 {
			return at + 2, at, nil
		}
		n, _, err := measure(data[at:], depth+1)
		if err != nil {
			return 0, 0, err
		}
		at += n
	}
}
