package pbe_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/pki/pbe"
	"certkdb/scripts/conformancedata"
)

type wycheproof struct {
	Algorithm  string
	TestGroups []struct {
		Tests []struct {
			TcID                        int
			Password, Salt, Iv, Msg, Ct string
			IterationCount              int64
			Result                      string
		}
	}
}

var prfs = map[string]string{
	"Sha1": "2a864886f70d0207", "Sha224": "2a864886f70d0208", "Sha256": "2a864886f70d0209",
	"Sha384": "2a864886f70d020a", "Sha512": "2a864886f70d020b",
}

var ciphers = map[string]string{"128": "60864801650304" + "0102", "192": "60864801650304" + "0116", "256": "60864801650304" + "012a"}

func TestDecrypt_wycheproof(t *testing.T) {
	t.Parallel()
	cases := 0
	for _, file := range conformancedata.Files(t, "wycheproof-pbes2-json") {
		var suite wycheproof
		if err := json.Unmarshal(file.Data, &suite); err != nil {
			t.Fatal(err)
		}
		prf, size, _ := strings.Cut(strings.TrimPrefix(suite.Algorithm, "PbeWithHmac"), "AndAes_")
		for _, group := range suite.TestGroups {
			for _, test := range group.Tests {
				cases++
				algorithm := pbes2(unhex(t, prfs[prf]), unhex(t, ciphers[size]), unhex(t, test.Salt), unhex(t, test.Iv), test.IterationCount)
				plain, err := pbe.Decrypt(algorithm, unhex(t, test.Ct), unhex(t, test.Password), pbe.EncodingStandard)
				if (err == nil) != (test.Result == "valid") || err == nil && !bytes.Equal(plain, unhex(t, test.Msg)) {
					t.Errorf("%s %d: %x, %v, want %s %s", file.Path, test.TcID, plain, err, test.Result, test.Msg)
				}
			}
		}
	}
	if cases == 0 {
		t.Error("no case was found")
	}
}

func pbes2(prf, cipher, salt, iv []byte, iterations int64) []byte {
	id := func(b *cryptobyte.Builder, oid []byte, parameters func(*cryptobyte.Builder)) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oid) })
			parameters(b)
		})
	}
	b := cryptobyte.NewBuilder(nil)
	id(b, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13}, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			id(b, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12}, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1OctetString(salt)
					b.AddASN1Int64(iterations)
					id(b, prf, func(b *cryptobyte.Builder) { b.AddASN1NULL() })
				})
			})
			id(b, cipher, func(b *cryptobyte.Builder) { b.AddASN1OctetString(iv) })
		})
	})
	return b.BytesOrPanic()
}

func TestDecryptPKCS8_conformance(t *testing.T) {
	t.Parallel()
	opened := 0
	for _, file := range conformancedata.Files(t, "key") {
		der := encryptedPKCS8(file.Data)
		if der == nil || file.Password == nil {
			continue
		}
		opened++
		if _, err := pbe.NewBudget(0).DecryptPKCS8(der, []byte(*file.Password)); err != nil && file.Expected != "refuse" {
			t.Errorf("%s: %v", file.Path, err)
		}
		if _, err := pbe.NewBudget(0).DecryptPKCS8(der, []byte(*file.Password+"x")); !errors.Is(err, pbe.ErrPassword) {
			t.Errorf("%s: a wrong password gives %v", file.Path, err)
		}
	}
	if opened < 30 {
		t.Errorf("only %d encrypted keys were found", opened)
	}
}

// encryptedPKCS8 returns the EncryptedPrivateKeyInfo in a file, nil if it holds something else.
func encryptedPKCS8(data []byte) []byte {
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" {
			return block.Bytes
		}
	}
	if _, _, err := pbe.SplitPKCS8(data); err == nil {
		return data
	}
	return nil
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
