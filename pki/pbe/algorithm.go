package pbe

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"fmt"
	"sync"

	"certkdb/pki/oid"
)

// The identifiers that decide how parameters are read (RFC 8018, appendix C; RFC 7914, section 7; RFC 9579).
const (
	oidPBKDF2 = "1.2.840.113549.1.5.12"
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBMAC1 = "1.2.840.113549.1.5.14"
	oidScrypt = "1.3.6.1.4.1.11591.4.11"
	oidSHA1   = oid.SHA1
	oidSHA256 = oid.SHA256

	oidHMACSHA1   = oid.HMACWithSHA1
	oidHMACSHA256 = oid.HMACWithSHA256
	oidAES128CBC  = "2.16.840.1.101.3.4.1.2"
	oidAES256CBC  = "2.16.840.1.101.3.4.1.42"
	oidRC2CBC     = "1.2.840.113549.3.2"

	oidPBETripleDES = "1.2.840.113549.1.12.1.3"
	// oidGSKit is pbeWithSHA1AndTripleDES-CBC of a draft of PKCS #12. IBM's GSKit writes it.
	oidGSKit      = "1.2.840.113549.1.12.5.1.3"
	oidPBERC2of40 = "1.2.840.113549.1.12.1.6"
)

var (
	md5Digest  = oid.DigestOf(crypto.MD5)
	sha1Digest = oid.DigestOf(crypto.SHA1)
)

// digestByOID finds a digest, nil if it is not known.
func digestByOID(id string) *oid.Digest {
	if d := oid.DigestByOID(id); d != nil {
		return d
	}
	return exoticDigests()[id]
}

// hmacByOID finds the digest of an HMAC, nil if it is not known. The identifiers of IPsec (RFC 8018 has none for MD5) occur too.
func hmacByOID(id string) *oid.Digest {
	switch id {
	case "1.3.6.1.5.5.8.1.1":
		return md5Digest
	case "1.3.6.1.5.5.8.1.2":
		return sha1Digest
	}
	return oid.DigestByHMAC(id)
}

// cost is how much slower a digest is than SHA-256 with the processor's help.
func cost(d *oid.Digest) int {
	switch d.Hash {
	case crypto.MD4, crypto.MD5, crypto.SHA1, crypto.SHA224, crypto.SHA256:
		return 1
	case crypto.SHA3_224, crypto.SHA3_256, crypto.SHA3_384, crypto.SHA3_512:
		return 5
	}
	return 4
}

// mode is how a cipher is used.
type mode uint8

const (
	modeCBC mode = iota
	modeGCM
	modeRC4
)

// cipherKind is a cipher with its key length and how its parameters and key are read.
type cipherKind struct {
	name   string
	mode   mode
	keyLen int
	block  int
	weak   bool
	new    func(key []byte) (cipher.Block, error)
}

var (
	desCBC    = cipherKind{"DES-CBC", modeCBC, 8, des.BlockSize, true, des.NewCipher}
	tripleDES = cipherKind{"3DES-CBC", modeCBC, 24, des.BlockSize, true, des.NewTripleDESCipher}
	twoKeyDES = cipherKind{"2-key 3DES-CBC", modeCBC, 16, des.BlockSize, true, newTwoKeyDES}
	rc4Of128  = cipherKind{"RC4-128", modeRC4, 16, 0, true, nil}
	rc4Of40   = cipherKind{"RC4-40", modeRC4, 5, 0, true, nil}
)

// ciphers are those of PBES2, except for the exotic ones.
var ciphers = sync.OnceValue(func() map[string]cipherKind {
	return map[string]cipherKind{
		oid.DESCBC: desCBC, oid.TripleDESCBC: tripleDES,
		oidAES128CBC:              {"AES-128-CBC", modeCBC, 16, aes.BlockSize, false, aes.NewCipher},
		"2.16.840.1.101.3.4.1.22": {"AES-192-CBC", modeCBC, 24, aes.BlockSize, false, aes.NewCipher},
		oidAES256CBC:              {"AES-256-CBC", modeCBC, 32, aes.BlockSize, false, aes.NewCipher},
		"2.16.840.1.101.3.4.1.6":  {"AES-128-GCM", modeGCM, 16, aes.BlockSize, false, aes.NewCipher},
		"2.16.840.1.101.3.4.1.26": {"AES-192-GCM", modeGCM, 24, aes.BlockSize, false, aes.NewCipher},
		"2.16.840.1.101.3.4.1.46": {"AES-256-GCM", modeGCM, 32, aes.BlockSize, false, aes.NewCipher},
	}
})

// cipherByOID finds a cipher of PBES2.
func cipherByOID(id string) (c cipherKind, ok bool) {
	if c, ok = ciphers()[id]; !ok {
		c, ok = exoticCiphers()[id]
	}
	return c, ok
}

func newTwoKeyDES(key []byte) (cipher.Block, error) {
	return des.NewTripleDESCipher(append(append(make([]byte, 0, 24), key...), key[:8]...))
}

func rc2Kind(keyLen, effectiveBits int) cipherKind {
	return cipherKind{fmt.Sprintf("RC2-%d-CBC", effectiveBits), modeCBC, keyLen, rc2BlockSize, true, func(key []byte) (cipher.Block, error) {
		return newRC2(key, effectiveBits), nil
	}}
}

// combined is a scheme whose identifier fixes digest and cipher.
type combined struct {
	name   string
	digest *oid.Digest
	cipher cipherKind
}

// pbes1 holds the schemes of RFC 8018, appendix A.3.
var pbes1 = sync.OnceValue(func() map[string]combined {
	return map[string]combined{
		oid.PBEWithMD5AndDES:    {"pbeWithMD5AndDES-CBC", md5Digest, desCBC},
		"1.2.840.113549.1.5.6":  {"pbeWithMD5AndRC2-CBC", md5Digest, rc2Kind(8, 64)},
		"1.2.840.113549.1.5.10": {"pbeWithSHA1AndDES-CBC", sha1Digest, desCBC},
		"1.2.840.113549.1.5.11": {"pbeWithSHA1AndRC2-CBC", sha1Digest, rc2Kind(8, 64)},
	}
})

// pkcs12 holds the schemes of RFC 7292, appendix C.
var pkcs12 = sync.OnceValue(func() map[string]combined {
	return map[string]combined{
		"1.2.840.113549.1.12.1.1": {"pbeWithSHAAnd128BitRC4", sha1Digest, rc4Of128},
		"1.2.840.113549.1.12.1.2": {"pbeWithSHAAnd40BitRC4", sha1Digest, rc4Of40},
		oidPBETripleDES:           {"pbeWithSHAAnd3-KeyTripleDES-CBC", sha1Digest, tripleDES},
		"1.2.840.113549.1.12.1.4": {"pbeWithSHAAnd2-KeyTripleDES-CBC", sha1Digest, twoKeyDES},
		"1.2.840.113549.1.12.1.5": {"pbeWithSHAAnd128BitRC2-CBC", sha1Digest, rc2Kind(16, 128)},
		oidPBERC2of40:             {"pbeWithSHAAnd40BitRC2-CBC", sha1Digest, rc2Kind(5, 40)},
	}
})

// gskitScheme is that of [GSKit]. It differs from pbeWithSHAAnd3-KeyTripleDES-CBC in the password alone.
var gskitScheme = combined{"pbeWithSHA1AndTripleDES-CBC", sha1Digest, tripleDES}

// knownNames names what is met in files and not implemented, so that errors can.
var knownNames = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"1.2.840.113549.1.5.1": "pbeWithMD2AndDES-CBC", "1.2.840.113549.1.5.4": "pbeWithMD2AndRC2-CBC",
		"1.3.6.1.4.1.1722.12.2.1.16": "BLAKE2b-512", "1.3.6.1.4.1.1722.12.2.2.8": "BLAKE2s-256",
		"1.2.840.113549.2.2": "MD2", "1.2.840.113549.3.9": "RC5-CBC-Pad", oid.RC4: "RC4",
		"1.2.410.200046.1.1.2": "ARIA-128-CBC",
		"1.2.410.200046.1.1.7": "ARIA-192-CBC", "1.2.410.200046.1.1.12": "ARIA-256-CBC",
		"1.2.410.200004.1.4": "SEED-CBC", "1.2.410.200004.1.15": "pbeWithSHA1AndSEED-CBC", "1.3.6.1.4.1.188.7.1.1.2": "IDEA-CBC",
		"1.2.156.10197.1.104.2": "SM4-CBC", "1.2.156.10197.1.401": "SM3", "1.2.156.10197.1.401.2": "HMAC-SM3",
		"1.2.643.2.2.9": "GOST R 34.11-94", "1.2.643.2.2.10": "HMAC-GOST R 34.11-94", "1.2.643.2.2.21": "GOST 28147-89",
		"1.2.643.7.1.1.2.2": "GOST R 34.11-2012 (256 bits)", "1.2.643.7.1.1.2.3": "GOST R 34.11-2012 (512 bits)",
		"1.2.643.7.1.1.4.1": "HMAC-GOST R 34.11-2012 (256 bits)", "1.2.643.7.1.1.4.2": "HMAC-GOST R 34.11-2012 (512 bits)",
		"1.2.643.7.1.1.5.1.1": "Magma-CTR-ACPKM", "1.2.643.7.1.1.5.2.1": "Kuznyechik-CTR-ACPKM",
		"1.0.10118.3.0.55": "Whirlpool", "2.16.840.1.101.3.4.1.1": "AES-128-ECB", "2.16.840.1.101.3.4.1.41": "AES-256-ECB",
		"2.16.840.1.101.3.4.1.3": "AES-128-OFB", "2.16.840.1.101.3.4.1.43": "AES-256-OFB",
		"2.16.840.1.101.3.4.1.4": "AES-128-CFB", "2.16.840.1.101.3.4.1.44": "AES-256-CFB",
		oidPBKDF2: "PBKDF2", oidPBES2: "PBES2", oidPBMAC1: "PBMAC1", oidScrypt: "scrypt", oidRC2CBC: "RC2-CBC",
	}
})

// nameOf returns the name of any identifier that this package has heard of, else "".
func nameOf(id string) string {
	if d := digestByOID(id); d != nil {
		return d.String()
	}
	if d := hmacByOID(id); d != nil {
		return "HMAC-" + d.String()
	}
	if c, ok := cipherByOID(id); ok {
		return c.name
	}
	if c, ok := pbes1()[id]; ok {
		return c.name
	}
	if c, ok := pkcs12()[id]; ok {
		return c.name
	}
	if id == oidGSKit {
		return gskitScheme.name
	}
	return knownNames()[id]
}

func unsupported(use, id string) error {
	if name := nameOf(id); name != "" {
		return fmt.Errorf("%w: %s %s (%s)", ErrUnsupported, use, id, name)
	}
	return fmt.Errorf("%w: %s %s", ErrUnsupported, use, id)
}
