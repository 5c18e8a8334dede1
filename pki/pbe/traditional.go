package pbe

import "crypto/cipher"

// BlockCipher is a cipher of the traditional encryption of PEM, which OpenSSL uses in CBC mode.
type BlockCipher struct {
	KeySize, BlockSize int // in bytes
	New                func(key []byte) (cipher.Block, error)
}

// TraditionalCipher finds a cipher by the name that OpenSSL gives it in the header DEK-Info (RFC 1421, 4.6.1.3), such as
// "AES-256-CBC"; ok is false if it is not known.
func TraditionalCipher(name string) (c BlockCipher, ok bool) {
	kind, ok := map[string]cipherKind{
		"AES-128-CBC": cipherByOID[oidAES128CBC], "AES-192-CBC": cipherByOID["2.16.840.1.101.3.4.1.22"], "AES-256-CBC": cipherByOID[oidAES256CBC],
		"CAMELLIA-128-CBC": cipherByOID["1.2.392.200011.61.1.1.1.2"], "CAMELLIA-192-CBC": cipherByOID["1.2.392.200011.61.1.1.1.3"],
		"CAMELLIA-256-CBC": cipherByOID["1.2.392.200011.61.1.1.1.4"],
		"DES-EDE3-CBC":     tripleDES, "DES-EDE-CBC": twoKeyDES, "DES-CBC": desCBC,
		"BF-CBC": blowfishCBC, "CAST5-CBC": cast5CBC, "RC2-CBC": rc2Of128, "RC2-64-CBC": rc2Of64, "RC2-40-CBC": rc2Of40,
	}[name]
	return BlockCipher{kind.keyLen, kind.block, kind.new}, ok
}
