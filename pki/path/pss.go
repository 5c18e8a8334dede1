package path

import (
	"bytes"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// pssParams are RSASSA-PSS-params (RFC 4055, 3.1).
type pssParams struct {
	digest, mgf *digest
	salt        int
}

// maxSalt is above the salt of any key that is processed.
const maxSalt = maxRSA / 8

// parsePSS reads the parameters; absent fields have their defaults, SHA-1 and a salt of 20 bytes.
func parsePSS(der cryptobyte.String) (pssParams, error) {
	p := pssParams{digest: digestSHA1, mgf: digestSHA1, salt: 20}
	var seq, field, mgf, id cryptobyte.String
	var err error
	if !der.ReadASN1(&seq, asn1.SEQUENCE) || !der.Empty() {
		return p, errors.New("the RSASSA-PSS parameters are no SEQUENCE")
	}
	if readField(&seq, 0, &field) {
		if p.digest, err = readDigest(field); err != nil {
			return p, err
		}
	}
	if readField(&seq, 1, &field) {
		if !field.ReadASN1(&mgf, asn1.SEQUENCE) || !mgf.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
			return p, errors.New("the RSASSA-PSS mask generation function cannot be read")
		}
		if dotted, err := oid.Decode(id); err != nil || dotted != "1.2.840.113549.1.1.8" {
			return p, fmt.Errorf("%w RSASSA-PSS mask generation function %s", errUnsupported, dotted)
		}
		if p.mgf, err = readDigest(mgf); err != nil {
			return p, err
		}
	}
	if readField(&seq, 2, &field) {
		salt := new(big.Int)
		if !field.ReadASN1Integer(salt) || salt.Sign() < 0 || salt.BitLen() > 31 || salt.Int64() > maxSalt {
			return p, errors.New("the RSASSA-PSS salt length is out of range")
		}
		p.salt = int(salt.Int64())
	}
	if readField(&seq, 3, &field) {
		trailer := 0
		if !field.ReadASN1Integer(&trailer) || trailer != 1 {
			return p, errors.New("the RSASSA-PSS trailer field is not 1")
		}
	}
	if !seq.Empty() {
		return p, errors.New("the RSASSA-PSS parameters have an unknown field")
	}
	return p, nil
}

// readField reads an explicitly tagged field if it is there.
func readField(seq *cryptobyte.String, number int, field *cryptobyte.String) bool {
	tag := asn1.Tag(number).Constructed().ContextSpecific()
	return seq.PeekASN1Tag(tag) && seq.ReadASN1(field, tag)
}

func readDigest(der cryptobyte.String) (*digest, error) {
	var seq, id cryptobyte.String
	if !der.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
		return nil, errors.New("a digest of the RSASSA-PSS parameters cannot be read")
	}
	dotted, err := oid.Decode(id)
	if err != nil {
		return nil, err
	}
	for _, d := range digests {
		if d.oid == dotted {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%w digest %s", errUnsupported, dotted)
}

// verifyPSS checks RSASSA-PSS (RFC 8017, 8.1.2) by an RSA key or a key restricted to RSASSA-PSS (RFC 4055, 3.3).
func verifyPSS(key publicKey, a oid.Algorithm, message, signature []byte) error {
	p, err := parsePSS(a.Params)
	if err != nil {
		return err
	}
	pub, ok := key.key.(*rsa.PublicKey)
	if !ok {
		return verdict(false, false, a)
	}
	if r := key.pss; r != nil && (r.digest != p.digest || r.mgf != p.mgf || p.salt < r.salt) {
		return fmt.Errorf("%w: the RSASSA-PSS parameters are not those that the issuer's key is restricted to", errSignature)
	}
	if p.digest != p.mgf {
		return fmt.Errorf("%w: RSASSA-PSS with different digests for message and mask", errUnsupported)
	}
	err = rsa.VerifyPSS(pub, p.digest.id, sum(p.digest, message), signature, &rsa.PSSOptions{SaltLength: pssSalt(p.salt)})
	return verdict(true, err == nil && (p.salt > 0 || saltFree(pub, p.digest, signature)), a)
}

// saltFree tells that a signature, which is right, has no salt: the data block is zeros and a one (RFC 8017, 9.1.2).
func saltFree(pub *rsa.PublicKey, d *digest, signature []byte) bool {
	bits := pub.N.BitLen() - 1
	encoded := new(big.Int).Exp(new(big.Int).SetBytes(signature), big.NewInt(int64(pub.E)), pub.N).FillBytes(make([]byte, (bits+7)/8))
	block := encoded[:len(encoded)-d.bits/8-1]
	for i, m := range maskOf(d, encoded[len(block):len(encoded)-1], len(block)) {
		block[i] ^= m
	}
	block[0] &= 0xff >> (8*len(encoded) - bits)
	last := len(block) - 1
	return block[last] == 1 && len(bytes.TrimLeft(block[:last], "\x00")) == 0
}

// maskOf is MGF1 (RFC 8017, B.2.1).
func maskOf(d *digest, seed []byte, length int) []byte {
	var mask []byte
	for counter := uint32(0); len(mask) < length; counter++ {
		mask = append(mask, sum(d, binary.BigEndian.AppendUint32(bytes.Clone(seed), counter))...)
	}
	return mask[:length]
}

// pssSalt spells the salt length for crypto/rsa, to which 0 means any; -1 there means the digest's length.
func pssSalt(length int) int {
	if length == 0 {
		return rsa.PSSSaltLengthAuto
	}
	return length
}

// digestInfo encodes DigestInfo (RFC 8017, A.2.4).
func digestInfo(d *digest, hashed []byte) []byte {
	id, err := oid.Encode(d.oid)
	if err != nil {
		return nil // unreachable: the identifiers are constants
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(id) })
			b.AddASN1NULL()
		})
		b.AddASN1OctetString(hashed)
	})
	return b.BytesOrPanic()
}
