package pkcs12_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	gopkcs12 "software.sslmate.com/src/go-pkcs12"

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
		"a file":      {data, true},
		"its head":    {data[:64], true},
		"BER":         {[]byte("\x30\x80\x02\x01\x03\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"), true},
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

func TestPut_refuses(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	certs := [][]byte{f.one.cert.Raw}
	for name, test := range map[string]struct {
		entry kdb.Entry
		want  error
	}{
		"a bad label":                {kdb.Entry{Label: "", Kind: kdb.KindTrusted, Certificates: certs}, kdb.ErrLabel},
		"a request that is none":     {kdb.Entry{Label: "x", Kind: kdb.KindRequest, Request: []byte{1}, Key: f.one.pkcs8}, kdb.ErrParse},
		"a request without key":      {kdb.Entry{Label: "x", Kind: kdb.KindRequest, Request: []byte{1}}, kdb.ErrUnsupported},
		"no kind":                    {kdb.Entry{Label: "x"}, kdb.ErrUnsupported},
		"a key that is none":         {kdb.Entry{Label: "x", Kind: kdb.KindPersonal, Certificates: certs, Key: []byte("key")}, kdb.ErrParse},
		"no key":                     {kdb.Entry{Label: "x", Kind: kdb.KindPersonal, Certificates: certs}, kdb.ErrUnsupported},
		"no certificate":             {kdb.Entry{Label: "x", Kind: kdb.KindPersonal, Key: f.one.pkcs8}, kdb.ErrUnsupported},
		"a certificate that is none": {kdb.Entry{Label: "x", Kind: kdb.KindTrusted, Certificates: [][]byte{{1, 2, 3}}}, kdb.ErrParse},
		"a trusted chain":            {kdb.Entry{Label: "x", Kind: kdb.KindTrusted, Certificates: append(certs, f.root.cert.Raw)}, kdb.ErrUnsupported},
		"an unknown secret key":      {kdb.Entry{Label: "x", Kind: kdb.KindSecretKey, Key: []byte{1}, KeyAlgorithm: "ROT13"}, kdb.ErrUnsupported},
		"an empty secret key":        {kdb.Entry{Label: "x", Kind: kdb.KindSecretKey, KeyAlgorithm: "AES"}, kdb.ErrUnsupported},
	} {
		c := newFile(t, "", trusted("root", f.root))
		if err := c.Put(test.entry); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if got := labels(c); got != "root:trusted:c*" {
			t.Errorf("%s: it left %s", name, got)
		}
	}
}

func TestPut_replaces(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	c := newFile(t, "", f.personal("a", f.one), trusted("b", f.root))
	same := f.personal("a", f.one)
	same.Key = nil
	put(t, c, same)
	if k, err := c.Key("a"); err != nil || !bytes.Equal(k, f.one.pkcs8) {
		t.Errorf("a put without key lost it: %v", err)
	}
	put(t, c, f.personal("a", f.two), trusted("b", f.middle))
	again := decode(t, encode(t, c, "x"), "x")
	checkKeys(t, again)
	if got := sorted(labels(again)); got != "a:personal:ccc b:trusted:c*" {
		t.Error(got)
	}
	if k, err := again.Key("a"); err != nil || !bytes.Equal(k, f.two.pkcs8) {
		t.Errorf("the key is the old one: %v", err)
	}
	put(t, again, trusted("a", f.one))
	if got := sorted(labels(decode(t, encode(t, again, "x"), "x"))); got != "a:trusted:c* b:trusted:c*" {
		t.Errorf("a key replaced by a certificate: %s", got)
	}
}

func TestPut_movesDefault(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	one, two := f.personal("one", f.one), f.personal("two", f.two)
	one.Default, two.Default = true, true
	c := decode(t, encode(t, newFile(t, "", one), "x"), "x")
	put(t, c, two)
	if got := sorted(labels(decode(t, encode(t, c, "x"), "x"))); got != "one:personal:ccc two:personal:ccc!" {
		t.Error(got)
	}
}

func TestPut_requestUntilItsCertificateComes(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: f.one.cert.Subject}, f.one.key)
	if err != nil {
		t.Fatal(err)
	}
	request := kdb.Entry{Label: "pending", Kind: kdb.KindRequest, Request: der, Key: f.one.pkcs8}
	c := decode(t, encode(t, newFile(t, "", request, trusted("root", f.root)), "x"), "x")
	checkKeys(t, c)
	if got := sorted(labels(c)); got != "pending:request: root:trusted:c*" {
		t.Fatal(got)
	}
	rename(t, c, "pending", "still pending")
	received := f.personal("still pending", f.one)
	received.Key = nil
	put(t, c, received)
	c = decode(t, encode(t, c, "x"), "x")
	checkKeys(t, c)
	if got := labels(c); !strings.Contains(got, "still pending:personal:ccc") {
		t.Error(got)
	}
	for _, e := range c.Entries() {
		if e.Kind == kdb.KindRequest || len(e.Request) > 0 {
			t.Errorf("%q is still a request", e.Label)
		}
	}
}

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
	problems := 0
	c.Check(func(kdb.Problem) { problems++ })
	if problems != 2 {
		t.Errorf("%d problems", problems)
	}
}

func TestDecode_pairsByPublicKeyWhereIDsDoNotTell(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	dir := savePEM(t, f)
	run(t, dir, "openssl", "pkcs12", "-export", "-inkey", "two.key", "-in", "two.pem", "-out", "f.p12", "-passout", "pass:", "-certpbe", "NONE", "-keypbe", "NONE", "-name", "two")
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

func TestPut_sameCertificateUnderTwoLabels(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	one, two := f.personal("one", f.one), f.personal("two", f.one)
	one.LocalKeyID, two.LocalKeyID = []byte("id"), []byte("id")
	again := decode(t, encode(t, newFile(t, "", one, two), "x"), "x")
	checkKeys(t, again)
	if got := sorted(labels(again)); got != "one:personal:ccc two:personal:ccc" {
		t.Error(got)
	}
}

func TestPut_keepsTheChainThatWasGiven(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	short := f.personal("short", f.one)
	short.Certificates = short.Certificates[:2]
	odd := f.personal("odd", f.two)
	odd.Certificates = [][]byte{f.two.cert.Raw, f.root.cert.Raw}
	alone := f.personal("alone", issue(t, "Alone", f.middle, false))
	alone.Certificates = alone.Certificates[:1]
	c := newFile(t, "", short, odd, alone, trusted("root", f.root))
	again := decode(t, encode(t, c, "x"), "x")
	if got := sorted(labels(again)); got != "alone:personal:c odd:personal:cc root:trusted:c* short:personal:cc" {
		t.Error(got)
	}
	for _, e := range again.Entries() {
		if e.Label == "odd" && !bytes.Equal(e.Certificates[1], f.root.cert.Raw) {
			t.Error("another chain")
		}
	}
}

func TestDelete_keepsWhatOthersNeed(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	c := newFile(t, "", f.personal("one", f.one), f.personal("two", f.two), trusted("middle", f.middle))
	for _, step := range []struct{ deleted, want string }{
		{"one", "middle:trusted:c* two:personal:ccc"},
		{"middle", "two:personal:ccc"},
		{"two", ""},
	} {
		c = decode(t, encode(t, c, "x"), "x")
		if err := c.Delete(step.deleted); err != nil {
			t.Fatal(err)
		}
		if got := sorted(labels(c)); got != step.want {
			t.Errorf("after %s: %s", step.deleted, got)
		}
		c = decode(t, encode(t, c, "x"), "x")
		checkKeys(t, c)
		if got := sorted(labels(c)); got != step.want {
			t.Errorf("after %s, read again: %s", step.deleted, got)
		}
	}
	if bags := c.Bags(); len(bags) != 0 {
		t.Errorf("%d bags are left", len(bags))
	}
}

func TestDelete_doesNotChangeTrust(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	bad := trusted("bad", issue(t, "Bad", nil, true))
	bad.Trusted = false
	c := newFile(t, "", f.personal("one", f.one), bad)
	c = decode(t, encode(t, c, "x"), "x")
	if err := c.Delete("one"); err != nil {
		t.Fatal(err)
	}
	if got := labels(decode(t, encode(t, c, "x"), "x")); got != "bad:trusted:c" {
		t.Errorf("with the last key gone: %s", got)
	}
}

// certsOnly is a file as openssl pkcs12 -nokeys makes it: no trustedKeyUsage.
func certsOnly(t *testing.T, f family) []byte {
	t.Helper()
	dir := savePEM(t, f)
	run(t, dir, "openssl", "pkcs12", "-export", "-nokeys", "-in", "chain.pem", "-out", "f.p12", "-passout", "pass:x", "-caname", "the middle", "-caname", "the root")
	return load(t, dir, "f.p12")
}

func TestPut_keepsTrustOfCertificatesWithoutUsage(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	c := decode(t, certsOnly(t, f), "x")
	if got := sorted(labels(c)); strings.Count(got, "*") != 2 {
		t.Fatal(got)
	}
	alone := issue(t, "Alone", nil, false)
	e := f.personal("alone", alone)
	e.Certificates = e.Certificates[:1]
	put(t, c, e)
	if got := sorted(labels(decode(t, encode(t, c, "x"), "x"))); strings.Count(got, "*") != 2 {
		t.Errorf("with a key: %s", got)
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
	for _, want := range []string{"1 crl (1.2.840.113549.1.12.10.1.4)", "1 secret", "2 1.3.6.1.4.1.99999.7"} {
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

func TestPut_renameKeepsAttributesAndOtherBags(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	first := decode(t, encode(t, newFile(t, "", f.personal("one", f.one), f.personal("two", f.two)), "x"), "x")
	before := map[string][]byte{}
	for _, b := range first.Bags() {
		before[b.Type+b.FriendlyName+sum(b.Certificate)] = b.DER
	}
	rename(t, first, "one", "uno")
	again := decode(t, encode(t, first, "x"), "x")
	checkKeys(t, again)
	if got := sorted(labels(again)); got != "two:personal:ccc uno:personal:ccc" {
		t.Error(got)
	}
	same := 0
	for _, b := range again.Bags() {
		if bytes.Equal(before[b.Type+b.FriendlyName+sum(b.Certificate)], b.DER) {
			same++
		}
	}
	if same != 4 { // two, its key, and the chain
		t.Errorf("%d bags are as they were", same)
	}
}

func TestEncode_untouchedKeysAreNotEncryptedAgain(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	c := decode(t, encode(t, newFile(t, "", f.personal("one", f.one)), "x"), "x")
	same := decode(t, encode(t, c, "x"), "x")
	other := decode(t, encode(t, c, "y"), "y")
	checkKeys(t, other)
	if !reflect.DeepEqual(shrouded(c), shrouded(same)) {
		t.Error("the same password made another key bag")
	}
	if reflect.DeepEqual(shrouded(c), shrouded(other)) {
		t.Error("another password left the key bag as it was")
	}
	if _, err := pkcs12.Decode(encode(t, c, "y"), passwords("x")); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the old password: %v", err)
	}
}

func shrouded(c *pkcs12.Container) [][]byte {
	var list [][]byte
	for _, b := range c.Bags() {
		if b.Type == "shrouded-key" {
			list = append(list, b.DER)
		}
	}
	return list
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
	if _, err := without.Key("one"); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("without its password: %v", err)
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
	named := func(name string) []byte {
		entries := []gopkcs12.TrustStoreEntry{{Cert: f.root.cert, FriendlyName: name}}
		data, err := gopkcs12.Passwordless.EncodeTrustStoreEntries(entries, "")
		if err != nil {
			t.Fatal(err)
		}
		return decode(t, data, "").Bags()[0].DER
	}
	c := decode(t, rawFile(t, named("a"), named("a"), named("a (2)"), named("tab\there"), named(long), named("\x01"), named("zero\x00")), "")
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
	camellia := der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 392, 200011, 61, 1, 1, 1, 4}))
	encrypted := der(t, 0x30, []byte{2, 1, 0}, der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}), camellia, der(t, 0x80, []byte{1})))
	for name, test := range map[string]struct {
		data []byte
		want error
		says string
	}{
		"empty":               {nil, kdb.ErrParse, "offset 0"},
		"version":             {der(t, 0x30, []byte{2, 1, 9}, null), kdb.ErrVersion, "9"},
		"public-key mode":     {der(t, 0x30, []byte{2, 1, 3}, contentInfo(t, signed, null)), kdb.ErrVersion, "public-key integrity mode"},
		"public-key privacy":  {rawSafes(t, contentInfo(t, enveloped, null)), kdb.ErrVersion, "public-key privacy mode"},
		"unknown cipher":      {rawSafes(t, contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}, encrypted)), kdb.ErrVersion, "1.2.392.200011.61.1.1.1.4 (Camellia-256-CBC)"},
		"no octets":           {der(t, 0x30, []byte{2, 1, 3}, contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, null)), kdb.ErrParse, "OCTET STRING"},
		"bag without a value": {rawFile(t, der(t, 0x30, mustMarshal(t, oidCRLBag))), kdb.ErrParse, "bag 1"},
		"bad attributes":      {rawFile(t, append(oddBag(t, oidCRLBag)[:0:0], der(t, 0x30, mustMarshal(t, oidCRLBag), der(t, 0xa0, null), null)...)), kdb.ErrParse, "SET"},
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
	pbe := func(iterations int) []byte {
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
		"encryption iterations":    rawSafes(t, pbe(1<<30)),
		"length":                   {0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 3},
		"deep BER":                 bytes.Repeat([]byte{0x30, 0x80}, 1<<20),
		"deep octets":              append([]byte{0x30, 0x80, 2, 1, 3, 0x30, 0x80}, bytes.Repeat([]byte{0x24, 0x80}, 1<<20)...),
	} {
		start := time.Now()
		_, err := pkcs12.Decode(data, passwords("x"))
		if !errors.Is(err, kdb.ErrParse) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s took %v", name, took)
		}
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

func TestDecode_trailingBytes(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	data := append(encode(t, newFile(t, "", trusted("root", f.root)), "x"), "\r\n"...)
	c := decode(t, data, "x")
	problems := 0
	c.Check(func(kdb.Problem) { problems++ })
	if problems != 1 || !strings.Contains(fmt.Sprint(c.Facts()), "2 bytes") {
		t.Errorf("%d problems, %v", problems, c.Facts())
	}
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
		"passwordless": "integrity=no MAC: changes are not noticed! encryption of private keys=none: whoever has the file has them! " +
			"encryption of certificates=none: whoever has the file has them written as=profile passwordless",
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

func TestCheck_findsAStrangersKey(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	e := f.personal("one", f.one)
	e.Key = f.two.pkcs8
	var found []string
	decode(t, encode(t, newFile(t, "", e), "x"), "x").Check(func(p kdb.Problem) { found = append(found, p.Where+": "+p.What) })
	if len(found) != 1 || !strings.Contains(found[0], `key of "one": it does not belong to its certificate`) {
		t.Errorf("%q", found)
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
