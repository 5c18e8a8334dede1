package jks

import (
	"crypto/cipher"
	"crypto/des"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/asn1"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/kdb"
	"certkdb/pki/oid"
	"certkdb/pki/pbe"
)

// How private keys are protected: an EncryptedPrivateKeyInfo (RFC 5958, section 3) under one of Sun's algorithms.
const (
	oidSunJKS   = "1.3.6.1.4.1.42.2.17.1.1" // sun.security.provider.KeyProtector
	oidSunJCEKS = "1.3.6.1.4.1.42.2.19.1"   // com.sun.crypto.provider.KeyProtector: PBEWithMD5AndTripleDES
)

var derSunJKS = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 42, 2, 17, 1, 1}

// digestSize is that of SHA-1, which JKS uses throughout.
const digestSize = sha1.Size

// whitener comes between password and content in the digest, as JavaKeyStore.getPreKeyedHash has it.
const whitener = "Mighty Aphrodite"

// storeDigest is the keyed digest after the entries: SHA-1 over the password, the whitener and the content.
func storeDigest(body, password []byte) []byte {
	h := sha1.New()
	secret := passwordUTF16(password)
	h.Write(secret)
	clear(secret)
	h.Write([]byte(whitener))
	h.Write(body)
	return h.Sum(nil)
}

// unprotect opens a sealed private key within the budget. The error wraps kdb.ErrPassword, kdb.ErrParse or kdb.ErrEncryption.
func unprotect(sealed, password []byte, budget *pbe.Budget) ([]byte, error) {
	algorithm, data, err := pbe.SplitPKCS8(sealed)
	if err != nil {
		return nil, fmt.Errorf("reading a private key: %w: %w", kdb.ErrParse, err)
	}
	id, parameters, err := readAlgorithm(algorithm)
	if err != nil {
		return nil, err
	}
	switch id {
	case oidSunJKS:
		return openSun(data, password)
	case oidSunJCEKS:
		p, err := readPBE(parameters)
		if err == nil {
			err = p.spend(budget)
		}
		if err != nil {
			return nil, fmt.Errorf("reading a private key under %s (PBEWithMD5AndTripleDES): %w", id, err)
		}
		return p.openKey(data, password)
	}
	return nil, fmt.Errorf("opening a private key: %w: protection by %s (%s)", kdb.ErrEncryption, id, oid.Name(id))
}

func readAlgorithm(der []byte) (id string, parameters cryptobyte.String, err error) {
	in := cryptobyte.String(der)
	var body, content cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1(&content, cbasn1.OBJECT_IDENTIFIER) {
		return "", nil, fmt.Errorf("reading a private key: %w: no AlgorithmIdentifier", kdb.ErrParse)
	}
	if id, err = oid.Decode(content); err != nil {
		return "", nil, fmt.Errorf("reading a private key: %w: %w", kdb.ErrParse, err)
	}
	return id, body, nil
}

// sunStream is the key stream of Sun's protection: SHA-1 over the password and the block before, the salt being the
// first one (sun.security.provider.KeyProtector).
func sunStream(secret, salt []byte, n int) []byte {
	out := make([]byte, 0, n+digestSize)
	for block := salt; len(out) < n; {
		h := sha1.New()
		h.Write(secret)
		h.Write(block)
		out = h.Sum(out)
		block = out[len(out)-digestSize:]
	}
	return out[:n]
}

// sunCheck is what shows that the right password was given: SHA-1 over the password and the key.
func sunCheck(secret, key []byte) []byte {
	h := sha1.New()
	h.Write(secret)
	h.Write(key)
	return h.Sum(nil)
}

// openSun opens Sun's protection: salt (20 bytes), the key XORed with the key stream, check (20 bytes).
func openSun(data, password []byte) ([]byte, error) {
	if len(data) < 2*digestSize {
		return nil, fmt.Errorf("opening a private key under %s (Sun key protection): %w: only %d bytes", oidSunJKS, kdb.ErrParse, len(data))
	}
	secret := passwordUTF16(password)
	defer clear(secret)
	salt, sealed, check := data[:digestSize], data[digestSize:len(data)-digestSize], data[len(data)-digestSize:]
	key := sunStream(secret, salt, len(sealed))
	subtle.XORBytes(key, key, sealed)
	if subtle.ConstantTimeCompare(sunCheck(secret, key), check) != 1 {
		clear(key)
		return nil, fmt.Errorf("opening a private key under %s (Sun key protection): %w", oidSunJKS, kdb.ErrPassword)
	}
	return key, nil
}

// protect seals a private key with Sun's protection, the only one that JKS has.
func protect(key, password []byte) ([]byte, error) {
	salt := make([]byte, digestSize)
	rand.Read(salt) // never fails (crypto/rand)
	secret := passwordUTF16(password)
	defer clear(secret)
	sealed := sunStream(secret, salt, len(key))
	subtle.XORBytes(sealed, sealed, key)
	data := append(append(salt, sealed...), sunCheck(secret, key)...)
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(derSunJKS)
			b.AddASN1NULL()
		})
		b.AddASN1OctetString(data)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("sealing a private key: %w", err)
	}
	return der, nil
}

// maxIterations is what the JDK accepts at most (jdk.jceks.iterationCount): half a second of work.
const maxIterations = 5_000_000

// pbeParameters are those of PBEWithMD5AndTripleDES.
type pbeParameters struct {
	salt       []byte
	iterations int
}

// readPBE reads SEQUENCE { salt OCTET STRING (8 bytes), iterations INTEGER } and bounds the iterations.
func readPBE(der cryptobyte.String) (pbeParameters, error) {
	var p pbeParameters
	var body, salt cryptobyte.String
	if !der.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1(&salt, cbasn1.OCTET_STRING) || !body.ReadASN1Integer(&p.iterations) {
		return p, fmt.Errorf("%w: malformed parameters", kdb.ErrParse)
	}
	if len(salt) != 8 {
		return p, fmt.Errorf("%w: the salt has %d bytes, 8 are needed", kdb.ErrParse, len(salt))
	}
	if p.iterations < 1 || p.iterations > maxIterations {
		return p, fmt.Errorf("%w: %d iterations, at most %d are done", kdb.ErrEncryption, p.iterations, maxIterations)
	}
	p.salt = salt
	return p, nil
}

// spend takes the work off the budget: each half of the salt is hashed with MD5.
func (p pbeParameters) spend(budget *pbe.Budget) error {
	if err := budget.Spend(3 * p.iterations); err != nil {
		return fmt.Errorf("%w: %w", kdb.ErrEncryption, err)
	}
	return nil
}

// keys derives the Triple DES key and the initialization vector (com.sun.crypto.provider.PBES1Core): each half of the
// salt is hashed with the password over and over, the first one reversed if they are equal. Of each character 7 bits count.
func (p pbeParameters) keys(password []byte) []byte {
	halves := [2][]byte{append(make([]byte, 0, md5.Size), p.salt[:4]...), append(make([]byte, 0, md5.Size), p.salt[4:]...)}
	if string(halves[0]) == string(halves[1]) {
		slices.Reverse(halves[0])
	}
	var secret []byte
	for _, c := range passwordChars(password) {
		secret = append(secret, byte(c&0x7F))
	}
	defer clear(secret)
	out := make([]byte, 0, 2*md5.Size)
	h := md5.New()
	for _, sum := range halves {
		for range p.iterations {
			h.Reset()
			h.Write(sum)
			h.Write(secret)
			sum = h.Sum(sum[:0])
		}
		out = append(out, sum...)
	}
	return out
}

// open decrypts and removes the padding; ok is false if there is none, as with a wrong password.
func (p pbeParameters) open(data, password []byte) (plain []byte, ok bool) {
	if len(data) == 0 || len(data)%des.BlockSize != 0 {
		return nil, false
	}
	keys := p.keys(password)
	defer clear(keys)
	block, err := des.NewTripleDESCipher(keys[:24])
	if err != nil {
		return nil, false // unreachable: the key has 24 bytes
	}
	plain = make([]byte, len(data))
	cipher.NewCBCDecrypter(block, keys[24:]).CryptBlocks(plain, data)
	n := int(plain[len(plain)-1])
	if n < 1 || n > des.BlockSize {
		return nil, false
	}
	for _, b := range plain[len(plain)-n:] {
		ok = ok || int(b) != n
	}
	return plain[:len(plain)-n], !ok
}

func (p pbeParameters) openKey(data, password []byte) ([]byte, error) {
	plain, ok := p.open(data, password)
	// One wrong password in 256 yields padding that looks right, but hardly a SEQUENCE of the right length.
	if !ok || !isSequence(plain) {
		return nil, fmt.Errorf("opening a private key under %s (PBEWithMD5AndTripleDES): %w", oidSunJCEKS, kdb.ErrPassword)
	}
	return plain, nil
}

// isSequence reports whether der is one SEQUENCE and nothing else.
func isSequence(der []byte) bool {
	in := cryptobyte.String(der)
	return in.SkipASN1(cbasn1.SEQUENCE) && in.Empty()
}
