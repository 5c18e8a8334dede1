package cert

import (
	"errors"
	"fmt"
	"math/big"

	"certkdb/pki/name"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Reasons is a set of revocation reasons (ReasonFlags, RFC 5280, 4.2.1.13): bit n stands for reason n, as in
// certificates; bit 0 is unused.
type Reasons uint16

// AllReasons are the reasons that a CRL can cover (RFC 5280, 6.3.2).
const AllReasons Reasons = 0x1fe

// DistributionName says where a CRL is: full names, or one RDN below the CRL issuer's name.
type DistributionName struct {
	Full     SAN
	Relative []byte // content of the RDN SET; nil if the name is full
}

// RDN decodes a relative name.
func (d *DistributionName) RDN() (name.RDN, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(d.Relative) })
	})
	n, err := name.Parse(b.BytesOrPanic())
	if err != nil {
		return nil, err
	}
	return n.RDNs[0], nil
}

// DistributionPoint is one element of cRLDistributionPoints or freshestCRL (RFC 5280, 4.2.1.13).
type DistributionPoint struct {
	Name    *DistributionName // nil if absent
	Reasons Reasons           // AllReasons if absent
	// HasReasons says that reasons are given, even if it is all of them.
	HasReasons bool
	CRLIssuer  SAN
}

// ParseDistributionPoints reads the value of cRLDistributionPoints or freshestCRL.
func ParseDistributionPoints(der []byte) ([]DistributionPoint, error) {
	input := cryptobyte.String(der)
	var seq cryptobyte.String
	if !input.ReadASN1(&seq, asn1.SEQUENCE) || !input.Empty() || seq.Empty() {
		return nil, errors.New("reading distribution points: not a SEQUENCE of points")
	}
	var list []DistributionPoint
	for !seq.Empty() {
		p, err := readDistributionPoint(&seq)
		if err != nil {
			return nil, fmt.Errorf("reading distribution point %d: %w", len(list)+1, err)
		}
		list = append(list, p)
	}
	return list, nil
}

func readDistributionPoint(from *cryptobyte.String) (DistributionPoint, error) {
	p := DistributionPoint{Reasons: AllReasons}
	var seq, flags, issuers cryptobyte.String
	var err error
	if !from.ReadASN1(&seq, asn1.SEQUENCE) {
		return p, errors.New("not a SEQUENCE")
	}
	if p.Name, err = readDistributionName(&seq); err != nil {
		return p, err
	}
	if tag := asn1.Tag(1).ContextSpecific(); seq.PeekASN1Tag(tag) {
		if !seq.ReadASN1(&flags, tag) || len(flags) == 0 || flags[0] > 7 {
			return p, errors.New("its reasons are not a BIT STRING")
		}
		p.HasReasons, p.Reasons = true, Reasons(namedBits(flags))&AllReasons
	}
	if tag := asn1.Tag(2).Constructed().ContextSpecific(); seq.PeekASN1Tag(tag) {
		if !seq.ReadASN1(&issuers, tag) {
			return p, errors.New("its CRL issuers are cut short")
		}
		if p.CRLIssuer, err = readGeneralNames(issuers); err != nil {
			return p, err
		}
	}
	if !seq.Empty() {
		return p, errors.New("an unknown field")
	}
	if p.Name == nil && p.CRLIssuer == nil {
		return p, errors.New("it has neither a name nor a CRL issuer")
	}
	return p, nil
}

// readDistributionName reads [0] DistributionPointName if it is there. The choice makes the tag explicit.
func readDistributionName(from *cryptobyte.String) (*DistributionName, error) {
	outer := asn1.Tag(0).Constructed().ContextSpecific()
	if !from.PeekASN1Tag(outer) {
		return nil, nil
	}
	var choice, content cryptobyte.String
	var tag asn1.Tag
	if !from.ReadASN1(&choice, outer) || !choice.ReadAnyASN1(&content, &tag) || !choice.Empty() {
		return nil, errors.New("its name cannot be read")
	}
	switch tag {
	case asn1.Tag(0).Constructed().ContextSpecific():
		full, err := readGeneralNames(content)
		return &DistributionName{Full: full}, err
	case asn1.Tag(1).Constructed().ContextSpecific():
		return &DistributionName{Relative: append([]byte{}, content...)}, nil
	}
	return nil, errors.New("its name is neither full nor relative")
}

// IssuingDistributionPoint says what a CRL covers (RFC 5280, 5.2.5).
type IssuingDistributionPoint struct {
	Name                               *DistributionName
	OnlyUsers, OnlyCAs, OnlyAttributes bool
	Indirect                           bool
	OnlySomeReasons                    Reasons
	HasReasons                         bool
}

// ParseIssuingDistributionPoint reads the value of issuingDistributionPoint.
func ParseIssuingDistributionPoint(der []byte) (*IssuingDistributionPoint, error) {
	input := cryptobyte.String(der)
	var seq, flags cryptobyte.String
	var err error
	if !input.ReadASN1(&seq, asn1.SEQUENCE) || !input.Empty() {
		return nil, errors.New("reading an issuing distribution point: not a SEQUENCE")
	}
	p := &IssuingDistributionPoint{OnlySomeReasons: AllReasons}
	if p.Name, err = readDistributionName(&seq); err != nil {
		return nil, fmt.Errorf("reading an issuing distribution point: %w", err)
	}
	ok := readFlag(&seq, 1, &p.OnlyUsers) && readFlag(&seq, 2, &p.OnlyCAs)
	if tag := asn1.Tag(3).ContextSpecific(); ok && seq.PeekASN1Tag(tag) {
		ok = seq.ReadASN1(&flags, tag) && len(flags) > 0 && flags[0] <= 7
		if ok {
			p.HasReasons, p.OnlySomeReasons = true, Reasons(namedBits(flags))&AllReasons
		}
	}
	ok = ok && readFlag(&seq, 4, &p.Indirect) && readFlag(&seq, 5, &p.OnlyAttributes)
	if !ok || !seq.Empty() {
		return nil, errors.New("reading an issuing distribution point: a field cannot be read")
	}
	return p, nil
}

func readFlag(from *cryptobyte.String, number int, flag *bool) bool {
	tag := asn1.Tag(number).ContextSpecific()
	if !from.PeekASN1Tag(tag) {
		return true
	}
	var content cryptobyte.String
	if !from.ReadASN1(&content, tag) || len(content) != 1 {
		return false
	}
	*flag = content[0] != 0
	return true
}

// Access is an element of authorityInfoAccess or subjectInfoAccess (RFC 5280, 4.2.2).
type Access struct {
	Method   string // dotted
	Location GeneralName
}

// AccessURLs returns the URLs under one method of authorityInfoAccess, such as oid.OCSP for responders and oid.CAIssuers for the issuer's
// certificate (RFC 5280, 4.2.2.1). There are none in an extension that cannot be read.
func (c *Certificate) AccessURLs(method string) []string {
	e := c.Extension(IDAuthorityInfoAccess)
	if e == nil {
		return nil
	}
	list, err := ParseAccess(e.Value)
	if err != nil {
		return nil
	}
	var urls []string
	for _, a := range list {
		if a.Method == method && a.Location.Type == URIName {
			urls = append(urls, string(a.Location.Value))
		}
	}
	return urls
}

// ParseAccess reads the value of authorityInfoAccess or subjectInfoAccess.
func ParseAccess(der []byte) ([]Access, error) {
	input := cryptobyte.String(der)
	var seq cryptobyte.String
	if !input.ReadASN1(&seq, asn1.SEQUENCE) || !input.Empty() {
		return nil, errors.New("reading access descriptions: not a SEQUENCE")
	}
	var list []Access
	for !seq.Empty() {
		var one cryptobyte.String
		if !seq.ReadASN1(&one, asn1.SEQUENCE) {
			return nil, errors.New("reading access descriptions: one is not a SEQUENCE")
		}
		method, err := readOID(&one)
		if err != nil {
			return nil, fmt.Errorf("reading access descriptions: %w", err)
		}
		location, err := readGeneralName(&one)
		if err != nil || !one.Empty() {
			return nil, errors.New("reading access descriptions: a location is not a general name")
		}
		list = append(list, Access{Method: method, Location: location})
	}
	return list, nil
}

// AuthorityKeyID is the whole authorityKeyIdentifier extension (RFC 5280, 4.2.1.1).
type AuthorityKeyID struct {
	KeyID  []byte
	Issuer SAN      // nil if absent
	Serial *big.Int // nil if absent
}

// ParseAuthorityKeyID reads the value of authorityKeyIdentifier.
func ParseAuthorityKeyID(der []byte) (*AuthorityKeyID, error) {
	keyID, err := readAuthorityKeyID(der)
	if err != nil {
		return nil, fmt.Errorf("reading an authority key identifier: %w", err)
	}
	id := &AuthorityKeyID{KeyID: keyID}
	input := cryptobyte.String(der)
	var seq, issuer cryptobyte.String
	input.ReadASN1(&seq, asn1.SEQUENCE) // readAuthorityKeyID has seen it
	seq.SkipOptionalASN1(asn1.Tag(0).ContextSpecific())
	if tag := asn1.Tag(1).Constructed().ContextSpecific(); seq.PeekASN1Tag(tag) && seq.ReadASN1(&issuer, tag) {
		if id.Issuer, err = readGeneralNames(issuer); err != nil {
			return nil, fmt.Errorf("reading an authority key identifier: %w", err)
		}
	}
	if tag := asn1.Tag(2).ContextSpecific(); seq.PeekASN1Tag(tag) {
		var content cryptobyte.String
		if !seq.ReadASN1(&content, tag) || len(content) == 0 {
			return nil, errors.New("reading an authority key identifier: the serial number is empty")
		}
		id.Serial = signedInt(content)
	}
	return id, nil
}

// signedInt decodes the content of an INTEGER.
func signedInt(content []byte) *big.Int {
	v := new(big.Int).SetBytes(content)
	if content[0]&0x80 != 0 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(content))))
	}
	return v
}
