package path

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"

	"certkdb/pki/cert"
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
		c.checkNoRevocation(i, n)
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
	// The Baseline Requirements have the same rule, 7.1.4.1.
	if c.v.o.Profile != WebPKI && i+1 < len(c.chain) && !bytes.Equal(n.RawIssuer, c.chain[i+1].RawSubject) {
		c.profile(i, "its issuer is not encoded like the subject of its issuer (4.1.2.6)")
	}
	switch {
	case n.Subject.Empty() && len(n.SAN) == 0:
		c.profile(i, "it has no name at all (4.1.2.6)")
	case n.Subject.Empty() && !n.IsCA && n.KeyUsage&cert.CRLSign != 0:
		c.profile(i, "it issues CRLs without a subject (4.1.2.6)")
	}
}

// checkNoRevocation looks at a certificate that says that there is no revocation information: it must not say where some is, nor be a CA's
// (RFC 9608, 3).
func (c *checker) checkNoRevocation(i int, n *node) {
	if n.Extension(oid.NoRevAvail) == nil {
		return
	}
	if n.IsCA || n.Extension(cert.IDCRLDistributionPoints) != nil || n.Extension(cert.IDFreshestCRL) != nil ||
		len(n.AccessURLs(oid.OCSP)) > 0 {
		c.profile(i, "it says that there is no revocation information, and is a CA or says where some is (RFC 9608, 3)")
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
			if err == nil {
				err = accessProblem(list)
			}
		case cert.IDCRLDistributionPoints, cert.IDFreshestCRL:
			var points []cert.DistributionPoint
			if points, err = cert.ParseDistributionPoints(e.Value); err == nil {
				err = pointProblem(points)
			}
			if err == nil && e.ID == cert.IDCRLDistributionPoints {
				err = coverageProblem(points, n)
			}
		case cert.IDIssuerAltName:
			err = issuerNamesProblem(e.Value)
		case cert.IDCertificatePolicies:
			err = noticeProblem(e.Value)
		}
		if err != nil {
			c.profile(i, "its extension %s does not conform (4.2): %v", cert.TypeName(e.ID), err)
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

// pointProblem finds what RFC 5280, 4.2.1.13 forbids in distribution points: CRL issuers that are not directory names, a name relative
// to one of several, and LDAP URIs that do not lead to a CRL.
func pointProblem(points []cert.DistributionPoint) error {
	for _, p := range points {
		switch {
		case slices.ContainsFunc(p.CRLIssuer, func(g cert.GeneralName) bool { return g.Type != cert.DirectoryName }):
			return errors.New("a CRL issuer is not a directory name")
		case p.Name != nil && p.Name.Relative != nil && len(p.CRLIssuer) > 1:
			return errors.New("a name is relative to one of several CRL issuers")
		case p.Name == nil:
			continue
		}
		for _, g := range p.Name.Full {
			if err := LDAPProblem(g, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// coverageProblem says what RFC 5280, 4.2.1.13 forbids in the distribution points of a certificate as a whole: a CRL issuer that is the
// certificate's, and no point whose CRL covers all reasons.
func coverageProblem(points []cert.DistributionPoint, n *node) error {
	all := false
	for _, p := range points {
		all = all || p.Reasons == cert.AllReasons
		if p.CRLIssuer != nil && directoryName(p.CRLIssuer) == n.issuer {
			return errors.New("a CRL issuer is the certificate's issuer, which must not be named")
		}
	}
	if !all {
		return errors.New("no point is for all reasons of revocation")
	}
	return nil
}

// noticeProblem reads the notices of policies, whose text must not be an IA5String (RFC 5280, 4.2.1.4; RFC 6818, 3). Policies that cannot
// be read are reported elsewhere.
func noticeProblem(value []byte) error {
	policies, err := cert.ParsePolicies(value)
	if err != nil {
		return nil
	}
	for _, p := range policies {
		for _, q := range p.Qualifiers {
			if q.ID != cert.QualifierUserNotice {
				continue
			}
			if err := cert.CheckUserNotice(q.Value); err != nil {
				return err
			}
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
