package pbe_test

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"certkdb/pki/pbe"
)

// TestDEK decrypts what is encrypted here as OpenSSL does it: DES-EDE3 takes 24 bytes of key, two digests of MD5.
func TestDEK(t *testing.T) {
	t.Parallel()
	iv := []byte("saltsalt")
	first := md5.Sum([]byte("password" + "saltsalt"))
	second := md5.Sum([]byte(string(first[:]) + "password" + "saltsalt"))
	block, err := des.NewTripleDESCipher(append(first[:], second[:8]...))
	if err != nil {
		t.Fatal(err)
	}
	seal := func(plain string) []byte {
		out := make([]byte, len(plain))
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, []byte(plain))
		return out
	}
	dek, err := pbe.ParseDEK(" des-ede3-cbc , " + hex.EncodeToString(iv))
	if err != nil {
		t.Fatal(err)
	}
	sequence := "\x30\x05hello"
	if got, err := dek.Decrypt(seal(sequence+"\x01"), []byte("password")); err != nil || string(got) != sequence {
		t.Errorf("%q, %v", got, err)
	}
	for what, data := range map[string][]byte{
		"another tag": seal("\x31\x05hello\x01"), "bytes behind it": seal("\x30\x04hello\x01"),
		"a length beyond the end": seal("\x30\x06hello\x01"), "no padding": seal("\x30\x06hello\x09"),
	} {
		if _, err := dek.Decrypt(data, []byte("password")); !errors.Is(err, pbe.ErrPassword) {
			t.Errorf("%s: %v, want ErrPassword", what, err)
		}
	}
	if _, err := dek.Decrypt(seal(sequence+"\x01"), []byte("Password")); !errors.Is(err, pbe.ErrPassword) {
		t.Errorf("another password: %v", err)
	}
	if _, err := dek.Decrypt([]byte("odd"), []byte("password")); !errors.Is(err, pbe.ErrParse) {
		t.Errorf("part of a block: %v", err)
	}
}

func TestParseDEK_refuses(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]error{
		"":                               pbe.ErrParse,
		"AES-128-CBC":                    pbe.ErrParse,
		"AES-128-CBC,00":                 pbe.ErrParse,
		"DES-CBC,zz11223344556677":       pbe.ErrParse,
		"SEED-CBC,0011223344556677":      pbe.ErrUnsupported,
		strings.Repeat("x", 100) + ",00": pbe.ErrUnsupported,
	} {
		_, err := pbe.ParseDEK(header)
		if !errors.Is(err, want) || bytes.Contains([]byte(err.Error()), bytes.Repeat([]byte("x"), 50)) {
			t.Errorf("%q: %v, want %v", header, err, want)
		}
	}
}
