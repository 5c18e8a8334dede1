package path

import (
	"cmp"
	"slices"
	"strings"

	"certkdb/pki/cert"
	"certkdb/pki/oid"
)

// wanted tells whether a purpose is asked for at all.
func (c *checker) wanted() bool { return c.search.purpose != "" && c.search.purpose != AnyUsage }

// checkNested wants a CA's extended key usage, if it has one, to include the purpose. RFC 5280 leaves that open; every
// implementation does it, and CAs rely on it.
func (c *checker) checkNested(i int) {
	n := c.chain[i]
	if !c.wanted() || len(n.ExtKeyUsage) == 0 || slices.Contains(n.ExtKeyUsage, c.search.purpose) || slices.Contains(n.ExtKeyUsage, AnyUsage) {
		return
	}
	c.fail(RuleExtKeyUsage, i, "it may not issue certificates for %s", oid.Name(c.search.purpose))
}

// checkPurpose looks at the certificate itself (4.2.1.12).
func (c *checker) checkPurpose() {
	n := c.chain[0]
	if !c.wanted() {
		return
	}
	c.checkConsistentUsage(n)
	named := slices.Contains(n.ExtKeyUsage, c.search.purpose)
	if len(n.ExtKeyUsage) > 0 && !named && !slices.Contains(n.ExtKeyUsage, AnyUsage) {
		c.failAnd(RuleExtKeyUsage, 0, Remedy{Action: ReissueForPurpose}, "it is not for %s, but for %s", oid.Name(c.search.purpose),
			usageNames(n.ExtKeyUsage))
		return
	}
	switch {
	case c.v.o.StrictPurpose:
		c.checkStrictPurpose(named)
	case !named && (c.search.purpose == TimeStamping || c.search.purpose == OCSPSigning):
		// These two are never implied, nor covered by any usage (RFC 3161, 2.3; RFC 6960, 4.2.2.2).
		c.failAnd(RulePurpose, 0, Remedy{Action: ReissueForPurpose}, "its extended key usage does not name %s", oid.Name(c.search.purpose))
	}
}

// checkConsistentUsage wants a key usage that is consistent with the purpose, if there is the extension at all: a certificate may only be
// used for a purpose that both extensions allow (4.2.1.12), and its key must be able to do what it is used for.
func (c *checker) checkConsistentUsage(n *node) {
	if !c.v.o.UsageForPurpose || n.Extension(cert.IDKeyUsage) == nil {
		return
	}
	if slices.ContainsFunc(c.v.factsOf(n).malformed, func(m cert.Malformation) bool { return m.ID == cert.IDKeyUsage }) {
		return // that is said already
	}
	possible := usagesOf(n.Key().Type)
	consistent := usagesFor(c.search.purpose)
	if consistent == 0 || n.KeyUsage&consistent&possible != 0 {
		return
	}
	wanted := strings.ReplaceAll((consistent & possible).String(), ", ", " or ")
	c.failAnd(RulePurpose, 0, Remedy{Action: ReissueForPurpose}, "its key usage (%s) does not allow %s, which needs %s",
		cmp.Or(n.KeyUsage.String(), "none"), oid.Name(c.search.purpose), wanted)
}

// usagesFor are the key usages that may be consistent with a purpose (4.2.1.12), 0 if that is not said of it.
func usagesFor(purpose string) cert.KeyUsage {
	switch purpose {
	case ServerAuth:
		return cert.DigitalSignature | cert.KeyEncipherment | cert.KeyAgreement
	case ClientAuth:
		return cert.DigitalSignature | cert.KeyAgreement
	case CodeSigning:
		return cert.DigitalSignature
	case EmailProtection:
		return cert.DigitalSignature | cert.ContentCommitment | cert.KeyEncipherment | cert.KeyAgreement
	case TimeStamping, OCSPSigning:
		return cert.DigitalSignature | cert.ContentCommitment
	}
	return 0
}

// usagesOf are the key usages that a type of key can have: EC keys encipher no keys (RFC 5480, 3), those of EdDSA and ML-DSA only sign
// (RFC 8410, 5; RFC 9881, 5). Nothing is known of other types.
func usagesOf(keyType string) cert.KeyUsage {
	signatures := cert.DigitalSignature | cert.ContentCommitment | cert.KeyCertSign | cert.CRLSign
	switch {
	case keyType == "p256", keyType == "p384", keyType == "p521":
		return signatures | cert.KeyAgreement
	case keyType == "ed25519", keyType == "ed448", strings.HasPrefix(keyType, "mldsa"):
		return signatures
	}
	return ^cert.KeyUsage(0)
}

func usageNames(list []string) string {
	text := ""
	for i, id := range list {
		if i > 0 {
			text += ", "
		}
		text += oid.Name(id)
	}
	return text
}

// checkStrictPurpose asks for what the standards of the purposes ask for: the usage named and no other standing for
// it; for code signing and time stamping also the criticality and the key usages (RFC 3161, 2.3; CA/Browser Forum
// Baseline Requirements for code signing, 7.1.2.3).
func (c *checker) checkStrictPurpose(named bool) {
	n := c.chain[0]
	if !named {
		c.fail(RulePurpose, 0, "its extended key usage does not name %s", oid.Name(c.search.purpose))
	}
	if slices.Contains(n.ExtKeyUsage, AnyUsage) {
		c.fail(RulePurpose, 0, "its extended key usage names any usage")
	}
	usage, ext := n.Extension(cert.IDKeyUsage), n.Extension(cert.IDExtendedKeyUsage)
	switch c.search.purpose {
	case ServerAuth, ClientAuth:
		if n.IsCA {
			c.fail(RulePurpose, 0, "it is a CA, not an end entity")
		}
	case TimeStamping:
		if ext != nil && (!ext.Critical || len(n.ExtKeyUsage) != 1) {
			c.fail(RulePurpose, 0, "its extended key usage is not critical, or names more than timeStamping")
		}
		if n.KeyUsage&^(cert.DigitalSignature|cert.ContentCommitment) != 0 {
			c.fail(RulePurpose, 0, "its key usage allows more than signatures: %s", n.KeyUsage)
		}
	case CodeSigning:
		if usage == nil || !usage.Critical || n.KeyUsage&cert.DigitalSignature == 0 || n.KeyUsage&(cert.KeyCertSign|cert.CRLSign) != 0 {
			c.fail(RulePurpose, 0, "its key usage is not critical, or not for signing code: %s", n.KeyUsage)
		}
		if slices.Contains(n.ExtKeyUsage, ServerAuth) {
			c.fail(RulePurpose, 0, "its extended key usage names serverAuth as well as codeSigning")
		}
	}
}
