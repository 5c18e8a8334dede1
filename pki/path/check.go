package path

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/hosts"
	"certkdb/pki/key"
	"certkdb/pki/oid"
)

// processed are the extensions that are processed here, or whose criticality changes nothing for a path. Those that RFC 5280 wants not
// critical and that a path says nothing about (authority and subject information access, freshest CRL) are not among them.
var processed = []string{
	cert.IDKeyUsage, cert.IDSubjectAltName, cert.IDIssuerAltName, cert.IDBasicConstraints, cert.IDNameConstraints,
	cert.IDCertificatePolicies, cert.IDPolicyMappings, cert.IDPolicyConstraints, cert.IDInhibitAnyPolicy,
	cert.IDExtendedKeyUsage, cert.IDCRLDistributionPoints, cert.IDSubjectKeyID, cert.IDAuthorityKeyID, idNoCheck,
}

// idNoCheck is id-pkix-ocsp-nocheck of OCSP responders' certificates (RFC 6960, 4.2.2.2.1).
const idNoCheck = oid.OCSPNoCheck

// idApplicationPolicies is Microsoft's copy of the extended key usage, which counts if both are there.
const idApplicationPolicies = oid.MSApplicationPolicies

// checker validates one chain: RFC 5280, 6.1. It collects all failures, since mending one at a time is tedious.
type checker struct {
	search   *search
	v        *Validator
	chain    []*node // from the certificate, which is 0, to the anchor
	anchor   *Anchor
	failures []Failure

	names    constraints
	policy   *policyState
	pathLen  int
	limiter  *node     // whose path length pathLen comes from
	key      publicKey // working_public_key
	policies []string
}

// fail records a failure, for which the usual remedy of its rule is good.
func (c *checker) fail(rule Rule, position int, format string, args ...any) {
	c.failAnd(rule, position, Remedy{Action: usual()[rule]}, format, args...)
}

// failAnd records a failure with a remedy of its own.
func (c *checker) failAnd(rule Rule, position int, remedy Remedy, format string, args ...any) {
	c.failures = append(c.failures, Failure{
		Rule: rule, Position: position, Certificate: c.chain[position].Certificate, Reason: fmt.Sprintf(format, args...), Remedy: remedy,
	})
}

// try records an error under a rule.
func (c *checker) try(rule Rule, position int, err error) {
	if err != nil {
		c.fail(rule, position, "%v", err)
	}
}

// tryPolicy records where the last policy was lost; that it stays lost below goes without saying.
func (c *checker) tryPolicy(position int, err error) {
	if !slices.ContainsFunc(c.failures, func(f Failure) bool { return f.Rule == RulePolicy }) {
		c.try(RulePolicy, position, err)
	}
}

func (c *checker) run() {
	top := len(c.chain) - 1
	c.names.budget = &c.search.left.Names
	if c.v.o.Subtrees != nil {
		c.names.add(constraint{NameConstraints: c.v.o.Subtrees, critical: true})
	}
	c.policy = newPolicyState(c.inputs(), top, c.v.o.Limits.PolicyNodes)
	c.pathLen = math.MaxInt
	c.startAtAnchor(top)
	for i := top - 1; i >= 0; i-- {
		c.basic(i)
		if i > 0 {
			c.prepare(i)
		}
	}
	c.wrapUp()
	if c.search.nested == 0 {
		c.checkProfile()
	}
}

// inputs are the policy inputs; a CRL issuer needs no policy.
func (c *checker) inputs() Policies {
	if c.search.nested > 0 {
		return Policies{}
	}
	return c.v.o.Policies
}

// startAtAnchor initialises the state from the anchor (6.1.2), and from its certificate as RFC 5937 describes.
func (c *checker) startAtAnchor(top int) {
	n := c.chain[top]
	c.key = c.v.publicKey(n)
	c.checkKeyStrength(top)
	if !c.anchor.IgnoreTime {
		c.checkTime(top)
	}
	if top == 0 || c.anchor.IgnoreExtensions {
		return
	}
	c.checkForm(top)
	f := c.v.factsOf(n)
	hasBasic := n.Extension(cert.IDBasicConstraints) != nil
	if !n.IsCA && (hasBasic || !n.selfIssued || c.anchor.RequireBasicConstraints) {
		c.failAnd(RuleBasicConstraints, top, Remedy{Action: TrustAbove}, "it is trusted but no CA, so it vouches for itself alone")
	}
	if hasBasic && n.MaxPathLen >= 0 {
		c.pathLen, c.limiter = n.MaxPathLen, n
	}
	c.checkCertSign(top)
	c.checkNested(top)
	c.addConstraints(top)
	if !c.anchor.Policies {
		return
	}
	if f.policies != nil {
		c.tryPolicy(top, c.policy.process(f.policies, true))
		c.try(RulePolicyMapping, top, c.policy.apply(f.mappings))
	}
	c.policy.count(true, f.constraints, f.inhibitAny)
}

// basic is 6.1.3 for the certificate at position i.
func (c *checker) basic(i int) {
	n, issuer := c.chain[i], c.chain[i+1]
	c.checkSignature(i, n, issuer)
	c.checkStrength(i)
	c.checkTime(i)
	c.checkForm(i)
	if n.issuer != issuer.subject {
		// unreachable: chains are built by name
		c.fail(RuleNameChaining, i, "its issuer is not the subject %q of the next certificate", subjectText(issuer.Subject))
	}
	if c.v.o.RequireCRLs {
		c.checkRevocation(i)
	}
	// The common name identifies nothing if the caller looks for a host elsewhere.
	commonName := c.search.host == "" || c.v.o.CommonNameHost
	if !n.selfIssued || i == 0 {
		if err := c.names.check(n.Certificate, commonName); err != nil {
			rule := RuleNameConstraints
			if errors.Is(err, errNames) {
				rule = RuleWork
			}
			c.try(rule, i, err)
		}
	}
	f := c.v.factsOf(n)
	c.tryPolicy(i, c.policy.process(f.policies, c.policy.inhibit > 0 || i > 0 && n.selfIssued))
}

// prepare is 6.1.4: what a CA's certificate means for those below it.
func (c *checker) prepare(i int) {
	n := c.chain[i]
	f := c.v.factsOf(n)
	c.try(RulePolicyMapping, i, c.policy.apply(f.mappings))
	c.addConstraints(i)
	c.policy.count(n.selfIssued, f.constraints, f.inhibitAny)
	if !n.IsCA {
		c.failAnd(RuleBasicConstraints, i, Remedy{Action: ReissueAsCA}, "it is not a CA, but issued a certificate")
	}
	if n.Version < 3 {
		c.fail(RuleVersion, i, "it is of version %d, which cannot be a CA within a chain", n.Version)
	}
	if !n.selfIssued {
		if c.pathLen <= 0 {
			c.fail(RulePathLength, i, "%s allows no further CA at this place", subjectText(c.limiter.Subject))
		}
		c.pathLen--
	}
	if n.MaxPathLen >= 0 && n.MaxPathLen < c.pathLen {
		c.pathLen, c.limiter = n.MaxPathLen, n
	}
	c.checkCertSign(i)
	c.checkNested(i)
	c.key = c.keyOf(n)
}

// keyOf is 6.1.4 (d) to (f): the key with the parameters that it may inherit from the key above.
func (c *checker) keyOf(n *node) publicKey {
	k := c.v.publicKey(n)
	if k.inherits() {
		return k.from(c.key)
	}
	return k
}

// wrapUp is 6.1.5, and what is asked of the certificate itself.
func (c *checker) wrapUp() {
	n := c.chain[0]
	if len(c.chain) == 1 {
		c.checkForm(0)
	}
	// An unknown kind of key is for the user of the certificate to judge; a malformed key is of no use to anybody.
	if k := c.keyOf(n); k.err != nil && !errors.Is(k.err, key.ErrUnsupported) {
		c.failAnd(RuleMalformed, 0, Remedy{Action: ReissueWithOtherKey}, "its public key cannot be used: %v", k.err)
	}
	set, err := c.policy.finish(c.inputs(), c.v.factsOf(n).constraints)
	c.tryPolicy(0, err)
	c.policies = set
	if c.search.host != "" && !matchHost(n.Certificate, c.search.host, c.v.o.CommonNameHost) {
		c.failHost(n.Certificate, c.search.host)
	}
	for _, e := range c.search.emails {
		if !matchEmail(n.Certificate, e) {
			c.fail(RuleEmail, 0, "it is not for the address %q, but for %s", e, describeNames(n.Certificate))
		}
	}
	c.checkPurpose()
	if missing := c.v.o.KeyUsage &^ n.KeyUsage; missing != 0 && c.search.nested == 0 && n.Extension(cert.IDKeyUsage) != nil {
		c.fail(RuleKeyUsage, 0, "its key usage lacks %s", missing)
	}
	if !n.IsCA && n.Extension(cert.IDNameConstraints) != nil {
		c.fail(RuleNameConstraints, 0, "it has name constraints, which only a CA may have")
	}
}

func describeNames(c *cert.Certificate) string {
	if len(c.SAN) == 0 {
		return "no name in a subject alternative name"
	}
	text := c.SAN.String()
	if len(text) > 200 {
		return text[:200] + "…"
	}
	return text
}

// failHost explains why a certificate is not for a host. That its common name is the host's does not count (RFC 9525, 2).
func (c *checker) failHost(n *cert.Certificate, host string) {
	kind := "dns:"
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		kind = "ip:"
	}
	name := strings.TrimSuffix(strings.Trim(host, "[]"), ".") // a certificate names hosts without the dot of the DNS root
	remedy := Remedy{Action: ReissueForName, Subject: kind + name}
	switch {
	case len(n.SAN) == 0 && strings.EqualFold(n.Subject.CommonName(), name):
		c.failAnd(RuleHost, 0, remedy, "it names the host %q only in its common name, which does not count: programs look for subject "+
			"alternative names (RFC 9525, 2), and it has none", host)
	case len(n.SAN) == 0:
		c.failAnd(RuleHost, 0, remedy, "it is not for the host %q: it has no subject alternative names, where programs look for hosts "+
			"(RFC 9525, 2)", host)
	case kind == "ip:" && hasName(n, "dns:"+name):
		c.failAnd(RuleHost, 0, remedy, "it has the address %q only as a name of type dns, which does not count: an address is of type ip "+
			"(RFC 5280, 4.2.1.6)", host)
	default:
		c.fail(RuleHost, 0, "it is not for the host %q, but for %s%s", host, describeNames(n), nearMiss(n, host))
	}
}

func hasName(n *cert.Certificate, text string) bool {
	return slices.ContainsFunc(n.SAN, func(g cert.GeneralName) bool { return strings.EqualFold(g.String(), text) })
}

// nearMiss says what a reader may take for a name of the host although it is none: a wildcard that is more or fewer than one label above
// the host, a name that is not written as RFC 5280, 4.2.1.6 wants it, and the common name.
func nearMiss(n *cert.Certificate, host string) string {
	host = strings.TrimSuffix(hosts.Lower(host), ".")
	ascii, err := hosts.PatternToASCII(host)
	for _, g := range n.SAN {
		if g.Type != cert.DNSName {
			continue
		}
		name := hosts.Lower(string(g.Value))
		suffix, isWildcard := strings.CutPrefix(name, "*.")
		if isWildcard && (host == suffix || strings.HasSuffix(host, "."+suffix)) {
			return "; the * stands for exactly one label"
		}
		if strings.TrimSuffix(name, ".") == host && name != host {
			return "; a name with a dot at its end matches nothing"
		}
		if a, errName := hosts.PatternToASCII(name); err == nil && errName == nil && a == ascii && a != name {
			return "; that is not in ASCII, where it would be " + a
		}
	}
	if strings.EqualFold(n.Subject.CommonName(), host) {
		return "; its common name does not count"
	}
	return ""
}

func (c *checker) checkSignature(i int, n, issuer *node) {
	own := c.v.publicKey(issuer)
	err := errUnaligned
	switch {
	case n.Unaligned:
	case own.inherits():
		err = c.key.verify(n.SignatureAlgorithm, n.RawTBS, n.Signature) // with the parameters that it inherited
	default:
		err = c.search.signature(n, issuer)
	}
	if err != nil {
		c.failures = append(c.failures, signatureFailure(n, i, issuer, err))
	}
	if own.isDSA() && !c.v.o.Weak.AllowDSA {
		c.fail(RuleWeak, i, "it is signed by a DSA key, which is not accepted")
	}
}

// checkStrength compares the digest of a certificate's signature and its key with what is accepted.
func (c *checker) checkStrength(i int) {
	if d := key.SignatureDigest(c.chain[i].SignatureAlgorithm); d != nil && d.Bits() < c.v.o.Weak.MinHash {
		c.failAnd(RuleWeak, i, Remedy{Action: ReissueWithSHA256}, "its signature's digest %s is too weak", d)
	}
	c.checkKeyStrength(i)
}

func (c *checker) checkKeyStrength(i int) {
	k := c.chain[i].Key()
	if strings.HasPrefix(k.Type, "ec-explicit") {
		c.failAnd(RuleAlgorithm, i, Remedy{Action: ReissueWithNamedCurve},
			"its key's elliptic curve is given by explicit parameters, which RFC 5480, 2.1.1 forbids")
	}
	if strings.HasPrefix(k.Type, "rsa") && k.Bits < c.v.o.Weak.MinRSA {
		c.failAnd(RuleWeak, i, Remedy{Action: ReissueWithLongerKey}, "its RSA key has %d bits, at least %d are wanted", k.Bits, c.v.o.Weak.MinRSA)
	}
}

func (c *checker) checkTime(i int) {
	n, now := c.chain[i], c.v.o.Time
	switch {
	case !n.TimesReadable():
		c.fail(RuleMalformed, i, "its validity cannot be read")
	case !n.TimesInUTC():
		c.fail(RuleMalformed, i, "its validity has a time without seconds, with a fraction or an offset (4.1.2.5)")
	case now.Before(n.NotBefore):
		c.failAnd(RuleValidity, i, Remedy{Action: WaitOrSetClock}, "it is valid only from %s, in %s", stamp(n.NotBefore),
			span(n.NotBefore.Sub(now)))
	case now.Truncate(time.Second).After(n.NotAfter): // a validity ends with the second that it names
		remedy := Remedy{Action: Renew}
		if i > 0 {
			remedy = Remedy{Action: RenewCA, Subject: subjectText(n.Subject)}
		}
		c.failAnd(RuleValidity, i, remedy, "it expired on %s, %s ago", stamp(n.NotAfter), span(now.Sub(n.NotAfter)))
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func span(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// checkForm rejects what makes a certificate doubtful anywhere in a chain: unknown critical extensions, extensions that
// cannot be decoded, algorithms that differ.
func (c *checker) checkForm(i int) {
	n := c.chain[i]
	for _, e := range n.Extensions {
		if e.Critical && !c.v.critical[e.ID] && !(e.ID == idApplicationPolicies && n.ExtKeyUsage != nil) {
			c.fail(RuleCritical, i, "its critical extension %s (%s) is not known here", oid.Name(e.ID), e.ID)
		}
	}
	f := c.v.factsOf(n)
	for _, m := range f.malformed {
		c.fail(RuleMalformed, i, "its extension %s cannot be used: %v", oid.Name(m.ID), m.Err)
	}
	switch {
	case n.Version < 1 || n.Version > 3:
		c.fail(RuleVersion, i, "unknown certificate version %d", n.Version)
	case n.Version < 3 && len(n.Extensions) > 0:
		c.fail(RuleVersion, i, "it is of version %d and has extensions", n.Version)
	case n.Version < 2 && n.UniqueIDs:
		c.fail(RuleVersion, i, "it is of version %d and has unique identifiers (4.1.2.8)", n.Version)
	}
	if n.SignatureAlgorithm.OID != n.TBSSignatureAlgorithm.OID || string(n.SignatureAlgorithm.Raw) != string(n.TBSSignatureAlgorithm.Raw) {
		c.fail(RuleAlgorithmsDiffer, i, "its inner signature algorithm is %s, the outer one %s", n.TBSSignatureAlgorithm.Name,
			n.SignatureAlgorithm.Name)
	}
}

func (c *checker) checkCertSign(i int) {
	n := c.chain[i]
	if n.Extension(cert.IDKeyUsage) != nil && n.KeyUsage&cert.KeyCertSign == 0 {
		c.failAnd(RuleKeyUsage, i, Remedy{Action: ReissueCA}, "it issued a certificate without the key usage keyCertSign")
	}
}

func (c *checker) addConstraints(i int) {
	n := c.chain[i]
	f := c.v.factsOf(n)
	if f.names == nil {
		return
	}
	set := constraint{NameConstraints: f.names, owner: n.Certificate, critical: n.Extension(cert.IDNameConstraints).Critical}
	c.try(RuleNameConstraints, i, set.supported())
	c.names.add(set)
}
