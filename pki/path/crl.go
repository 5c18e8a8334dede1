package path

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/name"
)

// maxNested bounds the CRLs of CRL issuers of CRL issuers.
const maxNested = 4

// checkRevocation is RFC 5280, 6.3.3 for the certificate at position i.
func (c *checker) checkRevocation(i int) {
	n := c.chain[i]
	if n.Extension(idNoCheck) != nil && slices.Contains(n.ExtKeyUsage, OCSPSigning) {
		return // its CA asks for no check (RFC 6960, 4.2.2.2.1); on other certificates the extension means nothing
	}
	r := &revocationCheck{
		check: c, search: c.search, v: c.v, position: i, n: n, scopes: map[string]bool{}, signers: map[*node]error{},
	}
	points := slices.Clone(c.v.factsOf(n).points)
	points = append(points, cert.DistributionPoint{Reasons: cert.AllReasons}) // the issuer's own CRL, wherever it is
	// The algorithm could end as soon as all reasons are covered. But a caller who gives a CRL that revokes wants it to count.
	for _, p := range points {
		// A CRL that names a distribution point must be the one that the certificate names, if that names any. RFC 5280,
		// 6.3.3 would let it stand for the issuer's own CRL as well.
		r.tryPoint(p, len(points) == 1)
	}
	switch {
	case r.revoked != nil:
		c.fail(RuleRevoked, i, "it was revoked on %s (%s)", stamp(r.revoked.date), r.revoked.reason.Words())
	case r.mask != cert.AllReasons:
		reason := "no CRL for it was given"
		if r.why != nil {
			reason = "no usable CRL for it was given: " + r.why.Error()
		}
		c.failAnd(RuleNoCRL, i, Remedy{Action: GiveCRL, Subject: subjectText(n.Issuer)}, "%s", reason)
	}
}

// revocationCheck is the state of the algorithm for one certificate.
type revocationCheck struct {
	check    *checker
	search   *search
	v        *Validator
	position int
	n        *node
	mask     cert.Reasons
	scopes   map[string]bool // of the CRLs that were used: older ones with the same scope count no more
	signers  map[*node]error // what was found out about other CRL issuers
	revoked  *revocation
	why      error // why the CRL that came nearest was not used
}

// tryPoint tries the CRLs for one distribution point. alone says that it is the implicit one and the certificate has
// no other.
func (r *revocationCheck) tryPoint(p cert.DistributionPoint, alone bool) {
	issuers := []string{r.n.issuer}
	if p.CRLIssuer != nil {
		issuers = nil
		for _, g := range p.CRLIssuer {
			issuers = append(issuers, directoryName(cert.SAN{g}))
		}
	}
	for _, issuer := range issuers {
		for _, l := range r.v.crls[issuer] {
			if r.revoked != nil {
				return
			}
			if l.BaseNumber != nil {
				continue
			}
			if err := r.tryCRL(l, p, alone); err != nil {
				r.why = err
			}
		}
	}
}

func (r *revocationCheck) tryCRL(l *crl, p cert.DistributionPoint, alone bool) error {
	if l.err != nil {
		return l.err
	}
	if err := r.inScope(l, p, alone); err != nil {
		return err
	}
	if err := r.current(l); err != nil {
		return err
	}
	if r.v.o.Profile >= StrictRFC5280 {
		if err := l.strictError(); err != nil {
			return err
		}
	}
	signer, err := r.signer(l)
	if err != nil {
		return err
	}
	if r.v.o.Profile >= StrictRFC5280 && !bytes.Equal(l.RawIssuer, signer.RawSubject) {
		return errors.New("its issuer is not encoded like the subject of its issuer (5.1.2.3)")
	}
	interim := p.Reasons
	if l.point != nil {
		interim &= l.point.OnlySomeReasons
	}
	r.mask |= interim
	if scope := l.scope(); !r.scopes[scope] {
		r.scopes[scope] = true
		r.lookUp(l, r.delta(l, signer))
	}
	return nil
}

// inScope is 6.3.3 (b).
func (r *revocationCheck) inScope(l *crl, p cert.DistributionPoint, alone bool) error {
	if p.CRLIssuer != nil && (l.point == nil || !l.point.Indirect) {
		return errors.New("it is not an indirect CRL, as the distribution point wants")
	}
	if l.point == nil {
		return nil
	}
	switch {
	case l.point.OnlyUsers && r.n.IsCA:
		return errors.New("it is only for users' certificates")
	case l.point.OnlyCAs && !r.n.IsCA:
		return errors.New("it is only for CAs' certificates")
	case l.point.OnlyAttributes:
		return errors.New("it is only for attribute certificates")
	}
	if l.point.Name != nil && !r.samePoint(l, p, alone) {
		return errors.New("it is for another distribution point")
	}
	return nil
}

// samePoint compares the names of the CRL's and the certificate's distribution points (6.3.3 (b)(2)(i)). A point
// without a name has that of the CRL issuer; so has the implicit point.
func (r *revocationCheck) samePoint(l *crl, p cert.DistributionPoint, alone bool) bool {
	have := pointNames(l.point.Name, l.RawIssuer)
	var want cert.SAN
	switch {
	case p.Name != nil:
		base := r.n.RawIssuer
		if p.CRLIssuer != nil && p.CRLIssuer[0].Type == cert.DirectoryName {
			base = p.CRLIssuer[0].Value
		}
		want = pointNames(p.Name, base)
	case alone:
		want = cert.SAN{{Type: cert.DirectoryName, Value: r.n.RawIssuer}}
	default:
		want = p.CRLIssuer
	}
	return slices.ContainsFunc(have, func(a cert.GeneralName) bool {
		return slices.ContainsFunc(want, func(b cert.GeneralName) bool { return sameName(a, b) })
	})
}

// pointNames makes full names of a distribution point's name.
func pointNames(d *cert.DistributionName, issuer []byte) cert.SAN {
	if d.Relative == nil {
		return d.Full
	}
	base, err := name.Parse(issuer)
	if err != nil {
		return nil // unreachable: issuers are read when the certificate or CRL is
	}
	rdn, err := d.RDN()
	if err != nil {
		return nil
	}
	full := name.Name{RDNs: append(slices.Clone(base.RDNs), rdn)}
	return cert.SAN{{Type: cert.DirectoryName, Value: full.DER()}}
}

func sameName(a, b cert.GeneralName) bool {
	if a.Type != b.Type {
		return false
	}
	if a.Type == cert.DirectoryName {
		x, err1 := name.Parse(a.Value)
		y, err2 := name.Parse(b.Value)
		return err1 == nil && err2 == nil && name.Equal(x, y)
	}
	return bytes.Equal(a.Value, b.Value)
}

func (r *revocationCheck) current(l *crl) error {
	now := r.v.o.Time
	switch {
	case l.ThisUpdate.IsZero() || now.Before(l.ThisUpdate):
		return fmt.Errorf("it is valid only from %s", stamp(l.ThisUpdate))
	case l.NextUpdate.IsZero():
		// RFC 5280, 5.1.2.5 leaves open what to do then. Such a list could be replayed forever.
		return errors.New("it does not say when the next update is due")
	case now.Truncate(time.Second).After(l.NextUpdate):
		return fmt.Errorf("its next update was due on %s", stamp(l.NextUpdate))
	}
	return nil
}

// signer finds the certificate whose key signed the CRL and validates it for that (6.3.3 (f), (g)).
func (r *revocationCheck) signer(l *crl) (*node, error) {
	err := fmt.Errorf("no certificate of its issuer %q is known", subjectText(l.Issuer))
	candidates := slices.Concat(r.check.chain[r.position+1:], r.v.anchors[l.issuer], r.v.pool[l.issuer])
	for i, n := range candidates {
		if n.subject != l.issuer || slices.Contains(candidates[:i], n) {
			continue
		}
		if err = r.signature(l, n); err != nil {
			continue
		}
		if n.Extension(cert.IDKeyUsage) != nil && n.KeyUsage&cert.CRLSign == 0 {
			err = fmt.Errorf("its issuer %q lacks the key usage cRLSign", subjectText(l.Issuer))
			continue
		}
		known := false
		if err, known = r.signers[n]; !known {
			err = r.trusted(n)
			r.signers[n] = err
		}
		if err == nil {
			return n, nil
		}
	}
	return nil, err
}

func (r *revocationCheck) signature(l *crl, n *node) error {
	public := r.v.publicKey(n)
	if public.inherits() && n == r.check.chain[r.position+1] {
		return r.check.key.verify(l.SignatureAlgorithm, l.RawTBS, l.Signature) // with the parameters that it inherited
	}
	r.v.mu.Lock()
	err, known := l.signedBy[n]
	r.v.mu.Unlock()
	if known {
		return err
	}
	if public.isDSA() && !r.v.o.Weak.AllowDSA {
		return errors.New("it is signed by a DSA key, which is not accepted")
	}
	if r.search.left.Signatures--; r.search.left.Signatures < 0 {
		return errWork
	}
	if err = public.verify(l.SignatureAlgorithm, l.RawTBS, l.Signature); err != nil {
		err = fmt.Errorf("checking its signature: %w", err)
	} else if d := key.SignatureDigest(l.SignatureAlgorithm); d != nil && d.Bits() < r.v.o.Weak.MinHash {
		err = errors.New("its signature's digest is too weak")
	}
	r.v.mu.Lock()
	defer r.v.mu.Unlock()
	l.signedBy[n] = err
	return err
}

// trusted validates a CRL issuer's certificate, with its own revocation, unless it stands above in the chain and is
// judged there.
func (r *revocationCheck) trusted(n *node) error {
	if slices.Contains(r.check.chain[r.position+1:], n) || slices.Contains(r.search.busy, n) {
		return nil
	}
	if n.anchor != nil {
		return errors.New("its issuer is another trust anchor, not that of the chain")
	}
	if r.search.nested >= maxNested {
		return errors.New("the CRLs of CRL issuers are nested too deeply")
	}
	s := &search{v: r.v, left: r.search.left, nested: r.search.nested + 1, busy: append(slices.Clone(r.search.busy), n)}
	result := s.run(n)
	r.search.left.Signatures, r.search.left.Chains, r.search.left.Steps, r.search.left.Names = s.left.Signatures, s.left.Chains, s.left.Steps,
		s.left.Names
	if err := result.Err(); err != nil {
		return fmt.Errorf("its issuer: %w", err)
	}
	// The path must end in the same anchor, or another CA of the same name could revoke (6.3.3 (f)).
	if !bytes.Equal(result.Chain[len(result.Chain)-1].Raw, r.check.chain[len(r.check.chain)-1].Raw) {
		return errors.New("its issuer's chain ends in another trust anchor")
	}
	return nil
}

// delta finds the newest delta CRL that amends a complete one (6.3.3 (c), (h)); nil if there is none.
func (r *revocationCheck) delta(base *crl, signer *node) *crl {
	var best *crl
	for _, l := range r.v.crls[base.issuer] {
		switch {
		case l.BaseNumber == nil || l.err != nil || base.Number == nil || r.current(l) != nil:
		case base.Number.Cmp(l.BaseNumber) < 0 || l.Number.Cmp(base.Number) <= 0:
		case !samePointExtension(base.CRL, l.CRL) || !bytes.Equal(base.AKI, l.AKI):
		case best != nil && l.Number.Cmp(best.Number) <= 0:
		case r.v.o.Profile >= StrictRFC5280 && l.strictError() != nil:
		case r.signature(l, signer) == nil:
			best = l
		}
	}
	return best
}

// samePointExtension tells that two CRLs have the same scope.
func samePointExtension(a, b *cert.CRL) bool {
	x, y := a.Extension(cert.IDIssuingDistribution), b.Extension(cert.IDIssuingDistribution)
	if x == nil || y == nil {
		return x == y
	}
	return bytes.Equal(x.Value, y.Value)
}

// lookUp is 6.3.3 (i) to (k): the delta counts first, and removeFromCRL in either list means that the certificate is not revoked.
func (r *revocationCheck) lookUp(base, delta *crl) {
	key := entryKey(r.n.issuer, r.n.Serial)
	for _, list := range [...]*crl{delta, base} {
		if list == nil {
			continue
		}
		if e, found := list.entries[key]; found {
			if e.reason != cert.RemoveFromCRL {
				r.revoked = &e
			}
			return
		}
	}
}
