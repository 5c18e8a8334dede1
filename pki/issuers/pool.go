package issuers

import (
	"bytes"
	"slices"
	"time"

	"certkdb/pki/cert"
)

// Bounds on the work for hostile input, in which thousands of certificates may look alike.
const (
	maxChain    = 64    // certificates in a chain
	maxAlike    = 64    // possible issuers of one certificate that are compared
	maxVerified = 4096  // signatures that one pool verifies
	maxRSABits  = 16384 // of a modulus that is computed with
)

// Pool holds the certificates among which issuers are looked for. It is not safe for concurrent use.
type Pool struct {
	at       time.Time
	subjects map[string]*namesakes // by canonical name
	seen     map[string]bool       // certificates in DER
	found    map[*cert.Certificate]*cert.Certificate
	roots    map[*cert.Certificate]bool // self-signed or not
	verified int
	verifies bool // takes no key identifier at its word
}

// namesakes are the certificates of one subject.
type namesakes struct {
	all     []*cert.Certificate
	byKeyID map[string][]*cert.Certificate // by subject key identifier
}

// NewPool makes a pool. Of several certificates of one issuer it prefers those that are valid at the given time; the zero time prefers
// none.
func NewPool(at time.Time, certificates ...*cert.Certificate) *Pool {
	p := &Pool{at: at, subjects: map[string]*namesakes{}, seen: map[string]bool{}, roots: map[*cert.Certificate]bool{}}
	p.Add(certificates...)
	return p
}

// NewVerifyingPool is NewPool for what is relied on: anybody can make a certificate with a certain name and key identifier. An issuer is
// one whose key verifies the signature. Only where the algorithm or the key is unknown here, the identifiers decide.
func NewVerifyingPool(at time.Time, certificates ...*cert.Certificate) *Pool {
	p := NewPool(at, certificates...)
	p.verifies = true
	return p
}

// Add puts certificates into the pool. One that is already there is ignored.
func (p *Pool) Add(certificates ...*cert.Certificate) {
	p.found = map[*cert.Certificate]*cert.Certificate{}
	for _, c := range certificates {
		if p.seen[string(c.Raw)] {
			continue
		}
		p.seen[string(c.Raw)] = true
		subject := c.Subject.Canonical()
		group := p.subjects[subject]
		if group == nil {
			group = &namesakes{byKeyID: map[string][]*cert.Certificate{}}
			p.subjects[subject] = group
		}
		group.all = append(group.all, c)
		group.byKeyID[string(c.SKI)] = append(group.byKeyID[string(c.SKI)], c)
	}
}

// AddDER is Add for certificates in DER. One that cannot be read is left out: it cannot be followed anyway.
func (p *Pool) AddDER(certificates ...[]byte) {
	for _, der := range certificates {
		if c, err := cert.Parse(der); err == nil {
			p.Add(c)
		}
	}
}

// Chain puts together the chain of a certificate: the certificate first, each followed by its issuer. It ends with a self-signed one, or
// where the pool has no issuer; then complete is false and the issuer of the last certificate is missing.
func (p *Pool) Chain(leaf *cert.Certificate) (chain []*cert.Certificate, complete bool) {
	chain = []*cert.Certificate{leaf}
	for last := leaf; !p.selfSigned(last); last = chain[len(chain)-1] {
		issuer := p.Issuer(last)
		again := func(c *cert.Certificate) bool { return bytes.Equal(c.Raw, issuer.Raw) }
		if issuer == nil || len(chain) == maxChain || slices.ContainsFunc(chain, again) {
			return chain, false
		}
		chain = append(chain, issuer)
	}
	return chain, true
}

func (p *Pool) selfSigned(c *cert.Certificate) bool {
	is, known := p.roots[c]
	if !known {
		is = selfSigned(c, p.signed)
		p.roots[c] = is
	}
	return is
}

// Issuer returns the certificate that issued another one, nil if it is not in the pool. Names are compared as RFC 5280, 7.1 describes. A
// single certificate with the right key identifier is taken at its word, unless the pool verifies; otherwise the signature decides where it
// can be verified. Of several certificates with the right key it takes one that is valid, and of those the one that is valid the longest.
func (p *Pool) Issuer(c *cert.Certificate) *cert.Certificate {
	issuer, known := p.found[c]
	if !known {
		issuer = p.find(c)
		p.found[c] = issuer
	}
	return issuer
}

func (p *Pool) find(c *cert.Certificate) *cert.Certificate {
	candidates := p.candidates(c)
	if !p.verifies && len(candidates) == 1 && KeyIDs(c, candidates[0]) > 0 {
		return candidates[0]
	}
	var best *cert.Certificate
	bestRank := -1
	for _, candidate := range candidates {
		rank, ok := p.rank(c, candidate)
		if ok && (rank > bestRank || rank == bestRank && candidate.NotAfter.After(best.NotAfter)) {
			best, bestRank = candidate, rank
		}
	}
	return best
}

// candidates are the certificates of the right name: those with the right key identifier if there are any, else all. If the pool verifies,
// the others come after those: the issuer may have no identifier, and somebody else a certificate with the right one.
func (p *Pool) candidates(c *cert.Certificate) []*cert.Certificate {
	group := p.subjects[c.Issuer.Canonical()]
	if group == nil {
		return nil
	}
	var list []*cert.Certificate
	if len(c.AKI) > 0 {
		matching := group.byKeyID[string(c.AKI)]
		list = slices.Clone(matching[:min(len(matching), maxAlike)])
	}
	if known := len(list); known == 0 || p.verifies {
		for _, candidate := range group.all {
			if known > 0 && bytes.Equal(candidate.SKI, c.AKI) {
				continue
			}
			if len(list) == known+maxAlike {
				break
			}
			list = append(list, candidate)
		}
	}
	return slices.DeleteFunc(list, func(candidate *cert.Certificate) bool { return bytes.Equal(candidate.Raw, c.Raw) })
}

// rank tells how well a certificate of the right name fits as issuer; not ok is not at all.
func (p *Pool) rank(c, candidate *cert.Certificate) (rank int, ok bool) {
	switch signed, known := p.signed(c, candidate); {
	case known && !signed:
		return 0, false
	case known:
		rank += 4
	case KeyIDs(c, candidate) < 0:
		return 0, false
	}
	if KeyIDs(c, candidate) > 0 {
		rank += 2
	}
	if !p.at.Before(candidate.NotBefore) && !p.at.After(candidate.NotAfter) {
		rank++
	}
	return rank, true
}

// signed is verify, as long as the pool has not verified too many signatures. After that, a pool that verifies finds no issuer.
func (p *Pool) signed(c, issuer *cert.Certificate) (signed, known bool) {
	if p.verified++; p.verified > maxVerified {
		return false, p.verifies
	}
	return verify(c, issuer)
}
