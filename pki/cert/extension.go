package cert

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Identifiers of the extensions of RFC 5280, sections 4.2 and 5.2.
const (
	IDSubjectKeyID          = oid.SubjectKeyIdentifier
	IDKeyUsage              = oid.KeyUsage
	IDSubjectAltName        = oid.SubjectAltName
	IDIssuerAltName         = oid.IssuerAltName
	IDBasicConstraints      = oid.BasicConstraints
	IDCRLNumber             = oid.CRLNumber
	IDReasonCode            = oid.ReasonCode
	IDInvalidityDate        = oid.InvalidityDate
	IDDeltaCRLIndicator     = oid.DeltaCRLIndicator
	IDIssuingDistribution   = oid.IssuingDistributionPoint
	IDCertificateIssuer     = oid.CertificateIssuer
	IDNameConstraints       = oid.NameConstraints
	IDCRLDistributionPoints = oid.CRLDistributionPoints
	IDCertificatePolicies   = oid.CertificatePolicies
	IDPolicyMappings        = oid.PolicyMappings
	IDAuthorityKeyID        = oid.AuthorityKeyIdentifier
	IDPolicyConstraints     = oid.PolicyConstraints
	IDExtendedKeyUsage      = oid.ExtKeyUsage
	IDFreshestCRL           = oid.FreshestCRL
	IDInhibitAnyPolicy      = oid.InhibitAnyPolicy
	IDAuthorityInfoAccess   = oid.AuthorityInfoAccess
	IDSubjectInfoAccess     = oid.SubjectInfoAccess
	IDTLSFeature            = oid.TLSFeature
	IDSCTList               = oid.SignedCertificateTimestamps
	IDCTPoison              = oid.CTPoison
)

// KeyUsage is the set of bits of RFC 5280, 4.2.1.3; bit 0 of the standard is the lowest.
type KeyUsage uint16

// The key usages.
const (
	DigitalSignature KeyUsage = 1 << iota
	ContentCommitment
	KeyEncipherment
	DataEncipherment
	KeyAgreement
	KeyCertSign
	CRLSign
	EncipherOnly
	DecipherOnly
)

var keyUsageNames = [...]string{
	"digitalSignature", "contentCommitment", "keyEncipherment", "dataEncipherment", "keyAgreement",
	"keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
}

// String lists the usages by their names in the standard.
func (u KeyUsage) String() string {
	var names []string
	for i, n := range keyUsageNames {
		if u&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, ", ")
}

// ParseExtensions reads Extensions ::= SEQUENCE OF Extension (RFC 5280, 4.1), as other structures have them too. None may
// occur twice.
func ParseExtensions(der []byte) ([]Extension, error) {
	list, err := readExtensions(der)
	if err != nil {
		return nil, fmt.Errorf("reading extensions: %w", err)
	}
	return list, nil
}

// readExtensions reads Extensions ::= SEQUENCE OF Extension.
func readExtensions(from cryptobyte.String) ([]Extension, error) {
	var seq cryptobyte.String
	if !from.ReadASN1(&seq, asn1.SEQUENCE) || !from.Empty() {
		return nil, errors.New("its extensions are not a SEQUENCE")
	}
	list := make([]Extension, 0, 10)
	for !seq.Empty() {
		if len(list) == maxExtensions {
			return nil, fmt.Errorf("it has more than %d extensions", maxExtensions)
		}
		e, err := readExtension(&seq)
		if err != nil {
			return nil, fmt.Errorf("its extension %d: %w", len(list)+1, err)
		}
		for i := range list {
			if list[i].ID == e.ID {
				return nil, fmt.Errorf("its extension %s (%s) occurs twice", oid.Name(e.ID), e.ID)
			}
		}
		list = append(list, e)
	}
	return list, nil
}

func readExtension(from *cryptobyte.String) (Extension, error) {
	var e Extension
	var seq, id, flag, value cryptobyte.String
	if !from.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
		return e, errors.New("not a SEQUENCE with an object identifier")
	}
	if seq.PeekASN1Tag(asn1.BOOLEAN) {
		if !seq.ReadASN1(&flag, asn1.BOOLEAN) || len(flag) != 1 {
			return e, errors.New("the critical flag is not a BOOLEAN")
		}
		e.Critical = flag[0] != 0 // BER: anything but zero is true
		e.BadFlag = flag[0] != 0 && flag[0] != 0xff
		e.FalseFlag = flag[0] == 0
	}
	if !seq.ReadASN1(&value, asn1.OCTET_STRING) || !seq.Empty() {
		return e, errors.New("the value is not an OCTET STRING")
	}
	var err error
	e.ID, err = oid.Decode(id)
	e.Value = value
	return e, err
}

// decodeExtensions fills the fields that stand for the usual extensions. What cannot be decoded is remembered.
func (c *Certificate) decodeExtensions() {
	for i := range c.Extensions {
		e := &c.Extensions[i]
		if err := c.decodeExtension(e.ID, e.Value); err != nil {
			c.malformed = append(c.malformed, Malformation{ID: e.ID, Err: err})
		}
	}
}

func (c *Certificate) decodeExtension(id string, value cryptobyte.String) (err error) {
	switch id {
	case IDKeyUsage:
		c.KeyUsage, err = readKeyUsage(value)
	case IDBasicConstraints:
		c.IsCA, c.MaxPathLen, err = readBasicConstraints(value)
	case IDExtendedKeyUsage:
		c.ExtKeyUsage, err = readOIDs(value)
	case IDSubjectKeyID:
		c.SKI, err = readOctets(value)
	case IDAuthorityKeyID:
		c.AKI, err = readAuthorityKeyID(value)
	case IDSubjectAltName:
		c.SAN, err = ParseGeneralNames(value)
	}
	return err
}

// IsDER reports whether a key usage leaves its unused bits zero (X.690, 11.2.1) and basic constraints leave out a CA flag that is FALSE
// (11.5). Other extensions are not judged.
func (e *Extension) IsDER() bool {
	switch e.ID {
	case IDKeyUsage:
		return isDERBits(e.Value)
	case IDBasicConstraints:
		return len(e.Value) < 5 || e.Value[2] != byte(asn1.BOOLEAN) || e.Value[4] == 0xff
	}
	return true
}

func readKeyUsage(value cryptobyte.String) (KeyUsage, error) {
	bits, err := readBits(value)
	return KeyUsage(bits), err
}

// readBits reads a BIT STRING of up to nine named bits, the first one lowest.
func readBits(value cryptobyte.String) (uint16, error) {
	var content cryptobyte.String
	if !value.ReadASN1(&content, asn1.BIT_STRING) || !value.Empty() || len(content) == 0 || content[0] > 7 {
		return 0, errors.New("it is not a BIT STRING")
	}
	return namedBits(content), nil
}

// namedBits decodes the content of a BIT STRING; the bits that it declares unused count as zero.
func namedBits(content []byte) uint16 {
	var bits uint16
	for i := range min(8*(len(content)-1)-int(content[0]), 9) {
		if content[1+i/8]&(0x80>>(i%8)) != 0 {
			bits |= 1 << i
		}
	}
	return bits
}

func readBasicConstraints(value cryptobyte.String) (bool, int, error) {
	var seq, flag cryptobyte.String
	if !value.ReadASN1(&seq, asn1.SEQUENCE) || !value.Empty() {
		return false, -1, errors.New("it is not a SEQUENCE")
	}
	isCA := false
	if seq.PeekASN1Tag(asn1.BOOLEAN) {
		if !seq.ReadASN1(&flag, asn1.BOOLEAN) || len(flag) != 1 {
			return false, -1, errors.New("the CA flag is not a BOOLEAN")
		}
		isCA = flag[0] != 0
	}
	if seq.Empty() {
		return isCA, -1, nil
	}
	length := new(big.Int)
	if !seq.ReadASN1Integer(length) || !seq.Empty() || length.Sign() < 0 {
		return false, -1, errors.New("the path length is not an INTEGER of 0 or more")
	}
	if !length.IsInt64() || length.Int64() > math.MaxInt32 {
		return isCA, -1, nil // no path is that long
	}
	return isCA, int(length.Int64()), nil
}

func readOIDs(value cryptobyte.String) ([]string, error) {
	var seq, id cryptobyte.String
	if !value.ReadASN1(&seq, asn1.SEQUENCE) || !value.Empty() {
		return nil, errors.New("it is not a SEQUENCE")
	}
	list := make([]string, 0, 2)
	for !seq.Empty() {
		if !seq.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
			return nil, errors.New("an element is not an object identifier")
		}
		dotted, err := oid.Decode(id)
		if err != nil {
			return nil, err
		}
		list = append(list, dotted)
	}
	if len(list) == 0 {
		return nil, errors.New("it is empty")
	}
	return list, nil
}

func readOctets(value cryptobyte.String) ([]byte, error) {
	var content cryptobyte.String
	if !value.ReadASN1(&content, asn1.OCTET_STRING) || !value.Empty() {
		return nil, errors.New("it is not an OCTET STRING")
	}
	return content, nil
}

// readAuthorityKeyID checks all three fields (RFC 5280, 4.2.1.1) and returns the first.
func readAuthorityKeyID(value cryptobyte.String) ([]byte, error) {
	var seq, id cryptobyte.String
	if !value.ReadASN1(&seq, asn1.SEQUENCE) || !value.Empty() {
		return nil, errors.New("it is not a SEQUENCE")
	}
	var keyID []byte
	if tag := asn1.Tag(0).ContextSpecific(); seq.PeekASN1Tag(tag) {
		if !seq.ReadASN1(&id, tag) {
			return nil, errors.New("the key identifier is cut short")
		}
		keyID = id
	}
	if tag := asn1.Tag(1).Constructed().ContextSpecific(); seq.PeekASN1Tag(tag) {
		var issuer cryptobyte.String
		if !seq.ReadASN1(&issuer, tag) {
			return nil, errors.New("the issuer is cut short")
		}
		if _, err := readGeneralNames(issuer); err != nil {
			return nil, err
		}
	}
	if tag := asn1.Tag(2).ContextSpecific(); seq.PeekASN1Tag(tag) && !seq.SkipASN1(tag) {
		return nil, errors.New("the serial number is cut short")
	}
	if !seq.Empty() {
		return nil, errors.New("it has an unknown field")
	}
	return keyID, nil
}
