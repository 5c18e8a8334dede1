package pbe

import (
	"bytes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"strings"
	"sync"
)

// TraditionalCipher is a cipher of the traditional encryption of PEM, as OpenSSL names it in the header DEK-Info (RFC 1421, 4.6.1.3).
type TraditionalCipher struct {
	KeySize, BlockSize int // in bytes
	New                func(key []byte) (cipher.Block, error)
	mode               string // CBC, CFB or OFB
}

// traditionalCiphers are the ciphers by OpenSSL's names without the mode.
var traditionalCiphers = sync.OnceValue(func() map[string]cipherKind {
	return map[string]cipherKind{
		"AES-128": ciphers()[oidAES128CBC], "AES-192": ciphers()["2.16.840.1.101.3.4.1.22"], "AES-256": ciphers()[oidAES256CBC],
		"DES-EDE3": tripleDES, "DES-EDE": twoKeyDES, "DES": desCBC,
		"RC2": rc2Kind(16, 128), "RC2-64": rc2Kind(8, 64), "RC2-40": rc2Kind(5, 40),
	}
})

// FindTraditional finds a cipher by its name, such as "AES-256-CBC"; ok is false if it is not known.
func FindTraditional(name string) (c TraditionalCipher, ok bool) {
	at := strings.LastIndexByte(name, '-')
	if at < 0 {
		return c, false
	}
	base, mode := name[:at], name[at+1:]
	kind, ok := traditionalCiphers()[base]
	if !ok {
		kind, ok = exoticTraditional()[base]
	}
	ok = ok && (mode == "CBC" || mode == "CFB" || mode == "OFB")
	return TraditionalCipher{kind.keyLen, kind.block, kind.new, mode}, ok
}

// Decrypt decrypts data and removes the padding that CBC needs. The error wraps [ErrParse] or [ErrPassword];
// in the other modes a wrong password shows in the result alone.
func (c TraditionalCipher) Decrypt(data, key, iv []byte) ([]byte, error) {
	block, err := c.New(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrParse, err)
	}
	plain := make([]byte, len(data))
	if c.mode != "CBC" {
		feedback(block, iv, plain, data, c.mode == "CFB")
		return plain, nil
	}
	if len(data) == 0 || len(data)%c.BlockSize != 0 {
		return nil, fmt.Errorf("%w: %d bytes, a multiple of %d is needed", ErrParse, len(data), c.BlockSize)
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	return unpad(plain, c.BlockSize)
}

// feedback decrypts in OFB mode, or in CFB mode with whole blocks (NIST SP 800-38A, 6.3 and 6.4): the block that is encrypted next
// is the one that was XORed, or the ciphertext.
func feedback(block cipher.Block, iv, plain, data []byte, ciphertext bool) {
	register := bytes.Clone(iv)
	for len(data) > 0 {
		block.Encrypt(register, register)
		n := subtle.XORBytes(plain, data, register)
		if ciphertext {
			copy(register, data[:n])
		}
		plain, data = plain[n:], data[n:]
	}
}
