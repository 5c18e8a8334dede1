package pbe

import (
	"crypto/md5" //nolint:gosec // OpenSSL derives the keys of these files with it
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// DEK is how a private key in PEM is encrypted in the traditional way: the header DEK-Info (RFC 1421, 4.6.1.3) with OpenSSL's names.
type DEK struct {
	TraditionalCipher
	name string
	iv   []byte
}

// ParseDEK reads a header such as "AES-256-CBC,0A1B…". The error wraps [ErrParse] or [ErrUnsupported].
func ParseDEK(header string) (*DEK, error) {
	if header == "" {
		return nil, fmt.Errorf("%w: Proc-Type says that it is encrypted, but there is no DEK-Info", ErrParse)
	}
	name, digits, _ := strings.Cut(header, ",")
	d := &DEK{name: strings.ToUpper(strings.TrimSpace(name))}
	var known bool
	if d.TraditionalCipher, known = FindTraditional(d.name); !known {
		return nil, fmt.Errorf("%w: it is encrypted with %.40q (DEK-Info)", ErrUnsupported, name)
	}
	var err error
	if d.iv, err = hex.DecodeString(strings.TrimSpace(digits)); err != nil || len(d.iv) != d.BlockSize {
		return nil, fmt.Errorf("%w: the initial vector in DEK-Info does not have %d hexadecimal digits", ErrParse, 2*d.BlockSize)
	}
	return d, nil
}

// Decrypt returns the key in data, a SEQUENCE in DER. The error wraps [ErrParse], or [ErrPassword] if the password is wrong: then the
// padding is wrong, or the result is not a SEQUENCE.
func (d *DEK) Decrypt(data, password []byte) ([]byte, error) {
	key := bytesToKey(password, d.iv[:8], d.KeySize)
	defer clear(key)
	plain, err := d.TraditionalCipher.Decrypt(data, key, d.iv)
	if errors.Is(err, ErrParse) {
		return nil, fmt.Errorf("decrypting with %s: %w", d.name, err)
	}
	rest, body := cryptobyte.String(plain), cryptobyte.String(nil)
	if err != nil || !rest.ReadASN1(&body, asn1.SEQUENCE) || !rest.Empty() {
		clear(plain)
		return nil, fmt.Errorf("decrypting with %s: %w", d.name, ErrPassword)
	}
	return plain, nil
}

// bytesToKey is OpenSSL's EVP_BytesToKey with MD5 and one round: each block is the digest of the one before, password and salt.
func bytesToKey(password, salt []byte, size int) []byte {
	var key, last []byte
	for len(key) < size {
		h := md5.New() //nolint:gosec // see the import
		h.Write(last)
		h.Write(password)
		h.Write(salt)
		last = h.Sum(nil)
		key = append(key, last...)
	}
	return key[:size]
}
