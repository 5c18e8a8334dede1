package pkcs12_test

import (
	"bytes"
	"context"
	"encoding/asn1"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/pkcs12"
)

// silent opens a database with its stash alone.
func silent(t *testing.T, c keyfile.Codec, path string) error {
	t.Helper()
	db, err := keyfile.Open(c, path, kdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return db.Unlock(t.Context())
}

// create makes an empty database with a password.
func create(t *testing.T, c keyfile.Codec, path, password string) *keyfile.Database {
	t.Helper()
	given := func(context.Context, string) ([]byte, error) { return []byte(password), nil }
	db, err := keyfile.Create(t.Context(), c, path, kdb.CreateOptions{Options: kdb.Options{Password: given}})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestStash_sharedWithACMSDatabase(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	kdbPath, p12Path := filepath.Join(folder, "server.kdb"), filepath.Join(folder, "server.p12")
	db := create(t, cms.Codec(), kdbPath, "of the kdb")
	if err := db.CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	stash, err := os.ReadFile(filepath.Join(folder, "server.sth"))
	if err != nil {
		t.Fatal(err)
	}
	given := kdb.Options{Password: func(context.Context, string) ([]byte, error) { return []byte("of the p12"), nil }}
	_, err = keyfile.Create(t.Context(), pkcs12.Codec(), p12Path, kdb.CreateOptions{Options: given, Stash: true})
	if _, missing := os.Stat(p12Path); !errors.Is(err, kdb.ErrDatabaseExists) || missing == nil {
		t.Errorf("a database that cannot have its stash: %v, want ErrDatabaseExists and no file", err)
	}
	p12 := create(t, pkcs12.Codec(), p12Path, "of the p12")
	if err := p12.CreateStash(t.Context()); !errors.Is(err, kdb.ErrDatabaseExists) {
		t.Errorf("a stash over that of another database: %v, want ErrDatabaseExists", err)
	}
	if err := p12.ChangePassword(t.Context(), []byte("another")); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(filepath.Join(folder, "server.sth")); err != nil || string(now) != string(stash) {
		t.Errorf("the stash of the other database changed (%v)", err)
	}
	if err := silent(t, cms.Codec(), kdbPath); err != nil {
		t.Errorf("the other database: %v", err)
	}
	if err := silent(t, pkcs12.Codec(), p12Path); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("by the stash of another database: %v, want ErrPassword", err)
	}
}

// TestStash_underTheNameOfACMSDatabase: GSKit, Db2 and dsmcert make PKCS #12 files that are named .kdb, with a stash.
func TestStash_underTheNameOfACMSDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.kdb")
	db := create(t, pkcs12.Codec(), path, "one password")
	if err := db.CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.ChangePassword(t.Context(), []byte("another password")); err != nil {
		t.Fatal(err)
	}
	if err := silent(t, pkcs12.Codec(), path); err != nil {
		t.Errorf("by its stash after the password changed: %v", err)
	}
}

// gskitSigner is a trusted certificate as GSKit writes it: the signature is the localKeyId.
func gskitSigner(t *testing.T, label string, id *identity) []byte {
	t.Helper()
	return markedCertificate(t, label, id, der(t, 3, append([]byte{0}, id.cert.Signature...)))
}

// markedCertificate is a certificate with a localKeyId.
func markedCertificate(t *testing.T, label string, id *identity, mark []byte) []byte {
	t.Helper()
	attribute := func(number int, value []byte) []byte {
		return der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, number}), der(t, 0x31, value))
	}
	var name []byte
	for _, c := range []byte(label) {
		name = append(name, 0, c)
	}
	content := der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}), der(t, 0xa0, octets(t, id.cert.Raw)))
	return der(t, 0x30, mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}), der(t, 0xa0, content),
		der(t, 0x31, attribute(20, der(t, 30, name)), attribute(21, octets(t, mark))))
}

// TestDecode_noSignersOfGSKit: next to a private key a certificate is trusted only if its localKeyId is its whole signature.
func TestDecode_noSignersOfGSKit(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	whole := der(t, 3, append([]byte{0}, f.root.cert.Signature...))
	personal := f.personal("one", f.one)
	personal.Certificates = personal.Certificates[:1]
	c := decode(t, rawFile(t), "")
	put(t, c, personal)
	var key [][]byte
	for _, bag := range decode(t, encode(t, c, "password"), "password").Bags() {
		key = append(key, bag.DER)
	}
	for name, mark := range map[string][]byte{
		"":                                       whole,
		"the signature of another certificate":   der(t, 3, append([]byte{0}, f.middle.cert.Signature...)),
		"the signature and more":                 append(bytes.Clone(whole), 5, 0),
		"the last byte of the certificate alone": der(t, 3, f.root.cert.Raw[len(f.root.cert.Raw)-1:]),
		"the signature as an OCTET STRING":       octets(t, append([]byte{0}, f.root.cert.Signature...)),
	} {
		bags := append(key[:len(key):len(key)], markedCertificate(t, "root", f.root, mark))
		if got := labels(decode(t, rawFile(t, bags...), "password")); strings.Contains(got, "root:trusted:c*") != (name == "") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestDecode_signersOfGSKit(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	data := rawFile(t, gskitSigner(t, "root", f.root), gskitSigner(t, "CN=Middle", f.middle))
	c := decode(t, data, "")
	before := c.Bags()
	put(t, c, f.personal("one", f.one))
	c = decode(t, encode(t, c, "password"), "password")
	if got := labels(c); !strings.Contains(got, "root:trusted:c*") || !strings.Contains(got, "CN=Middle:trusted:c*") {
		t.Errorf("with a key next to them the signers are %s", got)
	}
	found := 0
	for _, bag := range c.Bags() {
		if bytes.Equal(bag.DER, before[0].DER) || bytes.Equal(bag.DER, before[1].DER) {
			found++
		}
	}
	if found != 2 {
		t.Errorf("%d of 2 bags stayed as they were", found)
	}
	distrusted := trusted("root", f.root)
	distrusted.Trusted = false
	put(t, c, distrusted)
	c = decode(t, encode(t, c, "password"), "password")
	if got := labels(c); strings.Contains(got, "root:trusted:c*") || !strings.Contains(got, "CN=Middle:trusted:c*") {
		t.Errorf("after one was distrusted the entries are %s", got)
	}
	checkKeys(t, c)
}
