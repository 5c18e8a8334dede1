package issue

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/mldsa"
	"crypto/rsa"
	"fmt"

	"certkdb/pki"
)

// Limits of RSA keys that are certified: below, they are factored; above, they only slow their users down.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// checkKey refuses public keys that nobody should certify. With fips, it also refuses those that FIPS 186-5 and FIPS 204
// do not approve for new signatures.
func checkKey(public crypto.PublicKey, fips bool) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("%w: an RSA key of %d bits; %d to %d are certified", pki.ErrRefused, bits, minRSABits, maxRSABits)
		}
		if k.E < 3 || k.E&1 == 0 {
			return fmt.Errorf("%w: an RSA key with the exponent %d", pki.ErrRefused, k.E)
		}
		if fips && k.E < 1<<16+1 {
			return fmt.Errorf("%w: an RSA key with the exponent %d, which must be 65537 at least (FIPS 186-5, 5.1)", pki.ErrFIPS, k.E)
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P224() {
			return fmt.Errorf("%w: a key on the curve P-224 has fewer than 128 bits of security", pki.ErrRefused)
		}
	case ed25519.PublicKey, *mldsa.PublicKey:
	default:
		return fmt.Errorf("%w: a key of type %T cannot be certified; there are RSA, P-256, P-384, P-521, Ed25519 and ML-DSA", pki.ErrRefused,
			public)
	}
	return checkFIPSModule(fips)
}

// certifiable says whether certificates are issued for keys of this type.
func certifiable(public crypto.PublicKey) bool {
	switch public.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, *mldsa.PublicKey:
		return true
	}
	return false
}

// checkFIPSModule makes sure that what is asked for under FIPS 140-3 is done by Go's module.
func checkFIPSModule(fips bool) error {
	if fips && !fips140.Enabled() {
		return fmt.Errorf("%w: Go's FIPS 140-3 module is off; start the program with GODEBUG=fips140=on", pki.ErrFIPS)
	}
	return nil
}
