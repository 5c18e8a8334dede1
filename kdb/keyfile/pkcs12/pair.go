package pkcs12

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
)

// maxChain bounds the chains that are built.
const maxChain = 64

// maxAlike bounds how many certificates are compared where many have the same name, key or identifier. It keeps hostile files, in
// which all are alike, from taking the square of their size.
const maxAlike = 256

// index finds certificates of a file.
type index struct {
	bags     []*bag // with a readable certificate, in the file's order
	parsed   map[*bag]*cert.Certificate
	bySum    map[[32]byte]*bag // one of each certificate
	byKeyID  map[string][]*bag
	byName   map[string][]*bag
	bySPKI   map[string][]*bag
	issuers  *issuers.Pool
	compared int
}

func (c *Container) newIndex() *index {
	x := &index{
		parsed: map[*bag]*cert.Certificate{}, bySum: map[[32]byte]*bag{},
		byKeyID: map[string][]*bag{}, byName: map[string][]*bag{}, bySPKI: map[string][]*bag{},
		issuers: issuers.NewPool(time.Time{}), // a chain must not depend on the time when the file is read
	}
	for b := range c.bags() {
		if b.cert == nil {
			continue
		}
		if crt, err := cert.Parse(b.cert); err == nil {
			x.add(b, crt)
		}
	}
	return x
}

func (x *index) add(b *bag, crt *cert.Certificate) {
	x.bags = append(x.bags, b)
	x.parsed[b] = crt
	if sum := sha256.Sum256(b.cert); x.bySum[sum] == nil {
		x.bySum[sum] = b
		x.issuers.Add(crt)
	}
	for _, id := range b.localKeyIDs() {
		x.byKeyID[string(id)] = append(x.byKeyID[string(id)], b)
	}
	x.byName[b.friendlyName()] = append(x.byName[b.friendlyName()], b)
	x.bySPKI[string(crt.RawSPKI)] = append(x.bySPKI[string(crt.RawSPKI)], b)
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
	id, label := r.key.localKeyID(), r.key.friendlyName()
	alike := func(b *bag) bool { return id != nil && bytes.Equal(b.localKeyID(), id) }
	named := func(b *bag) bool { return label != "" && b.friendlyName() == label }
	switch err := c.open(r); {
	case err == nil:
		private, err := key.ReadPrivate(r.plain)
		r.algorithm, r.spki = private.Type, private.SPKI
		if err == nil && private.SPKI != nil {
			return first(x.withKey(private.SPKI, taken), alike, named, func(*bag) bool { return true }), nil
		}
	case !errors.Is(err, kdb.ErrPassword) && !errors.Is(err, kdb.ErrNoPassword) && !errors.Is(err, kdb.ErrEncryption):
		return nil, err
	}
	if b := first(free(x.byKeyID, string(id), taken), alike); b != nil {
		return b, nil
	}
	return first(free(x.byName, label, taken), named), nil
}

// withKey returns certificates with a public key that no other key has taken. Where none has the same bytes, some may still hold the
// same key in another encoding.
func (x *index) withKey(spki []byte, taken map[*bag]bool) []*bag {
	list := free(x.bySPKI, string(spki), taken)
	if len(list) > 0 {
		return list
	}
	for _, b := range x.bags {
		if taken[b] || x.compared > maxAlike*maxAlike {
			continue
		}
		if x.compared++; key.SameKey(x.parsed[b].RawSPKI, spki) {
			list = append(list, b)
		}
	}
	return list
}

// free returns up to maxAlike bags of a group that are not taken, and drops the taken ones before them for good.
func free(groups map[string][]*bag, group string, taken map[*bag]bool) []*bag {
	list := groups[group]
	for len(list) > 0 && taken[list[0]] {
		list = list[1:]
	}
	groups[group] = list
	var out []*bag
	for _, b := range list[:min(len(list), maxAlike)] {
		if !taken[b] {
			out = append(out, b)
		}
	}
	return out
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

// chainOf builds the chain that follows a certificate.
func (x *index) chainOf(leaf *cert.Certificate) [][]byte {
	chain, _ := x.issuers.Chain(leaf)
	var list [][]byte
	for _, c := range chain[1:] {
		list = append(list, c.Raw)
	}
	return list
}

// markedChain is the chain that a mark fixes: the certificates of the file with the listed fingerprints.
func (x *index) markedChain(fingerprints []string) [][]byte {
	var chain [][]byte
	for _, text := range fingerprints {
		var sum [32]byte
		if n, err := hex.Decode(sum[:], []byte(text)); err != nil || n != len(sum) {
			continue
		}
		if b := x.bySum[sum]; b != nil && len(chain) < maxChain {
			chain = append(chain, b.cert)
		}
	}
	return chain
}
