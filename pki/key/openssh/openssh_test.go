package openssh_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	stdpem "encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/pki/key"
	"certkdb/pki/key/openssh"
	"certkdb/pki/pbe"

	"golang.org/x/crypto/ssh"
)

// open parses and opens the key of a file.
func open(file []byte, password string) (key.Private, error) {
	block, _ := stdpem.Decode(file)
	if block == nil {
		return key.Private{}, errors.New("no PEM")
	}
	k, err := openssh.Parse(block.Bytes)
	if err != nil {
		return key.Private{}, err
	}
	return k.Open([]byte(password), nil)
}

// newSSHKey makes a key with ssh-keygen: its file and the line of its public key, or a skipped test where ssh-keygen cannot.
func newSSHKey(t *testing.T, args ...string) (private []byte, public string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	args = append(args, "-a", "2", "-C", "", "-q", "-f", path)
	if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
		t.Skipf("ssh-keygen: %v: %s", err, out)
	}
	private, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return private, strings.TrimSpace(string(line))
}

func TestOpen_eachCipher(t *testing.T) {
	t.Parallel()
	for _, cipher := range []string{
		"aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc",
		"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
	} {
		t.Run(cipher, func(t *testing.T) {
			t.Parallel()
			file, public := newSSHKey(t, "-t", "ed25519", "-Z", cipher, "-N", "geheim é")
			private, err := open(file, "geheim é")
			if err != nil {
				t.Fatal(err)
			}
			if line, err := openssh.AuthorizedKey(private.SPKI, ""); err != nil || strings.TrimSpace(string(line)) != public {
				t.Errorf("%s, %v, want %s", line, err, public)
			}
			if _, err := open(file, "geheim e"); !errors.Is(err, pbe.ErrPassword) {
				t.Errorf("a wrong password: %v", err)
			}
		})
	}
}

func TestOpen_DSA(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", "geheim"} {
		file, _ := newSSHKey(t, "-t", "dsa", "-N", password)
		private, err := open(file, password)
		if err != nil || private.Type != "dsa1024" || private.SPKI == nil {
			t.Errorf("with the password %q: %+v, %v", password, private.Type, err)
		}
	}
}

func signers(t testing.TB) map[string]crypto.PrivateKey {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.PrivateKey{"rsa2048": rsaKey, "p384": ecKey, "ed25519": edKey}
}

// What package ssh writes is read back as the same PKCS #8.
func TestOpen_roundTrip(t *testing.T) {
	t.Parallel()
	for typ, k := range signers(t) {
		want, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := ssh.MarshalPrivateKey(k, "comment")
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := ssh.MarshalPrivateKeyWithPassphrase(k, "comment", []byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range []*stdpem.Block{plain, sealed} {
			if got, err := open(stdpem.EncodeToMemory(block), "secret"); err != nil || got.Type != typ || !bytes.Equal(got.PKCS8, want) {
				t.Errorf("%s: %v %v", typ, got, err)
			}
		}
		if typ != "ed25519" { // a derivation takes its time
			continue
		}
		parsed, err := openssh.Parse(sealed.Bytes)
		if err != nil || !parsed.Encrypted() {
			t.Fatal(err)
		}
		for range 2 { // opening leaves the key as it is
			if _, err := parsed.Open([]byte("wrong"), nil); !errors.Is(err, pbe.ErrPassword) {
				t.Errorf("%s with a wrong password: %v", typ, err)
			}
			if _, err := parsed.Open([]byte("secret"), nil); err != nil {
				t.Errorf("%s: %v", typ, err)
			}
		}
	}
}

// head builds a file with two empty parts.
func head(cipher, kdf string, options []byte, keys uint32) []byte {
	return bytes.Join([][]byte{[]byte(openssh.Magic), str(cipher), str(kdf), str(string(options)), word(keys), str(""), str("")}, nil)
}

func word(n uint32) []byte { return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }

func str(s string) []byte { return append(word(uint32(len(s))), s...) }

func TestParse_refuses(t *testing.T) {
	t.Parallel()
	salted := func(rounds uint32) []byte { return append(str("0123456789abcdef"), word(rounds)...) }
	const cipher = "aes256-ctr"
	for _, test := range []struct {
		rule string
		data []byte
		kind error
	}{
		{"nothing", nil, key.ErrParse},
		{"another magic", []byte("openssh-key-v2\x00"), key.ErrParse},
		{"the magic alone", []byte(openssh.Magic), key.ErrParse},
		{"a string longer than the file", append([]byte(openssh.Magic), word(4_000_000_000)...), key.ErrParse},
		{"no options", bytes.Join([][]byte{[]byte(openssh.Magic), str(cipher), str("none")}, nil), key.ErrParse},
		{"too long", append(head(cipher, "none", nil, 1), make([]byte, 1<<20)...), key.ErrParse},
		{"no private part", bytes.Join([][]byte{[]byte(openssh.Magic), str("none"), str("none"), str(""), word(1), str("")}, nil), key.ErrParse},
		{"rounds without end", head(cipher, "bcrypt", salted(4_000_000_000), 1), pbe.ErrLimit},
		{"no rounds", head(cipher, "bcrypt", salted(0), 1), key.ErrParse},
		{"no salt", head(cipher, "bcrypt", append(str(""), word(16)...), 1), key.ErrParse},
		{"options cut off", head(cipher, "bcrypt", salted(16)[:10], 1), key.ErrParse},
		{"many keys", head(cipher, "bcrypt", salted(16), 4_000_000_000), key.ErrUnsupported},
		{"unknown key derivation", head(cipher, "argon9", salted(16), 1), pbe.ErrUnsupported},
		{"unknown cipher", head("rot13", "bcrypt", salted(16), 1), pbe.ErrUnsupported},
		{"bytes after a key without a tag", append(head(cipher, "bcrypt", salted(16), 1), 0), key.ErrParse},
		{"no tag after a key that has one", head("aes256-gcm@openssh.com", "bcrypt", salted(16), 1), key.ErrParse},
	} {
		if _, err := openssh.Parse(test.data); !errors.Is(err, test.kind) {
			t.Errorf("%s: %v, want %v", test.rule, err, test.kind)
		}
	}
}

func TestOpen_refuses(t *testing.T) {
	t.Parallel()
	k, err := openssh.Parse(head("none", "none", nil, 1))
	if err != nil || k.Encrypted() {
		t.Fatal(err)
	}
	if _, err := k.Open(nil, nil); !errors.Is(err, key.ErrUnsupported) {
		t.Errorf("nothing in it: %v", err)
	}
	short := bytes.Join([][]byte{
		[]byte(openssh.Magic), str("none"), str("none"), str(""), word(1), str(""),
		str("\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x07ssh-dss\x00\x00\x00\x09"),
	}, nil)
	if k, err = openssh.Parse(short); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(nil, nil); !errors.Is(err, key.ErrParse) {
		t.Errorf("a DSA key that is cut off: %v", err)
	}
	// A budget bounds the rounds of all keys of an input together.
	dear, err := openssh.Parse(head("aes256-cbc", "bcrypt", append(str("salt"), word(200)...), 1))
	if err != nil {
		t.Fatal(err)
	}
	budget := pbe.NewBudget(0)
	if err := budget.Spend(pbe.MaxWork / 2); err != nil {
		t.Fatal(err)
	}
	if _, err := dear.Open([]byte("x"), budget); !errors.Is(err, pbe.ErrLimit) {
		t.Errorf("over the budget: %v", err)
	}
}

func TestAuthorizedKey(t *testing.T) {
	t.Parallel()
	for typ, k := range signers(t) {
		private, err := key.FromGo(k)
		if err != nil {
			t.Fatal(err)
		}
		line, err := openssh.AuthorizedKey(private.SPKI, "my server\nssh-rsa smuggled")
		if err != nil {
			t.Fatal(err)
		}
		public, comment, _, rest, err := ssh.ParseAuthorizedKey(line)
		if err != nil || len(rest) > 0 || comment != "my server ssh-rsa smuggled" || !bytes.HasSuffix(line, []byte("\n")) {
			t.Errorf("%s: %q: comment %q, rest %q, %v", typ, line, comment, rest, err)
		}
		want, err := ssh.NewPublicKey(k.(crypto.Signer).Public())
		if err != nil || !bytes.Equal(public.Marshal(), want.Marshal()) {
			t.Errorf("%s: another key: %v", typ, err)
		}
		if bare, err := openssh.AuthorizedKey(private.SPKI, ""); err != nil || bytes.Count(bare, []byte(" ")) != 1 {
			t.Errorf("%s without a comment: %q, %v", typ, bare, err)
		}
	}
	if _, err := openssh.AuthorizedKey([]byte{0x30, 0}, ""); !errors.Is(err, key.ErrUnsupported) {
		t.Errorf("no key: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(head("none", "none", nil, 1))
	f.Add(head("aes256-ctr", "bcrypt", append(str("salt"), word(1)...), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := openssh.Parse(data)
		if err != nil || k.Encrypted() {
			return
		}
		if p, err := k.Open(nil, nil); err == nil && p.Type == "" {
			t.Fatal("a key without a type")
		}
	})
}

// privateFile builds a file with a private part in clear.
func privateFile(private []byte) []byte {
	public := bytes.Join([][]byte{[]byte(openssh.Magic), str("none"), str("none"), str(""), word(1), str("")}, nil)
	return append(public, str(string(private))...)
}

func TestOpen_damagedPart(t *testing.T) {
	t.Parallel()
	for typ, k := range signers(t) {
		block, err := ssh.MarshalPrivateKey(k, "comment")
		if err != nil {
			t.Fatal(err)
		}
		_, private, ok := bytes.Cut(block.Bytes, []byte("\x00\x00\x00\x04none\x00\x00\x00\x04none\x00\x00\x00\x00\x00\x00\x00\x01"))
		if !ok {
			t.Fatal("no private part")
		}
		size := func(b []byte) int { return 4 + int(b[0])<<24 + int(b[1])<<16 + int(b[2])<<8 + int(b[3]) }
		private = private[size(private)+4:]
		read := func(part []byte) error {
			parsed, err := openssh.Parse(privateFile(part))
			if err == nil {
				_, err = parsed.Open(nil, nil)
			}
			return err
		}
		if err := read(private); err != nil {
			t.Fatalf("%s undamaged: %v", typ, err)
		}
		comment := bytes.LastIndex(private, []byte("comment"))
		for n := range comment + len("comment") {
			if err := read(private[:n]); !errors.Is(err, key.ErrUnsupported) {
				t.Fatalf("%s, the first %d bytes: %v", typ, n, err)
			}
		}
		for i := range private[:comment-4] { // before the comment each byte counts, but for the numbers that RSA can do without
			damaged := bytes.Clone(private)
			damaged[i] ^= 0x40
			if err := read(damaged); err == nil && typ != "rsa2048" {
				t.Fatalf("%s: byte %d of %d changed: no error", typ, i, comment)
			}
		}
		if err := read(append(bytes.Clone(private), 99)); !errors.Is(err, key.ErrUnsupported) {
			t.Errorf("%s with other padding: %v", typ, err)
		}
	}
}
