package pem

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// lines cuts an input into lines that end with LF, CR LF or CR.
type lines struct {
	in     io.Reader
	buf    []byte
	data   []byte // what of buf is read and not yet given out
	number int    // of the line given out last, from 1
	offset int    // of data in the input
	end    int    // of the line given out last in the input, without its LF or CR
	inside bool   // the chunk given out last was not the end of its line
	skipLF bool   // the line given out last ended with CR
	filled bool   // reading filled the buffer, so there may be much more
	err    error
}

const (
	firstBuffer = 4 << 10  // most files hold one certificate
	fullBuffer  = 64 << 10 // what the buffer grows to in longer inputs
	maxLine     = 4 << 20  // longer lines come in several chunks
)

// next returns the next line without its end, valid until the next call; more says that the line goes on.
func (l *lines) next() (line []byte, more, ok bool) {
	for searched := 0; ; {
		if l.skipLF && len(l.data) > 0 {
			l.skipLF = false
			if l.data[0] == '\n' {
				l.data = l.data[1:]
				l.offset++
			}
		}
		if end := lineEnd(l.data, searched); end >= 0 {
			line, l.skipLF = l.data[:end], l.data[end] == '\r'
			l.data = l.data[end+1:]
			l.end, l.offset = l.offset+end, l.offset+end+1
			return l.give(line, false)
		}
		searched = len(l.data)
		if l.err != nil && searched == 0 {
			return nil, false, false
		}
		if searched >= maxLine || l.err != nil {
			line, l.data = l.data, nil
			l.offset += len(line)
			l.end = l.offset
			return l.give(line, l.err == nil)
		}
		l.fill()
	}
}

func (l *lines) give(line []byte, more bool) ([]byte, bool, bool) {
	if !l.inside {
		l.number++
	}
	l.inside = more
	return line, more, true
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

// fill reads more behind what is left in the buffer, and enlarges the buffer when a line fills it.
func (l *lines) fill() {
	n := len(l.data)
	switch {
	case l.buf == nil:
		l.buf = make([]byte, firstBuffer)
	case n == len(l.buf) || l.filled && len(l.buf) < fullBuffer:
		l.buf = append(make([]byte, 0, 2*len(l.buf)), l.data...)[:2*len(l.buf)]
	default:
		copy(l.buf, l.data)
	}
	read, err := l.in.Read(l.buf[n:])
	l.data, l.err, l.filled = l.buf[:n+read], err, n+read == len(l.buf)
}

// utf16Order recognises UTF-16 by its byte order mark, or by a zero byte beside an ASCII character, and returns its byte order; nil
// if the input is something else.
func utf16Order(head []byte) binary.ByteOrder {
	if len(head) < 4 {
		return nil
	}
	switch {
	case head[0] == 0xff && head[1] == 0xfe, isText(head[0]) && head[1] == 0 && isText(head[2]) && head[3] == 0:
		return binary.LittleEndian
	case head[0] == 0xfe && head[1] == 0xff, head[0] == 0 && isText(head[1]) && head[2] == 0 && isText(head[3]):
		return binary.BigEndian
	}
	return nil
}

func isText(b byte) bool { return b >= ' ' && b < 0x7f || b == '\n' || b == '\r' || b == '\t' }

// utf16Reader turns UTF-16 into UTF-8; Windows' editors and PowerShell's redirection write PEM that way.
type utf16Reader struct {
	in    io.Reader
	order binary.ByteOrder
	raw   [4096]byte
	kept  int    // bytes of raw that wait for their other half
	out   []byte // UTF-8 not yet given out
}

// Read implements io.Reader.
func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		n, err := u.in.Read(u.raw[u.kept:])
		n += u.kept
		used := u.decode(u.raw[:n])
		u.kept = copy(u.raw[:], u.raw[used:n])
		if err != nil && len(u.out) == 0 {
			return 0, err
		}
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

// decode appends the complete characters of raw to the output and returns how many bytes they took.
func (u *utf16Reader) decode(raw []byte) int {
	used := 0
	u.out = u.out[:0]
	for used+2 <= len(raw) {
		r := rune(u.order.Uint16(raw[used:]))
		size := 2
		if utf16.IsSurrogate(r) {
			if used+4 > len(raw) {
				break
			}
			r, size = utf16.DecodeRune(r, rune(u.order.Uint16(raw[used+2:]))), 4
		}
		if r != '\ufeff' {
			u.out = utf8.AppendRune(u.out, r)
		}
		used += size
	}
	return used
}
