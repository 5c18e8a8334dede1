package pem

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"

	"certkdb/kdb"
	"certkdb/pki/key"
)

// record is an entry with the parts that it is made of.
type record struct {
	label        string
	kind         kdb.Kind
	trusted      bool
	cert         *part // nil for requests, and for keys without certificate
	request      *part
	key          *part
	copies       []*part  // the same certificate or key once more
	certificates [][]byte // the own one and its chain
}

// pairing finds out what belongs together.
type pairing struct {
	*container
	gatherer
	// certParts are the parts of gatherer.certs, and so on.
	certParts, requestParts, keyParts []*part
	issuersOf                         *pool
	publics, byID, tied               map[string][]int // tied are those of chains, by the localKeyIDs of their entries
	keyIDs                            map[string]bool
	found                             []*record
	bySPKI                            map[string]*record // by the public keys of their private keys
	taken                             []bool             // certificates that are an entry's own, or a copy of it
	// chained are the certificates of chains, with the labels of the entries that have these.
	chained map[[32]byte][]string
}

// pair makes the records, in the order of the file.
func (c *container) pair() {
	x := &pairing{container: c, keyIDs: map[string]bool{}, bySPKI: map[string]*record{}, chained: map[[32]byte][]string{}}
	x.options.Invalid = func(err error) { c.bad = append(c.bad, err) }
	for _, p := range c.parts {
		if err := x.add(p); err != nil {
			x.invalid(err)
		}
	}
	x.taken = make([]bool, len(x.certs))
	if len(x.keys) > 0 {
		x.issuersOf, x.publics = x.pool(), x.byPublicKey()
		x.byID, x.tied = x.by(func(i *Item) []byte { return i.LocalKeyID }), x.by(func(i *Item) []byte { return i.chainOf })
	}
	for i := range x.keys {
		x.pairKey(&x.keys[i], x.keyParts[i])
	}
	for i := range x.certs {
		x.pairTrusted(i)
	}
	slices.SortStableFunc(x.found, func(a, b *record) int { return cmp.Compare(a.number(), b.number()) })
	for _, r := range x.found {
		r.label = c.records.Add(r.label, r)
	}
}

// by indexes the certificates by something that most of them do not have.
func (x *pairing) by(id func(*Item) []byte) map[string][]int {
	ids := map[string][]int{}
	for i := range x.certs {
		if id := id(&x.certs[i].item); len(id) > 0 {
			ids[string(id)] = append(ids[string(id)], i)
		}
	}
	return ids
}

// parts are all parts of an entry but its chain.
func (r *record) parts() []*part {
	var list []*part
	for _, p := range append([]*part{r.key, r.cert, r.request}, r.copies...) {
		if p != nil {
			list = append(list, p)
		}
	}
	return list
}

// number is where the entry stands in the file.
func (r *record) number() int {
	first := math.MaxInt
	for _, p := range [...]*part{r.key, r.cert, r.request} {
		if p != nil {
			first = min(first, p.number)
		}
	}
	return first
}

// add gathers a part. A key that cannot be opened now is gathered all the same.
func (x *pairing) add(p *part) error {
	var err error
	switch p.item.Kind {
	case PrivateKey, EncryptedKey, OpenSSHKey:
		p.private, err = p.item.OpenKey(nil)
		if errors.Is(err, kdb.ErrNoPassword) || p.item.Kind != PrivateKey && unsupported(err) {
			err = nil
		}
		if err == nil {
			x.keys, x.keyParts = append(x.keys, foundKey{p.item, p.private}), append(x.keyParts, p)
			x.keyIDs[string(p.item.LocalKeyID)] = len(p.item.LocalKeyID) > 0
		}
	default:
		err = x.take(p.item)
	}
	for _, f := range x.certs[len(x.certParts):] {
		x.certParts, p.certs = append(x.certParts, p), append(p.certs, f.item.DER)
	}
	if len(x.requests) > len(x.requestParts) {
		x.requestParts = append(x.requestParts, p)
	}
	return err
}

// pairKey makes the entries of a private key.
func (x *pairing) pairKey(k *foundKey, p *part) {
	matching := x.certificatesFor(k)
	for _, group := range matching {
		x.pairPersonal(k, p, group)
	}
	if len(matching) > 0 || x.pairCopy(p) || x.pairRequest(k, p) {
		return
	}
	x.enter(&record{kind: kdb.KindPersonal, key: p, label: p.keyLabel()})
}

// keyLabel is the label of a key alone: made of what it shows of itself, since a digest of the key would help to guess it.
func (p *part) keyLabel() string {
	if kdb.CheckLabel(p.item.Label) == nil {
		return p.item.Label
	}
	public := p.private.SPKI
	if public == nil {
		public = p.item.DER // encrypted
	}
	sum := sha256.Sum256(public)
	return fmt.Sprintf("key-%x", sum[:4])
}

// certificatesFor finds the certificates of a key that are no other entry's: see [Codec]. Behind each stand the copies of it.
func (x *pairing) certificatesFor(k *foundKey) [][]int {
	byID := slices.DeleteFunc(slices.Clone(x.byID[string(k.item.LocalKeyID)]), func(i int) bool {
		return x.taken[i] || k.private.SPKI != nil && !key.SameKey(k.private.SPKI, x.certs[i].spki)
	})
	switch {
	case len(byID) > 0:
		return x.distinct(byID)
	case x.waits(k):
		return nil
	case k.private.SPKI != nil:
		return x.distinct(slices.DeleteFunc(slices.Clone(x.sameKey(k, x.publics)), func(i int) bool {
			return x.taken[i] || x.keyIDs[string(x.certs[i].item.LocalKeyID)] // another key's
		}))
	case len(x.keys) == 1 && len(k.item.LocalKeyID) == 0:
		return x.likely()
	}
	return nil
}

// waits says that a request has the key's localKeyID: certificates without it are no answer to it yet.
func (x *pairing) waits(k *foundKey) bool {
	return len(k.item.LocalKeyID) > 0 && slices.ContainsFunc(x.requests, func(f found) bool { return bytes.Equal(f.item.LocalKeyID, k.item.LocalKeyID) })
}

// likely is the certificate of the only key when nothing tells.
func (x *pairing) likely() [][]int {
	i := slices.IndexFunc(x.certs, func(f found) bool { return !f.cert.IsCA })
	if len(x.certs) == 1 {
		i = 0
	}
	if i < 0 {
		return nil
	}
	return x.distinct([]int{i})
}

// distinct takes certificates for an entry's own. One that comes again is a copy, unless it has a label of its own.
func (x *pairing) distinct(list []int) [][]int {
	var groups [][]int
	for _, i := range list {
		item := &x.certs[i].item
		at := slices.IndexFunc(groups, func(g []int) bool { return string(x.certs[g[0]].item.DER) == string(item.DER) })
		switch {
		case at < 0:
			groups = append(groups, []int{i})
		case item.Label == "" || item.Label == x.certs[groups[at][0]].item.Label:
			groups[at] = append(groups[at], i)
		default:
			continue
		}
		x.taken[i] = true
	}
	return groups
}

func (x *pairing) pairPersonal(k *foundKey, p *part, group []int) {
	f := &x.certs[group[0]]
	r := &record{kind: kdb.KindPersonal, key: p, cert: x.certParts[group[0]], label: f.label(k.item.Label), certificates: [][]byte{f.item.DER}}
	for _, i := range group[1:] {
		r.copies = append(r.copies, x.certParts[i])
	}
	for _, i := range x.issuers(group[0], string(k.item.LocalKeyID)) {
		der := x.certs[i].item.DER
		r.certificates = append(r.certificates, der)
		sum := sha256.Sum256(der)
		x.chained[sum] = append(x.chained[sum], r.label)
	}
	x.enter(r)
}

// issuers are the chain of a certificate. Certificates that are tied to its key go before others that could be in their place, and belong to the
// chain in any case.
func (x *pairing) issuers(i int, id string) []int {
	tied := x.tied[id]
	list := []int{i}
	for len(list) <= maxChain {
		next := x.issuer(list[len(list)-1], x.issuersOf)
		if next >= 0 {
			next = x.preferred(tied, next)
		}
		if next < 0 || slices.Contains(list, next) {
			break
		}
		list = append(list, next)
	}
	for _, j := range tied {
		if !slices.Contains(list, j) && len(list) <= maxChain {
			list = append(list, j)
		}
	}
	return list[1:]
}

// preferred is the certificate among those of a list that could be in the place of another one, else that.
func (x *pairing) preferred(list []int, i int) int {
	c := x.certs[i].cert
	for _, j := range list {
		if other := x.certs[j].cert; other.Subject.Canonical() == c.Subject.Canonical() && bytes.Equal(other.SKI, c.SKI) {
			return j
		}
	}
	return i
}

// enter adds a record, and notes what its parts are used for.
func (x *pairing) enter(r *record) {
	x.found = append(x.found, r)
	for _, p := range r.parts() {
		p.owners++
	}
	if r.key != nil && r.key.private.SPKI != nil {
		x.bySPKI[string(r.key.private.SPKI)] = r
	}
}

// pairCopy recognises the key of an entry in another form.
func (x *pairing) pairCopy(p *part) bool {
	r := x.bySPKI[string(p.private.SPKI)]
	if r == nil {
		return false
	}
	p.owners++
	r.copies = append(r.copies, p)
	return true
}

// pairRequest makes an entry of a key and the request for it.
func (x *pairing) pairRequest(k *foundKey, p *part) bool {
	alone := len(x.keys) == 1 && len(x.requests) == 1 && len(x.certs) == 0
	exact := len(x.keys)*len(x.requests) > maxComparisons
	for i := range x.requests {
		f := &x.requests[i]
		if f.used || exact && !bytes.Equal(k.private.SPKI, f.spki) || !f.requestOf(k, alone) {
			continue
		}
		f.used = true
		x.enter(&record{kind: kdb.KindRequest, key: p, request: x.requestParts[i], label: f.label(k.item.Label)})
		return true
	}
	return false
}

func (f *found) requestOf(k *foundKey, alone bool) bool {
	if k.private.SPKI != nil {
		return key.SameKey(k.private.SPKI, f.spki)
	}
	if len(k.item.LocalKeyID) == 0 {
		return alone
	}
	return bytes.Equal(k.item.LocalKeyID, f.item.LocalKeyID)
}

// pairTrusted makes an entry of a certificate that is no other's. One of a chain needs a label of its own.
func (x *pairing) pairTrusted(i int) {
	f, p := &x.certs[i], x.certParts[i]
	if x.taken[i] {
		return
	}
	if len(x.chained) > 0 {
		labels, inChain := x.chained[sha256.Sum256(f.item.DER)]
		if inChain && (len(f.item.chainOf) > 0 || f.item.Label == "" || slices.Contains(labels, f.item.Label)) {
			return
		}
	}
	x.enter(&record{
		kind: kdb.KindTrusted, trusted: !f.item.Aux.Distrusted(), cert: p, label: f.label(""), certificates: [][]byte{f.item.DER},
	})
}
