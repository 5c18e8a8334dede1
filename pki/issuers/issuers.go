package issuers

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/name"
)

// Limits on the work for a chain: certificates in it, and the RSA modulus that is computed with.
const (
	maxChain    = 16
	hugeRSABits = 16384
)

// Chain puts together the chain of a certificate out of a pool: the certificate first, each followed by its issuer. It
// ends with a self-issued one, or where the pool has no issuer; then complete is false and the issuer of the last
// certificate is what is missing. It is for keeping a certificate together with its issuers, and says nothing of validity:
// that is the path validator's.
func Chain(leaf *cert.Certificate, pool []*cert.Certificate, now time.Time) (chain []*cert.Certificate, complete bool) {
	chain = []*cert.Certificate{leaf}
	for last := leaf; len(chain) < maxChain; last = chain[len(chain)-1] {
		if name.Equal(last.Subject, last.Issuer) && (len(last.AKI) == 0 || bytes.Equal(last.AKI, last.SKI)) {
			return chain, true
		}
		issuer := issuerOf(last, pool, now)
		if issuer == nil || slices.ContainsFunc(chain, func(c *cert.Certificate) bool { return bytes.Equal(c.Raw, issuer.Raw) }) {
			return chain, false
		}
		chain = append(chain, issuer)
	}
	return chain, false
}

// issuerOf finds the best issuer: by name; with the key that signed, where Go can tell; and of these one that is valid
// now, and the one that stays so the longest.
func issuerOf(c *cert.Certificate, pool []*cert.Certificate, now time.Time) *cert.Certificate {
	var best *cert.Certificate
	bestRank := -1
	for _, candidate := range pool {
		if !name.Equal(c.Issuer, candidate.Subject) {
			continue
		}
		rank, ok := rankIssuer(c, candidate, now)
		if ok && (rank > bestRank || rank == bestRank && candidate.NotAfter.After(best.NotAfter)) {
			best, bestRank = candidate, rank
		}
	}
	return best
}

// rankIssuer tells how well a certificate of the right name fits as issuer; not ok is not at all.
func rankIssuer(c, candidate *cert.Certificate, now time.Time) (rank int, ok bool) {
	switch signed, known := signedBy(c, candidate); {
	case known && !signed:
		return 0, false
	case known:
		rank += 4
	case len(c.AKI) > 0 && len(candidate.SKI) > 0 && !bytes.Equal(c.AKI, candidate.SKI):
		return 0, false
	}
	if len(c.AKI) > 0 && bytes.Equal(c.AKI, candidate.SKI) {
		rank += 2
	}
	if !now.Before(candidate.NotBefore) && !now.After(candidate.NotAfter) {
		rank++
	}
	return rank, true
}

// signedBy verifies the signature; known is false where Go cannot read the certificate or does not know the algorithm.
func signedBy(c, candidate *cert.Certificate) (signed, known bool) {
	child, err := x509.ParseCertificate(c.Raw)
	if err != nil {
		return false, false
	}
	if candidate.Key().Bits > hugeRSABits {
		return false, false
	}
	public, err := x509.ParsePKIXPublicKey(candidate.RawSPKI)
	if err != nil || child.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		return false, false
	}
	issuer := &x509.Certificate{PublicKey: public}
	err = issuer.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	if _, insecure := errors.AsType[x509.InsecureAlgorithmError](err); insecure || errors.Is(err, x509.ErrUnsupportedAlgorithm) {
		return false, false
	}
	return err == nil, true
}
