package pem

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // localKeyIDs are made so by OpenSSL; nothing depends on its strength
	"crypto/sha256"
	"math"
	"slices"

	"certkdb/kdb"
	"certkdb/pki/cert"
)

// ledger tells what certificates are used for while a file is changed.
type ledger struct {
	parts  map[[32]byte][]*part // that hold a certificate, by its fingerprint; deleted ones too
	chains map[[32]byte]int     // how many chains have it
	ids    map[string]bool      // the localKeyIDs that are taken, or were
	// trusted are the trusted entries by their certificates, subjects these by their subjects.
	trusted  map[*part]*record
	subjects map[string][]*part
	personal bool // there is a personal entry, or was
	// untied are entries whose keys have no localKeyID, by the public key: they take every certificate with it.
	untied map[string][]*record
}

// book returns the ledger, made at the first change. Keys that belong to their certificates only as long as nothing else is in the file
// are tied to them then.
func (c *container) book() *ledger {
	if c.ledger != nil {
		return c.ledger
	}
	l := &ledger{
		parts: map[[32]byte][]*part{}, chains: map[[32]byte]int{}, ids: map[string]bool{}, trusted: map[*part]*record{},
		untied: map[string][]*record{},
	}
	c.ledger = l
	for _, p := range c.parts {
		l.note(p)
	}
	for _, r := range c.records.All() {
		l.chain(r, 1)
		if r.kind == kdb.KindTrusted {
			l.trusted[r.cert] = r
		}
		l.personal = l.personal || r.kind == kdb.KindPersonal
	}
	for _, r := range c.records.All() {
		if r.key != nil && r.key.private.SPKI == nil {
			c.pin(r)
		}
		l.noteKey(r)
	}
	return l
}

func (l *ledger) note(p *part) {
	for _, der := range p.certs {
		sum := sha256.Sum256(der)
		l.parts[sum] = append(l.parts[sum], p)
	}
	l.ids[string(p.item.LocalKeyID)], l.ids[string(p.item.chainOf)] = true, true
}

func (l *ledger) noteKey(r *record) {
	if r.key != nil && len(r.key.item.LocalKeyID) == 0 {
		spki := string(r.key.private.SPKI)
		l.untied[spki] = append(l.untied[spki], r)
	}
}

func isKey(k Kind) bool { return k == PrivateKey || k == EncryptedKey || k == OpenSSHKey }

// chain counts the chain of a record in or out.
func (l *ledger) chain(r *record, n int) {
	for _, der := range r.chain() {
		l.chains[sha256.Sum256(der)] += n
	}
}

func (r *record) chain() [][]byte { return r.certificates[min(1, len(r.certificates)):] }

// alive is a part that holds a certificate, other than not; nil if there is none.
func (l *ledger) alive(sum [32]byte, not *part) *part {
	i := slices.IndexFunc(l.parts[sum], func(p *part) bool { return !p.removed && p != not })
	if i < 0 {
		return nil
	}
	return l.parts[sum][i]
}

// pin ties a key to its certificate or request by a localKeyID, since nobody sees its public key while it is encrypted. A key alone gets one lest
// it be taken for that of what is added.
func (c *container) pin(r *record) {
	own := r.own()
	if own != nil && own.item.Kind == PKCS7 {
		return // it has no attributes
	}
	id := r.key.item.LocalKeyID
	if len(id) == 0 && own == nil {
		id = c.newID(r.key.item.DER, r.label)
	} else if len(id) == 0 {
		id = c.newID(own.item.DER, r.label)
	}
	c.write(r.key, bag{label: r.key.item.Label, keyID: id})
	if own != nil {
		c.write(own, bag{label: own.item.Label, keyID: id})
	}
}

// newID makes a localKeyID as OpenSSL does, or another one if that is taken.
func (c *container) newID(der []byte, label string) []byte {
	sum := sha1.Sum(der) //nolint:gosec // see the import
	for c.ledger.ids[string(sum[:])] {
		sum = sha1.Sum(append(sum[:], label...)) //nolint:gosec // see the import
	}
	c.ledger.ids[string(sum[:])] = true
	return sum[:]
}

// stayTrusted ties keys to their certificates that would take a new one too.
func (c *container) stayTrusted(der []byte) {
	crt, err := cert.Parse(der)
	if err != nil {
		return // unreachable: it was parsed before
	}
	spki := string(crt.RawSPKI)
	for _, r := range c.ledger.untied[spki] {
		if c.has(r) {
			c.pin(r)
		}
	}
	delete(c.ledger.untied, spki)
}

// keepTrusted gives trusted entries their labels that would be taken for a part of a personal entry otherwise: those with one of its certificates,
// and those that issued its chain.
func (c *container) keepTrusted(r *record) {
	for _, der := range r.certificates {
		for _, p := range c.ledger.parts[sha256.Sum256(der)] {
			if other := c.trustedOf(p); other != nil {
				c.write(p, bag{label: other.label, keyID: p.item.LocalKeyID})
			}
		}
	}
	issuer, _ := namesOf(r.certificates[len(r.certificates)-1])
	seen := map[string]bool{}
	for todo := []string{issuer}; len(todo) > 0 && len(seen) <= maxChain; todo = todo[1:] {
		if seen[todo[0]] {
			continue
		}
		seen[todo[0]] = true
		for _, p := range c.ledger.bySubject()[todo[0]] {
			if other := c.trustedOf(p); other != nil {
				c.write(p, bag{label: other.label, keyID: p.item.LocalKeyID})
				issuer, _ := namesOf(other.certificates[0])
				todo = append(todo, issuer)
			}
		}
	}
}

// trustedOf is the trusted entry that a part makes, nil if it makes none.
func (c *container) trustedOf(p *part) *record {
	if r := c.ledger.trusted[p]; r != nil && !p.removed && r.cert == p && c.has(r) {
		return r
	}
	return nil
}

// has says that a record is one of the file still.
func (c *container) has(r *record) bool {
	now, err := c.records.Find(r.label)
	return err == nil && now == r
}

// bySubject indexes the certificates by their subjects in the form in which names are compared. It is made when it is first needed.
func (l *ledger) bySubject() map[string][]*part {
	if l.subjects == nil {
		l.subjects = map[string][]*part{}
		for p := range l.trusted {
			l.noteSubject(p)
		}
	}
	return l.subjects
}

func (l *ledger) noteSubject(p *part) {
	for _, der := range p.certs {
		_, subject := namesOf(der)
		l.subjects[subject] = append(l.subjects[subject], p)
	}
}

// namesOf are issuer and subject in the form in which names are compared.
func namesOf(der []byte) (issuer, subject string) {
	c, err := cert.Parse(der)
	if err != nil {
		return "", "" // unreachable: it was parsed before
	}
	return c.Issuer.Canonical(), c.Subject.Canonical()
}

// thin removes the copies of a certificate that no chain needs any more, of several those behind the removed record first.
func (l *ledger) thin(sum [32]byte, removed *record) {
	var copies []*part
	for _, p := range l.parts[sum] {
		if !p.removed && p.owners == 0 && p.item.Kind != PKCS7 {
			copies = append(copies, p)
		}
	}
	slices.SortStableFunc(copies, func(a, b *part) int { return cmp.Compare(a.distance(removed), b.distance(removed)) })
	for i := 0; i < len(copies)-l.chains[sum]; i++ {
		copies[i].removed = true
	}
}

// distance tells how far a part stands behind a record: not at all if it is tied to it, farthest if it stands before it.
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
