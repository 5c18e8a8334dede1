package armour

import (
	"bytes"
	"slices"
)

// known are the last words of the types that people write by hand in small letters. A heading between dashes may begin with the same word
// as a marker, and is none.
var known = []string{"CERTIFICATE", "KEY", "REQUEST", "CRL", "PKCS7", "PKCS12", "CMS", "PARAMETERS"}

// capitals returns a marker in capitals if a line is one that is not, such as "-----begin certificate-----", which no program takes for
// one; else nil.
func capitals(text []byte) []byte {
	const longest = len(EndMark) + 64 + len(closeMark)
	if len(text) > longest || !bytes.HasPrefix(text, []byte(closeMark)) {
		return nil
	}
	upper := bytes.ToUpper(text)
	typ, isMarker := bytes.CutSuffix(upper, []byte(closeMark))
	isMarker = isMarker && (bytes.HasPrefix(typ, []byte(BeginMark)) || bytes.HasPrefix(typ, []byte(EndMark)))
	if !isMarker || bytes.Equal(upper, text) || !slices.Contains(known, string(typ[bytes.LastIndexByte(typ, ' ')+1:])) {
		return nil
	}
	return upper
}
