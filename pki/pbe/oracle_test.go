package pbe_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"errors"
	"hash"
	"strings"
	"testing"

	"certkdb/pki/oid"
	"certkdb/pki/pbe"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/scrypt"
)

var (
	password  = []byte("password")
	plaintext = []byte("a text of 37 bytes, which needs a pad")
)

// pad is the padding of RFC 8018, 6.1.1.
func pad(plain []byte, block int) []byte {
	n := block - len(plain)%block
	return append(bytes.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...)
}

func encryptCBC(t *testing.T, block cipher.Block, iv []byte) []byte {
	t.Helper()
	out := pad(plaintext, block.BlockSize())
	cipher.NewCBCEncrypter(block, iv[:block.BlockSize()]).CryptBlocks(out, out)
	return out
}

func mustDecrypt(t *testing.T, rule string, algorithm, ciphertext []byte) {
	t.Helper()
	got, err := pbe.Decrypt(algorithm, ciphertext, password, pbe.EncodingStandard)
	if err != nil || !bytes.Equal(got, plaintext) {
		t.Errorf("%s: %q, %v", rule, got, err)
	}
}

func newAES(t *testing.T, key []byte) cipher.Block {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

// Go's packages encrypt; this one decrypts: PBES2 with each PRF.
func TestDecrypt_eachPRF(t *testing.T) {
	t.Parallel()
	for _, d := range oid.Digests {
		key, err := pbkdf2.Key(d.New, string(password), []byte("salt"), 3, 16)
		if err != nil {
			t.Fatal(err)
		}
		algorithm := encode(alg(idPBES2, seq(alg(idPBKDF2, seq(oct("salt"), num(3), alg(d.HMAC, raw("\x05\x00")))), alg(idAES128, oct(iv)))))
		mustDecrypt(t, d.String(), algorithm, encryptCBC(t, newAES(t, key), []byte(iv)))
		description, err := pbe.Describe(algorithm)
		if err != nil || description.PRF != "HMAC-"+d.String() || description.Iterations != 3 || !description.Weak {
			t.Errorf("%s: described as %+v, %v", d, description, err)
		}
	}
	// Without a PRF it is HMAC-SHA-1 (RFC 8018, A.2).
	key, err := pbkdf2.Key(sha1.New, string(password), []byte("salt"), 3, 16)
	if err != nil {
		t.Fatal(err)
	}
	mustDecrypt(t, "default PRF", encode(alg(idPBES2, seq(alg(idPBKDF2, seq(oct("salt"), num(3))), alg(idAES128, oct(iv))))),
		encryptCBC(t, newAES(t, key), []byte(iv)))
}

// PBES2 with AES of each length, 3DES and DES, the key length stated or not.
func TestDecrypt_eachCipher(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		id   string
		size int
		make func([]byte) (cipher.Block, error)
	}{
		{idAES128, 16, aes.NewCipher},
		{"2.16.840.1.101.3.4.1.22", 24, aes.NewCipher},
		{"2.16.840.1.101.3.4.1.42", 32, aes.NewCipher},
		{"1.2.840.113549.3.7", 24, des.NewTripleDESCipher},
		{"1.3.14.3.2.7", 8, des.NewCipher},
	} {
		key, err := pbkdf2.Key(sha1.New, string(password), []byte("salt"), 3, test.size)
		if err != nil {
			t.Fatal(err)
		}
		block, err := test.make(key)
		if err != nil {
			t.Fatal(err)
		}
		ciphertext := encryptCBC(t, block, []byte(iv))
		for rule, more := range map[string][]part{"length stated": {num(int64(test.size))}, "length not stated": nil} {
			kdf := alg(idPBKDF2, seq(append([]part{oct("salt"), num(3)}, more...)...))
			mustDecrypt(t, test.id+", "+rule, encode(alg(idPBES2, seq(kdf, alg(test.id, oct(iv[:block.BlockSize()]))))), ciphertext)
		}
	}
}

func TestDecrypt_scryptOracle(t *testing.T) {
	t.Parallel()
	key, err := scrypt.Key(password, []byte("salt"), 16, 2, 3, 16)
	if err != nil {
		t.Fatal(err)
	}
	for rule, more := range map[string][]part{"length stated": {num(16)}, "length not stated": nil} {
		kdf := alg(idScrypt, seq(append([]part{oct("salt"), num(16), num(2), num(3)}, more...)...))
		algorithm := encode(alg(idPBES2, seq(kdf, alg(idAES128, oct(iv)))))
		mustDecrypt(t, rule, algorithm, encryptCBC(t, newAES(t, key), []byte(iv)))
		if d, err := pbe.Describe(algorithm); err != nil || d.KDF != "scrypt (N=16, r=2, p=3)" || d.Memory != 128*16*2 {
			t.Errorf("%s: %+v, %v", rule, d, err)
		}
	}
}

// GCM with parameters (a tag of 12 bytes by default, RFC 5084, 3.2) and with a bare nonce, and a tag that is damaged.
func TestDecrypt_gcmOracle(t *testing.T) {
	t.Parallel()
	key, err := pbkdf2.Key(sha1.New, string(password), []byte("salt"), 1, 16)
	if err != nil {
		t.Fatal(err)
	}
	nonce := "nonce 12 byt"
	for _, test := range []struct {
		rule   string
		params part
		tag    int
	}{
		{
			"a bare nonce", oct(nonce), 16,
		}, {"the default tag", seq(oct(nonce)), 12}, {"a tag of 13", seq(oct(nonce), num(13)), 13}, {
			"a tag of 16",
			seq(oct(nonce), num(16)), 16,
		},
	} {
		aead, err := cipher.NewGCMWithTagSize(newAES(t, key), test.tag)
		if err != nil {
			t.Fatal(err)
		}
		algorithm := encode(alg(idPBES2, seq(cheapSHA1(), alg(idGCM128, test.params))))
		sealed := aead.Seal(nil, []byte(nonce), plaintext, nil)
		mustDecrypt(t, test.rule, algorithm, sealed)
		sealed[len(sealed)-1] ^= 1
		if _, err := pbe.Decrypt(algorithm, sealed, password, pbe.EncodingStandard); !errors.Is(err, pbe.ErrPassword) {
			t.Errorf("%s, damaged: %v", test.rule, err)
		}
	}
}

// cheapSHA1 is PBKDF2 with its default PRF and one iteration.
func cheapSHA1() part { return alg(idPBKDF2, seq(oct("salt"), num(1))) }

// PBES1 takes key and initialization vector from one digest, hashed over and over (RFC 8018, 6.1.1).
func TestDecrypt_pbes1Oracle(t *testing.T) {
	t.Parallel()
	for id, newHash := range map[string]func() hash.Hash{idPBES1MD5: md5.New, "1.2.840.113549.1.5.10": sha1.New} {
		h := newHash()
		h.Write(password)
		h.Write([]byte("saltsalt"))
		derived := h.Sum(nil)
		for range 4 {
			h.Reset()
			h.Write(derived)
			derived = h.Sum(nil)
		}
		block, err := des.NewCipher(derived[:8])
		if err != nil {
			t.Fatal(err)
		}
		mustDecrypt(t, id, encode(alg(id, seq(oct("saltsalt"), num(5)))), encryptCBC(t, block, derived[8:16]))
	}
}

// PBMAC1 with each digest is HMAC under a key of PBKDF2 (RFC 9579, 4); salt and iterations of the MacData do not count
// (4 (c), (d)).
func TestMAC_pbmac1Oracle(t *testing.T) {
	t.Parallel()
	for _, d := range oid.Digests {
		key, err := pbkdf2.Key(sha1.New, string(password), []byte("salt"), 2, 32)
		if err != nil {
			t.Fatal(err)
		}
		h := hmac.New(d.New, key)
		h.Write(plaintext)
		m := pbe.MAC{
			Algorithm: encode(alg(idPBMAC1, seq(alg(idPBKDF2, seq(oct("salt"), num(2), num(32))), alg(d.HMAC)))), Value: h.Sum(nil),
			Salt: []byte("ignored"), Iterations: -1,
		}
		if err := m.Verify(plaintext, password, pbe.EncodingStandard); err != nil {
			t.Errorf("%s: %v", d, err)
		}
		if err := m.Verify(plaintext[1:], password, pbe.EncodingStandard); !errors.Is(err, pbe.ErrPassword) {
			t.Errorf("%s, other content: %v", d, err)
		}
		if description, err := m.Describe(); err != nil || !description.PBMAC1() || description.Name != "PBMAC1 (HMAC-"+d.String()+")" {
			t.Errorf("%s: described as %+v, %v", d, description, err)
		}
	}
}

// The MACs that are written verify, with their own password alone, and say what they are.
func TestNewMAC_schemes(t *testing.T) {
	t.Parallel()
	for scheme, name := range map[pbe.MACScheme]string{
		pbe.MACSHA1: "HMAC-SHA-1", pbe.MACSHA256: "HMAC-SHA-256", pbe.MACPBMAC1: "PBMAC1 (HMAC-SHA-256)",
	} {
		m, err := pbe.NewMAC(scheme, plaintext, password, 1000)
		if err != nil {
			t.Fatal(err)
		}
		d, err := m.Describe()
		if err != nil || d.Name != name || d.Iterations != 1000 || d.Weak != (scheme == pbe.MACSHA1) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		if err := m.Verify(plaintext, password, pbe.EncodingStandard); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := m.Verify(plaintext, []byte("Password"), pbe.EncodingStandard); !errors.Is(err, pbe.ErrPassword) {
			t.Errorf("%s, a wrong password: %v", name, err)
		}
		again, err := pbe.NewMAC(scheme, plaintext, password, 1000)
		if err != nil || bytes.Equal(again.Value, m.Value) {
			t.Errorf("%s: the salt is not random, %v", name, err)
		}
	}
	if _, err := pbe.NewMAC(99, nil, nil, 1); !errors.Is(err, pbe.ErrUnsupported) {
		t.Errorf("scheme 99: %v", err)
	}
	if _, err := pbe.NewMAC(pbe.MACSHA256, nil, nil, pbe.MaxIterations+1); !errors.Is(err, pbe.ErrLimit) {
		t.Errorf("too many iterations: %v", err)
	}
}

// What is written in each scheme is described in words, weak or not.
func TestDescribe_schemes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		algorithm part
		text      string
		weak      bool
	}{
		{
			alg(idPBES2, seq(alg(idPBKDF2, seq(oct("s"), num(10000), alg(idHMAC256))), alg(idAES128, oct(iv)))),
			"PBES2: AES-128-CBC, PBKDF2 with HMAC-SHA-256, 10000 iterations", false,
		},
		{
			alg(idPBES2, seq(alg(idPBKDF2, seq(oct("s"), num(1))), alg(idAES128, oct(iv)))),
			"PBES2: AES-128-CBC, PBKDF2 with HMAC-SHA-1, 1 iteration", true,
		},
		{
			alg(idPBES2, seq(alg(idScrypt, seq(oct("s"), num(16384), num(8), num(1))), alg(idGCM128, oct("nonce 12 byt")))),
			"PBES2: AES-128-GCM, scrypt (N=16384, r=8, p=1)", false,
		},
		{
			alg(idPBES2, seq(alg(idPBKDF2, seq(oct("s"), num(5000))), alg(idRC2, seq(num(58), oct("12345678"))))),
			"PBES2: RC2-128-CBC, PBKDF2 with HMAC-SHA-1, 5000 iterations", true,
		},
		{alg(idTriple, seq(oct("s"), num(2048))), "pbeWithSHAAnd3-KeyTripleDES-CBC, PKCS #12 with SHA-1, 2048 iterations", true},
		{alg("1.2.840.113549.1.12.1.1", seq(oct("s"), num(2048))), "pbeWithSHAAnd128BitRC4, PKCS #12 with SHA-1, 2048 iterations", true},
		{alg("1.2.840.113549.1.12.1.6", seq(oct("s"), num(2048))), "pbeWithSHAAnd40BitRC2-CBC, PKCS #12 with SHA-1, 2048 iterations", true},
		{alg(idPBES1MD5, seq(oct("saltsalt"), num(2048))), "pbeWithMD5AndDES-CBC, PBKDF1 with MD5, 2048 iterations", true},
	} {
		d, err := pbe.Describe(encode(test.algorithm))
		if err != nil || d.String() != test.text || d.Weak != test.weak || d.PBMAC1() {
			t.Errorf("%q, weak %v, %v; want %q", d, d.Weak, err, test.text)
		}
	}
}

// Traditional keys in each mode: what Go's modes encrypt is decrypted (NIST SP 800-38A, 6.2 to 6.4).
func TestTraditional_modes(t *testing.T) {
	t.Parallel()
	key := []byte("0123456789abcdef")
	block := newAES(t, key)
	stream := make([]byte, 0, 64) // OFB by hand: the vector encrypted over and over
	for register := []byte(iv); len(stream) < len(plaintext); {
		next := make([]byte, 16)
		block.Encrypt(next, register)
		stream, register = append(stream, next...), next
	}
	ofb, cfb := make([]byte, len(plaintext)), make([]byte, len(plaintext))
	for i := range plaintext {
		ofb[i] = plaintext[i] ^ stream[i]
	}
	for i, register := 0, []byte(iv); i < len(plaintext); i += 16 {
		mask := make([]byte, 16)
		block.Encrypt(mask, register)
		for j := i; j < min(i+16, len(plaintext)); j++ {
			cfb[j] = plaintext[j] ^ mask[j-i]
		}
		register = cfb[i:min(i+16, len(cfb))]
	}
	for name, data := range map[string][]byte{"AES-128-CBC": encryptCBC(t, block, []byte(iv)), "AES-128-OFB": ofb, "AES-128-CFB": cfb} {
		c, ok := pbe.FindTraditional(name)
		if !ok || c.KeySize != 16 || c.BlockSize != 16 {
			t.Fatalf("%s: %+v", name, c)
		}
		if got, err := c.Decrypt(data, key, []byte(iv)); err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := c.Decrypt(data, key[1:], []byte(iv)); !errors.Is(err, pbe.ErrParse) {
			t.Errorf("%s with a key of 15 bytes: %v", name, err)
		}
	}
	cbc, _ := pbe.FindTraditional("AES-128-CBC")
	for _, size := range []int{0, 15} {
		if _, err := cbc.Decrypt(make([]byte, size), key, []byte(iv)); !errors.Is(err, pbe.ErrParse) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if _, err := cbc.Decrypt(make([]byte, 16), key, []byte(iv)); !errors.Is(err, pbe.ErrPassword) {
		t.Errorf("bad padding: %v", err)
	}
}

// A key that a wrong password seems to open, once in 256 times, is not taken for one.
func TestDecryptPKCS8_wantsPrivateKeyInfo(t *testing.T) {
	t.Parallel()
	for rule, plain := range map[string][]byte{
		"text": plaintext, "an empty SEQUENCE": {0x30, 0}, "a SEQUENCE of a version": encode(seq(num(0))),
	} {
		algorithm, ciphertext, err := pbe.Encrypt(plain, password, pbe.AES128, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pbe.NewBudget(0).DecryptPKCS8(pbe.JoinPKCS8(algorithm, ciphertext), password); !errors.Is(err, pbe.ErrPassword) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	info := encode(seq(num(0), alg(oid.Ed25519), func(b *cryptobyte.Builder) { b.AddASN1OctetString([]byte("k")) }))
	algorithm, ciphertext, err := pbe.Encrypt(info, password, pbe.AES128, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pbe.NewBudget(0).DecryptPKCS8(pbe.JoinPKCS8(algorithm, ciphertext), password); err != nil || !bytes.Equal(got, info) {
		t.Errorf("%x, %v", got, err)
	}
}

// No error holds the password or the plaintext.
func TestErrors_holdNoSecret(t *testing.T) {
	t.Parallel()
	secret := "correct horse"
	algorithm, ciphertext, err := pbe.Encrypt([]byte("very private"), []byte(secret), pbe.TripleDES, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range [][]byte{ciphertext[:8], ciphertext[:9], append(bytes.Clone(ciphertext), 1, 2, 3, 4, 5, 6, 7, 8)} {
		_, err := pbe.Decrypt(algorithm, damaged, []byte(secret+"x"), pbe.EncodingStandard)
		if err != nil && (strings.Contains(err.Error(), "horse") || strings.Contains(err.Error(), "private")) {
			t.Error(err)
		}
	}
}
