// Package openssh reads the private keys of OpenSSH (its PROTOCOL.key), and writes public keys for its authorized_keys.
//
// golang.org/x/crypto/ssh is for connections: it knows two of the ten ciphers of ssh-keygen, computes as many rounds of bcrypt as a file
// asks for, and would slow down every start of the program.
//
//	k, err := openssh.Parse(data)
//	if err != nil { … }
//	if k.Encrypted() { … } // ask for the password
//	private, err := k.Open(password, nil)
//
// Errors wrap key.ErrParse or key.ErrUnsupported or, about the encryption, pbe.ErrPassword, pbe.ErrUnsupported or pbe.ErrLimit.
package openssh

import (
	"bytes"
	"fmt"
	"strings"

	"certkdb/pki/key"
	"certkdb/pki/pbe"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Magic begins a private key.
const Magic = "openssh-key-v1\x00"

const (
	maxSize = 64 << 10
	// maxRounds bounds the rounds of bcrypt_pbkdf, each of which takes about 6 ms. The default of ssh-keygen is 24.
	maxRounds = 300
	// roundWork is a round's part in the budget of an input, so that the most rounds are allowed once.
	roundWork = pbe.MaxWork / maxRounds
)

// Key is a parsed OpenSSH private key (PROTOCOL.key, section 1), still encrypted.
type Key struct {
	cipher, kdf  string
	salt         []byte
	rounds       uint32
	public       []byte
	private, tag []byte // encrypted, if the kdf is not "none"
}

// Parse takes a key apart and checks its numbers, before anything is computed with them.
func Parse(data []byte) (*Key, error) {
	in := cryptobyte.String(data)
	var cipher, kdf, options, public, private cryptobyte.String
	var keys uint32
	if len(data) > maxSize {
		return nil, malformed("it has %d bytes, at most %d are read", len(data), maxSize)
	}
	if !strings.HasPrefix(string(data), Magic) {
		return nil, malformed("it does not begin with %q", strings.TrimRight(Magic, "\x00"))
	}
	if !in.Skip(len(Magic)) || !readString(&in, &cipher) || !readString(&in, &kdf) || !readString(&in, &options) || !in.ReadUint32(&keys) {
		return nil, malformed("its head is cut off")
	}
	k := &Key{cipher: string(cipher), kdf: string(kdf)}
	if keys != 1 {
		return nil, unsupported("%d keys in one file", keys)
	}
	if err := k.parseKDF(options); err != nil {
		return nil, err
	}
	if !readString(&in, &public) || !readString(&in, &private) {
		return nil, malformed("it is cut off")
	}
	k.public, k.private, k.tag = public, private, in
	if k.Encrypted() && len(k.tag) != ciphers()[k.cipher].tag {
		return nil, malformed("%d bytes follow it", len(k.tag))
	}
	return k, nil
}

// parseKDF reads how the key is encrypted.
func (k *Key) parseKDF(options cryptobyte.String) error {
	_, known := ciphers()[k.cipher]
	switch {
	case k.kdf == "none":
		return nil
	case k.kdf != "bcrypt":
		return fmt.Errorf("%w: key derivation %.40q", pbe.ErrUnsupported, k.kdf)
	case !readString(&options, (*cryptobyte.String)(&k.salt)) || !options.ReadUint32(&k.rounds) || len(k.salt) == 0 || k.rounds == 0:
		return malformed("its bcrypt parameters are bad or cut off")
	case k.rounds > maxRounds:
		return fmt.Errorf("%w: %d rounds of bcrypt, at most %d are done", pbe.ErrLimit, k.rounds, maxRounds)
	case !known:
		return fmt.Errorf("%w: cipher %.40q", pbe.ErrUnsupported, k.cipher)
	}
	return nil
}

// Encrypted reports whether a password is needed.
func (k *Key) Encrypted() bool { return k.kdf != "none" }

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", key.ErrParse, fmt.Errorf(format, args...))
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %w", key.ErrUnsupported, fmt.Errorf(format, args...))
}

// Open decodes the key and makes PKCS #8 of it. The password counts if the key is encrypted, whose derivation the budget bounds.
func (k *Key) Open(password []byte, budget *pbe.Budget) (key.Private, error) {
	private := k.private
	if k.Encrypted() {
		if err := budget.Spend(int(k.rounds) * roundWork); err != nil {
			return key.Private{}, err
		}
		var err error
		if private, err = k.decrypt(password); err != nil {
			return key.Private{}, err
		}
		defer clear(private)
	}
	in := cryptobyte.String(private)
	var name cryptobyte.String
	if in.Skip(8) && readString(&in, &name) && string(name) == dsaName {
		return openDSA(in)
	}
	decoded, err := readPrivate(private)
	if err != nil {
		return key.Private{}, unsupported("%w", err)
	}
	return key.FromGo(decoded)
}

// decrypt opens the private part. Two equal numbers at its beginning tell whether the password is right.
func (k *Key) decrypt(password []byte) ([]byte, error) {
	c := ciphers()[k.cipher]
	secret := bcryptKey(password, k.salt, int(k.rounds), c.key+c.iv)
	defer clear(secret)
	plain, err := c.open(secret[:c.key], secret[c.key:], k.private, k.tag)
	if err != nil || len(plain) < 8 || !bytes.Equal(plain[:4], plain[4:8]) {
		return nil, fmt.Errorf("decrypting with %s and bcrypt: %w", k.cipher, pbe.ErrPassword)
	}
	return plain, nil
}

// openDSA makes OpenSSL's traditional form of the numbers p, q, g, y and x (RFC 4253, section 6.6).
func openDSA(in cryptobyte.String) (key.Private, error) {
	b := cryptobyte.NewBuilder(nil)
	ok := true
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		for range 5 {
			var number cryptobyte.String
			ok = ok && readString(&in, &number) && len(number) > 0
			b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(number) })
		}
	})
	if !ok {
		return key.Private{}, malformed("a number of the DSA key is cut off")
	}
	der, err := b.Bytes()
	if err != nil {
		return key.Private{}, err // unreachable: nothing is too long
	}
	defer clear(der)
	return key.ReadPrivate(der)
}

// AuthorizedKey returns the line of a public key (SubjectPublicKeyInfo) for authorized_keys, with an optional comment. The error wraps
// key.ErrUnsupported: OpenSSH knows RSA, ECDSA on the NIST curves, and Ed25519.
func AuthorizedKey(spki []byte, comment string) ([]byte, error) {
	public, err := key.ParsePublic(spki)
	if err != nil {
		return nil, fmt.Errorf("%w: a public key of type %s for OpenSSH: %w", key.ErrUnsupported, key.DescribePublic(spki).Type, err)
	}
	line, ok := publicLine(public.Key)
	if !ok || strings.HasPrefix(public.Type, "rsapss") {
		return nil, fmt.Errorf("%w: OpenSSH knows no keys of type %s", key.ErrUnsupported, public.Type)
	}
	if comment = strings.Join(strings.Fields(comment), " "); comment != "" {
		line += " " + comment
	}
	return []byte(line + "\n"), nil
}
