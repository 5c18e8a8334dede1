package javaser

import (
	"unicode/utf16"
	"unicode/utf8"
)

// DecodeText reads Java's modified UTF-8 (java.io.DataInput): NUL is C0 80, and a character beyond the BMP is a
// pair of surrogates of three bytes each. What is not modified UTF-8 is taken as ordinary UTF-8, which other writers
// put there; what is neither stays as it is and makes no label.
func DecodeText(b []byte) string {
	if ascii(b) {
		return string(b)
	}
	units := make([]uint16, 0, len(b))
	for i := 0; i < len(b); {
		unit, size := decodeUnit(b[i:])
		if size == 0 {
			return string(b)
		}
		units = append(units, unit)
		i += size
	}
	return string(utf16.Decode(units))
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// decodeUnit reads one UTF-16 unit of one to three bytes; the size is 0 if there is none.
func decodeUnit(b []byte) (unit uint16, size int) {
	continues := func(i int) bool { return i < len(b) && b[i]&0xC0 == 0x80 }
	switch {
	case b[0] < 0x80:
		return uint16(b[0]), 1
	case b[0]&0xE0 == 0xC0 && continues(1):
		return uint16(b[0]&0x1F)<<6 | uint16(b[1]&0x3F), 2
	case b[0]&0xF0 == 0xE0 && continues(1) && continues(2):
		return uint16(b[0]&0x0F)<<12 | uint16(b[1]&0x3F)<<6 | uint16(b[2]&0x3F), 3
	}
	return 0, 0
}

// EncodeText is the inverse of DecodeText.
func EncodeText(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, unit := range utf16.Encode([]rune(s)) {
		switch {
		case unit != 0 && unit < 0x80:
			out = append(out, byte(unit))
		case unit < 0x800:
			out = append(out, 0xC0|byte(unit>>6), 0x80|byte(unit&0x3F))
		default:
			out = append(out, 0xE0|byte(unit>>12), 0x80|byte(unit>>6&0x3F), 0x80|byte(unit&0x3F))
		}
	}
	return out
}
