package ber

import "fmt"

// Reader reads elements in their order and keeps the first error.
type Reader struct {
	Rest []byte
	Err  error
}

// Peek returns the tag of the next element, 0 if there is none.
func (r *Reader) Peek() byte {
	if r.Err != nil || len(r.Rest) == 0 {
		return 0
	}
	return r.Rest[0]
}

// Content returns the content of the next element, which must have the tag.
func (r *Reader) Content(tag byte, what string) []byte {
	if r.Err != nil {
		return nil
	}
	found, content, rest, err := Next(r.Rest)
	switch {
	case err != nil:
		r.Err = fmt.Errorf("%s: %w", what, err)
	case found != tag:
		r.Err = fmt.Errorf("%s: tag 0x%02x where 0x%02x belongs", what, found, tag)
	}
	r.Rest = rest
	return content
}

// Enter returns a reader for what is inside the next element.
func (r *Reader) Enter(tag byte, what string) *Reader {
	return &Reader{Rest: r.Content(tag, what), Err: r.Err}
}

// Whole returns the next element with its tag and length.
func (r *Reader) Whole() (byte, []byte) {
	n, err := Length(r.Rest)
	if err != nil {
		r.Err = err
		return 0, nil
	}
	whole := r.Rest[:n:n]
	r.Rest = r.Rest[n:]
	return whole[0], whole
}
