package pbe

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"strings"
	"testing"

	"certkdb/pki/oid"
)

func derive(t *testing.T, k kdf, password string, purpose byte, size int) string {
	t.Helper()
	key, err := k.derive([]byte(password), EncodingStandard, purpose, size)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(key)
}

// The vectors of RFC 6070 (SHA-1) without that of 16 million iterations, and of RFC 7914, section 11 (SHA-256).
func TestPBKDF2_vectors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		hash           crypto.Hash
		password, salt string
		iterations     int
		want           string
	}{
		{crypto.SHA1, "password", "salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"},
		{crypto.SHA1, "password", "salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"},
		{crypto.SHA1, "password", "salt", 4096, "4b007901b765489abead49d926f721d065a429c1"},
		{
			crypto.SHA1, "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096,
			"3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038",
		},
		{crypto.SHA1, "pass\x00word", "sa\x00lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3"},
		{
			crypto.SHA256, "passwd", "salt", 1,
			"55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
		},
		{
			crypto.SHA256, "Password", "NaCl", 80000,
			"4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d",
		},
	} {
		want := test.want
		k := pbkdf2KDF{salted: salted{oid.DigestOf(test.hash), []byte(test.salt), test.iterations}}
		if got := derive(t, k, test.password, purposeKey, len(want)/2); got != want {
			t.Errorf("%s, %q, %d iterations: %s", test.hash, test.password, test.iterations, got)
		}
	}
}

// The vectors of RFC 7914, section 12, without the one that takes a gibibyte.
func TestScrypt_vectors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		password, salt string
		n, r, p        int
		want           string
	}{
		{
			"", "", 16, 1, 1,
			"77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
		},
		{
			"password", "NaCl", 1024, 8, 16,
			"fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
		},
		{
			"pleaseletmein", "SodiumChloride", 16384, 8, 1,
			"7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
		},
	} {
		k := scryptKDF{salt: []byte(test.salt), n: test.n, r: test.r, p: test.p}
		if got := derive(t, k, test.password, purposeKey, 64); got != test.want {
			t.Errorf("%q: %s", test.password, got)
		}
	}
}

// Published vectors of the derivation of PKCS #12 with SHA-1: those by which Bouncy Castle and OpenSSL test theirs (passwords "smeg" and
// "queeg").
func TestPKCS12_vectors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		password, salt string
		iterations     int
		purpose        byte
		want           string
	}{
		{"smeg", "0a58cf64530d823f", 1, purposeKey, "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3"},
		{"smeg", "0a58cf64530d823f", 1, purposeIV, "79993dfe048d3b76"},
		{"smeg", "642b99ab44fb4b1f", 1, purposeKey, "f3a95fec48d7711e985cfe67908c5ab79fa3d7c5caa5d966"},
		{"smeg", "642b99ab44fb4b1f", 1, purposeIV, "c0a38d64a79bea1d"},
		{"smeg", "3d83c0e4546ac140", 1, purposeMAC, "8d967d88f6caa9d714800ab3d48051d63f73a312"},
		{"queeg", "05dec959acff72f7", 1000, purposeKey, "ed2034e36328830ff09df1e1a07dd357185dac0d4f9eb3d4"},
		{"queeg", "05dec959acff72f7", 1000, purposeIV, "11dedad7758d4860"},
		{"queeg", "1682c0fc5b3f7ec5", 1000, purposeKey, "483dd6e919d7de2e8e648ba8f862f3fbfbdc2bcb2c02957f"},
		{"queeg", "1682c0fc5b3f7ec5", 1000, purposeIV, "9d461d1b00355c50"},
		{"queeg", "263216fcc2fab31c", 1000, purposeMAC, "5ec4c7a80df652294c3925b6489a7ab857c83476"},
	} {
		salt, err := hex.DecodeString(test.salt)
		if err != nil {
			t.Fatal(err)
		}
		k := pkcs12KDF{salted: salted{sha1Digest, salt, test.iterations}}
		if got := derive(t, k, test.password, test.purpose, len(test.want)/2); got != test.want {
			t.Errorf("%q, purpose %d: %s", test.password, test.purpose, got)
		}
	}
}

// PBKDF1 makes no more than the digest has (RFC 8018, 5.1).
func TestPBKDF1_length(t *testing.T) {
	t.Parallel()
	k := pbkdf1{salted{md5Digest, []byte("saltsalt"), 1}}
	if got := derive(t, k, "password", purposeKey, 16); len(got) != 32 {
		t.Error(got)
	}
	if _, err := k.derive([]byte("password"), EncodingStandard, purposeKey, 17); err == nil {
		t.Error("17 bytes of MD5")
	}
}

// The vectors of RFC 2268, section 5.
func TestRC2_vectors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		key   string
		bits  int
		plain string
		want  string
	}{
		{"0000000000000000", 63, "0000000000000000", "ebb773f993278eff"},
		{"ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49"},
		{"3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2"},
		{"88", 64, "0000000000000000", "61a8a244adacccf0"},
		{"88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"},
		{"88bca90e90875a7f0f79c384627bafb2", 64, "0000000000000000", "1a807d272bbe5db1"},
		{"88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6"},
		{"88bca90e90875a7f0f79c384627bafb216f80a6f85920584c42fceb0be255daf1e", 129, "0000000000000000", "5b78d3a43dfff1f1"},
	} {
		key, _ := hex.DecodeString(test.key)
		plain, _ := hex.DecodeString(test.plain)
		c := newRC2(key, test.bits)
		out, back := make([]byte, 8), make([]byte, 8)
		c.Encrypt(out, plain)
		c.Decrypt(back, out)
		if got := hex.EncodeToString(out); got != test.want || !bytes.Equal(back, plain) {
			t.Errorf("%d bits: %s, and back %x", test.bits, got, back)
		}
	}
}

func TestBMPString_encodings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, password string
		encoding       Encoding
		want           string
	}{
		{"RFC 7292, B.1", "Beavis", EncodingStandard, "0042006500610076006900730000"},
		{"empty has the terminator", "", EncodingStandard, "0000"},
		{"beyond ASCII", "ü€", EncodingStandard, "00fc20ac0000"},
		{"beyond the BMP, as surrogates", "😀", EncodingStandard, "d83dde000000"},
		{"a character for each byte", "ü", EncodingBytes, "00c300bc0000"},
		{"not UTF-8 counts as ISO 8859-1", "\xfc", EncodingStandard, "00fc0000"},
	} {
		if got := hex.EncodeToString(bmpString([]byte(test.password), test.encoding)); got != test.want {
			t.Errorf("%s: %s", test.rule, got)
		}
	}
	if bmpString(nil, EncodingStandard) != nil {
		t.Error("an absent password has bytes")
	}
}

func TestOctets_encodings(t *testing.T) {
	t.Parallel()
	for encoding, want := range map[Encoding]string{
		EncodingStandard: "c3bc", EncodingBytes: "c3bc", EncodingLatin1: "fc",
		EncodingBMP: "00fc0000",
	} {
		if got := hex.EncodeToString(octets([]byte("ü"), encoding)); got != want {
			t.Errorf("encoding %d: %s", encoding, got)
		}
	}
	if got := octets([]byte("gr\xfcn"), EncodingUTF8); string(got) != "gr\u00fcn" {
		t.Errorf("ISO 8859-1 as UTF-8: %q", got)
	}
}

func TestUnpad(t *testing.T) {
	t.Parallel()
	block := strings.Repeat("x", 8)
	for padded, want := range map[string]string{
		block + strings.Repeat("\x08", 8): block, "1234567\x01": "1234567", "12345\x03\x03\x03": "12345",
	} {
		if got, err := unpad([]byte(padded), 8); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", padded, got, err)
		}
	}
	for _, bad := range []string{"1234567\x00", "1234567\x09", "12345\x02\x03\x03", "\x04\x04\x04"} {
		if got, err := unpad([]byte(bad), 8); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

// Every digest that files name costs at least one round, and one that is not in the table of package oid has its name.
func TestDigests_costAndName(t *testing.T) {
	t.Parallel()
	for _, d := range oid.Digests {
		if digestByOID(d.OID) != d || hmacByOID(d.HMAC) != d || cost(d) < 1 || nameOf(d.HMAC) != "HMAC-"+d.String() {
			t.Errorf("%s", d)
		}
	}
	for id, d := range exoticDigests() {
		if digestByOID(id) != d || nameOf(id) != d.String() || !d.Available() || cost(d) < 1 {
			t.Errorf("%s", d)
		}
	}
	if hmacByOID("1.3.6.1.5.5.8.1.1") != md5Digest || hmacByOID("1.3.6.1.5.5.8.1.2") != sha1Digest || hmacByOID("1.2.3") != nil {
		t.Error("the HMACs of IPsec")
	}
}

// Each cipher decrypts what it has encrypted, with its own key length.
func TestCiphers_roundTrip(t *testing.T) {
	t.Parallel()
	kinds := []cipherKind{desCBC, tripleDES, twoKeyDES, rc2Kind(16, 128), rc2Kind(8, 64), rc2Kind(5, 40)}
	for _, table := range []map[string]cipherKind{ciphers(), exoticCiphers(), exoticTraditional()} {
		for _, kind := range table {
			kinds = append(kinds, kind)
		}
	}
	for _, kind := range kinds {
		key := []byte("0123456789abcdefghijklmnopqrstuv")[:kind.keyLen]
		block, err := kind.new(key)
		if err != nil || block.BlockSize() != kind.block {
			t.Errorf("%s: %v", kind.name, err)
			continue
		}
		plain, out, back := []byte("exactly 16 bytes")[:kind.block], make([]byte, kind.block), make([]byte, kind.block)
		block.Encrypt(out, plain)
		block.Decrypt(back, out)
		if bytes.Equal(out, plain) || !bytes.Equal(back, plain) {
			t.Errorf("%s: %x and back %q", kind.name, out, back)
		}
	}
	if _, err := newCamellia(make([]byte, 20)); err == nil {
		t.Error("Camellia with a key of 20 bytes")
	}
	for _, name := range []string{"AES-256-CBC", "DES-EDE3-CBC", "BF-CBC", "CAMELLIA-192-CBC", "RC2-40-CBC", "AES-128-CFB", "BF-OFB"} {
		if c, ok := FindTraditional(name); !ok || c.New == nil || c.KeySize == 0 || c.BlockSize == 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	for _, name := range []string{"SEED-CBC", "AES-256-GCM", "AES-256", "CBC", ""} {
		if _, ok := FindTraditional(name); ok {
			t.Errorf("%q is known", name)
		}
	}
}
