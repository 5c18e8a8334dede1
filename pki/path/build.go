package path

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
	"certkdb/pki/oid"
)

// search is one validation: a depth-first search from the certificate towards the anchors (RFC 4158), each chain that
// arrives being judged by a [checker].
type search struct {
	v       *Validator
	host    string
	emails  []string
	purpose string
	left    Limits // what remains of the limits
	result  Result
	chain   []*node
	nested  int             // how many CRL issuers deep this is
	busy    []*node         // CRL issuers being validated further out
	ends    map[string]bool // reported dead ends
}

var errWork = errors.New("the limit of work is reached")

func (s *search) run(leaf *node) Result {
	s.ends = map[string]bool{}
	s.chain = []*node{leaf}
	if anchor := s.trustedLeaf(leaf); anchor != nil {
		s.judge([]*node{leaf}, anchor)
		s.ends[string(leaf.Raw)] = true
	}
	if !s.result.Valid {
		s.extend()
	}
	if !s.result.Valid {
		slices.SortStableFunc(s.result.Attempts, moreHopeful)
		s.preferSuccessor()
	}
	return s.result
}

// moreHopeful orders failed attempts: those that reach an anchor, before those that reach the name of one with another
// key and those that reach none, then those with fewer failures, then the longer.
func moreHopeful(a, b Attempt) int {
	return cmp.Or(
		cmp.Compare(despair(a), despair(b)), cmp.Compare(len(a.Failures), len(b.Failures)), cmp.Compare(len(b.Chain), len(a.Chain)),
	)
}

func despair(a Attempt) int {
	switch {
	case !a.Anchored:
		return 2
	case slices.ContainsFunc(a.Failures, func(f Failure) bool { return f.Rule == RuleSignature }):
		return 1
	}
	return 0
}

// trustedLeaf finds the certificate itself among the anchors. It counts if it is a root, or anything with PartialChain.
func (s *search) trustedLeaf(leaf *node) *node {
	for _, a := range s.v.anchors[leaf.subject] {
		if !bytes.Equal(a.Raw, leaf.Raw) {
			continue
		}
		if s.v.o.PartialChain || leaf.selfIssued && s.signature(leaf, leaf) == nil {
			return a
		}
	}
	return nil
}

// extend tries every issuer of the chain's last certificate. It stops at the first valid chain or a limit.
func (s *search) extend() {
	last := s.chain[len(s.chain)-1]
	before := len(s.result.Attempts)
	anchors := s.ordered(s.v.anchors[last.issuer], last)
	for _, anchor := range anchors {
		if s.over() {
			return
		}
		if !bytes.Equal(anchor.Raw, last.Raw) {
			s.arrive(anchor, len(anchors) == 1)
		}
	}
	if s.intermediates(s.chain) > s.v.o.Limits.Depth {
		return
	}
	for _, next := range s.ordered(s.v.pool[last.issuer], last) {
		if slices.ContainsFunc(s.chain, func(n *node) bool { return sameEntity(n, next) }) {
			continue
		}
		if s.over() {
			return
		}
		s.follow(last, next)
	}
	if len(s.result.Attempts) == before && !s.over() {
		s.deadEnd(last)
	}
}

// arrive judges the chain that ends in an anchor. One of several anchors of a name that has another key is no more than
// mentioned, so that any number of them may be trusted; so is the namesake of a certificate that is its own issuer.
func (s *search) arrive(anchor *node, only bool) {
	last := len(s.chain) - 1
	chain := append(slices.Clone(s.chain), anchor)
	if err := s.signature(s.chain[last], anchor); err != nil && (!only || s.chain[last].ownIssuer()) {
		s.fail(chain, true, signatureFailure(s.chain[last], last, anchor, err))
		return
	}
	s.judge(chain, anchor)
}

// over tells that the search has ended.
func (s *search) over() bool {
	if s.result.Valid || s.result.Limit != "" {
		return true
	}
	if s.left.Steps--; s.left.Steps < 0 {
		s.result.Limit = fmt.Sprintf("the search was given up after %d steps", s.v.o.Limits.Steps)
	}
	return s.result.Limit != ""
}

// follow goes on to a further intermediate certificate if it signed the last one.
func (s *search) follow(last, next *node) {
	if !s.v.reachable[next.issuer] && len(s.ends) > 0 {
		return // one dead end without an anchor is enough to explain
	}
	chain := append(slices.Clone(s.chain), next)
	if s.intermediates(chain) > s.v.o.Limits.Depth || len(chain) > s.v.o.Limits.Depth+maxSelfIssued {
		s.fail(chain, false, Failure{
			Rule: RuleDepth, Position: len(chain) - 1, Certificate: next.Certificate,
			Reason: fmt.Sprintf("the chain needs more than %d intermediate certificates", s.v.o.Limits.Depth),
			Remedy: Remedy{Action: RaiseDepth},
		})
		return
	}
	if err := s.signature(last, next); err != nil {
		if last.selfIssued && s.signature(last, last) == nil {
			return // a root with the name of another one, as after a rollover: the chain ends in it
		}
		s.fail(chain, false, signatureFailure(last, len(chain)-2, next, err))
		return
	}
	saved := s.chain
	s.chain = chain
	s.extend()
	s.chain = saved
}

// maxSelfIssued is how many self-issued certificates a chain may have besides the others.
const maxSelfIssued = 32

// intermediates counts what stands between the certificate and an anchor, self-issued ones apart.
func (s *search) intermediates(chain []*node) int {
	count := 0
	for _, n := range chain[1:] {
		if !n.selfIssued {
			count++
		}
	}
	return count
}

// ordered sorts candidates: matching key identifiers first, then those valid at the time, then those below an anchor.
func (s *search) ordered(list []*node, child *node) []*node {
	if len(list) < 2 {
		return list
	}
	rank := func(n *node) int {
		r := -4 * issuers.KeyIDs(child.Certificate, n.Certificate)
		if s.v.o.Time.Before(n.NotBefore) || s.v.o.Time.After(n.NotAfter) {
			r += 2
		}
		if len(s.v.anchors[n.issuer]) == 0 {
			r++
		}
		return r
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *node) int { return cmp.Compare(rank(a), rank(b)) })
	return list
}

// judge checks a chain that ends in an anchor.
func (s *search) judge(chain []*node, anchor *node) {
	if s.left.Chains--; s.left.Chains < 0 {
		s.result.Limit = fmt.Sprintf("the search was given up after %d chains", s.v.o.Limits.Chains)
		return
	}
	c := &checker{search: s, v: s.v, chain: chain, anchor: anchor.anchor}
	c.run()
	if len(c.failures) > 0 {
		s.fail(chain, true, c.failures...)
		return
	}
	s.result.Valid = true
	s.result.Chain = certificates(chain)
	s.result.Policies = c.policies
	s.result.Attempts = append(s.result.Attempts, Attempt{Chain: s.result.Chain, Anchored: true})
}

func certificates(chain []*node) []*cert.Certificate {
	list := make([]*cert.Certificate, len(chain))
	for i, n := range chain {
		list[i] = n.Certificate
	}
	return list
}

// maxAttempts bounds the list of the explained attempts.
const maxAttempts = 100

func (s *search) fail(chain []*node, anchored bool, failures ...Failure) {
	a := Attempt{Chain: certificates(chain), Anchored: anchored, Failures: failures}
	last := len(s.result.Attempts) - 1
	switch {
	case last+1 < maxAttempts:
		s.result.Attempts = append(s.result.Attempts, a)
	case moreHopeful(a, s.result.Attempts[last]) < 0:
		s.result.Attempts[last] = a
	}
}

// deadEnd explains why the chain goes no further.
func (s *search) deadEnd(last *node) {
	if s.ends[string(last.Raw)] {
		return
	}
	s.ends[string(last.Raw)] = true
	f := Failure{
		Rule: RuleNoIssuer, Position: len(s.chain) - 1, Certificate: last.Certificate,
		Reason: fmt.Sprintf("its issuer %q is neither trusted nor among the given certificates", subjectText(last.Issuer)),
		Remedy: Remedy{Action: AddIssuer, Subject: subjectText(last.Issuer), URL: issuerURL(last.Certificate)},
	}
	if len(s.v.pool[last.issuer]) > 0 {
		f.Reason = fmt.Sprintf("no chain through its issuer %q leads to a trusted certificate", subjectText(last.Issuer))
		f.Remedy = Remedy{Action: AddRoot}
	}
	trusted := len(s.chain) == 1 && slices.ContainsFunc(s.v.anchors[last.subject], func(a *node) bool { return bytes.Equal(a.Raw, last.Raw) })
	switch {
	case trusted && last.selfIssued:
		f.Reason = fmt.Sprintf("it is trusted, but does not vouch for itself as a root does: %v", s.signature(last, last))
		f.Remedy = Remedy{Action: AcceptPartial}
	case trusted:
		f.Reason += ", and that it is trusted itself makes no chain"
		f.Remedy = Remedy{Action: TrustIssuer, Subject: subjectText(last.Issuer)}
	case last.selfIssued:
		f.Rule = RuleUntrusted
		f.Reason = fmt.Sprintf("the root %q is not among the trusted certificates", subjectText(last.Subject))
		f.Remedy = Remedy{Action: TrustRoot}
	}
	s.fail(s.chain, false, f)
}

// issuerURL is where a certificate says that its issuer's certificate is, "" if it does not say.
func issuerURL(c *cert.Certificate) string {
	if urls := c.AccessURLs(oid.CAIssuers); len(urls) > 0 {
		return urls[0]
	}
	return ""
}

// signature checks that issuer signed child, from memory if it was checked before. A key whose parameters must be
// inherited passes here: the checker knows what it inherits.
func (s *search) signature(child, issuer *node) error {
	public := s.v.publicKey(issuer)
	if public.inherits() {
		return nil
	}
	s.v.mu.Lock()
	err, known := child.signedBy[issuer]
	s.v.mu.Unlock()
	if known {
		return err
	}
	if s.left.Signatures--; s.left.Signatures < 0 {
		s.result.Limit = fmt.Sprintf("the search was given up after %d signatures", s.v.o.Limits.Signatures)
		return errWork
	}
	err = public.verify(child.SignatureAlgorithm, child.RawTBS, child.Signature)
	s.v.mu.Lock()
	defer s.v.mu.Unlock()
	if child.signedBy == nil {
		child.signedBy = map[*node]error{}
	}
	child.signedBy[issuer] = err
	return err
}

func signatureFailure(child *node, position int, issuer *node, err error) Failure {
	f := Failure{
		Rule: RuleSignature, Position: position, Certificate: child.Certificate,
		Reason: fmt.Sprintf("checking its signature with the key of %q: %v", subjectText(issuer.Subject), err),
		Remedy: Remedy{Action: usual()[RuleSignature]},
	}
	switch {
	case errors.Is(err, key.ErrUnsupported):
		f.Rule, f.Remedy = RuleAlgorithm, Remedy{Action: usual()[RuleAlgorithm]}
	case issuers.KeyIDs(child.Certificate, issuer.Certificate) < 0 && child.ownIssuer():
		f.Remedy = Remedy{Action: TrustSameName}
	case issuers.KeyIDs(child.Certificate, issuer.Certificate) < 0:
		f.Remedy = Remedy{Action: AddIssuerByKey, KeyID: fmt.Sprintf("%x", child.AKI)}
	}
	return f
}
