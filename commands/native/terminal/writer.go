package terminal

import (
	"io"
	"strings"

	"certkdb/commands/op"
)

// Writer keeps the first error of a writer, so that text can be printed without a check after each line.
type Writer struct {
	text io.Writer
	raw  io.Writer // for bytes that are not text
	on   Screen
	err  error
}

// NewWriter is a writer for the program's own text, such as help.
func NewWriter(w io.Writer) *Writer { return &Writer{text: w, raw: w} }

// NewResults is a writer for the text of a result on a screen. It escapes what a terminal may take for a command, no matter where it comes
// from. A dry run marks each line, which leaves no room for colours and isolates.
func NewResults(w io.Writer, on Screen, dryRun bool) *Writer {
	if !dryRun {
		return &Writer{text: visible{w}, raw: w, on: on}
	}
	on.Colours, on.Isolates = false, false
	if on.Columns > 0 {
		on.Columns = max(on.Columns-len(dryMark), 1)
	}
	return &Writer{text: visible{dryWriter{w}}, raw: w, on: on}
}

// Err is the first error of the writer.
func (w *Writer) Err() error { return w.err }

// Bytes writes data that is not text, unescaped.
func (w *Writer) Bytes(data []byte) {
	if w.err == nil {
		_, w.err = w.raw.Write(data)
	}
}

func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.text.Write(p)
	w.err = err
	return n, err
}

// screenBehind is the screen that a writer of results leads to.
func screenBehind(w io.Writer) Screen {
	if results, ok := w.(*Writer); ok {
		return results.on
	}
	return Screen{}
}

// visible is a writer for text. It escapes what a terminal may take for a command, no matter where it comes from.
type visible struct{ w io.Writer }

func (v visible) Write(p []byte) (int, error) {
	_, err := io.WriteString(v.w, op.PrintableText(string(p)))
	return len(p), err
}

const dryMark = " (dry run)"

// dryWriter marks each line of a result as that of a dry run.
type dryWriter struct{ w io.Writer }

func (d dryWriter) Write(p []byte) (int, error) {
	_, err := io.WriteString(d.w, strings.ReplaceAll(string(p), "\n", dryMark+"\n"))
	return len(p), err
}
