package armour

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"
)

// bare collects base64 text without armour, as it is in some .arm and .cer files and in environment variables. It gives up at the
// first line that is something else.
type bare struct {
	text   []byte
	spoilt bool
}

// shortestBare is less than the shortest key or certificate takes.
const shortestBare = 40

// unquoted is base64 text without the quotes of JSON, as az keyvault prints it, or the beginning of a data URL (RFC 2397).
func unquoted(text []byte) []byte {
	text = bytes.Trim(text, `"'`)
	if !bytes.HasPrefix(text, []byte("data:")) {
		return text
	}
	_, encoded, _ := bytes.Cut(text, []byte(";base64,"))
	return encoded
}

func (b *bare) line(text []byte) {
	text = unquoted(text)
	if b.spoilt || len(text) == 0 {
		return
	}
	if !isBase64(text) || len(b.text)+len(text) > MaxBlock/3*4 {
		*b = bare{spoilt: true}
		return
	}
	b.text = append(b.text, text...)
}

func (b *bare) ok() bool { return !b.spoilt && len(b.text) >= shortestBare }

func isBase64(text []byte) bool {
	for _, c := range text {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return true
}

// explain turns an error of decoding base64 into one that names the line.
func (b *block) explain(err error) error {
	var at base64.CorruptInputError
	if !errors.As(err, &at) || int(at) > len(b.text) {
		return fmt.Errorf("decoding base64: %w", err)
	}
	line := b.first + bytes.Count(b.text[:at], []byte{'\n'})
	if int(at) < len(b.text) {
		if c, _ := utf8.DecodeRune(b.text[at:]); c != '\n' && !isBase64([]byte(string(c))) {
			return fmt.Errorf("line %d holds the character %q, which is not base64", line, c)
		}
	}
	return fmt.Errorf("the base64 text is damaged or cut off at line %d", min(line, b.first+bytes.Count(b.text, []byte{'\n'})-1))
}
