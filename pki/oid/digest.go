package oid

import (
	"crypto"
	_ "crypto/md5" // the digests of the table
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha3"
	_ "crypto/sha512"
)

// Digest is a hash function with its identifiers.
type Digest struct {
	crypto.Hash
	OID  string
	HMAC string // identifier of HMAC with it
}

// Bits is the length of its output.
func (d *Digest) Bits() int { return 8 * d.Size() }

// Sum hashes a message.
func (d *Digest) Sum(message []byte) []byte {
	h := d.New()
	h.Write(message)
	return h.Sum(nil)
}

// Digests are MD5 (RFC 3279, 2.2.1), SHA-1 and SHA-2 (RFC 4055, 2.1; RFC 8017, B.1) and SHA-3 (NIST CSOR). The HMACs are those of
// RFC 8018, B.1.1 and NIST CSOR. The table is only read.
var Digests = [...]*Digest{
	{crypto.MD5, MD5, HMACWithMD5},
	{crypto.SHA1, SHA1, HMACWithSHA1},
	{crypto.SHA224, SHA224, HMACWithSHA224},
	{crypto.SHA256, SHA256, HMACWithSHA256},
	{crypto.SHA384, SHA384, HMACWithSHA384},
	{crypto.SHA512, SHA512, HMACWithSHA512},
	{crypto.SHA512_224, SHA512Of224, HMACWithSHA512Of224},
	{crypto.SHA512_256, SHA512Of256, HMACWithSHA512Of256},
	{crypto.SHA3_224, SHA3Of224, HMACWithSHA3Of224},
	{crypto.SHA3_256, SHA3Of256, HMACWithSHA3Of256},
	{crypto.SHA3_384, SHA3Of384, HMACWithSHA3Of384},
	{crypto.SHA3_512, SHA3Of512, HMACWithSHA3Of512},
}

// DigestOf finds a digest by Go's number, nil if it is not in the table.
func DigestOf(h crypto.Hash) *Digest {
	return findDigest(func(d *Digest) bool { return d.Hash == h })
}

// DigestByOID finds a digest by its identifier, nil if it is not in the table.
func DigestByOID(dotted string) *Digest {
	return findDigest(func(d *Digest) bool { return d.OID == dotted })
}

// DigestByHMAC finds a digest by the identifier of its HMAC, nil if it is not in the table.
func DigestByHMAC(dotted string) *Digest {
	return findDigest(func(d *Digest) bool { return d.HMAC == dotted })
}

func findDigest(is func(*Digest) bool) *Digest {
	for _, d := range Digests {
		if is(d) {
			return d
		}
	}
	return nil
}
