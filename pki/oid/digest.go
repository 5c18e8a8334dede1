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
	{crypto.MD5, "1.2.840.113549.2.5", "1.2.840.113549.2.6"},
	{crypto.SHA1, "1.3.14.3.2.26", "1.2.840.113549.2.7"},
	{crypto.SHA224, "2.16.840.1.101.3.4.2.4", "1.2.840.113549.2.8"},
	{crypto.SHA256, "2.16.840.1.101.3.4.2.1", "1.2.840.113549.2.9"},
	{crypto.SHA384, "2.16.840.1.101.3.4.2.2", "1.2.840.113549.2.10"},
	{crypto.SHA512, "2.16.840.1.101.3.4.2.3", "1.2.840.113549.2.11"},
	{crypto.SHA512_224, "2.16.840.1.101.3.4.2.5", "1.2.840.113549.2.12"},
	{crypto.SHA512_256, "2.16.840.1.101.3.4.2.6", "1.2.840.113549.2.13"},
	{crypto.SHA3_224, "2.16.840.1.101.3.4.2.7", "2.16.840.1.101.3.4.2.13"},
	{crypto.SHA3_256, "2.16.840.1.101.3.4.2.8", "2.16.840.1.101.3.4.2.14"},
	{crypto.SHA3_384, "2.16.840.1.101.3.4.2.9", "2.16.840.1.101.3.4.2.15"},
	{crypto.SHA3_512, "2.16.840.1.101.3.4.2.10", "2.16.840.1.101.3.4.2.16"},
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
