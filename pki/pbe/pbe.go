// Package pbe is password-based cryptography as key files use it: PBES1 and PBES2 (RFC 8018), scrypt (RFC 7914), the
// schemes of PKCS #12 (RFC 7292, appendices B and C) and PBMAC1 (RFC 9579).
//
// It decrypts by an AlgorithmIdentifier, so the file decides what is done; everything that the file asks for is
// bounded before any work begins. It knows nothing of files, prompts or key types.
//
//	pkcs8, err := pbe.NewBudget(0).DecryptPKCS8(der, password)
//	if errors.Is(err, pbe.ErrPassword) { … }
package pbe

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// What can be wrong. No error holds a password, a key or plaintext.
var (
	// ErrPassword: the padding, the tag or the MAC is wrong, so the password is, or the data was changed.
	ErrPassword = errors.New("wrong password or damaged data")
	// ErrUnsupported: the algorithm is unknown here, or known and not implemented.
	ErrUnsupported = errors.New("unsupported algorithm")
	// ErrParse: the parameters or the ciphertext are not what the algorithm says.
	ErrParse = errors.New("malformed password-based encryption")
	// ErrLimit: the parameters ask for more work or memory than is allowed (see [MaxIterations], [MaxMemory]).
	ErrLimit = errors.New("parameters over the limit")
)

// Bounds on what a file may ask for.
const (
	// MaxIterations is what Java's PKCS #12 key store accepts at most, and four times OWASP's largest advice. [MaxWork] allows fewer of
	// them with slow digests and several blocks of output.
	MaxIterations = 5_000_000
	// MaxMemory bounds 128·N·r of scrypt (RFC 7914, section 2).
	MaxMemory = 256 << 20
	// maxSalt bounds salts; the longest ones in use have 1024 bytes.
	maxSalt = 64 << 10
	// maxMACKey bounds the key length of PBMAC1; RFC 9579 wants the digest's.
	maxMACKey = 4 << 10
)

// Decrypt decrypts ciphertext with a password as the AlgorithmIdentifier (DER) says. The error wraps [ErrPassword],
// [ErrUnsupported], [ErrParse] or [ErrLimit] and names the algorithm. A nil password is an absent one, which PKCS #12
// tells from an empty one.
func Decrypt(algorithm, ciphertext, password []byte, encoding Encoding) ([]byte, error) {
	return (*Budget)(nil).Decrypt(algorithm, ciphertext, password, encoding)
}

// Decrypt is [Decrypt] within the budget.
func (b *Budget) Decrypt(algorithm, ciphertext, password []byte, encoding Encoding) ([]byte, error) {
	s, err := parseScheme(algorithm)
	if err != nil {
		return nil, err
	}
	plain, err := s.decrypt(b, ciphertext, password, encoding)
	if err != nil {
		return nil, fmt.Errorf("decrypting with %s: %w", s, err)
	}
	return plain, nil
}

// DecryptPKCS8 opens an EncryptedPrivateKeyInfo (RFC 5958, section 3) and returns the PrivateKeyInfo in it. The password is tried in each
// of its [Encodings]; an empty one also as an absent one.
func (b *Budget) DecryptPKCS8(der, password []byte) ([]byte, error) {
	algorithm, ciphertext, err := SplitPKCS8(der)
	if err != nil {
		return nil, err
	}
	s, err := parseScheme(algorithm)
	if err != nil {
		return nil, fmt.Errorf("reading an encrypted private key: %w", err)
	}
	for i, attempt := range s.attempts(password) {
		plain, err := s.decrypt(b, ciphertext, attempt.password, attempt.encoding)
		if err == nil && isPrivateKeyInfo(plain) {
			return plain, nil
		}
		if i > 0 && errors.Is(err, ErrLimit) {
			break // the most likely encoding was tried
		}
		if err != nil && !errors.Is(err, ErrPassword) {
			return nil, fmt.Errorf("decrypting a private key with %s: %w", s, err)
		}
	}
	return nil, fmt.Errorf("decrypting a private key with %s: %w", s, ErrPassword)
}

// SplitPKCS8 takes an EncryptedPrivateKeyInfo apart: its AlgorithmIdentifier (DER) and the ciphertext.
func SplitPKCS8(der []byte) (algorithm, ciphertext []byte, err error) {
	in := cryptobyte.String(der)
	var body, id, data cryptobyte.String
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() ||
		!body.ReadASN1Element(&id, asn1.SEQUENCE) || !body.ReadASN1(&data, asn1.OCTET_STRING) || !body.Empty() {
		return nil, nil, fmt.Errorf("%w: no EncryptedPrivateKeyInfo (RFC 5958, section 3)", ErrParse)
	}
	return id, data, nil
}

// isPrivateKeyInfo tells a key from what a wrong password leaves behind once in 256 times: padding that looks right.
func isPrivateKeyInfo(der []byte) bool {
	in := cryptobyte.String(der)
	var body, algorithm, key cryptobyte.String
	var version int64
	return in.ReadASN1(&body, asn1.SEQUENCE) && body.ReadASN1Integer(&version) &&
		body.ReadASN1(&algorithm, asn1.SEQUENCE) && body.ReadASN1(&key, asn1.OCTET_STRING)
}
