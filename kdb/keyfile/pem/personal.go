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
	names, publics := g.bySubject(), g.byPublicKey()
	done := map[string]bool{}
	for i := range g.keys {
		k := &g.keys[i]
		if g.stopped {
			return
		}
		if id := k.identity(); done[id] {
			continue // the same key in two formats
		} else {
			done[id] = true
		}
		matching := g.certificatesOf(k, publics)
		for _, i := range matching {
			g.emit(g.personalEntry(k, i, names))
		}
		if len(matching) == 0 && !g.request(k) {
			g.invalid(marked{g.lonely(k), kdb.ErrParse})
		}
	}
}

// identity is the public key, or the whole private one where that is not known.
func (k *foundKey) identity() string {
	if k.private.SPKI != nil {
		return string(k.private.SPKI)
	}
	return string(k.private.PKCS8)
}

// lonely is the error of a key without certificate.
func (g *gatherer) lonely(k *foundKey) error {
	if g.flushed {
		return fmt.Errorf("%s: %w; in an input as long as this they have to stand within %d MiB of each other", k.item.Where(), ErrNoCertificate, window>>20)
	}
	return fmt.Errorf("%s: %w", k.item.Where(), ErrNoCertificate)
}

// byPublicKey indexes the certificates by the bytes of their public keys.
func (g *gatherer) byPublicKey() map[string][]int {
	publics := make(map[string][]int, len(g.certs))
	for i := range g.certs {
		publics[string(g.certs[i].spki)] = append(publics[string(g.certs[i].spki)], i)
	}
	return publics
}

// maxComparisons bounds how many pairs of keys and certificates are compared by meaning and not by their bytes alone. Only inputs with thousands of keys
// reach it.
const maxComparisons = 1 << 18

// certificatesOf finds the certificates for a key: by the public key, or where that cannot be computed by the localKeyID, or as the
// first certificate if the key is the only one. A certificate that comes twice counts once.
func (g *gatherer) certificatesOf(k *foundKey, publics map[string][]int) []int {
	same := g.sameKey(k, publics)
	if len(same) == 0 && k.private.SPKI == nil && len(g.keys) == 1 && len(g.certs) > 0 {
		same = []int{0}
	}
	var matching []int
	seen := map[string]bool{}
	for _, i := range same {
		f := &g.certs[i]
		if f.used = true; !seen[string(f.item.DER)] {
			matching = append(matching, i)
		}
		seen[string(f.item.DER)] = true
	}
	return matching
}

// sameKey finds the certificates that belong to a key for certain.
func (g *gatherer) sameKey(k *foundKey, publics map[string][]int) []int {
	if len(g.keys)*len(g.certs) > maxComparisons {
		return publics[string(k.private.SPKI)]
	}
	var same []int
	for i := range g.certs {
		if g.belong(k, &g.certs[i]) {
			same = append(same, i)
		}
	}
	return same
}

func (g *gatherer) belong(k *foundKey, f *found) bool {
	if k.private.SPKI == nil {
		return len(k.item.LocalKeyID) > 0 && bytes.Equal(k.item.LocalKeyID, f.item.LocalKeyID)
	}
	return key.SameKey(k.private.SPKI, f.spki)
}

// request makes an entry of a key and the request for it.
func (g *gatherer) request(k *foundKey) bool {
	exact := len(g.keys)*len(g.requests) > maxComparisons
	for i := range g.requests {
		f := &g.requests[i]
		if f.used || exact && !bytes.Equal(k.private.SPKI, f.spki) || !key.SameKey(k.private.SPKI, f.spki) {
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
