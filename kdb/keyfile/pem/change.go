package pem

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/pki/cert"
	"certkdb/pki/key"
)

// Update implements keyfile.Container.
func (c *container) Update(e kdb.Entry) error {
	unsupported := ""
	switch {
	case e.Default:
		unsupported = "it has no default entry"
	case e.Kind == kdb.KindPersonal && e.Trusted:
		unsupported = "an entry with a key cannot be trusted in it; add the certificate under another label"
	default:
		return c.Put(e)
	}
	return fmt.Errorf("storing label %q in PEM: %w: %s", e.Label, kdb.ErrUnsupported, unsupported)
}

// Put implements keyfile.Container. What the file has already stays as it is written there.
func (c *container) Put(e kdb.Entry) error {
	if err := c.holds(&e); err != nil {
		return fmt.Errorf("storing label %q in PEM: %w", e.Label, err)
	}
	l := c.book()
	old := c.byLabel[e.Label]
	before := old
	if before == nil {
		before = l.like(&e)
	}
	r, err := c.newRecord(&e, before)
	if err != nil {
		return fmt.Errorf("storing label %q in PEM: %w", e.Label, err)
	}
	if r.at = len(c.records); old != nil {
		r.at = old.at
		c.records[r.at] = r
	} else {
		c.records = append(c.records, r)
	}
	c.byLabel[r.label] = r
	issuers := c.settle(r, before)
	if old != nil {
		c.release(old)
	}
	c.describe(r, issuers)
	l.present[e.Fingerprint()] = r
	return nil
}

// holds reports why PEM cannot hold an entry.
func (c *container) holds(e *kdb.Entry) error {
	if err := kdb.CheckLabel(e.Label); err != nil {
		return err
	}
	unsupported := func(why string) error { return fmt.Errorf("%w: %s", kdb.ErrUnsupported, why) }
	switch {
	case c.fixed != "":
		return unsupported(c.fixed)
	case e.Kind == kdb.KindSecretKey:
		return unsupported("it holds no secret keys; use a PKCS #12 file or a native database")
	case e.Kind != kdb.KindRequest && len(e.Certificates) == 0, e.Kind == kdb.KindRequest && len(e.Request) == 0:
		return fmt.Errorf("%w: an entry of kind %s without a certificate or request", kdb.ErrUnsupported, e.Kind)
	}
	if err := checkLabel(e.Label); err != nil {
		return err
	}
	for i, der := range e.Certificates {
		if _, err := cert.Parse(der); err != nil {
			return fmt.Errorf("%w: certificate %d: %w", kdb.ErrParse, i+1, err)
		}
	}
	return nil
}

// newRecord makes a record of new parts, and of those of the one before that are the same.
func (c *container) newRecord(e *kdb.Entry, before *record) (*record, error) {
	r := &record{label: e.Label, kind: e.Kind, trusted: e.Kind == kdb.KindTrusted, certificates: e.Certificates}
	if before == nil {
		before = &record{}
	}
	// An entry that stays is no longer one with another label: what it is made of is copied.
	reuse := func(p *part) *part { return p }
	if !before.gone && before.label != r.label {
		reuse = c.copyOf
	}
	if before.cert != nil && before.cert.item.Kind == PKCS7 && !before.gone {
		return nil, fmt.Errorf("%w: %s", kdb.ErrUnsupported, inPKCS7)
	}
	if e.Kind == kdb.KindRequest {
		r.request = reuse(before.request)
		if r.request == nil || !bytes.Equal(r.request.item.DER, e.Request) {
			r.request = c.newPart(Request, e.Request)
		}
		return r, c.keyOf(r, e, before, reuse)
	}
	r.cert = reuse(before.cert)
	elsewhere := before.gone && r.cert != nil && !r.cert.gone // it came back already, in a chain
	if r.cert == nil || elsewhere || !bytes.Equal(r.cert.item.DER, e.Certificates[0]) || e.Trusted && r.cert.item.Aux.Distrusted() {
		r.cert = c.newPart(Certificate, e.Certificates[0])
	}
	if e.Kind == kdb.KindPersonal {
		return r, c.keyOf(r, e, before, reuse)
	}
	r.certificates, r.trusted = e.Certificates[:1], e.Trusted
	if !e.Trusted && !r.cert.item.Aux.Distrusted() {
		return nil, fmt.Errorf("%w: every certificate without a key in it is trusted", kdb.ErrUnsupported)
	}
	return r, nil
}

const inPKCS7 = "the entry stands in a PKCS #7 block, which is kept as it is; copy the entries into another file"

// copyOf copies a part for another entry, as it is written; a key gets a localKeyID of its own.
func (c *container) copyOf(p *part) *part {
	if p == nil {
		return nil
	}
	q := *p
	q.after, q.owners, q.fresh, q.gone, q.parameters = nil, 0, true, false, nil
	if len(bytes.TrimSpace(q.loose)) > 0 {
		q.loose = nil // notes that belong to nobody stay where they are
	}
	if isKey(q.item.Kind) && len(q.item.LocalKeyID) > 0 {
		q.setAttributes(bag{label: q.item.Label, keyID: c.newID(q.item.DER, q.item.Label)}, c.crlf)
	}
	return &q
}

func (c *container) newPart(kind Kind, der []byte) *part {
	p := &part{item: Item{Kind: kind, Type: typeOfKind[kind], DER: der}, block: []byte(withEnds(string(Encode(kind, der)), c.crlf)), fresh: true}
	if kind == Certificate {
		p.certs = [][]byte{der}
	}
	return p
}

// keyOf gives a record its private key: the one before if it is the same, as it is written.
func (c *container) keyOf(r *record, e *kdb.Entry, before *record, reuse func(*part) *part) error {
	switch {
	case len(e.Key) == 0 && before.key == nil:
		return fmt.Errorf("an entry of kind %s needs its key", e.Kind)
	case len(e.Key) == 0, before.key != nil && c.open(before.key) == nil && bytes.Equal(before.key.private.PKCS8, e.Key):
		r.key = reuse(before.key)
		return nil
	}
	private, err := key.ReadPrivate(e.Key)
	if err != nil {
		return translate(err)
	}
	private.PKCS8 = bytes.Clone(e.Key)
	r.key = &part{item: Item{Kind: EncryptedKey}, private: private, fresh: true, open: true}
	return nil
}

// settle puts the parts of a record into the file: each in the place of the one that it replaces, else behind the one before it, else at
// the end. Issuers that the file has already stay where they are; the rest of the chain is returned.
func (c *container) settle(r, before *record) []*part {
	if before == nil {
		before = &record{}
	}
	var last *part
	for _, place := range [...]struct{ p, old *part }{{r.key, before.key}, {r.cert, before.cert}, {r.request, before.request}} {
		if place.p == nil {
			continue
		}
		if place.p == place.old {
			place.p.remove(false)
		} else {
			c.place(place.p, place.old, last)
		}
		place.p.owners++
		last = place.p
	}
	var issuers []*part
	for i, der := range r.chain() {
		if c.ledger.alive(sha256.Sum256(der), nil) != nil && issued(der, r.certificates[i]) {
			continue
		}
		p := c.deleted(der)
		if p == nil {
			p = c.newPart(Certificate, der)
			c.place(p, nil, last)
			last = p
		}
		p.gone = false
		issuers = append(issuers, p)
	}
	c.ledger.chain(r, 1)
	return issuers
}

// issued says that a certificate issued another one by the names, so that reading finds it.
func issued(issuer, der []byte) bool {
	name, _ := namesOf(der)
	_, subject := namesOf(issuer)
	return name == subject
}

// place puts a new part behind the first of the others that is there.
func (c *container) place(p *part, behind ...*part) {
	p.number = len(c.parts)
	c.ledger.note(p)
	for _, other := range behind {
		if other != nil {
			other.after = slices.Insert(other.after, 0, p)
			return
		}
	}
	c.parts = append(c.parts, p)
	p.loose, c.tail = bytes.TrimPrefix(c.tail, []byte(emptyMark)), nil
	if len(bytes.TrimSpace(p.loose)) > 0 { // a note at the end is no note on the new block
		p.loose = append(endLine(slices.Clip(p.loose)), withEnds("\n", c.crlf)...)
	}
}

// describe writes the label and the localKeyID of a record above its blocks where they are needed; issuers are new in the file.
func (c *container) describe(r *record, issuers []*part) {
	l := c.ledger
	delete(l.deleted, fingerprint(r))
	label := r.label
	e := r.entry()
	if label == kdb.AutoLabel(&e) && !c.needsName(r) {
		label = ""
	}
	var id []byte
	if r.key != nil {
		id = r.key.item.LocalKeyID
		if len(id) == 0 && (r.key.open || r.key.encrypted() || len(issuers) > 0) {
			id = c.newID(r.own().item.DER, r.label)
		}
		if r.key.owners == 1 {
			c.write(r.key, bag{label: label, keyID: id})
		}
	}
	c.write(r.own(), bag{label: label, keyID: id})
	l.noteKey(r)
	for _, p := range issuers {
		c.write(p, bag{chainOf: id})
	}
	switch r.kind {
	case kdb.KindPersonal:
		l.personal = true
		c.keepTrusted(r)
	case kdb.KindTrusted:
		c.stayTrusted(r.certificates[0])
		if l.trusted[r.cert] = r; l.subjects != nil {
			l.noteSubject(r.cert)
		}
	}
}

// own is the part with the record's certificate or request.
func (r *record) own() *part {
	if r.request != nil {
		return r.request
	}
	return r.cert
}

// write writes the attributes of a part, if they are others.
func (c *container) write(p *part, b bag) {
	if p.item.Label != b.label || !bytes.Equal(p.item.LocalKeyID, b.keyID) || !bytes.Equal(p.item.chainOf, b.chainOf) {
		p.setAttributes(b, c.crlf)
	}
}

// needsName says that a record would be taken for something else without its label.
func (c *container) needsName(r *record) bool {
	if r.key != nil && r.key.owners > 1 && r.key.item.Label != "" {
		return true // of another entry with the same key
	}
	if r.cert == nil {
		return false
	}
	if aux := r.cert.item.Aux; aux != nil && aux.Alias != "" {
		return true
	}
	return r.kind == kdb.KindTrusted && c.ledger.personal // a chain might have it
}

// Delete implements keyfile.Container. Certificates that only the entry's chain needed go with it; one that other chains need stays
// without its label.
func (c *container) Delete(label string) error {
	r := c.byLabel[label]
	switch {
	case r == nil:
		return fmt.Errorf("label %q: %w", label, kdb.ErrNotFound)
	case c.fixed != "":
		return c.refuse(fmt.Sprintf("deleting label %q", label))
	case r.cert != nil && r.cert.item.Kind == PKCS7:
		return fmt.Errorf("deleting label %q: %w: %s", label, kdb.ErrUnsupported, inPKCS7)
	}
	l := c.book()
	r.gone = true
	delete(c.byLabel, label)
	l.deleted[fingerprint(r)] = r
	if l.present[fingerprint(r)] == r {
		delete(l.present, fingerprint(r))
	}
	c.release(r)
	return nil
}

// Rename implements keyfile.Container. What else has the label in the file gets the new one: copies of the certificate, and certificates of
// the chain, which would be taken for entries of their own.
func (c *container) Rename(from, to string) error {
	r := c.byLabel[from]
	switch {
	case r == nil:
		return fmt.Errorf("label %q: %w", from, kdb.ErrNotFound)
	case c.fixed != "":
		return c.refuse(fmt.Sprintf("renaming label %q", from))
	case r.cert != nil && r.cert.item.Kind == PKCS7:
		return fmt.Errorf("renaming label %q: %w: %s", from, kdb.ErrUnsupported, inPKCS7)
	case c.byLabel[to] != nil:
		return fmt.Errorf("label %q: %w", to, kdb.ErrExists)
	}
	if err := checkLabel(to); err != nil {
		return err
	}
	l := c.book()
	delete(c.byLabel, from)
	r.label, c.byLabel[to] = to, r
	others := slices.Clone(r.copies)
	for _, der := range r.chain() {
		others = append(others, l.parts[sha256.Sum256(der)]...)
	}
	for _, p := range others {
		if p.item.Label == from {
			c.write(p, bag{label: to, keyID: p.item.LocalKeyID, chainOf: p.item.chainOf})
		}
	}
	c.describe(r, nil)
	return nil
}

// checkLabel refuses what cannot stand in a line above a block.
func checkLabel(label string) error {
	if strings.Contains(label, beginMark) || strings.Contains(label, endMark) {
		return fmt.Errorf("%w: the label would be taken for the beginning or end of a block; rename the entry", kdb.ErrUnsupported)
	}
	return nil
}

func fingerprint(r *record) [32]byte {
	e := r.entry()
	return e.Fingerprint()
}

// release removes the parts of a record that nothing else needs.
func (c *container) release(r *record) {
	l := c.ledger
	l.chain(r, -1)
	for _, p := range r.parts() {
		if p.owners--; p.owners == 0 {
			c.drop(p)
		}
	}
	for _, der := range r.chain() {
		l.thin(sha256.Sum256(der), r)
	}
}

// drop removes a part, or takes its label if a chain needs the certificate and no other part has it.
func (c *container) drop(p *part) {
	if p.item.Kind == PKCS7 {
		return
	}
	if len(p.certs) == 1 {
		if sum := sha256.Sum256(p.certs[0]); c.ledger.chains[sum] > 0 && c.ledger.alive(sum, p) == nil {
			c.write(p, bag{})
			return
		}
	}
	p.remove(true)
}

var _ keyfile.Sealer = (*container)(nil)
