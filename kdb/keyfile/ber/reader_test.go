package ber_test

import (
	"errors"
	"strings"
	"testing"

	"certkdb/kdb/keyfile/ber"
)

func TestReader_readsInOrder(t *testing.T) {
	t.Parallel()
	r := &ber.Reader{Rest: []byte("\x30\x80\x02\x01\x05\x04\x02ab\x31\x00\x00\x00rest")}
	if tag := r.Peek(); tag != ber.Sequence {
		t.Errorf("the first tag is %#x", tag)
	}
	list := r.Enter(ber.Sequence, "the list")
	if number := list.Content(ber.Integer, "the number"); string(number) != "\x05" {
		t.Errorf("the number is %x", number)
	}
	if tag, whole := list.Whole(); tag != ber.OctetString || string(whole) != "\x04\x02ab" {
		t.Errorf("the octets are %x with tag %#x", whole, tag)
	}
	if set := list.Enter(ber.Set, "the set"); set.Err != nil || len(set.Rest) > 0 || set.Peek() != 0 {
		t.Errorf("the set holds %x, %v", set.Rest, set.Err)
	}
	if list.Err != nil || len(list.Rest) > 0 || r.Err != nil || string(r.Rest) != "rest" {
		t.Errorf("left are %q and %q, %v, %v", list.Rest, r.Rest, list.Err, r.Err)
	}
}

func TestReader_keepsTheFirstError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data string
		read func(*ber.Reader)
		want string
		is   error
	}{
		"another tag": {
			"\x02\x01\x05\x30\x00", func(r *ber.Reader) { r.Content(ber.Set, "the set") }, "the set: tag 0x02 where 0x31 belongs",
			nil,
		},
		"nothing":  {"", func(r *ber.Reader) { r.Content(ber.Set, "the set") }, "the set", ber.ErrShort},
		"cut off":  {"\x30\x05\x02", func(r *ber.Reader) { r.Enter(ber.Sequence, "the list") }, "the list", ber.ErrShort},
		"whole":    {"\x30\x05\x02", func(r *ber.Reader) { r.Whole() }, "cut off", ber.ErrShort},
		"a syntax": {"\x04\x80\x00\x00", func(r *ber.Reader) { r.Whole() }, "indefinite", ber.ErrSyntax},
		"within a set": {"\x31\x03\x02\x01\x05", func(r *ber.Reader) {
			*r = *r.Enter(ber.Set, "the set")
			r.Content(ber.Set, "inner")
		}, "inner", nil},
	} {
		r := &ber.Reader{Rest: []byte(c.data)}
		c.read(r)
		first := r.Err
		if first == nil || !strings.Contains(first.Error(), c.want) || c.is != nil && !errors.Is(first, c.is) {
			t.Errorf("%s: %v, want %q", name, first, c.want)
		}
		if r.Content(ber.Sequence, "more") != nil || r.Enter(ber.Sequence, "more").Err == nil || r.Peek() != 0 || r.Err != first {
			t.Errorf("%s: it goes on after %v", name, first)
		}
	}
}
