package issue

import (
	"encoding/hex"
	"fmt"
	"strings"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// MustStaple is the extension by which clients insist on a stapled OCSP response (RFC 7633): the TLS feature status_request, 5.
func MustStaple() cert.Extension {
	return cert.Extension{ID: cert.IDTLSFeature, Value: []byte{0x30, 3, 2, 1, 5}}
}

// ParseExtension reads an extension written OID=VALUE, which is critical with "critical," before the value or ",critical" after it. The
// value is DER:HEX, UTF8:TEXT, IA5:TEXT or NULL. Extensions that are made of other parameters are refused, and so are those of CT logs.
func ParseExtension(text string) (cert.Extension, error) {
	id, value, ok := strings.Cut(text, "=")
	e := cert.Extension{ID: strings.TrimSpace(id)}
	if _, err := oid.Encode(e.ID); !ok || err != nil {
		return e, fmt.Errorf("%w: the extension %q is not a dotted identifier, = and a value, such as 1.3.6.1.4.1.311.20.2=UTF8:text",
			pki.ErrArgument, text)
	}
	if isMade(e.ID) {
		return e, fmt.Errorf("%w: the extension %s is made from other options", pki.ErrArgument, oid.Name(e.ID))
	}
	rest, before := strings.CutPrefix(value, "critical,")
	rest, after := strings.CutSuffix(rest, ",critical")
	e.Critical = before || after
	var err error
	if e.Value, err = parseValue(rest); err != nil {
		return e, fmt.Errorf("%w: the extension %s: %w", pki.ErrArgument, e.ID, err)
	}
	return e, nil
}

// isMade tells the extensions that a request's parameters, the issuer or a log decide.
func isMade(id string) bool {
	switch id {
	case cert.IDBasicConstraints, cert.IDKeyUsage, cert.IDExtendedKeyUsage, cert.IDSubjectAltName, cert.IDSubjectKeyID, cert.IDAuthorityKeyID,
		cert.IDNameConstraints, cert.IDCertificatePolicies, cert.IDCRLDistributionPoints, cert.IDAuthorityInfoAccess, cert.IDSCTList,
		cert.IDCTPoison:
		return true
	}
	return false
}

// parseValue makes one piece of DER.
func parseValue(text string) ([]byte, error) {
	kind, value, _ := strings.Cut(text, ":")
	var b cryptobyte.Builder
	switch strings.ToUpper(kind) {
	case "NULL":
		return []byte{5, 0}, nil
	case "UTF8":
		b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
		return b.Bytes()
	case "IA5":
		if !isASCII(value) {
			return nil, fmt.Errorf("an IA5 string is ASCII, and %q is not", value)
		}
		b.AddASN1(asn1.IA5String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
		return b.Bytes()
	case "DER":
		der, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(value))
		if err != nil {
			return nil, fmt.Errorf("%q is not hexadecimal", value)
		}
		in := cryptobyte.String(der)
		var element cryptobyte.String
		var tag asn1.Tag
		if !in.ReadAnyASN1Element(&element, &tag) || !in.Empty() {
			return nil, fmt.Errorf("%q is not one piece of DER", value)
		}
		return der, nil
	}
	return nil, fmt.Errorf("the value %q does not begin with DER:, UTF8: or IA5:, and is not NULL", text)
}

// otherSAN reads an other name (RFC 5280, 4.2.1.6): OID;VALUE as openssl writes it, or OID=TEXT as listings do.
func otherSAN(text string) (cert.GeneralName, error) {
	at := strings.IndexAny(text, ";=")
	if at < 0 {
		return cert.GeneralName{}, fmt.Errorf("%w: the other name %q is not an identifier and a value, such as 1.3.6.1.5.5.7.8.7;IA5:text",
			pki.ErrArgument, text)
	}
	value := text[at+1:]
	if text[at] == '=' && !strings.Contains(value, ":") {
		value = "UTF8:" + value
	}
	der, err := parseValue(value)
	if err != nil {
		return cert.GeneralName{}, fmt.Errorf("%w: the other name %q: %w", pki.ErrArgument, text, err)
	}
	return otherName(strings.TrimSpace(text[:at]), der)
}

// upnSAN is a user principal name, by which Windows finds the account of a smart card: an other name with UTF-8 text.
func upnSAN(text string) (cert.GeneralName, error) {
	text = strings.TrimSpace(text)
	if user, domain, ok := strings.Cut(text, "@"); !ok || user == "" || domain == "" || strings.ContainsFunc(text, isControl) {
		return cert.GeneralName{}, fmt.Errorf("%w: %q is not a user principal name, such as alice@example.com", pki.ErrArgument, text)
	}
	der, err := parseValue("UTF8:" + text)
	if err != nil {
		return cert.GeneralName{}, err
	}
	return otherName(oid.UserPrincipalName, der)
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

func otherName(id string, value []byte) (cert.GeneralName, error) {
	content, err := oid.Encode(id)
	if err != nil {
		return cert.GeneralName{}, fmt.Errorf("%w: %w", pki.ErrArgument, err)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(content) })
	b.AddASN1(asn1.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(value) })
	der, err := b.Bytes()
	return cert.GeneralName{Type: cert.OtherName, Value: der}, err
}
