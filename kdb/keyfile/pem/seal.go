package pem

import (
	"bytes"
	"fmt"
	"slices"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pem/armour"
	"certkdb/pki/pbe"
)

// seal encrypts the new private keys. The password must be that of the encrypted keys in the file, if there are any: a typing error
// would lock the new key away.
func (c *container) seal(password []byte) error {
	var unsealed []*part
	for _, p := range c.keyParts() {
		if p.open {
			unsealed = append(unsealed, p)
		}
	}
	switch {
	case len(unsealed) == 0:
		return nil
	case password == nil && c.protected():
		return fmt.Errorf("encrypting a new private key: %w", kdb.ErrNoPassword)
	case password == nil:
		return fmt.Errorf("encrypting a new private key: %w", keyfile.ErrUnprotected)
	case !c.resealed && !c.fits(password):
		return fmt.Errorf("encrypting a new private key: %w: the keys in the file have another one", kdb.ErrPassword)
	}
	for _, p := range unsealed {
		algorithm, ciphertext, err := pbe.Encrypt(p.private.PKCS8, password, pbe.AES256, c.iterations)
		if err != nil {
			return fmt.Errorf("encrypting a private key: %w", err)
		}
		der := pbe.JoinPKCS8(algorithm, ciphertext)
		p.item.Kind, p.item.Type, p.item.DER, p.item.Headers = EncryptedKey, typeOfKind[EncryptedKey], der, nil
		p.block, p.open = []byte(armour.WithEnds(string(Encode(EncryptedKey, der)), c.crlf)), false
	}
	return nil
}

// protected says that a private key of the file is encrypted.
func (c *container) protected() bool {
	return slices.ContainsFunc(c.keyParts(), func(p *part) bool { return !p.open && p.encrypted() })
}

// fits says that the password opens a key of the file, or that no key needs one.
func (c *container) fits(password []byte) bool {
	return !c.protected() || slices.ContainsFunc(c.keyParts(), func(p *part) bool {
		same := p.private.PKCS8 != nil && !p.foreign && bytes.Equal(c.password, password)
		return !p.open && p.encrypted() && (same || p.openWith(password) == nil)
	})
}
