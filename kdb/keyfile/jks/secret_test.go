package jks

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/jks/javaser"
)

// TestPBE_vectors decrypts what the JDK 17 encrypted: "Mighty Aphrodite" under the password "changeit" by
// Cipher.getInstance("PBEWithMD5AndTripleDES").
func TestPBE_vectors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, salt, sealed string
		iterations         int
	}{
		{"salt with equal halves", "0102030401020304", "094109aa9c0a95c201ce0a7e4975f458190d84e25d10c63e", 20},
		{"salt with different halves", "0102030405060708", "f395c53389daf7f28ae6d90047b296a76b406157282d94be", 1000},
	} {
		p := pbeParameters{unhex(t, tt.salt), tt.iterations}
		plain, ok := p.open(unhex(t, tt.sealed), []byte("changeit"))
		if !ok || string(plain) != "Mighty Aphrodite" {
			t.Errorf("%s: %q, %v", tt.name, plain, ok)
		}
		if hex.EncodeToString(p.salt) != tt.salt {
			t.Errorf("%s: the salt was changed to %x", tt.name, p.salt)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadPBE_bounds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		der  string
		want error
	}{
		"good":                   {"300d 0408 0102030405060708 0201 14", nil},
		"no iteration":           {"300d 0408 0102030405060708 0201 00", kdb.ErrEncryption},
		"negative":               {"300d 0408 0102030405060708 0201 ff", kdb.ErrEncryption},
		"2^31-1 iterations":      {"3010 0408 0102030405060708 0204 7fffffff", kdb.ErrEncryption},
		"2^63-1 iterations":      {"3014 0408 0102030405060708 0208 7fffffffffffffff", kdb.ErrEncryption},
		"salt of seven bytes":    {"300c 0407 01020304050607 0201 14", kdb.ErrParse},
		"no SEQUENCE":            {"0408 0102030405060708", kdb.ErrParse},
		"iterations of 100 bits": {"3017 0408 0102030405060708 020b 7fffffffffffffffffffff", kdb.ErrParse},
	} {
		if _, err := readPBE(unhex(t, tt.der)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestReadSecretKey_classes(t *testing.T) {
	t.Parallel()
	fields := map[string]any{"algorithm": "AES", "key": []byte{1}, "encoded": []byte{1}}
	for class, algorithm := range map[string]string{
		"javax.crypto.spec.SecretKeySpec": "AES", "java.security.KeyRep": "AES",
		"com.sun.crypto.provider.DESKey": "DES", "com.sun.crypto.provider.DESedeKey": "DESede",
	} {
		k, err := readSecretKey(&javaser.Object{Classes: []string{class}, Fields: fields})
		if err != nil || k.algorithm != algorithm || len(k.key) != 1 {
			t.Errorf("%s: %q, %v", class, k.algorithm, err)
		}
	}
	_, err := readSecretKey(&javaser.Object{Classes: []string{"java.lang.Runtime"}, Fields: fields})
	if !errors.Is(err, kdb.ErrUnsupported) || !strings.Contains(err.Error(), "java.lang.Runtime") {
		t.Errorf("another class: %v, want ErrUnsupported that names it", err)
	}
}

func TestSun_wrongPassword(t *testing.T) {
	t.Parallel()
	sealed, err := protect([]byte("a key that is longer than one block of SHA-1"), []byte("pässwört"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := unprotect(sealed, []byte("pässwört"), nil)
	if err != nil || string(plain) != "a key that is longer than one block of SHA-1" {
		t.Errorf("%q, %v", plain, err)
	}
	if _, err := unprotect(sealed, []byte("passwort"), nil); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("wrong password: %v, want ErrPassword", err)
	}
	if _, err := openSun(make([]byte, 39), nil); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("too short: %v, want ErrParse", err)
	}
}

func FuzzSecretKey(f *testing.F) {
	f.Add([]byte("\xac\xed\x00\x05\x73\x72\x00\x01A\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x78\x70"))
	f.Add([]byte("\xac\xed\x00\x05\x75\x72\x00\x02[B\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x78\x70\x00\x00\x00\x01\x01"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		readSealedKey(data) // it must not panic
		if o, err := javaser.Parse(data); err == nil {
			readSecretKey(o)
		}
	})
}
