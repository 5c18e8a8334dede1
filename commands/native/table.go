package native

import (
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
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, s)
}
