package pem

import (
	"bytes"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem/armour"
	"certkdb/pki/key"
	"certkdb/pki/pbe"
)

// part is a block of a file, with the text above it.
type part struct {
	item  Item
	loose []byte  // text above it that does not belong to the block
	own   []byte  // text that belongs to the block: its attributes, or a note right above it
	block []byte  // from BEGIN to the end of the line of END
	after []*part // what was put after it since

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

// split cuts a text into parts; scan reads it from start on.
func (c *container) split(text []byte, start int, scan func(*sink)) {
	c.mark, c.crlf = text[:start:start], bytes.Contains(text[:min(len(text), 4096)], []byte("\r\n"))
	done := start
	out := &sink{begin: &beginning{head: text[:min(len(text), kdb.HeadSize)]}, budget: pbe.NewBudget(pbe.UsualWork)}
	out.yield = func(item Item, err error) bool {
		if err != nil {
			c.bad = append(c.bad, err)
			return true
		}
		p := &part{item: item, number: len(c.parts)}
		if item.Line > 0 {
			from, to := start+item.start, armour.AfterLine(text, start+item.end)
			if !armour.Ended(text[done:from]) {
				c.fixed = "its blocks are within lines of something else, such as JSON or YAML; copy the entries into another file"
			}
			p.loose, p.own = armour.CutNotes(text[done:from])
			p.block, done = text[from:to:to], to
		}
		if last := len(c.parts) - 1; p.item.Type == "EC PRIVATE KEY" && last >= 0 && c.parts[last].item.Type == "EC PARAMETERS" {
			p.parameters = c.parts[last]
		}
		c.parts = append(c.parts, p)
		return true
	}
	if scan(out); out.unended {
		c.fixed = "a block in it has no end, and would swallow what is written after it; repair it, or copy the entries into another file"
	}
	c.tail = text[done:len(text):len(text)]
}

// attributes are those above the part.
func (p *part) attributes() armour.Attributes {
	return armour.Attributes{Label: p.item.Label, KeyID: p.item.LocalKeyID, ChainOf: p.item.chainOf}
}

// describe writes the attributes of a part, if they differ.
func (c *container) describe(p *part, a armour.Attributes) {
	if p.attributes().Equal(a) {
		return
	}
	p.own = a.Above(p.own, c.crlf)
	p.item.Label, p.item.LocalKeyID, p.item.chainOf = a.Label, a.KeyID, a.ChainOf
	if p.item.Aux != nil && a.Label == "" {
		p.item.Label = p.item.Aux.Alias
	}
}

// remove takes the part out of the file.
func (c *container) remove(p *part) {
	if p.removed = true; p.parameters != nil {
		p.parameters.removed = true
	}
	for _, der := range p.certs {
		c.stock.Remove(der, p)
	}
}

// write appends the part.
func (p *part) write(out []byte) []byte {
	switch {
	case !p.removed:
		out = append(out, p.loose...)
		if p.added {
			out = armour.EndLine(out)
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
