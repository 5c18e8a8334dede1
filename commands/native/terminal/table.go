package terminal

import (
	"io"
	"strings"

	"certkdb/commands/op"

	"github.com/rivo/uniseg"
)

// Table aligns rows in columns. On a screen it fits into the width: the widest columns are cut, or in a table of details the values
// continue below themselves.
type Table struct {
	w       io.Writer
	on      Screen
	details bool
	rows    []tableRow
}

type tableRow struct {
	cells  []string
	widths []int // in columns of a terminal
	colour Colour
}

const (
	gap       = "  " // between columns
	leastCell = 10   // columns are not cut below this width
	ellipsis  = "…"
)

// NewTable makes a table of rows that stand for things of one kind.
func NewTable(w io.Writer) *Table {
	return &Table{w: w, on: screenBehind(w)}
}

// NewTableOn makes a table for a screen that its writer does not know.
func NewTableOn(w io.Writer, on Screen) *Table { return &Table{w: w, on: on} }

// NewDetails makes a table of names and values, in which nothing is cut.
func NewDetails(w io.Writer) *Table {
	return &Table{w: w, on: screenBehind(w), details: true}
}

// Row adds a row. Control characters in foreign text are escaped, so that no certificate can write on the screen.
func (t *Table) Row(cells ...string) { t.Coloured(Plain, cells...) }

// Coloured adds a row that has a colour where there are colours.
func (t *Table) Coloured(c Colour, cells ...string) {
	r := tableRow{cells: make([]string, len(cells)), widths: make([]int, len(cells)), colour: c}
	for i, cell := range cells {
		r.cells[i] = op.Printable(cell)
		r.widths[i] = Width(r.cells[i])
	}
	t.rows = append(t.rows, r)
}

// Flush writes the rows.
func (t *Table) Flush() error {
	widths := t.widths()
	if t.on.Columns > 0 && !t.details {
		fit(widths, t.on.Columns)
	}
	var b strings.Builder
	for _, r := range t.rows {
		line := t.line(r, widths)
		if t.on.Colours {
			line = r.colour.paint(line)
		}
		b.WriteString(line + "\n")
	}
	t.rows = nil
	if f, ok := t.w.(*Writer); ok && (t.on.Colours || t.on.Isolates) {
		f.Bytes([]byte(b.String())) // all cells are printable
		return f.err
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

// Len is how many rows wait to be written.
func (t *Table) Len() int { return len(t.rows) }

// widths are those of the columns. The last cell of a row needs no room behind it.
func (t *Table) widths() []int {
	var widths []int
	for _, r := range t.rows {
		for i, n := range r.widths {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if !t.details || i < len(r.widths)-1 {
				widths[i] = max(widths[i], n)
			}
		}
	}
	return widths
}

// fit makes the widest columns narrower until all of them have room, or none can be cut any more.
func fit(widths []int, room int) {
	total := len(gap) * (len(widths) - 1)
	for _, n := range widths {
		total += n
	}
	for ; total > room; total-- {
		widest := 0
		for i, n := range widths {
			if n > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= leastCell {
			return
		}
		widths[widest]--
	}
}

// line is a row in columns of some widths.
func (t *Table) line(r tableRow, widths []int) string {
	var b strings.Builder
	used := 0
	for i, cell := range r.cells {
		n, last := r.widths[i], i == len(r.cells)-1
		if t.on.Columns > 0 && !t.details && n > widths[i] {
			cell, n = cut(cell, widths[i])
		}
		if last && t.details && t.on.Columns > 0 {
			cell = Hang(cell, used, t.on.Columns)
		}
		if t.on.Isolates {
			cell = isolated(cell)
		}
		b.WriteString(cell)
		used += n
		if !last {
			pad := max(widths[i]-n, 0) + len(gap)
			b.WriteString(strings.Repeat(" ", pad))
			used += pad
		}
	}
	line := strings.TrimRight(b.String(), " ")
	if t.on.Columns > 0 && !t.details && used > t.on.Columns {
		line, _ = cut(line, t.on.Columns)
	}
	return line
}

// isolated puts a cell with text from right to left between FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE (UAX #9, 2.4), so that it does
// not change places with its neighbours.
func isolated(cell string) string {
	if strings.IndexFunc(cell, rightToLeft) < 0 {
		return cell
	}
	return "\u2068" + cell + "\u2069"
}

// rightToLeft says whether a character is in a block for scripts from right to left: those whose unassigned characters are of class R or AL
// (Unicode, DerivedBidiClass.txt).
func rightToLeft(r rune) bool {
	return r >= 0x590 && r <= 0x8ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfeff || r >= 0x10800 && r <= 0x10fff ||
		r >= 0x1e800 && r <= 0x1efff
}

// Width is how many columns of a terminal a text takes.
func Width(text string) int {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return uniseg.StringWidth(text)
		}
	}
	return len(text)
}

// cut shortens a text to a number of columns, at least one, with … at its end.
func cut(text string, columns int) (string, int) {
	if Width(text) <= columns {
		return text, Width(text)
	}
	end, used := 0, 0
	for rest, state := text, -1; rest != ""; {
		var cluster string
		var n int
		cluster, rest, n, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if used+n > columns-1 {
			break
		}
		end, used = end+len(cluster), used+n
	}
	return text[:end] + ellipsis, used + 1
}

// Hang breaks a text between words, so that its lines begin in the same column and end before another. A word without room stays whole.
func Hang(text string, indent, columns int) string {
	if indent+Width(text) <= columns || columns-indent < leastCell {
		return text
	}
	var b strings.Builder
	used := indent
	for i, word := range strings.Split(text, " ") {
		n := Width(word)
		switch {
		case i == 0:
		case used+1+n > columns:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			used = indent
		default:
			b.WriteString(" ")
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}
