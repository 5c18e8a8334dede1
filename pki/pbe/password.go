package pbe

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Encoding is how the characters of a password become bytes.
type Encoding uint8

// The encodings of passwords found in files.
const (
	// EncodingStandard is what the standards say: a BMPString with terminator for the schemes of PKCS #12 (RFC 7292,
	// appendix B.1; characters beyond the BMP as surrogates), the bytes as given for PBES1, PBES2 and PBMAC1. A
	// password that is not UTF-8 counts as ISO 8859-1, as in OpenSSL.
	EncodingStandard Encoding = iota
	// EncodingBytes makes a character of the BMPString out of each byte, as OpenSSL before 1.1 did whatever the locale.
	EncodingBytes
	// EncodingLatin1 makes a byte of each character under PBES1 and PBES2, as Bouncy Castle does unless told otherwise.
	EncodingLatin1
	// EncodingBMP uses the BMPString for PBES1 and PBES2 as well, as NSS before 3.31 did in PKCS #12 files.
	EncodingBMP
	// EncodingUTF8 reads a password that is not UTF-8 as ISO 8859-1 and writes it as UTF-8, under PBES1 and PBES2: the password file has
	// another encoding than the terminal at which the password was chosen.
	EncodingUTF8
)

// Encodings returns the encodings worth trying with a password, most likely first: only the standard one for ASCII
// unless bmp asks for PBES2 with a BMPString too.
func Encodings(password []byte, bmp bool) []Encoding {
	list := []Encoding{EncodingStandard}
	if !ascii(password) && utf8.Valid(password) {
		list = append(list, EncodingBytes, EncodingLatin1)
	}
	if !utf8.Valid(password) {
		list = append(list, EncodingUTF8)
	}
	if bmp {
		list = append(list, EncodingBMP)
	}
	return list
}

// attempt is one reading of a password.
type attempt struct {
	password []byte
	encoding Encoding
}

// attempts returns the readings of a password that give different keys under the scheme.
func (s *scheme) attempts(password []byte) []attempt {
	var list []attempt
	for _, encoding := range Encodings(password, false) {
		// EncodingBytes makes a difference for the BMPString alone, EncodingLatin1 for everything else.
		if encoding == EncodingStandard || (encoding == EncodingBytes) == s.kdf.bmp() {
			list = append(list, attempt{password, encoding})
		}
	}
	if len(password) == 0 && s.kdf.bmp() {
		list = append(list, attempt{nil, EncodingStandard}, attempt{[]byte{}, EncodingStandard})
	}
	return list
}

// bmpString encodes a password for the key derivation of RFC 7292, appendix B: UTF-16, most significant byte first,
// followed by two zero bytes. An absent password is nothing at all.
func bmpString(password []byte, encoding Encoding) []byte {
	if password == nil {
		return nil
	}
	var units []uint16
	if encoding == EncodingBytes || !utf8.Valid(password) {
		for _, b := range password {
			units = append(units, uint16(b))
		}
	} else {
		units = utf16.Encode([]rune(string(password)))
	}
	out := make([]byte, 0, 2*len(units)+2)
	for _, u := range units {
		out = append(out, byte(u>>8), byte(u))
	}
	return append(out, 0, 0)
}

// octets encodes a password for PBKDF1, PBKDF2 and scrypt.
func octets(password []byte, encoding Encoding) []byte {
	switch encoding {
	case EncodingBMP:
		return bmpString(password, encoding)
	case EncodingLatin1:
		return latin1(password)
	case EncodingUTF8:
		return fromLatin1(password)
	}
	return password
}

// fromLatin1 makes a character of each byte.
func fromLatin1(password []byte) []byte {
	out := make([]byte, 0, 2*len(password))
	for _, b := range password {
		out = utf8.AppendRune(out, rune(b))
	}
	return out
}

// latin1 keeps the low byte of each character.
func latin1(password []byte) []byte {
	out := make([]byte, 0, len(password))
	for _, r := range string(password) {
		out = append(out, byte(r))
	}
	return out
}

func ascii(s []byte) bool {
	for _, b := range s {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
