package path

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"certkdb/pki/cert"
	"certkdb/pki/hosts"
	"certkdb/pki/name"
	"certkdb/pki/oid"

	"golang.org/x/net/publicsuffix"
)

func (c *checker) baseline(i int, format string, args ...any) {
	c.fail(RuleBaseline, i, format, args...)
}

// checkBaselineRoot looks at a root's extensions (7.1.2.1.2) and authority key identifier (7.1.2.1.3).
func (c *checker) checkBaselineRoot() {
	top := len(c.chain) - 1
	n := c.chain[top]
	if !n.selfIssued || c.anchor.IgnoreExtensions {
		return
	}
	if n.Extension(cert.IDExtendedKeyUsage) != nil {
		c.baseline(top, "it is a root with an extended key usage (7.1.2.1.2)")
	}
	e := n.Extension(cert.IDAuthorityKeyID)
	if e == nil {
		return
	}
	id, err := cert.ParseAuthorityKeyID(e.Value)
	switch {
	case err != nil:
		c.baseline(top, "its authority key identifier cannot be read (7.1.2.1.3)")
	case len(id.KeyID) == 0 || !bytes.Equal(id.KeyID, n.SKI):
		c.baseline(top, "its authority key identifier is not its subject key identifier (7.1.2.1.3)")
	}
}

// checkBaselineExtensions looks at what holds for each certificate of a chain (7.1.1, 7.1.2.11).
func (c *checker) checkBaselineExtensions(i int, n *node) {
	if n.Version != 3 {
		c.baseline(i, "it is of version %d, not 3 (7.1.1)", n.Version)
	}
	if e := n.Extension(cert.IDAuthorityKeyID); e != nil {
		if id, err := cert.ParseAuthorityKeyID(e.Value); err == nil && (id.Issuer != nil || id.Serial != nil) {
			c.baseline(i, "its authority key identifier has an issuer or serial number (7.1.2.11.1)")
		}
	}
	if bad := n.KeyUsage &^ forCAs; i > 0 && bad != 0 {
		c.baseline(i, "it is a CA whose key usage has %s (7.1.2.10.7)", bad)
	}
	c.checkBaselinePoints(i, n)
	c.checkBaselineAccess(i, n)
}

// forCAs are the usages that a CA may have (7.1.2.10.7).
const forCAs = cert.DigitalSignature | cert.KeyCertSign | cert.CRLSign

// checkBaselinePoints wants CRLs at full names by HTTP, for all reasons and by the issuer itself (7.1.2.11.2).
func (c *checker) checkBaselinePoints(i int, n *node) {
	e := n.Extension(cert.IDCRLDistributionPoints)
	if e == nil {
		return
	}
	if e.Critical {
		c.baseline(i, "its CRL distribution points are critical (7.1.2.11.2)")
	}
	points, err := cert.ParseDistributionPoints(e.Value)
	if err != nil {
		return // [checker.checkReadable] says it
	}
	for _, p := range points {
		switch {
		case p.Reasons != cert.AllReasons || p.CRLIssuer != nil:
			c.baseline(i, "a CRL distribution point is for some reasons, or of another issuer (7.1.2.11.2)")
		case p.Name == nil || !slices.ContainsFunc(p.Name.Full, isHTTP):
			c.baseline(i, "a CRL distribution point has no full name by HTTP (7.1.2.11.2)")
		case inProfiles(n) && !allHTTP(p.Name.Full):
			c.baseline(i, "a CRL distribution point has a name by another scheme than HTTP (7.1.2.11.2)")
		}
	}
}

// checkBaselineAccess wants OCSP responders and issuers' certificates at URLs by HTTP, and nothing else (7.1.2.7.7).
func (c *checker) checkBaselineAccess(i int, n *node) {
	e := n.Extension(cert.IDAuthorityInfoAccess)
	if e == nil {
		return
	}
	list, err := cert.ParseAccess(e.Value)
	if err != nil {
		return // [checker.checkReadable] says it
	}
	for _, a := range list {
		if a.Method != oid.OCSP && a.Method != oid.CAIssuers || !isHTTP(a.Location) {
			c.baseline(i, "its information access has %s at %s, not an OCSP responder or an issuer by HTTP (7.1.2.7.7)",
				oid.Name(a.Method), a.Location)
		}
	}
}

func allHTTP(names []cert.GeneralName) bool {
	return !slices.ContainsFunc(names, func(g cert.GeneralName) bool { return !isHTTP(g) })
}

func isHTTP(g cert.GeneralName) bool {
	return g.Type == cert.URIName && strings.HasPrefix(hosts.Lower(string(g.Value)), "http://")
}

// checkBaselineServer looks at a TLS server's certificate (7.1.2.7).
func (c *checker) checkBaselineServer() {
	n := c.chain[0]
	if n.IsCA {
		c.baseline(0, "it is a CA (7.1.2.7.8)")
	}
	if e := n.Extension(cert.IDBasicConstraints); e != nil && !e.Critical {
		c.baseline(0, "its basic constraints are not critical (7.1.2.7.8)")
	}
	san := n.Extension(cert.IDSubjectAltName)
	switch {
	case san == nil || len(n.SAN) == 0:
		c.baseline(0, "it has no subject alternative name (7.1.2.7.12)")
	case san.Critical && !n.Subject.Empty():
		c.baseline(0, "its subject alternative name is critical although it has a subject (7.1.2.7.12)")
	}
	for _, g := range n.SAN {
		c.checkBaselineName(g)
	}
	c.checkCommonNames(n)
	c.checkBaselineUsage(n)
	c.checkBaselinePolicies(n)
}

// precertificateSigning is the usage of those who sign precertificates (RFC 6962, 3.1).
const precertificateSigning = "1.3.6.1.4.1.11129.2.4.4"

// checkBaselineKeyUsage looks at the usages that the kind of key allows; without the extension everything is allowed (7.1.2.7.11).
func (c *checker) checkBaselineKeyUsage(n *node) {
	if n.Extension(cert.IDKeyUsage) == nil {
		return
	}
	bad, needed := notForServers|cert.KeyEncipherment|cert.DataEncipherment, cert.DigitalSignature
	if strings.HasPrefix(n.Key().Type, "rsa") {
		bad, needed = notForServers|cert.KeyAgreement, cert.DigitalSignature|cert.KeyEncipherment
	}
	if bad &= n.KeyUsage; bad != 0 {
		c.baseline(0, "its key usage has %s (7.1.2.7.11)", bad)
	}
	if n.KeyUsage&needed == 0 {
		c.baseline(0, "its key usage has none of %s (7.1.2.7.11)", needed)
	}
}

// notForServers are the usages that a TLS server's certificate must not have besides its own (7.1.2.7.10, 7.1.2.7.11).
const notForServers = cert.ContentCommitment | cert.KeyCertSign | cert.CRLSign | cert.EncipherOnly | cert.DecipherOnly

func (c *checker) checkBaselineUsage(n *node) {
	c.checkBaselineKeyUsage(n)
	for _, id := range notWithServers() {
		if slices.Contains(n.ExtKeyUsage, id) {
			c.baseline(0, "its extended key usage names %s (7.1.2.7.10)", oid.Name(id))
		}
	}
	e := n.Extension(cert.IDExtendedKeyUsage)
	switch {
	case e == nil:
		c.baseline(0, "it has no extended key usage (7.1.2.7.10)")
	case e.Critical:
		c.baseline(0, "its extended key usage is critical (7.1.2.7.10)")
	case slices.Contains(n.ExtKeyUsage, AnyUsage):
		c.baseline(0, "its extended key usage names any usage (7.1.2.7.10)")
	case !slices.Contains(n.ExtKeyUsage, ServerAuth):
		c.baseline(0, "its extended key usage does not name serverAuth (7.1.2.7.10)")
	}
}

// checkBaselineName allows DNS names and addresses alone, and no wildcard for a whole public suffix (3.2.2.6).
func (c *checker) checkBaselineName(g cert.GeneralName) {
	if g.Type != cert.DNSName && g.Type != cert.IPAddress {
		c.baseline(0, "its name %s is of a kind that is not allowed (7.1.2.7.12)", g)
		return
	}
	rest, isWildcard := strings.CutPrefix(string(g.Value), "*.")
	if g.Type == cert.DNSName && hosts.HasReservedLabel(rest) { // wellFormed looks at Punycode
		c.baseline(0, "its name %s has a reserved label (7.1.2.7.12)", g)
	}
	if g.Type != cert.DNSName || !isWildcard {
		return
	}
	if suffix, _ := publicsuffix.PublicSuffix(hosts.Lower(rest)); suffix == hosts.Lower(rest) {
		c.baseline(0, "its wildcard %s stands for a whole public suffix (3.2.2.6)", g)
	}
}

// checkCommonNames wants a common name to be the copy of one of the alternative names (7.1.4.3).
func (c *checker) checkCommonNames(n *node) {
	names := n.Subject.Attributes(name.CommonName)
	if len(names) > 1 {
		c.baseline(0, "it has more than one common name (7.1.4.3)")
	}
	for _, cn := range names {
		if !slices.ContainsFunc(n.SAN, func(g cert.GeneralName) bool { return isCopy(cn, g) }) {
			c.baseline(0, "its common name %q is not the copy of a subject alternative name (7.1.4.3)", cn)
		}
	}
}

func isCopy(cn string, g cert.GeneralName) bool {
	if g.Type == cert.IPAddress {
		ip, ok := netip.AddrFromSlice(g.Value)
		return ok && ip.String() == cn // the canonical forms of RFC 3986 and RFC 5952
	}
	return g.Type == cert.DNSName && string(g.Value) == cn
}
