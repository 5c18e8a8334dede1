package path

import (
	"errors"
	"fmt"

	"certkdb/pki/cert"
	"certkdb/pki/key"
)

// VerifyRequest verifies the signature of a PKCS #10 request by the key in it (RFC 2986, 4.2), which proves that the requester has the
// private key. Digests below SHA-1 prove nothing.
func VerifyRequest(r *cert.Request) error {
	const what = "its signature does not verify with its own key"
	a := r.SignatureAlgorithm
	if d := key.SignatureDigest(a); d != nil && d.Bits() < 160 {
		return fmt.Errorf("its signature proves nothing: the digest of %s is too weak", a.Name)
	}
	err := readKey(r.RawSPKI).verify(a, r.RawTBS, r.Signature)
	if err == key.ErrSignature {
		return errors.New(what)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
