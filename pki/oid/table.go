package oid

import (
	"sync"
)

type entry struct {
	dotted, name string
	der          string // content octets
}

// The indexes are made when they are first used: most commands read no certificate.
var (
	byContent = sync.OnceValue(func() map[string]string {
		return index(func(e entry) (string, string) { return e.der, e.dotted })
	})
	byDotted = sync.OnceValue(func() map[string]entry {
		return index(func(e entry) (string, entry) { return e.dotted, e })
	})
)

func index[V any](pair func(entry) (string, V)) map[string]V {
	m := make(map[string]V, len(names))
	for _, n := range names {
		der, err := encodeArcs(n[0])
		if err != nil {
			panic(err) // the table below is wrong
		}
		key, value := pair(entry{dotted: n[0], name: n[1], der: string(der)})
		m[key] = value
	}
	return m
}

// names is what the identifiers are called in their standards.
var names = [...][2]string{
	// Attribute types: X.520, RFC 4519, RFC 4524, RFC 2985, RFC 3739, CA/Browser Forum EV Guidelines 9.2.
	{"2.5.4.3", "commonName"},
	{"2.5.4.4", "surname"},
	{"2.5.4.5", "serialNumber"},
	{"2.5.4.6", "countryName"},
	{"2.5.4.7", "localityName"},
	{"2.5.4.8", "stateOrProvinceName"},
	{"2.5.4.9", "streetAddress"},
	{"2.5.4.10", "organizationName"},
	{"2.5.4.11", "organizationalUnitName"},
	{"2.5.4.12", "title"},
	{"2.5.4.13", "description"},
	{"2.5.4.15", "businessCategory"},
	{"2.5.4.16", "postalAddress"},
	{"2.5.4.17", "postalCode"},
	{"2.5.4.18", "postOfficeBox"},
	{"2.5.4.20", "telephoneNumber"},
	{"2.5.4.41", "name"},
	{"2.5.4.42", "givenName"},
	{"2.5.4.43", "initials"},
	{"2.5.4.44", "generationQualifier"},
	{"2.5.4.45", "x500UniqueIdentifier"},
	{"2.5.4.46", "dnQualifier"},
	{"2.5.4.65", "pseudonym"},
	{"2.5.4.97", "organizationIdentifier"},
	{"0.9.2342.19200300.100.1.1", "userId"},
	{"0.9.2342.19200300.100.1.3", "rfc822Mailbox"},
	{"0.9.2342.19200300.100.1.25", "domainComponent"},
	{"1.2.840.113549.1.9.1", "emailAddress"},
	{"1.2.840.113549.1.9.2", "unstructuredName"},
	{"1.2.840.113549.1.9.7", "challengePassword"},
	{"1.2.840.113549.1.9.8", "unstructuredAddress"},
	{"1.2.840.113549.1.9.14", "extensionRequest"},
	{"1.3.6.1.4.1.311.2.1.14", "msExtensionRequest"},
	{"1.3.6.1.4.1.311.60.2.1.1", "jurisdictionLocalityName"},
	{"1.3.6.1.4.1.311.60.2.1.2", "jurisdictionStateOrProvinceName"},
	{"1.3.6.1.4.1.311.60.2.1.3", "jurisdictionCountryName"},
	// Extensions: RFC 5280, 4.2 and 5.2; RFC 6962; RFC 7633; RFC 3820; RFC 3739; RFC 6960.
	{"2.5.29.9", "subjectDirectoryAttributes"},
	{"2.5.29.14", "subjectKeyIdentifier"},
	{"2.5.29.15", "keyUsage"},
	{"2.5.29.16", "privateKeyUsagePeriod"},
	{"2.5.29.17", "subjectAltName"},
	{"2.5.29.18", "issuerAltName"},
	{"2.5.29.19", "basicConstraints"},
	{"2.5.29.20", "cRLNumber"},
	{"2.5.29.21", "reasonCode"},
	{"2.5.29.23", "holdInstructionCode"},
	{"2.5.29.24", "invalidityDate"},
	{"2.5.29.27", "deltaCRLIndicator"},
	{"2.5.29.28", "issuingDistributionPoint"},
	{"2.5.29.29", "certificateIssuer"},
	{"2.5.29.30", "nameConstraints"},
	{"2.5.29.31", "cRLDistributionPoints"},
	{"2.5.29.32", "certificatePolicies"},
	{"2.5.29.32.0", "anyPolicy"},
	{"2.5.29.33", "policyMappings"},
	{"2.5.29.35", "authorityKeyIdentifier"},
	{"2.5.29.36", "policyConstraints"},
	{"2.5.29.37", "extKeyUsage"},
	{"2.5.29.37.0", "anyExtendedKeyUsage"},
	{"2.5.29.46", "freshestCRL"},
	{"2.5.29.54", "inhibitAnyPolicy"},
	{"1.3.6.1.5.5.7.1.1", "authorityInfoAccess"},
	{"1.3.6.1.5.5.7.1.3", "qcStatements"},
	{"1.3.6.1.5.5.7.1.11", "subjectInfoAccess"},
	{"1.3.6.1.5.5.7.1.14", "proxyCertInfo"},
	{"1.3.6.1.5.5.7.1.24", "tlsFeature"},
	{"1.3.6.1.5.5.7.48.1.5", "ocspNoCheck"},
	{"1.3.6.1.4.1.11129.2.4.2", "signedCertificateTimestamps"},
	{"1.3.6.1.4.1.11129.2.4.3", "ctPoison"},
	{"1.3.6.1.4.1.311.20.2", "msCertificateTemplateName"},
	{"1.3.6.1.4.1.311.21.1", "msCAVersion"},
	{"1.3.6.1.4.1.311.21.7", "msCertificateTemplate"},
	{"1.3.6.1.4.1.311.21.10", "msApplicationPolicies"},
	{"2.16.840.1.113730.1.1", "netscapeCertType"},
	{"2.16.840.1.113730.1.13", "netscapeComment"},
	// Extended key usages: RFC 5280, 4.2.1.12 and others.
	{"1.3.6.1.5.5.7.3.1", "serverAuth"},
	{"1.3.6.1.5.5.7.3.2", "clientAuth"},
	{"1.3.6.1.5.5.7.3.3", "codeSigning"},
	{"1.3.6.1.5.5.7.3.4", "emailProtection"},
	{"1.3.6.1.5.5.7.3.5", "ipsecEndSystem"},
	{"1.3.6.1.5.5.7.3.6", "ipsecTunnel"},
	{"1.3.6.1.5.5.7.3.7", "ipsecUser"},
	{"1.3.6.1.5.5.7.3.8", "timeStamping"},
	{"1.3.6.1.5.5.7.3.9", "OCSPSigning"},
	{"1.3.6.1.5.5.7.3.17", "ipsecIKE"},
	{"1.3.6.1.5.5.7.3.21", "sshClient"},
	{"1.3.6.1.5.5.7.3.36", "documentSigning"},
	{"1.3.6.1.5.2.3.4", "pkinitClientAuth"},
	{"1.3.6.1.5.2.3.5", "pkinitKDC"},
	{"1.3.6.1.4.1.311.10.3.3", "msSGC"},
	{"1.3.6.1.4.1.311.10.3.4", "msEncryptingFileSystem"},
	{"1.3.6.1.4.1.311.10.3.12", "msDocumentSigning"},
	{"1.3.6.1.4.1.311.20.2.2", "msSmartcardLogon"},
	{"2.16.840.1.113730.4.1", "nsSGC"},
	// Access methods, policy qualifiers, other names.
	{"1.3.6.1.5.5.7.48.1", "OCSP"},
	{"1.3.6.1.5.5.7.48.2", "caIssuers"},
	{"1.3.6.1.5.5.7.48.3", "timeStampingService"},
	{"1.3.6.1.5.5.7.48.5", "caRepository"},
	{"1.3.6.1.5.5.7.2.1", "CPS"},
	{"1.3.6.1.5.5.7.2.2", "userNotice"},
	{"1.3.6.1.5.5.7.8.7", "SRVName"},
	{"1.3.6.1.5.5.7.8.9", "SmtpUTF8Mailbox"},
	{"1.3.6.1.4.1.311.20.2.3", "userPrincipalName"},
	{"2.23.140.1.1", "extended validation"},
	{"2.23.140.1.2.1", "domain validated"},
	{"2.23.140.1.2.2", "organization validated"},
	{"2.23.140.1.2.3", "individual validated"},
	// Public key algorithms.
	{"1.2.840.113549.1.1.1", "rsaEncryption"},
	{"1.2.840.113549.1.1.7", "RSAES-OAEP"},
	{"1.2.840.113549.1.1.8", "MGF1"},
	{"1.2.840.113549.1.1.10", "RSASSA-PSS"},
	{"1.2.840.10040.4.1", "DSA"},
	{"1.2.840.10046.2.1", "dhPublicNumber"},
	{"1.2.840.113549.1.3.1", "dhKeyAgreement"},
	{"1.2.840.10045.2.1", "ecPublicKey"},
	{"1.2.840.10045.3.1.7", "P-256"},
	{"1.3.132.0.34", "P-384"},
	{"1.3.132.0.35", "P-521"},
	{"1.3.132.0.10", "secp256k1"},
	{"1.3.101.110", "X25519"},
	{"1.3.101.111", "X448"},
	{"1.3.101.112", "Ed25519"},
	{"1.3.101.113", "Ed448"},
	{"2.16.840.1.101.3.4.3.17", "ML-DSA-44"},
	{"2.16.840.1.101.3.4.3.18", "ML-DSA-65"},
	{"2.16.840.1.101.3.4.3.19", "ML-DSA-87"},
	{"2.16.840.1.101.3.4.4.1", "ML-KEM-512"},
	{"2.16.840.1.101.3.4.4.2", "ML-KEM-768"},
	{"2.16.840.1.101.3.4.4.3", "ML-KEM-1024"},
	// Signature algorithms: RFC 3279, 4055, 5758, 8410, 8692, 9814, 9881; NIST CSOR.
	{"1.2.840.113549.1.1.2", "md2WithRSAEncryption"},
	{"1.2.840.113549.1.1.4", "md5WithRSAEncryption"},
	{"1.2.840.113549.1.1.5", "sha1WithRSAEncryption"},
	{"1.3.14.3.2.29", "sha1WithRSASignature"},
	{"1.2.840.113549.1.1.14", "sha224WithRSAEncryption"},
	{"1.2.840.113549.1.1.11", "sha256WithRSAEncryption"},
	{"1.2.840.113549.1.1.12", "sha384WithRSAEncryption"},
	{"1.2.840.113549.1.1.13", "sha512WithRSAEncryption"},
	{"1.2.840.113549.1.1.15", "sha512-224WithRSAEncryption"},
	{"1.2.840.113549.1.1.16", "sha512-256WithRSAEncryption"},
	{"2.16.840.1.101.3.4.3.13", "rsassa-pkcs1-v1_5-with-sha3-224"},
	{"2.16.840.1.101.3.4.3.14", "rsassa-pkcs1-v1_5-with-sha3-256"},
	{"2.16.840.1.101.3.4.3.15", "rsassa-pkcs1-v1_5-with-sha3-384"},
	{"2.16.840.1.101.3.4.3.16", "rsassa-pkcs1-v1_5-with-sha3-512"},
	{"1.3.6.1.5.5.7.6.30", "RSASSA-PSS-SHAKE128"},
	{"1.3.6.1.5.5.7.6.31", "RSASSA-PSS-SHAKE256"},
	{"1.3.6.1.5.5.7.6.32", "ecdsa-with-shake128"},
	{"1.3.6.1.5.5.7.6.33", "ecdsa-with-shake256"},
	{"1.2.840.10040.4.3", "dsa-with-sha1"},
	{"2.16.840.1.101.3.4.3.1", "dsa-with-sha224"},
	{"2.16.840.1.101.3.4.3.2", "dsa-with-sha256"},
	{"2.16.840.1.101.3.4.3.3", "dsa-with-sha384"},
	{"2.16.840.1.101.3.4.3.4", "dsa-with-sha512"},
	{"1.2.840.10045.4.1", "ecdsa-with-SHA1"},
	{"1.2.840.10045.4.3.1", "ecdsa-with-SHA224"},
	{"1.2.840.10045.4.3.2", "ecdsa-with-SHA256"},
	{"1.2.840.10045.4.3.3", "ecdsa-with-SHA384"},
	{"1.2.840.10045.4.3.4", "ecdsa-with-SHA512"},
	{"2.16.840.1.101.3.4.3.9", "ecdsa-with-sha3-224"},
	{"2.16.840.1.101.3.4.3.10", "ecdsa-with-sha3-256"},
	{"2.16.840.1.101.3.4.3.11", "ecdsa-with-sha3-384"},
	{"2.16.840.1.101.3.4.3.12", "ecdsa-with-sha3-512"},
	// Digests.
	{"1.2.840.113549.2.5", "MD5"},
	{"1.3.14.3.2.26", "SHA-1"},
	{"2.16.840.1.101.3.4.2.4", "SHA-224"},
	{"2.16.840.1.101.3.4.2.1", "SHA-256"},
	{"2.16.840.1.101.3.4.2.2", "SHA-384"},
	{"2.16.840.1.101.3.4.2.3", "SHA-512"},
	{"2.16.840.1.101.3.4.2.5", "SHA-512/224"},
	{"2.16.840.1.101.3.4.2.6", "SHA-512/256"},
	{"2.16.840.1.101.3.4.2.7", "SHA3-224"},
	{"2.16.840.1.101.3.4.2.8", "SHA3-256"},
	{"2.16.840.1.101.3.4.2.9", "SHA3-384"},
	{"2.16.840.1.101.3.4.2.10", "SHA3-512"},
}
