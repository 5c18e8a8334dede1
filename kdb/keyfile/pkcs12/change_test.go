package pkcs12_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"reflect"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pkcs12"
)

func TestPut_refuses(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	certs := [][]byte{f.one.cert.Raw}
	for name, test := range map[string]struct {
		entry kdb.Entry
		want  error
	}{
		"not a private key": {kdb.Entry{Label: "x", Kind: kdb.KindPersonal, Key: []byte("key")}, kdb.ErrParse},
		"a trusted chain": {
			kdb.Entry{Label: "x", Kind: kdb.KindTrusted, Certificates: append(certs, f.root.cert.Raw)},
			kdb.ErrUnsupported,
		},
		"an unknown secret key": {kdb.Entry{Label: "x", Kind: kdb.KindSecretKey, Key: []byte{1}, KeyAlgorithm: "ROT13"}, kdb.ErrUnsupported},
		"an empty secret key":   {kdb.Entry{Label: "x", Kind: kdb.KindSecretKey, KeyAlgorithm: "AES"}, kdb.ErrUnsupported},
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

// A key alone keeps its attributes under another label.
func TestRename_keyAlone(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	c := newFile(t, "", trusted("root", f.root), kdb.Entry{Label: "one", Kind: kdb.KindPersonal, Key: f.one.pkcs8, LocalKeyID: []byte{7}})
	c = decode(t, encode(t, c, "x"), "x")
	rename(t, c, "one", "other")
	again := decode(t, encode(t, c, "x"), "x")
	if got := sorted(labels(again)); got != "other:personal: root:trusted:c*" {
		t.Error(got)
	}
	for _, b := range again.Bags() {
		if b.Type == "shrouded-key" && !bytes.Equal(b.LocalKeyID, []byte{7}) {
			t.Errorf("its localKeyID is %x", b.LocalKeyID)
		}
	}
}

// Keys without certificates get localKeyIDs that differ, too.
func TestPut_severalKeysAlone(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	for what, id := range map[string][]byte{"no localKeyID": nil, "the same localKeyID": {7}} {
		c := newFile(t, "",
			kdb.Entry{Label: "one", Kind: kdb.KindPersonal, Key: f.one.pkcs8, LocalKeyID: id},
			kdb.Entry{Label: "two", Kind: kdb.KindPersonal, Key: f.two.pkcs8, LocalKeyID: id})
		again := decode(t, encode(t, c, "x"), "x")
		if got := sorted(labels(again)); got != "one:personal: two:personal:" {
			t.Errorf("%s: %s", what, got)
		}
		for label, id := range map[string]*identity{"one": f.one, "two": f.two} {
			if key, err := again.Key(label); err != nil || !bytes.Equal(key, id.pkcs8) {
				t.Errorf("%s: the key of %q is another, %v", what, label, err)
			}
		}
	}
}

// A certificate that is put stays an entry, though it stands in a chain and its label is its own subject.
func TestPut_certificateOfAChainUnderItsSubject(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	distrusted := trusted("CN=Root", f.root)
	distrusted.Trusted = false
	c := newFile(t, "", f.personal("one", f.one), distrusted)
	want := sorted(labels(c))
	for range 3 {
		c = decode(t, encode(t, c, "x"), "x")
		if got := sorted(labels(c)); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		put(t, c, distrusted)
	}
	count := 0
	for _, b := range c.Bags() {
		if bytes.Equal(b.Certificate, f.root.cert.Raw) {
			count++
		}
	}
	if count != 2 { // that of the chain, and the entry's own
		t.Errorf("the certificate stands in the file %d times", count)
	}
	if err := c.Delete("CN=Root"); err != nil {
		t.Fatal(err)
	}
	if got := labels(decode(t, encode(t, c, "x"), "x")); got != "one:personal:ccc" {
		t.Errorf("after deleting it: %s", got)
	}
}

func TestPut_replaces(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	c := newFile(t, "", f.personal("a", f.one), trusted("b", f.root))
	same := f.personal("a", f.one)
	same.Key = nil
	if err := c.Update(same); err != nil {
		t.Fatal(err)
	}
	if k, err := c.Key("a"); err != nil || !bytes.Equal(k, f.one.pkcs8) {
		t.Errorf("an update lost it: %v", err)
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
	if err := c.Update(received); err != nil {
		t.Fatal(err)
	}
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
	run(
		t,
		dir,
		"openssl",
		"pkcs12",
		"-export",
		"-nokeys",
		"-in",
		"chain.pem",
		"-out",
		"f.p12",
		"-passout",
		"pass:x",
		"-caname",
		"the middle",
		"-caname",
		"the root",
	)
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
