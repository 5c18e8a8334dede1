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
	Version               int // 1 or 2; 0 if version 1 is written out, which must be absent (RFC 5280, 5.1.2.1)
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
	times     timeForm // that of the worst one
	earlyForm bool     // a GeneralizedTime stands where RFC 5280 wants a UTCTime
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

// InvalidityDate is since when the certificate is invalid (RFC 5280, 5.3.2), zero if the entry does not say.
func (r *Revoked) InvalidityDate() time.Time {
	for _, e := range r.Extensions {
		value := cryptobyte.String(e.Value)
		if e.ID != oid.InvalidityDate {
			continue
		}
		if at, _, err := readTime(&value); err == nil && value.Empty() {
			return at
		}
	}
	return time.Time{}
}

// SerialHex is the serial number in lower-case hexadecimal, as that of a [Certificate].
func (r *Revoked) SerialHex() string { return serialHex(r.Serial) }

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
		if c.Version > 0 {
			c.Version++
		}
	}
	if c.TBSSignatureAlgorithm, err = oid.ReadAlgorithm(&tbs); err != nil {
		return fmt.Errorf("its inner signature algorithm: %w", err)
	}
	if c.RawIssuer, c.Issuer, err = readName(&tbs); err != nil {
		return fmt.Errorf("its issuer: %w", err)
	}
	c.times = timeStrict
	if c.ThisUpdate, err = c.readTime(&tbs); err != nil {
		return err
	}
	if tbs.PeekASN1Tag(asn1.UTCTime) || tbs.PeekASN1Tag(asn1.GeneralizedTime) {
		if c.NextUpdate, err = c.readTime(&tbs); err != nil {
			return err
		}
	}
	if tbs.PeekASN1Tag(asn1.SEQUENCE) {
		var revoked cryptobyte.String
		if !tbs.ReadASN1(&revoked, asn1.SEQUENCE) {
			return errors.New("its list is cut short")
		}
		if err = c.readRevoked(revoked); err != nil {
			return err
		}
	}
	return c.parseExtensions(tbs)
}

// readTime reads a time and remembers how it is written.
func (c *CRL) readTime(from *cryptobyte.String) (time.Time, error) {
	generalized := from.PeekASN1Tag(asn1.GeneralizedTime)
	t, form, err := readTime(from)
	c.times = min(c.times, form)
	c.earlyForm = c.earlyForm || generalized && t.Year() < 2050
	return t, err
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

func (c *CRL) readRevoked(list cryptobyte.String) error {
	count, rest := 0, list
	for ; !rest.Empty(); count++ {
		if !rest.SkipASN1(asn1.SEQUENCE) {
			return fmt.Errorf("entry %d is not a SEQUENCE", count+1)
		}
	}
	c.Revoked = make([]Revoked, 0, count)
	for !list.Empty() {
		var seq cryptobyte.String
		list.ReadASN1(&seq, asn1.SEQUENCE)
		r, err := c.readEntry(seq)
		if err != nil {
			return fmt.Errorf("entry %d: %w", len(c.Revoked)+1, err)
		}
		c.Revoked = append(c.Revoked, r)
	}
	return nil
}

func (c *CRL) readEntry(seq cryptobyte.String) (Revoked, error) {
	r := Revoked{Serial: new(big.Int)}
	var err error
	if !seq.ReadASN1Integer(r.Serial) {
		return r, errors.New("its serial number is not an INTEGER")
	}
	if r.Date, err = c.readTime(&seq); err != nil || seq.Empty() {
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
		case IDInvalidityDate:
			generalized := value.PeekASN1Tag(asn1.GeneralizedTime)
			_, form, err := readTime(&value)
			r.Malformed = r.Malformed || err != nil || form != timeStrict || !generalized || !value.Empty() // RFC 5280, 5.3.2
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

// TimesInUTC reports whether all times, those of the entries too, have seconds, no fractions and are in UTC (RFC 5280, 5.1.2.4).
func (c *CRL) TimesInUTC() bool { return c.times == timeStrict }

// TimesInForm reports whether they are also a UTCTime through 2049 and a GeneralizedTime afterwards.
func (c *CRL) TimesInForm() bool { return c.times == timeStrict && !c.earlyForm }

// Malformed returns the extensions that could not be decoded.
func (c *CRL) Malformed() []Malformation { return c.malformed }
