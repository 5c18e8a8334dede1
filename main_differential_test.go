package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	stdpem "encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// generated is a chain of three with at most one defect.
type generated struct {
	root, sub, leaf x509.Certificate
	flip            bool // harms the leaf's signature
	host            string
}

// defect is what is wrong with a chain. openssl says why openssl verify accepts what certkdb refuses or the other way round;
// empty means that they agree.
type defect struct {
	name    string
	make    func(*generated)
	valid   bool
	openssl string
}

func critical(id ...int) pkix.Extension {
	return pkix.Extension{Id: id, Critical: true, Value: []byte{asn1.TagNull, 0}}
}

func defects() []defect {
	day := 24 * time.Hour
	_, network, _ := net.ParseCIDR("192.0.2.0/24")
	return []defect{
		{name: "none", make: func(*generated) {}, valid: true},
		{name: "leaf expired", make: func(g *generated) { g.leaf.NotAfter = time.Now().Add(-day) }},
		{name: "leaf not yet valid", make: func(g *generated) { g.leaf.NotBefore = time.Now().Add(day) }},
		{name: "intermediate expired", make: func(g *generated) { g.sub.NotAfter = time.Now().Add(-day) }},
		{name: "root expired", make: func(g *generated) { g.root.NotAfter = time.Now().Add(-day) }},
		{name: "leaf's signature harmed", make: func(g *generated) { g.flip = true }},
		{name: "intermediate is no CA", make: func(g *generated) { g.sub.IsCA = false }},
		{name: "intermediate without basic constraints", make: func(g *generated) { g.sub.BasicConstraintsValid = false }},
		{name: "intermediate without keyCertSign", make: func(g *generated) { g.sub.KeyUsage = x509.KeyUsageCRLSign }},
		{name: "root without keyCertSign", make: func(g *generated) { g.root.KeyUsage = x509.KeyUsageCRLSign }},
		{name: "no key usage at all", make: func(g *generated) { g.sub.KeyUsage, g.leaf.KeyUsage = 0, 0 }, valid: true},
		{name: "root's path length 0", make: func(g *generated) { g.root.MaxPathLenZero = true }},
		{name: "root's path length 1", make: func(g *generated) { g.root.MaxPathLen = 1 }, valid: true},
		{name: "intermediate's path length 0", make: func(g *generated) { g.sub.MaxPathLenZero = true }, valid: true},
		{name: "leaf for clients", make: func(g *generated) { g.leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }},
		{name: "leaf for anything", make: func(g *generated) { g.leaf.ExtKeyUsage = nil }, valid: true},
		{name: "intermediate for clients", make: func(g *generated) { g.sub.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }},
		{
			name:  "intermediate for servers",
			make:  func(g *generated) { g.sub.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
			valid: true,
		},
		{name: "another host", make: func(g *generated) { g.host = "other.example.com" }},
		{
			name:  "host below the wildcard",
			make:  func(g *generated) { g.leaf.DNSNames, g.host = []string{"*.example.com"}, "a.example.com" },
			valid: true,
		},
		{
			name: "host two labels below the wildcard",
			make: func(g *generated) { g.leaf.DNSNames, g.host = []string{"*.example.com"}, "a.b.example.com" },
		},
		{name: "host in other case", make: func(g *generated) { g.host = "WWW.example.com" }, valid: true},
		{
			name: "host only in the common name", make: func(g *generated) { g.leaf.DNSNames = nil },
			openssl: "OpenSSL falls back on the common name when there is no DNS name, which RFC 9525, 2 forbids",
		},
		{name: "permitted name", make: func(g *generated) { g.sub.PermittedDNSDomains = []string{"example.com"} }, valid: true},
		{name: "name outside of what is permitted", make: func(g *generated) { g.sub.PermittedDNSDomains = []string{"example.org"} }},
		{name: "excluded name", make: func(g *generated) { g.sub.ExcludedDNSDomains = []string{"www.example.com"} }},
		{name: "other name excluded", make: func(g *generated) { g.sub.ExcludedDNSDomains = []string{"www.example.org"} }, valid: true},
		{name: "excluded address", make: func(g *generated) {
			g.leaf.IPAddresses, g.sub.ExcludedIPRanges = []net.IP{{192, 0, 2, 1}}, []*net.IPNet{network}
		}},
		{
			name: "constraint of the root", make: func(g *generated) { g.root.ExcludedDNSDomains = []string{"www.example.com"} },
		},
		{
			name: "unknown critical extension in the leaf",
			make: func(g *generated) { g.leaf.ExtraExtensions = []pkix.Extension{critical(1, 2, 3, 4)} },
		},
		{
			name: "unknown critical extension in the intermediate",
			make: func(g *generated) { g.sub.ExtraExtensions = []pkix.Extension{critical(1, 2, 3, 4)} },
		},
		{name: "another issuer's name", make: func(g *generated) { g.sub.Subject.CommonName = "Another CA"; g.leaf.Issuer.CommonName = "wrong" }},
		{
			name: "issuer of another key", make: func(g *generated) { g.leaf.AuthorityKeyId = []byte("another") }, valid: true,
			openssl: "OpenSSL refuses an issuer whose key identifier differs; for RFC 5280, 4.2.1.1 and 6.1 it only helps to find the issuer",
		},
	}
}

// newGenerated is a chain without a defect.
func newGenerated() *generated {
	template := func(serial int64, name string) x509.Certificate {
		return x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		}
	}
	g := &generated{
		root: template(1, "Example Root"),
		sub:  template(2, "Example Issuing CA"),
		leaf: template(3, "www.example.com"),
		host: "www.example.com",
	}
	for _, ca := range []*x509.Certificate{&g.root, &g.sub} {
		ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	}
	g.leaf.KeyUsage, g.leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	g.leaf.DNSNames = []string{"www.example.com"}
	return g
}

// write signs the chain and writes root.pem and chain.pem, the leaf first.
func (g *generated) write(t *testing.T, folder string) {
	t.Helper()
	keys := make([]*ecdsa.PrivateKey, 3)
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	g.root.SubjectKeyId, g.sub.SubjectKeyId = []byte("root"), []byte("sub")
	sign := func(template, issuer *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	issuer := g.sub
	if g.leaf.Issuer.CommonName != "" { // the certificate names an issuer that is not there
		issuer.Subject = g.leaf.Issuer
	}
	if len(g.leaf.AuthorityKeyId) > 0 { // x509 takes the identifier from the issuer
		issuer.SubjectKeyId = g.leaf.AuthorityKeyId
	}
	root := sign(&g.root, &g.root, keys[0], keys[0])
	sub := sign(&g.sub, &g.root, keys[1], keys[0])
	leaf := sign(&g.leaf, &issuer, keys[2], keys[1])
	if g.flip {
		leaf[len(leaf)-1] ^= 1
	}
	for name, ders := range map[string][][]byte{"root.pem": {root}, "chain.pem": {leaf, sub}} {
		var pem []byte
		for _, der := range ders {
			pem = append(pem, stdpem.EncodeToMemory(&stdpem.Block{Type: "CERTIFICATE", Bytes: der})...)
		}
		if err := os.WriteFile(filepath.Join(folder, name), pem, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// certkdb validate and openssl verify say the same of chains with one defect, but for what the table explains.
func TestValidate_asOpenSSLDoes(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip(err)
	}
	for _, d := range defects() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			g, folder := newGenerated(), t.TempDir()
			d.make(g)
			g.write(t, folder)
			root, chain := filepath.Join(folder, "root.pem"), filepath.Join(folder, "chain.pem")
			code, said := exitOf(t, "validate", "--file", chain, "--trust", root, "--only-trust", "--purpose", "server", "--host", g.host)
			if ours := code == 0; ours != d.valid || code != 0 && code != 8 {
				t.Errorf("certkdb validate: exit code %d, want valid %v: %s", code, d.valid, said)
			}
			out, err := exec.Command("openssl", "verify", "-purpose", "sslserver", "-verify_hostname", g.host, "-CAfile", root, "-untrusted", chain,
				chain).
				CombinedOutput()
			if theirs := err == nil; theirs != d.valid && d.openssl == "" {
				t.Errorf("openssl verify: valid %v, certkdb's verdict is %v: %s", theirs, d.valid, out)
			} else if theirs == d.valid && d.openssl != "" {
				t.Errorf("openssl verify agrees, so that this is not so: %s", d.openssl)
			}
		})
	}
}
