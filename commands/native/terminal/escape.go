package terminal

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"certkdb/commands/op"
)

// Cell is a value of a CSV row. An apostrophe in front keeps a spreadsheet from taking it for a formula; a lone dash stands for nothing.
func Cell(value string) string {
	if value != "-" && value != "" && strings.ContainsRune("=+-@\t\r", rune(value[0])) {
		value = "'" + value
	}
	return op.Printable(value)
}

// Cells makes a CSV row.
func Cells(values ...string) []string {
	for i := range values {
		values[i] = Cell(values[i])
	}
	return values
}

// EscapeJSON escapes in JSON what a terminal may take for a command. It can only stand within strings; below 0x20 nothing is left to do.
func EscapeJSON(body []byte) []byte {
	hidden := func(r rune) bool { return r != '\n' && op.Hidden(r) }
	if !slices.ContainsFunc(body, func(b byte) bool { return b != '\n' && (b < 0x20 || b >= 0x7f) }) {
		return body // decoding runes would take longer than making the JSON
	}
	var b bytes.Buffer
	for _, r := range string(body) {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}
