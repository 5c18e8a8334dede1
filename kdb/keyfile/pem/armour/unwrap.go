package armour

import (
	"bytes"
	"encoding/base64"
)

// Unwrap returns the file that a text holds in base64: as the only block, whatever its type says (certutil -encode of Windows calls
// everything a certificate), or without armour, as Kubernetes, Azure and base64(1) write it. It is nil if the text holds something else. If
// whole is false, the text is the beginning of one, and so is what is returned.
func Unwrap(text []byte, whole bool) []byte {
	text = inUTF8(text)
	if _, block, armoured := bytes.Cut(text, []byte(BeginMark)); armoured {
		text = onlyBlock(block, whole)
	}
	return UnwrapBare(text, whole)
}

// inUTF8 is a text in UTF-8 without byte order mark.
func inUTF8(text []byte) []byte {
	if decoder := UTF16(text); decoder != nil {
		text, _ = decoder.Bytes(text) // what is not UTF-16 becomes U+FFFD
	}
	return bytes.TrimPrefix(text, []byte("\ufeff"))
}

// UnwrapBare is Unwrap of text that has no armour.
func UnwrapBare(text []byte, whole bool) []byte {
	text = unquoted(bytes.TrimSpace(inUTF8(text)))
	var digits []byte
	for field := range bytes.FieldsSeq(text) {
		if !isBase64(field) {
			return nil
		}
		digits = append(digits, field...)
	}
	digits = bytes.TrimRight(digits, "=")
	if !whole {
		digits = digits[:len(digits)/4*4]
	}
	if len(digits) < shortestBare {
		return nil
	}
	inner := make([]byte, base64.RawStdEncoding.DecodedLen(len(digits)))
	if _, err := base64.RawStdEncoding.Decode(inner, digits); err != nil {
		return nil
	}
	return inner
}

// onlyBlock is the base64 text of a block whose BEGIN was read; nil if there is more than that block.
func onlyBlock(text []byte, whole bool) []byte {
	_, text, ok := bytes.Cut(text, []byte(closeMark))
	body, after, ended := bytes.Cut(text, []byte(EndMark))
	if !ended {
		body, _, _ = bytes.Cut(body, []byte("-")) // the beginning of END
	}
	if !ok || !ended && whole || bytes.Contains(body, []byte(BeginMark)) || bytes.Contains(after, []byte(BeginMark)) {
		return nil
	}
	return body
}
