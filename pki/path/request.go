package path

import (
	"errors"
	"fmt"

	"certkdb/pki/cert"
)

// VerifyRequest verifies the signature of a PKCS #10 request by the key in it (RFC 2986, 4.2), which proves that whoever asks has the
// private key. Digests below SHA-1 prove nothing.
func VerifyRequest(r *cert.Request) error {
	const what = "its signature does not verify with its own key"
	a := r.SignatureAlgorithm
	if d := signatureDigest(a); d != nil && d.bits < digestSHA1.bits {
		return fmt.Errorf("%s: the digest of %s is too weak", what, a.Name)
	}
	err := verify(readKey(r.RawSPKI, publicKey{}), a, r.RawTBS, r.Signature)
	if err == errSignature {
		return errors.New(what)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
