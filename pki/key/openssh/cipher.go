package openssh

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	//lint:ignore SA1019 bcrypt is made of it, and OpenSSH's keys are protected by bcrypt
	"golang.org/x/crypto/blowfish"
	"golang.org/x/crypto/chacha20"

	//lint:ignore SA1019 OpenSSH combines ChaCha20 and Poly1305 in its own way, which no AEAD does
	"golang.org/x/crypto/poly1305"
)

// sealing is a cipher of private keys: the sizes of its key, initialization vector and tag, and how it decrypts.
type sealing struct {
	key, iv, tag int
	open         func(key, iv, sealed, tag []byte) ([]byte, error)
}

// ciphers are those that ssh-keygen offers (OpenSSH's cipher.c).
var ciphers = sync.OnceValue(func() map[string]sealing {
	return map[string]sealing{
		"aes128-ctr":                    {16, 16, 0, openCTR},
		"aes192-ctr":                    {24, 16, 0, openCTR},
		"aes256-ctr":                    {32, 16, 0, openCTR},
		"aes128-cbc":                    {16, 16, 0, openCBC(aes.NewCipher)},
		"aes192-cbc":                    {24, 16, 0, openCBC(aes.NewCipher)},
		"aes256-cbc":                    {32, 16, 0, openCBC(aes.NewCipher)},
		"3des-cbc":                      {24, 8, 0, openCBC(des.NewTripleDESCipher)},
		"aes128-gcm@openssh.com":        {16, 12, 16, openGCM},
		"aes256-gcm@openssh.com":        {32, 12, 16, openGCM},
		"chacha20-poly1305@openssh.com": {64, 0, 16, openChaCha},
	}
})

var errSealed = errors.New("the tag or the length is wrong")

func openCTR(key, iv, sealed, _ []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err // unreachable: the sizes fit
	}
	plain := make([]byte, len(sealed))
	cipher.NewCTR(block, iv).XORKeyStream(plain, sealed)
	return plain, nil
}

func openCBC(newBlock func(key []byte) (cipher.Block, error)) func(key, iv, sealed, tag []byte) ([]byte, error) {
	return func(key, iv, sealed, _ []byte) ([]byte, error) {
		block, err := newBlock(key)
		if err != nil || len(sealed)%len(iv) != 0 {
			return nil, errSealed
		}
		plain := make([]byte, len(sealed))
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, sealed)
		return plain, nil
	}
}

func openGCM(key, iv, sealed, tag []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err // unreachable: the sizes fit
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err // unreachable: AES has blocks of 16 bytes
	}
	return aead.Open(nil, iv, slices.Concat(sealed, tag), nil)
}

// openChaCha follows OpenSSH's PROTOCOL.chacha20poly1305 with the packet number 0 and no packet length: the first half of the key counts.
func openChaCha(key, _, sealed, tag []byte) ([]byte, error) {
	stream, err := chacha20.NewUnauthenticatedCipher(key[:chacha20.KeySize], make([]byte, chacha20.NonceSize))
	if err != nil {
		return nil, err // unreachable: the sizes fit
	}
	var once [32]byte
	stream.XORKeyStream(once[:], once[:])
	if !poly1305.Verify((*[16]byte)(tag), sealed, &once) {
		return nil, errSealed
	}
	stream.SetCounter(1)
	plain := make([]byte, len(sealed))
	stream.XORKeyStream(plain, sealed)
	return plain, nil
}

// bcryptKey is bcrypt_pbkdf(3) of OpenBSD: PBKDF2 with bcrypt as its pseudo-random function, whose blocks are interleaved
// in the key.
func bcryptKey(password, salt []byte, rounds, size int) []byte {
	blocks := bcryptBlocks(size)
	key := make([]byte, blocks*bcryptSize)
	secret := sha512.Sum512(password)
	for n := range blocks {
		for i, b := range bcryptBlock(secret, binary.BigEndian.AppendUint32(slices.Clone(salt), uint32(n+1)), rounds) {
			key[i*blocks+n] = b
		}
	}
	return key[:size]
}

const bcryptSize = 32

func bcryptBlocks(size int) int { return (size + bcryptSize - 1) / bcryptSize }

func bcryptBlock(secret [sha512.Size]byte, input []byte, rounds int) [bcryptSize]byte {
	last := bcryptHash(secret, sha512.Sum512(input))
	out := last
	for range rounds - 1 {
		last = bcryptHash(secret, sha512.Sum512(last[:]))
		subtle.XORBytes(out[:], out[:], last[:])
	}
	return out
}

// bcryptHash is bcrypt with 2⁶ rounds and a text of its own.
func bcryptHash(secret, salt [sha512.Size]byte) (out [bcryptSize]byte) {
	c, err := blowfish.NewSaltedCipher(secret[:], salt[:])
	if err != nil {
		panic(err) // unreachable: the key is not empty
	}
	for range 64 {
		blowfish.ExpandKey(salt[:], c)
		blowfish.ExpandKey(secret[:], c)
	}
	copy(out[:], "OxychromaticBlowfishSwatDynamite")
	for i := 0; i < len(out); i += blowfish.BlockSize {
		for range 64 {
			c.Encrypt(out[i:], out[i:])
		}
	}
	for i := 0; i < len(out); i += 4 {
		slices.Reverse(out[i : i+4])
	}
	return out
}
