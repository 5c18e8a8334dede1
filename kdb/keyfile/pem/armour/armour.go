// Package armour finds PEM blocks (RFC 7468, RFC 1421) in text, as forgiving as people's files demand, and knows the lines above a block
// that hold its attributes. What a block means is for package pem to say.
//
//	_, err := armour.Scan(file, func(b armour.Block, err error) bool {
//		fmt.Println(b.Line, b.Type, err)
//		return true
//	})
package armour

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The markers of RFC 7468, section 3.
const (
	BeginMark = "-----BEGIN "
	EndMark   = "-----END "
	closeMark = "-----"
)

// MaxBlock is the longest content of a block in bytes. The largest ones in use are revocation lists.
const MaxBlock = 128 << 20

// Block is a PEM block.
type Block struct {
	Type string
	// Headers are the encapsulated headers (RFC 1421, 4.6) in their order, such as Proc-Type and DEK-Info.
	Headers []Header
	// DER is the content; nil if it cannot be decoded, and then Damage says why.
	DER    []byte
	Damage error
	// Attributes are those of the lines above the block.
	Attributes Attributes
	// Line is the line of BEGIN, from 1. Start and End are where the block is in the text, from BEGIN to what follows END.
	Line, Start, End int
}

// Header is a line between BEGIN and the base64 text.
type Header struct{ Name, Value string }

// Result tells what else there was in a text.
type Result struct {
	// Unended says that a block had no END.
	Unended bool
	// Base64 is base64 text without armour, if the text holds just that.
	Base64 []byte
	// Empty says that there was no text.
	Empty bool
}

// scanner is the state of reading text with PEM blocks.
type scanner struct {
	in      *lines
	found   func(Block, error) bool
	any     bool // something was found
	stopped bool
	result  Result
	block   block
	above   Attributes
	bare    bare
	// lost is set after a bad BEGIN line, until the next marker: its END is not another error.
	lost bool
}

// pass hands on a block, or an error.
func (s *scanner) pass(b Block, err error) {
	s.any = true
	s.stopped = s.stopped || !s.found(b, err)
}

func (s *scanner) fail(format string, args ...any) { s.pass(Block{}, fmt.Errorf(format, args...)) }

// block is the PEM block that is being read; open from BEGIN to END.
type block struct {
	open    bool
	body    bool // the headers are over
	over    bool // so is the base64 text
	typ     string
	line    int // of BEGIN
	start   int // of BEGIN in the input
	end     int // of END in the input, what follows in its line left out
	first   int // line of the first line in text
	headers []Header
	text    []byte // base64, one LF for each line of input
	bad     error  // why it will not become an item
}

// Scan reads text and passes its blocks on as long as found returns true. An error about a block comes with what is known of the block; one
// about anything else comes with a Block whose Line is 0. Everything outside of blocks is comment, except for attributes. The error that
// Scan returns is one of reading.
func Scan(r io.Reader, found func(Block, error) (more bool)) (Result, error) {
	s := &scanner{in: newLines(r), found: found}
	for !s.stopped {
		line, more, ok := s.in.next()
		if !ok {
			break
		}
		s.line(line, more)
	}
	if err := s.in.scanner.Err(); err != nil || s.stopped {
		return s.result, err
	}
	if s.block.open {
		s.discard("there is no END before the end of the input")
		s.result.Unended = true
	}
	if !s.any && s.bare.ok() {
		s.result.Base64 = s.bare.text
	}
	s.result.Empty = s.in.number == 0
	return s.result, nil
}

func (s *scanner) line(text []byte, more bool) {
	dash := bytes.IndexByte(text, '-')
	for dash >= 0 && !s.stopped {
		at, begin := nextMarker(text)
		if at < 0 {
			break
		}
		if begin {
			text = s.begin(text[:at], text[at+len(BeginMark):])
		} else {
			text = s.close(text[:at], text[at+len(EndMark):])
		}
		if len(trim(text)) == 0 {
			return
		}
	}
	if s.block.open {
		s.content(text, more)
	} else {
		s.comment(trim(text), dash)
	}
}

// nextMarker finds the first BEGIN or END, and looks no further: a line may have any number of one of them. at is -1 if there is none.
func nextMarker(text []byte) (at int, begin bool) {
	for {
		i := bytes.Index(text[at:], []byte(closeMark))
		if i < 0 {
			return -1, false
		}
		at += i
		if begin = bytes.HasPrefix(text[at:], []byte(BeginMark)); begin || bytes.HasPrefix(text[at:], []byte(EndMark)) {
			return at, begin
		}
		at++
	}
}

// begin opens a block and returns what stands behind the marker.
func (s *scanner) begin(before, text []byte) []byte {
	if s.block.open {
		if len(trim(before)) > 0 {
			s.content(before, false)
		}
		s.discard("there is no END before the next BEGIN in line %d", s.in.number)
		s.result.Unended = true
	}
	typ, rest, ok := s.block.cutMarker(text)
	s.lost = !ok
	if !ok {
		s.fail("line %d: the BEGIN line is damaged: %.80q", s.in.number, BeginMark+string(head(text)))
		return nil
	}
	s.block = block{
		open: true, typ: typ, line: s.in.number, first: s.in.number, start: s.in.end - len(text) - len(BeginMark),
		text: s.block.text[:0],
	}
	if len(trim(rest)) == 0 {
		s.block.first++
	}
	return rest
}

// close ends a block and returns what stands behind the marker.
func (s *scanner) close(before, text []byte) []byte {
	if s.block.open && len(trim(before)) > 0 {
		s.content(before, false)
	}
	typ, rest, ok := s.block.cutMarker(text)
	s.block.end = s.in.end - len(rest)
	switch {
	case !s.block.open && s.lost:
		s.lost = false
	case !s.block.open:
		s.fail("line %d: END without BEGIN: %.80q", s.in.number, EndMark+string(head(text)))
	case !ok:
		s.discard("the END in line %d is damaged", s.in.number)
		return nil
	case typ != s.block.typ:
		s.discard("it ends with END %.40q in line %d", typ, s.in.number)
	default:
		s.end(nil)
	}
	if !ok {
		return nil
	}
	return rest
}

// cutMarker splits what follows "-----BEGIN " or "-----END " into the type and the rest of the line. Most blocks have the type of
// the one before.
func (b *block) cutMarker(text []byte) (typ string, rest []byte, ok bool) {
	name, rest, ok := bytes.Cut(text, []byte(closeMark))
	if !ok || len(name) > 64 || bytes.IndexByte(name, '-') >= 0 {
		return "", nil, false
	}
	if typ = b.typ; string(name) != typ {
		typ = strings.TrimSpace(string(name))
	}
	return typ, rest, true
}

// head shortens what is quoted in a message.
func head(text []byte) []byte { return text[:min(len(text), 60)] }

// content takes one line of an open block.
func (s *scanner) content(text []byte, more bool) {
	b := &s.block
	if text = trim(text); !b.body && s.header(text) {
		return
	}
	b.body = true
	if capitals(text) != nil {
		s.discard("the END in line %d is not in capitals: %q", s.in.number, text)
		return
	}
	if len(b.text) > 0 && len(text) > 0 && text[0] == '-' {
		b.over = true // OpenSSL takes a '-' for the end of the text, and what follows up to END for nothing
	}
	if b.over {
		return
	}
	if len(b.text)+len(text) > MaxBlock/3*4 {
		b.bad = errors.New("it is longer than 128 MiB")
		return
	}
	b.text = appendBase64(b.text, text)
	if !more {
		b.text = append(b.text, '\n')
	}
}

// appendBase64 adds a line to the text without blanks and without the escaped line ends of PEM in JSON.
func appendBase64(to, text []byte) []byte {
	if bytes.IndexByte(text, '\\') >= 0 {
		text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(`\n`), nil), []byte(`\r`), nil)
	}
	if bytes.IndexByte(text, ' ') < 0 && bytes.IndexByte(text, '\t') < 0 {
		return append(to, text...)
	}
	for _, field := range bytes.Fields(text) {
		to = append(to, field...)
	}
	return to
}

const (
	maxHeaders = 32
	maxHeader  = 4096
)

// header takes a line as a header if it is one (RFC 1421, 4.4: name, colon, value; a line that begins with a blank goes on
// with the one before; an empty line ends them).
func (s *scanner) header(text []byte) bool {
	b := &s.block
	if len(text) == 0 {
		b.body = len(b.headers) > 0
		b.first++
		return true
	}
	if len(b.headers) == 0 && bytes.IndexByte(text, ':') < 0 {
		return false
	}
	name, value, ok := strings.Cut(string(text[:min(len(text), maxHeader)]), ":")
	if !ok {
		last := len(b.headers) - 1
		if !strings.HasSuffix(b.headers[last].Value, ",") && !strings.HasSuffix(b.headers[last].Value, `\`) {
			return false
		}
		if len(b.headers[last].Value)+len(name) > maxHeader {
			b.bad = fmt.Errorf("it has a header of more than %d characters", maxHeader)
			return true
		}
		b.headers[last].Value += name
		b.first++
		return true
	}
	if len(b.headers) == maxHeaders {
		b.bad = errors.New("it has more than 32 header lines")
		return true
	}
	b.headers = append(b.headers, Header{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	b.first++
	return true
}

// discard reports the open block as unusable.
func (s *scanner) discard(format string, args ...any) { s.end(fmt.Errorf(format, args...)) }

// end passes the open block on.
func (s *scanner) end(err error) {
	b := &s.block
	out := Block{Type: b.typ, Headers: b.headers, Attributes: s.above, Line: b.line, Start: b.start, End: b.end}
	if err == nil {
		out.DER, out.Damage = b.decode()
	}
	b.open, s.above = false, Attributes{}
	s.pass(out, err)
}

// decode decodes the base64 text; an error names the line.
func (b *block) decode() ([]byte, error) {
	if b.bad != nil {
		return nil, b.bad
	}
	der := make([]byte, base64.StdEncoding.DecodedLen(len(b.text)))
	n, err := base64.StdEncoding.Decode(der, b.text)
	if err != nil {
		return nil, b.explain(err)
	}
	if n == 0 {
		return nil, errors.New("it is empty")
	}
	return der[:n:n], nil
}

// comment takes a line outside of blocks. dash is where its first '-' is.
func (s *scanner) comment(text []byte, dash int) {
	if (dash == 0 || typographic(text)) && isBrokenMarker(text) {
		end := bytes.HasPrefix(bytes.ToUpper(bytes.TrimLeft(text, dashes+" ")), []byte("END "))
		if end && s.lost {
			s.lost = false
			return
		}
		s.lost = !end
		s.fail("line %d: a damaged BEGIN or END line: %.80q%s", s.in.number, string(head(text)), markerHint(text))
		return
	}
	s.above.line(text)
	if !s.any {
		s.bare.line(text)
	}
}

// dashes are the hyphen and what word processors and mail programs make of it, such as the en dash and the em dash.
const dashes = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"

// typographic says that a text begins with such a dash.
func typographic(text []byte) bool {
	r, _ := utf8.DecodeRune(text)
	return r > utf8.RuneSelf && strings.ContainsRune(dashes, r)
}

// markerHint says why a marker is damaged, if it has dashes that are not hyphens or is not in capitals.
func markerHint(text []byte) string {
	if right := capitals(text); right != nil {
		return "; write it in capitals: " + string(right)
	}
	if i := bytes.IndexAny(text, dashes[1:]); i >= 0 {
		r, _ := utf8.DecodeRune(text[i:])
		return fmt.Sprintf("; it has dashes (%U) in place of hyphens, as text processors make them", r)
	}
	return ""
}

// isBrokenMarker recognises lines that were meant to be markers, such as "----BEGIN CERTIFICATE-----".
func isBrokenMarker(text []byte) bool {
	if capitals(text) != nil {
		return true
	}
	word := bytes.TrimLeft(text, dashes+" ")
	typ, ok := bytes.CutPrefix(word, []byte("BEGIN "))
	if !ok {
		typ, ok = bytes.CutPrefix(word, []byte("END "))
	}
	name := bytes.TrimRight(typ, dashes)
	if !ok || len(word) == len(text) || len(name) == len(typ) || len(name) == 0 || name[0] < 'A' || name[0] > 'Z' {
		return false
	}
	return text[0] == '-' || name[len(name)-1] != ' ' // a heading between long dashes is not a marker
}

// BrokenMarker says whether some line of the text was meant to be a BEGIN or END line.
func BrokenMarker(text []byte) bool {
	for len(text) > 0 {
		var line []byte
		if line, text = cutLine(text); isBrokenMarker(word(line)) {
			return true
		}
	}
	return false
}
