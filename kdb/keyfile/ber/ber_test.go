package ber_test

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"

	"certkdb/kdb/keyfile/ber"
)

func TestHead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		data         string
		tag          byte
		size, length int
		err          error
	}{
		{"\x02\x01\x05", ber.Integer, 2, 1, nil},
		{"\x30\x00", ber.Sequence, 2, 0, nil},
		{"\x30\x80\x00\x00", ber.Sequence, 2, -1, nil},
		{"\x04\x81\x80", ber.OctetString, 3, 128, nil},
		{"\x04\x82\x01\x00", ber.OctetString, 4, 256, nil},
		{"\x04\x84\x00\x00\x00\x02", ber.OctetString, 6, 2, nil}, // more bytes than needed: BER allows it
		{"\x04\x88\x00\x00\x00\x00\x00\x00\x00\x02", ber.OctetString, 10, 2, nil},
		{"", 0, 0, 0, ber.ErrShort},
		{"\x30", 0, 0, 0, ber.ErrShort},
		{"\x30\x82\x01", 0, 0, 0, ber.ErrShort},
		{"\x1f\x85\x01\x00", 0, 0, 0, ber.ErrSyntax},
		{"\x30\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01", 0, 0, 0, ber.ErrSyntax},
		{"\x04\x89\x00\x00\x00\x00\x00\x00\x00\x00\x01x", 0, 0, 0, ber.ErrSyntax},
		{"\x30\x88\x7f\xff\xff\xff\xff\xff\xff\xff", 0, 0, 0, ber.ErrSyntax},
		{"\x30\xff" + strings.Repeat("\xff", 127), 0, 0, 0, ber.ErrSyntax},
	} {
		tag, size, length, err := ber.Head([]byte(c.data))
		if tag != c.tag || size != c.size || length != c.length || !errors.Is(err, c.err) {
			t.Errorf("%x: tag %x, %d + %d, %v; want tag %x, %d + %d, %v", c.data, tag, size, length, err, c.tag, c.size, c.length, c.err)
		}
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		data, content, rest string
		err                 error
	}{
		{"\x02\x01\x05rest", "\x05", "rest", nil},
		{"\x30\x03\x02\x01\x05rest", "\x02\x01\x05", "rest", nil},
		{"\x30\x80\x02\x01\x05\x00\x00rest", "\x02\x01\x05", "rest", nil},
		{"\x30\x80\x30\x80\x00\x00\x04\x02\x00\x00\x00\x00rest", "\x30\x80\x00\x00\x04\x02\x00\x00", "rest", nil},
		{"\x30\x80\x00\x00", "", "", nil},
		{"\x30\x80", "", "", ber.ErrShort},
		{"\x30\x80\x02\x01\x05\x00", "", "", ber.ErrShort},
		{"\x30\x05\x02\x01\x05", "", "", ber.ErrShort},
		{"\x04\x80\x00\x00", "", "", ber.ErrSyntax}, // a primitive one cannot be indefinite (X.690, 8.1.3.2)
		{strings.Repeat("\x30\x80", 100_000), "", "", ber.ErrSyntax},
		{
			strings.Repeat("\x30\x80", 60) + strings.Repeat("\x00\x00", 60), strings.Repeat("\x30\x80", 59) + strings.Repeat("\x00\x00", 59), "",
			nil,
		},
	} {
		_, content, rest, err := ber.Next([]byte(c.data))
		if string(content) != c.content || string(rest) != c.rest || !errors.Is(err, c.err) {
			t.Errorf("%.40x: %x %q, %v; want %x %q, %v", c.data, content, rest, err, c.content, c.rest, c.err)
		}
		if n, err := ber.Length([]byte(c.data)); !errors.Is(err, c.err) || c.err == nil && n != len(c.data)-len(c.rest) {
			t.Errorf("%.40x: length %d, %v", c.data, n, err)
		}
	}
}

// FuzzNext: an element ends within its input, and DER that encoding/asn1 reads is cut as it cuts it.
func FuzzNext(f *testing.F) {
	for _, seed := range []string{"", "\x30\x03\x02\x01\x05rest", "\x30\x80\x30\x80\x00\x00\x00\x00", "\x04\x84\xff\xff\xff\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tag, content, rest, err := ber.Next(data)
		var raw asn1.RawValue
		theirs, theirErr := asn1.Unmarshal(data, &raw)
		if err != nil {
			if theirErr == nil && raw.Tag < 31 && data[0]&0x1f != 0x1f {
				t.Errorf("%x is DER and was refused: %v", data, err)
			}
			return
		}
		if len(content)+len(rest) > len(data) || tag != data[0] {
			t.Errorf("%x: content and rest are longer than the input", data)
		}
		if theirErr == nil && (!bytes.Equal(theirs, rest) || !bytes.Equal(raw.Bytes, content)) {
			t.Errorf("%x: cut otherwise than encoding/asn1 does", data)
		}
	})
}

// TestNesting_isBounded: 64 levels and what is in them are read, 65 are not, in either kind of length.
func TestNesting_isBounded(t *testing.T) {
	t.Parallel()
	nest := func(levels int, indefinite bool) []byte {
		data := []byte("\x05\x00")
		for range levels {
			if indefinite {
				data = append(append([]byte("\x30\x80"), data...), 0, 0)
			} else {
				data = asn1Sequence(t, data)
			}
		}
		return data
	}
	for _, indefinite := range []bool{true, false} {
		for levels, want := range map[int]error{64: nil, 65: nil, 66: ber.ErrSyntax} {
			data := nest(levels, indefinite)
			der, rest, err := ber.DER(data)
			if !errors.Is(err, want) || err == nil && (!bytes.Equal(der, nest(levels, false)) || len(rest) > 0) {
				t.Errorf("%d levels, indefinite %v: %x, %v, want %v", levels, indefinite, der, err, want)
			}
		}
	}
	for levels, want := range map[int]error{63: nil, 64: nil, 65: ber.ErrSyntax} {
		if _, err := ber.Length(nest(levels, true)); !errors.Is(err, want) {
			t.Errorf("length of %d levels: %v, want %v", levels, err, want)
		}
	}
}

func asn1Sequence(t *testing.T, content []byte) []byte {
	t.Helper()
	der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: content})
	if err != nil {
		t.Fatal(err)
	}
	return der
}
