// Package issuers answers who issued a certificate, and puts chains together out of the certificates that are at hand.
//
//	pool := issuers.NewPool(now, certificates...)
//	chain, complete := pool.Chain(leaf)
//
// It says nothing about validity: that is what package path decides.
package issuers

import (
	"bytes"
	"errors"
	"fmt"

	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/name"
)

// SelfIssued tells whether a certificate names itself as its issuer (RFC 5280, 3.2).
func SelfIssued(c *cert.Certificate) bool {
	return name.Equal(c.Subject, c.Issuer)
}

// SelfSigned tells whether a certificate is signed with its own key, as a root is. A CA that changes its key certifies the new one with the
// old one: that certificate is self-issued but not self-signed (RFC 5280, 3.2). If the key identifiers do not tell them apart, the
// signature decides, unless its algorithm or the key is unknown here.
func SelfSigned(c *cert.Certificate) bool {
	return selfSigned(c, verify)
}

func selfSigned(c *cert.Certificate, verify func(c, issuer *cert.Certificate) (signed, known bool)) bool {
	if !SelfIssued(c) || KeyIDs(c, c) < 0 {
		return false
	}
	signed, known := verify(c, c)
	return signed || !known
}

// verify verifies the signature of a certificate with the key of another one; known is false where the key or the algorithm is unknown
// here, or too large to compute with.
func verify(c, issuer *cert.Certificate) (signed, known bool) {
	if issuer.Key().Bits > maxRSABits {
		return false, false
	}
	public, err := key.ParsePublic(issuer.RawSPKI)
	if err != nil || public.LacksParams() {
		return false, false
	}
	err = key.Verify(public, c.SignatureAlgorithm, c.RawTBS, c.Signature)
	return err == nil, !errors.Is(err, key.ErrUnsupported)
}

// Signed says that the key of a certificate verifies the signature of another one. False may also mean that the key or the algorithm is
// unknown here.
func Signed(issuer, c *cert.Certificate) bool {
	signed, _ := verify(c, issuer)
	return signed
}

// KeyIDs compares the authority key identifier of a certificate with the subject key identifier of a possible issuer (RFC 5280,
// 4.2.1.1): 1 if they agree, -1 if they differ, 0 if one is missing.
func KeyIDs(c, issuer *cert.Certificate) int {
	switch {
	case len(c.AKI) == 0 || len(issuer.SKI) == 0:
		return 0
	case bytes.Equal(c.AKI, issuer.SKI):
		return 1
	}
	return -1
}

// Misnames says where the authority key identifier of a certificate (RFC 5280, 4.2.1.1) contradicts its issuer; "" if it does not. The path
// is valid all the same, but OpenSSL does not accept it, and other programs do not accept a different key identifier.
func Misnames(c, issuer *cert.Certificate) string {
	id := authority(c)
	switch {
	case KeyIDs(c, issuer) < 0:
		return fmt.Sprintf("key identifier %x, not %x", c.AKI, issuer.SKI)
	case id.Serial != nil && id.Serial.Cmp(issuer.Serial) != 0:
		return fmt.Sprintf("serial number %x, not %x", id.Serial, issuer.Serial)
	}
	for _, n := range id.Issuer {
		named, err := name.Parse(n.Value)
		if n.Type == cert.DirectoryName && err == nil && !name.Equal(named, issuer.Issuer) {
			return fmt.Sprintf("issuer %q, not %q", named.String(), issuer.Issuer.String())
		}
	}
	return ""
}

// NamesSerial says that a certificate names its issuer by serial number: what takes that issuer's place has another one.
func NamesSerial(c *cert.Certificate) bool { return authority(c).Serial != nil }

// authority is the authority key identifier of a certificate; an empty one if it has none that can be read.
func authority(c *cert.Certificate) cert.AuthorityKeyID {
	if e := c.Extension(cert.IDAuthorityKeyID); e != nil {
		if id, err := cert.ParseAuthorityKeyID(e.Value); err == nil {
			return *id
		}
	}
	return cert.AuthorityKeyID{}
}

// MayHaveIssued tells whether names and key identifiers allow that one certificate issued the other.
func MayHaveIssued(issuer, c *cert.Certificate) bool {
	return name.Equal(issuer.Subject, c.Issuer) && KeyIDs(c, issuer) >= 0
}

// WithoutRoot leaves out the self-signed certificate at the end of a chain in DER: a peer that relies on the chain has the root already,
// or must not take it from there.
func WithoutRoot(chain [][]byte) [][]byte {
	if len(chain) == 0 {
		return nil
	}
	last := len(chain) - 1
	if c, err := cert.Parse(chain[last]); err == nil && SelfSigned(c) {
		return chain[:last]
	}
	return chain
}
