package cert

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"certkdb/pki/name"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// AnyPolicy is the policy that stands for every other (RFC 5280, 4.2.1.4).
const AnyPolicy = oid.AnyPolicy

// Policy qualifiers that RFC 5280, 4.2.1.4 defines.
const (
	QualifierCPS        = oid.CPS
	QualifierUserNotice = oid.UserNotice
)

// Policy is one policy of the certificatePolicies extension.
type Policy struct {
	ID         string // dotted
	Qualifiers []Qualifier
}

// Qualifier is a policy qualifier: its dotted type and the DER of its value.
type Qualifier struct {
	ID    string
	Value []byte
}

// ParsePolicies reads the value of certificatePolicies. A policy that occurs twice is an error (RFC 5280, 4.2.1.4).
func ParsePolicies(der []byte) ([]Policy, error) {
	input := cryptobyte.String(der)
	var seq cryptobyte.String
	if !input.ReadASN1(&seq, asn1.SEQUENCE) || !input.Empty() || seq.Empty() {
		return nil, errors.New("reading certificate policies: not a SEQUENCE of policies")
	}
	list := make([]Policy, 0, 4)
	for !seq.Empty() {
		p, err := readPolicy(&seq)
		if err != nil {
			return nil, fmt.Errorf("reading certificate policy %d: %w", len(list)+1, err)
		}
		list = append(list, p)
	}
	if id := repeated(list); id != "" {
		return nil, fmt.Errorf("reading certificate policies: %s occurs twice", id)
	}
	return list, nil
}

// repeated finds a policy that occurs twice, "" if none does.
func repeated(list []Policy) string {
	if len(list) < 16 {
		for i := range list {
			for j := range i {
				if list[i].ID == list[j].ID {
					return list[i].ID
				}
			}
		}
		return ""
	}
	seen := make(map[string]bool, len(list))
	for i := range list {
		if seen[list[i].ID] {
			return list[i].ID
		}
		seen[list[i].ID] = true
	}
	return ""
}

func readPolicy(from *cryptobyte.String) (Policy, error) {
	var p Policy
	var seq, qualifiers cryptobyte.String
	var err error
	if !from.ReadASN1(&seq, asn1.SEQUENCE) {
		return p, errors.New("not a SEQUENCE")
	}
	if p.ID, err = readOID(&seq); err != nil || seq.Empty() {
		return p, err
	}
	if !seq.ReadASN1(&qualifiers, asn1.SEQUENCE) || !seq.Empty() || qualifiers.Empty() {
		return p, errors.New("its qualifiers are not a SEQUENCE")
	}
	for !qualifiers.Empty() {
		q, err := readQualifier(&qualifiers)
		if err != nil {
			return p, err
		}
		p.Qualifiers = append(p.Qualifiers, q)
	}
	return p, nil
}

func readQualifier(from *cryptobyte.String) (Qualifier, error) {
	var q Qualifier
	var seq, value cryptobyte.String
	var tag asn1.Tag
	var err error
	if !from.ReadASN1(&seq, asn1.SEQUENCE) {
		return q, errors.New("a qualifier is not a SEQUENCE")
	}
	if q.ID, err = readOID(&seq); err != nil {
		return q, err
	}
	if !seq.ReadAnyASN1Element(&value, &tag) || !seq.Empty() {
		return q, errors.New("a qualifier is not an identifier and a value")
	}
	q.Value = value
	return q, checkQualifier(q.ID, tag)
}

func checkQualifier(id string, tag asn1.Tag) error {
	if id == QualifierCPS && tag != asn1.IA5String || id == QualifierUserNotice && tag != asn1.SEQUENCE {
		return errors.New("a qualifier's value is not of the type that it must have")
	}
	return nil
}

// CheckUserNotice reads the value of a user notice: a reference and a text, both optional (RFC 5280, 4.2.1.4). The strings are of the types
// of DisplayText; a text that is an IA5String is an error, as RFC 6818, 3 forbids it.
func CheckUserNotice(der []byte) error {
	input := cryptobyte.String(der)
	var notice cryptobyte.String
	if !input.ReadASN1(&notice, asn1.SEQUENCE) || !input.Empty() {
		return errors.New("a notice is not a SEQUENCE")
	}
	if notice.PeekASN1Tag(asn1.SEQUENCE) {
		var reference, numbers cryptobyte.String
		if !notice.ReadASN1(&reference, asn1.SEQUENCE) || !skipText(&reference, true) ||
			!reference.ReadASN1(&numbers, asn1.SEQUENCE) || !reference.Empty() {
			return errors.New("a notice's reference is not an organization and numbers")
		}
	}
	if !notice.Empty() && !skipText(&notice, false) || !notice.Empty() {
		return errors.New("a notice's text is not a UTF8String, VisibleString or BMPString")
	}
	return nil
}

// skipText skips a DisplayText; ia5 says whether it may be an IA5String.
func skipText(from *cryptobyte.String, ia5 bool) bool {
	var content cryptobyte.String
	var tag asn1.Tag
	if !from.ReadAnyASN1(&content, &tag) {
		return false
	}
	switch tag {
	case asn1.UTF8String, asn1.Tag(name.TagVisibleString), asn1.Tag(name.TagBMPString):
		return true
	}
	return ia5 && tag == asn1.IA5String
}

func readOID(from *cryptobyte.String) (string, error) {
	var content cryptobyte.String
	if !from.ReadASN1(&content, asn1.OBJECT_IDENTIFIER) {
		return "", errors.New("not an object identifier")
	}
	return oid.Decode(content)
}

// PolicyMapping says that the subject CA's policy is worth the issuer's (RFC 5280, 4.2.1.5).
type PolicyMapping struct {
	Issuer, Subject string // dotted
}

// ParsePolicyMappings reads the value of policyMappings. Mappings to or from anyPolicy are returned as they stand.
func ParsePolicyMappings(der []byte) ([]PolicyMapping, error) {
	input := cryptobyte.String(der)
	var seq cryptobyte.String
	if !input.ReadASN1(&seq, asn1.SEQUENCE) || !input.Empty() || seq.Empty() {
		return nil, errors.New("reading policy mappings: not a SEQUENCE of mappings")
	}
	var list []PolicyMapping
	for !seq.Empty() {
		var pair cryptobyte.String
		if !seq.ReadASN1(&pair, asn1.SEQUENCE) {
			return nil, errors.New("reading policy mappings: one is not a SEQUENCE")
		}
		issuer, err1 := readOID(&pair)
		subject, err2 := readOID(&pair)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("reading policy mappings: %w", err)
		}
		if !pair.Empty() {
			return nil, errors.New("reading policy mappings: one is more than a pair")
		}
		list = append(list, PolicyMapping{Issuer: issuer, Subject: subject})
	}
	return list, nil
}

// PolicyConstraints are the numbers of certificates after which policies must be explicit or mappings cease
// (RFC 5280, 4.2.1.11); -1 stands for absent.
type PolicyConstraints struct {
	RequireExplicit, InhibitMapping int
}

// ParsePolicyConstraints reads the value of policyConstraints, which must not be empty.
func ParsePolicyConstraints(der []byte) (PolicyConstraints, error) {
	pc := PolicyConstraints{RequireExplicit: -1, InhibitMapping: -1}
	input := cryptobyte.String(der)
	var seq cryptobyte.String
	if !input.ReadASN1(&seq, asn1.SEQUENCE) || !input.Empty() || seq.Empty() {
		return pc, errors.New("reading policy constraints: not a SEQUENCE of numbers")
	}
	for number, field := range []*int{&pc.RequireExplicit, &pc.InhibitMapping} {
		tag := asn1.Tag(number).ContextSpecific()
		if !seq.PeekASN1Tag(tag) {
			continue
		}
		var content cryptobyte.String
		if !seq.ReadASN1(&content, tag) {
			return pc, errors.New("reading policy constraints: a number is cut short")
		}
		n, ok := skipCerts(content)
		if !ok {
			return pc, errors.New("reading policy constraints: not an INTEGER of 0 or more")
		}
		*field = n
	}
	if !seq.Empty() {
		return pc, errors.New("reading policy constraints: an unknown field")
	}
	return pc, nil
}

// ParseInhibitAnyPolicy reads the value of inhibitAnyPolicy (RFC 5280, 4.2.1.14).
func ParseInhibitAnyPolicy(der []byte) (int, error) {
	input := cryptobyte.String(der)
	var content cryptobyte.String
	if !input.ReadASN1(&content, asn1.INTEGER) || !input.Empty() {
		return 0, errors.New("reading inhibitAnyPolicy: not an INTEGER")
	}
	n, ok := skipCerts(content)
	if !ok {
		return 0, errors.New("reading inhibitAnyPolicy: not an INTEGER of 0 or more")
	}
	return n, nil
}

// skipCerts decodes the content of a SkipCerts INTEGER; numbers longer than any path are cut down.
func skipCerts(content []byte) (int, bool) {
	if len(content) == 0 || content[0]&0x80 != 0 || len(content) > 1 && content[0] == 0 && content[1]&0x80 == 0 {
		return 0, false
	}
	v := new(big.Int).SetBytes(content)
	if !v.IsInt64() || v.Int64() > math.MaxInt32 {
		return math.MaxInt32, true
	}
	return int(v.Int64()), true
}
