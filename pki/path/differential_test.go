package path_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// mutation is something that may be odd about a certificate of a generated chain. differs says why another validator
// may judge it in another way; an empty text says that it must not.
type mutation struct {
	name       string
	change     change
	goDiffers  string
	sslDiffers string
}

func caMutations() []mutation {
	_, net10, _ := net.ParseCIDR("10.0.0.0/8")
	return []mutation{
		{name: "plain", change: func(*x509.Certificate) {}},
		{name: "pathlen:0", change: func(c *x509.Certificate) { c.MaxPathLenZero = true }},
		{name: "pathlen:1", change: func(c *x509.Certificate) { c.MaxPathLen = 1 }},
		{name: "expired", change: func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) }},
		{name: "not yet valid", change: func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 1) }},
		{name: "no CA", change: func(c *x509.Certificate) { c.IsCA = false; c.KeyUsage = x509.KeyUsageDigitalSignature }},
		{name: "no keyCertSign", change: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }},
		{name: "client usage", change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }},
		{name: "server usage", change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }},
		{name: "permits example.com", change: func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.com"} }},
		{name: "permits other.com", change: func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"other.com"} }},
		{name: "excludes www.example.com", change: func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"www.example.com"} }},
		{name: "excludes 10/8", change: func(c *x509.Certificate) { c.ExcludedIPRanges = []*net.IPNet{net10} }},
		{name: "permits host mail.example.com", change: func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"mail.example.com"} }},
		{name: "unknown critical", change: extra("1.2.3.4", true, "\x05\x00")},
		{name: "policies 1 and 2", change: policies("1.2.3.1", "1.2.3.2")},
		{name: "any policy", change: policies(cert.AnyPolicy)},
		{name: "policy 1, mapped to 2", change: func(c *x509.Certificate) {
			policies("1.2.3.1")(c)
			extra(cert.IDPolicyMappings, true, "\x30\x0c\x30\x0a\x06\x03\x2a\x03\x01\x06\x03\x2a\x03\x02")(c)
		}},
		{name: "explicit policy below, no mapping", change: func(c *x509.Certificate) {
			policies("1.2.3.1", "1.2.3.2")(c)
			extra(cert.IDPolicyConstraints, true, "\x30\x06\x80\x01\x00\x81\x01\x00")(c)
		}},
		{name: "no policy stands for any", change: func(c *x509.Certificate) {
			policies(cert.AnyPolicy)(c)
			extra(cert.IDInhibitAnyPolicy, true, "\x02\x01\x00")(c)
		}},
		{
			name: "permits O=Example", change: extra(cert.IDNameConstraints, true,
				"\x30\x1a\xa0\x18\x30\x16\xa4\x14\x30\x12\x31\x10\x30\x0e\x06\x03\x55\x04\x0a\x0c\x07EXAMPLE"),
			goDiffers: "crypto/x509 does not process directory name constraints and refuses them when critical",
		},
	}
}

func leafMutations() []mutation {
	return []mutation{
		{name: "plain", change: func(*x509.Certificate) {}},
		{name: "www", change: func(c *x509.Certificate) { c.DNSNames = []string{"example.com", "www.example.com"} }},
		{name: "wildcard", change: func(c *x509.Certificate) { c.DNSNames = []string{"example.com", "*.sub.example.com"} }},
		{name: "address", change: func(c *x509.Certificate) { c.IPAddresses = []net.IP{{10, 1, 2, 3}} }},
		{name: "expired", change: func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) }},
		{name: "client usage", change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }},
		{
			name: "any usage", change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
			sslDiffers: "openssl does not take anyExtendedKeyUsage for serverAuth",
		},
		{name: "no usage", change: func(c *x509.Certificate) { c.ExtKeyUsage = nil }},
		{name: "mailbox", change: func(c *x509.Certificate) { c.EmailAddresses = []string{"a@mail.example.com"} }},
		{
			name: "subject emailAddress", goDiffers: "crypto/x509 does not hold the subject against constraints",
			change: mailbox(asn1.TagIA5String),
		},
		{
			name: "subject emailAddress as UTF8String", goDiffers: "crypto/x509 does not hold the subject against constraints",
			sslDiffers: "openssl refuses it under any name constraint, also one on other names; RFC 5280, A.1 has IA5String",
			change:     mailbox(asn1.TagUTF8String),
		},
		{name: "unknown critical", change: extra("1.2.3.4", true, "\x05\x00")},
		{name: "policy 1", change: policies("1.2.3.1")},
		{name: "policy 2", change: policies("1.2.3.2")},
		{name: "any policy", change: policies(cert.AnyPolicy)},
	}
}

// mailbox puts an emailAddress of a string type into the subject.
func mailbox(tag int) change {
	return func(c *x509.Certificate) {
		address := asn1.RawValue{Tag: tag, Bytes: []byte("a@elsewhere.com")}
		c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: goOID("1.2.840.113549.1.9.1"), Value: address}}
	}
}

// generated is a random chain root -> up to three CAs -> leaf.
type generated struct {
	root   *member
	inters []*member
	leaf   *member
	text   string
	goWhy  string // explained reasons for x509.Verify to differ
	sslWhy string
}

func generate(t *testing.T, random *rand.Rand) generated {
	cas, leaves := caMutations(), leafMutations()
	pick := func(list []mutation, g *generated) change {
		m := list[0]
		if random.IntN(2) == 0 {
			m = list[random.IntN(len(list))]
		}
		g.text += m.name + " -> "
		g.goWhy += m.goDiffers
		g.sslWhy += m.sslDiffers
		return m.change
	}
	var g generated
	g.root = ca(t, nil, "Root", pick(cas, &g))
	issuer := g.root
	for i := range random.IntN(4) {
		name := fmt.Sprintf("CA %d", i)
		if i > 0 && random.IntN(4) == 0 {
			name = issuer.template.Subject.CommonName // self-issued
			g.goWhy += "crypto/x509 counts self-issued certificates in the path length"
			g.sslWhy += "openssl takes the first issuer of the name and does not try the other one"
			g.text += "(self-issued) "
		}
		issuer = ca(t, issuer, name, pick(cas, &g))
		g.inters = append(g.inters, issuer)
	}
	g.leaf = leaf(t, issuer, pick(leaves, &g))
	return g
}

// TestValidate_againstGo compares verdicts with x509.Verify on generated chains. A difference needs a reason.
func TestValidate_againstGo(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	valid, explained := 0, 0
	for range 200 {
		g := generate(t, random)
		o := options(g.root, g.inters...)
		o.Host = "example.com"
		result := path.Validate(g.leaf.Certificate, o)
		goErr := verifyWithGo(g)
		if result.Valid {
			valid++
		}
		if result.Valid != (goErr == nil) {
			if g.goWhy == "" {
				t.Errorf("%s\nwe say %v, crypto/x509 %v\n%s", g.text, result.Valid, goErr, explain(result))
			}
			explained++
		}
	}
	if valid < 20 || explained > 30 {
		t.Errorf("%d valid chains, %d explained differences: the generator is out of balance", valid, explained)
	}
}

func verifyWithGo(g generated) error {
	roots, inters := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(g.root.goCert)
	for _, m := range g.inters {
		inters.AddCert(m.goCert)
	}
	_, err := g.leaf.goCert.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: inters, CurrentTime: now, DNSName: "example.com", KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}

// TestValidate_againstOpenSSL does the same with openssl verify.
func TestValidate_againstOpenSSL(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl")
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		g := generate(t, random)
		o := options(g.root, g.inters...)
		o.Host = "example.com"
		result := path.Validate(g.leaf.Certificate, o)
		out, sslErr := verifyWithOpenSSL(t, openssl, g)
		if result.Valid != (sslErr == nil) && g.sslWhy == "" {
			t.Errorf("%s\nwe say %v, openssl %v: %s\n%s", g.text, result.Valid, sslErr, out, explain(result))
		}
	}
}

func verifyWithOpenSSL(t *testing.T, openssl string, g generated) (string, error) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, list ...*member) string {
		var b strings.Builder
		for _, m := range list {
			if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: m.Raw}); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	args := []string{
		"verify", "-attime", fmt.Sprint(now.Unix()), "-purpose", "sslserver", "-verify_hostname", "example.com", "-no-CApath", "-no-CAstore",
		"-policy_check", "-policy", cert.AnyPolicy, // without it, openssl takes no policy for the set that the user accepts
		"-CAfile", write("root.pem", g.root),
	}
	if len(g.inters) > 0 {
		args = append(args, "-untrusted", write("inter.pem", g.inters...))
	}
	out, err := exec.Command(openssl, append(args, write("leaf.pem", g.leaf))...).CombinedOutput()
	return string(out), err
}
