package path

import (
	"bytes"
	"slices"
	"sync"

	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/name"
)

// Validator validates many certificates with the same options. It keeps what it found out about the roots,
// intermediates and CRLs: names, keys, and which signatures verify. It may be used by several goroutines; the slices
// in the options must not change meanwhile.
type Validator struct {
	o         Options
	anchors   map[string][]*node // by subject
	pool      map[string][]*node // by subject, without those that are anchors
	crls      map[string][]*crl  // by issuer
	reachable map[string]bool    // subjects from which names lead to an anchor
	critical  map[string]bool

	mu sync.Mutex // guards the lazily found fields of nodes and CRLs
}

// node is a certificate with what is found out about it.
type node struct {
	*cert.Certificate
	anchor          *Anchor // nil if it is not trusted
	subject, issuer string  // canonical names
	selfIssued      bool
	key             publicKey
	keyRead         bool
	signedBy        map[*node]error
	facts           *facts
}

// NewValidator prepares a validator.
func NewValidator(o Options) *Validator {
	o.Limits = o.Limits.withDefaults()
	if o.Weak.MinRSA == 0 {
		o.Weak.MinRSA = 1024
	}
	if o.Weak.MinHash == 0 {
		o.Weak.MinHash = 160
	}
	v := &Validator{
		o: o, anchors: map[string][]*node{}, pool: map[string][]*node{}, crls: map[string][]*crl{},
		reachable: map[string]bool{}, critical: map[string]bool{},
	}
	for _, id := range slices.Concat(processed, o.Critical) {
		v.critical[id] = true
	}
	seen := map[string]bool{}
	for i := range o.Roots {
		n := newNode(o.Roots[i].Certificate)
		n.anchor = &o.Roots[i]
		v.anchors[n.subject] = append(v.anchors[n.subject], n)
		seen[string(n.Raw)] = true
	}
	for _, c := range o.Intermediates {
		if n := newNode(c); !seen[string(c.Raw)] {
			seen[string(c.Raw)] = true
			v.pool[n.subject] = append(v.pool[n.subject], n)
		}
	}
	for _, c := range o.CRLs {
		l := newCRL(c)
		v.crls[l.issuer] = append(v.crls[l.issuer], l)
	}
	for _, list := range v.crls {
		slices.SortStableFunc(list, newerFirst)
	}
	v.findReachable()
	return v
}

func newNode(c *cert.Certificate) *node {
	n := &node{Certificate: c, issuer: c.Issuer.Canonical()}
	if bytes.Equal(c.RawSubject, c.RawIssuer) {
		n.subject = n.issuer
	} else {
		n.subject = c.Subject.Canonical()
	}
	n.selfIssued = n.subject == n.issuer
	return n
}

// findReachable follows the names from the anchors down, so that the search never enters a maze of certificates
// without a way out.
func (v *Validator) findReachable() {
	byIssuer := map[string][]*node{}
	for _, list := range v.pool {
		for _, n := range list {
			byIssuer[n.issuer] = append(byIssuer[n.issuer], n)
		}
	}
	var queue []string
	for subject := range v.anchors {
		queue = append(queue, subject)
		v.reachable[subject] = true
	}
	for len(queue) > 0 {
		subject := queue[0]
		queue = queue[1:]
		for _, n := range byIssuer[subject] {
			if !v.reachable[n.subject] {
				v.reachable[n.subject] = true
				queue = append(queue, n.subject)
			}
		}
	}
}

// publicKey returns the node's key without inherited parameters.
func (v *Validator) publicKey(n *node) publicKey {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !n.keyRead {
		n.key, n.keyRead = readKey(n.RawSPKI), true
	}
	return n.key
}

// Validate looks for a valid chain from leaf to one of the roots.
func (v *Validator) Validate(leaf *cert.Certificate) Result {
	return v.ValidateHost(leaf, v.o.Host)
}

// ValidateHost is Validate for a host other than that of the options.
func (v *Validator) ValidateHost(leaf *cert.Certificate, host string) Result {
	s := &search{v: v, host: host, emails: v.o.Emails, purpose: v.o.Purpose, left: v.o.Limits}
	return s.run(newNode(leaf))
}

// ownIssuer tells by name and key identifier that a certificate is self-signed.
func (n *node) ownIssuer() bool {
	return n.selfIssued && issuers.KeyIDs(n.Certificate, n.Certificate) > 0
}

// sameEntity tells certificates of the same name and key, which never stand twice in a sensible chain (RFC 4158, 2.4.2).
func sameEntity(a, b *node) bool {
	return a.subject == b.subject && bytes.Equal(a.RawSPKI, b.RawSPKI)
}

// subjectText is the subject for messages.
func subjectText(n name.Name) string {
	if n.Empty() {
		return "a certificate without a subject"
	}
	return n.String()
}
