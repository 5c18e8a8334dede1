package native

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table aligns rows in columns.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table {
	return table{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)}
}

// row adds a row. Control characters in foreign text are replaced, so that no certificate can write on the screen.
func (t table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = printable(cell)
	}
	_, _ = io.WriteString(t.w, strings.Join(cells, "\t")+"\n") // errors come out of flush
}

func (t table) flush() error {
	return t.w.Flush()
}

// printable replaces what moves the cursor of a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if moves(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// moves says whether a terminal may take a character for a command: control characters, and those that change the direction of text.
func moves(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// escapeJSON escapes in JSON what moves the cursor of a terminal. It can only stand within strings; below 0x20 nothing is left to do.
func escapeJSON(body []byte) []byte {
	if !bytes.ContainsFunc(body, moves) {
		return body
	}
	var b bytes.Buffer
	for _, r := range string(body) {
		if moves(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.Bytes()
}
