package issuers

import (
	"bytes"
	"slices"
	"time"

	"certkdb/pki/cert"
)

// Bounds on the work for hostile input, in which thousands of certificates may look alike.
const (
	maxChain   = 64    // certificates in a chain
	maxAlike   = 64    // possible issuers of one certificate that are compared
	maxFailed  = 4096  // signatures that do not verify, beyond one for each certificate whose issuer is looked for
	maxRSABits = 16384 // of a modulus that is computed with
)

// Pool holds the certificates among which issuers are looked for. Anybody can make a certificate with a certain name and key identifier,
// so the signature decides who is an issuer. A signature is verified only where the names agree: other certificates cost nothing. A pool is
// not safe for concurrent use.
type Pool struct {
	at         time.Time
	subjects   map[string]*namesakes // by canonical name
	seen       map[string]bool       // certificates in DER
	found      map[*cert.Certificate]*cert.Certificate
	roots      map[*cert.Certificate]bool // self-signed or not
	pretenders map[string]bool            // certificates in DER
	looked     int                        // certificates whose issuer was looked for
	failed     int                        // signatures that did not verify
}

// namesakes are the certificates of one subject.
type namesakes struct {
	all     []*cert.Certificate
	byKeyID map[string][]*cert.Certificate // by subject key identifier
}

// NewPool makes a pool. Of several certificates of one issuer it prefers those that are valid at the given time; the zero time prefers
// none.
func NewPool(at time.Time, certificates ...*cert.Certificate) *Pool {
	p := &Pool{
		at: at, subjects: map[string]*namesakes{}, seen: map[string]bool{}, roots: map[*cert.Certificate]bool{}, pretenders: map[string]bool{},
	}
	p.Add(certificates...)
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
	for last := leaf; !p.SelfSigned(last); last = chain[len(chain)-1] {
		issuer := p.Issuer(last)
		again := func(c *cert.Certificate) bool { return bytes.Equal(c.Raw, issuer.Raw) }
		if issuer == nil || len(chain) == maxChain || slices.ContainsFunc(chain, again) {
			return chain, false
		}
		chain = append(chain, issuer)
	}
	return chain, true
}

// SelfSigned is [SelfSigned], but remembers the answer for each certificate.
func (p *Pool) SelfSigned(c *cert.Certificate) bool {
	is, known := p.roots[c]
	if !known {
		is = selfSigned(c, p.signed)
		p.roots[c] = is
	}
	return is
}

// Issuer returns the certificate that issued another one, nil if it is not in the pool. Names are compared as RFC 5280, 7.1 describes, and
// the key of the issuer verifies the signature; only where the algorithm or the key is unknown here, the key identifiers decide. Of
// several certificates with the right key it takes one with the right key identifier, then one that is valid, and of those the one that is
// valid the longest.
func (p *Pool) Issuer(c *cert.Certificate) *cert.Certificate {
	issuer, known := p.found[c]
	if !known {
		issuer = p.find(c)
		p.found[c] = issuer
	}
	return issuer
}

// Pretends tells a certificate with the name and the key identifier of an issuer that was looked for, whose key did not sign what that
// issuer signed.
func (p *Pool) Pretends(c *cert.Certificate) bool { return p.pretenders[string(c.Raw)] }

// Ranks of possible issuers, which are added: what counts more is more than all that counts less.
const (
	rankValid  = 1 << iota // now
	rankKeyID              // it has the right key identifier
	rankSigned             // its key verifies the signature
)

func (p *Pool) find(c *cert.Certificate) *cert.Certificate {
	p.looked++
	matching, others := p.candidates(c)
	best, rank := p.best(c, matching)
	if rank < rankSigned { // the issuer may have no identifier, and somebody else a certificate with the right one
		if other, otherRank := p.best(c, others); otherRank > rank {
			return other
		}
	}
	return best
}

// candidates are the certificates of the right name: those with the right key identifier, and the others.
func (p *Pool) candidates(c *cert.Certificate) (matching, others []*cert.Certificate) {
	group := p.subjects[c.Issuer.Canonical()]
	if group == nil {
		return nil, nil
	}
	if len(c.AKI) > 0 {
		matching = group.byKeyID[string(c.AKI)]
		matching = matching[:min(len(matching), maxAlike)]
	}
	for _, candidate := range group.all {
		if len(others) == maxAlike {
			break
		}
		if len(matching) == 0 || !bytes.Equal(candidate.SKI, c.AKI) {
			others = append(others, candidate)
		}
	}
	return matching, others
}

// best returns the best of the possible issuers and its rank, nil and -1 if none can be it.
func (p *Pool) best(c *cert.Certificate, candidates []*cert.Certificate) (best *cert.Certificate, bestRank int) {
	bestRank = -1
	answers := map[string]answer{}
	for _, candidate := range candidates {
		if bytes.Equal(candidate.Raw, c.Raw) {
			continue
		}
		a, asked := answers[string(candidate.RawSPKI)] // one CA has many certificates
		if !asked {
			a = p.ask(c, candidate)
			answers[string(candidate.RawSPKI)] = a
		}
		rank, ok := p.rank(c, candidate, a)
		if ok && (rank > bestRank || rank == bestRank && candidate.NotAfter.After(best.NotAfter)) {
			best, bestRank = candidate, rank
		}
	}
	return best, bestRank
}

// answer says whether a key verifies a signature, whether that is known at all, and whether it was tried.
type answer struct{ signed, known, tried bool }

// rank tells how well a certificate of the right name fits as issuer; not ok is not at all.
func (p *Pool) rank(c, candidate *cert.Certificate, a answer) (rank int, ok bool) {
	ids := KeyIDs(c, candidate)
	switch {
	case a.known && !a.signed:
		if ids > 0 && a.tried {
			p.pretenders[string(candidate.Raw)] = true
		}
		return 0, false
	case a.known:
		rank += rankSigned
	case ids < 0:
		return 0, false
	}
	if ids > 0 {
		rank += rankKeyID
	}
	if !p.at.Before(candidate.NotBefore) && !p.at.After(candidate.NotAfter) {
		rank += rankValid
	}
	return rank, true
}

// signed says whether the key of an issuer verifies the signature of a certificate, and whether that is known.
func (p *Pool) signed(c, issuer *cert.Certificate) (signed, known bool) {
	a := p.ask(c, issuer)
	return a.signed, a.known
}

// ask is verify, as long as not too many signatures failed. After that no issuer is found.
func (p *Pool) ask(c, issuer *cert.Certificate) (a answer) {
	if p.failed > maxFailed+p.looked {
		return answer{known: true}
	}
	a.tried = true
	a.signed, a.known = verify(c, issuer)
	if a.known && !a.signed {
		p.failed++
	}
	return a
}
