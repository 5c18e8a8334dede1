package cert

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"certkdb/pki/key"
	"certkdb/pki/name"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxSerial is the longest serial number of RFC 5280, 4.1.2.2, in bytes.
const maxSerial = 20

// Warning says what is odd about the certificate, above all why crypto/x509 and programs built on it cannot use it;
// "" if nothing is. The rules are those of Go 1.27's parser, checked here without parsing again; the one that costs a
// computation, whether an elliptic curve point lies on its curve, is left to those who use the key.
func (c *Certificate) Warning() string {
	w := warnings(slices.Clone(c.oddities))
	for _, m := range c.malformed {
		w.addf("the extension %s cannot be decoded: %v", oid.Name(m.ID), m.Err)
	}
	w.checkHead(c)
	w.checkKey(c.spki)
	w.checkName("subject", c.Subject)
	w.checkName("issuer", c.Issuer)
	for i := range c.Extensions {
		w.checkExtension(c, &c.Extensions[i])
	}
	return strings.Join(w, "; ")
}

type warnings []string

func (w *warnings) addf(format string, args ...any) {
	*w = append(*w, fmt.Sprintf(format, args...))
}

func (w *warnings) checkHead(c *Certificate) {
	if !bytes.Equal(c.SignatureAlgorithm.Raw, c.TBSSignatureAlgorithm.Raw) {
		w.addf("the inner and outer signature algorithms differ")
	}
	if c.Version < 1 || c.Version > 3 {
		w.addf("unknown certificate version %d", c.Version)
	}
	if c.Version < 3 && len(c.Extensions) > 0 {
		w.addf("a version %d certificate has extensions", c.Version)
	}
	if c.Serial.Sign() < 0 {
		w.addf("the serial number is negative")
	}
	if c.Serial.BitLen() > 8*maxSerial {
		w.addf("the serial number has more than %d bytes", maxSerial)
	}
	if hasBigArc(c.SignatureAlgorithm.OID) {
		w.addf("the signature algorithm's identifier has an arc above 2^31")
	}
}

// hasBigArc tells identifiers that encoding/asn1 and cryptobyte do not read.
func hasBigArc(dotted string) bool {
	const limit = "2147483647"
	for start := 0; start < len(dotted); {
		end := start
		for end < len(dotted) && dotted[end] != '.' {
			end++
		}
		if n := end - start; n > len(limit) || n == len(limit) && dotted[start:end] > limit {
			return true
		}
		start = end + 1
	}
	return false
}

// checkKey looks for what Go's reader of SubjectPublicKeyInfo refuses.
func (w *warnings) checkKey(spki key.SPKI) {
	if spki.Unaligned {
		w.addf("the public key is not a whole number of bytes")
	}
	algorithm, bits := spki.Algorithm, spki.Bits
	switch algorithm.OID {
	case oid.RSA:
		if !bytes.Equal(algorithm.Params, []byte{5, 0}) {
			w.addf("the RSA key's algorithm has no NULL parameters")
		}
		w.checkRSA(bits)
	case oid.EC:
		w.checkEC(algorithm.Params, bits)
	case oid.DSA:
		w.checkDSA(algorithm.Params, bits)
	default:
		w.checkFixedKey(algorithm, bits)
	}
}

func (w *warnings) checkRSA(key cryptobyte.String) {
	var seq, modulus, exponent cryptobyte.String
	if !key.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&modulus, asn1.INTEGER) || !seq.ReadASN1(&exponent, asn1.INTEGER) {
		w.addf("the RSA key is not a modulus and an exponent")
		return
	}
	if !isPositive(modulus) || !isPositive(exponent) {
		w.addf("the RSA modulus or exponent is not a positive number")
	}
	if len(exponent) > 8 {
		w.addf("the RSA exponent has more than 64 bits")
	}
}

// isPositive tells a minimal INTEGER above zero by its content.
func isPositive(content []byte) bool {
	switch {
	case len(content) == 0 || content[0]&0x80 != 0:
		return false
	case len(content) == 1:
		return content[0] != 0
	}
	return content[0] != 0 || content[1]&0x80 != 0
}

// curveSizes are the coordinate lengths of the curves that crypto/ecdsa knows, by the DER of their identifier.
var curveSizes = sync.OnceValue(func() map[string]int {
	return map[string]int{
		"\x06\x05\x2b\x81\x04\x00\x21":             28,
		"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07": 32,
		"\x06\x05\x2b\x81\x04\x00\x22":             48,
		"\x06\x05\x2b\x81\x04\x00\x23":             66,
	}
})

func (w *warnings) checkEC(params, key []byte) {
	size, known := curveSizes()[string(params)]
	switch {
	case len(params) == 0 || params[0] != 6:
		w.addf("the elliptic curve is given by explicit parameters or not at all")
	case !known:
		w.addf("crypto/x509 does not know the elliptic curve")
	case len(key) != 1+2*size || key[0] != 4:
		w.addf("the elliptic curve point is compressed or malformed")
	}
}

func (w *warnings) checkDSA(params, key cryptobyte.String) {
	var seq, number cryptobyte.String
	ok := key.ReadASN1(&number, asn1.INTEGER) && isPositive(number) && params.ReadASN1(&seq, asn1.SEQUENCE)
	for range 3 {
		ok = ok && seq.ReadASN1(&number, asn1.INTEGER) && isPositive(number)
	}
	if !ok {
		w.addf("the DSA key or its parameters are missing or malformed")
	}
}

// fixedSizes are the lengths of the keys that have only one (RFC 8410, RFC 9881).
var fixedSizes = sync.OnceValue(func() map[string]int {
	return map[string]int{
		oid.Ed25519: 32, oid.X25519: 32, oid.MLDSA44: 1312, oid.MLDSA65: 1952, oid.MLDSA87: 2592,
	}
})

func (w *warnings) checkFixedKey(algorithm oid.Algorithm, key []byte) {
	size, ok := fixedSizes()[algorithm.OID]
	if !ok {
		if hasBigArc(algorithm.OID) {
			w.addf("the key algorithm's identifier has an arc above 2^31")
		}
		return
	}
	if algorithm.Params != nil {
		w.addf("the %s key's algorithm has parameters", algorithm.Name)
	}
	if len(key) != size {
		w.addf("the %s key has %d bytes instead of %d", algorithm.Name, len(key), size)
	}
}

func (w *warnings) checkName(which string, n name.Name) {
	for _, rdn := range n.RDNs {
		for i := range rdn {
			if problem := OddAttribute(rdn[i]); problem != "" {
				w.addf("the %s's %s %s", which, name.ShortName(rdn[i].Type), problem)
			}
		}
	}
}

// OddAttribute says why crypto/x509 does not read an attribute of a name, or "".
func OddAttribute(a name.Attribute) string {
	if hasBigArc(a.Type) {
		return "has an arc above 2^31"
	}
	ok := true
	switch a.Tag {
	case name.TagPrintableString:
		ok = allBytes(a.Value, isGoPrintable)
	case name.TagUTF8String:
		ok = utf8.ValidString(a.Value)
	case name.TagIA5String:
		ok = allBytes(a.Value, func(c byte) bool { return c < utf8.RuneSelf })
	case name.TagNumericString:
		ok = allBytes(a.Value, func(c byte) bool { return c == ' ' || c >= '0' && c <= '9' })
	case name.TagBMPString:
		// Replacement characters stand for surrogates that form no pair; above the BMP stood a pair.
		ok = a.IsText() && !strings.ContainsFunc(a.Value, isNonBMP)
	case name.TagT61String:
	default:
		return fmt.Sprintf("is of the unusual type %d", a.Tag)
	}
	if !ok {
		return "has characters that its string type does not have"
	}
	return ""
}

func isNonBMP(r rune) bool {
	return r > 0xffff || r == utf8.RuneError || r == 0xfffe || r == 0xffff || r >= 0xfdd0 && r <= 0xfdef
}

func allBytes(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// isGoPrintable is PrintableString's alphabet with the two characters that crypto/x509 tolerates in it.
func isGoPrintable(c byte) bool {
	switch {
	case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '\'' && c <= ':', c == ' ', c == '=', c == '?', c == '&':
		return true // from the apostrophe to the colon lie ()*+,-./ and the digits, all allowed
	}
	return false
}

func (w *warnings) checkExtension(c *Certificate, e *Extension) {
	if hasBigArc(e.ID) {
		w.addf("the extension %s has an arc above 2^31", e.ID)
	}
	if e.BadFlag {
		w.addf("the extension %s has a critical flag that is not DER", oid.Name(e.ID))
	}
	switch e.ID {
	case IDSubjectKeyID, IDAuthorityKeyID, IDAuthorityInfoAccess:
		if e.Critical {
			w.addf("the extension %s is marked critical", oid.Name(e.ID))
		}
	}
	if err := checkValue(c, e); err != nil {
		w.addf("the extension %s: %v", oid.Name(e.ID), err)
	}
}

// checkValue decodes what [Parse] did not, and looks closer at what it did.
func checkValue(c *Certificate, e *Extension) error {
	var err error
	switch e.ID {
	case IDSubjectAltName:
		return oddNames(c.SAN)
	case IDKeyUsage:
		if !isDERBits(e.Value) {
			return errOdd("the unused bits are not zero")
		}
	case IDBasicConstraints:
		if len(e.Value) > 4 && e.Value[2] == 1 && e.Value[4] != 0xff && e.Value[4] != 0 {
			return errOdd("the CA flag is not DER")
		}
	case IDExtendedKeyUsage:
		if slices.ContainsFunc(c.ExtKeyUsage, hasBigArc) {
			return errOdd("a usage has an arc above 2^31")
		}
	case IDNameConstraints:
		return oddConstraints(e.Value)
	case IDCertificatePolicies:
		_, err = ParsePolicies(e.Value)
	case IDPolicyMappings:
		_, err = ParsePolicyMappings(e.Value)
	case IDPolicyConstraints:
		var pc PolicyConstraints
		pc, err = ParsePolicyConstraints(e.Value)
		if err == nil && len(e.Value) > 18 && pc.InhibitMapping != 0 {
			return errOdd("a number has more than 64 bits")
		}
	case IDInhibitAnyPolicy:
		_, err = ParseInhibitAnyPolicy(e.Value)
		if err == nil && len(e.Value) > 10 {
			return errOdd("the number has more than 64 bits")
		}
	case IDCRLDistributionPoints:
		_, err = ParseDistributionPoints(e.Value)
	case IDAuthorityInfoAccess:
		_, err = ParseAccess(e.Value)
	}
	return err
}

type errOdd string

// Error returns the text.
func (e errOdd) Error() string { return string(e) }

// isDERBits tells a BIT STRING whose unused bits are zero (X.690, 11.2.1). Parse has checked the rest.
func isDERBits(der []byte) bool {
	if len(der) < 4 {
		return true
	}
	return der[len(der)-1]&(1<<der[2]-1) == 0
}

// oddNames finds subject alternative names that crypto/x509 refuses.
func oddNames(list SAN) error {
	for _, n := range list {
		switch n.Type {
		case RFC822Name, DNSName, URIName:
			text := string(n.Value)
			if !allBytes(text, func(c byte) bool { return c < utf8.RuneSelf }) {
				return errOdd(fmt.Sprintf("the name %s is not ASCII", n))
			}
			if n.Type == URIName && !isGoURI(text) {
				return errOdd(fmt.Sprintf("the name %s is not a URI", n))
			}
			if n.Type == DNSName && !isDomain(text, false) {
				return errOdd(fmt.Sprintf("the name %s is not a host name", n))
			}
		case IPAddress:
			if len(n.Value) != 4 && (len(n.Value) != 16 || isMapped(n.Value)) {
				return errOdd(fmt.Sprintf("the name %s is not an IP address", n))
			}
		}
	}
	return nil
}

func isGoURI(text string) bool {
	u, err := url.Parse(text)
	return err == nil && isDomain(u.Host, false)
}

// isMapped tells an IPv4-mapped IPv6 address.
func isMapped(ip []byte) bool {
	return binary.BigEndian.Uint64(ip) == 0 && ip[8] == 0 && ip[9] == 0 && ip[10] == 0xff && ip[11] == 0xff
}

// isDomain is the loose idea of a domain name that crypto/x509 has; a constraint may begin with a period.
func isDomain(s string, constraint bool) bool {
	if s == "" {
		return true
	}
	if constraint {
		s = strings.TrimPrefix(s, ".")
	}
	return !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") && !strings.Contains(s, "..") && s != "" &&
		allBytes(s, func(c byte) bool { return c > ' ' && c < 0x7f })
}

// oddConstraints finds name constraints that crypto/x509 refuses.
func oddConstraints(der []byte) error {
	nc, err := ParseNameConstraints(der)
	if err != nil {
		return err
	}
	for _, n := range slices.Concat(nc.Permitted, nc.Excluded) {
		text, ok := string(n.Value), true
		switch n.Type {
		case DNSName, URIName:
			ok = isDomain(text, true)
		case RFC822Name:
			local, domain, isMailbox := strings.Cut(text, "@")
			ok = !isMailbox && isDomain(text, true) || isMailbox && local != "" && isDomain(domain, false)
		case IPAddress:
			half := len(n.Value) / 2
			ok = (half == 4 || half == 16) && len(n.Value)%2 == 0
			if ok {
				_, ok = prefixLength(n.Value[half:])
				ok = ok && (half == 4 || !isMapped(n.Value))
			}
		}
		if !ok {
			return errOdd(fmt.Sprintf("the constraint %s is malformed", n))
		}
	}
	return nil
}
