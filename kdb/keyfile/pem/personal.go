package pem

import (
	"bytes"
	"fmt"

	"certkdb/kdb"
	"certkdb/pki/key"
)

// foundKey is a private key.
type foundKey struct {
	item    Item
	private key.Private
}

// personal makes entries of the window's private keys.
func (g *gatherer) personal() {
	names := g.bySubject()
	var done []foundKey
	for _, k := range g.keys {
		if g.stopped {
			return
		}
		if known(done, &k) {
			continue // the same key in two formats
		}
		done = append(done, k)
		matching := g.certificatesOf(&k)
		for _, i := range matching {
			g.emit(g.personalEntry(&k, i, names))
		}
		if len(matching) == 0 && !g.request(&k) {
			g.invalid(marked{fmt.Errorf("%s: %w", k.item.Where(), ErrNoCertificate), kdb.ErrParse})
		}
	}
}

func known(done []foundKey, k *foundKey) bool {
	for i := range done {
		if bytes.Equal(done[i].private.PKCS8, k.private.PKCS8) || key.SameKey(done[i].private.SPKI, k.private.SPKI) {
			return true
		}
	}
	return false
}

// certificatesOf finds the certificates for a key: by the public key, or where that cannot be computed by the localKeyID, or as the
// first certificate if the key is the only one.
func (g *gatherer) certificatesOf(k *foundKey) []int {
	var matching []int
	seen := map[string]bool{}
	for i := range g.certs {
		f := &g.certs[i]
		same := key.SameKey(k.private.SPKI, f.spki)
		if k.private.SPKI == nil {
			same = len(k.item.LocalKeyID) > 0 && bytes.Equal(k.item.LocalKeyID, f.item.LocalKeyID)
		}
		if same && !seen[string(f.item.DER)] {
			matching = append(matching, i)
		}
		if same {
			f.used, seen[string(f.item.DER)] = true, true
		}
	}
	if len(matching) == 0 && k.private.SPKI == nil && len(g.keys) == 1 && len(g.certs) > 0 {
		g.certs[0].used = true
		return []int{0}
	}
	return matching
}

// request makes an entry of a key and the request for it.
func (g *gatherer) request(k *foundKey) bool {
	for i := range g.requests {
		f := &g.requests[i]
		if f.used || !key.SameKey(k.private.SPKI, f.spki) {
			continue
		}
		f.used = true
		g.emit(Entry{Item: f.item, Entry: kdb.Entry{
			Label: f.label(k.item.Label), Kind: kdb.KindRequest, Request: f.item.DER, Key: k.private.PKCS8,
		}})
		return true
	}
	return false
}

func (g *gatherer) personalEntry(k *foundKey, i int, names map[string][]int) Entry {
	f := &g.certs[i]
	certificates := [][]byte{f.item.DER}
	for _, issuer := range g.chain(i, names) {
		g.certs[issuer].used = true
		certificates = append(certificates, g.certs[issuer].item.DER)
	}
	id := f.item.LocalKeyID
	if id == nil {
		id = k.item.LocalKeyID
	}
	return Entry{Item: f.item, Entry: kdb.Entry{
		Label: f.label(k.item.Label), Kind: kdb.KindPersonal, Certificates: certificates, Key: k.private.PKCS8, LocalKeyID: id,
	}}
}

// maxChain bounds chains; no real one has more than a handful of certificates.
const maxChain = 16

// bySubject indexes the certificates by their subjects in the form in which RFC 5280, section 7.1 compares names.
func (g *gatherer) bySubject() map[string][]int {
	names := make(map[string][]int, len(g.certs))
	for i := range g.certs {
		subject := g.certs[i].cert.Subject.Canonical()
		names[subject] = append(names[subject], i)
	}
	return names
}

// chain returns the issuers of a certificate, the next one first, as far as they are here.
func (g *gatherer) chain(i int, names map[string][]int) []int {
	var chain []int
	seen := map[int]bool{i: true}
	for len(chain) < maxChain {
		i = g.issuer(i, names)
		if i < 0 || seen[i] {
			break
		}
		seen[i] = true
		chain = append(chain, i)
	}
	return chain
}

// issuer finds the certificate that issued another one: by name, and among several by key identifier (RFC 5280, 4.2.1.1); -1 if it is
// not here.
func (g *gatherer) issuer(i int, names map[string][]int) int {
	c, found := g.certs[i].cert, -1
	if c.Issuer.Canonical() == c.Subject.Canonical() {
		return -1
	}
	for _, j := range names[c.Issuer.Canonical()] {
		candidate := g.certs[j].cert
		sameID := len(c.AKI) > 0 && bytes.Equal(c.AKI, candidate.SKI)
		if sameID {
			return j
		}
		if found < 0 && (len(c.AKI) == 0 || len(candidate.SKI) == 0) {
			found = j
		}
	}
	return found
}
