// Package issuers answers who issued a certificate, and puts chains together out of the certificates that are at hand.
//
//	pool := issuers.NewPool(now, certificates...)
//	chain, complete := pool.Chain(leaf)
//
// It says nothing about validity: that is what package path decides.
package issuers

import (
	"bytes"

	"certkdb/pki/cert"
	"certkdb/pki/name"
)

// SelfIssued tells whether a certificate names itself as its issuer (RFC 5280, 3.2).
func SelfIssued(c *cert.Certificate) bool {
	return name.Equal(c.Subject, c.Issuer)
}

// SelfSigned tells by names and key identifiers whether a certificate is signed with its own key, as a root is. A CA that changes its key
// certifies the new one with the old one: that certificate is self-issued but not self-signed (RFC 5280, 3.2).
func SelfSigned(c *cert.Certificate) bool {
	return SelfIssued(c) && KeyIDs(c, c) >= 0
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
