package pem

import (
	"errors"
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/pki/key"
	"certkdb/pki/key/openssh"
	"certkdb/pki/pbe"
)

// Passwords returns the password of an encrypted item, named by where it is. The bytes are the callee's: they are
// not cleared here, since the next item may need them too.
type Passwords func(where string) ([]byte, error)

// OpenKey reads the private key of an item of the kinds PrivateKey, EncryptedKey and OpenSSHKey; passwords, which may be
// nil, is called only if the key is encrypted. The error names the item and wraps kdb.ErrParse, kdb.ErrPassword, kdb.ErrNoPassword or
// kdb.ErrUnsupported; about a wrong password it is a [kdb.ClosedKey].
func (i *Item) OpenKey(passwords Passwords) (key.Private, error) {
	private, err := i.openKey(passwords)
	switch {
	case errors.Is(err, pbe.ErrPassword):
		err = &kdb.ClosedKey{Encryption: i.Encryption(), Err: keyfile.KeyError(err)}
	case err != nil:
		err = keyfile.KeyError(err)
	default:
		return private, nil
	}
	return key.Private{}, fmt.Errorf("%s: %w", i.Where(), err)
}

func (i *Item) openKey(passwords Passwords) (key.Private, error) {
	switch i.Kind {
	case PrivateKey:
		return key.ReadPrivate(i.DER)
	case EncryptedKey:
		der, err := i.decrypt(passwords)
		if err != nil {
			return key.Private{}, err
		}
		return key.ReadPrivate(der)
	case OpenSSHKey:
		return i.openSSH(passwords)
	}
	return key.Private{}, fmt.Errorf("%w: it is not a private key", kdb.ErrParse)
}

func (i *Item) openSSH(passwords Passwords) (key.Private, error) {
	k, err := openssh.Parse(i.DER)
	if err != nil {
		return key.Private{}, err
	}
	var password []byte
	if k.Encrypted() {
		if password, err = i.password(passwords); err != nil {
			return key.Private{}, err
		}
	}
	return k.Open(password, i.budget)
}

// AuthorizedKey is openssh.AuthorizedKey with an error that wraps kdb.ErrUnsupported.
func AuthorizedKey(spki []byte, comment string) ([]byte, error) {
	line, err := openssh.AuthorizedKey(spki, comment)
	return line, keyfile.KeyError(err)
}

// decrypt opens PKCS #8 and the traditional form.
func (i *Item) decrypt(passwords Passwords) ([]byte, error) {
	if i.encryptedHeaders() {
		dek, err := pbe.ParseDEK(i.Header("DEK-Info"))
		if err != nil {
			return nil, err
		}
		password, err := i.password(passwords)
		if err != nil {
			return nil, err
		}
		return dek.Decrypt(i.DER, password)
	}
	if _, _, err := pbe.SplitPKCS8(i.DER); err != nil {
		return nil, err
	}
	password, err := i.password(passwords)
	if err != nil {
		return nil, err
	}
	return i.budget.DecryptPKCS8(i.DER, password)
}

// Encryption tells how an item of the kind EncryptedKey or OpenSSHKey encrypts its private key.
func (i *Item) Encryption() string {
	switch dek := i.Header("DEK-Info"); {
	case dek != "":
		return fmt.Sprintf("traditional, DEK-Info %.40s", dek)
	case i.Kind == OpenSSHKey:
		return "OpenSSH, with bcrypt"
	default:
		return keyfile.Protection(i.DER)
	}
}

func (i *Item) password(passwords Passwords) ([]byte, error) {
	if passwords == nil {
		return nil, fmt.Errorf("%w: it is encrypted", kdb.ErrNoPassword)
	}
	return passwords(i.Where())
}

// unsupported says that a key cannot be opened here whatever the password.
func unsupported(err error) bool {
	return errors.Is(err, kdb.ErrUnsupported) || errors.Is(err, kdb.ErrEncryption)
}
