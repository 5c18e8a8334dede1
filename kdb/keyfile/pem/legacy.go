package pem

import (
	"crypto/md5" //nolint:gosec // OpenSSL derives the keys of these files with it
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/ber"
	"certkdb/pki/pbe"
)

// dek is the cipher of a traditional encrypted key: the header DEK-Info (RFC 1421, 4.6.1.3) with OpenSSL's names.
type dek struct {
	pbe.TraditionalCipher
	name string
	iv   []byte
}

// parseDEK reads "AES-256-CBC,0A1B…".
func parseDEK(header string) (*dek, error) {
	name, digits, _ := strings.Cut(header, ",")
	d := dek{name: strings.ToUpper(strings.TrimSpace(name))}
	var known bool
	if d.TraditionalCipher, known = pbe.FindTraditional(d.name); known {
		var err error
		if d.iv, err = hex.DecodeString(strings.TrimSpace(digits)); err != nil || len(d.iv) != d.BlockSize {
			return nil, fmt.Errorf("%w: the initial vector in DEK-Info is not of %d hexadecimal digits", kdb.ErrParse, 2*d.BlockSize)
		}
		return &d, nil
	}
	if header == "" {
		return nil, fmt.Errorf("%w: Proc-Type says that it is encrypted, but there is no DEK-Info", kdb.ErrParse)
	}
	return nil, marked{fmt.Errorf("unsupported algorithm: it is encrypted with %.40q (DEK-Info)", name), kdb.ErrEncryption}
}

// decrypt returns the DER in data. What has wrong padding or is no SEQUENCE was decrypted with a wrong password.
func (d *dek) decrypt(data, password []byte) ([]byte, error) {
	key := bytesToKey(password, d.iv[:8], d.KeySize)
	defer clear(key)
	der, err := d.Decrypt(data, key, d.iv)
	if errors.Is(err, pbe.ErrParse) {
		return nil, fmt.Errorf("decrypting with %s: %w", d.name, err)
	}
	if err == nil {
		var n int
		if n, err = ber.Length(der); err == nil && (n != len(der) || der[0] != tagSequence) {
			err = errors.New("no SEQUENCE")
		}
	}
	if err != nil {
		clear(der)
		return nil, marked{fmt.Errorf("decrypting with %s: wrong password or damaged data", d.name), kdb.ErrPassword}
	}
	return der, nil
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
