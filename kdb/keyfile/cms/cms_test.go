package cms_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/keyfiletest"
	"certkdb/pki/key"
)

const secret = "password"

// headerSize is that of version 6, slotSize GSKit's usual one.
const (
	headerSize = 144
	slotSize   = 5000
)

// identity is a key with its certificate.
type identity struct {
	signer *ecdsa.PrivateKey
	key    []byte
	cert   []byte
}

// newIdentity makes a certificate that the parent signs, or itself if that is nil.
func newIdentity(t testing.TB, cn string, parent *identity) *identity {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	issuer, issuerKey := template, signer
	if parent != nil {
		if issuer, err = x509.ParseCertificate(parent.cert); err != nil {
			t.Fatal(err)
		}
		issuerKey = parent.signer
	}
	id := &identity{signer: signer}
	if id.cert, err = x509.CreateCertificate(rand.Reader, template, issuer, signer.Public(), issuerKey); err != nil {
		t.Fatal(err)
	}
	if id.key, err = x509.MarshalPKCS8PrivateKey(signer); err != nil {
		t.Fatal(err)
	}
	return id
}

func (i *identity) personal(label string, chain ...*identity) kdb.Entry {
	e := kdb.Entry{Label: label, Kind: kdb.KindPersonal, Certificates: [][]byte{i.cert}, Key: bytes.Clone(i.key)}
	for _, c := range chain {
		e.Certificates = append(e.Certificates, c.cert)
	}
	return e
}

func (i *identity) trusted(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{i.cert}}
}

func (i *identity) request(t *testing.T, label string) kdb.Entry {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: label}}, i.signer)
	if err != nil {
		t.Fatal(err)
	}
	return kdb.Entry{Label: label, Kind: kdb.KindRequest, Request: der, Key: bytes.Clone(i.key)}
}

func newStore(t *testing.T, entries ...kdb.Entry) keyfile.Container {
	t.Helper()
	c, err := cms.Codec().New("")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		keyfiletest.Put(t, c, e)
	}
	return c
}

func encode(t *testing.T, c keyfile.Container, password string) keyfile.Files {
	t.Helper()
	files, err := c.Encode([]byte(password))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// passwords gives the password, or none if it is nil.
func passwords(password *string) keyfile.Passwords {
	return keyfile.Passwords{Database: func() ([]byte, error) {
		if password == nil {
			return nil, kdb.ErrNoPassword
		}
		return []byte(*password), nil
	}}
}

func decode(files keyfile.Files, password string) (keyfile.Container, error) {
	return cms.Codec().Decode(files, passwords(&password))
}

func open(t *testing.T, files keyfile.Files, password string) keyfile.Container {
	t.Helper()
	c, err := decode(files, password)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reopen writes and reads again.
func reopen(t *testing.T, c keyfile.Container) keyfile.Container {
	t.Helper()
	return open(t, encode(t, c, secret), secret)
}

func labels(c keyfile.Container) string {
	var list []string
	for _, e := range c.Entries() {
		list = append(list, e.Label)
	}
	return strings.Join(list, "|")
}

func entry(t *testing.T, c keyfile.Container, label string) kdb.Entry {
	t.Helper()
	for _, e := range c.Entries() {
		if e.Label == label {
			return e
		}
	}
	t.Fatalf("there is no %q", label)
	return kdb.Entry{}
}

func TestSlots_growForLargeKeys(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a", nil)
	before := encode(t, newStore(t, a.personal("a")), secret)
	c := open(t, before, secret)
	expanded := make([]byte, 9000)
	rand.Read(expanded)
	large := kdb.Entry{Label: "large", Kind: kdb.KindSecretKey, Key: expanded}
	keyfiletest.Put(t, c, large)
	generated, err := mldsa.GenerateKey(mldsa.MLDSA87())
	if err != nil {
		t.Fatal(err)
	}
	large87, err := key.FromGo(generated)
	if err != nil {
		t.Fatal(err)
	}
	pq := a.personal("pq")
	pq.Key = bytes.Clone(large87.PKCS8)
	keyfiletest.Put(t, c, pq)
	after := encode(t, c, secret)
	if got := len(after.Main); got != headerSize+3*2*slotSize {
		t.Fatalf("%d bytes, want three slots of 10000", got)
	}
	grown := append(bytes.Clone(before.Main[headerSize:]), make([]byte, slotSize)...)
	if !bytes.Equal(after.Main[headerSize:headerSize+2*slotSize], grown) {
		t.Error("the slot that was there is not the old one with zeros behind it")
	}
	c = open(t, after, secret)
	keyfiletest.WantKey(t, c, "large", expanded)
	keyfiletest.WantKey(t, c, "pq", large87.PKCS8)
	keyfiletest.WantKey(t, c, "a", a.key)
}

func TestDelete_keepsTheNumbersOfOthers(t *testing.T) {
	t.Parallel()
	a, b, d := newIdentity(t, "a", nil), newIdentity(t, "b", nil), newIdentity(t, "d", nil)
	before := encode(t, newStore(t, a.trusted("a"), b.trusted("b"), d.trusted("d")), secret)
	c := open(t, before, secret)
	if err := c.Delete("b"); err != nil {
		t.Fatal(err)
	}
	keyfiletest.Put(t, c, b.trusted("new"))
	after := encode(t, c, secret).Main
	for i, want := range [][]byte{before.Main[headerSize : headerSize+slotSize], before.Main[headerSize+2*slotSize:]} {
		if !bytes.Equal(after[headerSize+i*slotSize:headerSize+(i+1)*slotSize], want) {
			t.Errorf("slot %d changed", i+1)
		}
	}
	if number := after[headerSize+2*slotSize+7]; number != 4 {
		t.Errorf("the new record has number %d, want 4", number)
	}
}

func TestEncode_newPassword(t *testing.T) {
	t.Parallel()
	a, r := newIdentity(t, "a", nil), newIdentity(t, "r", nil)
	before := encode(t, newStore(t, a.personal("a"), r.request(t, "r"), r.trusted("t")), secret)
	c := open(t, before, secret)
	after := encode(t, c, "another")
	if _, err := decode(after, secret); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the old password: %v, want ErrPassword", err)
	}
	c = open(t, after, "another")
	keyfiletest.WantKey(t, c, "a", a.key)
	keyfiletest.WantKey(t, c, "r", r.key)
	keyfiletest.WantSound(t, c)
	trusted := headerSize + slotSize
	if !bytes.Equal(after.Main[trusted:], before.Main[trusted:]) {
		t.Error("the slot without a key changed")
	}
	if bytes.Equal(after.Main[0x18:0x30], before.Main[0x18:0x30]) {
		t.Error("the salt stayed")
	}
}

func TestEncode_needsThePassword(t *testing.T) {
	t.Parallel()
	files := encode(t, newStore(t, newIdentity(t, "a", nil).personal("a")), secret)
	c, err := cms.Codec().Decode(files, passwords(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := labels(c); got != "a" {
		t.Errorf("without the password there is %q", got)
	}
	if _, err := c.Key("a"); !errors.Is(err, kdb.ErrNoPassword) || strings.Contains(err.Error(), `"a"`) {
		t.Errorf("key without password: %v, want ErrNoPassword; the caller adds the label", err)
	}
	if _, err := c.Encode([]byte(secret)); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("writing what was not verified: %v, want ErrNoPassword", err)
	}
	if _, err := open(t, files, secret).Encode(nil); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("writing without password: %v, want ErrNoPassword", err)
	}
}

func TestFacts_sayHowWeakItIs(t *testing.T) {
	t.Parallel()
	c := reopen(t, newStore(t, newIdentity(t, "a", nil).personal("a")))
	var all strings.Builder
	for _, f := range c.Facts() {
		all.WriteString(f.Name + ": " + f.Value + "\n")
	}
	for _, want := range []string{
		"HMAC-SHA-384", "4096 iterations", "AES-256-CBC", "stash", "copy the entries into a native database", "in clear",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("the facts do not name %q:\n%s", want, all.String())
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	files := encode(t, newStore(t), secret)
	for name, tt := range map[string]struct {
		head []byte
		want bool
	}{
		"key database":     {files.Main, true},
		"request database": {files.Companions[".rdb"], true},
		"PKCS #12":         {[]byte("\x30\x82\x10\x00\x02\x01\x03\x30\x82\x10\x00\x06\x09\x2a\x86\x48"), false},
		"KeePass":          {[]byte("\x03\xd9\xa2\x9a\x65\xfb\x4b\xb5\x00\x00\x00\x00\x00\x00\x00\x00"), false},
		"another tag":      {[]byte("7H\x06\x02\x00\x00\x00\x00X509XXX\x00"), false},
		"short":            {files.Main[:15], false},
		"nothing":          {nil, false},
	} {
		if cms.Codec().Matches(tt.head) != tt.want {
			t.Errorf("%s: recognised is %v", name, !tt.want)
		}
	}
	if _, err := decode(keyfile.Files{Main: files.Companions[".rdb"]}, secret); !errors.Is(err, kdb.ErrParse) ||
		!strings.Contains(err.Error(), "name the .kdb") {
		t.Errorf("opening the .rdb: %v, want ErrParse with the remedy", err)
	}
}
