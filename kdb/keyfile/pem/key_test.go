package pem_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	stdpem "encoding/pem"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/pki/key"
	"certkdb/pki/pbe"

	"golang.org/x/crypto/ssh"
)

// openOne opens the first private key of an input.
func openOne(t testing.TB, input []byte, password string) (key.Private, error) {
	t.Helper()
	for item, err := range pem.Items(bytes.NewReader(input)) {
		if err != nil {
			return key.Private{}, err
		}
		if item.Kind == pem.Parameters {
			continue
		}
		return item.OpenKey(func(where string) ([]byte, error) {
			if password == "none" {
				return nil, kdb.ErrNoPassword
			}
			return []byte(password), nil
		})
	}
	return key.Private{}, errors.New("no item")
}

// tool runs a program with an input, or skips the test where it is missing.
func tool(t testing.TB, input []byte, name string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here", name)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}

func pkcs8Of(t testing.TB, k crypto.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestOpenKey_traditionalEncryption(t *testing.T) {
	t.Parallel()
	want := pkcs8Of(t, rsaKey(t))
	plain := pem.Encode(pem.PrivateKey, want)
	for _, cipher := range []string{
		"-aes128", "-aes192", "-aes256", "-des3", "-des-ede-cbc", "-des-cbc", "-camellia128", "-camellia192", "-camellia256",
		"-bf-cbc", "-cast5-cbc", "-rc2-cbc", "-rc2-64-cbc", "-rc2-40-cbc",
		"-aes-128-cfb", "-aes-192-ofb", "-camellia-256-cfb", "-des-ede3-cfb", "-des-ede-ofb", "-des-cfb", "-bf-ofb", "-cast5-cfb", "-rc2-cfb",
	} {
		text := tool(t, plain, "openssl", "rsa", "-provider", "legacy", "-provider", "default", "-traditional", cipher, "-passout", "pass:secret")
		got, err := openOne(t, text, "secret")
		if err != nil || !bytes.Equal(got.PKCS8, want) {
			t.Errorf("%s: %v, or another key", cipher, err)
		}
		if _, err := openOne(t, text, "wrong"); !errors.Is(err, kdb.ErrPassword) || !strings.Contains(err.Error(), "private key 1 (line 1)") {
			t.Errorf("%s with a wrong password: %v", cipher, err)
		}
		if _, err := openOne(t, text, "none"); !errors.Is(err, kdb.ErrNoPassword) {
			t.Errorf("%s without password: %v", cipher, err)
		}
	}
}

// TestOpenKey_smallEncryptedDER reads what Java and KeyStore Explorer write: a small key with a salt of 20 bytes.
func TestOpenKey_smallEncryptedDER(t *testing.T) {
	t.Parallel()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want := pkcs8Of(t, ed)
	for _, scheme := range []pbe.Scheme{pbe.TripleDES, pbe.GSKit} {
		der, err := pbe.EncryptPKCS8(want, []byte("secret"), scheme)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := openOne(t, der, "secret"); err != nil || !bytes.Equal(got.PKCS8, want) {
			t.Errorf("%s: %v, or another key", scheme, err)
		}
	}
	algorithm := append([]byte("\x30\x28\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03\x30\x1a\x04\x14"), make([]byte, 20)...)
	der := pbe.JoinPKCS8(append(algorithm, 2, 2, 4, 0), make([]byte, 48))
	if _, err := openOne(t, der, "wrong"); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("a salt of 20 bytes: %v, want ErrPassword", err)
	}
	if _, err := openOne(t, []byte("0(0& text that is none of it"), "wrong"); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("text: %v, want ErrParse", err)
	}
}

func TestOpenKey_badEncryptionHeaders(t *testing.T) {
	t.Parallel()
	block := func(headers string) []byte {
		return []byte("-----BEGIN RSA PRIVATE KEY-----\n" + headers + "\nAAECAwQFBgcICQoLDA0ODw==\n-----END RSA PRIVATE KEY-----\n")
	}
	iv := "00112233445566778899AABBCCDDEEFF"
	for name, c := range map[string]struct {
		headers string
		want    error
	}{
		"unknown cipher":   {"Proc-Type: 4,ENCRYPTED\nDEK-Info: SEED-CBC," + iv + "\n", kdb.ErrEncryption},
		"no DEK-Info":      {"Proc-Type: 4,ENCRYPTED\n", kdb.ErrParse},
		"short vector":     {"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n", kdb.ErrParse},
		"vector no hex":    {"Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,zz11223344556677\n", kdb.ErrParse},
		"wrong padding":    {"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC," + iv + "\n", kdb.ErrPassword},
		"lower-case names": {"Proc-Type: 4,ENCRYPTED\nDEK-Info: des-ede3-cbc, 0011223344556677\n", kdb.ErrPassword},
		"two-key 3DES":     {"Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE-CBC,0011223344556677\n", kdb.ErrPassword},
		"DES":              {"Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,0011223344556677\n", kdb.ErrPassword},
	} {
		if _, err := openOne(t, block(c.headers), "secret"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	odd := bytes.Replace(block("DEK-Info: AES-128-CBC,"+iv+"\n"), []byte("AAECAwQFBgcICQoLDA0ODw=="), []byte("AAEC"), 1)
	if _, err := openOne(t, odd, "secret"); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("no whole blocks: %v", err)
	}
}

func TestOpenKey_encryptedPKCS8(t *testing.T) {
	t.Parallel()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want := pkcs8Of(t, k)
	text := tool(t, pem.Encode(pem.PrivateKey, want), "openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:secret")
	got, err := openOne(t, text, "secret")
	if err != nil || got.Type != "p256" {
		t.Errorf("%v %v", got, err)
	}
	if _, err := openOne(t, text, "wrong"); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := (&pem.Item{Kind: pem.EncryptedKey, DER: []byte{0x30, 0}}).OpenKey(nil); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("what is no EncryptedPrivateKeyInfo asks for a password: %v", err)
	}
}

func TestOpenKey_openSSH(t *testing.T) {
	t.Parallel()
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for typ, k := range map[string]crypto.PrivateKey{"rsa2048": rsaKey(t), "p384": ecKey, "ed25519": edKey} {
		want := pkcs8Of(t, k)
		plain, err := ssh.MarshalPrivateKey(k, "comment")
		if err != nil {
			t.Fatal(err)
		}
		got, err := openOne(t, stdpem.EncodeToMemory(plain), "none")
		if err != nil || got.Type != typ || !bytes.Equal(got.PKCS8, want) {
			t.Errorf("%s: %v %v", typ, got, err)
		}
		sealed, err := ssh.MarshalPrivateKeyWithPassphrase(k, "comment", []byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		text := stdpem.EncodeToMemory(sealed)
		if got, err = openOne(t, text, "secret"); err != nil || !bytes.Equal(got.PKCS8, want) {
			t.Errorf("%s encrypted: %v %v", typ, got, err)
		}
		if _, err = openOne(t, text, "wrong"); !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("%s with a wrong password: %v", typ, err)
		}
		if _, err = openOne(t, text, "none"); !errors.Is(err, kdb.ErrNoPassword) {
			t.Errorf("%s without password: %v", typ, err)
		}
	}
}

// A file cannot order more work than a second's.
func TestOpenKey_openSSHBombs(t *testing.T) {
	t.Parallel()
	word := func(n uint32) []byte { return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }
	str := func(s []byte) []byte { return append(word(uint32(len(s))), s...) }
	file := func(kdf string, options []byte, keys uint32) []byte {
		return bytes.Join([][]byte{
			[]byte("openssh-key-v1\x00"), str([]byte("aes256-ctr")), str([]byte(kdf)), str(options),
			word(keys), str(nil), str(nil),
		}, nil)
	}
	rounds := append(str([]byte("0123456789abcdef")), word(4_000_000_000)...)
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"rounds":       {file("bcrypt", rounds, 1), kdb.ErrEncryption},
		"cut options":  {file("bcrypt", rounds[:10], 1), kdb.ErrParse},
		"many keys":    {file("bcrypt", rounds, 4_000_000_000), kdb.ErrUnsupported},
		"unknown kdf":  {file("argon9", rounds, 1), kdb.ErrEncryption},
		"empty":        {[]byte("openssh-key-v1\x00"), kdb.ErrParse},
		"long string":  {append([]byte("openssh-key-v1\x00"), word(4_000_000_000)...), kdb.ErrParse},
		"very long":    {append(file("none", nil, 1), make([]byte, 1<<20)...), kdb.ErrParse},
		"no key in it": {file("none", nil, 1), kdb.ErrUnsupported},
	} {
		_, err := openOne(t, []byte(armoured("OPENSSH PRIVATE KEY", c.data)), "secret")
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// Many keys, each with as many iterations as are done, take no longer than one.
func TestOpenKey_manyDearKeys(t *testing.T) {
	t.Parallel()
	type parameters struct {
		Salt       []byte
		Iterations int
	}
	algorithm, err := asn1.Marshal(struct {
		ID         asn1.ObjectIdentifier // pbeWithSHAAnd3-KeyTripleDES-CBC
		Parameters parameters
	}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}, parameters{make([]byte, 8), 3_200_000}})
	if err != nil {
		t.Fatal(err)
	}
	dear := pbe.JoinPKCS8(algorithm, make([]byte, 64))
	i := 0
	want := [...]error{kdb.ErrPassword, pbe.ErrLimit, pbe.ErrLimit}
	for item, err := range pem.Items(strings.NewReader(strings.Repeat(armoured("ENCRYPTED PRIVATE KEY", dear), len(want)))) {
		if err == nil {
			_, err = item.OpenKey(func(string) ([]byte, error) { return []byte("secret"), nil })
		}
		if !errors.Is(err, want[i]) {
			t.Errorf("key %d: %v, want %v", i+1, err, want[i])
		}
		i++
	}
}

func TestWrite_comesBack(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	algorithm, ciphertext, err := pbe.Encrypt(leaf.pkcs8(t), []byte("secret"), pbe.AES256, 1000)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := pbe.JoinPKCS8(algorithm, ciphertext)
	want := []pem.Item{
		{Kind: pem.Certificate, DER: leaf.cert.Raw, Label: "My Server é", LocalKeyID: []byte{1, 0xab}},
		{Kind: pem.EncryptedKey, DER: encrypted},
		{Kind: pem.PrivateKey, DER: leaf.pkcs8(t), Label: "x"},
		{Kind: pem.Request, DER: leaf.request(t)},
		{Kind: pem.PublicKey, DER: leaf.cert.RawSubjectPublicKeyInfo},
	}
	var out bytes.Buffer
	if err := pem.Write(&out, want...); err != nil {
		t.Fatal(err)
	}
	got, errs := read(out.Bytes())
	if len(errs) > 0 || len(got) != len(want) {
		t.Fatalf("got %v, %v", got, errs)
	}
	for i := range want {
		w, g := want[i], got[i]
		if g.Kind != w.Kind || !bytes.Equal(g.DER, w.DER) || g.Label != w.Label || !bytes.Equal(g.LocalKeyID, w.LocalKeyID) {
			t.Errorf("item %d: got %s %q %x, want %s %q %x", i, g.Kind, g.Label, g.LocalKeyID, w.Kind, w.Label, w.LocalKeyID)
		}
	}
	if _, err := openOne(t, pem.Encode(pem.EncryptedKey, encrypted), "secret"); err != nil {
		t.Error(err)
	}
	if err := pem.Write(&out, pem.Item{Kind: pem.Parameters, DER: []byte{6, 0}}); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("a kind without a type: %v", err)
	}
}

// What OpenSSL writes of a key is byte for byte what is written here.
func TestEncode_likeOpenSSL(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	cert, plain := pem.Encode(pem.Certificate, leaf.cert.Raw), pem.Encode(pem.PrivateKey, leaf.pkcs8(t))
	if theirs := tool(t, cert, "openssl", "x509"); !bytes.Equal(theirs, cert) {
		t.Errorf("a certificate:\n%s\nopenssl:\n%s", cert, theirs)
	}
	if theirs := tool(t, plain, "openssl", "pkey"); !bytes.Equal(theirs, plain) {
		t.Errorf("a key:\n%s\nopenssl:\n%s", plain, theirs)
	}
	public := pem.Encode(pem.PublicKey, leaf.cert.RawSubjectPublicKeyInfo)
	if theirs := tool(t, plain, "openssl", "pkey", "-pubout"); !bytes.Equal(theirs, public) {
		t.Errorf("a public key:\n%s\nopenssl:\n%s", public, theirs)
	}
	dsa := tool(t, tool(t, nil, "openssl", "dsaparam", "-genkey", "-noout", "1024"), "openssl", "pkcs8", "-topk8", "-nocrypt")
	for name, text := range map[string][]byte{"ec": plain, "rsa": pem.Encode(pem.PrivateKey, pkcs8Of(t, rsaKey(t))), "dsa": dsa} {
		block, _ := stdpem.Decode(text)
		item, err := pem.Traditional(block.Bytes)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var ours bytes.Buffer
		if err := pem.Write(&ours, item); err != nil {
			t.Fatal(err)
		}
		if theirs := tool(t, text, "openssl", "pkey", "-traditional"); !bytes.Equal(theirs, ours.Bytes()) {
			t.Errorf("%s:\n%s\nopenssl:\n%s", name, ours.Bytes(), theirs)
		}
	}
}

func TestTraditional_refused(t *testing.T) {
	t.Parallel()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pem.Traditional(pkcs8Of(t, edKey)); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("ed25519: %v", err)
	}
	for _, bad := range [][]byte{
		nil,
		{0x30, 0},
		der(0x30, integer(0), algorithm),
		der(0x30, integer(0), der(0x30, der(6, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1})), octets),
	} {
		if _, err := pem.Traditional(bad); !errors.Is(err, kdb.ErrParse) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

func TestAuthorizedKey(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	line, err := pem.AuthorizedKey(leaf.cert.RawSubjectPublicKeyInfo, "my server\nssh-rsa smuggled")
	if err != nil {
		t.Fatal(err)
	}
	public, comment, _, rest, err := ssh.ParseAuthorizedKey(line)
	if err != nil || len(rest) > 0 || comment != "my server ssh-rsa smuggled" || !bytes.HasSuffix(line, []byte("\n")) {
		t.Errorf("%q: comment %q, rest %q, %v", line, comment, rest, err)
	}
	want, err := ssh.NewPublicKey(leaf.key.Public())
	if err != nil || !bytes.Equal(public.Marshal(), want.Marshal()) {
		t.Errorf("another key: %v", err)
	}
	if bare, err := pem.AuthorizedKey(leaf.cert.RawSubjectPublicKeyInfo, ""); err != nil || bytes.Count(bare, []byte(" ")) != 1 {
		t.Errorf("%q, %v", bare, err)
	}
	if _, err := pem.AuthorizedKey([]byte{0x30, 0}, ""); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("no key: %v", err)
	}
}
