package pkcs12_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gopkcs12 "software.sslmate.com/src/go-pkcs12"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs12"
	"certkdb/pki/pbe"
)

func TestDecode_keysWithoutCertificate(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	var keys [][]byte
	for _, b := range decode(t, encode(t, newFile(t, "passwordless", f.personal("one", f.one), f.personal("two", f.two)), ""), "").Bags() {
		if b.Type == "key" {
			keys = append(keys, b.DER)
		}
	}
	c := decode(t, rawFile(t, keys...), "")
	if got := labels(c); got != "one:personal: two:personal:" {
		t.Error(got)
	}
	for _, e := range c.Entries() {
		if e.KeyAlgorithm != "p256" {
			t.Errorf("%q is for %q", e.Label, e.KeyAlgorithm)
		}
	}
	if k, err := c.Key("two"); err != nil || !bytes.Equal(k, f.two.pkcs8) {
		t.Error(err)
	}
	checkKeys(t, c) // a key alone is no damage
}

// A key in BER comes out as DER. GnuTLS calls a key shrouded under an empty password too, and leaves it in clear.
func TestDecode_keysOfOtherForms(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	var key asn1.RawValue
	if _, err := asn1.Unmarshal(f.one.pkcs8, &key); err != nil {
		t.Fatal(err)
	}
	loose, err := pbe.EncryptPKCS8(slices.Concat([]byte{0x30, 0x80}, key.Bytes, []byte{0, 0}), []byte("x"), pbe.AES256)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string][]byte{"BER": loose, "not encrypted": f.one.pkcs8} {
		bag := der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}), der(t, 0xa0, value))
		c := decode(t, rawFile(t, bag), "x")
		if key, err := c.Key(c.Entries()[0].Label); err != nil || !bytes.Equal(key, f.one.pkcs8) {
			t.Errorf("%s: %x, %v", name, key, err)
		}
	}
}

func TestDecode_pairsByPublicKeyWhereIDsDoNotTell(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	dir := savePEM(t, f)
	run(
		t,
		dir,
		"openssl",
		"pkcs12",
		"-export",
		"-inkey",
		"two.key",
		"-in",
		"two.pem",
		"-out",
		"f.p12",
		"-passout",
		"pass:",
		"-certpbe",
		"NONE",
		"-keypbe",
		"NONE",
		"-name",
		"two",
	)
	two := decode(t, load(t, dir, "f.p12"), "").Bags()
	one := decode(t, encode(t, newFile(t, "passwordless", f.personal("one", f.one)), ""), "").Bags()
	var mixed [][]byte
	for _, b := range append(one, two...) {
		id := b.LocalKeyID
		// Every bag gets the same localKeyId.
		mixed = append(mixed, bytes.Replace(b.DER, id, bytes.Repeat([]byte{7}, len(id)), 1))
	}
	c := decode(t, rawFile(t, mixed...), "")
	checkKeys(t, c)
	if got := sorted(labels(c)); got != "one:personal:ccc two:personal:ccc" {
		t.Error(got)
	}
}

// withKeyPassword is a file of keytool's whose key has a password of its own, which keytool itself no longer makes: a file under
// one password gets the key bag of a file under another.
func withKeyPassword(t *testing.T, f family, password, keyPassword string) []byte {
	t.Helper()
	inner := decode(t, encode(t, newFile(t, "", f.personal("one", f.one)), keyPassword), keyPassword)
	var bags [][]byte
	for _, b := range inner.Bags() {
		bags = append(bags, b.DER)
	}
	c := decode(t, rawFile(t, bags...), "", keyPassword)
	put(t, c, f.personal("two", f.two))
	return encode(t, c, password)
}

func TestKey_ofItsOwnPassword(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	data := withKeyPassword(t, f, "file", "key")
	without := decode(t, data, "file")
	if _, err := without.Key("one"); !errors.Is(err, kdb.ErrPassword) || strings.Contains(err.Error(), `"one"`) {
		t.Errorf("without its password: %v; the caller adds the label", err)
	}
	if got := sorted(labels(without)); got != "one:personal:ccc two:personal:ccc" {
		t.Error(got)
	}
	c := decode(t, data, "file", "wrong", "key")
	checkKeys(t, c)
	changed := encode(t, c, "new")
	if k, err := decode(t, changed, "new", "key").Key("one"); err != nil || !bytes.Equal(k, f.one.pkcs8) {
		t.Errorf("after a change of the file's password: %v", err)
	}
	if _, err := decode(t, changed, "new").Key("two"); err != nil {
		t.Error(err)
	}
}

func TestDecode_passwords(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	for name, password := range map[string]string{
		"ASCII": "password", "UTF-8": "Mötley Crüe", "beyond the BMP": "🔑🔑", "empty": "", "ISO 8859-1": "caf\xe9", "spaces": " x ",
	} {
		for _, profile := range []string{"2023", "2026", "legacy"} {
			data := encode(t, newFile(t, profile, f.personal("one", f.one)), password)
			checkKeys(t, decode(t, data, password))
			if _, err := pkcs12.Decode(data, passwords(password+"!")); !errors.Is(err, kdb.ErrPassword) {
				t.Errorf("%s, %s: a wrong password gives %v", profile, name, err)
			} else if errors.Is(err, kdb.ErrEmptyPassword) != (password == "") {
				t.Errorf("%s, %s: whether the right password is empty: %v", profile, name, err)
			}
		}
	}
	data := encode(t, newFile(t, "", trusted("root", f.root)), "x")
	if _, err := pkcs12.Decode(data, keyfile.Passwords{}); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("no password: %v", err)
	}
	refused := errors.New("refused")
	calls := 0
	_, err := pkcs12.Decode(data, keyfile.Passwords{Database: func() ([]byte, error) { calls++; return nil, refused }})
	if !errors.Is(err, refused) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// TestDecode_passwordFileInLatin1: a file that was made with a password in UTF-8 opens with the same characters in ISO 8859-1, and can be
// changed.
func TestDecode_passwordFileInLatin1(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	for _, profile := range []string{"2023", "2026", "legacy"} {
		data := encode(t, newFile(t, profile, f.personal("one", f.one), trusted("root", f.root)), "Mötley")
		c := decode(t, data, "M\xf6tley")
		checkKeys(t, c)
		put(t, c, f.personal("two", f.two))
		checkKeys(t, decode(t, encode(t, c, "M\xf6tley"), "M\xf6tley"))
		if _, err := pkcs12.Decode(data, passwords("M\xf7tley")); !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("%s: another letter: %v", profile, err)
		}
	}
}

func TestDecode_passwordsOfOldPrograms(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	// OpenSSL before 1.1 made a character of each byte: "ü" in UTF-8 became "Ã¼".
	data := encode(t, newFile(t, "legacy", f.personal("one", f.one), trusted("root", f.root)), "Ã¼ber")
	c := decode(t, data, "über")
	checkKeys(t, c)
	// Written again it is as the standard has it, keys too.
	again := encode(t, c, "über")
	checkKeys(t, decode(t, again, "über"))
	if _, err := pkcs12.Decode(again, passwords("Ã¼ber")); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the old reading still opens it: %v", err)
	}
	for name, bytes := range map[string]string{
		"BMPString under PBES2":  "\x00\xfc\x00b\x00e\x00r\x00\x00",
		"ISO 8859-1 under PBES2": "\xfcber",
	} {
		contents := der(t, 0x30, decode(t, encode(t, newFile(t, "passwordless", trusted("root", f.root)), ""), "").Bags()[0].DER)
		algorithm, ciphertext, err := pbe.Encrypt(contents, []byte(bytes), pbe.AES256, 1000)
		if err != nil {
			t.Fatal(err)
		}
		encrypted := der(
			t,
			0x30,
			[]byte{2, 1, 0},
			der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}), algorithm, der(t, 0x80, ciphertext)),
		)
		file := rawSafes(t, contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}, encrypted))
		if got := labels(decode(t, file, "über")); got != "root:trusted:c*" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestDecode_asksNothingOfAnOpenFile(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	data := encode(t, newFile(t, "passwordless", f.personal("one", f.one), trusted("root", f.root)), "")
	c, err := pkcs12.Decode(data, keyfile.Passwords{Database: func() ([]byte, error) { return nil, errors.New("it asked") }})
	if err != nil {
		t.Fatal(err)
	}
	checkKeys(t, c)
	if again := encode(t, c, ""); !bytes.Equal(again, data) {
		t.Error("an untouched file in clear changed")
	}
	protected := decode(t, encode(t, c, "now"), "now")
	checkKeys(t, protected)
	for _, b := range protected.Bags() {
		if b.Type == "key" {
			t.Error("the key is still in clear")
		}
	}
	if _, err := newFile(t, "passwordless", trusted("root", f.root)).Encode([]byte("x")); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("a password for the profile passwordless: %v", err)
	}
}

func TestDecode_labels(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	long := strings.Repeat("ä", 200)
	certified := func(name string, c *x509.Certificate) []byte {
		entries := []gopkcs12.TrustStoreEntry{{Cert: c, FriendlyName: name}}
		data, err := gopkcs12.Passwordless.EncodeTrustStoreEntries(entries, "")
		if err != nil {
			t.Fatal(err)
		}
		return decode(t, data, "").Bags()[0].DER
	}
	named := func(name string) []byte { return certified(name, f.root.cert) }
	c := decode(t, rawFile(
		t, named("a"), certified("a", f.middle.cert), named("a (2)"), named("tab\there"), named(long), named("\x01"), named("zero\x00"),
	), "")
	var got []string
	for _, e := range c.Entries() {
		if err := kdb.CheckLabel(e.Label); err != nil {
			t.Error(err)
		}
		got = append(got, e.Label)
	}
	want := []string{"a", "a (2)", "a (2) (2)", "tabhere", strings.Repeat("ä", 127), "root-" + sum(f.root.cert.Raw)[:8], "zero"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if cut := maps.Collect(c.Shortened()); len(cut) != 1 || cut[want[4]] != len(long) {
		t.Errorf("shortened: %v", cut)
	}
	if err := c.Update(trusted(want[4], f.root)); err != nil || c.Bags()[4].FriendlyName != long {
		t.Errorf("an update leaves %q, %v", c.Bags()[4].FriendlyName, err)
	}
	put(t, c, trusted("new", f.middle))
	before, after := decode(t, encode(t, c, ""), "").Bags(), c.Bags()
	for i := range 7 {
		if !bytes.Equal(before[i].DER, after[i].DER) {
			t.Errorf("bag %d got a label of ours", i)
		}
	}
}

func TestDecode_refusesClearly(t *testing.T) {
	t.Parallel()
	signed, enveloped := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
	null := []byte{5, 0}
	sm4 := der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 104, 2}))
	encrypted := der(
		t,
		0x30,
		[]byte{2, 1, 0},
		der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}), sm4, der(t, 0x80, []byte{1})),
	)
	for name, test := range map[string]struct {
		data []byte
		want error
		says string
	}{
		"empty":              {nil, kdb.ErrParse, "offset 0"},
		"version":            {der(t, 0x30, []byte{2, 1, 9}, null), kdb.ErrVersion, "9"},
		"public-key mode":    {der(t, 0x30, []byte{2, 1, 3}, contentInfo(t, signed, null)), kdb.ErrVersion, "public-key integrity mode"},
		"public-key privacy": {rawSafes(t, contentInfo(t, enveloped, null)), kdb.ErrVersion, "public-key privacy mode"},
		"unknown cipher": {
			rawSafes(t, contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}, encrypted)), kdb.ErrEncryption,
			"1.2.156.10197.1.104.2 (SM4-CBC)",
		},
		"no octets": {
			der(t, 0x30, []byte{2, 1, 3}, contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, null)),
			kdb.ErrParse, "OCTET STRING",
		},
		"bag without a value": {rawFile(t, der(t, 0x30, mustMarshal(t, oidCRLBag))), kdb.ErrParse, "bag 1"},
		"bad attributes": {rawFile(t, append(oddBag(t, oidCRLBag)[:0:0], der(t, 0x30, mustMarshal(t, oidCRLBag), der(t, 0xa0, null),
			null)...)), kdb.ErrParse, "SET"},
	} {
		_, err := pkcs12.Decode(test.data, passwords("x"))
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecode_bombs(t *testing.T) {
	t.Parallel()
	nested := oddBag(t, oidUnknownBag)
	for range 2000 {
		nested = der(t, 0x30, mustMarshal(t, oidSafeContents), der(t, 0xa0, der(t, 0x30, nested)))
	}
	sha1 := der(t, 0x30, der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26})), octets(t, make([]byte, 20)))
	mac := func(iterations int64) []byte {
		content := contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, octets(t, der(t, 0x30)))
		return der(t, 0x30, []byte{2, 1, 3}, content, der(t, 0x30, sha1, octets(t, make([]byte, 8)), mustMarshal(t, iterations)))
	}
	encryption := func(iterations int) []byte {
		parameters := der(t, 0x30, octets(t, make([]byte, 8)), mustMarshal(t, iterations))
		algorithm := der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}), parameters)
		return contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}, der(t, 0x30, []byte{2, 1, 0},
			der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}), algorithm, der(t, 0x80, make([]byte, 64)))))
	}
	for name, data := range map[string][]byte{
		"nested SafeContents":      rawFile(t, nested),
		"MAC iterations":           mac(1 << 31),
		"MAC iterations, huge":     mac(1 << 62),
		"MAC iterations, negative": mac(-1),
		"encryption iterations":    rawSafes(t, encryption(1<<30)),
		"length":                   {0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 3},
		"deep BER":                 bytes.Repeat([]byte{0x30, 0x80}, 1<<20),
		"deep octets":              append([]byte{0x30, 0x80, 2, 1, 3, 0x30, 0x80}, bytes.Repeat([]byte{0x24, 0x80}, 1<<20)...),
	} {
		_, err := pkcs12.Decode(data, passwords("x"))
		if !errors.Is(err, kdb.ErrParse) && !errors.Is(err, kdb.ErrEncryption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// withMAC makes a file of an AuthenticatedSafe.
func withMAC(t *testing.T, content []byte, password string) []byte {
	t.Helper()
	const iterations = 1000 // with fewer it would be weak
	mac, err := pbe.NewMAC(pbe.MACSHA256, content, []byte(password), iterations)
	if err != nil {
		t.Fatal(err)
	}
	data := contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, octets(t, content))
	digest := der(t, 0x30, mac.Algorithm, octets(t, mac.Value))
	return der(t, 0x30, []byte{2, 1, 3}, data, der(t, 0x30, digest, octets(t, mac.Salt), mustMarshal(t, iterations)))
}

// Many keys that are dear to open, each within the bounds, make neither the file unreadable nor the reader slow.
func TestDecode_manyDearKeys(t *testing.T) {
	t.Parallel()
	parameters := der(t, 0x30, octets(t, make([]byte, 8)), mustMarshal(t, 3_000_000))
	encrypted := pbe.JoinPKCS8(
		der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}), parameters),
		make([]byte, 64),
	)
	shrouded := mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2})
	secret := der(t, 0x30, mustMarshal(t, oidSecretBag), der(t, 0xa0, der(t, 0x30, shrouded, der(t, 0xa0, octets(t, encrypted)))))
	content := der(
		t,
		0x30,
		contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, octets(t, der(t, 0x30, secret, secret, secret, secret))),
	)
	c := decode(t, withMAC(t, content, "x"), "x")
	want := [...]error{kdb.ErrPassword, kdb.ErrPassword, pbe.ErrLimit, pbe.ErrLimit} // the first one was tried at once
	for i, e := range c.Entries() {
		if _, err := c.Key(e.Label); !errors.Is(err, want[i]) {
			t.Errorf("key %d: %v, want %v", i+1, err, want[i])
		}
	}
	if n := len(c.Entries()); n != len(want) {
		t.Errorf("%d entries", n)
	}
}

func TestDecode_manyAlike(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	var bags [][]byte
	for _, b := range decode(t, encode(t, newFile(t, "passwordless", f.personal("one", f.one)), ""), "").Bags() {
		for range 3000 {
			bags = append(bags, b.DER)
		}
	}
	data := rawFile(t, bags...)
	c := decode(t, data, "")
	if n := len(c.Entries()); n != 1 {
		t.Errorf("%d entries", n)
	}
}

func TestDecode_damage(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	c := newFile(t, "legacy", trusted("root", f.root))
	data := encode(t, c, "x")
	for n := range len(data) {
		if _, err := pkcs12.Decode(data[:n], passwords("x")); err == nil {
			t.Fatalf("%d of %d bytes pass for a file", n, len(data))
		}
	}
	for i := 0; i < len(data); i += 3 {
		damaged := bytes.Clone(data)
		damaged[i] ^= 0x11
		if got, err := pkcs12.Decode(damaged, passwords("x")); err == nil && labels(got) != labels(c) {
			t.Errorf("a change of byte %d goes unnoticed", i)
		}
	}
}

// FuzzDecode has no password to give: what is within an encrypted file is parsed by the same code, and deriving keys by the
// thousand rounds would leave no time to fuzz.
func FuzzDecode(f *testing.F) {
	family := newFamily(f)
	f.Add(encode(f, newFile(f, "passwordless", family.personal("one", family.one), trusted("root", family.root)), ""))
	f.Add(encode(f, newFile(f, "legacy", family.personal("one", family.one)), "x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		closed := keyfile.Passwords{Database: func() ([]byte, error) { return nil, kdb.ErrNoPassword }}
		c, err := pkcs12.Decode(data, closed)
		if err != nil {
			return
		}
		c.Facts()
		c.Check(func(kdb.Problem) {})
		want := labels(c)
		files, err := c.Encode(nil)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := pkcs12.Decode(files.Main, closed)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if got := labels(again); got != want {
			t.Errorf("%q became %q", want, got)
		}
		for _, e := range c.Entries() {
			if err := c.Delete(e.Label); err != nil {
				t.Error(err)
			}
		}
		if _, err := c.Encode(nil); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkDecode_150(b *testing.B) {
	var entries []gopkcs12.TrustStoreEntry
	for i := range 150 {
		name := fmt.Sprintf("CA %d", i)
		entries = append(entries, gopkcs12.TrustStoreEntry{Cert: issue(b, name, nil, true).cert, FriendlyName: name})
	}
	data, err := gopkcs12.Modern2023.EncodeTrustStoreEntries(entries, "x")
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		decode(b, data, "x")
	}
}

func BenchmarkAdd_1000(b *testing.B) {
	root := issue(b, "Root", nil, true)
	for range b.N {
		c := newFile(b, "")
		for i := range 1000 {
			put(b, c, trusted(fmt.Sprint(i), root))
		}
		encode(b, c, "x")
	}
}
