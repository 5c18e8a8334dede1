package pem

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	stdpem "encoding/pem"
	"fmt"
	"strings"

	"certkdb/kdb"
	"certkdb/pki/key"
	"certkdb/pki/pbe"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ssh"
)

const (
	sshDSA     = "ssh-dss" // RFC 4253, section 6.6
	maxOpenSSH = 64 << 10
	// maxRounds bounds the rounds of bcrypt_pbkdf, each of which takes about 6 ms, as in ssh-keygen, whose default is 24.
	maxRounds = 300
	// roundWork is a round's part in the budget of an input, so that the most rounds are allowed once.
	roundWork = pbe.MaxWork / maxRounds
)

// sshKey is an OpenSSH private key taken apart (OpenSSH's PROTOCOL.key, section 1).
type sshKey struct {
	cipher, kdf  string
	salt         []byte
	rounds       uint32
	public       []byte
	private, tag []byte // sealed, if the kdf is not "none"
}

// parseOpenSSH takes a key apart, so that its numbers are checked before anybody computes with them.
func parseOpenSSH(data []byte) (*sshKey, error) {
	in := cryptobyte.String(data)
	var cipher, kdf, options, public, private cryptobyte.String
	var keys uint32
	if len(data) > maxOpenSSH {
		return nil, fmt.Errorf("%w: an OpenSSH private key of %d bytes", kdb.ErrParse, len(data))
	}
	if !in.Skip(len(openSSHMagic)) || !readString(&in, &cipher) || !readString(&in, &kdf) || !readString(&in, &options) || !in.ReadUint32(&keys) {
		return nil, fmt.Errorf("%w: the head of the OpenSSH private key is cut off", kdb.ErrParse)
	}
	k := &sshKey{cipher: string(cipher), kdf: string(kdf)}
	if keys != 1 {
		return nil, unsupportedSSH("%d keys in one OpenSSH private key", keys)
	}
	if err := k.parseKDF(options); err != nil {
		return nil, err
	}
	if !readString(&in, &public) || !readString(&in, &private) {
		return nil, fmt.Errorf("%w: the OpenSSH private key is cut off", kdb.ErrParse)
	}
	k.public, k.private, k.tag = public, private, in
	if k.kdf != "none" && len(k.tag) != sshCiphers[k.cipher].tag {
		return nil, fmt.Errorf("%w: %d bytes stand behind the OpenSSH private key", kdb.ErrParse, len(k.tag))
	}
	return k, nil
}

// parseKDF reads how the key is sealed.
func (k *sshKey) parseKDF(options cryptobyte.String) error {
	_, known := sshCiphers[k.cipher]
	switch {
	case k.kdf == "none":
		return nil
	case k.kdf != "bcrypt":
		return unsupportedSSH("an OpenSSH private key with the key derivation %.40q", k.kdf)
	case !readString(&options, (*cryptobyte.String)(&k.salt)) || !options.ReadUint32(&k.rounds) || len(k.salt) == 0 || k.rounds == 0:
		return fmt.Errorf("%w: the bcrypt parameters of the OpenSSH private key are bad or cut off", kdb.ErrParse)
	case k.rounds > maxRounds:
		return fmt.Errorf("%w: %d bcrypt rounds, at most %d are done", kdb.ErrParse, k.rounds, maxRounds)
	case !known:
		return unsupportedSSH("an OpenSSH private key with the cipher %.40q", k.cipher)
	}
	return nil
}

func unsupportedSSH(format string, args ...any) error {
	return marked{fmt.Errorf("unsupported algorithm: "+format, args...), kdb.ErrEncryption}
}

// readString reads a string of RFC 4251, section 5.
func readString(in, out *cryptobyte.String) bool {
	var n uint32
	return in.ReadUint32(&n) && uint64(n) <= uint64(len(*in)) && in.ReadBytes((*[]byte)(out), int(n))
}

// openSSH decodes an OpenSSH private key and makes PKCS #8 of it.
func openSSH(i *Item, passwords Passwords) (key.Private, error) {
	k, err := parseOpenSSH(i.DER)
	if err != nil {
		return key.Private{}, err
	}
	if k.kdf != "none" {
		password, err := i.password(passwords)
		if err == nil {
			err = i.budget.Spend(int(k.rounds) * roundWork)
		}
		if err == nil {
			err = k.unseal(password)
		}
		if err != nil {
			return key.Private{}, err
		}
	}
	defer clear(k.private)
	in := cryptobyte.String(k.private)
	var name cryptobyte.String
	if in.Skip(8) && readString(&in, &name) && string(name) == sshDSA {
		return openDSA(in)
	}
	return k.open()
}

// unseal decrypts the private part. Two equal numbers at its beginning tell whether the password is right.
func (k *sshKey) unseal(password []byte) error {
	c := sshCiphers[k.cipher]
	secret := bcryptKey(password, k.salt, int(k.rounds), c.key+c.iv)
	defer clear(secret)
	plain, err := c.open(secret[:c.key], secret[c.key:], k.private, k.tag)
	if err != nil || len(plain) < 8 || !bytes.Equal(plain[:4], plain[4:8]) {
		return marked{fmt.Errorf("decrypting with %s and bcrypt: wrong password or damaged data", k.cipher), kdb.ErrPassword}
	}
	k.private = plain
	return nil
}

// open hands the key in clear to package ssh.
func (k *sshKey) open() (key.Private, error) {
	b := cryptobyte.NewBuilder([]byte(openSSHMagic))
	addString := func(s []byte) {
		b.AddUint32LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s) })
	}
	addString([]byte("none"))
	addString([]byte("none"))
	addString(nil)
	b.AddUint32(1)
	addString(k.public)
	addString(k.private)
	data := b.BytesOrPanic() // it is shorter than 4 GiB
	defer clear(data)
	text := stdpem.EncodeToMemory(&stdpem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: data})
	defer clear(text)
	raw, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		return key.Private{}, unsupportedSSH("an OpenSSH private key: %w", err)
	}
	if pointer, ok := raw.(*ed25519.PrivateKey); ok {
		raw = *pointer
	}
	return key.FromGo(raw)
}

// openDSA makes OpenSSL's traditional form of the numbers p, q, g, y and x (RFC 4253, section 6.6), which package key reads.
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
		return key.Private{}, fmt.Errorf("%w: a number of the DSA key is cut off", kdb.ErrParse)
	}
	der, err := b.Bytes()
	if err != nil {
		return key.Private{}, err // unreachable: nothing is too long
	}
	defer clear(der)
	return key.ReadPrivate(der)
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
