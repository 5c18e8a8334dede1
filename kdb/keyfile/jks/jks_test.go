package jks_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	keystore "github.com/pavlo-v-chernykh/keystore-go/v4"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/jks"
	"certkdb/kdb/keyfile/keyfiletest"
)

const secret = "changeit"

// identity is a key with its self-signed certificate.
type identity struct{ key, cert []byte }

func newIdentity(t *testing.T, cn string) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return identity{pkcs8, cert}
}

func (i identity) personal(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindPersonal, Certificates: [][]byte{i.cert}, Key: bytes.Clone(i.key)}
}

func (i identity) trusted(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{i.cert}}
}

func newStore(t *testing.T, entries ...kdb.Entry) keyfile.Container {
	t.Helper()
	c, err := jks.JKS().New("")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		keyfiletest.Put(t, c, e)
	}
	return c
}

func encode(t *testing.T, c keyfile.Container, password string) []byte {
	t.Helper()
	files, err := c.Encode([]byte(password))
	if err != nil {
		t.Fatal(err)
	}
	return files.Main
}

func open(t *testing.T, data []byte, password string, keys ...[]byte) keyfile.Container {
	t.Helper()
	c, err := jks.JKS().Decode(keyfile.Files{Main: data}, passwords(&password, keys...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func labels(c keyfile.Container) string {
	var list []string
	for _, e := range c.Entries() {
		list = append(list, e.Label)
	}
	return strings.Join(list, ",")
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	a, b, ca := newIdentity(t, "a"), newIdentity(t, "b"), newIdentity(t, "ca")
	withChain := a.personal("a")
	withChain.Certificates = append(withChain.Certificates, ca.cert)
	withChain.Added = time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	c := open(t, encode(t, newStore(t, withChain, b.personal("b"), ca.trusted("root")), secret), secret)
	keyfiletest.WantSound(t, c)
	if got := labels(c); got != "a,b,root" {
		t.Errorf("labels %s", got)
	}
	first := c.Entries()[0]
	if len(first.Certificates) != 2 || !bytes.Equal(first.Certificates[1], ca.cert) {
		t.Error("the chain is not as it was put")
	}
	if !first.Added.Equal(withChain.Added) {
		t.Errorf("added %s, want %s", first.Added, withChain.Added)
	}
	keyfiletest.WantKey(t, c, "a", a.key)
	keyfiletest.WantKey(t, c, "b", b.key)
}

func TestPut_othersKeepTheirBytes(t *testing.T) {
	t.Parallel()
	a, b := newIdentity(t, "a"), newIdentity(t, "b")
	before := encode(t, newStore(t, a.personal("a"), b.personal("b")), secret)
	c := open(t, before, secret)
	keyfiletest.Put(t, c, newIdentity(t, "c").trusted("c"))
	after := encode(t, c, secret)
	if !bytes.Contains(after, before[12:len(before)-20]) {
		t.Error("adding an entry changed another")
	}
	if err := c.Delete("c"); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, c, secret), before) {
		t.Error("adding an entry and deleting it again gave another file")
	}
}

func TestPut_aliasesAreLowerCase(t *testing.T) {
	t.Parallel()
	ca, other := newIdentity(t, "ca"), newIdentity(t, "other")
	c := newStore(t, ca.trusted("Root CA"))
	if got := labels(c); got != "root ca" {
		t.Errorf("before writing the label is %q", got)
	}
	keyfiletest.Put(t, c, other.trusted("ROOT ca")) // the same entry
	c = open(t, encode(t, c, secret), secret)
	e, err := c.Entry("Root CA")
	if err != nil || e.Label != "root ca" || !bytes.Equal(e.Certificates[0], other.cert) || labels(c) != "root ca" {
		t.Errorf("after writing there is %q, %v", labels(c), err)
	}
}

// TestRename_needsNoPassword: the key stays sealed under a password of its own.
func TestRename_needsNoPassword(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a")
	c := open(t, storeWithKeyPassword(t, a, "Own", "the key's password"), secret)
	if err := c.Rename("Own", "Other Label"); err != nil {
		t.Fatal(err)
	}
	c = open(t, encode(t, c, secret), secret, []byte("the key's password"))
	if got := labels(c); got != "other label" {
		t.Errorf("labels %q", got)
	}
	keyfiletest.WantKey(t, c, "other label", a.key)
}

func TestUpdate_keepsTheKey(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a")
	c := open(t, encode(t, newStore(t, a.personal("a")), secret), secret)
	e := a.personal("a")
	e.Key, e.Certificates = nil, append(e.Certificates, newIdentity(t, "ca").cert)
	if err := c.Update(e); err != nil {
		t.Fatal(err)
	}
	c = open(t, encode(t, c, secret), secret)
	keyfiletest.WantKey(t, c, "a", a.key)
	if n := len(c.Entries()[0].Certificates); n != 2 {
		t.Errorf("%d certificates, want 2", n)
	}
	e.Label = "new"
	if err := c.Update(e); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("updating an entry that is not there: %v", err)
	}
	isDefault, isTrusted := a.personal("a"), a.personal("a")
	isDefault.Default, isTrusted.Trusted = true, true
	for what, e := range map[string]kdb.Entry{"default": isDefault, "trust": isTrusted} {
		if err := c.Update(e); !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", what, err)
		}
	}
}

// TestPut_neitherOfTwoAliases: a file may hold aliases that Java does not tell apart. A label that could be either is refused.
func TestPut_neitherOfTwoAliases(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a")
	der := a.trusted("a").Certificates[0]
	password := secret
	data := signed(join(u32(0xFEEDFEED, 2, 2), trustedEntry("WEB", "X.509", der), trustedEntry("Web", "X.509", der)), secret)
	c, err := jks.JKS().Decode(keyfile.Files{Main: data}, passwords(&password))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Put(a.trusted("web")); !errors.Is(err, kdb.ErrExists) || len(c.Entries()) != 2 {
		t.Errorf("%v, want ErrExists; it holds %d entries", err, len(c.Entries()))
	}
}

// TestRename_refusals: a label that is taken, also by an entry that is not shown.
func TestRename_refusals(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a")
	der := a.trusted("a").Certificates[0]
	data := signed(join(u32(0xFEEDFEED, 2, 3), trustedEntry("a", "X.509", der), trustedEntry("b", "X.509", der),
		trustedEntry("hidden", "PGP", der)), secret)
	c, err := jks.JKS().Decode(keyfile.Files{Main: data}, keyfile.Passwords{})
	if err != nil {
		t.Fatal(err)
	}
	for what, test := range map[string]struct{ err, want error }{
		"no such entry":      {c.Rename("none", "x"), kdb.ErrNotFound},
		"a label taken":      {c.Rename("a", "B"), kdb.ErrExists},
		"one that is hidden": {c.Rename("a", "Hidden"), kdb.ErrExists},
		"a put over that":    {c.Put(a.trusted("hidden")), kdb.ErrExists},
	} {
		if !errors.Is(test.err, test.want) || labels(c) != "a,b" {
			t.Errorf("%s: %v, want %v; it holds %s", what, test.err, test.want, labels(c))
		}
	}
}

// TestPut_time: a new entry was made now, one that is replaced when it was.
func TestPut_time(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a")
	c := newStore(t, a.trusted("a"))
	before := c.Entries()[0].Added
	if before.IsZero() {
		t.Error("a new entry has no time")
	}
	e := newIdentity(t, "b").trusted("a")
	if err := c.Put(e); err != nil || !c.Entries()[0].Added.Equal(before) {
		t.Errorf("the time became %v, %v", c.Entries()[0].Added, err)
	}
	e.Added = before.AddDate(-1, 0, 0)
	if err := c.Put(e); err != nil || !c.Entries()[0].Added.Equal(e.Added) {
		t.Errorf("the time is %v, want %v, %v", c.Entries()[0].Added, e.Added, err)
	}
}

func TestPut_refusesWhatJKSCannotHold(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a")
	request := kdb.Entry{Label: "r", Kind: kdb.KindRequest, Request: []byte{0x30, 0}, Key: a.key}
	distrusted := a.trusted("d")
	distrusted.Trusted = false
	c := newStore(t, a.personal("a"))
	for want, e := range map[string]kdb.Entry{
		"holds no certificate requests": request, "is trusted": distrusted,
		"every entry in it has a certificate": {Label: "k", Kind: kdb.KindPersonal, Key: a.key},
		"holds no secret keys":                {Label: "s", Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef"), KeyAlgorithm: "AES"},
	} {
		if err := c.Put(e); !errors.Is(err, kdb.ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := c.Update(distrusted); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("distrust: %v, want ErrUnsupported", err)
	}
	if err := c.Delete("nobody"); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("deleting nothing: %v, want ErrNotFound", err)
	}
}

func TestEncode_newPasswordSealsKeysAgain(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a")
	c := open(t, encode(t, newStore(t, a.personal("a")), secret), secret)
	data := encode(t, c, "pässwört 2")
	old := secret
	if _, err := jks.JKS().Decode(keyfile.Files{Main: data}, passwords(&old)); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the old password: %v, want ErrPassword", err)
	}
	keyfiletest.WantKey(t, open(t, data, "pässwört 2"), "a", a.key)
}

func TestEncode_keysWithTheirOwnPasswordStay(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a")
	data := storeWithKeyPassword(t, a, "Own", "the key's password")
	c := open(t, data, secret)
	if _, err := c.Key("Own"); !errors.Is(err, kdb.ErrPassword) {
		t.Fatalf("key without its password: %v, want ErrPassword", err)
	}
	findings := 0
	c.Check(func(kdb.Problem) { findings++ })
	if findings != 2 { // the alias in upper case, the key that does not open
		t.Errorf("%d findings, want 2", findings)
	}
	if !bytes.Equal(encode(t, c, secret), data) {
		t.Error("writing changed an entry that could not be opened")
	}
	c = open(t, encode(t, c, "another password"), "another password", []byte("no"), []byte("the key's password"))
	keyfiletest.WantKey(t, c, "Own", a.key)
}

// storeWithKeyPassword makes a store by keystore-go.
func storeWithKeyPassword(t *testing.T, i identity, alias, keyPassword string) []byte {
	t.Helper()
	ks := keystore.New(keystore.WithCaseExactAliases())
	entry := keystore.PrivateKeyEntry{
		CreationTime: time.Unix(1_600_000_000, 0), PrivateKey: i.key,
		CertificateChain: []keystore.Certificate{{Type: "X509", Content: i.cert}},
	}
	if err := ks.SetPrivateKeyEntry(alias, entry, []byte(keyPassword)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := ks.Store(&out, []byte(secret)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestEncode_needsThePassword(t *testing.T) {
	t.Parallel()
	data := encode(t, newStore(t, newIdentity(t, "a").trusted("a")), secret)
	unverified, err := jks.JKS().Decode(keyfile.Files{Main: data}, passwords(nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unverified.Encode([]byte(secret)); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("writing what was read without password: %v, want ErrNoPassword", err)
	}
	if _, err := open(t, data, secret).Encode(nil); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("writing without password: %v, want ErrNoPassword", err)
	}
}

func TestOracle_keystoreGoReadsOurs(t *testing.T) {
	t.Parallel()
	a, ca := newIdentity(t, "a"), newIdentity(t, "ca")
	data := encode(t, newStore(t, a.personal("a"), ca.trusted("ca"), ca.trusted("ça")), secret)
	ks := keystore.New()
	if err := ks.Load(bytes.NewReader(data), []byte(secret)); err != nil {
		t.Fatal(err)
	}
	entry, err := ks.GetPrivateKeyEntry("a", []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(entry.PrivateKey, a.key) || !bytes.Equal(entry.CertificateChain[0].Content, a.cert) {
		t.Error("the private key entry is another one")
	}
	trusted, err := ks.GetTrustedCertificateEntry("ça")
	if err != nil || !bytes.Equal(trusted.Certificate.Content, ca.cert) {
		t.Errorf("the trusted entry is another one (%v)", err)
	}
}

func TestJCEKS_isOnlyRead(t *testing.T) {
	t.Parallel()
	data := emptyJCEKS(t)
	password := secret
	c, err := jks.JCEKS().Decode(keyfile.Files{Main: data}, passwords(&password))
	if err != nil {
		t.Fatal(err)
	}
	_, encodeErr := c.Encode([]byte(secret))
	for name, err := range map[string]error{
		"put": c.Put(newIdentity(t, "a").trusted("a")), "update": c.Update(newIdentity(t, "a").trusted("a")), "rename": c.Rename("a", "b"),
		"delete": c.Delete("a"), "encode": encodeErr,
	} {
		if !errors.Is(err, kdb.ErrUnsupported) || !strings.Contains(err.Error(), "copy its entries") {
			t.Errorf("%s: %v, want ErrUnsupported with the remedy", name, err)
		}
	}
	if jks.JCEKS().New != nil {
		t.Error("a new JCEKS store is offered")
	}
	if _, err := jks.JKS().Decode(keyfile.Files{Main: data}, passwords(&password)); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("a JCEKS file read as JKS: %v, want ErrParse", err)
	}
}

func TestNew_hasNoProfiles(t *testing.T) {
	t.Parallel()
	if _, err := jks.JKS().New("2023"); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("a profile: %v, want ErrUnsupported", err)
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		head       string
		jks, jceks bool
	}{
		{"\xFE\xED\xFE\xED\x00", true, false},
		{"\xCE\xCE\xCE\xCE\x00", false, true},
		{"\xFE\xED\xFE", false, false},
		{"\x30\x82", false, false},
		{"", false, false},
	} {
		if jks.JKS().Matches([]byte(tt.head)) != tt.jks || jks.JCEKS().Matches([]byte(tt.head)) != tt.jceks {
			t.Errorf("%x is recognised wrongly", tt.head)
		}
	}
}

func TestFacts_nameTheWeakProtection(t *testing.T) {
	t.Parallel()
	c := open(t, encode(t, newStore(t, newIdentity(t, "a").personal("a")), secret), secret)
	var all strings.Builder
	weak := 0
	for _, f := range c.Facts() {
		all.WriteString(f.Name + ": " + f.Value + "\n")
		if f.Weak {
			weak++
		}
	}
	for _, want := range []string{"SHA-1", "1.3.6.1.4.1.42.2.17.1.1", "PKCS #12", "native"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("the facts do not name %q:\n%s", want, all.String())
		}
	}
	if weak != 2 {
		t.Errorf("%d weak facts, want 2:\n%s", weak, all.String())
	}
	if c.Version() != "2" {
		t.Errorf("version %q", c.Version())
	}
}
