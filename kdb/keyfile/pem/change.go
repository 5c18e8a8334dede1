package pem

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pem/armour"
	"certkdb/pki/key"
)

// Put implements keyfile.Container. What the file has already stays as it is written there.
func (c *container) Put(e kdb.Entry) error {
	old, err := c.records.Find(e.Label)
	if err != nil {
		old = nil
	}
	return c.store(&e, old)
}

// Update implements keyfile.Container. PEM knows no marks.
func (c *container) Update(e kdb.Entry) error {
	old, err := c.records.Find(e.Label)
	unsupported := ""
	switch {
	case err != nil:
		return err
	case e.Default:
		unsupported = "it has no default entry"
	case e.Kind == kdb.KindPersonal && e.Trusted:
		unsupported = "an entry with a key cannot be trusted in it; add the certificate under another label"
	default:
		return c.store(&e, old)
	}
	return fmt.Errorf("storing label %q in PEM: %w: %s", e.Label, kdb.ErrUnsupported, unsupported)
}

// store puts an entry in the place of old, or at the end if that is nil.
func (c *container) store(e *kdb.Entry, old *record) error {
	if err := c.holds(e); err != nil {
		return fmt.Errorf("storing label %q in PEM: %w", e.Label, err)
	}
	c.begin()
	r, err := c.newRecord(e, old)
	if err != nil {
		return fmt.Errorf("storing label %q in PEM: %w", e.Label, err)
	}
	if old != nil {
		err = c.records.Replace(r.label, r)
	} else {
		err = c.records.Insert(r.label, r)
	}
	c.settle(r, old)
	if old != nil {
		c.release(old)
	}
	c.describeRecord(r)
	return err
}

// holds reports why PEM cannot hold an entry.
func (c *container) holds(e *kdb.Entry) error {
	unsupported := func(why string) error { return fmt.Errorf("%w: %s", kdb.ErrUnsupported, why) }
	switch {
	case c.fixed != "":
		return &kdb.Limit{Reason: c.fixed, Way: kdb.WayCopy}
	case e.Kind == kdb.KindSecretKey:
		return unsupported("it holds no secret keys; use a PKCS #12 file or a native database")
	case e.Kind == kdb.KindPersonal && len(e.Certificates) == 0:
		return unsupported("a new private key needs its certificate or request in it")
	}
	return checkLabel(e.Label)
}

// newRecord makes a record of new parts, and of those of the old one that are the same.
func (c *container) newRecord(e *kdb.Entry, old *record) (*record, error) {
	r := &record{label: e.Label, base: e.Label, kind: e.Kind, trusted: e.Kind == kdb.KindTrusted, certificates: e.Certificates}
	if old == nil {
		old = &record{}
	}
	if old.cert != nil && old.cert.item.Kind == PKCS7 {
		return nil, fmt.Errorf("%w: %s", kdb.ErrUnsupported, inPKCS7)
	}
	if e.Kind == kdb.KindRequest {
		r.request = old.request
		if r.request == nil || !bytes.Equal(r.request.item.DER, e.Request) {
			r.request = c.newPart(Request, e.Request)
		}
		return r, c.keyOf(r, e, old)
	}
	r.cert = old.cert
	if r.cert == nil || !bytes.Equal(r.cert.item.DER, e.Certificates[0]) || e.Trusted && r.cert.item.Aux.Distrusted() {
		r.cert = c.newPart(Certificate, e.Certificates[0])
	}
	if e.Kind == kdb.KindPersonal {
		return r, c.keyOf(r, e, old)
	}
	r.certificates, r.trusted = e.Certificates[:1], e.Trusted
	if !e.Trusted && !r.cert.item.Aux.Distrusted() {
		return nil, fmt.Errorf("%w: every certificate without a key in it is trusted", kdb.ErrUnsupported)
	}
	return r, nil
}

const inPKCS7 = "the entry is in a PKCS #7 block, which is kept as it is; copy the entries into another file"

func (c *container) newPart(kind Kind, der []byte) *part {
	p := &part{item: Item{Kind: kind, Type: typeOfKind[kind], DER: der}, added: true}
	p.block = []byte(armour.WithEnds(string(Encode(kind, der)), c.crlf))
	if kind == Certificate {
		p.certs = [][]byte{der}
	}
	return p
}

// keyOf gives a record its private key: that of the old one if it is the same, as it is written.
func (c *container) keyOf(r *record, e *kdb.Entry, old *record) error {
	switch {
	case len(e.Key) == 0 && old.key == nil:
		return fmt.Errorf("an entry of kind %s needs its key", e.Kind)
	case len(e.Key) == 0, old.key != nil && c.open(old.key) == nil && bytes.Equal(old.key.private.PKCS8, e.Key):
		r.key = old.key
		return nil
	}
	private, err := key.ReadPrivate(e.Key)
	if err != nil {
		return keyfile.KeyError(err)
	}
	private.PKCS8 = bytes.Clone(e.Key)
	r.key = &part{item: Item{Kind: EncryptedKey}, private: private, added: true, open: true}
	return nil
}

// settle puts the parts of a record into the file: each in the place of the one that it replaces, else after the one before it, else at
// the end. Certificates of the chain that the file has already stay where they are.
func (c *container) settle(r, old *record) {
	if old == nil {
		old = &record{}
	}
	var last *part
	for _, place := range [...]struct{ p, old *part }{{r.key, old.key}, {r.cert, old.cert}, {r.request, old.request}} {
		if place.p == nil {
			continue
		}
		if place.p != place.old {
			c.place(place.p, place.old, last)
		}
		place.p.owners++
		last = place.p
	}
	for _, der := range r.chain() {
		if len(c.stock.Places(der)) == 0 {
			p := c.newPart(Certificate, der)
			c.place(p, nil, last)
			last = p
		}
	}
	c.stock.Need(r.chain())
}

// place puts a new part after the first of the others that exists.
func (c *container) place(p *part, after ...*part) {
	p.number = len(c.parts)
	c.note(p)
	for _, other := range after {
		if other != nil {
			other.after = slices.Insert(other.after, 0, p)
			return
		}
	}
	c.parts = append(c.parts, p)
	p.loose, c.tail = bytes.TrimPrefix(c.tail, []byte(emptyMark)), nil
	if len(bytes.TrimSpace(p.loose)) > 0 { // a note at the end does not belong to the new block
		p.loose = append(armour.EndLine(slices.Clip(p.loose)), armour.WithEnds("\n", c.crlf)...)
	}
}

// describeRecord writes the label of a record above its blocks if it is not the automatic one, and a localKeyID if the key is locked. What
// else is needed, method explain adds.
func (c *container) describeRecord(r *record) {
	label, own := r.label, r.own()
	if e := r.entry(); label == kdb.AutoLabel(&e) {
		label = ""
	}
	id := own.item.LocalKeyID
	if r.key != nil {
		id = r.key.item.LocalKeyID
		if len(id) == 0 && (r.key.open || r.key.encrypted()) {
			id = c.newID(own.item.DER, r.label)
		}
		if r.key.owners == 1 {
			c.describe(r.key, armour.Attributes{Label: label, KeyID: id})
		}
	}
	c.describe(own, armour.Attributes{Label: label, KeyID: id})
}

// own is the part with the record's certificate or request.
func (r *record) own() *part {
	if r.request != nil {
		return r.request
	}
	return r.cert
}

// Delete implements keyfile.Container. Certificates that only the entry's chain needed go with it; one that other chains need stays
// without its label.
func (c *container) Delete(label string) error {
	r, err := c.records.Find(label)
	switch {
	case err != nil:
		return err
	case c.fixed != "":
		return c.refuse(fmt.Sprintf("deleting label %q", label))
	case r.cert != nil && r.cert.item.Kind == PKCS7:
		return fmt.Errorf("deleting label %q: %w: %s", label, kdb.ErrUnsupported, inPKCS7)
	}
	c.begin()
	err = c.records.Remove(label)
	c.release(r)
	return err
}

// Rename implements keyfile.Container. Copies of the certificate and certificates of the chain that have the label get the new one: they
// would be taken for entries of their own.
func (c *container) Rename(from, to string) error {
	r, err := c.records.Find(from)
	switch {
	case err != nil:
		return err
	case c.fixed != "":
		return c.refuse(fmt.Sprintf("renaming label %q", from))
	case r.cert != nil && r.cert.item.Kind == PKCS7:
		return fmt.Errorf("renaming label %q: %w: %s", from, kdb.ErrUnsupported, inPKCS7)
	}
	if err := checkLabel(to); err != nil {
		return err
	}
	if err := c.records.Rename(from, to); err != nil {
		return err
	}
	c.begin()
	r.label, r.base = to, to
	others := slices.Clone(r.copies)
	for _, der := range r.chain() {
		others = append(others, c.stock.Places(der)...)
	}
	for _, p := range others {
		if p.item.Label == from {
			c.describe(p, armour.Attributes{Label: to, KeyID: p.item.LocalKeyID, ChainOf: p.item.chainOf})
		}
	}
	c.describeRecord(r)
	return nil
}

// checkLabel refuses what cannot be in a line above a block.
func checkLabel(label string) error {
	if strings.Contains(label, armour.BeginMark) || strings.Contains(label, armour.EndMark) {
		return fmt.Errorf("%w: the label would be taken for the beginning or end of a block; rename the entry", kdb.ErrUnsupported)
	}
	return nil
}

// release removes the parts of a record that nothing else needs.
func (c *container) release(r *record) {
	c.stock.Release(r.chain())
	for _, p := range r.parts() {
		if p.owners--; p.owners == 0 {
			c.drop(p)
		}
	}
	for _, der := range r.chain() {
		c.thin(der, r)
	}
}

// drop removes a part, or takes its label if a chain needs the certificate and no other part has it.
func (c *container) drop(p *part) {
	if p.item.Kind == PKCS7 {
		return
	}
	if len(p.certs) == 1 && c.stock.Last(p.certs[0], p) {
		c.describe(p, armour.Attributes{})
		return
	}
	c.remove(p)
}

var _ keyfile.Sealer = (*container)(nil)
