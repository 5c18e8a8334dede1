package pbe

import (
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// MAC is the MacData of a PKCS #12 file (RFC 7292, section 4): HMAC under a key of the file's own derivation, or PBMAC1.
type MAC struct {
	// Algorithm is the AlgorithmIdentifier (DER) of the DigestInfo: a digest, or PBMAC1 with its parameters.
	Algorithm []byte
	// Value is the DigestInfo's digest.
	Value []byte
	// Salt and Iterations are meaningless under PBMAC1 (RFC 9579, section 4 (c) and (d)).
	Salt       []byte
	Iterations int
}

// MACScheme is a way to write a MAC.
type MACScheme uint8

// The MACs that are written.
const (
	// MACSHA256 is HMAC-SHA-256 with the key derivation of PKCS #12: everything from OpenSSL 1.1.1 and Java 12 on reads it.
	MACSHA256 MACScheme = iota
	// MACSHA1 is HMAC-SHA-1 with the key derivation of PKCS #12: everything ever made reads it.
	MACSHA1
	// MACPBMAC1 is PBMAC1 (RFC 9579) with PBKDF2 and HMAC-SHA-256: OpenSSL 3.4, Java 25, NSS 3.132 and GnuTLS 3.8 read it.
	MACPBMAC1
)

// Verify checks the MAC of content. The error wraps [ErrPassword] if it differs.
func (m MAC) Verify(content, password []byte, encoding Encoding) error {
	return (*Budget)(nil).Verify(m, content, password, encoding)
}

// Verify is [MAC.Verify] within the budget.
func (b *Budget) Verify(m MAC, content, password []byte, encoding Encoding) error {
	k, d, size, err := m.parse()
	if err == nil {
		err = inScheme("the MAC", b.Spend(k.work(size)))
	}
	if err != nil {
		return err
	}
	key, err := k.derive(password, encoding, purposeMAC, size)
	if err != nil {
		return fmt.Errorf("deriving the key of the MAC: %w", err)
	}
	defer clear(key)
	h := hmac.New(d.New, key)
	h.Write(content)
	if !hmac.Equal(h.Sum(nil), m.Value) {
		return fmt.Errorf("verifying the MAC (HMAC-%s): %w", d, ErrPassword)
	}
	return nil
}

// Describe tells what the MAC is made of.
func (m MAC) Describe() (Description, error) {
	id, _, err := readAlgorithm(m.Algorithm)
	if err != nil {
		return Description{}, err
	}
	out := Description{OID: id, Name: nameOf(id)}
	k, d, _, err := m.parse()
	if err != nil {
		return out, err
	}
	out.Name = "HMAC-" + d.String()
	if id == oidPBMAC1 {
		out.Name = "PBMAC1 (HMAC-" + d.String() + ")"
	}
	k.describe(&out)
	old := d == md5Digest || d == sha1Digest
	out.Weak = old || out.Iterations < minIterations
	return out, nil
}

// parse reads how the key is derived, the digest of the HMAC and the size of its key.
func (m MAC) parse() (k kdf, d *oid.Digest, size int, err error) {
	id, parameters, err := readAlgorithm(m.Algorithm)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("reading the MAC's algorithm: %w", err)
	}
	if id == oidPBMAC1 {
		k, d, size, err = parsePBMAC1(parameters)
		return k, d, size, inScheme("PBMAC1", err)
	}
	if d = digestByOID(id); d == nil {
		return nil, d, 0, unsupported("digest of the MAC", id)
	}
	if m.Iterations < 1 {
		return nil, d, 0, fmt.Errorf("%w: a MAC with %d iterations", ErrParse, m.Iterations)
	}
	err = errors.Join(checkIterations(m.Iterations), checkSalt(m.Salt))
	return pkcs12KDF{salted: salted{d, m.Salt, m.Iterations}}, d, d.Size(), inScheme("the MAC", err)
}

// minMACKey is the least number of bytes of a PBMAC1 key (RFC 9579, section 9): with a shorter one, whoever changed the file could guess a
// MAC that fits.
const minMACKey = 20

// parsePBMAC1 reads PBMAC1-params (RFC 8018, appendix A.5). RFC 9579, section 5, wants the key length stated.
func parsePBMAC1(parameters cryptobyte.String) (k kdf, d *oid.Digest, size int, err error) {
	var body, function, scheme cryptobyte.String
	if !parameters.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1Element(&function, asn1.SEQUENCE) ||
		!body.ReadASN1Element(&scheme, asn1.SEQUENCE) || !body.Empty() || !parameters.Empty() {
		return nil, d, 0, ErrParse
	}
	if k, size, err = parseKDF(function); err != nil {
		return nil, d, 0, err
	}
	switch {
	case size == 0:
		return nil, d, 0, fmt.Errorf("%w: the key length is missing", ErrParse)
	case size < minMACKey:
		return nil, d, 0, fmt.Errorf("%w: a key of %d bytes is too short, %d are the least", ErrParse, size, minMACKey)
	}
	d, err = readMAC(scheme, "message authentication code")
	return k, d, size, err
}

// NewMAC makes the MAC of content with a random salt.
func NewMAC(scheme MACScheme, content, password []byte, iterations int) (MAC, error) {
	salt := make([]byte, 16)
	rand.Read(salt)
	m := MAC{Salt: salt, Iterations: iterations}
	switch scheme {
	case MACSHA1:
		m.Algorithm = build(func(b *cryptobyte.Builder) { oid.AddAlgorithm(b, oidSHA1, (*cryptobyte.Builder).AddASN1NULL) })
	case MACSHA256:
		m.Algorithm = build(func(b *cryptobyte.Builder) { oid.AddAlgorithm(b, oidSHA256, (*cryptobyte.Builder).AddASN1NULL) })
	case MACPBMAC1:
		m.Algorithm = build(func(b *cryptobyte.Builder) { addPBMAC1(b, salt, iterations) })
		// RFC 9579, section 4: the salt must not be used, so it does not matter that it is the same; the count is 1.
		m.Iterations = 1
	default:
		return MAC{}, fmt.Errorf("%w: MAC scheme %d", ErrUnsupported, scheme)
	}
	k, d, size, err := m.parse()
	if err != nil {
		return MAC{}, err
	}
	key, err := k.derive(password, EncodingStandard, purposeMAC, size)
	if err != nil {
		return MAC{}, err
	}
	defer clear(key)
	h := hmac.New(d.New, key)
	h.Write(content)
	m.Value = h.Sum(nil)
	return m, nil
}

func addPBMAC1(b *cryptobyte.Builder, salt []byte, iterations int) {
	oid.AddAlgorithm(b, oidPBMAC1, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addPBKDF2(b, salt, iterations, 32)
			oid.AddAlgorithm(b, oidHMACSHA256, (*cryptobyte.Builder).AddASN1NULL)
		})
	})
}
