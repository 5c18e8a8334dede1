package pkcs12

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/pki/pbe"
)

// reading is one way to encode a password.
type reading struct {
	password []byte
	encoding pbe.Encoding
}

// secrets are what opens a file.
type secrets struct {
	source   keyfile.Passwords
	asked    bool
	missing  error     // says why no password was given
	given    []byte    // the file's password as it was given
	readings []reading // of it, the one that was proved first
	budget   *pbe.Budget
}

// ask gets the file's password, once.
func (s *secrets) ask() error {
	if s.asked || s.missing != nil {
		return s.missing
	}
	if s.source.Database == nil {
		s.missing = kdb.ErrNoPassword
		return s.missing
	}
	password, err := s.source.Database()
	if errors.Is(err, kdb.ErrNoPassword) {
		s.missing = err
	}
	if err != nil {
		return err
	}
	s.asked = true
	s.given = bytes.Clone(password)
	s.readings = readingsOf(s.given)
	return nil
}

// readingsOf lists what a password may have meant to the program that wrote the file, likeliest first. An empty one and an
// absent one are not the same in PKCS #12, and programs confuse them.
func readingsOf(password []byte) []reading {
	if len(password) == 0 {
		return []reading{{[]byte{}, pbe.EncodingStandard}, {nil, pbe.EncodingStandard}}
	}
	var list []reading
	for _, encoding := range pbe.Encodings(password, false) {
		list = append(list, reading{password, encoding})
	}
	return list
}

// prove notes which reading of the password is the right one.
func (s *secrets) prove(i int) {
	right := s.readings[i]
	s.readings = append(append([]reading{right}, s.readings[:i]...), s.readings[i+1:]...)
}

// verify checks the MAC of content under each reading of the password.
func (s *secrets) verify(mac *pbe.MAC, content []byte) error {
	if _, err := mac.Describe(); err != nil {
		return keyfile.KeyError(fmt.Errorf("reading the MAC of a PKCS #12 file: %w", err))
	}
	err := s.ask()
	if err != nil {
		return err
	}
	for i, r := range s.readings {
		failed := s.budget.Verify(*mac, content, r.password, r.encoding)
		if failed == nil {
			s.prove(i)
			return nil
		}
		if i > 0 && errors.Is(failed, pbe.ErrLimit) {
			break // the likeliest reading was tried
		}
		if err = failed; !errors.Is(err, pbe.ErrPassword) {
			break
		}
	}
	if errors.Is(err, pbe.ErrPassword) && s.emptyFits(mac, content) {
		return kdb.ErrEmptyPassword
	}
	return keyfile.KeyError(err)
}

// emptyFits says whether the MAC is that of an empty password.
func (s *secrets) emptyFits(mac *pbe.MAC, content []byte) bool {
	return slices.ContainsFunc(readingsOf(nil), func(r reading) bool {
		return s.budget.Verify(*mac, content, r.password, r.encoding) == nil
	})
}

// open decrypts under each reading of the file's password, then under the passwords of keys. valid tells plaintext from garbage
// with the right padding.
func (s *secrets) open(algorithm, ciphertext []byte, valid func([]byte) bool) ([]byte, error) {
	description, err := pbe.Describe(algorithm)
	if err != nil {
		return nil, keyfile.KeyError(err)
	}
	if err := s.ask(); err != nil {
		return nil, err
	}
	for i, r := range s.attempts() {
		plain, err := s.budget.Decrypt(algorithm, ciphertext, r.password, r.encoding)
		if err == nil && valid(plain) {
			if i > 0 && i < len(s.readings) {
				s.prove(i)
			}
			return plain, nil
		}
		if i > 0 && errors.Is(err, pbe.ErrLimit) {
			break // the likeliest reading was tried
		}
		if err != nil && !errors.Is(err, pbe.ErrPassword) {
			return nil, keyfile.KeyError(err)
		}
	}
	return nil, keyfile.KeyError(fmt.Errorf("decrypting with %s: %w", description, pbe.ErrPassword))
}

// attempts are the readings of all passwords. The last resort is the BMPString under PBES2, which old NSS wrote.
func (s *secrets) attempts() []reading {
	list := append([]reading(nil), s.readings...)
	for _, key := range s.source.Keys {
		list = append(list, readingsOf(key)...)
	}
	return append(list, reading{s.given, pbe.EncodingBMP})
}

// opensWithFile says whether the file's own password opens what is encrypted, so that it must be encrypted again when that changes.
func (s *secrets) opensWithFile(algorithm, ciphertext []byte) bool {
	for _, r := range append(s.readings, reading{s.given, pbe.EncodingBMP}) {
		if plain, err := pbe.Decrypt(algorithm, ciphertext, r.password, r.encoding); err == nil && isPrivateKeyInfo(plain) {
			return true
		}
	}
	return false
}
