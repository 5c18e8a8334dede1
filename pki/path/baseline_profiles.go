package path

import (
	"bytes"
	"slices"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/oid"
)

// inProfiles tells whether a certificate was made since the profiles of 7.1.2 apply (Baseline Requirements 2.0.0): CAs' certificates live
// long, and older ones are not judged by them.
func inProfiles(n *node) bool {
	return !n.NotBefore.Before(time.Date(2023, 9, 15, 0, 0, 0, 0, time.UTC))
}

// checkBaselineFields looks at the fields that each profile of 7.1.2 begins with.
func (c *checker) checkBaselineFields(i int, n *node) {
	if !inProfiles(n) {
		return
	}
	if n.Serial.BitLen() > 159 {
		c.baseline(i, "its serial number is not less than 2^159 (7.1.2)")
	}
	if i+1 < len(c.chain) && !bytes.Equal(n.RawIssuer, c.chain[i+1].RawSubject) {
		c.baseline(i, "its issuer is not encoded like the subject of its issuer (7.1.4.1)")
	}
	if e := n.Extension(cert.IDKeyUsage); e != nil && !e.Critical {
		c.baseline(i, "its key usage is not critical (7.1.2)")
	}
	for _, rdn := range n.Subject.RDNs {
		if len(rdn) > 1 {
			c.baseline(i, "a part of its subject has more than one attribute (7.1.4.1)")
		}
	}
	if e := n.Extension(cert.IDSCTList); e != nil && cert.CheckSCTList(e.Value) != nil {
		c.baseline(i, "its list of timestamps cannot be read (7.1.2.11.3)")
	}
}

// checkBaselineCA looks at the key usage and the extended key usage of an intermediate CA (7.1.2.10.6, 7.1.2.10.7). One that may be used
// for anything is that of an affiliate (7.1.2.2.4); one without the extension is a private CA's.
func (c *checker) checkBaselineCA(i int, n *node) {
	if i == 0 || !inProfiles(n) {
		return
	}
	if n.Extension(cert.IDKeyUsage) != nil && n.KeyUsage&cert.CRLSign == 0 {
		c.baseline(i, "it is a CA without the key usage cRLSign (7.1.2.10.7)")
	}
	if i == len(c.chain)-1 {
		return
	}
	if slices.Contains(n.ExtKeyUsage, AnyUsage) && len(n.ExtKeyUsage) > 1 {
		c.baseline(i, "it is a CA whose extended key usage names any usage, and others (7.1.2.2.4)")
	}
	for _, id := range notWithServers() {
		if slices.Contains(n.ExtKeyUsage, ServerAuth) && slices.Contains(n.ExtKeyUsage, id) {
			c.baseline(i, "it is a CA whose extended key usage names serverAuth and %s (7.1.2.10.6)", oid.Name(id))
		}
	}
}

// notWithServers are the usages that must not be with serverAuth (7.1.2.7.10, 7.1.2.10.6).
func notWithServers() []string {
	return []string{CodeSigning, EmailProtection, TimeStamping, OCSPSigning, precertificateSigning}
}

// reservedPolicies stand for how the subscriber was validated (7.1.6.1): by domain, organization, person, or extended.
func reservedPolicies() []string {
	return []string{oid.DomainValidated, oid.OrganizationValidated, oid.IndividualValidated, oid.ExtendedValidation}
}

// checkBaselinePolicies looks at the policies of a server's certificate (7.1.2.7.9). A private CA has none of the reserved ones.
func (c *checker) checkBaselinePolicies(n *node) {
	e := n.Extension(cert.IDCertificatePolicies)
	if e == nil {
		return
	}
	list, err := cert.ParsePolicies(e.Value)
	if err != nil {
		return // it is malformed
	}
	reserved := 0
	for _, p := range list {
		if p.ID == cert.AnyPolicy {
			c.baseline(0, "its certificate policies have anyPolicy (7.1.2.7.9)")
		}
		if slices.Contains(reservedPolicies(), p.ID) {
			reserved++
		}
		if slices.ContainsFunc(p.Qualifiers, func(q cert.Qualifier) bool { return q.ID != cert.QualifierCPS }) {
			c.baseline(0, "its policy %s has another qualifier than a CPS pointer (7.1.2.7.9)", oid.Name(p.ID))
		}
	}
	if reserved > 1 {
		c.baseline(0, "its certificate policies have more than one reserved policy (7.1.2.7.9)")
	}
}
