package cms_test

import (
	"bytes"
	"encoding/asn1"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/keyfiletest"
)

// openssl runs OpenSSL; the test is skipped where there is none.
func openssl(t *testing.T, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	var stderr bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// sealedIn finds the EncryptedPrivateKeyInfo behind a certificate or request in a slot.
func sealedIn(t *testing.T, slot, before []byte) []byte {
	t.Helper()
	at := bytes.Index(slot, before)
	if at < 0 {
		t.Fatal("the certificate is not in the slot in clear")
	}
	rest := slot[at+len(before):]
	var sealed asn1.RawValue
	if _, err := asn1.Unmarshal(rest, &sealed); err != nil {
		t.Fatal(err)
	}
	return sealed.FullBytes
}

func TestOpenSSL_opensOurKeys(t *testing.T) {
	t.Parallel()
	a, r := newIdentity(t, "a", nil), newIdentity(t, "r", nil)
	request := r.request(t, "r")
	files := encode(t, newStore(t, a.personal("a"), request), secret)
	for name, tt := range map[string]struct{ slot, before, key []byte }{
		"personal": {files.Main[headerSize:], a.cert, a.key},
		"request":  {files.Companions[".rdb"][headerSize:], request.Request, r.key},
	} {
		path := filepath.Join(t.TempDir(), "sealed.der")
		if err := os.WriteFile(path, sealedIn(t, tt.slot, tt.before), 0o600); err != nil {
			t.Fatal(err)
		}
		plain := openssl(t, "pkcs8", "-inform", "DER", "-in", path, "-passin", "pass:"+secret, "-outform", "DER")
		want := filepath.Join(t.TempDir(), "plain.der")
		if err := os.WriteFile(want, tt.key, 0o600); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(plain, openssl(t, "pkey", "-inform", "DER", "-in", want, "-outform", "DER")) && !bytes.Equal(plain, tt.key) {
			t.Errorf("%s: openssl gets another key", name)
		}
		dump := string(openssl(t, "asn1parse", "-inform", "DER", "-in", path))
		for _, part := range []string{"PBES2", "PBKDF2", "hmacWithSHA384", "aes-256-cbc", ":1000"} { // 0x1000 is 4096
			if !strings.Contains(dump, part) {
				t.Errorf("%s: the key is not sealed with %s:\n%s", name, part, dump)
			}
		}
	}
}

// TestOpenSSL_weOpenItsKeys puts keys that OpenSSL sealed, in ways that GSKit builds have used or may use, into a database.
func TestOpenSSL_weOpenItsKeys(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a", nil)
	plain := filepath.Join(t.TempDir(), "plain.der")
	if err := os.WriteFile(plain, a.key, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"PBES2 with SHA-384 and 5 iterations":      {"-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA384", "-iter", "5"},
		"PBES2 with SHA-512 and 200000 iterations": {"-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512", "-iter", "200000"},
		"PBES2 with SHA-1 and Triple DES":          {"-v2", "des3", "-v2prf", "hmacWithSHA1"},
		"PKCS #12 with Triple DES":                 {"-v1", "PBE-SHA1-3DES"},
		"PKCS #12 with two-key Triple DES":         {"-v1", "PBE-SHA1-2DES"},
	} {
		sealed := openssl(
			t,
			append([]string{"pkcs8", "-topk8", "-inform", "DER", "-in", plain, "-outform", "DER", "-passout", "pass:" + secret}, args...)...)
		c := open(t, withSealed(t, a, sealed), secret)
		keyfiletest.WantKey(t, c, "a", a.key)
		keyfiletest.WantSound(t, c)
		if len(c.Facts()) == 0 {
			t.Errorf("%s: no facts", name)
		}
	}
}

// withSealed makes a database whose only entry has the sealed key.
func withSealed(t *testing.T, a *identity, sealed []byte) keyfile.Files {
	t.Helper()
	data := encode(t, newStore(t, a.personal("a")), secret).Main
	pair := append(bytes.Clone(a.cert), sealed...)
	record := der(t, 0x30, der(t, 2, []byte{1}), der(t, 0xA2, der(t, 0x30, pair)), der(t, 0x1A, []byte("a")), der(t, 3, []byte{7, 0x80}))
	old := data[headerSize:]
	size := 12 + int(old[8])<<24 + int(old[9])<<16 + int(old[10])<<8 + int(old[11])
	slot := append([]byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, byte(len(record) >> 8), byte(len(record))}, record...)
	slot = append(slot, old[size:size+200]...) // label and trailer
	clear(old)
	copy(old, slot)
	sign(data)
	return keyfile.Files{Main: data}
}

func der(t *testing.T, tag byte, parts ...[]byte) []byte {
	t.Helper()
	content := bytes.Join(parts, nil)
	out, err := asn1.Marshal(asn1.RawValue{Class: int(tag >> 6), Tag: int(tag & 0x1F), IsCompound: tag&0x20 != 0, Bytes: content})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSecretKey_withinAPrivateKeyInfo(t *testing.T) {
	t.Parallel()
	// SEQUENCE { 0, SEQUENCE { aes }, OCTET STRING }: the bytes are those of the octets.
	key := []byte("0123456789abcdef")
	wrapped := der(t, 0x30, der(t, 2, []byte{0}), der(t, 0x30, der(t, 6, []byte{0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1})), der(t, 4, key))
	c := reopen(t, newStore(t, kdb.Entry{Label: "s", Kind: kdb.KindSecretKey, Key: wrapped}))
	keyfiletest.WantKey(t, c, "s", key)
	if e := entry(t, c, "s"); e.KeyAlgorithm != "AES" {
		t.Errorf("the algorithm is %q", e.KeyAlgorithm)
	}
}
