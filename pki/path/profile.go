package path

import (
	"crypto"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"certkdb/pki/cert"
	"certkdb/pki/hosts"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
	"certkdb/pki/name"
	"certkdb/pki/oid"
)

// checkProfile applies what the profile asks for beyond path validation. Each certificate of the chain must be one
// that a conforming CA would have issued (RFC 5280, 4).
func (c *checker) checkProfile() {
	if c.v.o.Profile < StrictRFC5280 {
		return
	}
	for i, n := range c.chain {
		if i > 0 && i == len(c.chain)-1 && c.anchor.IgnoreExtensions {
			continue
		}
		c.checkIdentifiers(i, n)
		c.checkEncoding(i, n)
		c.checkUsages(i, n)
		c.checkNames(i, n)
		c.checkCriticality(i, n)
		if n.IsCA || i > 0 {
			c.checkCA(i, n)
		}
		if c.v.o.Profile == WebPKI {
			c.checkBaselineExtensions(i, n)
			c.checkBaselineKey(i, n)
			c.checkBaselineFields(i, n)
			c.checkBaselineCA(i, n)
		}
	}
	if c.v.o.Profile == WebPKI {
		c.checkBaselineRoot()
		if c.search.purpose == ServerAuth || !c.wanted() {
			c.checkBaselineServer()
		}
	}
}

func (c *checker) profile(i int, format string, args ...any) {
	c.fail(RuleProfile, i, format, args...)
}

// maxSerial is the longest serial number in bytes (4.1.2.2).
const maxSerial = 20

// checkIdentifiers looks at the serial number and the key identifiers (4.1.2.2, 4.2.1.1, 4.2.1.2).
func (c *checker) checkIdentifiers(i int, n *node) {
	isRoot := i == len(c.chain)-1
	if !isRoot && (n.Serial.Sign() <= 0 || n.Serial.BitLen() > 8*maxSerial) {
		c.profile(i, "its serial number is not positive or longer than %d bytes (4.1.2.2)", maxSerial)
	}
	switch {
	case len(n.AKI) > 0 && !isRoot && issuers.KeyIDs(n.Certificate, c.chain[i+1].Certificate) < 0:
		c.profile(i, "its authority key identifier is not its issuer's subject key identifier (4.2.1.2)")
	case len(n.AKI) == 0 && !(isRoot && n.selfIssued):
		c.profile(i, "it lacks the authority key identifier (4.2.1.1)")
	}
	if e := n.Extension(cert.IDAuthorityKeyID); e != nil {
		if id, err := cert.ParseAuthorityKeyID(e.Value); err == nil && (id.Issuer == nil) != (id.Serial == nil) {
			c.profile(i, "its authority key identifier has an issuer without a serial number, or the other way round (4.2.1.1)")
		}
	}
	if n.UniqueIDs {
		c.profile(i, "it has unique identifiers (4.1.2.8)")
	}
}

// checkEncoding looks at what is written in a form that the standards forbid.
func (c *checker) checkEncoding(i int, n *node) {
	if n.TimesInUTC() && !n.TimesInForm() {
		c.profile(i, "its validity has a GeneralizedTime before 2050 (4.1.2.5)")
	}
	if !key.CanonicalParams(n.SignatureAlgorithm) {
		c.profile(i, "its signature algorithm %s has parameters that it must not have, or lacks them (4.1.1.2)", n.SignatureAlgorithm.Name)
	}
	if n.Version == 1 && n.VersionWritten {
		c.profile(i, "its version 1 is written out, against DER (4.1)")
	}
	if !key.CanonicalSPKI(n.RawSPKI) {
		c.profile(i, "its public key's algorithm has parameters that it must not have, or lacks them (4.1.2.7)")
	}
	if n.Extensions != nil && len(n.Extensions) == 0 {
		c.profile(i, "its list of extensions is empty (4.1)")
	}
	for _, e := range n.Extensions {
		switch {
		case e.BadFlag || e.FalseFlag:
			c.profile(i, "its extension %s has a critical flag that is not DER (4.1)", cert.TypeName(e.ID))
		case !e.IsDER():
			c.profile(i, "its extension %s is not DER (4.1)", cert.TypeName(e.ID))
		}
	}
}

// checkUsages compares the key usage with the basic constraints (4.2.1.3, 4.2.1.9).
func (c *checker) checkUsages(i int, n *node) {
	usage, basic := n.Extension(cert.IDKeyUsage), n.Extension(cert.IDBasicConstraints)
	switch {
	case usage != nil && n.KeyUsage == 0:
		c.profile(i, "its key usage allows nothing (4.2.1.3)")
	case !n.IsCA && n.KeyUsage&cert.KeyCertSign != 0:
		c.profile(i, "it is not a CA, but its key usage has keyCertSign (4.2.1.9)")
	case n.IsCA && usage != nil && n.KeyUsage&cert.KeyCertSign == 0 && n.MaxPathLen >= 0:
		c.profile(i, "it has a path length without the key usage keyCertSign (4.2.1.9)")
	case !n.IsCA && basic != nil && n.MaxPathLen >= 0:
		c.profile(i, "it is not a CA, but has a path length (4.2.1.9)")
	}
}

// checkCA looks at what every CA certificate must have.
func (c *checker) checkCA(i int, n *node) {
	if n.Subject.Empty() {
		c.profile(i, "it is a CA without a subject (4.1.2.6)")
	}
	if len(n.SKI) == 0 {
		c.profile(i, "it is a CA without a subject key identifier (4.2.1.2)")
	}
	if e := n.Extension(cert.IDBasicConstraints); e == nil || !e.Critical {
		c.profile(i, "it is a CA without critical basic constraints (4.2.1.9)")
	}
	if n.Extension(cert.IDKeyUsage) == nil {
		c.profile(i, "it is a CA without a key usage (4.2.1.3)")
	}
}

// checkCriticality looks at the criticality that the standard gives to each extension.
func (c *checker) checkCriticality(i int, n *node) {
	for _, e := range n.Extensions {
		switch e.ID {
		case cert.IDSubjectKeyID, cert.IDAuthorityKeyID, cert.IDAuthorityInfoAccess, cert.IDSubjectInfoAccess, cert.IDFreshestCRL:
			if e.Critical {
				c.profile(i, "its extension %s must not be critical (4.2)", cert.TypeName(e.ID))
			}
		case cert.IDNameConstraints:
			// The Baseline Requirements let it be either.
			if !e.Critical && c.v.o.Profile != WebPKI {
				c.profile(i, "its name constraints must be critical (4.2.1.10)")
			}
		case cert.IDPolicyConstraints, cert.IDInhibitAnyPolicy:
			if !e.Critical {
				c.profile(i, "its extension %s must be critical (4.2)", cert.TypeName(e.ID))
			}
		case cert.IDSubjectAltName:
			if !e.Critical && n.Subject.Empty() {
				c.profile(i, "its subject is empty, so its subject alternative name must be critical (4.2.1.6)")
			}
		}
	}
	c.checkReadable(i, n)
	if n.Issuer.Empty() {
		c.profile(i, "it has no issuer (4.1.2.4)")
	}
	switch {
	case n.Subject.Empty() && len(n.SAN) == 0:
		c.profile(i, "it has no name at all (4.1.2.6)")
	case n.Subject.Empty() && !n.IsCA && n.KeyUsage&cert.CRLSign != 0:
		c.profile(i, "it issues CRLs without a subject (4.1.2.6)")
	}
}

// checkReadable reads the extensions that validation does without.
func (c *checker) checkReadable(i int, n *node) {
	for _, e := range n.Extensions {
		var err error
		switch e.ID {
		case cert.IDAuthorityInfoAccess, cert.IDSubjectInfoAccess:
			var list []cert.Access
			if list, err = cert.ParseAccess(e.Value); err == nil && len(list) == 0 {
				err = errors.New("it is empty")
			}
		case cert.IDCRLDistributionPoints, cert.IDFreshestCRL:
			var points []cert.DistributionPoint
			if points, err = cert.ParseDistributionPoints(e.Value); err == nil {
				err = pointProblem(points)
			}
		case cert.IDIssuerAltName:
			err = issuerNamesProblem(e.Value)
		}
		if err != nil {
			c.profile(i, "its extension %s cannot be read (4.2): %v", cert.TypeName(e.ID), err)
		}
	}
}

// issuerNamesProblem reads an issuer alternative name, which is written as a subject alternative name is (RFC 5280, 4.2.1.7).
func issuerNamesProblem(value []byte) error {
	names, err := cert.ParseGeneralNames(value)
	for _, g := range names {
		if !wellFormed(g) {
			return fmt.Errorf("the name %s is malformed", g)
		}
	}
	return err
}

// pointProblem finds what RFC 5280, 4.2.1.13 forbids in distribution points: CRL issuers without a directory name, and a name relative to
// one of several.
func pointProblem(points []cert.DistributionPoint) error {
	for _, p := range points {
		switch {
		case p.CRLIssuer != nil && !p.CRLIssuer.Has(cert.DirectoryName):
			return errors.New("a CRL issuer has no directory name")
		case p.Name != nil && p.Name.Relative != nil && len(p.CRLIssuer) > 1:
			return errors.New("a name is relative to one of several CRL issuers")
		}
	}
	return nil
}

// checkNames looks at the syntax of names and constraints (4.2.1.6, 4.2.1.10).
func (c *checker) checkNames(i int, n *node) {
	for _, g := range n.SAN {
		if !wellFormed(g) {
			c.profile(i, "its name %s is malformed (4.2.1.6)", g)
		}
	}
	for _, d := range []name.Name{n.Subject, n.Issuer} {
		if problem := directoryProblem(d); problem != "" {
			c.profile(i, "its name %s %s (4.1.2.4)", d, problem)
		}
	}
	f := c.v.factsOf(n)
	if f.names == nil {
		return
	}
	for _, g := range slices.Concat(f.names.Permitted, f.names.Excluded) {
		if !wellFormedConstraint(g) && !(c.v.o.Profile == WebPKI && isNoHosts(g)) {
			c.profile(i, "its name constraint %s is malformed (4.2.1.10)", g)
		}
	}
}

// wellFormed tells the syntax of a subject alternative name.
func wellFormed(g cert.GeneralName) bool {
	text := string(g.Value)
	switch g.Type {
	case cert.DNSName:
		return isStrictHost(text, true) && hosts.CheckALabels(text) == nil
	case cert.RFC822Name:
		return isMailbox(text) && hosts.CheckALabels(hostOf(text)) == nil
	case cert.URIName:
		return isAbsoluteURI(text)
	case cert.IPAddress:
		return len(g.Value) == 4 || len(g.Value) == 16
	case cert.DirectoryName:
		d, err := name.Parse(g.Value)
		return err == nil && directoryProblem(d) == ""
	case cert.OtherName:
		if isSMTPUTF8(g) {
			mailbox, _ := smtpUTF8(g)
			return isUTF8Mailbox(g) && isInForm(mailbox)
		}
		_, _, err := g.Other()
		return err == nil
	}
	return true
}

// isInForm tells how a SmtpUTF8Mailbox must be written (RFC 9598, 3 and 4): the local part is not ASCII, for which rfc822Name is, and the
// host is lower-case A-labels and labels that are not reserved.
func isInForm(mailbox string) bool {
	host := hostOf(mailbox)
	return !isMailbox(mailbox) && host == hosts.Lower(host) && !hosts.HasReservedLabel(host) && hosts.CheckALabels(host) == nil
}

// hostOf returns what follows the last @ of a mailbox, all of it if there is none.
func hostOf(mailbox string) string { return mailbox[strings.LastIndexByte(mailbox, '@')+1:] }

// wellFormedConstraint tells the syntax of the base of a subtree.
func wellFormedConstraint(g cert.GeneralName) bool {
	text := string(g.Value)
	switch g.Type {
	case cert.DNSName:
		return isStrictHost(text, false) && hosts.CheckALabels(text) == nil
	case cert.URIName:
		host := strings.TrimPrefix(text, ".")
		return isStrictHost(host, false) && strings.Contains(host, ".")
	case cert.RFC822Name:
		host := hostOf(text)
		if strings.Contains(text, "@") {
			return isMailbox(text) && hosts.CheckALabels(host) == nil
		}
		host = strings.TrimPrefix(host, ".")
		return isStrictHost(host, false) && hosts.CheckALabels(host) == nil
	case cert.IPAddress:
		return isSubnet(g.Value)
	case cert.DirectoryName:
		d, err := name.Parse(g.Value)
		return err == nil && len(d.RDNs) > 0 && directoryProblem(d) == ""
	}
	return g.Type == cert.OtherName // the other forms must not be constrained
}

// isNoHosts tells the constraint by which the Baseline Requirements have CAs excluded from all host names (7.1.2.10.8).
func isNoHosts(g cert.GeneralName) bool { return g.Type == cert.DNSName && len(g.Value) == 0 }

// isStrictHost tells letters, digits and hyphens only, and no address. A wildcard leaves at least two labels.
func isStrictHost(s string, wildcard bool) bool {
	if !isHostName(s, wildcard) || strings.Contains(s, "_") {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "*."); ok && !strings.Contains(rest, ".") {
		return false
	}
	_, err := netip.ParseAddr(s)
	return err != nil
}

// isMailbox tells the Mailbox of RFC 5321, 4.1.2 with a dot-string and a domain. Quoted local parts and address
// literals are legal there, but nobody has them, and they have been used to smuggle names past constraints.
func isMailbox(s string) bool {
	local, host, ok := strings.Cut(s, "@")
	return ok && isLocalPart(local, false) && isStrictHost(host, false)
}

// isLocalPart tells a dot-string, of ASCII alone or not.
func isLocalPart(local string, international bool) bool {
	if local == "" || local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	for _, c := range []byte(local) {
		if c <= ' ' || c == 0x7f || c > 0x7f && !international || strings.IndexByte(`"(),:;<>@[\]`, c) >= 0 {
			return false
		}
	}
	return true
}

// isAbsoluteURI wants a scheme, and something after it that is a host if there are slashes.
func isAbsoluteURI(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Opaque == "" && u.Host == "" && u.Path == "" {
		return false
	}
	host := u.Hostname()
	if host == "" && strings.HasPrefix(s[len(u.Scheme):], "://") && u.Scheme != "file" {
		return false // an authority without a host
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == ""
	}
	return host == "" || isHostName(host, false)
}

func isSubnet(value []byte) bool {
	half := len(value) / 2
	if len(value) != 8 && len(value) != 32 {
		return false
	}
	mask := value[half:]
	for i := 1; i < 8*half; i++ {
		set := mask[i/8]&(0x80>>(i%8)) != 0
		before := mask[(i-1)/8]&(0x80>>((i-1)%8)) != 0
		if set && !before {
			return false
		}
	}
	return true
}

// directoryProblem finds what DER and X.520 forbid in a name: parts without attributes or out of order, control
// characters, characters that a string type does not have.
func directoryProblem(n name.Name) string {
	for _, rdn := range n.RDNs {
		if len(rdn) == 0 {
			return "has an empty part"
		}
		for _, a := range rdn {
			if problem := attributeProblem(a); problem != "" {
				return problem
			}
		}
	}
	if !n.IsDER() {
		return "has a part whose attributes are not in DER order"
	}
	return ""
}

// attributeProblem looks at one attribute. Old string types are let be.
func attributeProblem(a name.Attribute) string {
	switch a.Tag {
	case name.TagPrintableString, name.TagUTF8String, name.TagNumericString, name.TagIA5String, name.TagBMPString:
	default:
		return ""
	}
	switch {
	case strings.ContainsRune(a.Value, 0):
		return "has a NUL character"
	case !a.IsText() || cert.OddAttribute(a) != "":
		return "has characters that its string type does not have"
	case a.Value == "":
		return "has an attribute without a value"
	}
	return ""
}

// checkBaselineKey looks at the key and the signature (Baseline Requirements 6.1.5, 7.1.3).
func (c *checker) checkBaselineKey(i int, n *node) {
	switch k := n.Key(); {
	case strings.HasPrefix(k.Type, "rsa"):
		if k.OID != oid.RSA || k.Bits < 2048 || k.Bits%8 != 0 {
			c.fail(RuleBaseline, i, "its RSA key of %d bits is not allowed (6.1.5)", k.Bits)
		}
	case k.Type != "p256" && k.Type != "p384" && k.Type != "p521":
		c.fail(RuleBaseline, i, "its key of type %s is not allowed (6.1.5)", k.Type)
	}
	if i == len(c.chain)-1 {
		return
	}
	d := key.SignatureDigest(n.SignatureAlgorithm)
	if d == nil || d.Hash != crypto.SHA256 && d.Hash != crypto.SHA384 && d.Hash != crypto.SHA512 {
		c.fail(RuleBaseline, i, "its signature algorithm %s is not allowed (7.1.3)", n.SignatureAlgorithm.Name)
		return
	}
	curves := map[string]crypto.Hash{"p256": crypto.SHA256, "p384": crypto.SHA384, "p521": crypto.SHA512}
	if signer := c.chain[i+1].Key().Type; curves[signer] != 0 && curves[signer] != d.Hash {
		c.fail(RuleBaseline, i, "a key of type %s signed it with %s (7.1.3.2.2)", signer, d)
	}
}
