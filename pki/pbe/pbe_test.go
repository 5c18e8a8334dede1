package pbe_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/pki/pbe"
)

// testKey is a PrivateKeyInfo: Ed25519, RFC 8410, section 10.3.
const testKey = "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842"

var schemes = []pbe.Scheme{pbe.AES256, pbe.AES128, pbe.Scrypt, pbe.TripleDES, pbe.RC2of40, pbe.GSKit}

var passwords = map[string][]byte{
	"ASCII": []byte("correct horse"), "UTF-8": []byte("Mötley Crüe"), "beyond the BMP": []byte("key 🔑"),
	"ISO 8859-1": []byte("caf\xe9"), "empty": {}, "absent": nil,
}

func TestEncryptPKCS8_roundTrip(t *testing.T) {
	t.Parallel()
	key := unhex(t, testKey)
	for _, scheme := range schemes {
		for name, password := range passwords {
			if scheme == pbe.Scrypt && name != "UTF-8" && name != "empty" {
				continue // it is slow by design, and reads passwords as PBKDF2 does
			}
			t.Run(scheme.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				algorithm, ciphertext, err := pbe.Encrypt(key, password, scheme, 2)
				if err != nil {
					t.Fatal(err)
				}
				plain, err := pbe.NewBudget(0).DecryptPKCS8(pbe.JoinPKCS8(algorithm, ciphertext), password)
				if err != nil || !bytes.Equal(plain, key) {
					t.Errorf("the key is not the same again: %v", err)
				}
			})
		}
	}
}

func TestDecryptPKCS8_wrongPassword(t *testing.T) {
	t.Parallel()
	key := unhex(t, testKey)
	for _, scheme := range schemes {
		algorithm, ciphertext, err := pbe.Encrypt(key, []byte("right"), scheme, 2)
		if err != nil {
			t.Fatal(err)
		}
		// 300 passwords: one in 256 leaves valid padding behind, which must not pass for a key.
		for i := range 300 {
			if scheme == pbe.Scrypt && i > 2 {
				break
			}
			wrong := []byte{'w', byte(i), byte(i >> 8)}
			if _, err := pbe.NewBudget(0).DecryptPKCS8(pbe.JoinPKCS8(algorithm, ciphertext), wrong); !errors.Is(err, pbe.ErrPassword) {
				t.Fatalf("%s: %v", scheme, err)
			}
		}
	}
}

func TestDecrypt_emptyIsNotAbsent(t *testing.T) {
	t.Parallel()
	key := unhex(t, testKey)
	algorithm, ciphertext, err := pbe.Encrypt(key, nil, pbe.TripleDES, 2)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := pbe.Decrypt(algorithm, ciphertext, []byte{}, pbe.EncodingStandard); err == nil && bytes.Equal(plain, key) {
		t.Error("an empty password opened what an absent one closed")
	}
	if _, err := pbe.Decrypt(algorithm, ciphertext, nil, pbe.EncodingStandard); err != nil {
		t.Error(err)
	}
}

// gskitKey is an Ed25519 key as GSKit seals it in CMS databases of versions 3 and 4, under the password "password".
const gskitKey = "3058301c060b2a864886f70d010c050103300d0408010203040506070802010504381dc8354fe50895944fc9ae41e16bd5f4" +
	"06f4e06edc48425c215b05ea0b68fd5e071dde63f32c907a1a35f064e09bde10514376bb5cf73b4d"

func TestDecryptPKCS8_gskit(t *testing.T) {
	t.Parallel()
	sealed := unhex(t, gskitKey)
	plain, err := pbe.NewBudget(0).DecryptPKCS8(sealed, []byte("password"))
	if err != nil {
		t.Fatal(err)
	}
	if key, err := x509.ParsePKCS8PrivateKey(plain); err != nil {
		t.Error(err)
	} else if _, ok := key.(ed25519.PrivateKey); !ok {
		t.Errorf("a key of type %T", key)
	}
	if _, err := pbe.NewBudget(0).DecryptPKCS8(sealed, []byte("passwort")); !errors.Is(err, pbe.ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	algorithm, _, err := pbe.SplitPKCS8(sealed)
	if err != nil {
		t.Fatal(err)
	}
	d, err := pbe.Describe(algorithm)
	if err != nil || d.Name != "pbeWithSHA1AndTripleDES-CBC" || d.Iterations != 5 || !d.Weak {
		t.Errorf("described as %+v, %v", d, err)
	}
	written, _, err := pbe.Encrypt(plain, []byte("password"), pbe.GSKit, 0)
	if err != nil || len(written) != len(algorithm) || !bytes.Equal(written[:19], algorithm[:19]) ||
		!bytes.Equal(written[27:], algorithm[27:]) {
		t.Errorf("the algorithm is written as %x, GSKit writes %x (%v)", written, algorithm, err)
	}
}

func TestEncryptPKCS8_unknownScheme(t *testing.T) {
	t.Parallel()
	if _, err := pbe.EncryptPKCS8(nil, nil, 99); !errors.Is(err, pbe.ErrUnsupported) {
		t.Errorf("scheme 99: %v", err)
	}
}

func TestEncodings_candidates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		password string
		bmp      bool
		want     int
	}{{"ascii", false, 1}, {"ascii", true, 2}, {"ü", false, 3}, {"ü", true, 4}, {"\xfc", false, 2}, {"\xfc", true, 3}} {
		if got := pbe.Encodings([]byte(test.password), test.bmp); len(got) != test.want {
			t.Errorf("%q, %v: %v", test.password, test.bmp, got)
		}
	}
}

// opensslSchemes are the ways in which openssl pkcs8 encrypts, and whether they count as weak.
var opensslSchemes = []struct {
	args string
	weak bool
}{
	{"-v1 PBE-MD5-DES", true},
	{"-v1 PBE-SHA1-RC2-64", true},
	{"-v1 PBE-MD5-RC2-64", true},
	{"-v1 PBE-SHA1-DES", true},
	{"-v1 PBE-SHA1-RC4-128", true},
	{"-v1 PBE-SHA1-RC4-40", true},
	{"-v1 PBE-SHA1-3DES", true},
	{"-v1 PBE-SHA1-2DES", true},
	{"-v1 PBE-SHA1-RC2-128", true},
	{"-v1 PBE-SHA1-RC2-40", true},
	{"-v2 aes-128-cbc", false},
	{"-v2 aes-192-cbc", false},
	{"-v2 aes-256-cbc -v2prf hmacWithSHA1", false},
	{"-v2 aes-256-cbc -v2prf hmacWithSHA224", false},
	{"-v2 aes-256-cbc -v2prf hmacWithSHA384", false},
	{"-v2 aes-256-cbc -v2prf hmacWithSHA512", false},
	{"-v2 aes-256-cbc -v2prf hmacWithSHA512-256", false},
	{"-v2 aes-256-cbc -v2prf hmacWithSHA512-224", false},
	{"-v2 des3", true},
	{"-v2 des-cbc", true},
	{"-v2 rc2-cbc", true},
	{"-v2 rc2-40-cbc", true},
	{"-v2 rc2-64-cbc", true},
	{"-v2 camellia-128-cbc", false},
	{"-v2 camellia-256-cbc", false},
	{"-v2 bf-cbc", true},
	{"-v2 cast5-cbc", true},
	{"-scrypt", false},
	{"-scrypt -scrypt_N 1024 -scrypt_r 16 -scrypt_p 2", false},
}

func openssl(t *testing.T, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v: %s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}

func needOpenSSL(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
}

func TestDecryptPKCS8_openssl(t *testing.T) {
	t.Parallel()
	needOpenSSL(t)
	key := unhex(t, testKey)
	for _, test := range opensslSchemes {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			args := append(strings.Fields("pkcs8 -topk8 -inform DER -outform DER -provider default -provider legacy -passout pass:pass-wörd"),
				strings.Fields(test.args)...)
			der := openssl(t, key, args...)
			plain, err := pbe.NewBudget(0).DecryptPKCS8(der, []byte("pass-wörd"))
			if err != nil || !bytes.Equal(plain, key) {
				t.Errorf("the key is not the same again: %v", err)
			}
			algorithm, _, err := pbe.SplitPKCS8(der)
			if err != nil {
				t.Fatal(err)
			}
			if d, err := pbe.Describe(algorithm); err != nil || d.Weak != test.weak || d.Iterations == 0 {
				t.Errorf("described as %+v, %v", d, err)
			}
		})
	}
}

func TestEncryptPKCS8_openssl(t *testing.T) {
	t.Parallel()
	needOpenSSL(t)
	key := unhex(t, testKey)
	for _, scheme := range schemes {
		if scheme == pbe.GSKit {
			continue // OpenSSL does not know it
		}
		algorithm, ciphertext, err := pbe.Encrypt(key, []byte("pass-wörd"), scheme, 2048)
		der := pbe.JoinPKCS8(algorithm, ciphertext)
		if scheme == pbe.AES256 { // the one with its own cost, which is high
			der, err = pbe.EncryptPKCS8(key, []byte("pass-wörd"), scheme)
		}
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "key.der")
		if err := os.WriteFile(file, der, 0o600); err != nil {
			t.Fatal(err)
		}
		out := openssl(t, nil, strings.Fields("pkcs8 -inform DER -provider default -provider legacy -passin pass:pass-wörd -in "+file)...)
		if block, _ := pem.Decode(out); block == nil || !bytes.Equal(block.Bytes, key) {
			t.Errorf("%s: openssl reads another key", scheme)
		}
	}
}

// id builds an AlgorithmIdentifier out of the content of an OID in hexadecimal and its parameters.
func id(t testing.TB, oid string, parameters []byte) []byte {
	t.Helper()
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(unhex(t, oid)) })
		b.AddBytes(parameters)
	})
	return b.BytesOrPanic()
}

func sequence(parts ...[]byte) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(parts, nil)) })
	return b.BytesOrPanic()
}

func octets(content []byte) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1OctetString(content)
	return b.BytesOrPanic()
}

func number(n int64) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1Int64(n)
	return b.BytesOrPanic()
}

const (
	oidPBES2      = "2a864886f70d01050d"
	oidPBKDF2     = "2a864886f70d01050c"
	oidScrypt     = "2b06010401da47040b"
	oidAES256     = "60864801650304012a"
	oidGCM256     = "60864801650304012e"
	oidRC2        = "2a864886f70d0302"
	oidSM4        = "2a811ccf55016802"
	oidTripleDES  = "2a864886f70d010c0103"
	oidPBMAC1     = "2a864886f70d01050e"
	oidHMACSHA256 = "2a864886f70d0209"
	oidHMACGost   = "2a850307010104" + "01"
	oidMD2DES     = "2a864886f70d010501"
)

func TestDecrypt_bounds(t *testing.T) {
	t.Parallel()
	salt, iv := octets([]byte("saltsalt")), octets(make([]byte, 16))
	aes := id(t, oidAES256, iv)
	pbkdf2 := func(parts ...[]byte) []byte { return id(t, oidPBKDF2, sequence(parts...)) }
	pbes2 := func(kdf, cipher []byte) []byte { return id(t, oidPBES2, sequence(kdf, cipher)) }
	scrypt := func(n, r, p int64) []byte {
		return pbes2(id(t, oidScrypt, sequence(salt, number(n), number(r), number(p))), aes)
	}
	huge := unhex(t, "02090100000000000000ff")
	for name, test := range map[string]struct {
		algorithm []byte
		want      error
	}{
		"PKCS #12 iterations":        {id(t, oidTripleDES, sequence(salt, number(1<<31))), pbe.ErrLimit},
		"PKCS #12 iterations, big":   {id(t, oidTripleDES, sequence(salt, huge)), pbe.ErrLimit},
		"PKCS #12 iterations, zero":  {id(t, oidTripleDES, sequence(salt, number(0))), pbe.ErrParse},
		"PKCS #12 iterations, minus": {id(t, oidTripleDES, sequence(salt, number(-5))), pbe.ErrParse},
		"PKCS #12 salt":              {id(t, oidTripleDES, sequence(octets(make([]byte, 1<<17)), number(1))), pbe.ErrLimit},
		"PKCS #12 without salt":      {id(t, oidTripleDES, sequence(number(1))), pbe.ErrParse},
		"PBKDF2 iterations":          {pbes2(pbkdf2(salt, number(1<<40)), aes), pbe.ErrLimit},
		"PBKDF2 iterations x blocks": {pbes2(pbkdf2(salt, number(pbe.MaxIterations)), aes), pbe.ErrLimit},
		"PBKDF2 key length":          {pbes2(pbkdf2(salt, number(1), number(1<<30)), aes), pbe.ErrLimit},
		"PBKDF2 other key length":    {pbes2(pbkdf2(salt, number(1), number(16)), aes), pbe.ErrParse},
		"PBKDF2 salt elsewhere":      {pbes2(pbkdf2(id(t, oidHMACSHA256, nil), number(1)), aes), pbe.ErrParse},
		"PBKDF2 unknown PRF":         {pbes2(pbkdf2(salt, number(1), id(t, oidHMACGost, nil)), aes), pbe.ErrUnsupported},
		"scrypt memory":              {scrypt(1<<20, 8, 1), pbe.ErrLimit},
		"scrypt memory overflow":     {scrypt(1<<61, 1<<61, 1), pbe.ErrLimit},
		"scrypt parallel":            {scrypt(1<<14, 8, 1<<40), pbe.ErrLimit},
		"scrypt small N":             {scrypt(2, 1, 1<<21), pbe.ErrLimit},
		"scrypt odd N":               {scrypt(1000, 8, 1), pbe.ErrParse},
		"scrypt one":                 {scrypt(1, 8, 1), pbe.ErrParse},
		"short IV":                   {pbes2(pbkdf2(salt, number(1)), id(t, oidAES256, octets(make([]byte, 8)))), pbe.ErrParse},
		"GCM without nonce":          {pbes2(pbkdf2(salt, number(1)), id(t, oidGCM256, sequence())), pbe.ErrParse},
		"GCM short tag": {
			pbes2(pbkdf2(salt, number(1)), id(t, oidGCM256, sequence(octets(make([]byte, 12)), number(4)))),
			pbe.ErrParse,
		},
		"GCM odd nonce and tag": {
			pbes2(pbkdf2(salt, number(1)), id(t, oidGCM256, sequence(octets(make([]byte, 16)), number(12)))),
			pbe.ErrUnsupported,
		},
		"RC2 bits": {
			pbes2(pbkdf2(salt, number(1)), id(t, oidRC2, sequence(number(5000), octets(make([]byte, 8))))),
			pbe.ErrParse,
		},
		"RC2 unknown version": {pbes2(pbkdf2(salt, number(1)), id(t, oidRC2, sequence(number(7), octets(make([]byte, 8))))), pbe.ErrParse},
		"unknown cipher":      {pbes2(pbkdf2(salt, number(1)), id(t, oidSM4, iv)), pbe.ErrUnsupported},
		"unknown KDF":         {pbes2(id(t, oidHMACGost, nil), aes), pbe.ErrUnsupported},
		"unknown scheme":      {id(t, oidMD2DES, sequence(salt, number(1))), pbe.ErrUnsupported},
		"no algorithm":        {[]byte{0x30, 0x80}, pbe.ErrParse},
		"no identifier":       {sequence(salt), pbe.ErrParse},
		"bad identifier":      {id(t, "2a86", nil), pbe.ErrParse},
		"long identifier":     {id(t, strings.Repeat("ff", 600)+"01", nil), pbe.ErrParse},
		"ciphertext":          {pbes2(pbkdf2(salt, number(1)), aes), pbe.ErrParse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := pbe.Decrypt(test.algorithm, make([]byte, 17), []byte("x"), pbe.EncodingStandard); !errors.Is(err, test.want) {
				// The bound on blocks is seen only when the ciphertext could be one.
				if _, err = pbe.Decrypt(test.algorithm, make([]byte, 32), []byte("x"), pbe.EncodingStandard); !errors.Is(err, test.want) {
					t.Errorf("%v, want %v", err, test.want)
				}
			}
		})
	}
}

// TestBudget has derivations that are allowed alone and not together.
func TestBudget(t *testing.T) {
	t.Parallel()
	kdf := id(t, oidPBKDF2, sequence(octets([]byte("saltsalt")), number(500)))
	algorithm := id(t, oidPBES2, sequence(kdf, id(t, oidAES256, octets(make([]byte, 16)))))
	mac := pbe.MAC{Algorithm: id(t, "2b0e03021a", nil), Salt: []byte("saltsalt"), Iterations: 500}
	for _, test := range []struct {
		name  string
		free  int
		spend int
		want  error
	}{
		{"nothing left", 0, pbe.MaxWork, pbe.ErrLimit},
		{"too little left", 0, pbe.MaxWork - 400, pbe.ErrLimit},
		{"enough left", 0, pbe.MaxWork - 4000, pbe.ErrPassword},
		{"usual work is free", 4000, pbe.MaxWork, pbe.ErrPassword},
	} {
		b := pbe.NewBudget(test.free)
		if err := b.Spend(test.spend); err != nil {
			t.Fatal(err)
		}
		if err := b.Verify(mac, nil, []byte("x"), pbe.EncodingStandard); !errors.Is(err, test.want) {
			t.Errorf("%s: the MAC: %v, want %v", test.name, err, test.want)
		}
		if _, err := b.DecryptPKCS8(pbe.JoinPKCS8(algorithm, make([]byte, 32)), []byte("x")); !errors.Is(err, test.want) {
			t.Errorf("%s: the key: %v, want %v", test.name, err, test.want)
		}
	}
	own, err := pbe.EncryptPKCS8(sequence(number(0), id(t, "2b0e03021a", nil), octets(nil)), []byte("x"), pbe.AES256)
	if err != nil {
		t.Fatal(err)
	}
	algorithm, _, err = pbe.SplitPKCS8(own)
	if err != nil {
		t.Fatal(err)
	}
	description, err := pbe.Describe(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	b := pbe.NewBudget(pbe.UsualWork)
	for n := range 100 {
		if err := b.Spend(2 * description.Iterations); err != nil {
			t.Fatalf("key %d of a file as this package writes them: %v", n+1, err)
		}
	}
	if err := (*pbe.Budget)(nil).Spend(pbe.MaxWork + 1); !errors.Is(err, pbe.ErrLimit) {
		t.Errorf("more than is ever done: %v", err)
	}
}

func TestDescribe_namesTheUnsupported(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ oid, name, dotted string }{
		{oidMD2DES, "pbeWithMD2AndDES-CBC", "1.2.840.113549.1.5.1"},
		{oidSM4, "SM4-CBC", "1.2.156.10197.1.104.2"},
	} {
		d, err := pbe.Describe(id(t, test.oid, nil))
		if !errors.Is(err, pbe.ErrUnsupported) || d.Name != test.name || d.OID != test.dotted {
			t.Errorf("%+v, %v", d, err)
		}
		if !strings.Contains(err.Error(), test.name) || !strings.Contains(err.Error(), test.dotted) {
			t.Errorf("the error does not name the algorithm: %v", err)
		}
	}
}

func TestDecrypt_gcm(t *testing.T) {
	t.Parallel()
	kdf := id(t, oidPBKDF2, sequence(octets([]byte("saltsalt")), number(1)))
	for _, parameters := range [][]byte{
		octets(make([]byte, 12)),
		sequence(octets(make([]byte, 12))),
		sequence(octets(make([]byte, 12)), number(16)),
		sequence(octets(make([]byte, 16)), number(16)),
	} {
		algorithm := id(t, oidPBES2, sequence(kdf, id(t, oidGCM256, parameters)))
		for _, ciphertext := range [][]byte{nil, make([]byte, 5), make([]byte, 40)} {
			if _, err := pbe.Decrypt(algorithm, ciphertext, []byte("x"), pbe.EncodingStandard); !errors.Is(err, pbe.ErrPassword) {
				t.Errorf("%x, %d bytes: %v", parameters, len(ciphertext), err)
			}
		}
	}
}

func FuzzDecryptPKCS8(f *testing.F) {
	key := unhex(f, testKey)
	for _, scheme := range schemes {
		algorithm, ciphertext, err := pbe.Encrypt(key, []byte("pass"), scheme, 2)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(pbe.JoinPKCS8(algorithm, ciphertext))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		algorithm, _, err := pbe.SplitPKCS8(der)
		if err != nil {
			return
		}
		d, err := pbe.Describe(algorithm)
		if err != nil || d.Iterations > 5000 || d.Memory > 1<<24 {
			return // slow, not wrong
		}
		plain, err := pbe.NewBudget(0).DecryptPKCS8(der, []byte("pass"))
		if err != nil && plain != nil {
			t.Error("plaintext with an error")
		}
	})
}
