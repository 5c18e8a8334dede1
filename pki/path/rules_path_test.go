package path_test

import (
	"crypto/x509"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// policyInputs makes the function that sets the policy inputs of a validation.
func policyInputs(p path.Policies) func(*path.Options) {
	return func(o *path.Options) { o.Policies = p }
}

// mapping makes the change that maps policies, in pairs of their DER.
func mapping(pairs ...string) change {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, der(0x30, pairs[i], pairs[i+1]))
	}
	return extra(cert.IDPolicyMappings, true, der(0x30, list...))
}

// both applies two changes.
func both(a, b change) change { return func(c *x509.Certificate) { a(c); b(c) } }

func usage(list ...x509.ExtKeyUsage) change {
	return func(c *x509.Certificate) { c.ExtKeyUsage = list }
}

func pathLength(n int) change {
	return func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = n, n == 0 }
}

// named gives a CA another name: that of its issuer makes it self-issued.
func named(cn string) change {
	return func(c *x509.Certificate) {
		c.Subject.CommonName, c.SubjectKeyId = cn, []byte(cn)
		has(cert.IDAuthorityKeyID, keyIDOfCA)(c) // which x509 leaves out where subject and issuer are the same
	}
}

func purpose(id string) func(*path.Options) { return func(o *path.Options) { o.Purpose = id } }

const (
	policyA = "1.2.3.1"
	policyB = "1.2.3.2"
)

// plain is a further CA between the intermediate and the leaf.
func plain(*x509.Certificate) {}

// RFC 5280, 6.1: path validation, with the policies as in RFC 9618.
var pathRules = []ruleTest{
	{section: "6.1.3 (a)(1)", rule: "a signature by another key", build: signedByAnother, rules: "signature", strict: "signature"},
	{
		section: "6.1.3 (a)(1)", rule: "a signature that is not a whole number of bytes", build: unalignedSignature, rules: "signature",
		strict: "signature",
	},
	{section: "6.1.3 (a)(2)", rule: "the leaf has expired", leaf: expired, rules: "validity", strict: "validity"},
	{section: "6.1.3 (a)(2)", rule: "an intermediate has expired", inter: expired, rules: "validity", strict: "validity"},
	{section: "6.1.3 (a)(2)", rule: "the leaf is not valid yet", leaf: early, rules: "validity", strict: "validity"},
	{
		section: "6.1.3 (a)(2)", rule: "the second of the end", leaf: func(c *x509.Certificate) { c.NotAfter = now },
		accepted: "the end belongs to the validity (4.1.2.5)",
	},
	{section: "6.1.3 (a)(4)", rule: "the issuer has another name", build: anotherIssuer, rules: "no-issuer", strict: "no-issuer"},
	{
		section: "6.1.3 (b)", rule: "a CA outside of the constraints above",
		inter: permits(dnsName("a.org")), lower: extra(cert.IDSubjectAltName, false, der(0x30, dnsName("b.org"))), leaf: san(dnsName("a.org")),
		set: anyNames, rules: outside, strict: outside,
	},
	{
		section: "6.1.3 (b)", rule: "a self-issued CA outside of the constraints above",
		inter: permits(dnsName("a.org")), lower: both(named("Intermediate"), extra(cert.IDSubjectAltName, false, der(0x30, dnsName("b.org")))),
		leaf: san(dnsName("a.org")), set: anyNames, accepted: "constraints do not bind self-issued CAs",
	},
	{section: "6.1", rule: "a certificate stands in the chain twice", build: twiceInChain, rules: "no-issuer", strict: "no-issuer"},
	{
		section: "6.1.4 (k)", rule: "an intermediate of version 1", inter: noExtensions, damageCA: []string{derVersion3, ""}, root: withoutAKI,
		rules: "basic-constraints version", strict: "basic-constraints version profile profile profile profile profile",
	},
	{
		section: "6.1.4 (l)", rule: "one CA more than the path length", inter: pathLength(0), lower: plain, rules: "path-length",
		strict: "path-length",
	},
	{
		section: "6.1.4 (l)", rule: "one CA more than the root's path length", root: pathLength(0), rules: "path-length", strict: "path-length",
	},
	{
		section: "6.1.4 (l)", rule: "a self-issued CA does not count", inter: pathLength(0), lower: named("Intermediate"),
		accepted: "self-issued certificates are not counted",
	},
	{
		section: "6.1.4 (m)", rule: "a greater path length below does not help", root: pathLength(1), inter: pathLength(5), lower: plain,
		rules: "path-length", strict: "path-length",
	},
	{
		section: "6.1.4 (n)", rule: "a CA without keyCertSign", inter: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign },
		rules: "key-usage", strict: "key-usage",
	},
	{
		section: "6.1.4 (o)", rule: "a critical extension of a CA is unknown", inter: extra("1.2.3.4", true, "\x05\x00"),
		rules: "critical-extension", strict: "critical-extension",
	},
	{
		section: "6.1.5 (f)", rule: "a critical extension of the leaf is unknown", leaf: extra("1.2.3.4", true, "\x05\x00"),
		rules: "critical-extension", strict: "critical-extension",
	},
	// Policies.
	{
		section: "6.1.3 (d)", rule: "an explicit policy, the same above and below", inter: policies(policyA), leaf: policies(policyA),
		set: policyInputs(explicit), accepted: "the policy is valid",
	},
	{
		section: "6.1.3 (d)", rule: "an explicit policy, another below", inter: policies(policyA), leaf: policies(policyB),
		set: policyInputs(explicit), rules: "policy", strict: "policy",
	},
	{
		section: "6.1.3 (d)(2)", rule: "anyPolicy that is inhibited", inter: both(policies(policyA), inhibitAny),
		leaf: policies(cert.AnyPolicy), set: policyInputs(explicit), rules: "policy", strict: "policy",
	},
	{
		section: "6.1.3 (d)(2)", rule: "anyPolicy that is inhibited, in a self-issued CA", root: plain,
		inter: both(policies(policyA), inhibitAny), lower: both(named("Intermediate"), policies(cert.AnyPolicy)), leaf: policies(policyA),
		set: policyInputs(explicit), accepted: "anyPolicy counts in self-issued CAs",
	},
	{
		section: "6.1.3 (e)", rule: "an explicit policy, none above", leaf: policies(policyA), set: policyInputs(explicit), rules: "policy",
		strict: "policy",
	},
	{
		section: "6.1.3 (f)", rule: "a CA requires an explicit policy, the leaf has none", inter: both(policies(policyA), requireExplicit),
		rules: "policy", strict: "policy",
	},
	{
		section: "6.1.4 (b)(1)", rule: "a mapped policy", inter: both(policies(policyA), mapping(derPolicyA, derPolicyB)),
		leaf: policies(policyB), set: policyInputs(explicit), accepted: "the mapping makes it valid",
	},
	{
		section: "6.1.4 (b)(1)", rule: "the policy that was mapped away", inter: both(policies(policyA), mapping(derPolicyA, derPolicyB)),
		leaf: policies(policyA), set: policyInputs(explicit), rules: "policy", strict: "policy",
	},
	{
		section: "6.1.4 (b)(2)", rule: "mapping is inhibited by the caller", inter: both(policies(policyA), mapping(derPolicyA, derPolicyB)),
		leaf: policies(policyB), set: policyInputs(path.Policies{ExplicitPolicy: true, InhibitMapping: true}), rules: "policy",
		strict: "policy",
	},
	{
		section: "6.1.4 (i)(2)", rule: "mapping is inhibited by a CA above",
		inter: both(policies(policyA), inhibitMapping), lower: both(policies(policyA), mapping(derPolicyA, derPolicyB)),
		leaf: policies(policyB), set: policyInputs(explicit), rules: "policy", strict: "policy",
	},
	{
		section: "6.1.5 (b)", rule: "the leaf itself requires an explicit policy",
		leaf: extra(cert.IDPolicyConstraints, true, "\x30\x03\x80\x01\x00"), rules: "policy", strict: "policy",
	},
	{
		section: "6.1.5 (g)", rule: "not among the policies that the caller accepts", inter: policies(policyA), leaf: policies(policyA),
		set: policyInputs(path.Policies{ExplicitPolicy: true, Initial: []string{policyB}}), rules: "policy", strict: "policy",
	},
	{
		section: "6.1.1 (c)", rule: "the policies that the caller accepts, not explicit", inter: policies(policyA), leaf: policies(policyA),
		set: policyInputs(path.Policies{Initial: []string{policyB}}), accepted: "no explicit policy is required",
	},
	// Extended key usage, which section 6 leaves to the application.
	{
		section: "4.2.1.12", rule: "the leaf is for another purpose", leaf: usage(x509.ExtKeyUsageClientAuth), rules: "extended-key-usage",
		strict: "extended-key-usage",
	},
	{
		section: "4.2.1.12", rule: "a CA for another purpose", inter: usage(x509.ExtKeyUsageClientAuth), rules: "extended-key-usage",
		strict: "extended-key-usage",
	},
	{
		section: "4.2.1.12", rule: "a root for another purpose", root: usage(x509.ExtKeyUsageClientAuth), rules: "extended-key-usage",
		strict: "extended-key-usage",
	},
	{section: "4.2.1.12", rule: "no usage stands for any", leaf: usage(), accepted: "there is no restriction"},
	{section: "4.2.1.12", rule: "any usage", leaf: usage(x509.ExtKeyUsageAny), accepted: "it includes the purpose"},
	{section: "4.2.1.12", rule: "any usage in a CA", inter: usage(x509.ExtKeyUsageAny), accepted: "it includes the purpose"},
	{
		section: "4.2.1.12", rule: "serverAuth is not for time stamps", leaf: usage(x509.ExtKeyUsageAny), set: purpose(path.TimeStamping),
		rules: "purpose", strict: "purpose",
	},
	{
		section: "4.2.1.12", rule: "any usage is not for OCSP responses", leaf: usage(x509.ExtKeyUsageAny), set: purpose(path.OCSPSigning),
		rules: "purpose", strict: "purpose",
	},
}

func expired(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) }

func early(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 1) }

// signedByAnother has a leaf by a CA of the same name with another key.
func signedByAnother(t *testing.T) (*cert.Certificate, path.Options) {
	root := ca(t, nil, "Root", conforming)
	return leaf(t, ca(t, nil, "Root", conforming)).Certificate, options(root)
}

// twiceInChain has two CAs that certify each other, and an anchor of neither.
func twiceInChain(t *testing.T) (*cert.Certificate, path.Options) {
	a, b := ca(t, nil, "A", conforming), ca(t, nil, "B", conforming)
	crossA, crossB := caWith(t, b, a.key, "A"), caWith(t, a, b.key, "B")
	return leaf(t, a).Certificate, options(ca(t, nil, "Root", conforming), crossA, crossB)
}

func unalignedSignature(t *testing.T) (*cert.Certificate, path.Options) {
	root := ca(t, nil, "Root", conforming)
	c, err := cert.Parse(resign(t, leaf(t, root).Raw, root, 1))
	if err != nil {
		t.Fatal(err)
	}
	return c, options(root)
}

// anotherIssuer has a leaf signed by the root's key in the name of another.
func anotherIssuer(t *testing.T) (*cert.Certificate, path.Options) {
	root := ca(t, nil, "Root", conforming)
	other := *root
	renamed := *root.template
	renamed.Subject.CommonName, other.template = "Other", &renamed
	return leaf(t, &other).Certificate, options(root)
}

func TestRules_RFC5280_path(t *testing.T) {
	t.Parallel()
	checkRules(t, "RFC 5280", path.RFC5280, path.StrictRFC5280, pathRules)
}
