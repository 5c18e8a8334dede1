package pbe

import (
	"crypto/cipher"
	"crypto/rc4"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
)

// scheme is a parsed AlgorithmIdentifier: how the key is derived and what is done with it.
type scheme struct {
	oid, name string
	kdf       kdf
	cipher    cipherKind
	iv        []byte // of PBES2; derived in the other schemes
	tagSize   int    // of GCM
	split     bool   // PBES1: one derivation gives key and IV
}

// String names the scheme with its parts, for errors.
func (s *scheme) String() string {
	if s.oid != oidPBES2 {
		return fmt.Sprintf("%s (%s)", s.oid, s.name)
	}
	d := Description{}
	s.kdf.describe(&d)
	return fmt.Sprintf("%s (PBES2, %s, %s)", s.oid, strings.Join(nonEmpty(d.KDF, d.PRF), " with "), s.cipher.name)
}

func nonEmpty(list ...string) []string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// keys derives the cipher's key and initialization vector.
func (s *scheme) keys(password []byte, encoding Encoding) (key, iv []byte, err error) {
	if s.split {
		return s.splitKeys(password, encoding)
	}
	key, err = s.kdf.derive(password, encoding, purposeKey, s.cipher.keyLen)
	if err != nil || s.iv != nil || s.cipher.block == 0 {
		return key, s.iv, err
	}
	iv, err = s.kdf.derive(password, encoding, purposeIV, s.cipher.block)
	return key, iv, err
}

// splitKeys takes key and initialization vector of PBES1 from one derivation (RFC 8018, section 6.1.1). NSS, which uses the BMPString here,
// takes the vector from the digest's end, which is the same place with MD5 and another one with SHA-1.
func (s *scheme) splitKeys(password []byte, encoding Encoding) (key, iv []byte, err error) {
	size := s.cipher.keyLen + s.cipher.block
	if encoding == EncodingBMP {
		size = s.kdf.(pbkdf1).digest.Size()
	}
	both, err := s.kdf.derive(password, encoding, purposeKey, size)
	if err != nil {
		return nil, nil, err
	}
	return both[:s.cipher.keyLen], both[size-s.cipher.block:], nil
}

func (s *scheme) decrypt(b *Budget, ciphertext, password []byte, encoding Encoding) ([]byte, error) {
	if err := s.checkCiphertext(ciphertext); err != nil {
		return nil, err
	}
	if err := b.Spend(s.work()); err != nil {
		return nil, err
	}
	key, iv, err := s.keys(password, encoding)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	switch s.cipher.mode {
	case modeRC4:
		return s.rc4(key, ciphertext)
	case modeGCM:
		aead, err := s.gcm(key)
		if err != nil {
			return nil, err
		}
		plain, err := aead.Open(nil, iv, ciphertext, nil)
		if err != nil {
			return nil, ErrPassword
		}
		return plain, nil
	}
	return s.openCBC(key, iv, ciphertext)
}

// checkCiphertext finds what no password can open, before anything is derived.
func (s *scheme) checkCiphertext(ciphertext []byte) error {
	if s.cipher.mode == modeCBC && (len(ciphertext) == 0 || len(ciphertext)%s.cipher.block != 0) {
		return fmt.Errorf("%w: %d bytes of ciphertext, a multiple of %d is needed", ErrParse, len(ciphertext), s.cipher.block)
	}
	return nil
}

func (s *scheme) encrypt(plain, password []byte) ([]byte, error) {
	key, iv, err := s.keys(password, EncodingStandard)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	if s.cipher.mode != modeCBC {
		return nil, errors.New("only CBC modes are written") // unreachable: no written scheme has another
	}
	block, err := s.cipher.new(key)
	if err != nil {
		return nil, err
	}
	padding := s.cipher.block - len(plain)%s.cipher.block
	out := make([]byte, len(plain)+padding)
	for i := copy(out, plain); i < len(out); i++ {
		out[i] = byte(padding)
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return out, nil
}

func (s *scheme) openCBC(key, iv, ciphertext []byte) ([]byte, error) {
	block, err := s.cipher.new(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrParse, err)
	}
	plain := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, ciphertext)
	return unpad(plain, s.cipher.block)
}

// unpad removes the padding of RFC 8018, section 6.1.1.
func unpad(plain []byte, block int) ([]byte, error) {
	n := int(plain[len(plain)-1])
	if n < 1 || n > block || n > len(plain) {
		return nil, ErrPassword
	}
	want := make([]byte, n)
	for i := range want {
		want[i] = byte(n)
	}
	if subtle.ConstantTimeCompare(plain[len(plain)-n:], want) != 1 {
		return nil, ErrPassword
	}
	return plain[:len(plain)-n], nil
}

func (s *scheme) gcm(key []byte) (cipher.AEAD, error) {
	block, err := s.cipher.new(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrParse, err)
	}
	var aead cipher.AEAD
	if len(s.iv) == 12 {
		aead, err = cipher.NewGCMWithTagSize(block, s.tagSize)
	} else {
		aead, err = cipher.NewGCMWithNonceSize(block, len(s.iv)) // checked when parsing: the tag is 16 bytes here
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrParse, err)
	}
	return aead, nil
}

func (s *scheme) rc4(key, in []byte) ([]byte, error) {
	stream, err := rc4.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrParse, err)
	}
	out := make([]byte, len(in))
	stream.XORKeyStream(out, in)
	return out, nil
}
