package issue

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"strconv"
	"strings"

	"certkdb/pki"
	"certkdb/pki/oid"
)

// keyUsage names one bit, by RFC 5280, 4.2.1.3 and as cfssl does.
type keyUsage struct {
	name, cfssl string
	bit         x509.KeyUsage
}

func keyUsages() []keyUsage {
	return []keyUsage{
		{"digitalSignature", "digital signature", x509.KeyUsageDigitalSignature},
		{"contentCommitment", "content commitment", x509.KeyUsageContentCommitment},
		{"nonRepudiation", "non repudiation", x509.KeyUsageContentCommitment}, // its name until 2000
		{"keyEncipherment", "key encipherment", x509.KeyUsageKeyEncipherment},
		{"dataEncipherment", "data encipherment", x509.KeyUsageDataEncipherment},
		{"keyAgreement", "key agreement", x509.KeyUsageKeyAgreement},
		{"keyCertSign", "cert sign", x509.KeyUsageCertSign},
		{"cRLSign", "crl sign", x509.KeyUsageCRLSign},
		{"encipherOnly", "encipher only", x509.KeyUsageEncipherOnly},
		{"decipherOnly", "decipher only", x509.KeyUsageDecipherOnly},
	}
}

// KeyUsageNames returns the names of the key usages (RFC 5280, 4.2.1.3).
func KeyUsageNames() []string {
	var names []string
	for _, u := range keyUsages() {
		names = append(names, u.name)
	}
	return names
}

// parseKeyUsages takes the names of the standard and cfssl's, in any case.
func parseKeyUsages(names []string) (x509.KeyUsage, error) {
	var bits x509.KeyUsage
next:
	for _, n := range names {
		for _, u := range keyUsages() {
			if strings.EqualFold(n, u.name) || strings.EqualFold(n, u.cfssl) {
				bits |= u.bit
				continue next
			}
		}
		return 0, fmt.Errorf("%w: no key usage %q, there are %s", pki.ErrArgument, n, strings.Join(KeyUsageNames(), ", "))
	}
	return bits, nil
}

// extKeyUsage names a purpose, by RFC 5280, 4.2.1.12, as cfssl does and, if most certificates have it, by a short word.
type extKeyUsage struct{ name, cfssl, oid, word string }

// Purposes are the short words for the extended key usages that most certificates have.
func Purposes() []string {
	var words []string
	for _, u := range extKeyUsages() {
		if u.word != "" {
			words = append(words, u.word)
		}
	}
	return words
}

// PurposeNamed is the dotted identifier that one of [Purposes] or its long name, such as serverAuth, stands for, "" for another word.
func PurposeNamed(word string) string {
	for _, u := range extKeyUsages() {
		if u.word != "" && (strings.EqualFold(u.word, word) || strings.EqualFold(u.name, word)) {
			return u.oid
		}
	}
	return ""
}

func extKeyUsages() []extKeyUsage {
	return []extKeyUsage{
		{"serverAuth", "server auth", oid.ServerAuth, "server"},
		{"clientAuth", "client auth", oid.ClientAuth, "client"},
		{"codeSigning", "code signing", oid.CodeSigning, "code"},
		{"emailProtection", "email protection", oid.EmailProtection, "email"},
		{"timeStamping", "timestamping", oid.TimeStamping, "timestamp"},
		{"OCSPSigning", "ocsp signing", oid.OCSPSigning, "ocsp"},
		{"anyExtendedKeyUsage", "any", oid.AnyExtendedKeyUsage, "any"},
		{"SSLStepUpApproval", "netscape sgc", oid.NetscapeSGC, ""}, // Netscape's, which GSKit knows
		{"ipsecEndSystem", "ipsec end system", oid.IPsecEndSystem, ""},
		{"ipsecTunnel", "ipsec tunnel", oid.IPsecTunnel, ""},
		{"ipsecUser", "ipsec user", oid.IPsecUser, ""},
		{"ipsecIKE", "ipsec ike", oid.IPsecIKE, ""},
		{"documentSigning", "document signing", oid.DocumentSigning, ""}, // RFC 9336
		{"smartcardLogon", "smartcard logon", oid.MSSmartcardLogon, ""},
		{"pkInitKDC", "kdc", oid.PKINITKDC, ""}, // RFC 4556
	}
}

// ExtKeyUsageNames returns the names of the extended key usages that are known by name.
func ExtKeyUsageNames() []string {
	var names []string
	for _, u := range extKeyUsages() {
		names = append(names, u.name)
	}
	return names
}

// parseExtKeyUsages returns the dotted identifiers of purposes given by name or identifier.
func parseExtKeyUsages(names []string) ([]string, error) {
	var ids []string
next:
	for _, n := range names {
		for _, u := range extKeyUsages() {
			if strings.EqualFold(n, u.name) || strings.EqualFold(n, u.cfssl) {
				ids = append(ids, u.oid)
				continue next
			}
		}
		if id := PurposeNamed(n); id != "" {
			ids = append(ids, id)
			continue
		}
		if !oid.IsDotted(n) {
			return nil, fmt.Errorf("%w: no extended key usage %q, there are %s, the short words %s, and dotted identifiers", pki.ErrArgument, n,
				strings.Join(ExtKeyUsageNames(), ", "), strings.Join(Purposes(), ", "))
		}
		ids = append(ids, n)
	}
	return ids, nil
}

// parseOID reads a dotted identifier for encoding/asn1, whose arcs have 31 bits.
func parseOID(dotted string) (asn1.ObjectIdentifier, error) {
	var id asn1.ObjectIdentifier
	for _, arc := range strings.Split(dotted, ".") {
		n, err := strconv.ParseUint(arc, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%w: %q is not an object identifier", pki.ErrArgument, dotted)
		}
		id = append(id, int(n))
	}
	if len(id) < 2 || id[0] > 2 || id[0] < 2 && id[1] > 39 {
		return nil, fmt.Errorf("%w: %q is not an object identifier", pki.ErrArgument, dotted)
	}
	return id, nil
}
