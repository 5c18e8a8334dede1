package cert

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"certkdb/pki/name"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Line is one line of a description for people.
type Line struct {
	Name, Value string
	Critical    bool // the extension is marked critical
}

// Describe decodes the extensions into readable lines, in the certificate's order.
func (c *Certificate) Describe() []Line { return DescribeExtensions(c.Extensions) }

// DescribeExtensions is [Certificate.Describe] for the extensions of a request or CRL.
func DescribeExtensions(list []Extension) []Line {
	lines := make([]Line, 0, len(list))
	for _, e := range list {
		lines = append(lines, Line{Name: oid.Name(e.ID), Value: describeValue(e), Critical: e.Critical})
	}
	return lines
}

// describeValue falls back to hexadecimal for unknown and undecodable extensions.
func describeValue(e Extension) string {
	text, err := decodeText(e.ID, e.Value)
	if err != nil {
		return "#" + hex.EncodeToString(e.Value) + " (" + err.Error() + ")"
	}
	if text == "" {
		return "#" + hex.EncodeToString(e.Value)
	}
	return text
}

func decodeText(id string, value []byte) (string, error) {
	switch id {
	case IDKeyUsage:
		usage, err := readKeyUsage(value)
		return usage.String(), err
	case IDExtendedKeyUsage:
		list, err := readOIDs(value)
		return joinNames(list), err
	case IDBasicConstraints:
		return basicConstraintsText(value)
	case IDSubjectKeyID:
		id, err := readOctets(value)
		return hex.EncodeToString(id), err
	case IDAuthorityKeyID:
		return authorityKeyIDText(value)
	case IDSubjectAltName, IDIssuerAltName, IDCertificateIssuer:
		names, err := ParseGeneralNames(value)
		return names.String(), err
	case IDNameConstraints:
		return constraintsText(value)
	case IDCRLDistributionPoints, IDFreshestCRL:
		return distributionPointsText(value)
	case IDAuthorityInfoAccess, IDSubjectInfoAccess:
		return accessText(value)
	case IDCRLNumber, IDDeltaCRLIndicator:
		n, err := readInteger(value)
		return n.String(), err
	case IDTLSFeature:
		return tlsFeatureText(value)
	case IDSCTList:
		return sctText(value)
	case IDCTPoison:
		return "precertificate", nil
	}
	return policyText(id, value)
}

func policyText(id string, value []byte) (string, error) {
	switch id {
	case IDCertificatePolicies:
		return policiesText(value)
	case IDPolicyMappings:
		mappings, err := ParsePolicyMappings(value)
		parts := make([]string, len(mappings))
		for i, m := range mappings {
			parts[i] = m.Issuer + " = " + m.Subject
		}
		return strings.Join(parts, ", "), err
	case IDPolicyConstraints:
		pc, err := ParsePolicyConstraints(value)
		return policyConstraintsText(pc), err
	case IDInhibitAnyPolicy:
		n, err := ParseInhibitAnyPolicy(value)
		return fmt.Sprintf("after %d certificates", n), err
	}
	return "", nil
}

func joinNames(list []string) string {
	names := make([]string, len(list))
	for i, id := range list {
		names[i] = oid.Name(id)
	}
	return strings.Join(names, ", ")
}

// String lists the names as kind:value, separated by commas.
func (s SAN) String() string {
	parts := make([]string, len(s))
	for i, n := range s {
		parts[i] = n.String()
	}
	return strings.Join(parts, ", ")
}

func basicConstraintsText(value []byte) (string, error) {
	isCA, length, err := readBasicConstraints(value)
	switch {
	case err != nil:
		return "", err
	case !isCA:
		return "no CA", nil
	case length < 0:
		return "CA", nil
	}
	return fmt.Sprintf("CA, at most %d further CAs", length), nil
}

func authorityKeyIDText(value []byte) (string, error) {
	id, err := ParseAuthorityKeyID(value)
	if err != nil {
		return "", err
	}
	var parts []string
	if id.KeyID != nil {
		parts = append(parts, hex.EncodeToString(id.KeyID))
	}
	if id.Issuer != nil {
		parts = append(parts, "issuer "+id.Issuer.String())
	}
	if id.Serial != nil {
		parts = append(parts, "serial "+serialHex(id.Serial))
	}
	return strings.Join(parts, ", "), nil
}

func constraintsText(value []byte) (string, error) {
	nc, err := ParseNameConstraints(value)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, n := range nc.Permitted {
		parts = append(parts, "permitted "+n.String())
	}
	for _, n := range nc.Excluded {
		parts = append(parts, "excluded "+n.String())
	}
	return strings.Join(parts, ", "), nil
}

func policiesText(value []byte) (string, error) {
	policies, err := ParsePolicies(value)
	if err != nil {
		return "", err
	}
	parts := make([]string, len(policies))
	for i, p := range policies {
		parts[i] = p.ID
		if name := oid.Name(p.ID); name != p.ID {
			parts[i] += " (" + name + ")"
		}
		for _, q := range p.Qualifiers {
			if q.ID == QualifierCPS {
				parts[i] += " " + otherText(q.Value)
			}
		}
	}
	return strings.Join(parts, ", "), nil
}

func policyConstraintsText(pc PolicyConstraints) string {
	var parts []string
	if pc.RequireExplicit >= 0 {
		parts = append(parts, fmt.Sprintf("explicit policy after %d certificates", pc.RequireExplicit))
	}
	if pc.InhibitMapping >= 0 {
		parts = append(parts, fmt.Sprintf("no mapping after %d certificates", pc.InhibitMapping))
	}
	return strings.Join(parts, ", ")
}

func distributionPointsText(value []byte) (string, error) {
	points, err := ParseDistributionPoints(value)
	if err != nil {
		return "", err
	}
	parts := make([]string, len(points))
	for i, p := range points {
		parts[i] = p.String()
	}
	return strings.Join(parts, ", "), nil
}

// String writes the point's names, its CRL issuer and its reasons if they are not all.
func (p DistributionPoint) String() string {
	var parts []string
	if p.Name != nil {
		parts = append(parts, p.Name.String())
	}
	if p.CRLIssuer != nil {
		parts = append(parts, "CRL issuer "+p.CRLIssuer.String())
	}
	if p.Reasons != AllReasons {
		parts = append(parts, fmt.Sprintf("reasons %#03x", uint16(p.Reasons)))
	}
	return strings.Join(parts, " ")
}

// String writes the names; a relative one as its RDN.
func (d *DistributionName) String() string {
	if d.Relative == nil {
		return d.Full.String()
	}
	rdn, err := d.RDN()
	if err != nil {
		return "relative #" + hex.EncodeToString(d.Relative)
	}
	return "relative " + name.Name{RDNs: []name.RDN{rdn}}.String()
}

func accessText(value []byte) (string, error) {
	list, err := ParseAccess(value)
	if err != nil {
		return "", err
	}
	parts := make([]string, len(list))
	for i, a := range list {
		parts[i] = oid.Name(a.Method) + " " + a.Location.String()
	}
	return strings.Join(parts, ", "), nil
}

// tlsFeatureText reads Features ::= SEQUENCE OF INTEGER (RFC 7633); 5 is status_request, "must staple".
func tlsFeatureText(value cryptobyte.String) (string, error) {
	features, err := readTLSFeatures(value)
	var parts []string
	for _, n := range features {
		if n == statusRequest {
			parts = append(parts, "status_request")
		} else {
			parts = append(parts, fmt.Sprint(n))
		}
	}
	return strings.Join(parts, ", "), err
}

// statusRequest is the TLS feature by which a client asks for a stapled OCSP response (RFC 6066, 8).
const statusRequest = 5

// readTLSFeatures reads the value of a TLS feature extension (RFC 7633, 4).
func readTLSFeatures(value cryptobyte.String) (features []int64, err error) {
	var seq cryptobyte.String
	if !value.ReadASN1(&seq, asn1.SEQUENCE) || !value.Empty() {
		return nil, errOdd("it is not a SEQUENCE")
	}
	for !seq.Empty() {
		var n int64
		if !seq.ReadASN1Integer(&n) {
			return nil, errOdd("a feature is not an INTEGER")
		}
		features = append(features, n)
	}
	return features, nil
}

// MustStaple reports whether the certificate has clients insist on a stapled OCSP response (RFC 7633).
func (c *Certificate) MustStaple() bool {
	e := c.Extension(IDTLSFeature)
	if e == nil {
		return false
	}
	features, err := readTLSFeatures(e.Value)
	return err == nil && slices.Contains(features, statusRequest)
}

// CheckSCTList says why the value of a list of signed certificate timestamps is not one (RFC 6962, 3.3).
func CheckSCTList(value []byte) error {
	_, err := sctText(value)
	return err
}

// sctText counts the signed certificate timestamps (RFC 6962, 3.3).
func sctText(value cryptobyte.String) (string, error) {
	var outer, list cryptobyte.String
	if !value.ReadASN1(&outer, asn1.OCTET_STRING) || !outer.ReadUint16LengthPrefixed(&list) {
		return "", errOdd("it is not a list of timestamps")
	}
	count := 0
	for ; !list.Empty(); count++ {
		var one cryptobyte.String
		if !list.ReadUint16LengthPrefixed(&one) {
			return "", errOdd("a timestamp is cut short")
		}
	}
	return fmt.Sprintf("%d timestamps", count), nil
}

// TypeName is the usual name of an extension or another object identifier, or the identifier itself.
func TypeName(dotted string) string { return oid.Name(dotted) }
