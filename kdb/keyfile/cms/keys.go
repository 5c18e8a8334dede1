package cms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/pki/oid"
	"certkdb/pki/pbe"
)

// How version 6 seals keys: PBES2 (RFC 8018, 6.2) with PBKDF2, HMAC-SHA-384 and AES-256-CBC.
// The iterations and the salt are those of IBM's Java writer. GSKit itself does 5 iterations; more than 4096 would not
// help, since the verifier in the header lets passwords be guessed with one HMAC each.
const (
	sealIterations = 4096
	sealSalt       = 20
	sealKey        = 32
)

var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA384 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 10}
	oidAES256CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

// sealGSKit seals a key as native GSKit does it in versions 3 and 4.
func sealGSKit(plain, password []byte) ([]byte, error) {
	return pbe.EncryptPKCS8(plain, password, pbe.GSKit)
}

// sealPBES2 seals a key as version 6 has it.
func sealPBES2(plain, password []byte) ([]byte, error) {
	salt, iv := make([]byte, sealSalt), make([]byte, aes.BlockSize)
	rand.Read(salt) // never fails (crypto/rand)
	rand.Read(iv)
	key, err := pbkdf2.Key(sha512.New384, string(password), salt, sealIterations, sealKey)
	if err != nil {
		return nil, fmt.Errorf("sealing a key with PBES2: %w", err)
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err // unreachable: the key has 32 bytes
	}
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	sealed := make([]byte, len(plain)+padding)
	for i := copy(sealed, plain); i < len(sealed); i++ {
		sealed[i] = byte(padding)
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(sealed, sealed)
	algorithm, err := sealAlgorithm(salt, iv)
	if err != nil {
		return nil, err
	}
	return pbe.JoinPKCS8(algorithm, sealed), nil
}

// sealAlgorithm is the AlgorithmIdentifier of PBES2 (RFC 8018, A.4 and A.2).
func sealAlgorithm(salt, iv []byte) ([]byte, error) {
	var b cryptobyte.Builder
	sequence := func(b *cryptobyte.Builder, add func(*cryptobyte.Builder)) { b.AddASN1(cbasn1.SEQUENCE, add) }
	sequence(&b, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidPBES2)
		sequence(b, func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidPBKDF2)
				sequence(b, func(b *cryptobyte.Builder) {
					b.AddASN1OctetString(salt)
					b.AddASN1Int64(sealIterations)
					b.AddASN1Int64(sealKey)
					sequence(b, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidHMACSHA384)
						b.AddASN1NULL()
					})
				})
			})
			sequence(b, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidAES256CBC)
				b.AddASN1OctetString(iv)
			})
		})
	})
	return b.Bytes()
}

// open decrypts what a slot has sealed, within the budget, with the first password that opens it: a PrivateKeyInfo, or whatever a secret
// key
// is. An error tells how the key is sealed; without any password it wraps missing.
func (s *slot) open(budget *pbe.Budget, missing error, passwords ...[]byte) ([]byte, error) {
	if s.plain != nil {
		return s.plain, nil
	}
	first := missing
	for _, password := range passwords {
		if password == nil {
			continue
		}
		plain, err := s.decrypt(password, budget)
		if err == nil {
			s.plain = plain
			return plain, nil
		}
		if errors.Is(first, kdb.ErrNoPassword) { // the first password
			first = keyfile.KeyError(err)
		}
	}
	return nil, &kdb.ClosedKey{Encryption: keyfile.Protection(s.sealed), Err: first}
}

func (s *slot) decrypt(password []byte, budget *pbe.Budget) ([]byte, error) {
	if s.choice != choiceSecret {
		return budget.DecryptPKCS8(s.sealed, password)
	}
	algorithm, ciphertext, err := pbe.SplitPKCS8(s.sealed)
	if err != nil {
		return nil, err
	}
	return budget.Decrypt(algorithm, ciphertext, password, pbe.EncodingStandard)
}

// algorithmAES is the name under which secret keys are listed.
const algorithmAES = "AES"

// secretOf takes the key out of the content of a secret key: the bytes themselves, or a PrivateKeyInfo around them.
// The format has no algorithm; keys of a length that AES has are taken for AES keys, which is what Db2 and MQ keep there.
func secretOf(plain []byte) (key []byte, algorithm string) {
	in := cryptobyte.String(plain)
	var body, inner cryptobyte.String
	var version int
	key = plain
	if in.ReadASN1(&body, cbasn1.SEQUENCE) && in.Empty() && body.ReadASN1Integer(&version) && body.SkipASN1(cbasn1.SEQUENCE) &&
		body.ReadASN1(&inner, cbasn1.OCTET_STRING) {
		key = inner
	}
	switch len(key) {
	case 16, 24, 32:
		return key, algorithmAES
	}
	return key, ""
}

// isAES reports whether a secret key can come back out of the format under its algorithm's name.
func isAES(e *kdb.Entry) bool {
	_, algorithm := secretOf(e.Key)
	return e.KeyAlgorithm == "" || algorithm == algorithmAES &&
		(e.KeyAlgorithm == algorithmAES || strings.HasPrefix(e.KeyAlgorithm, oid.AES))
}
