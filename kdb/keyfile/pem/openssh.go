package pem

import (
	"crypto/ed25519"
	"crypto/x509"
	stdpem "encoding/pem"
	"errors"
	"fmt"
	"strings"

	"certkdb/kdb"
	"certkdb/pki/key"
	"certkdb/pki/pbe"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/ssh"
)

const (
	maxOpenSSH = 64 << 10
	// maxRounds bounds the rounds of bcrypt_pbkdf, each of which takes about 6 ms, as in ssh-keygen, whose default is 24.
	maxRounds = 300
	// roundWork is a round's part in the budget of an input, so that the most rounds are allowed once.
	roundWork = pbe.MaxWork / maxRounds
)

// openSSHHead is what stands in clear before the keys (OpenSSH's PROTOCOL.key, section 1).
type openSSHHead struct {
	cipher, kdf string
	rounds      uint32
}

// parseOpenSSHHead reads the head, so that its numbers are checked before anybody computes with them.
func parseOpenSSHHead(data []byte) (openSSHHead, error) {
	in := cryptobyte.String(data)
	var head openSSHHead
	var cipher, kdf, options, salt cryptobyte.String
	var keys uint32
	if len(data) > maxOpenSSH {
		return head, fmt.Errorf("%w: an OpenSSH private key of %d bytes", kdb.ErrParse, len(data))
	}
	if !in.Skip(len(openSSHMagic)) || !readString(&in, &cipher) || !readString(&in, &kdf) || !readString(&in, &options) || !in.ReadUint32(&keys) {
		return head, fmt.Errorf("%w: the head of the OpenSSH private key is cut off", kdb.ErrParse)
	}
	head.cipher, head.kdf = string(cipher), string(kdf)
	switch {
	case keys != 1:
		return head, fmt.Errorf("%w: %d keys in one OpenSSH private key", kdb.ErrUnsupported, keys)
	case head.kdf == "none":
		return head, nil
	case head.kdf != "bcrypt":
		return head, fmt.Errorf("%w: an OpenSSH private key with the key derivation %.40q", kdb.ErrUnsupported, head.kdf)
	case !readString(&options, &salt) || !options.ReadUint32(&head.rounds):
		return head, fmt.Errorf("%w: the bcrypt parameters of the OpenSSH private key are cut off", kdb.ErrParse)
	case head.rounds > maxRounds:
		return head, fmt.Errorf("%w: %d bcrypt rounds, at most %d are done", kdb.ErrParse, head.rounds, maxRounds)
	}
	return head, nil
}

// readString reads a string of RFC 4251, section 5.
func readString(in, out *cryptobyte.String) bool {
	var n uint32
	return in.ReadUint32(&n) && uint64(n) <= uint64(len(*in)) && in.ReadBytes((*[]byte)(out), int(n))
}

// openSSH decodes an OpenSSH private key and makes PKCS #8 of it.
func openSSH(i *Item, passwords Passwords) (key.Private, error) {
	head, err := parseOpenSSHHead(i.DER)
	if err != nil {
		return key.Private{}, err
	}
	text := stdpem.EncodeToMemory(&stdpem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: i.DER})
	defer clear(text)
	var raw any
	if head.kdf == "none" {
		raw, err = ssh.ParseRawPrivateKey(text)
	} else {
		var password []byte
		if password, err = i.password(passwords); err == nil {
			err = i.budget.Spend(int(head.rounds) * roundWork)
		}
		if err != nil {
			return key.Private{}, err
		}
		raw, err = ssh.ParseRawPrivateKeyWithPassphrase(text, password)
	}
	if err != nil {
		return key.Private{}, head.explain(err)
	}
	if pointer, ok := raw.(*ed25519.PrivateKey); ok {
		raw = *pointer
	}
	return key.FromGo(raw)
}

// explain tells a wrong password from a key type or cipher that is not known; package ssh has no sentinels for these.
func (h openSSHHead) explain(err error) error {
	if errors.Is(err, x509.IncorrectPasswordError) {
		return marked{fmt.Errorf("decrypting with %s and bcrypt: wrong password or damaged data", h.cipher), kdb.ErrPassword}
	}
	return fmt.Errorf("%w: an OpenSSH private key with the cipher %.40q: %w", kdb.ErrUnsupported, h.cipher, err)
}

// AuthorizedKey returns the line of a public key (SubjectPublicKeyInfo) for OpenSSH's authorized_keys, with an optional comment.
// The error wraps kdb.ErrUnsupported: OpenSSH knows RSA, ECDSA on the NIST curves, and Ed25519.
func AuthorizedKey(spki []byte, comment string) ([]byte, error) {
	public, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("%w: a public key of type %s for OpenSSH: %w", kdb.ErrUnsupported, key.DescribePublic(spki).Type, err)
	}
	converted, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("%w: OpenSSH knows no keys of type %s", kdb.ErrUnsupported, key.DescribePublic(spki).Type)
	}
	line := ssh.MarshalAuthorizedKey(converted)
	if comment = strings.Join(strings.Fields(comment), " "); comment == "" {
		return line, nil
	}
	return append(append(line[:len(line)-1], ' '), comment+"\n"...), nil
}
