package pkcs12

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/key"
)

// maxChain bounds the chains that are built.
const maxChain = 64

// index finds certificates of a file. Only files with keys need one.
type index struct {
	bags      []*bag // with a readable certificate, in the file's order
	parsed    map[*bag]*cert.Certificate
	bySubject map[string][]*bag
	byKeyID   map[string][]*bag
}

func (c *Container) newIndex() *index {
	x := &index{parsed: map[*bag]*cert.Certificate{}, bySubject: map[string][]*bag{}, byKeyID: map[string][]*bag{}}
	for b := range c.bags() {
		if b.cert == nil {
			continue
		}
		crt, err := cert.Parse(b.cert)
		if err != nil {
			continue
		}
		x.bags = append(x.bags, b)
		x.parsed[b] = crt
		subject := crt.Subject.Canonical()
		x.bySubject[subject] = append(x.bySubject[subject], b)
		for _, id := range b.localKeyIDs() {
			x.byKeyID[string(id)] = append(x.byKeyID[string(id)], b)
		}
	}
	return x
}

// pair gives each key its certificate: by localKeyId where that is unique, else by public key, else by whatever is equal.
func (c *Container) pair(keys []*record, x *index) error {
	sharing := map[string]int{}
	for _, r := range keys {
		sharing[string(r.key.localKeyID())]++
	}
	taken := map[*bag]bool{}
	for _, r := range keys {
		id := string(r.key.localKeyID())
		if group := x.byKeyID[id]; id != "" && sharing[id] == 1 && len(group) == 1 {
			r.cert = group[0]
			taken[r.cert] = true
		}
	}
	for _, r := range keys {
		if r.cert != nil {
			continue
		}
		var err error
		if r.cert, err = c.search(r, x, taken); err != nil {
			return err
		}
		taken[r.cert] = true
	}
	return nil
}

// search finds the certificate of a key whose localKeyId does not tell.
func (c *Container) search(r *record, x *index, taken map[*bag]bool) (*bag, error) {
	var free []*bag
	for _, b := range x.bags {
		if !taken[b] {
			free = append(free, b)
		}
	}
	id, name := r.key.localKeyID(), r.key.friendlyName()
	alike := func(b *bag) bool { return id != nil && bytes.Equal(b.localKeyID(), id) }
	named := func(b *bag) bool { return name != "" && b.friendlyName() == name }
	switch err := c.open(r); {
	case err == nil:
		private, err := key.ReadPrivate(r.plain)
		r.algorithm = private.Type
		if err == nil && private.SPKI != nil {
			same := slices.DeleteFunc(free, func(b *bag) bool { return !key.SameKey(x.parsed[b].RawSPKI, private.SPKI) })
			return first(same, alike, named, func(*bag) bool { return true }), nil
		}
	case !errors.Is(err, kdb.ErrPassword) && !errors.Is(err, kdb.ErrNoPassword) && !errors.Is(err, kdb.ErrVersion):
		return nil, err
	}
	return first(free, alike, named), nil
}

// first returns the first bag that one of the tests likes, the earlier tests first.
func first(bags []*bag, tests ...func(*bag) bool) *bag {
	for _, test := range tests {
		if i := slices.IndexFunc(bags, test); i >= 0 {
			return bags[i]
		}
	}
	return nil
}

// chainOf builds the chain behind a certificate by issuer and subject, telling equal subjects apart by key identifiers.
func (x *index) chainOf(leaf *cert.Certificate) [][]byte {
	var chain [][]byte
	seen := map[[32]byte]bool{sha256.Sum256(leaf.Raw): true}
	for current := leaf; len(chain) < maxChain; {
		if selfSigned(current) {
			break
		}
		issuer := x.issuerOf(current, seen)
		if issuer == nil {
			break
		}
		seen[sha256.Sum256(issuer.Raw)] = true
		chain = append(chain, issuer.Raw)
		current = issuer
	}
	return chain
}

// selfSigned tells a root from a self-issued certificate of a new key (RFC 5280, section 3.2).
func selfSigned(c *cert.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && (len(c.AKI) == 0 || len(c.SKI) == 0 || bytes.Equal(c.AKI, c.SKI))
}

func (x *index) issuerOf(c *cert.Certificate, seen map[[32]byte]bool) *cert.Certificate {
	var best *cert.Certificate
	for _, b := range x.bySubject[c.Issuer.Canonical()] {
		candidate := x.parsed[b]
		if seen[sha256.Sum256(candidate.Raw)] {
			continue
		}
		if len(c.AKI) > 0 && bytes.Equal(candidate.SKI, c.AKI) {
			return candidate
		}
		if best == nil {
			best = candidate
		}
	}
	return best
}

// markedChain is the chain that a mark fixes: the certificates of the file with the listed fingerprints.
func (x *index) markedChain(fingerprints []string) [][]byte {
	bySum := map[string][]byte{}
	for _, b := range x.bags {
		bySum[fingerprintOf(sha256.Sum256(b.cert))] = b.cert
	}
	var chain [][]byte
	for _, sum := range fingerprints {
		if der := bySum[sum]; der != nil && len(chain) < maxChain {
			chain = append(chain, der)
		}
	}
	return chain
}
