package pbe

import (
	"crypto"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"certkdb/pki/oid"

	//lint:ignore SA1019 files with it are read, none is written
	"golang.org/x/crypto/blowfish"
	//lint:ignore SA1019 files with it are read, none is written
	"golang.org/x/crypto/cast5"
	//lint:ignore SA1019 files with it are read, none is written
	_ "golang.org/x/crypto/md4"
	//lint:ignore SA1019 files with it are read, none is written
	_ "golang.org/x/crypto/ripemd160"
)

// This file holds what OpenSSL offers and hardly a file has. It is only read, and can be deleted as a whole with its three tables.

// exoticDigests are those that openssl pkcs12 -macalg takes besides the usual ones.
var exoticDigests = sync.OnceValue(func() map[string]*oid.Digest {
	return map[string]*oid.Digest{
		"1.2.840.113549.2.4": {Hash: crypto.MD4, OID: "1.2.840.113549.2.4"},
		"1.3.36.3.2.1":       {Hash: crypto.RIPEMD160, OID: "1.3.36.3.2.1"},
	}
})

var (
	blowfishCBC = cipherKind{"Blowfish-CBC", modeCBC, 16, blowfish.BlockSize, true, newBlowfish}
	cast5CBC    = cipherKind{"CAST5-CBC", modeCBC, cast5.KeySize, cast5.BlockSize, true, newCAST5}
	camellia128 = cipherKind{"Camellia-128-CBC", modeCBC, 16, camelliaBlockSize, false, newCamellia}
	camellia192 = cipherKind{"Camellia-192-CBC", modeCBC, 24, camelliaBlockSize, false, newCamellia}
	camellia256 = cipherKind{"Camellia-256-CBC", modeCBC, 32, camelliaBlockSize, false, newCamellia}
)

// exoticCiphers are ciphers of PBES2.
var exoticCiphers = sync.OnceValue(func() map[string]cipherKind {
	return map[string]cipherKind{
		"1.3.6.1.4.1.3029.1.2": blowfishCBC, "1.2.840.113533.7.66.10": cast5CBC, // RFC 2144, 4.1
		"1.2.392.200011.61.1.1.1.2": camellia128, "1.2.392.200011.61.1.1.1.3": camellia192, "1.2.392.200011.61.1.1.1.4": camellia256,
	}
})

// exoticTraditional are ciphers of DEK-Info, by OpenSSL's names without the mode.
var exoticTraditional = sync.OnceValue(func() map[string]cipherKind {
	return map[string]cipherKind{
		"CAMELLIA-128": camellia128, "CAMELLIA-192": camellia192, "CAMELLIA-256": camellia256,
		"BF": blowfishCBC, "CAST5": cast5CBC,
	}
})

func newBlowfish(key []byte) (cipher.Block, error) { return blowfish.NewCipher(key) }

func newCAST5(key []byte) (cipher.Block, error) { return cast5.NewCipher(key) }

// camellia is the cipher of RFC 3713, which OpenSSL and NSS offer.
type camellia struct{ encrypt, decrypt camelliaKeys }

// camelliaKeys are the round keys in the order in which one direction needs them.
type camelliaKeys struct {
	before, after [2]uint64 // kw
	rounds        []uint64  // k: 18 or 24
	between       []uint64  // ke: two after each six rounds but the last
}

const camelliaBlockSize = 16

var camelliaSigma = [...]uint64{
	0xa09e667f3bcc908b, 0xb67ae8584caa73b2, 0xc6ef372fe94f82be, 0x54ff53a5f1d36f1c, 0x10e527fade682d1d, 0xb05688c2b3e6c1fd,
}

// camelliaSBox is SBOX1 of RFC 3713, section 2.4.1; the other three follow from it.
var camelliaSBox = [256]byte{
	112, 130, 44, 236, 179, 39, 192, 229, 228, 133, 87, 53, 234, 12, 174, 65,
	35, 239, 107, 147, 69, 25, 165, 33, 237, 14, 79, 78, 29, 101, 146, 189,
	134, 184, 175, 143, 124, 235, 31, 206, 62, 48, 220, 95, 94, 197, 11, 26,
	166, 225, 57, 202, 213, 71, 93, 61, 217, 1, 90, 214, 81, 86, 108, 77,
	139, 13, 154, 102, 251, 204, 176, 45, 116, 18, 43, 32, 240, 177, 132, 153,
	223, 76, 203, 194, 52, 126, 118, 5, 109, 183, 169, 49, 209, 23, 4, 215,
	20, 88, 58, 97, 222, 27, 17, 28, 50, 15, 156, 22, 83, 24, 242, 34,
	254, 68, 207, 178, 195, 181, 122, 145, 36, 8, 232, 168, 96, 252, 105, 80,
	170, 208, 160, 125, 161, 137, 98, 151, 84, 91, 30, 149, 224, 255, 100, 210,
	16, 196, 0, 72, 163, 247, 117, 219, 138, 3, 230, 218, 9, 63, 221, 148,
	135, 92, 131, 2, 205, 74, 144, 51, 115, 103, 246, 243, 157, 127, 191, 226,
	82, 155, 216, 38, 200, 55, 198, 59, 129, 150, 111, 75, 19, 190, 99, 46,
	233, 121, 167, 140, 159, 110, 188, 142, 41, 245, 249, 182, 47, 253, 180, 89,
	120, 152, 6, 106, 231, 70, 113, 186, 212, 37, 171, 66, 136, 162, 141, 250,
	114, 7, 185, 85, 248, 238, 172, 10, 54, 73, 42, 104, 60, 56, 241, 164,
	64, 40, 211, 123, 187, 201, 67, 193, 21, 227, 173, 244, 119, 199, 128, 158,
}

// camelliaHalves is a number of 128 bits.
type camelliaHalves [2]uint64

// rotate rotates to the left by less than 128 bits.
func (h camelliaHalves) rotate(n int) camelliaHalves {
	if n >= 64 {
		h[0], h[1], n = h[1], h[0], n-64
	}
	return camelliaHalves{h[0]<<n | h[1]>>(64-n), h[1]<<n | h[0]>>(64-n)}
}

// newCamellia makes the cipher of RFC 3713 with a key of 16, 24 or 32 bytes.
func newCamellia(key []byte) (cipher.Block, error) {
	if n := len(key); n != 16 && n != 24 && n != 32 {
		return nil, fmt.Errorf("%w: a Camellia key of %d bytes", ErrParse, n)
	}
	word := func(i int) uint64 { return binary.BigEndian.Uint64(key[8*i:]) }
	kl := camelliaHalves{word(0), word(1)}
	var kr camelliaHalves
	switch len(key) {
	case 24:
		kr = camelliaHalves{word(2), ^word(2)}
	case 32:
		kr = camelliaHalves{word(2), word(3)}
	}
	k := camelliaSchedule(kl, kr, len(key) == 16)
	back := camelliaKeys{before: k.after, after: k.before, rounds: slices.Clone(k.rounds), between: slices.Clone(k.between)}
	slices.Reverse(back.rounds)
	slices.Reverse(back.between)
	return &camellia{k, back}, nil
}

// camelliaSchedule is RFC 3713, section 2.2.
func camelliaSchedule(kl, kr camelliaHalves, short bool) camelliaKeys {
	mix := func(d camelliaHalves, sigma int) camelliaHalves {
		d[1] ^= camelliaF(d[0], camelliaSigma[sigma])
		d[0] ^= camelliaF(d[1], camelliaSigma[sigma+1])
		return d
	}
	xor := func(a, b camelliaHalves) camelliaHalves { return camelliaHalves{a[0] ^ b[0], a[1] ^ b[1]} }
	ka := mix(xor(mix(xor(kl, kr), 0), kl), 2)
	pairs := func(list ...camelliaHalves) (out []uint64) {
		for _, h := range list {
			out = append(out, h[0], h[1])
		}
		return out
	}
	if short {
		rounds := pairs(ka, kl.rotate(15), ka.rotate(15), kl.rotate(45), camelliaHalves{ka.rotate(45)[0], kl.rotate(60)[1]},
			ka.rotate(60), kl.rotate(94), ka.rotate(94), kl.rotate(111))
		return camelliaKeys{kl, ka.rotate(111), rounds, pairs(ka.rotate(30), kl.rotate(77))}
	}
	kb := mix(xor(ka, kr), 4)
	rounds := pairs(kb, kr.rotate(15), ka.rotate(15), kb.rotate(30), kl.rotate(45), ka.rotate(45), kr.rotate(60), kb.rotate(60),
		kl.rotate(77), kr.rotate(94), ka.rotate(94), kl.rotate(111))
	return camelliaKeys{kl, kb.rotate(111), rounds, pairs(kr.rotate(30), kl.rotate(60), ka.rotate(77))}
}

// camelliaF is the F-function (RFC 3713, section 2.4.1).
func camelliaF(in, key uint64) uint64 {
	var t, y [8]byte
	binary.BigEndian.PutUint64(t[:], in^key)
	for i, box := range [8]int{1, 2, 3, 4, 2, 3, 4, 1} {
		switch box {
		case 1:
			t[i] = camelliaSBox[t[i]]
		case 2:
			t[i] = bits.RotateLeft8(camelliaSBox[t[i]], 1)
		case 3:
			t[i] = bits.RotateLeft8(camelliaSBox[t[i]], 7)
		case 4:
			t[i] = camelliaSBox[bits.RotateLeft8(t[i], 1)]
		}
	}
	// The bytes that make each byte of the output, the first one as the lowest bit.
	for i, from := range [8]byte{0b11101101, 0b11011011, 0b10110111, 0b01111110, 0b11100011, 0b11010110, 0b10111100, 0b01111001} {
		for j := range t {
			if from>>j&1 == 1 {
				y[i] ^= t[j]
			}
		}
	}
	return binary.BigEndian.Uint64(y[:])
}

// camelliaFL and camelliaFLInverse stand between the rounds (RFC 3713, section 2.4.2 and 2.4.3).
func camelliaFL(x, k uint64) uint64 {
	high, low := uint32(x>>32), uint32(x)
	low ^= bits.RotateLeft32(high&uint32(k>>32), 1)
	high ^= low | uint32(k)
	return uint64(high)<<32 | uint64(low)
}

func camelliaFLInverse(y, k uint64) uint64 {
	high, low := uint32(y>>32), uint32(y)
	high ^= low | uint32(k)
	low ^= bits.RotateLeft32(high&uint32(k>>32), 1)
	return uint64(high)<<32 | uint64(low)
}

// crypt is RFC 3713, section 2.3.
func (k *camelliaKeys) crypt(dst, src []byte) {
	d1, d2 := binary.BigEndian.Uint64(src)^k.before[0], binary.BigEndian.Uint64(src[8:])^k.before[1]
	for i := 0; i < len(k.rounds); i += 2 {
		if i > 0 && i%6 == 0 {
			d1, d2 = camelliaFL(d1, k.between[i/3-2]), camelliaFLInverse(d2, k.between[i/3-1])
		}
		d2 ^= camelliaF(d1, k.rounds[i])
		d1 ^= camelliaF(d2, k.rounds[i+1])
	}
	binary.BigEndian.PutUint64(dst, d2^k.after[0])
	binary.BigEndian.PutUint64(dst[8:], d1^k.after[1])
}

func (c *camellia) BlockSize() int { return camelliaBlockSize }

func (c *camellia) Encrypt(dst, src []byte) { c.encrypt.crypt(dst, src) }

func (c *camellia) Decrypt(dst, src []byte) { c.decrypt.crypt(dst, src) }
