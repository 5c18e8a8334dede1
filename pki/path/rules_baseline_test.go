package path_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"sync"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

const baseline = "baseline-requirements"

// keyUsage sets the usages of a certificate.
func keyUsage(u x509.KeyUsage) change { return func(c *x509.Certificate) { c.KeyUsage = u } }

func dnsNames(list ...string) change { return func(c *x509.Certificate) { c.DNSNames = list } }

// rsaLeaf has a leaf with an RSA key.
func rsaLeaf(changes ...change) func(*testing.T) (*cert.Certificate, path.Options) {
	return func(t *testing.T) (*cert.Certificate, path.Options) {
		root := ca(t, nil, "Root", conforming)
		tmpl := template("example.com")
		tmpl.DNSNames, tmpl.ExtKeyUsage = []string{"example.com"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		key, err := rsaKey()
		if err != nil {
			t.Fatal(err)
		}
		return forge(t, root, key, tmpl, changes...).Certificate, options(root)
	}
}

var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// signedWith has a leaf signed by a P-256 key with a digest.
func signedWith(a x509.SignatureAlgorithm) change {
	return func(c *x509.Certificate) { c.SignatureAlgorithm = a }
}

// The CA/Browser Forum's Baseline Requirements for TLS servers, 7.1, as far as the profile webpki claims them. The other profile is
// rfc5280-strict.
var baselineRules = []ruleTest{
	{
		section: "7.1.1", rule: "version 1", inter: withoutAKI, leaf: noExtensions, damage: []string{derVersion3, ""}, rules: "profile",
		strict: "profile " + baseline + " " + baseline + " " + baseline + " " + baseline,
	},
	{section: "7.1.2.1.2", rule: "a root with an extended key usage", root: usage(x509.ExtKeyUsageServerAuth), strict: baseline},
	{section: "7.1.2.1.3", rule: "a root whose key identifiers differ", root: has(cert.IDAuthorityKeyID, "\x80\x04root"), strict: baseline},
	{section: "7.1.2.1.3", rule: "a root with an empty authority key identifier", root: has(cert.IDAuthorityKeyID), strict: baseline},
	{
		section: "7.1.2.7.7", rule: "information access by another scheme than HTTP",
		leaf: has(cert.IDAuthorityInfoAccess, der(0x30, derOCSP, uriName("ldap://a.example/"))), strict: baseline,
	},
	{
		section: "7.1.2.7.7", rule: "information access by a directory name",
		leaf: has(cert.IDAuthorityInfoAccess, der(0x30, derOCSP, dirName("a"))), strict: baseline,
	},
	{
		section: "7.1.2.7.7", rule: "information access of an unknown method",
		leaf: has(cert.IDAuthorityInfoAccess, der(0x30, "\x06\x02\x2a\x03", uriName("http://a.example/"))), strict: baseline,
	},
	{
		section: "7.1.2.7.7", rule: "information access by HTTP",
		leaf: has(cert.IDAuthorityInfoAccess, der(0x30, derOCSP, uriName("http://a.example/"))), accepted: "it must be so",
	},
	{
		section: "7.1.2.7.8", rule: "a server that is a CA",
		leaf: func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid, c.SubjectKeyId = true, true, []byte("a") }, strict: baseline,
	},
	{
		section: "7.1.2.7.8", rule: "basic constraints that are not critical", leaf: extra(cert.IDBasicConstraints, false, "\x30\x00"),
		strict: baseline,
	},
	{section: "7.1.2.7.10", rule: "no extended key usage", leaf: usage(), strict: baseline},
	{
		section: "7.1.2.7.10", rule: "a critical extended key usage", leaf: extra(cert.IDExtendedKeyUsage, true, der(0x30, derServerAuth)),
		strict: baseline,
	},
	{section: "7.1.2.7.10", rule: "any usage", leaf: usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageAny), strict: baseline},
	{
		section: "7.1.2.7.10", rule: "code signing too", leaf: usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageCodeSigning), strict: baseline,
	},
	{
		section: "7.1.2.7.10", rule: "e-mail protection too", leaf: usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageEmailProtection),
		strict: baseline,
	},
	{
		section: "7.1.2.7.10", rule: "time stamping too", leaf: usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageTimeStamping),
		strict: baseline,
	},
	{
		section: "7.1.2.7.10", rule: "OCSP signing too", leaf: usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageOCSPSigning), strict: baseline,
	},
	{
		section: "7.1.2.7.10", rule: "precertificate signing too",
		leaf: has(cert.IDExtendedKeyUsage, derServerAuth, "\x06\x0a\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x04"), strict: baseline,
	},
	{
		section: "7.1.2.7.10", rule: "client authentication too", leaf: usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth),
		accepted: "it is allowed",
	},
	{section: "7.1.2.7.11", rule: "CRL signing", leaf: keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign), strict: baseline},
	{
		section: "7.1.2.7.11", rule: "content commitment", leaf: keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment),
		strict: baseline,
	},
	{
		section: "7.1.2.7.11", rule: "key encipherment with an EC key",
		leaf: keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment), strict: baseline,
	},
	{section: "7.1.2.7.11", rule: "an EC key without digital signature", leaf: keyUsage(x509.KeyUsageKeyAgreement), strict: baseline},
	{
		section: "7.1.2.7.11", rule: "key agreement with an EC key", leaf: keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement),
		accepted: "it is allowed",
	},
	{
		section: "7.1.2.7.11",
		rule:    "key agreement with an RSA key", build: rsaLeaf(keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement)),
		strict: baseline,
	},
	{
		section: "7.1.2.7.11", rule: "key encipherment with an RSA key", build: rsaLeaf(keyUsage(x509.KeyUsageKeyEncipherment)),
		accepted: "it is allowed",
	},
	{section: "7.1.2.7.11", rule: "no key usage", leaf: keyUsage(0), accepted: "the extension is only recommended"},
	{section: "7.1.2.7.12", rule: "no alternative name", leaf: noNames, strict: baseline + " " + baseline},
	{
		section: "7.1.2.7.12", rule: "a mailbox", leaf: func(c *x509.Certificate) { c.EmailAddresses = []string{"a@example.com"} },
		strict: baseline,
	},
	{
		section: "7.1.2.7.12", rule: "critical with a subject", leaf: extra(cert.IDSubjectAltName, true, der(0x30, dnsName("example.com"))),
		strict: baseline,
	},
	{section: "3.2.2.6", rule: "a wildcard for a public suffix", leaf: dnsNames("example.com", "*.co.uk"), strict: baseline},
	{section: "3.2.2.6", rule: "a wildcard for a private suffix", leaf: dnsNames("example.com", "*.s3.amazonaws.com"), strict: baseline},
	{
		section: "7.1.2.10.7", rule: "a CA with key encipherment",
		inter: keyUsage(x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageKeyEncipherment), strict: baseline,
	},
	{
		section: "7.1.2.10.8", rule: "name constraints that are not critical", inter: looseConstraints(0xa0, dnsName("example.com")),
		rules: "profile", accepted: "the Requirements make an exception from RFC 5280",
	},
	{
		section: "7.1.2.11.1", rule: "an authority key identifier with issuer and serial number",
		leaf: has(cert.IDAuthorityKeyID, keyIDOfCA, der(0xa1, dirName("a")), "\x82\x01\x05"), strict: baseline,
	},
	{
		section: "7.1.2.11.2", rule: "critical distribution points",
		leaf: extra(cert.IDCRLDistributionPoints, true, der(0x30, der(0x30, fullName("http://a.example/crl")))), strict: baseline,
	},
	{
		section: "7.1.2.11.2", rule: "a point for some reasons", leaf: point(fullName("http://a.example/crl"), "\x81"+keyCompromise),
		strict: baseline,
	},
	{
		section: "7.1.2.11.2", rule: "a point with a CRL issuer", leaf: point(fullName("http://a.example/crl"), der(0xa2, dirName("a"))),
		strict: baseline,
	},
	{section: "7.1.2.11.2", rule: "a point by another scheme than HTTP", leaf: point(fullName("ldap://a.example/crl")), strict: baseline},
	{section: "7.1.2.11.2", rule: "a point by a relative name", leaf: point(relativeName("a")), strict: baseline},
	{section: "7.1.3.2.2", rule: "P-256 signs with SHA-384", leaf: signedWith(x509.ECDSAWithSHA384), strict: baseline},
	{
		section: "7.1.4.3", rule: "a common name that is no alternative name", leaf: subject(pkix.Name{CommonName: "a.example.com"}),
		strict: baseline,
	},
	{section: "7.1.4.3", rule: "a common name in another case", leaf: subject(pkix.Name{CommonName: "Example.com"}), strict: baseline},
	{
		section: "7.1.2.7.6", rule: "no certificate policies, no information access",
		accepted: "the profile is for private CAs too, which have neither",
	},
	{
		section: "7.1.2.7.12", rule: "an internal name", leaf: both(subject(pkix.Name{}), dnsNames("localhost")),
		accepted: "the profile is for private CAs too",
	},
	{section: "6.3.2", rule: "a validity of more than 398 days", accepted: "it is not among 7.1; lint finds it"},
}

func TestRules_baselineRequirements(t *testing.T) {
	t.Parallel()
	checkRules(t, "Baseline Requirements", path.StrictRFC5280, path.WebPKI, baselineRules)
}
