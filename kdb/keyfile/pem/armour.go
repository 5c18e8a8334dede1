package pem

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The markers of RFC 7468, section 3.
const (
	beginMark = "-----BEGIN "
	endMark   = "-----END "
	closeMark = "-----"
)

// armour is the state of reading text with PEM blocks.
type armour struct {
	in    *lines
	out   *sink
	block block
	bag   bag
	bare  bare
	// lost is set after a bad BEGIN line, until the next marker: its END is no further error.
	lost bool
}

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

// scanArmour reads text. Everything outside of blocks is comment, except for the attributes that openssl pkcs12 prints.
func scanArmour(r io.Reader, out *sink) {
	a := &armour{in: newLines(r), out: out}
	for !out.stopped {
		line, more, ok := a.in.next()
		if !ok {
			break
		}
		a.line(line, more)
	}
	if out.stopped {
		return
	}
	if err := a.in.scanner.Err(); err != nil {
		out.error(err)
		return
	}
	a.end()
}

// end judges the end of the input.
func (a *armour) end() {
	switch {
	case a.block.open:
		a.discard("there is no END before the end of the input")
		a.out.unended = true
	case a.out.any:
	case a.bare.ok():
		a.bare.items(a.out)
	case a.in.number == 0:
		a.out.fail("the input is empty")
	default:
		a.out.fail("neither a PEM block (-----BEGIN …) nor DER was found in it")
	}
}

func (a *armour) line(text []byte, more bool) {
	dash := bytes.IndexByte(text, '-')
	for dash >= 0 && !a.out.stopped {
		begin, end := bytes.Index(text, []byte(beginMark)), bytes.Index(text, []byte(endMark))
		if begin < 0 && end < 0 {
			break
		}
		if begin >= 0 && (end < 0 || begin < end) {
			text = a.begin(text[:begin], text[begin+len(beginMark):])
		} else {
			text = a.close(text[:end], text[end+len(endMark):])
		}
		if len(trim(text)) == 0 {
			return
		}
	}
	if a.block.open {
		a.content(text, more)
	} else {
		a.comment(trim(text), dash)
	}
}

// begin opens a block and returns what stands behind the marker.
func (a *armour) begin(before, text []byte) []byte {
	if a.block.open {
		if len(trim(before)) > 0 {
			a.content(before, false)
		}
		a.discard("there is no END before the next BEGIN in line %d", a.in.number)
		a.out.unended = true
	}
	typ, rest, ok := a.block.cutMarker(text)
	a.lost = !ok
	if !ok {
		a.out.fail("line %d: the BEGIN line is damaged: %.80q", a.in.number, beginMark+string(head(text)))
		return nil
	}
	a.block = block{
		open: true, typ: typ, line: a.in.number, first: a.in.number, start: a.in.end - len(text) - len(beginMark),
		text: a.block.text[:0],
	}
	if len(trim(rest)) == 0 {
		a.block.first++
	}
	return rest
}

// close ends a block and returns what stands behind the marker.
func (a *armour) close(before, text []byte) []byte {
	if a.block.open && len(trim(before)) > 0 {
		a.content(before, false)
	}
	typ, rest, ok := a.block.cutMarker(text)
	a.block.end = a.in.end - len(rest)
	switch {
	case !a.block.open && a.lost:
		a.lost = false
	case !a.block.open:
		a.out.fail("line %d: END without BEGIN: %.80q", a.in.number, endMark+string(head(text)))
	case !ok:
		a.discard("the END in line %d is damaged", a.in.number)
		return nil
	case typ != a.block.typ:
		a.discard("it ends with END %.40q in line %d", typ, a.in.number)
	default:
		a.finish()
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
func (a *armour) content(text []byte, more bool) {
	b := &a.block
	if text = trim(text); !b.body && a.header(text) {
		return
	}
	b.body = true
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
func (a *armour) header(text []byte) bool {
	b := &a.block
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
func (a *armour) discard(format string, args ...any) {
	item := a.item()
	item.Number = a.out.number(item.Kind)
	a.out.bad(item, format, args...)
	a.block.open = false
	a.bag = bag{}
}

// item makes an item of what is known before the content is decoded.
func (a *armour) item() Item {
	b := &a.block
	return Item{
		Kind: kindOfType(b.typ), Type: b.typ, Headers: b.headers, Label: a.bag.label, LocalKeyID: a.bag.keyID, Line: b.line,
		chainOf: a.bag.chainOf, start: b.start, end: b.end,
	}
}

// finish makes an item of the open block.
func (a *armour) finish() {
	b, item := &a.block, a.item()
	der, err := b.decode()
	if item.Kind == Other {
		item.DER = der
		err = nil // see identify
	}
	if err == nil {
		item.DER = der
		err = item.identify()
	}
	if err != nil {
		a.discard("%w", err)
		return
	}
	b.open = false
	a.bag = bag{}
	a.out.item(item)
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
func (a *armour) comment(text []byte, dash int) {
	if dash == 0 && isBrokenMarker(text) {
		a.lost = true
		a.out.fail("line %d: a damaged BEGIN or END line: %.80q", a.in.number, string(head(text)))
		return
	}
	a.bag.line(text)
	if !a.out.any {
		a.bare.line(text)
	}
}

// isBrokenMarker recognises lines that were meant to be markers, such as "----BEGIN CERTIFICATE-----".
func isBrokenMarker(text []byte) bool {
	word := bytes.TrimLeft(text, "- ")
	typ, ok := bytes.CutPrefix(word, []byte("BEGIN "))
	if !ok {
		typ, ok = bytes.CutPrefix(word, []byte("END "))
	}
	return ok && len(word) < len(text) && len(typ) > 0 && typ[0] >= 'A' && typ[0] <= 'Z' && typ[len(typ)-1] == '-'
}

// bag holds the attributes that openssl pkcs12 prints before a block, and our own.
type bag struct {
	label   string
	keyID   []byte
	chainOf []byte
}

// The lines of attributes.
const (
	bagLine   = "Bag Attributes"
	nameLine  = "friendlyName:"
	keyIDLine = "localKeyID:"
	// exactLine has a label that begins or ends with blanks as a quoted string; friendlyName cannot tell them from those around it.
	exactLine = "certkdbLabel:"
	// chainLine has the localKeyID of the entry whose chain the certificate belongs to, where issuer and subject do not tell.
	chainLine = "certkdbChain:"
)

func (b *bag) line(text []byte) {
	const longest = 4096
	if len(text) == 0 || len(text) > longest {
		return
	}
	if bytes.HasPrefix(text, []byte(bagLine)) {
		*b = bag{}
		return
	}
	name, value, ok := bytes.Cut(text, []byte(":"))
	if !ok {
		return
	}
	value = trim(value)
	switch string(name) + ":" {
	case nameLine:
		b.label = string(value)
	case exactLine:
		if label, err := strconv.Unquote(string(value)); err == nil {
			b.label = label
		}
	case keyIDLine:
		b.keyID = readHex(value, b.keyID)
	case chainLine:
		b.chainOf = readHex(value, b.chainOf)
	}
}

// readHex reads octets with or without blanks between them; anything else changes nothing.
func readHex(text, otherwise []byte) []byte {
	octets, err := hex.DecodeString(strings.ReplaceAll(string(text), " ", ""))
	if err != nil {
		return otherwise
	}
	return octets
}

// isAttribute recognises the lines of attributes, isOurs those among them that are rewritten.
func isAttribute(line []byte) bool { return bytes.HasPrefix(line, []byte(bagLine)) || isOurs(line) }

func isOurs(line []byte) bool {
	for _, prefix := range [...]string{nameLine, keyIDLine, exactLine, chainLine} {
		if bytes.HasPrefix(line, []byte(prefix)) {
			return true
		}
	}
	return false
}

// lines are what stands below "Bag Attributes".
func (b bag) lines() string {
	text := ""
	if b.label != "" {
		text += "    " + nameLine + " " + b.label + "\n"
	}
	if string(trim([]byte(b.label))) != b.label {
		text += "    " + exactLine + " " + strconv.Quote(b.label) + "\n"
	}
	if len(b.keyID) > 0 {
		text += fmt.Sprintf("    %s % X \n", keyIDLine, b.keyID)
	}
	if len(b.chainOf) > 0 {
		text += fmt.Sprintf("    %s % X \n", chainLine, b.chainOf)
	}
	return text
}

// trim removes blanks at both ends; cheaper than bytes.TrimSpace on lines that have none.
func trim(text []byte) []byte {
	for len(text) > 0 && isBlank(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\v' || b == '\f' || b == 0 }
