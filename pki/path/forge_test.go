package path_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// now is the moment of all validations here.
var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// member is a forged certificate with its key.
type member struct {
	*cert.Certificate
	template *x509.Certificate
	key      crypto.Signer
	goCert   *x509.Certificate // nil if crypto/x509 does not read it
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// change edits a template before it is signed.
type change func(*x509.Certificate)

// forge signs a certificate for key; a nil issuer makes it self-signed.
func forge(t testing.TB, issuer *member, key crypto.Signer, template *x509.Certificate, changes ...change) *member {
	t.Helper()
	for _, c := range changes {
		c(template)
	}
	m := &member{template: template, key: key}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.template, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if m.Certificate, err = cert.Parse(der); err != nil {
		t.Fatal(err)
	}
	m.goCert, _ = x509.ParseCertificate(der)
	return m
}

func template(cn string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cn, Organization: []string{"Example"}},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
	}
}

// ca makes a CA; it is a root if issuer is nil.
func ca(t testing.TB, issuer *member, cn string, changes ...change) *member {
	t.Helper()
	tmpl := template(cn)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	return forge(t, issuer, newKey(t), tmpl, changes...)
}

// leaf makes a server's certificate for example.com.
func leaf(t testing.TB, issuer *member, changes ...change) *member {
	t.Helper()
	tmpl := template("example.com")
	tmpl.DNSNames, tmpl.KeyUsage = []string{"example.com"}, x509.KeyUsageDigitalSignature
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return forge(t, issuer, newKey(t), tmpl, changes...)
}

// extra adds an extension; id is dotted.
func extra(id string, critical bool, value string) change {
	return func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: goOID(id), Critical: critical, Value: []byte(value)})
	}
}

func goOID(dotted string) asn1.ObjectIdentifier {
	var id asn1.ObjectIdentifier
	for part := range strings.SplitSeq(dotted, ".") {
		n, _ := new(big.Int).SetString(part, 10)
		id = append(id, int(n.Int64()))
	}
	return id
}

// policies makes the change that sets certificate policies.
func policies(ids ...string) change {
	return func(c *x509.Certificate) {
		for _, id := range ids {
			parsed, err := x509.ParseOID(id)
			if err != nil {
				panic(err)
			}
			c.Policies = append(c.Policies, parsed)
		}
	}
}

func certificates(list ...*member) []*cert.Certificate {
	var out []*cert.Certificate
	for _, m := range list {
		out = append(out, m.Certificate)
	}
	return out
}

// options trusts root and knows the others.
func options(root *member, others ...*member) path.Options {
	return path.Options{Roots: path.Anchors(root.Certificate), Intermediates: certificates(others...), Time: now, Purpose: path.ServerAuth}
}

// rules lists the rules that the most hopeful attempt broke.
func rules(r path.Result) string {
	if r.Valid {
		return "valid"
	}
	if len(r.Attempts) == 0 {
		return "no attempt"
	}
	var list []string
	for _, f := range r.Attempts[0].Failures {
		list = append(list, string(f.Rule))
	}
	return strings.Join(list, " ")
}

// explain writes the whole answer, one line for each certificate and failure.
func explain(r path.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "valid %v, %d chains tried, %s\n", r.Valid, len(r.Attempts), r.Limit)
	for i, a := range r.Attempts {
		fmt.Fprintf(&b, "chain %d:\n", i+1)
		for j, c := range a.Chain {
			fmt.Fprintf(&b, "  %d %s\n", j, c.Subject)
		}
		for _, f := range a.Failures {
			fmt.Fprintf(&b, "  - %s\n", f)
		}
	}
	return b.String()
}
