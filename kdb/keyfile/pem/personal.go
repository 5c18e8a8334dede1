package pem

import (
	"bytes"
	"fmt"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
)

// foundKey is a private key.
type foundKey struct {
	item    Item
	private key.Private
}

// personal makes entries of the window's private keys.
func (g *gatherer) personal() {
	pool, publics := g.pool(), g.byPublicKey()
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
			g.emit(g.personalEntry(k, i, pool))
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

func (g *gatherer) personalEntry(k *foundKey, i int, pool *pool) Entry {
	f := &g.certs[i]
	certificates := [][]byte{f.item.DER}
	for _, issuer := range g.chain(i, pool) {
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

// pool finds issuers among the certificates of the window.
type pool struct {
	*issuers.Pool
	index map[*cert.Certificate]int
}

// pool prefers no certificate for being valid now, so that the same input makes the same entries at any time: of several with the right
// key it takes the one that is valid the longest.
func (g *gatherer) pool() *pool {
	p := &pool{Pool: issuers.NewPool(time.Time{}), index: make(map[*cert.Certificate]int, len(g.certs))}
	for i := range g.certs {
		p.index[g.certs[i].cert] = i
		p.Add(g.certs[i].cert)
	}
	return p
}

// chain returns the issuers of a certificate, the next one first, as far as they are here.
func (g *gatherer) chain(i int, pool *pool) []int {
	var chain []int
	seen := map[int]bool{i: true}
	for len(chain) < maxChain {
		i = g.issuer(i, pool)
		if i < 0 || seen[i] {
			break
		}
		seen[i] = true
		chain = append(chain, i)
	}
	return chain
}

// issuer finds the certificate that issued another one; -1 if it is not here.
func (g *gatherer) issuer(i int, pool *pool) int {
	c := g.certs[i].cert
	if issuers.SelfSigned(c) {
		return -1
	}
	if issuer := pool.Issuer(c); issuer != nil {
		return pool.index[issuer]
	}
	return -1
}
