package key

import (
	"crypto"
	"crypto/rsa"
	"fmt"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// pssParams are RSASSA-PSS-params (RFC 4055, 3.1).
type pssParams struct {
	digest, mgf *oid.Digest
	salt        int
}

// maxSalt is above the salt of any key that is computed with.
const maxSalt = maxRSABits / 8

// parsePSS reads the parameters; absent fields have their defaults, SHA-1 and a salt of 20 bytes.
func parsePSS(der cryptobyte.String) (pssParams, error) {
	sha1 := oid.DigestOf(crypto.SHA1)
	p := pssParams{digest: sha1, mgf: sha1, salt: 20}
	var seq, field cryptobyte.String
	var err error
	if !der.ReadASN1(&seq, asn1.SEQUENCE) || !der.Empty() {
		return p, malformed("the RSASSA-PSS parameters are not a SEQUENCE")
	}
	if readField(&seq, 0, &field) {
		if p.digest, err = readDigest(field); err != nil {
			return p, err
		}
	}
	if readField(&seq, 1, &field) {
		mgf, err := oid.ReadAlgorithm(&field)
		if err != nil {
			return p, malformed("the RSASSA-PSS mask generation function: %w", err)
		}
		if mgf.OID != oid.MGF1 {
			return p, fmt.Errorf("%w RSASSA-PSS mask generation function %s", ErrUnsupported, mgf.OID)
		}
		if p.mgf, err = readDigest(mgf.Params); err != nil {
			return p, err
		}
	}
	if p.salt, err = readSalt(&seq); err != nil {
		return p, err
	}
	trailer := 1
	if readField(&seq, 3, &field) && (!field.ReadASN1Integer(&trailer) || trailer != 1) {
		return p, malformed("the RSASSA-PSS trailer field is not 1")
	}
	if !seq.Empty() {
		return p, malformed("the RSASSA-PSS parameters have an unknown field")
	}
	return p, nil
}

func readSalt(seq *cryptobyte.String) (int, error) {
	var field cryptobyte.String
	if !readField(seq, 2, &field) {
		return 20, nil
	}
	var salt int64
	if !field.ReadASN1Integer(&salt) || salt < 0 || salt > maxSalt {
		return 0, malformed("the RSASSA-PSS salt length is out of range")
	}
	return int(salt), nil
}

// readField reads an explicitly tagged field if it is there.
func readField(seq *cryptobyte.String, number int, field *cryptobyte.String) bool {
	tag := asn1.Tag(number).Constructed().ContextSpecific()
	return seq.PeekASN1Tag(tag) && seq.ReadASN1(field, tag)
}

func readDigest(der cryptobyte.String) (*oid.Digest, error) {
	a, err := oid.ReadAlgorithm(&der)
	if err != nil {
		return nil, malformed("a digest of the RSASSA-PSS parameters: %w", err)
	}
	if d := oid.DigestByOID(a.OID); d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("%w digest %s", ErrUnsupported, a.OID)
}

// verifyPSS checks RSASSA-PSS (RFC 8017, 8.1.2) by an RSA key or a key restricted to RSASSA-PSS (RFC 4055, 3.3).
func verifyPSS(public *PublicKey, a oid.Algorithm, message, signature []byte) error {
	p, err := parsePSS(a.Params)
	if err != nil {
		return err
	}
	pub, ok := public.Key.(*rsa.PublicKey)
	if !ok {
		return verdict(false, false, a)
	}
	if r := public.pss; r != nil && (r.digest != p.digest || r.mgf != p.mgf || p.salt < r.salt) {
		return fmt.Errorf("%w: the key is restricted to other RSASSA-PSS parameters", ErrSignature)
	}
	switch {
	case p.digest != p.mgf:
		return fmt.Errorf("%w: RSASSA-PSS with different digests for message and mask", ErrUnsupported)
	case p.salt == 0: // which crypto/rsa takes for any length
		return fmt.Errorf("%w: RSASSA-PSS without a salt", ErrUnsupported)
	}
	err = rsa.VerifyPSS(pub, p.digest.Hash, p.digest.Sum(message), signature, &rsa.PSSOptions{SaltLength: p.salt})
	return verdict(true, err == nil, a)
}
