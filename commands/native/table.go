package native

import (
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// table aligns rows in columns. On a screen it fits into the width: the widest columns are cut, or in a table of details the values
// continue below themselves.
type table struct {
	w       io.Writer
	on      screen
	details bool
	rows    []tableRow
}

type tableRow struct {
	cells  []string
	widths []int // in columns of a terminal
	colour colour
}

const (
	gap       = "  " // between columns
	leastCell = 10   // columns are not cut below this width
	ellipsis  = "…"
)

// newTable makes a table of rows that stand for things of one kind.
func newTable(w io.Writer) *table {
	return &table{w: w, on: screenBehind(w)}
}

// newDetails makes a table of names and values, in which nothing is cut.
func newDetails(w io.Writer) *table {
	return &table{w: w, on: screenBehind(w), details: true}
}

// row adds a row. Control characters in foreign text are escaped, so that no certificate can write on the screen.
func (t *table) row(cells ...string) { t.coloured(plainly, cells...) }

// coloured adds a row that has a colour where there are colours.
func (t *table) coloured(c colour, cells ...string) {
	r := tableRow{cells: make([]string, len(cells)), widths: make([]int, len(cells)), colour: c}
	for i, cell := range cells {
		r.cells[i] = printable(cell)
		r.widths[i] = width(r.cells[i])
	}
	t.rows = append(t.rows, r)
}

// flush writes the rows.
func (t *table) flush() error {
	widths := t.widths()
	if t.on.columns > 0 && !t.details {
		fit(widths, t.on.columns)
	}
	var b strings.Builder
	for _, r := range t.rows {
		line := t.line(r, widths)
		if t.on.colours {
			line = r.colour.paint(line)
		}
		b.WriteString(line + "\n")
	}
	t.rows = nil
	if f, ok := t.w.(*onceFailing); ok && (t.on.colours || t.on.isolates) {
		f.bytes([]byte(b.String())) // all cells are printable
		return f.err
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

// widths are those of the columns. The last cell of a row needs no room behind it.
func (t *table) widths() []int {
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
func (t *table) line(r tableRow, widths []int) string {
	var b strings.Builder
	used := 0
	for i, cell := range r.cells {
		n, last := r.widths[i], i == len(r.cells)-1
		if t.on.columns > 0 && !t.details && n > widths[i] {
			cell, n = cut(cell, widths[i])
		}
		if last && t.details && t.on.columns > 0 {
			cell = hang(cell, used, t.on.columns)
		}
		if t.on.isolates {
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
	if t.on.columns > 0 && !t.details && used > t.on.columns {
		line, _ = cut(line, t.on.columns)
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

// width is how many columns of a terminal a text takes.
func width(text string) int {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return uniseg.StringWidth(text)
		}
	}
	return len(text)
}

// cut shortens a text to a number of columns, at least one, with … at its end.
func cut(text string, columns int) (string, int) {
	if width(text) <= columns {
		return text, width(text)
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

// hang breaks a text between words, so that its lines begin in the same column and end before another. A word without room stays whole.
func hang(text string, indent, columns int) string {
	if indent+width(text) <= columns || columns-indent < leastCell {
		return text
	}
	var b strings.Builder
	used := indent
	for i, word := range strings.Split(text, " ") {
		n := width(word)
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
