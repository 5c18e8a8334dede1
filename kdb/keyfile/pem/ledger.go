package pem

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // localKeyIDs are made so by OpenSSL; nothing depends on its strength
	"math"
	"slices"

	"certkdb/kdb/keyfile/document"
	"certkdb/kdb/keyfile/pem/armour"
)

// begin takes stock at the first change.
func (c *container) begin() {
	if c.stock != nil {
		return
	}
	c.stock, c.ids = document.NewStock[*part](), map[string]bool{}
	for _, p := range c.parts {
		c.note(p)
	}
	for _, r := range c.records.All() {
		c.stock.Need(r.chain())
	}
}

// note takes a part into the stock.
func (c *container) note(p *part) {
	for _, der := range p.certs {
		c.stock.Add(der, p)
	}
	c.ids[string(p.item.LocalKeyID)], c.ids[string(p.item.chainOf)] = true, true
}

func (r *record) chain() [][]byte { return r.certificates[min(1, len(r.certificates)):] }

// newID makes a localKeyID as OpenSSL does, or another one if that is taken.
func (c *container) newID(der []byte, label string) []byte {
	sum := sha1.Sum(der) //nolint:gosec // see the import
	for c.ids[string(sum[:])] {
		sum = sha1.Sum(append(sum[:], label...)) //nolint:gosec // see the import
	}
	c.ids[string(sum[:])] = true
	return sum[:]
}

// thin removes the copies of a certificate that no chain needs any more: of several, those after the removed record first.
func (c *container) thin(der []byte, removed *record) {
	owned := func(p *part) bool { return p.owners > 0 || p.item.Kind == PKCS7 }
	for _, p := range c.stock.Spare(der, owned, func(a, b *part) int { return cmp.Compare(a.distance(removed), b.distance(removed)) }) {
		c.remove(p)
	}
}

// distance is how far after a record a part is: 0 if it is tied to it, farthest if it comes before it.
func (p *part) distance(r *record) int {
	d := p.number - r.number()
	switch {
	case r.key != nil && len(p.item.chainOf) > 0 && bytes.Equal(p.item.chainOf, r.key.item.LocalKeyID):
		return 0
	case d > 0:
		return d
	}
	return math.MaxInt
}

// maxRounds bounds how often a changed file is read again; few changes need more than two rounds.
const maxRounds = 5

// explain reads the changed file again, as it will be when its keys are locked, and gives attributes to the blocks of which other entries
// would come out than were put in.
func (c *container) explain() {
	for round := range maxRounds {
		x := &pieces{named: true, locked: true, ignored: func(Item) {}, invalid: func(error) {}}
		for _, p := range c.all() {
			if !p.removed && !p.unread {
				_ = x.add(p) // what cannot be read has been reported
			}
		}
		unclear := c.unclear(x.pair())
		if len(unclear) == 0 {
			return
		}
		for r := range unclear {
			c.tie(r, round > 0)
		}
	}
}

// unclear finds the records that are not read as they are meant, or have a part in what is read instead.
func (c *container) unclear(read []*record) map[*record]bool {
	type blocks struct{ key, own *part }
	meant, owners, unclear := map[blocks]*record{}, map[*part][]*record{}, map[*record]bool{}
	for _, r := range c.records.All() {
		meant[blocks{r.key, r.own()}] = r
		unclear[r] = true
		for _, p := range r.parts() {
			owners[p] = append(owners[p], r)
		}
	}
	var others []*record
	for _, again := range read {
		if r := meant[blocks{again.key, again.own()}]; r != nil {
			if r.reads(again) {
				delete(unclear, r)
			}
			continue
		}
		for _, p := range again.parts() {
			others = append(others, owners[p]...)
		}
	}
	for _, r := range others {
		unclear[r] = true
	}
	return unclear
}

// reads says that a record is what was read again, which may have more of a chain.
func (r *record) reads(again *record) bool {
	return r.kind == again.kind && r.trusted == again.trusted && r.base == again.label && len(r.certificates) <= len(again.certificates) &&
		slices.EqualFunc(r.certificates, again.certificates[:len(r.certificates)], bytes.Equal)
}

// tie writes the localKeyID of an entry above its key and its certificate or request, and in full its label and its chain too.
func (c *container) tie(r *record, full bool) {
	own := r.own()
	if own != nil && own.item.Kind == PKCS7 {
		return // it has no attributes
	}
	if r.key == nil {
		c.describe(own, armour.Attributes{Label: r.base, KeyID: own.item.LocalKeyID})
		return
	}
	id := r.key.item.LocalKeyID
	if len(id) == 0 {
		first := r.key
		if own != nil {
			first = own
		}
		id = c.newID(first.item.DER, r.label)
	}
	for _, p := range [...]*part{r.key, own} {
		if p == nil {
			continue
		}
		label := p.item.Label
		if full && (p == own || r.key.owners == 1) {
			label = r.base
		}
		c.describe(p, armour.Attributes{Label: label, KeyID: id})
	}
	if full {
		c.tieChain(r, id)
	}
}

// tieChain makes sure that each certificate of a chain is in the file with the localKeyID of its entry.
func (c *container) tieChain(r *record, id []byte) {
	last := r.cert
	for _, der := range r.chain() {
		var tied *part
		for _, p := range c.stock.Places(der) {
			if p.owners == 0 && p.item.Kind != PKCS7 && (len(p.item.chainOf) == 0 || bytes.Equal(p.item.chainOf, id)) {
				tied = p
			}
		}
		if tied == nil {
			tied = c.newPart(Certificate, der)
			c.place(tied, nil, last)
		}
		c.describe(tied, armour.Attributes{Label: tied.item.Label, KeyID: tied.item.LocalKeyID, ChainOf: id})
		last = tied
	}
}
