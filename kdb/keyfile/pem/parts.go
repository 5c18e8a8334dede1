package pem

import (
	"bytes"

	"certkdb/pki/key"
	"certkdb/pki/pbe"
)

// part is a block of a file, with the text above it.
type part struct {
	item  Item
	loose []byte  // text above it that does not belong to the block
	own   []byte  // text that belongs to the block: its attributes, or a note right above it
	block []byte  // from BEGIN to the end of the line of END
	after []*part // what was put behind it since

	number  int      // the order in the file
	certs   [][]byte // the certificates in it: itself, or those of a PKCS #7 block
	owners  int      // entries that it is part of, those that have it in their chains left out
	added   bool     // since the file was read
	removed bool
	unread  bool // it is not what it says to be

	// Of a private key, once it is open:
	private key.Private
	// foreign says that it opened with another password than the database's, open that it will be encrypted when the file is written.
	foreign, open bool
	// parameters is the EC PARAMETERS block that openssl ecparam writes before the key.
	parameters *part
}

// split cuts a text into parts; scan reads what stands in it from start on.
func (c *container) split(text []byte, start int, scan func(*sink)) {
	c.mark, c.crlf = text[:start:start], bytes.Contains(text[:min(len(text), 4096)], []byte("\r\n"))
	done := start
	out := &sink{budget: pbe.NewBudget(pbe.UsualWork)}
	out.yield = func(item Item, err error) bool {
		if err != nil {
			c.bad = append(c.bad, err)
			return true
		}
		p := &part{item: item, number: len(c.parts)}
		if item.Line > 0 {
			from, to := start+item.start, afterLine(text, start+item.end)
			if !ended(text[done:from]) {
				c.fixed = "its blocks stand within lines of something else, such as JSON or YAML; copy the entries into another file"
			}
			p.loose, p.own = cutNotes(text[done:from])
			p.block, done = text[from:to:to], to
		}
		if last := len(c.parts) - 1; p.item.Type == "EC PRIVATE KEY" && last >= 0 && c.parts[last].item.Type == "EC PARAMETERS" {
			p.parameters = c.parts[last]
		}
		c.parts = append(c.parts, p)
		return true
	}
	if scan(out); out.unended {
		c.fixed = "a block in it has no end, and would swallow what is written behind it; repair it, or copy the entries into another file"
	}
	c.tail = text[done:len(text):len(text)]
}

// cutLine cuts off the first line with its end.
func cutLine(text []byte) (line, rest []byte) {
	end := lineEnd(text, 0)
	switch {
	case end < 0:
		return text, nil
	case bytes.HasPrefix(text[end:], []byte("\r\n")):
		end++
	}
	return text[: end+1 : end+1], text[end+1:]
}

// word is what a line says.
func word(line []byte) []byte { return trim(bytes.TrimRight(line, "\r\n")) }

// afterLine returns where the next line begins if nothing but blanks follows in this one.
func afterLine(text []byte, at int) int {
	if line, _ := cutLine(text[at:]); len(word(line)) == 0 {
		return at + len(line)
	}
	return at
}

// cutNotes splits the text above a block. What belongs to the block are its attributes with all that follows them, as openssl pkcs12
// prints them, else the last paragraph. The remains of bad blocks do not belong to it.
func cutNotes(text []byte) (loose, own []byte) {
	cut, attributes := 0, -1
	for rest := text; len(rest) > 0; {
		at := len(text) - len(rest)
		var line []byte
		line, rest = cutLine(rest)
		switch said := word(line); {
		case bytes.Contains(said, []byte(beginMark)), bytes.Contains(said, []byte(endMark)):
			cut, attributes = at+len(line), -1
		case len(said) == 0:
			cut = at + len(line)
		case attributes < 0 && isAttribute(said):
			attributes = at
		}
	}
	if attributes >= 0 {
		cut = min(cut, attributes)
	}
	return text[:cut:cut], text[cut:len(text):len(text)]
}

// setAttributes replaces our attributes above the block; others and notes stay.
func (p *part) setAttributes(b bag, crlf bool) {
	var notes []byte
	head := -1
	for rest := p.own; len(rest) > 0; {
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
	if head < 0 {
		notes = endLine(notes)
		head = len(notes)
	}
	lines := b.lines()
	others := head < len(notes) && isBlank(notes[head])
	if lines != "" || others {
		lines = withEnds(bagLine+"\n"+lines, crlf)
	}
	p.own = append(append(append([]byte{}, notes[:head]...), lines...), notes[head:]...)
	p.item.Label, p.item.LocalKeyID, p.item.chainOf = b.label, b.keyID, b.chainOf
	if p.item.Aux != nil && b.label == "" {
		p.item.Label = p.item.Aux.Alias
	}
}

// ended says that a text ends with the end of a line, if it is not empty.
func ended(text []byte) bool {
	last := len(text) - 1
	return last < 0 || text[last] == '\n' || text[last] == '\r'
}

// endLine ends a line that is not ended.
func endLine(text []byte) []byte {
	if ended(text) {
		return text
	}
	return append(text, '\n')
}

// withEnds gives a text the line ends of the file.
func withEnds(text string, crlf bool) string {
	if crlf {
		return string(bytes.ReplaceAll([]byte(text), []byte("\n"), []byte("\r\n")))
	}
	return text
}

// remove takes the part out of the file.
func (p *part) remove() {
	if p.removed = true; p.parameters != nil {
		p.parameters.removed = true
	}
}

// write appends the part.
func (p *part) write(out []byte) []byte {
	switch {
	case !p.removed:
		out = append(out, p.loose...)
		if p.added {
			out = endLine(out)
		}
		out = append(append(out, p.own...), p.block...)
	case len(bytes.TrimSpace(p.loose)) > 0:
		out = append(out, p.loose...) // blank lines alone go with the block that they set apart
	}
	return out
}

// all are the parts in the order in which they are written, removed ones too.
func (c *container) all() []*part {
	var list []*part
	var add func([]*part)
	add = func(parts []*part) {
		for _, p := range parts {
			list = append(list, p)
			add(p.after)
		}
	}
	add(c.parts)
	return list
}
