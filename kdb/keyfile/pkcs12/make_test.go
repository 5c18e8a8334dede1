package pkcs12_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs12"
)

// identity is a key with its certificate.
type identity struct {
	key   *ecdsa.PrivateKey
	pkcs8 []byte
	cert  *x509.Certificate
}

// issue makes a key and a certificate for it, signed by ca or, if that is nil, by itself.
func issue(t testing.TB, name string, ca *identity, isCA bool) *identity {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: isCA, BasicConstraintsValid: true, DNSNames: []string{"localhost"},
	}
	if isCA {
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	var signer crypto.Signer = k
	parent := template
	if ca != nil {
		signer, parent = ca.key, ca.cert
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, k.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{k, pkcs8, c}
}

// family is a root, an intermediate and two servers.
type family struct{ root, middle, one, two *identity }

func newFamily(t testing.TB) family {
	t.Helper()
	root := issue(t, "Root", nil, true)
	middle := issue(t, "Middle", root, true)
	return family{root, middle, issue(t, "One", middle, false), issue(t, "Two", middle, false)}
}

// personal makes an entry with the chain Middle, Root.
func (f family) personal(label string, id *identity) kdb.Entry {
	return kdb.Entry{
		Label: label, Kind: kdb.KindPersonal, Key: bytes.Clone(id.pkcs8),
		Certificates: [][]byte{id.cert.Raw, f.middle.cert.Raw, f.root.cert.Raw},
	}
}

func trusted(label string, id *identity) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{id.cert.Raw}}
}

// newFile makes a file with the entries.
func newFile(t testing.TB, profile string, entries ...kdb.Entry) *pkcs12.Container {
	t.Helper()
	c, err := pkcs12.New(profile)
	if err != nil {
		t.Fatal(err)
	}
	put(t, c, entries...)
	return c
}

func put(t testing.TB, c *pkcs12.Container, entries ...kdb.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := c.Put(e); err != nil {
			t.Fatal(err)
		}
	}
}

func encode(t testing.TB, c *pkcs12.Container, password string) []byte {
	t.Helper()
	files, err := c.Encode([]byte(password))
	if err != nil {
		t.Fatal(err)
	}
	return files.Main
}

func decode(t testing.TB, data []byte, password string, keys ...string) *pkcs12.Container {
	t.Helper()
	c, err := pkcs12.Decode(data, passwords(password, keys...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func passwords(password string, keys ...string) keyfile.Passwords {
	p := keyfile.Passwords{Database: func() ([]byte, error) { return []byte(password), nil }}
	for _, k := range keys {
		p.Keys = append(p.Keys, []byte(k))
	}
	return p
}

// labels lists the entries as "label:kind:certificates", with a star for trust.
func labels(c keyfile.Container) string {
	var list []string
	for _, e := range c.Entries() {
		s := e.Label + ":" + e.Kind.String() + ":" + strings.Repeat("c", len(e.Certificates))
		if e.Trusted {
			s += "*"
		}
		if e.Default {
			s += "!"
		}
		list = append(list, s)
	}
	return strings.Join(list, " ")
}

// checkKeys fails if a key does not open or does not fit.
func checkKeys(t testing.TB, c keyfile.Container) {
	t.Helper()
	c.Check(func(p kdb.Problem) {
		if p.Severity != kdb.Note {
			t.Errorf("%s: %s", p.Where, p.What)
		}
	})
}

// run runs a program in a folder and returns what it prints.
func run(t testing.TB, dir, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed", program)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// save writes a file into a new folder and returns the folder.
func save(t testing.TB, name string, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func load(t testing.TB, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
