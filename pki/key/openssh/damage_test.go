package openssh_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	stdpem "encoding/pem"
	"errors"
	"testing"

	"certkdb/pki/key"
	"certkdb/pki/key/openssh"
	"certkdb/pki/pbe"

	"golang.org/x/crypto/ssh"
)

// Each beginning of a file is refused, and as a damaged file: the key is never asked for.
func TestParse_cutOff(t *testing.T) {
	t.Parallel()
	block, err := ssh.MarshalPrivateKeyWithPassphrase(signers(t)["ed25519"], "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range block.Bytes {
		if _, err := openssh.Parse(block.Bytes[:n]); !errors.Is(err, key.ErrParse) {
			t.Errorf("the first %d of %d bytes: %v", n, len(block.Bytes), err)
		}
	}
}

// Changed bytes in the sealed part or its tag look like a wrong password: nobody can tell them apart.
func TestOpen_changed(t *testing.T) {
	t.Parallel()
	for _, cipher := range []string{"aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"} {
		file, _ := newSSHKey(t, "-t", "ed25519", "-Z", cipher, "-N", "secret")
		block, _ := stdpem.Decode(file)
		for _, fromEnd := range []int{1, 16, 17, 40} {
			changed := append([]byte(nil), block.Bytes...)
			changed[len(changed)-fromEnd] ^= 1
			k, err := openssh.Parse(changed)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := k.Open([]byte("secret"), nil); !errors.Is(err, pbe.ErrPassword) {
				t.Errorf("%s, byte %d from the end changed: %v", cipher, fromEnd, err)
			}
		}
	}
}

// OpenSSH knows three curves of NIST, and P-224 is not one of them.
func TestAuthorizedKey_refuses(t *testing.T) {
	t.Parallel()
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(p224.Public())
	if err != nil {
		t.Fatal(err)
	}
	if line, err := openssh.AuthorizedKey(spki, ""); !errors.Is(err, key.ErrUnsupported) {
		t.Errorf("P-224: %q, %v", line, err)
	}
}
