package path

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"strings"
	"testing"

	"certkdb/pki/oid"
)

func TestParsePSS(t *testing.T) {
	t.Parallel()
	const (
		sha256 = "\xa0\x0d\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
		mgf256 = "\xa1\x1a\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	)
	seq := func(parts ...string) string {
		body := strings.Join(parts, "")
		return "\x30" + string(rune(len(body))) + body
	}
	tests := []struct {
		rule, der string
		digest    *digest
		salt      int
		fails     bool
	}{
		{rule: "defaults", der: "\x30\x00", digest: digestSHA1, salt: 20},
		{rule: "SHA-256", der: seq(sha256, mgf256, "\xa2\x03\x02\x01\x20"), digest: digestSHA256, salt: 32},
		{rule: "trailer 1", der: seq("\xa3\x03\x02\x01\x01"), digest: digestSHA1, salt: 20},
		{rule: "other trailer", der: seq("\xa3\x03\x02\x01\x02"), fails: true},
		{rule: "negative salt", der: seq("\xa2\x03\x02\x01\xff"), fails: true},
		{rule: "huge salt", der: seq("\xa2\x06\x02\x04\x7f\xff\xff\xff"), fails: true},
		{rule: "unknown digest", der: seq("\xa0\x06\x30\x04\x06\x02\x2a\x03"), fails: true},
		{rule: "unknown mask", der: seq("\xa1\x06\x30\x04\x06\x02\x2a\x03"), fails: true},
		{rule: "unknown field", der: seq("\xa4\x00"), fails: true},
		{rule: "no SEQUENCE", der: "\x05\x00", fails: true},
	}
	for _, test := range tests {
		p, err := parsePSS([]byte(test.der))
		if (err != nil) != test.fails || err == nil && (p.digest != test.digest || p.salt != test.salt) {
			t.Errorf("%s: %+v, %v", test.rule, p, err)
		}
	}
}

func FuzzReadKey(f *testing.F) {
	f.Add([]byte("\x30\x0a\x30\x05\x06\x03\x2b\x65\x70\x03\x01\x00"))
	f.Fuzz(func(_ *testing.T, der []byte) {
		_, _ = parsePSS(der)
		_ = readKey(der, publicKey{oid: oidDSA, params: der})
	})
}

func TestUnderDomain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		host, constraint string
		want             bool
	}{
		{"a.example.com", "example.com", true},
		{"example.com", "example.com", true},
		{"example.com", ".example.com", false},
		{"a.example.com", ".EXAMPLE.com", true},
		{"xexample.com", "example.com", false},
		{"anything", "", true},
	}
	for _, test := range tests {
		if got := underDomain(test.host, test.constraint); got != test.want {
			t.Errorf("underDomain(%q, %q) = %v", test.host, test.constraint, got)
		}
	}
}

func TestIsMailbox(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a@example.com": true, "a.b+c@example.com": true, "*@example.com": true, "a@b@example.com": false, `"a"@example.com`: false,
		"@example.com": false, "a@": false, ".a@example.com": false, "a..b@example.com": false, "a@[192.0.2.1]": false, "a@-x.com": false,
	} {
		if got := isMailbox(text); got != want {
			t.Errorf("isMailbox(%q) = %v", text, got)
		}
	}
}

// TestVerifyPSS_noSalt holds signatures with and without a salt against parameters that allow none.
func TestVerifyPSS_noSalt(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const (
		sha256s = "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
		noSalt  = "\x30\x30\xa0\x0d" + sha256s + "\xa1\x1a\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08" + sha256s + "\xa2\x03\x02\x01\x00"
	)
	a := oid.Algorithm{OID: oidPSS, Params: []byte(noSalt)}
	message := []byte("message")
	hashed := sha256.Sum256(message)
	k := publicKey{oid: oidRSA, key: &key.PublicKey}
	salted, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, hashed[:], &rsa.PSSOptions{SaltLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(k, a, message, salted); !errors.Is(err, errSignature) {
		t.Errorf("with a salt: %v", err)
	}
	if err := verify(k, a, message, signWithoutSalt(key, hashed[:])); err != nil {
		t.Errorf("without a salt: %v", err)
	}
}

// signWithoutSalt is RSASSA-PSS-SIGN with SHA-256 and a salt of no length (RFC 8017, 8.1.1, 9.1.1).
func signWithoutSalt(key *rsa.PrivateKey, hashed []byte) []byte {
	h := sum(digestSHA256, append(make([]byte, 8), hashed...))
	block := make([]byte, 256-32-1)
	block[len(block)-1] = 1
	for i, m := range maskOf(digestSHA256, h, len(block)) {
		block[i] ^= m
	}
	block[0] &= 0x7f
	encoded := new(big.Int).SetBytes(append(append(block, h...), 0xbc))
	return encoded.Exp(encoded, key.D, key.N).FillBytes(make([]byte, 256))
}
