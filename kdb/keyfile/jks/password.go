package jks

import (
	"unicode/utf16"
	"unicode/utf8"
)

// passwordChars returns the characters of a password as Java sees them. A password that is not UTF-8 counts as ISO 8859-1.
func passwordChars(password []byte) []uint16 {
	if utf8.Valid(password) {
		return utf16.Encode([]rune(string(password)))
	}
	chars := make([]uint16, len(password))
	for i, b := range password {
		chars[i] = uint16(b)
	}
	return chars
}

// passwordUTF16 is the password as the digest and the key protection of JKS take it: two bytes a character, the
// most significant one first.
func passwordUTF16(password []byte) []byte {
	chars := passwordChars(password)
	out := make([]byte, 0, 2*len(chars))
	for _, c := range chars {
		out = append(out, byte(c>>8), byte(c))
	}
	return out
}
