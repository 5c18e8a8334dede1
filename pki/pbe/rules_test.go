package pbe_test

import (
	"errors"
	"testing"

	"certkdb/pki/pbe"
)

// null is the NULL of parameters.
func null() part { return raw("\x05\x00") }

// TestRules_RFC8018_RFC9579 is the list of what a reader of encrypted keys and PKCS #12 files refuses, or takes, rule by rule.
// RFC 9879 replaced RFC 9579; the sections are the same in both.
func TestRules_RFC8018_RFC9579(t *testing.T) {
	t.Parallel()
	aes := alg(idAES128, oct(iv))
	hmac := alg(idHMAC256, null())
	pbes2 := func(parts ...part) part { return alg(idPBES2, seq(parts...)) }
	kdf := func(parts ...part) part { return alg(idPBKDF2, seq(parts...)) }
	pbmac1 := func(parts ...part) part { return alg(idPBMAC1, seq(parts...)) }
	const taken = "taken"
	for _, test := range []struct {
		section, rule string
		isMAC         bool
		algorithm     part
		want          error  // nil if it is taken
		accepted      string // why
	}{
		{"RFC 8018, A.4", "PBES2 with PBKDF2 and AES", false, pbes2(cheap(hmac), aes), nil, taken},
		{"RFC 8018, A.4", "PBES2 with trailing data", false, pbes2(cheap(hmac), aes, null()), pbe.ErrParse, ""},
		{"RFC 8018, A.4", "PBES2 without an encryption scheme", false, pbes2(cheap(hmac)), pbe.ErrParse, ""},
		{"RFC 8018, A.2", "no salt", false, pbes2(kdf(num(1)), aes), pbe.ErrParse, ""},
		{"RFC 8018, A.2", "a salt from another source", false, pbes2(kdf(alg("1.2.3"), num(1)), aes), pbe.ErrParse, ""},
		{"RFC 8018, A.2", "no iterations", false, pbes2(kdf(oct("salt")), aes), pbe.ErrParse, ""},
		{"RFC 8018, A.2", "0 iterations", false, pbes2(kdf(oct("salt"), num(0)), aes), pbe.ErrParse, ""},
		{"RFC 8018, A.2", "a key length of 0", false, pbes2(cheap(num(0), hmac), aes), pbe.ErrParse, ""},
		{"RFC 8018, A.2", "a key length that the cipher does not have", false, pbes2(cheap(num(32), hmac), aes), pbe.ErrParse, ""},
		{"RFC 8018, A.2", "no key length", false, pbes2(cheap(hmac), aes), nil, "the cipher's is meant"},
		{"RFC 8018, A.2", "no PRF", false, pbes2(cheap(), aes), nil, "HMAC-SHA-1 is the default"},
		{"RFC 8018, A.2", "an unknown PRF", false, pbes2(cheap(alg("1.2.3", null())), aes), pbe.ErrUnsupported, ""},
		{"RFC 8018, A.2", "a digest as PRF", false, pbes2(cheap(alg(idSHA256, null())), aes), pbe.ErrUnsupported, ""},
		{"RFC 8018, A.2", "data after the PRF", false, pbes2(cheap(hmac, null()), aes), pbe.ErrParse, ""},
		{"RFC 8018, B.1.2", "a PRF without parameters", false, pbes2(cheap(alg(idHMAC256)), aes), nil, "many write it so"},
		{"RFC 8018, B.1.2", "a PRF with other parameters than NULL", false, pbes2(cheap(alg(idHMAC256, oct("x"))), aes), pbe.ErrParse, ""},
		{"RFC 8018, B.2.5", "an initialization vector of 8 bytes", false, pbes2(cheap(hmac), alg(idAES128, oct("12345678"))), pbe.ErrParse, ""},
		{"RFC 8018, B.2.5", "no initialization vector", false, pbes2(cheap(hmac), alg(idAES128)), pbe.ErrParse, ""},
		{
			"RFC 5084, 3.2", "data after the length of the tag", false,
			pbes2(cheap(hmac), alg(idGCM128, seq(oct("nonce 12 byt"), num(16), num(1)))), pbe.ErrParse, "",
		},
		{
			"RFC 7914, 7", "data after the parameters of scrypt", false,
			pbes2(alg(idScrypt, seq(oct("s"), num(2), num(1), num(1), num(16), num(1))), aes), pbe.ErrParse, "",
		},
		{"RFC 8018, A.3", "PBES1 with trailing data", false, alg(idPBES1MD5, seq(oct("saltsalt"), num(1), num(1))), pbe.ErrParse, ""},
		{"RFC 7292, C", "a PKCS #12 scheme with trailing data", false, alg(idTriple, seq(oct("saltsalt"), num(1), num(1))), pbe.ErrParse, ""},
		{"RFC 9579, 4", "PBMAC1 with PBKDF2 and HMAC", true, pbmac1(cheap(num(32), hmac), hmac), nil, taken},
		{"RFC 9579, 5", "no key length", true, pbmac1(cheap(hmac), hmac), pbe.ErrParse, ""},
		{"RFC 9579, 9", "a key of one byte", true, pbmac1(cheap(num(1), hmac), hmac), pbe.ErrParse, ""},
		{"RFC 9579, 9", "a key of 19 bytes", true, pbmac1(cheap(num(19), hmac), hmac), pbe.ErrParse, ""},
		{"RFC 9579, 9", "a key of 20 bytes", true, pbmac1(cheap(num(20), hmac), hmac), nil, "they are enough"},
		{"RFC 9579, 5", "a key longer than a digest", true, pbmac1(cheap(num(256), hmac), hmac), nil, "it may be"},
		{"RFC 9579, 4", "no parameters", true, alg(idPBMAC1), pbe.ErrParse, ""},
		{"RFC 8018, A.5", "trailing data", true, pbmac1(cheap(num(32), hmac), hmac, null()), pbe.ErrParse, ""},
		{"RFC 8018, A.5", "no message authentication scheme", true, pbmac1(cheap(num(32), hmac)), pbe.ErrParse, ""},
		{"RFC 8018, A.5", "an unknown message authentication scheme", true, pbmac1(cheap(num(32), hmac), alg("1.2.3")), pbe.ErrUnsupported, ""},
		{
			"RFC 8018, A.5", "a digest as message authentication scheme", true,
			pbmac1(cheap(num(32), hmac), alg(idSHA256)), pbe.ErrUnsupported, "",
		},
		{
			"RFC 8018, B.3", "an HMAC with other parameters than NULL", true,
			pbmac1(cheap(num(32), hmac), alg(idHMAC256, oct("x"))), pbe.ErrParse, "",
		},
		{
			"RFC 9579, 4", "another PRF than the HMAC", true,
			pbmac1(cheap(num(32), alg("1.2.840.113549.2.11", null())), hmac), nil, "they are independent",
		},
		{"RFC 9579, 4", "an unknown key derivation", true, pbmac1(alg("1.2.3"), hmac), pbe.ErrUnsupported, ""},
	} {
		t.Run(test.section+": "+test.rule, func(t *testing.T) {
			t.Parallel()
			if (test.want == nil) != (test.accepted != "") {
				t.Error("the table must say why it is taken, or the error")
			}
			var err error
			if test.isMAC {
				_, err = pbe.MAC{Algorithm: encode(test.algorithm)}.Describe()
			} else {
				_, err = pbe.Decrypt(encode(test.algorithm), make([]byte, 32), []byte("x"), pbe.EncodingStandard)
			}
			if errors.Is(err, pbe.ErrPassword) {
				err = nil // it was read, and the password is wrong
			}
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}
