package native

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"

	"certkdb/commands/op"
)

// printable is [op.Printable].
func printable(s string) string { return op.Printable(s) }

// visible is a writer for text. It escapes what a terminal may take for a command, no matter where it comes from.
type visible struct{ w io.Writer }

func (v visible) Write(p []byte) (int, error) {
	_, err := io.WriteString(v.w, op.PrintableText(string(p)))
	return len(p), err
}

// cell is a value of a CSV row. An apostrophe in front keeps a spreadsheet from taking it for a formula; a lone dash stands for nothing.
func cell(value string) string {
	if value != "-" && value != "" && strings.ContainsRune("=+-@\t\r", rune(value[0])) {
		value = "'" + value
	}
	return printable(value)
}

// cells makes a CSV row.
func cells(values ...string) []string {
	for i := range values {
		values[i] = cell(values[i])
	}
	return values
}

// escapeJSON escapes in JSON what a terminal may take for a command. It can only stand within strings; below 0x20 nothing is left to do.
func escapeJSON(body []byte) []byte {
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
