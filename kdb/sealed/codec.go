package sealed

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"certkdb/kdb"
)

// encoder appends the fields of a record. Numbers are big-endian; strings and lists have their length in front as an
// unsigned varint of the least length.
type encoder struct{ b []byte }

func (e *encoder) u8(v uint8)       { e.b = append(e.b, v) }
func (e *encoder) u16(v uint16)     { e.b = binary.BigEndian.AppendUint16(e.b, v) }
func (e *encoder) u32(v uint32)     { e.b = binary.BigEndian.AppendUint32(e.b, v) }
func (e *encoder) u64(v uint64)     { e.b = binary.BigEndian.AppendUint64(e.b, v) }
func (e *encoder) raw(v []byte)     { e.b = append(e.b, v...) }
func (e *encoder) uvarint(v uint64) { e.b = binary.AppendUvarint(e.b, v) }

func (e *encoder) string(v string) {
	e.uvarint(uint64(len(v)))
	e.b = append(e.b, v...)
}

func (e *encoder) bytes(v []byte) {
	e.uvarint(uint64(len(v)))
	e.b = append(e.b, v...)
}

func (e *encoder) strings(list []string) {
	e.uvarint(uint64(len(list)))
	for _, s := range list {
		e.string(s)
	}
}

// time stores seconds: 0 is the zero time, else 1 + the zigzag form of the Unix time.
func (e *encoder) time(t time.Time) {
	if t.IsZero() {
		e.uvarint(0)
		return
	}
	seconds := t.Unix()
	e.uvarint(uint64(seconds<<1^seconds>>63) + 1)
}

// decoder takes fields off a record. After the first error everything is zero; [decoder.end] tells the error.
type decoder struct {
	b   []byte
	err error
	// text is the whole record if its strings are to share memory, which spares an allocation for each of them.
	text string
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: a record has %s", kdb.ErrCorrupt, what)
	}
	d.b = nil
}

// take returns the next n bytes, or nil.
func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail("a field that is cut off")
		return nil
	}
	field := d.b[:n:n]
	d.b = d.b[n:]
	return field
}

func (d *decoder) fixed(n uint64) []byte {
	if field := d.take(n); d.err == nil {
		return field
	}
	return make([]byte, n)
}

func (d *decoder) u8() uint8   { return d.fixed(1)[0] }
func (d *decoder) u16() uint16 { return binary.BigEndian.Uint16(d.fixed(2)) }
func (d *decoder) u32() uint32 { return binary.BigEndian.Uint32(d.fixed(4)) }
func (d *decoder) u64() uint64 { return binary.BigEndian.Uint64(d.fixed(8)) }

func (d *decoder) hash() (h [32]byte) {
	copy(h[:], d.fixed(32))
	return h
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || n > 1 && d.b[n-1] == 0 {
		d.fail("a bad number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

func (d *decoder) string() string {
	field := d.bytes()
	if d.text == "" {
		return string(field)
	}
	end := len(d.text) - len(d.b)
	return d.text[end-len(field) : end]
}

// length reads the number of elements of a list, each of which takes a byte at least.
func (d *decoder) length() int {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail("a list that is cut off")
		return 0
	}
	return int(n)
}

func (d *decoder) strings() []string {
	n := d.length()
	if n == 0 {
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, d.string())
	}
	return list
}

func (d *decoder) time() time.Time {
	v := d.uvarint()
	if v == 0 {
		return time.Time{}
	}
	v--
	seconds := int64(v>>1) ^ -int64(v&1)
	if seconds < math.MinInt32*int64(100) || seconds > math.MaxInt32*int64(1000) {
		d.fail("a time out of range")
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// end reports the first error; bytes that are left are one.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail(fmt.Sprintf("%d bytes too many", len(d.b)))
	}
	return d.err
}
