package path_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"testing"
	"time"

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
		rules: "profile", strict: "profile " + baseline,
	},
	{
		section: "7.1.2.11.2", rule: "a point with a CRL issuer", leaf: point(fullName("http://a.example/crl"), der(0xa2, dirName("a"))),
		strict: baseline,
	},
	{section: "7.1.2.11.2", rule: "a point by another scheme than HTTP", leaf: point(fullName("ldap://a.example/cn=a?crl")), strict: baseline},
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
	// The profiles of 7.1.2, one requirement after the other.
	{section: "7.1.2", rule: "a serial number of 2^159", leaf: serial(new(big.Int).Lsh(big.NewInt(1), 159)), strict: baseline},
	{section: "7.1.2", rule: "a serial number of 2^159-1", leaf: serial(biggestSerial()), accepted: "it is the greatest"},
	{
		section: "7.1.2.6.1", rule: "a key usage that is not critical, in a CA", inter: without(noUsage, looseUsage("\x01\x06")),
		strict: baseline,
	},
	{section: "7.1.2.7.6", rule: "a key usage that is not critical", leaf: without(noUsage, looseUsage("\x07\x80")), strict: baseline},
	{
		section: "7.1.2.7.6", rule: "name constraints in a server's certificate", leaf: permits(dnsName("example.com")), rules: outside,
		strict: outside,
	},
	{
		section: "7.1.2.9.3", rule: "a precertificate", leaf: extra(cert.IDCTPoison, true, "\x05\x00"), rules: "critical-extension",
		strict: "critical-extension",
	},
	{section: "7.1.2.2.4", rule: "a CA for any usage", inter: usage(x509.ExtKeyUsageAny), accepted: "it is an affiliate's"},
	{
		section: "7.1.2.2.4", rule: "a CA for any usage, and for servers", inter: usage(x509.ExtKeyUsageAny, x509.ExtKeyUsageServerAuth),
		strict: baseline,
	},
	{section: "7.1.2.6.1", rule: "a CA without an extended key usage", inter: usage(), accepted: "the profile is for private CAs too"},
	caUsage("code signing", x509.ExtKeyUsageCodeSigning),
	caUsage("e-mail protection", x509.ExtKeyUsageEmailProtection),
	caUsage("time stamping", x509.ExtKeyUsageTimeStamping),
	caUsage("OCSP signing", x509.ExtKeyUsageOCSPSigning),
	{
		section: "7.1.2.10.6", rule: "a CA for servers and e-mail of before the profiles",
		inter:    both(usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageEmailProtection), beforeProfiles),
		accepted: "CAs' certificates live long",
	},
	{
		section: "7.1.2.10.6", rule: "a CA for servers and e-mail of the first moment of the profiles",
		inter: both(usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageEmailProtection), func(c *x509.Certificate) {
			c.NotBefore = time.Date(2023, 9, 15, 0, 0, 0, 0, time.UTC)
		}),
		strict: baseline,
	},
	{
		section: "7.1.2.1.2", rule: "a root for servers and e-mail", root: usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageEmailProtection),
		strict: baseline, // once: what holds for other CAs is not said of a root
	},
	{
		section: "7.1.2", rule: "a serial number of 2^159 of before the profiles",
		leaf: both(serial(new(big.Int).Lsh(big.NewInt(1), 159)), beforeProfiles), accepted: "they bind what was made since",
	},
	{
		section: "7.1.2.10.6", rule: "a CA for e-mail and clients, not for servers",
		inter: usage(x509.ExtKeyUsageEmailProtection, x509.ExtKeyUsageClientAuth),
		rules: "extended-key-usage", strict: "extended-key-usage",
	},
	{
		section: "7.1.2.10.6", rule: "a CA for servers and clients", inter: usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth),
		accepted: "it is allowed",
	},
	{section: "7.1.2.10.7", rule: "a CA without CRL signing", inter: keyUsage(x509.KeyUsageCertSign), strict: baseline},
	{section: "7.1.2.7.9", rule: "anyPolicy", leaf: policies(cert.AnyPolicy), strict: baseline},
	{section: "7.1.2.7.9", rule: "two reserved policies", leaf: policies("2.23.140.1.2.1", "2.23.140.1.2.2"), strict: baseline},
	{section: "7.1.2.7.9", rule: "a reserved policy", leaf: policies("2.23.140.1.2.1", policyA), accepted: "it must be so"},
	{
		section: "7.1.2.7.9", rule: "a user notice",
		leaf:   has(cert.IDCertificatePolicies, der(0x30, derPolicyA, der(0x30, der(0x30, derUserNotice, "\x30\x00")))),
		strict: baseline,
	},
	{
		section: "7.1.2.7.12", rule: "a reserved label", leaf: both(subject(pkix.Name{}), criticalNames(dnsName("ab--cd.example.com"))),
		strict: baseline,
	},
	{
		section: "7.1.2.11.2", rule: "a point by HTTP and by another scheme",
		leaf: point(der(0xa0, der(0xa0, uriName("http://a.example/crl"), uriName("ldap://a.example/cn=a?crl")))), strict: baseline,
	},
	{section: "7.1.2.11.3", rule: "timestamps that cannot be read", leaf: extra(cert.IDSCTList, false, "\x05\x00"), strict: baseline},
	{
		section: "7.1.4.1", rule: "two attributes in one part of the subject", build: twoInOne, strict: baseline,
	},
	{section: "7.1.4.1", rule: "the issuer written in another case", build: otherCase, rules: "profile", strict: baseline},
}

const derUserNotice = "\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x02"

// beforeProfiles is from before the profiles of 7.1.2.
func beforeProfiles(c *x509.Certificate) { c.NotBefore = time.Date(2023, 9, 14, 0, 0, 0, 0, time.UTC) }

func biggestSerial() *big.Int {
	return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 159), big.NewInt(1))
}

// looseUsage is a key usage that is not critical.
func looseUsage(bits string) change { return extra(cert.IDKeyUsage, false, "\x03\x02"+bits) }

// caUsage has a CA for servers and for something else, which a server's chain must not have.
func caUsage(name string, other x509.ExtKeyUsage) ruleTest {
	return ruleTest{
		section: "7.1.2.10.6", rule: "a CA for servers and " + name, inter: usage(x509.ExtKeyUsageServerAuth, other), strict: baseline,
	}
}

// criticalNames sets the names of the leaf, critical as they must be without a subject, and leaves the rest.
func criticalNames(list ...string) change {
	return func(c *x509.Certificate) {
		c.DNSNames = nil
		extra(cert.IDSubjectAltName, true, der(0x30, list...))(c)
	}
}

func derAttribute(id, text string) string { return der(0x30, id, der(0x0c, text)) }

// twoInOne has a leaf whose subject has an organization and a unit in one part.
func twoInOne(t *testing.T) (*cert.Certificate, path.Options) {
	root := ca(t, nil, "Root", conforming)
	raw := der(0x30, der(0x31, derAttribute("\x06\x03\x55\x04\x0a", "Example"), derAttribute("\x06\x03\x55\x04\x0b", "Example")))
	return leaf(t, root, func(c *x509.Certificate) { c.RawSubject = []byte(raw) }).Certificate, options(root)
}

// otherCase has a leaf whose issuer is its CA's name in capitals, which is the same name to RFC 5280.
func otherCase(t *testing.T) (*cert.Certificate, path.Options) {
	root := ca(t, nil, "Root", conforming)
	other, renamed := *root, *root.template
	renamed.Subject.CommonName, other.template = "ROOT", &renamed
	return leaf(t, &other).Certificate, options(root)
}

func TestRules_baselineRequirements(t *testing.T) {
	t.Parallel()
	checkRules(t, "Baseline Requirements", path.StrictRFC5280, path.WebPKI, baselineRules)
}
