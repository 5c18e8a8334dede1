package cert

import (
	"errors"
	"fmt"
	"math/big"
	"time"

	"certkdb/pki/name"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// CRL is a certificate revocation list (RFC 5280, 5).
type CRL struct {
	Raw                []byte
	RawTBS             []byte
	RawIssuer          []byte
	Signature          []byte
	SignatureAlgorithm oid.Algorithm
	// TBSSignatureAlgorithm stands within what is signed; it should be the same.
	TBSSignatureAlgorithm oid.Algorithm
	Version               int // 1 or 2
	Issuer                name.Name
	// ThisUpdate and NextUpdate are UTC; NextUpdate is zero if absent.
	ThisUpdate, NextUpdate time.Time
	Revoked                []Revoked
	Extensions             []Extension
	// AKI is the key identifier of the issuer, Number the cRLNumber, BaseNumber that of the complete CRL that a delta
	// CRL amends; nil if absent.
	AKI                []byte
	Number, BaseNumber *big.Int
	// Unaligned says that the signature is not a whole number of bytes, as no algorithm makes it.
	Unaligned bool

	malformed []Malformation
	badTime   bool
}

// Revoked is one entry of a CRL.
type Revoked struct {
	Serial *big.Int
	Date   time.Time
	// Reason is the CRLReason (RFC 5280, 5.3.1), 0 if absent.
	Reason Reason
	// Issuer is the certificateIssuer of an indirect CRL's entry; nil if absent: then it is that of the entry before.
	Issuer     SAN
	Extensions []Extension
	// Malformed says that an extension of the entry could not be decoded.
	Malformed bool
}

// ParseCRL reads one certificate revocation list. der must hold nothing else.
func ParseCRL(der []byte) (*CRL, error) {
	c := &CRL{Raw: der}
	if err := c.parse(der); err != nil {
		return nil, fmt.Errorf("reading a CRL: %w", err)
	}
	return c, nil
}

func (c *CRL) parse(der cryptobyte.String) error {
	s, err := readSigned(der)
	if err != nil {
		return err
	}
	c.RawTBS, c.SignatureAlgorithm, c.Signature, c.Unaligned = s.tbs, s.algorithm, s.signature, s.unaligned
	return c.parseTBS(s.tbs)
}

func (c *CRL) parseTBS(tbs cryptobyte.String) error {
	var err error
	tbs.ReadASN1(&tbs, asn1.SEQUENCE)
	c.Version = 1
	if tbs.PeekASN1Tag(asn1.INTEGER) {
		if !tbs.ReadASN1Integer(&c.Version) || c.Version < 0 || c.Version > 1<<16 {
			return errors.New("its version is not a small INTEGER")
		}
		c.Version++
	}
	if c.TBSSignatureAlgorithm, err = oid.ReadAlgorithm(&tbs); err != nil {
		return fmt.Errorf("its inner signature algorithm: %w", err)
	}
	if c.RawIssuer, c.Issuer, err = readName(&tbs); err != nil {
		return fmt.Errorf("its issuer: %w", err)
	}
	var form1, form2 timeForm
	if c.ThisUpdate, form1, err = readTime(&tbs); err != nil {
		return err
	}
	form2 = form1
	if tbs.PeekASN1Tag(asn1.UTCTime) || tbs.PeekASN1Tag(asn1.GeneralizedTime) {
		if c.NextUpdate, form2, err = readTime(&tbs); err != nil {
			return err
		}
	}
	c.badTime = form1 == timeBad || form2 == timeBad
	if tbs.PeekASN1Tag(asn1.SEQUENCE) {
		var revoked cryptobyte.String
		if !tbs.ReadASN1(&revoked, asn1.SEQUENCE) {
			return errors.New("its list is cut short")
		}
		if c.Revoked, err = readRevoked(revoked); err != nil {
			return err
		}
	}
	return c.parseExtensions(tbs)
}

func (c *CRL) parseExtensions(tbs cryptobyte.String) error {
	if tbs.Empty() {
		return nil
	}
	var wrapped cryptobyte.String
	if !tbs.ReadASN1(&wrapped, asn1.Tag(0).Constructed().ContextSpecific()) || !tbs.Empty() {
		return errors.New("unexpected data follows the list")
	}
	var err error
	if c.Extensions, err = readExtensions(wrapped); err != nil {
		return err
	}
	for _, e := range c.Extensions {
		if err := c.decodeExtension(e); err != nil {
			c.malformed = append(c.malformed, Malformation{ID: e.ID, Err: err})
		}
	}
	return nil
}

func (c *CRL) decodeExtension(e Extension) (err error) {
	switch e.ID {
	case IDAuthorityKeyID:
		c.AKI, err = readAuthorityKeyID(e.Value)
	case IDCRLNumber:
		c.Number, err = readInteger(e.Value)
	case IDDeltaCRLIndicator:
		c.BaseNumber, err = readInteger(e.Value)
	}
	return err
}

func readInteger(value cryptobyte.String) (*big.Int, error) {
	v := new(big.Int)
	if !value.ReadASN1Integer(v) || !value.Empty() {
		return nil, errors.New("it is not an INTEGER")
	}
	return v, nil
}

func readRevoked(list cryptobyte.String) ([]Revoked, error) {
	count, rest := 0, list
	for ; !rest.Empty(); count++ {
		if !rest.SkipASN1(asn1.SEQUENCE) {
			return nil, fmt.Errorf("entry %d is not a SEQUENCE", count+1)
		}
	}
	entries := make([]Revoked, 0, count)
	for !list.Empty() {
		var seq cryptobyte.String
		list.ReadASN1(&seq, asn1.SEQUENCE)
		r, err := readEntry(seq)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(entries)+1, err)
		}
		entries = append(entries, r)
	}
	return entries, nil
}

func readEntry(seq cryptobyte.String) (Revoked, error) {
	r := Revoked{Serial: new(big.Int)}
	var err error
	if !seq.ReadASN1Integer(r.Serial) {
		return r, errors.New("its serial number is not an INTEGER")
	}
	if r.Date, _, err = readTime(&seq); err != nil || seq.Empty() {
		return r, err
	}
	if r.Extensions, err = readExtensions(seq); err != nil {
		return r, err
	}
	for _, e := range r.Extensions {
		value := cryptobyte.String(e.Value)
		switch e.ID {
		case IDReasonCode:
			r.Malformed = r.Malformed || !value.ReadASN1Enum((*int)(&r.Reason)) || !value.Empty()
		case IDCertificateIssuer:
			r.Issuer, err = ParseGeneralNames(e.Value)
			r.Malformed = r.Malformed || err != nil
		}
	}
	return r, nil
}

// Extension returns the extension with the given dotted identifier, nil if there is none.
func (c *CRL) Extension(id string) *Extension {
	for i := range c.Extensions {
		if c.Extensions[i].ID == id {
			return &c.Extensions[i]
		}
	}
	return nil
}

// TimesReadable reports whether ThisUpdate and NextUpdate, if it is there, are times.
func (c *CRL) TimesReadable() bool { return !c.badTime }

// Malformed returns the extensions that could not be decoded.
func (c *CRL) Malformed() []Malformation { return c.malformed }
