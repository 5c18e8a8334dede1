// Package cert reads X.509 certificates and PKCS #10 requests.
//
// It reads what OpenSSL reads: crypto/x509 refuses about one real certificate in twenty (RSA keys without NULL
// parameters, explicit curves, odd extensions), and a key database must hold those too. [Certificate.Warning]
// says what is odd. What is read is RFC 5280's structure; signatures are not verified and no time is compared.
//
//	c, err := cert.Parse(der)
//	c.Subject.String() // "CN=example.com"
//	c.SAN.Strings()
//
// Parsing copies nothing: the result refers to the given bytes.
package cert

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"time"

	"certkdb/pki/key"
	"certkdb/pki/name"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Certificate is an X.509 certificate (RFC 5280, 4.1) with its usual extensions decoded.
type Certificate struct {
	Raw        []byte // the whole DER
	RawTBS     []byte // what is signed
	RawSubject []byte
	RawIssuer  []byte
	RawSPKI    []byte // SubjectPublicKeyInfo
	// Signature is the content of the signature bit string.
	Signature []byte
	// Unaligned says that the signature is not a whole number of bytes, as no algorithm makes it.
	Unaligned bool
	// Version is 1, 2 or 3; other numbers are kept. VersionWritten says that it is there: version 1 is the default that DER leaves out.
	Version        int
	VersionWritten bool
	Serial         *big.Int
	// SignatureAlgorithm stands next to the signature, TBSSignatureAlgorithm inside what is signed; they should agree.
	SignatureAlgorithm    oid.Algorithm
	TBSSignatureAlgorithm oid.Algorithm
	Subject, Issuer       name.Name
	// NotBefore and NotAfter are UTC; zero if the certificate's time cannot be read.
	NotBefore, NotAfter time.Time
	// KeyType is as in package key: "rsa2048", "p256", "mldsa65", …
	KeyType string
	// IsCA and MaxPathLen are the basic constraints; MaxPathLen is -1 if there is no limit.
	IsCA       bool
	MaxPathLen int
	// KeyUsage is zero if the extension is absent.
	KeyUsage KeyUsage
	// ExtKeyUsage are dotted identifiers (1.3.6.1.5.5.7.3.1 is server authentication).
	ExtKeyUsage []string
	// SKI and AKI are the key identifiers of the subject and of the issuer.
	SKI, AKI []byte
	SAN      SAN
	// UniqueIDs says that the issuer or the subject has a unique identifier (RFC 5280, 4.1.2.8).
	UniqueIDs bool
	// Extensions are all of them, in the certificate's order.
	Extensions []Extension

	malformed []Malformation
	oddities  []string // found while parsing, for Warning
	spki      key.SPKI
	key       key.Public
	times     timeForm // that of the worse one
	earlyForm bool     // a GeneralizedTime stands where RFC 5280 wants a UTCTime
}

// Extension is one extension as it stands in a certificate, request or CRL.
type Extension struct {
	ID       string // dotted
	Critical bool
	Value    []byte // content of the OCTET STRING
	// BadFlag says that the critical flag is true in BER but not in DER; FalseFlag says that it is there to say FALSE, which is the
	// default that DER leaves out.
	BadFlag, FalseFlag bool
}

// Malformation is an extension that [Parse] could not decode. The certificate can be kept, not relied upon.
type Malformation struct {
	ID  string // dotted identifier of the extension
	Err error
}

// maxExtensions is far above what any certificate has; it bounds the search for duplicates.
const maxExtensions = 256

// Parse reads one certificate. der must hold nothing else. The error says where the structure breaks; oddities within
// extensions, times or the key are no error but a [Certificate.Warning].
func Parse(der []byte) (*Certificate, error) { return ParseAfter(nil, der) }

// ParseAfter is [Parse] for one of many certificates: if its issuer is written as that of the one before, the two share the Issuer.
func ParseAfter(before *Certificate, der []byte) (*Certificate, error) {
	c := &Certificate{Raw: der, MaxPathLen: -1}
	if before != nil {
		c.RawIssuer, c.Issuer = before.RawIssuer, before.Issuer
	}
	if err := c.parse(der); err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	return c, nil
}

func (c *Certificate) parse(der cryptobyte.String) error {
	s, err := readSigned(der)
	if err != nil {
		return err
	}
	c.RawTBS, c.SignatureAlgorithm, c.Signature = s.tbs, s.algorithm, s.signature
	if c.Unaligned = s.unaligned; c.Unaligned {
		c.odd("the signature is not a whole number of bytes")
	}
	return c.parseTBS(s.tbs)
}

func (c *Certificate) parseTBS(tbs cryptobyte.String) error {
	var err error
	tbs.ReadASN1(&tbs, asn1.SEQUENCE) // it was read as an element already
	c.Version = 1
	if tag := asn1.Tag(0).Constructed().ContextSpecific(); tbs.PeekASN1Tag(tag) {
		var v cryptobyte.String
		c.VersionWritten = true
		if !tbs.ReadASN1(&v, tag) || !v.ReadASN1Integer(&c.Version) || !v.Empty() || c.Version < -1<<30 || c.Version > 1<<30 {
			return errors.New("its version is not a small INTEGER")
		}
		c.Version++
	}
	c.Serial = new(big.Int)
	if !tbs.ReadASN1Integer(c.Serial) {
		return errors.New("its serial number is not an INTEGER, or has leading zeros")
	}
	if c.TBSSignatureAlgorithm, err = oid.ReadAlgorithm(&tbs); err != nil {
		return fmt.Errorf("its inner signature algorithm: %w", err)
	}
	if err := c.readIssuer(&tbs); err != nil {
		return fmt.Errorf("its issuer: %w", err)
	}
	if err := c.readValidity(&tbs); err != nil {
		return err
	}
	if c.RawSubject, c.Subject, err = readName(&tbs); err != nil {
		return fmt.Errorf("its subject: %w", err)
	}
	if c.spki, err = key.ReadSPKI(&tbs); err != nil {
		return fmt.Errorf("its public key: %w", err)
	}
	c.RawSPKI, c.key = c.spki.Raw, c.spki.Describe()
	c.KeyType = c.key.Type
	return c.parseOptional(tbs)
}

// parseOptional reads the unique identifiers (RFC 5280, 4.1.2.8) and the extensions.
func (c *Certificate) parseOptional(tbs cryptobyte.String) error {
	for number := range 2 {
		tag := asn1.Tag(number + 1).ContextSpecific()
		if !tbs.PeekASN1Tag(tag) {
			continue
		}
		if c.UniqueIDs = true; !tbs.SkipASN1(tag) {
			return errors.New("its unique identifiers cannot be read")
		}
	}
	if tbs.Empty() {
		return nil
	}
	var wrapped cryptobyte.String
	if !tbs.ReadASN1(&wrapped, asn1.Tag(3).Constructed().ContextSpecific()) || !tbs.Empty() {
		return errors.New("unexpected data follows the public key")
	}
	extensions, err := readExtensions(wrapped)
	if err != nil {
		return err
	}
	c.Extensions = extensions
	c.decodeExtensions()
	return nil
}

// readIssuer reads the issuer, unless it is written as the one that is there already.
func (c *Certificate) readIssuer(tbs *cryptobyte.String) (err error) {
	var raw cryptobyte.String
	ahead := *tbs
	if c.RawIssuer != nil && ahead.ReadASN1Element(&raw, asn1.SEQUENCE) && bytes.Equal(raw, c.RawIssuer) {
		*tbs, c.RawIssuer = ahead, raw
		return nil
	}
	c.RawIssuer, c.Issuer, err = readName(tbs)
	return err
}

func readName(from *cryptobyte.String) ([]byte, name.Name, error) {
	var raw cryptobyte.String
	if !from.ReadASN1Element(&raw, asn1.SEQUENCE) {
		return nil, name.Name{}, errors.New("not a SEQUENCE")
	}
	n, err := name.Parse(raw)
	return raw, n, err
}

// SerialHex returns the serial number in lower-case hexadecimal of whole bytes, with a sign if it is negative.
func (c *Certificate) SerialHex() string {
	return serialHex(c.Serial)
}

func serialHex(serial *big.Int) string {
	const digits = "0123456789abcdef"
	if serial == nil {
		return "" // of a Certificate that was not parsed
	}
	out := make([]byte, 0, 48)
	if serial.Sign() < 0 {
		out = append(out, '-')
	}
	magnitude := serial.Bytes()
	if len(magnitude) == 0 {
		return "00"
	}
	for _, b := range magnitude {
		out = append(out, digits[b>>4], digits[b&15])
	}
	return string(out)
}

// Extension returns the extension with the given dotted identifier, nil if there is none.
func (c *Certificate) Extension(id string) *Extension {
	for i := range c.Extensions {
		if c.Extensions[i].ID == id {
			return &c.Extensions[i]
		}
	}
	return nil
}

// Malformed returns the extensions that could not be decoded.
func (c *Certificate) Malformed() []Malformation { return c.malformed }

// Key describes the public key.
func (c *Certificate) Key() key.Public { return c.key }

// TimesReadable reports whether both validity times are times.
func (c *Certificate) TimesReadable() bool { return c.times != timeBad }

// TimesInUTC reports whether both are written with seconds, without fractions and in UTC (RFC 5280, 4.1.2.5).
func (c *Certificate) TimesInUTC() bool { return c.times == timeStrict }

// TimesInForm reports whether both are also a UTCTime through 2049 and a GeneralizedTime afterwards.
func (c *Certificate) TimesInForm() bool { return c.times == timeStrict && !c.earlyForm }

func (c *Certificate) odd(what string) {
	c.oddities = append(c.oddities, what)
}
