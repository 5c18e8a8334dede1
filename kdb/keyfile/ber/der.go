package ber

import (
	"errors"
	"fmt"
)

// Bounds of what is read (X.690 sets none).
const (
	maxSize = 256 << 20
	// maxStringDepth bounds strings made of strings. BoringSSL's test data has about a hundred levels.
	maxStringDepth = 1024
)

// DER returns the first element of BER data in DER's framing: definite and minimal lengths, strings in one piece. The
// order of SETs and the content of primitive elements stay as they are. What is in that form already is not copied.
func DER(data []byte) (der, rest []byte, err error) {
	if len(data) > maxSize {
		return nil, nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrSyntax, len(data), maxSize)
	}
	r := transcoder{data: data}
	framed, err := r.skip(0)
	if err == nil && framed {
		return data[:r.pos:r.pos], data[r.pos:], nil
	}
	if err == nil {
		r.pos = 0
		der, err = r.rewrite(make([]byte, 0, len(data)), 0)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("BER at offset %d: %w", r.pos, err)
	}
	return der, data[r.pos:], nil
}

// transcoder rewrites BER. Unlike [Head] it knows tags of several bytes.
type transcoder struct {
	data []byte
	pos  int
}

// header is the identifier and length of an element.
type header struct {
	tag     []byte // the identifier octets
	length  int    // -1 if indefinite
	minimal bool   // the length is DER's
}

func (h header) constructed() bool { return h.tag[0]&0x20 != 0 }

// brokenString says that the element is a string in pieces: a universal string type (X.690, 8.7, 8.23) marked constructed.
func (h header) brokenString() bool {
	if len(h.tag) != 1 || h.tag[0]&0xe0 != 0x20 {
		return false
	}
	switch number := h.tag[0] & 0x1f; number {
	case 4, 12, 23, 24, 26, 27, 28, 30:
		return true
	default:
		return number >= 18 && number <= 22
	}
}

func (r *transcoder) next() (byte, error) {
	if r.pos >= len(r.data) {
		return 0, ErrShort
	}
	r.pos++
	return r.data[r.pos-1], nil
}

func (r *transcoder) header() (h header, err error) {
	start := r.pos
	b, err := r.next()
	if err != nil {
		return h, err
	}
	if b&0x1f == 0x1f {
		for b = 0x80; b&0x80 != 0; {
			if b, err = r.next(); err != nil || r.pos-start > 5 {
				return h, errors.Join(fmt.Errorf("%w: bad identifier", ErrSyntax), err)
			}
		}
	}
	h.tag = r.data[start:r.pos]
	h.length, h.minimal, err = r.readLength()
	if err == nil && h.length < 0 && !h.constructed() {
		err = fmt.Errorf("%w: a primitive element of indefinite length", ErrSyntax)
	}
	return h, err
}

func (r *transcoder) readLength() (length int, minimal bool, err error) {
	b, err := r.next()
	if err != nil {
		return 0, false, err
	}
	if b == 0x80 {
		return -1, false, nil
	}
	length, minimal = int(b), true
	if b > 0x80 {
		length = 0
		for n := int(b & 0x7f); n > 0; n-- {
			if b, err = r.next(); err != nil || length > maxSize {
				return 0, false, errors.Join(fmt.Errorf("%w: bad length", ErrSyntax), err)
			}
			minimal = minimal && (length > 0 || b > 0) // no leading zero
			length = length<<8 | int(b)
		}
		minimal = minimal && length >= 0x80
	}
	if length > len(r.data)-r.pos {
		return 0, false, ErrShort
	}
	return length, minimal, nil
}

// skip walks over an element and reports whether its framing is DER's.
func (r *transcoder) skip(depth int) (bool, error) {
	h, err := r.header()
	if err != nil || h.length < 0 || !h.minimal || h.brokenString() {
		return false, err
	}
	end := r.pos + h.length
	if !h.constructed() {
		r.pos = end
		return true, nil
	}
	if depth > maxNesting {
		return false, fmt.Errorf("%w: nested more than %d deep", ErrSyntax, maxNesting)
	}
	inner := transcoder{data: r.data[:end], pos: r.pos}
	for inner.pos < end {
		if framed, err := inner.skip(depth + 1); err != nil || !framed {
			r.pos = inner.pos
			return false, err
		}
	}
	r.pos = end
	return true, nil
}

// rewrite appends an element in DER's framing to out.
func (r *transcoder) rewrite(out []byte, depth int) ([]byte, error) {
	h, err := r.header()
	if err != nil {
		return nil, err
	}
	start := len(out)
	switch {
	case h.brokenString():
		if out, err = r.join(out, h, depth); err != nil {
			return nil, err
		}
		return frame(out, start, []byte{h.tag[0] &^ 0x20}), nil
	case !h.constructed():
		out = append(out, r.data[r.pos:r.pos+h.length]...)
		r.pos += h.length
		return frame(out, start, h.tag), nil
	case depth > maxNesting:
		return nil, fmt.Errorf("%w: nested more than %d deep", ErrSyntax, maxNesting)
	}
	inner := r.enter(h)
	for !inner.atEnd(h) && err == nil {
		out, err = inner.rewrite(out, depth+1)
	}
	if r.pos = inner.pos; err != nil {
		return nil, err
	}
	return frame(out, start, h.tag), nil
}

// enter returns a reader of what is within h.
func (r *transcoder) enter(h header) transcoder {
	if h.length < 0 {
		return *r
	}
	return transcoder{data: r.data[:r.pos+h.length], pos: r.pos}
}

// atEnd says whether nothing is left within h, and reads what closes an indefinite length.
func (r *transcoder) atEnd(h header) bool {
	if h.length < 0 {
		return r.endOfContents()
	}
	return r.pos == len(r.data)
}

// endOfContents reads the two zero bytes that close an indefinite length, if they are there.
func (r *transcoder) endOfContents() bool {
	if len(r.data)-r.pos < 2 || r.data[r.pos] != 0 || r.data[r.pos+1] != 0 {
		return false
	}
	r.pos += 2
	return true
}

// join appends the content of a string that is in pieces. Each piece has the string's own type or is an OCTET STRING (X.690, 8.23.2).
func (r *transcoder) join(out []byte, h header, depth int) ([]byte, error) {
	if depth > maxStringDepth {
		return nil, fmt.Errorf("%w: a string in more than %d levels of pieces", ErrSyntax, maxStringDepth)
	}
	inner := r.enter(h)
	var err error
	for !inner.atEnd(h) && err == nil {
		out, err = inner.piece(out, h, depth)
	}
	r.pos = inner.pos
	return out, err
}

// piece appends one piece of the string h.
func (r *transcoder) piece(out []byte, h header, depth int) ([]byte, error) {
	p, err := r.header()
	if err != nil {
		return nil, err
	}
	if number := p.tag[0] &^ 0x20; len(p.tag) != 1 || number != 4 && number != h.tag[0]&^0x20 {
		return nil, fmt.Errorf("%w: a string with a piece of type %02x", ErrSyntax, p.tag)
	}
	if p.constructed() {
		return r.join(out, p, depth+1)
	}
	out = append(out, r.data[r.pos:r.pos+p.length]...)
	r.pos += p.length
	return out, nil
}

// frame puts a tag and a DER length before what was appended since start.
func frame(out []byte, start int, tag []byte) []byte {
	length := len(out) - start
	head := append(make([]byte, 0, 16), tag...)
	if length < 0x80 {
		head = append(head, byte(length))
	} else {
		n := 1
		for length>>(8*n) > 0 {
			n++
		}
		head = append(head, 0x80|byte(n))
		for n--; n >= 0; n-- {
			head = append(head, byte(length>>(8*n)))
		}
	}
	out = append(out, head...)
	copy(out[start+len(head):], out[start:start+length])
	copy(out[start:], head)
	return out
}
