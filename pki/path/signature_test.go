package path_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// signers makes one key of each kind that crypto/x509 signs with.
func signers(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	list := map[string]crypto.Signer{}
	add := func(name string, key crypto.Signer, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list[name] = key
	}
	for name, curve := range map[string]elliptic.Curve{"p224": elliptic.P224(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		add(name, key, err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	add("rsa2048", key, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	add("ed25519", ed, err)
	for name, p := range map[string]mldsa.Parameters{"mldsa44": mldsa.MLDSA44(), "mldsa65": mldsa.MLDSA65(), "mldsa87": mldsa.MLDSA87()} {
		key, err := mldsa.GenerateKey(p)
		add(name, key, err)
	}
	return list
}

// TestValidate_algorithms signs with each kind of key, and breaks each signature.
func TestValidate_algorithms(t *testing.T) {
	t.Parallel()
	for name, key := range signers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkAlgorithm(t, key, x509.UnknownSignatureAlgorithm)
		})
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []x509.SignatureAlgorithm{
		x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS,
		x509.SHA512WithRSAPSS,
	} {
		t.Run(a.String(), func(t *testing.T) {
			t.Parallel()
			checkAlgorithm(t, key, a)
		})
	}
}

func checkAlgorithm(t *testing.T, key crypto.Signer, a x509.SignatureAlgorithm) {
	tmpl := template("Root")
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	tmpl.SignatureAlgorithm = a
	root := forge(t, nil, key, tmpl)
	l := leaf(t, root, func(c *x509.Certificate) { c.SignatureAlgorithm = a })
	if got := rules(path.Validate(l.Certificate, options(root))); got != "valid" {
		t.Errorf("%s by %s: %s", l.SignatureAlgorithm.Name, root.KeyType, got)
	}
	der := append([]byte{}, l.Raw...)
	der[len(der)-3] ^= 1
	broken, err := cert.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	if got := rules(path.Validate(broken, options(root))); got != "signature" {
		t.Errorf("broken %s: %s", l.SignatureAlgorithm.Name, got)
	}
}

func TestValidate_weak(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := template("Root")
	tmpl.IsCA, tmpl.BasicConstraintsValid = true, true
	root := forge(t, nil, key, tmpl)
	l := leaf(t, root)
	for want, weak := range map[string]path.Weak{
		"valid": {}, "weak": path.Modern(), "weak weak": {MinHash: 384, MinRSA: 2048},
	} {
		o := options(root)
		o.Weak = weak
		if got := rules(path.Validate(l.Certificate, o)); got != want {
			t.Errorf("%+v: %s, want %s", weak, got, want)
		}
	}
}

// TestValidate_opensslAlgorithms validates chains that openssl signs in ways that crypto/x509 cannot: keys for
// RSASSA-PSS alone, DSA, SHA-3, Ed448, RSA keys that are too small.
func TestValidate_opensslAlgorithms(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl")
	}
	tests := []struct {
		rule    string
		keyArgs []string
		digest  string
		want    string // without any leniency
		lenient string // with weak algorithms accepted
	}{
		{"RSASSA-PSS key", []string{"-algorithm", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"}, "sha256", "valid", "valid"},
		{"RSASSA-PSS key restricted to SHA-384", []string{
			"-algorithm", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_pss_keygen_md:sha384",
			"-pkeyopt", "rsa_pss_keygen_mgf1_md:sha384", "-pkeyopt", "rsa_pss_keygen_saltlen:48",
		}, "sha384", "valid", "valid"},
		{"SHA-3 with ECDSA", []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}, "sha3-256", "valid", "valid"},
		{"SHA-3 with RSA", []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, "sha3-384", "valid", "valid"},
		{"SHA-1 with RSA", []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, "sha1", "valid", "valid"},
		{"MD5 with RSA", []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, "md5", "weak", "valid"},
		{"768-bit RSA", []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:768"}, "sha256", "weak", "valid"},
		{"Ed448", []string{"-algorithm", "ED448"}, "null", "valid", "valid"},
		{"secp256k1", []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"}, "sha256", "algorithm", "algorithm"},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			root, l := opensslChain(t, openssl, test.keyArgs, test.digest)
			o := path.Options{Roots: path.Anchors(root), Time: l.NotBefore}
			if got := rules(path.Validate(l, o)); got != test.want {
				t.Errorf("%s: %s, want %s", l.SignatureAlgorithm.Name, got, test.want)
			}
			o.Weak = path.Weak{MinRSA: 1, MinHash: 1, AllowDSA: true}
			if got := rules(path.Validate(l, o)); got != test.lenient {
				t.Errorf("%s, leniently: %s, want %s", l.SignatureAlgorithm.Name, got, test.lenient)
			}
		})
	}
}

// opensslChain makes a root by the given key and a leaf signed by it.
func opensslChain(t *testing.T, openssl string, keyArgs []string, digest string) (root, l *cert.Certificate) {
	t.Helper()
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(openssl, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	md := []string{"-" + digest}
	if digest == "null" {
		md = nil
	}
	run(append([]string{"genpkey", "-out", "ca.key"}, keyArgs...)...)
	run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "leaf.key")
	run(append([]string{"req", "-x509", "-key", "ca.key", "-out", "ca.pem", "-subj", "/CN=Root", "-days", "2"}, md...)...)
	run("req", "-new", "-key", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf")
	run(append([]string{
		"x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", "leaf.pem", "-days", "2",
		"-set_serial", "7",
	}, md...)...)
	return readPEM(t, filepath.Join(dir, "ca.pem")), readPEM(t, filepath.Join(dir, "leaf.pem"))
}

func readPEM(t *testing.T, file string) *cert.Certificate {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	c, err := cert.Parse(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
