package armour

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
)

// lines cuts an input into lines that end with LF, CR LF or CR.
type lines struct {
	scanner *bufio.Scanner
	number  int  // of the last line, from 1
	offset  int  // of what follows the last line in the input
	end     int  // of the last line in the input, without its LF or CR
	more    bool // the last line goes on
	cr      bool // it ended with CR
}

// maxLine bounds the memory of a line: longer ones come in several chunks.
const maxLine = 4 << 20

// readSize is how many bytes are read at once.
const readSize = 64 << 10

func newLines(in io.Reader) *lines {
	l := &lines{scanner: bufio.NewScanner(in)}
	l.scanner.Buffer(make([]byte, 0, readSize), maxLine)
	l.scanner.Split(l.split)
	return l
}

// next returns the next line without its end, valid until the next call; more says that the line goes on.
func (l *lines) next() (line []byte, more, ok bool) {
	ok = l.scanner.Scan()
	return l.scanner.Bytes(), l.more, ok
}

// split implements bufio.SplitFunc. The LF of a CR LF is cut off in front of the next line, since it may not have been read yet.
func (l *lines) split(data []byte, atEOF bool) (advance int, line []byte, err error) {
	start := 0
	if l.cr && len(data) > 0 && data[0] == '\n' {
		start = 1
	}
	end := lineEnd(data, start)
	whole := end >= 0
	switch {
	case whole:
		advance = end + 1
	case atEOF && start < len(data), len(data) >= maxLine:
		end, advance = len(data), len(data)
	default:
		return 0, nil, nil
	}
	if !l.more {
		l.number++
	}
	l.more, l.cr = !whole && !atEOF, whole && data[end] == '\r'
	l.end, l.offset = l.offset+end, l.offset+advance
	return advance, data[start:end], nil
}

// lineEnd finds the first LF or CR. It looks for LF in short windows, so that a file with CR alone is not searched to its
// end for each line.
func lineEnd(data []byte, from int) int {
	const window = 1024
	for from < len(data) {
		part := data[from:min(from+window, len(data))]
		if lf := bytes.IndexByte(part, '\n'); lf >= 0 {
			part = part[:lf+1]
		}
		if cr := bytes.IndexByte(part, '\r'); cr >= 0 {
			return from + cr
		}
		if part[len(part)-1] == '\n' {
			return from + len(part) - 1
		}
		from += len(part)
	}
	return -1
}

// UTF16 recognises UTF-16 by its byte order mark, or by a zero byte next to an ASCII character; nil if the input is something else.
// Windows' editors and PowerShell's redirection write PEM that way.
func UTF16(head []byte) *encoding.Decoder {
	if len(head) < 4 {
		return nil
	}
	order := unicode.LittleEndian
	switch {
	case head[0] == 0xff && head[1] == 0xfe, isText(head[0]) && head[1] == 0 && isText(head[2]) && head[3] == 0:
	case head[0] == 0xfe && head[1] == 0xff, head[0] == 0 && isText(head[1]) && head[2] == 0 && isText(head[3]):
		order = unicode.BigEndian
	default:
		return nil
	}
	return unicode.UTF16(order, unicode.UseBOM).NewDecoder()
}

func isText(b byte) bool { return b >= ' ' && b < 0x7f || b == '\n' || b == '\r' || b == '\t' }
