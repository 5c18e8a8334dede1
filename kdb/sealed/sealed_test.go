package sealed_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store/boltstore"
)

var ctx = context.Background()

// password returns a source that answers with text.
func password(text string) func(context.Context, string) ([]byte, error) {
	return func(context.Context, string) ([]byte, error) { return []byte(text), nil }
}

// never is a password source that must not be asked.
func never(t testing.TB) func(context.Context, string) ([]byte, error) {
	return func(context.Context, string) ([]byte, error) {
		t.Helper()
		t.Error("the password was asked for")
		return nil, kdb.ErrNoPassword
	}
}

func options(text string) kdb.Options {
	return kdb.Options{
		Password: password(text), LockTimeout: 20 * time.Second,
		User: func() string { return "alice" }, Host: func() string { return "server" },
	}
}

// create makes a database with the password "secret".
func create(t testing.TB, path string) *sealed.Database {
	t.Helper()
	db, err := native().Create(ctx, path, kdb.CreateOptions{Options: options("secret"), Cost: kdb.CostTest})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db.(*sealed.Database)
}

func native() kdb.Driver { return sealed.Driver(boltstore.Backend()) }

func newDatabase(t testing.TB) (*sealed.Database, string) {
	t.Helper()
	path := filepath.Join(fastDir(t), "key.ckdb")
	return create(t, path), path
}

func openWith(t testing.TB, path string, o kdb.Options) *sealed.Database {
	t.Helper()
	db, err := native().Open(ctx, path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db.(*sealed.Database)
}

// pair is a private key with a self-signed certificate.
type pair struct{ cert, key []byte }

func newPair(t testing.TB, name string) pair {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(1700000000, 0), NotAfter: time.Unix(1900000000, 0), DNSNames: []string{name + ".example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pair{der, key}
}

func newRequest(t testing.TB, name string) kdb.Entry {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, private)
	must(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return kdb.Entry{Label: name, Kind: kdb.KindRequest, Request: der, Key: key}
}

func trusted(label string, p pair) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{p.cert}}
}

func personal(label string, p pair) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindPersonal, Certificates: [][]byte{p.cert}, Key: p.key}
}

func put(t testing.TB, db *sealed.Database, entries ...kdb.Entry) {
	t.Helper()
	err := db.Update(ctx, "add", func(tx kdb.Tx) error {
		for _, e := range entries {
			if err := tx.Put(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func labels(t testing.TB, db *sealed.Database) (list []string) {
	t.Helper()
	err := db.View(ctx, func(tx kdb.Tx) error {
		for s, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			list = append(list, s.Label)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// findings runs a check.
func findings(t testing.TB, db *sealed.Database) (list []kdb.Problem) {
	t.Helper()
	if err := db.Check(ctx, func(p kdb.Problem) { list = append(list, p) }); err != nil {
		t.Fatalf("Check: %v", err)
	}
	return list
}

func wantSound(t testing.TB, db *sealed.Database) {
	t.Helper()
	for _, p := range findings(t, db) {
		t.Errorf("finding: %s: %s", p.Where, p.What)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDatabase_keepsEntries(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	a, b := newPair(t, "a"), newPair(t, "b")
	chain := personal("server / 'x'", b)
	chain.Certificates = append(chain.Certificates, a.cert)
	chain.LocalKeyID, chain.Default = []byte{1, 2}, true
	put(t, db, trusted("ca", a), chain, kdb.Entry{Label: "aes", Kind: kdb.KindSecretKey, KeyAlgorithm: "AES", Key: []byte("0123456789abcdef")})
	db = openWith(t, path, options("secret"))
	if got := fmt.Sprintf("%q", labels(t, db)); got != `["aes" "ca" "server / 'x'"]` {
		t.Errorf("labels %s", got)
	}
	err := db.View(ctx, func(tx kdb.Tx) error {
		e, err := tx.Entry(chain.Label)
		if err != nil {
			return err
		}
		if len(e.Certificates) != 2 || !bytes.Equal(e.Certificates[1], a.cert) || !e.Default || len(e.Key) != 0 ||
			!bytes.Equal(e.LocalKeyID, []byte{1, 2}) {
			t.Errorf("entry %+v", e)
		}
		key, err := tx.Key(chain.Label)
		if err != nil || !bytes.Equal(key, b.key) {
			t.Errorf("key: %v", err)
		}
		s, err := tx.Summary(chain.Label)
		if err != nil || s.Subject != "CN=b" || s.ChainLength != 2 || s.DNSNames[0] != "b.example" || !s.Default || s.KeyType != "p256" {
			t.Errorf("summary %+v, %v", s, err)
		}
		if _, err := tx.Key("ca"); !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("key of a trusted entry: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantSound(t, db)
}

func TestUpdate_ofNothingLeavesTheFile(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	e := personal("a", newPair(t, "a"))
	put(t, db, e)
	old := time.Unix(1600000000, 0)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	before := read(t, path)
	put(t, db, e)
	must(t, db.Update(ctx, "renew", func(tx kdb.Tx) error { return tx.Certify("a", e.Certificates) }))
	openWith(t, path, options("secret"))
	labels(t, db)
	wantSound(t, db)
	info, err := os.Stat(path)
	if err != nil || !info.ModTime().Equal(old) || !bytes.Equal(before, read(t, path)) {
		t.Errorf("the file was written: %v, %v", info.ModTime(), err)
	}
}

func TestKeyProtection_namesTheCipher(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	p := newPair(t, "a")
	put(t, db, personal("key", p), trusted("certificate", newPair(t, "b")))
	err := db.View(t.Context(), func(tx kdb.Tx) error {
		protector := tx.(kdb.KeyProtector)
		key, err1 := protector.KeyProtection("key")
		certificate, err2 := protector.KeyProtection("certificate")
		_, missing := protector.KeyProtection("missing")
		if !strings.Contains(key, "AES-256-GCM") || certificate != "" || !errors.Is(missing, kdb.ErrNotFound) {
			t.Errorf("%q, %q, %v", key, certificate, missing)
		}
		return errors.Join(err1, err2)
	})
	if err != nil {
		t.Error(err)
	}
}
