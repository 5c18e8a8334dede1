package pbe

import (
	"bytes"
	"crypto/pbkdf2"
	"fmt"
	"hash"

	"certkdb/pki/oid"

	"golang.org/x/crypto/scrypt"
)

// kdf derives keys from passwords. Parsing has bounded what it asks for; the caller takes the work off its budget before deriving.
type kdf interface {
	// derive returns size bytes for a purpose.
	derive(password []byte, encoding Encoding, purpose byte, size int) ([]byte, error)
	// bmp says whether the standard encoding of passwords is the BMPString.
	bmp() bool
	// work is what deriving size bytes costs; see [MaxWork].
	work(size int) int
	// describe completes a description.
	describe(d *Description)
}

// The purposes of derived bytes (RFC 7292, appendix B.3). Only the KDF of PKCS #12 tells them apart.
const (
	purposeKey byte = 1
	purposeIV  byte = 2
	purposeMAC byte = 3
)

// salted is what every KDF with rounds has.
type salted struct {
	digest     *oid.Digest
	salt       []byte
	iterations int
}

// pkcs12KDF is the derivation of RFC 7292, appendix B.2.
type pkcs12KDF struct {
	salted
	raw bool // the password is its bytes, not a BMPString
}

func (k pkcs12KDF) bmp() bool { return !k.raw }

func (k pkcs12KDF) describe(d *Description) {
	d.KDF, d.PRF, d.Iterations = "PKCS #12", k.digest.String(), k.iterations
}

func (k pkcs12KDF) derive(password []byte, encoding Encoding, purpose byte, size int) ([]byte, error) {
	h := k.digest.New()
	v := h.BlockSize()
	secret := k.secret(password, encoding)
	defer clear(secret)
	input := append(repeat(k.salt, v), repeat(secret, v)...)
	defer clear(input)
	diversifier := make([]byte, v)
	for i := range diversifier {
		diversifier[i] = purpose
	}
	var out, sum []byte
	for len(out) < size {
		sum = hashRounds(h, sum[:0], diversifier, input, k.iterations)
		out = append(out, sum...)
		addBlocks(input, repeat(sum, v)[:v])
	}
	return out[:size], nil
}

// secret encodes the password in memory of its own.
func (k pkcs12KDF) secret(password []byte, encoding Encoding) []byte {
	if k.raw {
		return bytes.Clone(octets(password, encoding))
	}
	return bmpString(password, encoding)
}

// hashRounds hashes the diversifier and the input, then the result over and over.
func hashRounds(h hash.Hash, sum, diversifier, input []byte, rounds int) []byte {
	h.Reset()
	h.Write(diversifier)
	h.Write(input)
	sum = h.Sum(sum)
	for range rounds - 1 {
		h.Reset()
		h.Write(sum)
		sum = h.Sum(sum[:0])
	}
	return sum
}

// repeat fills whole blocks of v bytes with copies of s; nothing stays nothing.
func repeat(s []byte, v int) []byte {
	out := make([]byte, (len(s)+v-1)/v*v)
	for i := range out {
		out[i] = s[i%len(s)]
	}
	return out
}

// addBlocks adds b+1 to each block of input, modulo 2 to the power of the block's bits.
func addBlocks(input, b []byte) {
	for ; len(input) >= len(b); input = input[len(b):] {
		carry := uint16(1)
		for i := len(b) - 1; i >= 0; i-- {
			carry += uint16(input[i]) + uint16(b[i])
			input[i] = byte(carry)
			carry >>= 8
		}
	}
}

// pbkdf1 is the derivation of PBES1 (RFC 8018, section 5.1).
type pbkdf1 struct{ salted }

func (k pbkdf1) bmp() bool { return false }

func (k pbkdf1) describe(d *Description) {
	d.KDF, d.PRF, d.Iterations = "PBKDF1", k.digest.String(), k.iterations
}

func (k pbkdf1) derive(password []byte, encoding Encoding, _ byte, size int) ([]byte, error) {
	if size > k.digest.Size() {
		return nil, fmt.Errorf("%w: PBKDF1 cannot derive %d bytes", ErrParse, size)
	}
	return hashRounds(k.digest.New(), nil, octets(password, encoding), k.salt, k.iterations)[:size], nil
}

// pbkdf2KDF is PBKDF2 (RFC 8018, section 5.2). keyLength is 0 if the parameters leave it to the cipher.
type pbkdf2KDF struct {
	salted
	keyLength int
}

func (k pbkdf2KDF) bmp() bool { return false }

func (k pbkdf2KDF) describe(d *Description) {
	d.KDF, d.PRF, d.Iterations = "PBKDF2", "HMAC-"+k.digest.String(), k.iterations
}

func (k pbkdf2KDF) derive(password []byte, encoding Encoding, _ byte, size int) ([]byte, error) {
	return pbkdf2.Key(k.digest.New, string(octets(password, encoding)), k.salt, k.iterations, size)
}

// scryptKDF is scrypt (RFC 7914).
type scryptKDF struct {
	salt      []byte
	n, r, p   int
	keyLength int
}

func (k scryptKDF) bmp() bool { return false }

func (k scryptKDF) describe(d *Description) {
	d.KDF, d.Iterations, d.Memory = fmt.Sprintf("scrypt (N=%d, r=%d, p=%d)", k.n, k.r, k.p), k.n, 128*k.n*k.r
}

func (k scryptKDF) derive(password []byte, encoding Encoding, _ byte, size int) ([]byte, error) {
	key, err := scrypt.Key(octets(password, encoding), k.salt, k.n, k.r, k.p, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrParse, err)
	}
	return key, nil
}
