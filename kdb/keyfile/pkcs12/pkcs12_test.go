package pkcs12_test

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs12"
)

func TestCodec_matches(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	data := encode(t, newFile(t, "", f.personal("one", f.one)), "x")
	codec := pkcs12.Codec()
	for name, test := range map[string]struct {
		head []byte
		want bool
	}{
		"a file":   {data, true},
		"its head": {data[:64], true},
		"BER":      {[]byte("\x30\x80\x02\x01\x03\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"), true},
		"long form": {[]byte("\x30\x84\x00\x00\x01\x00\x02\x82\x00\x01\x03\x30\x84\x00\x00\x00\x80" +
			"\x06\x84\x00\x00\x00\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"), true},
		"nothing":     {nil, false},
		"one byte":    {[]byte{0x30}, false},
		"certificate": {f.one.cert.Raw, false},
		"key":         {f.one.pkcs8, false},
		"JKS":         {[]byte{0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2}, false},
		"cut off":     {data[:8], false},
	} {
		if got := codec.Matches(test.head); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, err := codec.New("2042"); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("an unknown profile: %v", err)
	}
	if _, err := codec.Decode(keyfile.Files{Main: data[:100]}, keyfile.Passwords{}); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("a cut file: %v", err)
	}
	if c, err := codec.New(""); err != nil || c.Version() != "3" || len(c.Entries()) != 0 {
		t.Errorf("a new file: %v", err)
	}
}

func TestContainer_roundTrip(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	aes := kdb.Entry{Label: "aes", Kind: kdb.KindSecretKey, Key: bytes.Repeat([]byte{7}, 32), KeyAlgorithm: "AES"}
	one := f.personal("one", f.one)
	one.Default = true
	two := f.personal("Zwei – 🔑", f.two)
	two.LocalKeyID, two.Trusted = []byte("my id"), true
	distrusted := trusted("not trusted", issue(t, "Bad", nil, true))
	distrusted.Trusted = false
	for _, profile := range []string{"2023", "2026", "legacy"} {
		c := newFile(t, profile, one, trusted("root", f.root), two, distrusted, aes)
		want := "one:personal:ccc! root:trusted:c* Zwei – 🔑:personal:ccc* not trusted:trusted:c aes:secret-key:"
		if got := labels(c); got != want {
			t.Errorf("%s: %s", profile, got)
		}
		again := decode(t, encode(t, c, secret), secret)
		checkKeys(t, again)
		if got, want := sorted(labels(again)), sorted(want); got != want {
			t.Errorf("%s: read again: %s", profile, got)
		}
		if again.Profile() != profile {
			t.Errorf("%s is taken for %s", profile, again.Profile())
		}
		for _, e := range []kdb.Entry{one, two, aes} {
			if k, err := again.Key(e.Label); err != nil || !bytes.Equal(k, e.Key) {
				t.Errorf("%s: key of %q: %v", profile, e.Label, err)
			}
		}
		for _, e := range again.Entries() {
			if e.Label == two.Label && string(e.LocalKeyID) != "my id" {
				t.Errorf("%s: localKeyId %x", profile, e.LocalKeyID)
			}
		}
	}
}

func sorted(labels string) string {
	list := strings.Fields(labels)
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestContainer_keyErrors(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	c := newFile(t, "", trusted("root", f.root))
	for _, label := range []string{"root", "nobody"} {
		if _, err := c.Key(label); !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("%s: %v", label, err)
		}
	}
	if err := c.Delete("nobody"); !errors.Is(err, kdb.ErrNotFound) {
		t.Error(err)
	}
}

// oddBag is a SafeBag of an unknown type with an attribute of an unknown type.
func oddBag(t *testing.T, oid asn1.ObjectIdentifier) []byte {
	t.Helper()
	attribute, err := asn1.Marshal(struct {
		ID     asn1.ObjectIdentifier
		Values []string `asn1:"set"`
	}{asn1.ObjectIdentifier{1, 2, 3, 4}, []string{"value"}})
	if err != nil {
		t.Fatal(err)
	}
	bag, err := asn1.Marshal(struct {
		ID         asn1.ObjectIdentifier
		Value      string          `asn1:"explicit,tag:0"`
		Attributes []asn1.RawValue `asn1:"set"`
	}{oid, "content", []asn1.RawValue{{FullBytes: attribute}}})
	if err != nil {
		t.Fatal(err)
	}
	return bag
}

// rawFile wraps SafeBags into a file without MAC, in clear.
func rawFile(t *testing.T, bags ...[]byte) []byte {
	t.Helper()
	return rawSafes(t, contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, octets(t, der(t, 0x30, bags...))))
}

func rawSafes(t *testing.T, infos ...[]byte) []byte {
	t.Helper()
	safe := contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, octets(t, der(t, 0x30, infos...)))
	return der(t, 0x30, []byte{2, 1, 3}, safe)
}

func contentInfo(t *testing.T, kind asn1.ObjectIdentifier, content []byte) []byte {
	t.Helper()
	id, err := asn1.Marshal(kind)
	if err != nil {
		t.Fatal(err)
	}
	return der(t, 0x30, id, der(t, 0xa0, content))
}

func octets(t *testing.T, content []byte) []byte { return der(t, 4, content) }

func der(t *testing.T, tag byte, parts ...[]byte) []byte {
	t.Helper()
	content := bytes.Join(parts, nil)
	out, err := asn1.Marshal(asn1.RawValue{Class: int(tag >> 6), Tag: int(tag & 0x1f), IsCompound: tag&0x20 != 0, Bytes: content})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var (
	oidCRLBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 4}
	oidSecretBag    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 5}
	oidSafeContents = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 6}
	oidUnknownBag   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 7}
)

func TestContainer_keepsWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	odd := [][]byte{oddBag(t, oidCRLBag), oddBag(t, oidSecretBag), oddBag(t, oidUnknownBag)}
	nested := der(t, 0x30, mustMarshal(t, oidSafeContents), der(t, 0xa0, der(t, 0x30, odd[2])))
	c := decode(t, rawFile(t, append(odd, nested)...), "")
	put(t, c, f.personal("one", f.one), trusted("root", f.root))
	if err := c.Delete("root"); err != nil {
		t.Fatal(err)
	}
	again := decode(t, encode(t, c, "now with a password"), "now with a password")
	var kept [][]byte
	for _, b := range again.Bags() {
		kept = append(kept, b.DER)
	}
	for i, want := range append(odd, nested) {
		if !slices.ContainsFunc(kept, func(got []byte) bool { return bytes.Equal(got, want) }) {
			t.Errorf("bag %d is gone or changed", i)
		}
	}
	facts := fmt.Sprint(again.Facts())
	for _, want := range []string{kdb.FactKept, "1 crl (1.2.840.113549.1.12.10.1.4)", "1 secret", "2 1.3.6.1.4.1.99999.7"} {
		if !strings.Contains(facts, want) {
			t.Errorf("the facts do not say %q: %s", want, facts)
		}
	}
	if again.Profile() != "2023" {
		t.Errorf("the password gave the file the profile %s", again.Profile())
	}
}

func mustMarshal(t *testing.T, value any) []byte {
	t.Helper()
	out, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFacts_strength(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	for profile, want := range map[string]string{
		"2023": "integrity=HMAC-SHA-256, PKCS #12 with SHA-256, 10000 iterations " +
			"encryption of private keys=PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256, 10000 iterations " +
			"encryption of certificates=PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256, 10000 iterations written as=profile 2023",
		"2026": "integrity=PBMAC1 (HMAC-SHA-256), PBKDF2 with HMAC-SHA-256, 10000 iterations " +
			"encryption of private keys=PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256, 10000 iterations " +
			"encryption of certificates=PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256, 10000 iterations written as=profile 2026",
		"legacy": "integrity=HMAC-SHA-1, PKCS #12 with SHA-1, 2048 iterations! " +
			"encryption of private keys=pbeWithSHAAnd3-KeyTripleDES-CBC, PKCS #12 with SHA-1, 2048 iterations! " +
			"encryption of certificates=pbeWithSHAAnd3-KeyTripleDES-CBC, PKCS #12 with SHA-1, 2048 iterations! written as=profile legacy",
		"passwordless": "integrity=no MAC: changes are not noticed! encryption of private keys=none: anyone who has the file has them! " +
			"encryption of certificates=none: anyone who has the file has them written as=profile passwordless",
	} {
		password := "x"
		if profile == "passwordless" {
			password = ""
		}
		c := decode(t, encode(t, newFile(t, profile, f.personal("one", f.one)), password), password)
		facts := c.Facts()
		slices.SortStableFunc(facts[1:len(facts)-1], func(a, b kdb.Fact) int { return -strings.Compare(a.Name, b.Name) })
		var got []string
		for _, fact := range facts {
			s := fact.Name + "=" + fact.Value
			if fact.Weak {
				s += "!"
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s:\n%s, want\n%s", profile, strings.Join(got, " "), want)
		}
	}
}

func TestDescribe_withoutPassword(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	data := encode(t, newFile(t, "", f.personal("one", f.one)), "x")
	codec := pkcs12.Codec()
	version, facts := codec.Describe(keyfile.Files{Main: data})
	var names []string
	for _, fact := range facts {
		names = append(names, fact.Name)
	}
	if want := []string{"integrity", "encryption of contents", "encryption of private keys"}; version != "3" || !slices.Equal(names, want) {
		t.Errorf("version %s, %v", version, facts)
	}
	if version, facts := codec.Describe(keyfile.Files{Main: data[:50]}); version != "" || facts != nil {
		t.Errorf("of a cut file it says %q, %v", version, facts)
	}
}

func TestEncode_withoutPassword(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	if _, err := newFile(t, "", trusted("root", f.root)).Encode(nil); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("no password: %v", err)
	}
	c, err := pkcs12.Decode(
		encode(t, newFile(t, "", trusted("root", f.root)), ""),
		keyfile.Passwords{Database: func() ([]byte, error) { return nil, nil }},
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Encode(nil); err != nil {
		t.Errorf("an absent password that was so before: %v", err)
	}
}

func TestCheck_findsAStrangersKey(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	e := f.personal("one", f.one)
	e.Key = f.two.pkcs8
	var found []string
	decode(t, encode(t, newFile(t, "", e), "x"), "x").Check(func(p kdb.Problem) { found = append(found, p.Where+": "+p.What) })
	if len(found) != 1 || !strings.Contains(found[0], `the private key of label "one" does not belong to its certificate`) {
		t.Errorf("%q", found)
	}
}
