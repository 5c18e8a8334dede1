package path

import (
	"cmp"
	"errors"
	"fmt"

	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/oid"
)

var errUnaligned = fmt.Errorf("%w: it is not a whole number of bytes", key.ErrSignature)

// publicKey is a certificate's key made ready for verifying signatures, or why it cannot be used.
type publicKey struct {
	*key.PublicKey
	err error
}

func readKey(spki []byte) publicKey {
	k, err := key.ParsePublic(spki)
	return publicKey{k, err}
}

// inherits tells a DSA key whose parameters are those of the issuer's key.
func (k publicKey) inherits() bool { return k.err == nil && k.LacksParams() }

// from completes the key with the parameters of the issuer's key (RFC 5280, 6.1.4 (f)).
func (k publicKey) from(issuer publicKey) publicKey {
	whole, err := k.Inherit(issuer.PublicKey)
	return publicKey{whole, err}
}

func (k publicKey) isDSA() bool { return k.PublicKey != nil && k.OID == oid.DSA }

func (k publicKey) verify(a oid.Algorithm, message, signature []byte) error {
	if k.err != nil {
		return k.err
	}
	return key.Verify(k.PublicKey, a, message, signature)
}

// CheckSignature checks what the key of a certificate has signed other than certificates and CRLs. It refuses digests that are too weak
// and keys that do not fit. Whether the certificate may sign it is for the caller to check.
func CheckSignature(signer *cert.Certificate, a oid.Algorithm, message, signature []byte, w Weak) error {
	k := readKey(signer.RawSPKI)
	if k.isDSA() && !w.AllowDSA {
		return errors.New("it is signed by a DSA key, which is not accepted")
	}
	if d := key.SignatureDigest(a); d != nil && d.Bits() < cmp.Or(w.MinHash, 160) {
		return fmt.Errorf("its signature's digest %s is too weak", d)
	}
	return k.verify(a, message, signature)
}
