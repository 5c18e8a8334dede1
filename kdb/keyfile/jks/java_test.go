package jks

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"certkdb/kdb"
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

// classDesc is a class descriptor without fields whose super class follows.
const classDesc = "72 0001 41 0000000000000000 02 0000 78 "

func TestJava_boundsTheStream(t *testing.T) {
	t.Parallel()
	stream := "aced 0005 73 "
	for name, tt := range map[string]struct{ in, want string }{
		"class that is its own ancestor": {stream + "72 0001 41 0000000000000000 02 0000 78 71 007e0000", "ancestors"},
		"hundred classes deep":           {stream + strings.Repeat(classDesc, 100) + "70", "nests deeper"},
		"array of 4 GiB":                 {"aced 0005 75 72 0002 5b42 0000000000000000 02 0000 78 70 ffffffff", "larger than the file"},
		"array of objects, no end":       {"aced 0005 75 72 0002 5b4c 0000000000000000 02 0000 78 70 ffffffff 70 70", "0 are left"},
		"thousand fields":                {stream + "72 0001 41 0000000000000000 02 03e8", "1000 fields"},
		"reference to nowhere":           {stream + "71 007e0005", "points nowhere"},
		"string for a class":             {stream + "74 0001 41", "in the place of a Java class"},
		"form of its own":                {stream + "72 0001 41 0000000000000000 04 0000 78 70", "form of its own"},
		"unknown marker":                 {"aced 0005 7d", "not known"},
		"string alone":                   {"aced 0005 74 0001 41", "no object"},
		"another version":                {"aced 0006 70", "version 5"},
		"ends in an annotation":          {stream + "72 0001 41 0000000000000000 02 0000", "ends too early"},
	} {
		_, err := parseJava(unhex(t, tt.in))
		if !errors.Is(err, kdb.ErrParse) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want ErrParse with %q", name, err, tt.want)
		}
	}
}

func TestJava_readsEveryKindOfValue(t *testing.T) {
	t.Parallel()
	o, err := parseJava(unhex(t, "aced 0005 73"+
		"72 0014 6a6176612e73656375726974792e4b6579526570 0000000000000001 03 0006"+ // java.security.KeyRep
		"49 0001 69"+ // int i
		"4c 0009 616c676f726974686d 74 0012 4c6a6176612f6c616e672f537472696e673b"+ // String algorithm
		"5b 0007 656e636f646564 74 0002 5b42"+ // byte[] encoded
		"5b 0001 6e 74 0002 5b4a"+ // long[] n
		"4c 0001 65 71 007e0001"+ // e
		"4c 0001 63 71 007e0001"+ // c
		"78 70"+
		"00000007"+ // i
		"74 0003 414553"+ // "AES"
		"75 72 0002 5b42 0000000000000000 02 0000 78 70 00000002 0102"+
		"75 72 0002 5b4a 0000000000000000 02 0000 78 70 00000001 0000000000000009"+
		"7e 72 0001 45 0000000000000000 12 0000 78 70 74 0003 534543"+ // enum E.SEC
		"76 71 007e0000"+ // the class again
		"77 02 aabb 7a 00000001 cc 70 7c 0000000000000001 41 78")) // what writeObject added
	if err != nil {
		t.Fatal(err)
	}
	k, err := readSecretKey(o)
	if err != nil || k.algorithm != "AES" || string(k.key) != "\x01\x02" {
		t.Errorf("key %x for %q: %v", k.key, k.algorithm, err)
	}
	if o.text("e") != "SEC" {
		t.Errorf("the enumeration constant is %q", o.text("e"))
	}
}

func TestReadSecretKey_classes(t *testing.T) {
	t.Parallel()
	fields := map[string]any{"algorithm": "AES", "key": []byte{1}, "encoded": []byte{1}}
	for class, algorithm := range map[string]string{
		"javax.crypto.spec.SecretKeySpec": "AES", "java.security.KeyRep": "AES",
		"com.sun.crypto.provider.DESKey": "DES", "com.sun.crypto.provider.DESedeKey": "DESede",
	} {
		k, err := readSecretKey(&javaObject{[]string{class}, fields})
		if err != nil || k.algorithm != algorithm || len(k.key) != 1 {
			t.Errorf("%s: %q, %v", class, k.algorithm, err)
		}
	}
	_, err := readSecretKey(&javaObject{[]string{"java.lang.Runtime"}, fields})
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

func TestModifiedUTF8(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\xC0\x80b": "a\x00b", "\xED\xA0\xBD\xED\xB4\x91": "🔑", "\xF0\x9F\x94\x91": "🔑", "\xC3\xA4": "ä", "\xE9\x8D\xB5": "鍵", "\xC3": "\xC3",
	} {
		if got := decodeModified([]byte(in)); got != want {
			t.Errorf("%x is %q, want %q", in, got, want)
		}
	}
	if got := string(encodeModified("a\x00ä鍵🔑")); got != "a\xC0\x80\xC3\xA4\xE9\x8D\xB5\xED\xA0\xBD\xED\xB4\x91" {
		t.Errorf("encoded %x", got)
	}
}

func FuzzJava(f *testing.F) {
	f.Add([]byte("\xac\xed\x00\x05\x73\x72\x00\x01A\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x78\x70"))
	f.Add([]byte("\xac\xed\x00\x05\x75\x72\x00\x02[B\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x78\x70\x00\x00\x00\x01\x01"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		readSealedKey(data) // it must not panic
		if o, err := parseJava(data); err == nil {
			readSecretKey(o)
		}
	})
}
