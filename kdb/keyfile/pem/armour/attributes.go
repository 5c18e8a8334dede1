package armour

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Attributes are what the lines above a block say of it, as openssl pkcs12 prints them, and our own.
type Attributes struct {
	// Label is the friendlyName. It need not pass kdb.CheckLabel.
	Label string
	// KeyID is the localKeyID: key and certificate with the same one belong together.
	KeyID []byte
	// ChainOf is the localKeyID of the entry whose chain a certificate belongs to, where issuer and subject do not tell.
	ChainOf []byte
}

// Equal compares attributes.
func (a Attributes) Equal(b Attributes) bool {
	return a.Label == b.Label && bytes.Equal(a.KeyID, b.KeyID) && bytes.Equal(a.ChainOf, b.ChainOf)
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

func (a *Attributes) line(text []byte) {
	const longest = 4096
	if len(text) == 0 || len(text) > longest {
		return
	}
	if bytes.HasPrefix(text, []byte(bagLine)) {
		*a = Attributes{}
		return
	}
	name, value, ok := bytes.Cut(text, []byte(":"))
	if !ok {
		return
	}
	value = trim(value)
	switch string(name) + ":" {
	case nameLine:
		a.Label = string(value)
	case exactLine:
		if label, err := strconv.Unquote(string(value)); err == nil {
			a.Label = label
		}
	case keyIDLine:
		a.KeyID = readHex(value, a.KeyID)
	case chainLine:
		a.ChainOf = readHex(value, a.ChainOf)
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

// lines are those below "Bag Attributes".
func (a Attributes) lines() string {
	text := ""
	if a.Label != "" {
		text += "    " + nameLine + " " + a.Label + "\n"
	}
	if string(trim([]byte(a.Label))) != a.Label {
		text += "    " + exactLine + " " + strconv.Quote(a.Label) + "\n"
	}
	if len(a.KeyID) > 0 {
		text += fmt.Sprintf("    %s % X \n", keyIDLine, a.KeyID)
	}
	if len(a.ChainOf) > 0 {
		text += fmt.Sprintf("    %s % X \n", chainLine, a.ChainOf)
	}
	return text
}

// Above returns the text above a block with these attributes in place of those in it. Notes and the attributes of other programs stay.
// It ends with the end of a line, so that the block begins a new one. crlf says that lines end with CR LF.
func (a Attributes) Above(text []byte, crlf bool) []byte {
	var notes []byte
	head := -1
	for rest := text; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		switch said := word(line); {
		case isOurs(said):
		case bytes.HasPrefix(said, []byte(bagLine)):
			head = len(notes)
		default:
			notes = append(notes, line...)
		}
	}
	if notes = EndLine(notes); head < 0 {
		head = len(notes)
	}
	lines := a.lines()
	others := head < len(notes) && isBlank(notes[head])
	if lines != "" || others {
		lines = WithEnds(bagLine+"\n"+lines, crlf)
	}
	return slices.Concat(notes[:head], []byte(lines), notes[head:])
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
