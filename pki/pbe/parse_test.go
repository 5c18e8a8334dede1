package pbe_test

import (
	"bytes"
	"errors"
	"math/big"
	"strings"
	"testing"

	"certkdb/pki/oid"
	"certkdb/pki/pbe"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Builders of DER: a part adds a value.
type part = cryptobyte.BuilderContinuation

func seq(parts ...part) part {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, p := range parts {
				p(b)
			}
		})
	}
}

func alg(id string, parameters ...part) part {
	return func(b *cryptobyte.Builder) {
		oid.AddAlgorithm(b, id, func(b *cryptobyte.Builder) {
			for _, p := range parameters {
				p(b)
			}
		})
	}
}

func oct(s string) part { return func(b *cryptobyte.Builder) { b.AddASN1OctetString([]byte(s)) } }

func num(n int64) part { return func(b *cryptobyte.Builder) { b.AddASN1Int64(n) } }

func huge() part {
	return func(b *cryptobyte.Builder) { b.AddASN1BigInt(new(big.Int).Lsh(big.NewInt(1), 200)) }
}

func raw(s string) part { return func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) } }

func encode(p part) []byte {
	b := cryptobyte.NewBuilder(nil)
	p(b)
	return b.BytesOrPanic()
}

const (
	idPBES2    = "1.2.840.113549.1.5.13"
	idPBKDF2   = "1.2.840.113549.1.5.12"
	idPBMAC1   = "1.2.840.113549.1.5.14"
	idScrypt   = "1.3.6.1.4.1.11591.4.11"
	idAES128   = "2.16.840.1.101.3.4.1.2"
	idGCM128   = "2.16.840.1.101.3.4.1.6"
	idRC2      = "1.2.840.113549.3.2"
	idTriple   = "1.2.840.113549.1.12.1.3"
	idPBES1MD5 = "1.2.840.113549.1.5.3"
	idHMAC256  = "1.2.840.113549.2.9"
	idSHA256   = "2.16.840.1.101.3.4.2.1"
)

var iv = strings.Repeat("i", 16)

// cheap is a good PBKDF2 with HMAC-SHA-256.
func cheap(more ...part) part {
	return alg(idPBKDF2, seq(append([]part{oct("salt"), num(1)}, more...)...))
}

// Whatever the parameters ask for is judged before any work: each refusal with its class and what it says.
func TestDecrypt_refusesParameters(t *testing.T) {
	t.Parallel()
	aes := alg(idAES128, oct(iv))
	pbes2 := func(kdf, cipher part) part { return alg(idPBES2, seq(kdf, cipher)) }
	scrypt := func(parts ...part) part { return pbes2(alg(idScrypt, seq(parts...)), aes) }
	for _, test := range []struct {
		rule      string
		algorithm part
		kind      error
		says      string
	}{
		{"nothing", raw(""), pbe.ErrParse, "algorithm identifier"},
		{"trailing bytes", func(b *cryptobyte.Builder) { alg(idTriple)(b); b.AddUint8(0) }, pbe.ErrParse, "follow"},
		{"unknown algorithm", alg("1.2.3"), pbe.ErrUnsupported, "1.2.3"},
		{"known by name only", alg("1.2.840.113549.1.5.1"), pbe.ErrUnsupported, "pbeWithMD2AndDES-CBC"},
		{"PKCS #12 scheme without parameters", alg(idTriple), pbe.ErrParse, "no salt"},
		{"PKCS #12 scheme without iterations", alg(idTriple, seq(oct("salt"))), pbe.ErrParse, "iterations"},
		{"no iterations", alg(idTriple, seq(oct("salt"), num(0))), pbe.ErrParse, "not a positive number"},
		{"negative iterations", alg(idPBES1MD5, seq(oct("saltsalt"), num(-1))), pbe.ErrParse, "not a positive number"},
		{"too many iterations", alg(idTriple, seq(oct("salt"), num(pbe.MaxIterations+1))), pbe.ErrLimit, "iterations"},
		{"iterations of 200 bits", alg(idTriple, seq(oct("salt"), huge())), pbe.ErrLimit, "bits"},
		{"a salt of 65 KiB", alg(idTriple, seq(oct(strings.Repeat("s", 65<<10)), num(1))), pbe.ErrLimit, "salt"},
		{"PBES2 without parameters", alg(idPBES2), pbe.ErrParse, "PBES2"},
		{"PBES2 without a cipher", alg(idPBES2, seq(cheap())), pbe.ErrParse, "PBES2"},
		{"unknown key derivation", pbes2(alg("1.2.3"), aes), pbe.ErrUnsupported, "key derivation"},
		{"PBKDF2 without parameters", pbes2(alg(idPBKDF2), aes), pbe.ErrParse, "PBKDF2"},
		{"PBKDF2 with a salt from elsewhere (RFC 8018, A.2)", pbes2(alg(idPBKDF2, seq(alg("1.2.3"), num(1))), aes), pbe.ErrParse, "salt"},
		{"PBKDF2 with a key of no length", pbes2(cheap(num(0)), aes), pbe.ErrParse, "key length"},
		{"PBKDF2 with a key of 5000 bytes", pbes2(cheap(num(5000)), aes), pbe.ErrLimit, "5000 bytes"},
		{"PBKDF2 with a key that does not fit the cipher", pbes2(cheap(num(24)), aes), pbe.ErrParse, "24 bytes"},
		{"PBKDF2 with an unknown PRF", pbes2(cheap(alg("1.2.3")), aes), pbe.ErrUnsupported, "pseudo-random function"},
		{"PBKDF2 with a digest as PRF", pbes2(cheap(alg(idSHA256)), aes), pbe.ErrUnsupported, "SHA-256"},
		{"PBKDF2 with half a PRF", pbes2(cheap(raw("\x30\x01")), aes), pbe.ErrParse, ""},
		{"scrypt without a salt", scrypt(num(2), num(1), num(1)), pbe.ErrParse, "salt"},
		{"scrypt without p", scrypt(oct("s"), num(2), num(1)), pbe.ErrParse, "scrypt's p"},
		{"scrypt with an odd N", scrypt(oct("s"), num(3), num(1), num(1)), pbe.ErrParse, "power of two"},
		{"scrypt with N of 1", scrypt(oct("s"), num(1), num(1), num(1)), pbe.ErrParse, "power of two"},
		{"scrypt with too much memory", scrypt(oct("s"), num(1<<30), num(8), num(1)), pbe.ErrLimit, "MiB"},
		{"scrypt with too much work", scrypt(oct("s"), num(1<<14), num(8), num(1000)), pbe.ErrLimit, "work"},
		{"scrypt with an r beyond measure", scrypt(oct("s"), num(2), num(1<<60), num(1)), pbe.ErrLimit, ""},
		{"unknown cipher", pbes2(cheap(), alg("1.2.3")), pbe.ErrUnsupported, "cipher"},
		{"cipher known by name only", pbes2(cheap(), alg("1.2.410.200046.1.1.12")), pbe.ErrUnsupported, "ARIA-256-CBC"},
		{"a short initialization vector", pbes2(cheap(), alg(idAES128, oct("short"))), pbe.ErrParse, "16 bytes"},
		{"no initialization vector", pbes2(cheap(), alg(idAES128)), pbe.ErrParse, "initialization vector"},
		{"GCM without a nonce", pbes2(cheap(), alg(idGCM128, oct(""))), pbe.ErrParse, "nonce"},
		{"GCM with a tag of 4 bytes (RFC 5084, 3.2)", pbes2(cheap(), alg(idGCM128, seq(oct("nonce 12 byt"), num(4)))), pbe.ErrParse, "tag of 4"},
		{
			"GCM with a short tag and a long nonce", pbes2(cheap(), alg(idGCM128, seq(oct("a nonce of 16 by"), num(12)))), pbe.ErrUnsupported,
			"nonce of 16",
		},
		{"RC2 of an unknown version", pbes2(cheap(), alg(idRC2, seq(num(59), oct("12345678")))), pbe.ErrParse, "RC2"},
		{"RC2 of more than 1024 bits", pbes2(cheap(), alg(idRC2, seq(num(1025), oct("12345678")))), pbe.ErrParse, "1025"},
		{"RC2 with a version beyond measure", pbes2(cheap(), alg(idRC2, seq(huge(), oct("12345678")))), pbe.ErrParse, "RC2"},
	} {
		_, err := pbe.Decrypt(encode(test.algorithm), make([]byte, 32), []byte("password"), pbe.EncodingStandard)
		if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v; want %v with %q", test.rule, err, test.kind, test.says)
		}
		if strings.Contains(err.Error(), "password\"") {
			t.Errorf("%s: the error shows the password: %v", test.rule, err)
		}
	}
}

func TestDecrypt_refusesCiphertext(t *testing.T) {
	t.Parallel()
	algorithm := encode(alg(idPBES2, seq(cheap(), alg(idAES128, oct(iv)))))
	for length, kind := range map[int]error{0: pbe.ErrParse, 15: pbe.ErrParse, 17: pbe.ErrParse, 16: pbe.ErrPassword} {
		if _, err := pbe.Decrypt(algorithm, make([]byte, length), []byte("x"), pbe.EncodingStandard); !errors.Is(err, kind) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
	gcm := encode(alg(idPBES2, seq(cheap(), alg(idGCM128, oct("nonce 12 byt")))))
	if _, err := pbe.Decrypt(gcm, make([]byte, 8), []byte("x"), pbe.EncodingStandard); !errors.Is(err, pbe.ErrPassword) {
		t.Errorf("GCM without room for a tag: %v", err)
	}
}

func TestMAC_refuses(t *testing.T) {
	t.Parallel()
	sha256 := encode(alg(idSHA256, raw("\x05\x00")))
	for _, test := range []struct {
		rule string
		mac  pbe.MAC
		kind error
	}{
		{"no algorithm", pbe.MAC{Iterations: 1}, pbe.ErrParse},
		{"unknown digest", pbe.MAC{Algorithm: encode(alg("1.2.3")), Iterations: 1}, pbe.ErrUnsupported},
		{"a digest known by name only", pbe.MAC{Algorithm: encode(alg("1.0.10118.3.0.55")), Iterations: 1}, pbe.ErrUnsupported},
		{"an HMAC where a digest belongs", pbe.MAC{Algorithm: encode(alg(idHMAC256)), Iterations: 1}, pbe.ErrUnsupported},
		{"no iterations", pbe.MAC{Algorithm: sha256}, pbe.ErrParse},
		{"too many iterations", pbe.MAC{Algorithm: sha256, Iterations: pbe.MaxIterations + 1}, pbe.ErrLimit},
		{"a huge salt", pbe.MAC{Algorithm: sha256, Iterations: 1, Salt: make([]byte, 65<<10)}, pbe.ErrLimit},
		{"PBMAC1 without parameters", pbe.MAC{Algorithm: encode(alg(idPBMAC1))}, pbe.ErrParse},
		{
			"PBMAC1 without a key length (RFC 9579, 5)",
			pbe.MAC{Algorithm: encode(alg(idPBMAC1, seq(cheap(alg(idHMAC256)), alg(idHMAC256))))},
			pbe.ErrParse,
		},
		{"PBMAC1 with an unknown MAC", pbe.MAC{Algorithm: encode(alg(idPBMAC1, seq(cheap(num(32)), alg("1.2.3"))))}, pbe.ErrUnsupported},
		{"PBMAC1 with an unknown derivation", pbe.MAC{Algorithm: encode(alg(idPBMAC1, seq(alg("1.2.3"), alg(idHMAC256))))}, pbe.ErrUnsupported},
		{"another value", pbe.MAC{Algorithm: sha256, Iterations: 1, Value: make([]byte, 32)}, pbe.ErrPassword},
		{"a short value", pbe.MAC{Algorithm: sha256, Iterations: 1, Value: make([]byte, 4)}, pbe.ErrPassword},
	} {
		if err := test.mac.Verify([]byte("content"), []byte("password"), pbe.EncodingStandard); !errors.Is(err, test.kind) {
			t.Errorf("%s: %v, want %v", test.rule, err, test.kind)
		}
		if _, err := test.mac.Describe(); test.kind != pbe.ErrPassword && !errors.Is(err, test.kind) {
			t.Errorf("%s, described: %v", test.rule, err)
		}
	}
}

// Each byte of an encrypted key damaged: an error, or another plaintext, but no panic and not the key.
func TestDecryptPKCS8_damage(t *testing.T) {
	t.Parallel()
	plain := bytes.Repeat([]byte("0123456789abcdef"), 4)
	algorithm, ciphertext, err := pbe.Encrypt(plain, []byte("password"), pbe.AES256, 1)
	if err != nil {
		t.Fatal(err)
	}
	whole := pbe.JoinPKCS8(algorithm, ciphertext)
	null := bytes.Index(whole, []byte{5, 0}) // the parameters of the PRF, which are not read
	for i := range whole {
		if i == null {
			continue
		}
		for _, flip := range []byte{1, 0x80, 0xff} {
			damaged := bytes.Clone(whole)
			damaged[i] ^= flip
			a, c, err := pbe.SplitPKCS8(damaged)
			if err != nil {
				if !errors.Is(err, pbe.ErrParse) {
					t.Errorf("byte %d: %v", i, err)
				}
				continue
			}
			if _, err := pbe.Describe(a); err != nil {
				continue // refused before any work
			}
			if got, err := pbe.Decrypt(a, c, []byte("password"), pbe.EncodingStandard); err == nil && bytes.Equal(got, plain) {
				t.Errorf("byte %d changed to %#x: decrypted all the same", i, damaged[i])
			}
		}
	}
}

func TestSplitPKCS8_refuses(t *testing.T) {
	t.Parallel()
	good := encode(seq(alg(idTriple), oct("data")))
	for rule, der := range map[string][]byte{
		"nothing": nil, "cut off": good[:len(good)-1], "trailing bytes": append(bytes.Clone(good), 0),
		"no algorithm": encode(seq(oct("data"))), "no data": encode(seq(alg(idTriple))),
		"a third field": encode(seq(alg(idTriple), oct("data"), num(1))), "a PrivateKeyInfo": encode(seq(num(0), alg(idTriple), oct("data"))),
	} {
		if _, _, err := pbe.SplitPKCS8(der); !errors.Is(err, pbe.ErrParse) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	algorithm, data, err := pbe.SplitPKCS8(good)
	if err != nil || string(data) != "data" || !bytes.Equal(pbe.JoinPKCS8(algorithm, data), good) {
		t.Errorf("%x, %q, %v", algorithm, data, err)
	}
}

func FuzzDescribe(f *testing.F) {
	f.Add(encode(alg(idPBES2, seq(cheap(num(16)), alg(idAES128, oct(iv))))))
	f.Add(encode(alg(idPBES2, seq(alg(idScrypt, seq(oct("s"), num(2), num(1), num(1))), alg(idGCM128, oct("nonce 12 byt"))))))
	f.Add(encode(alg(idTriple, seq(oct("salt"), num(1)))))
	f.Fuzz(func(t *testing.T, algorithm []byte) {
		d, err := pbe.Describe(algorithm)
		if err == nil && (d.Name == "" || d.Cipher == "" || d.Iterations < 1 || d.String() == "") {
			t.Fatalf("%+v", d)
		}
		if err != nil && !errors.Is(err, pbe.ErrParse) && !errors.Is(err, pbe.ErrUnsupported) && !errors.Is(err, pbe.ErrLimit) {
			t.Fatal(err)
		}
		_, _ = (pbe.MAC{Algorithm: algorithm, Iterations: 1}).Describe()
	})
}
