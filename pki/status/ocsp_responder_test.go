package status_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
	"certkdb/pki/path"
	"certkdb/pki/status"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// signed is a forged certificate with its key.
type signed struct {
	*x509.Certificate
	key crypto.Signer
}

// forge signs a certificate; a nil issuer makes it self-signed.
func forge(t *testing.T, issuer *signed, serial int64, change func(*x509.Certificate)) *signed {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "certificate " + big.NewInt(serial).String()},
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0), BasicConstraintsValid: true,
	}
	change(c)
	if issuer == nil {
		issuer = &signed{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer.Certificate, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signed{made, key}
}

func (s *signed) read(t *testing.T) *cert.Certificate {
	t.Helper()
	c, err := cert.Parse(s.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReadOCSP_responders asks who may answer for a CA (RFC 6960, 4.2.2.2).
func TestReadOCSP_responders(t *testing.T) {
	t.Parallel()
	isCA := func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign }
	responds := func(more ...func(*x509.Certificate)) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.ExtKeyUsage, c.KeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, x509.KeyUsageDigitalSignature
			for _, m := range more {
				m(c)
			}
		}
	}
	extension := func(critical bool, id ...int) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: asn1.NullBytes})
		}
	}
	noCheck := extension(false, 1, 3, 6, 1, 5, 5, 7, 48, 1, 5)
	root := forge(t, nil, 1, isCA)
	ca := forge(t, root, 2, isCA)
	leaf := forge(t, ca, 3, func(*x509.Certificate) {}).read(t)
	other := forge(t, root, 4, func(c *x509.Certificate) { isCA(c); c.Subject = ca.Subject })
	withdrawn := forge(t, ca, 5, responds())
	checked := path.Options{Time: time.Now(), RequireCRLs: true, CRLs: []*cert.CRL{listOf(t, ca, withdrawn)}}
	plain := path.Options{Time: time.Now()}
	tests := []struct {
		rule   string
		signer *signed
		o      path.Options
		want   string // part of the error; "" if there is none
	}{
		{"the CA itself, with its certificate", ca, plain, ""},
		{"one that the CA delegated to", forge(t, ca, 10, responds()), plain, ""},
		{"the CA's issuer", root, plain, "not of the same issuer"},
		{"a responder of another key of the name", forge(t, other, 11, responds()), plain, "the signature does not verify"},
		{"a responder of the root", forge(t, root, 12, responds()), plain, "not of the same issuer"},
		{"without the usage", forge(t, ca, 13, func(*x509.Certificate) {}), plain, "does not name OCSPSigning"},
		{
			"for any usage", forge(t, ca, 14, responds(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} })),
			plain, "does not name OCSPSigning",
		},
		{
			"without digitalSignature", forge(t, ca, 15, responds(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })), plain,
			"lacks digitalSignature",
		},
		{"expired", forge(t, ca, 16, responds(func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, -1) })), plain, "it expired on"},
		{"with an unknown critical extension", forge(t, ca, 17, responds(extension(true, 1, 2, 3, 4))), plain, "critical extension"},
		{"revoked", withdrawn, checked, "it was revoked on"},
		{"not revoked", forge(t, ca, 18, responds()), checked, ""},
		{"no list for it", forge(t, ca, 19, responds()), path.Options{Time: time.Now(), RequireCRLs: true}, "no CRL for it was given"},
		{"no list for it, and none wanted", forge(t, ca, 20, responds(noCheck)), path.Options{Time: time.Now(), RequireCRLs: true}, ""},
	}
	for _, test := range tests {
		der, err := ocsp.CreateResponse(ca.Certificate, test.signer.Certificate, ocsp.Response{
			Status: ocsp.Good, SerialNumber: leaf.Serial, ThisUpdate: time.Now(), Certificate: test.signer.Certificate, IssuerHash: crypto.SHA256,
		}, test.signer.key)
		if err != nil {
			t.Fatal(err)
		}
		a, err := status.ReadOCSP(der, leaf, ca.read(t), test.o)
		switch {
		case test.want == "" && (err != nil || a.Status != status.Good):
			t.Errorf("%s: %+v, %v", test.rule, a, err)
		case test.want != "" && (!errors.Is(err, pki.ErrRefused) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", test.rule, err, test.want)
		}
	}
}

// listOf is the CA's revocation list with one certificate on it.
func listOf(t *testing.T, ca, revoked *signed) *cert.CRL {
	t.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: revoked.SerialNumber, RevocationTime: time.Now().Add(-time.Hour)}},
	}, ca.Certificate, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	list, err := cert.ParseCRL(der)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestReadOCSP_algorithms reads responses that are signed in ways that package ocsp does not know.
func TestReadOCSP_algorithms(t *testing.T) {
	t.Parallel()
	stand, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for keyType, algorithm := range map[string]string{
		"ed25519": "\x30\x05\x06\x03\x2b\x65\x70", "mldsa65": "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12",
	} {
		ca, root := issuetest.NewCA(t, issue.Request{KeyType: keyType})
		c, _ := issuetest.Parse(t, issuetest.Issue(t, ca, issue.Request{Subject: issuetest.Name(t, "CN=leaf")}).Certificate)
		of := &x509.Certificate{RawSubject: ca.Certificate().RawSubject, RawSubjectPublicKeyInfo: ca.Certificate().RawSPKI}
		der, err := ocsp.CreateResponse(of, of, ocsp.Response{Status: ocsp.Good, SerialNumber: c.Serial, ThisUpdate: time.Now()}, stand)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := root.Key.Signer()
		if err != nil {
			t.Fatal(err)
		}
		good := resigned(t, der, algorithm, signer)
		if a, err := status.ReadOCSP(good, c, ca.Certificate(), path.Options{Time: time.Now()}); err != nil || a.Status != status.Good {
			t.Errorf("%s: %+v, %v", keyType, a, err)
		}
		good[len(good)-9] ^= 1
		if _, err := status.ReadOCSP(good, c, ca.Certificate(), path.Options{Time: time.Now()}); !errors.Is(err, pki.ErrRefused) ||
			!strings.Contains(err.Error(), "does not verify") {
			t.Errorf("%s, harmed: %v", keyType, err)
		}
	}
}

// resigned puts another signature, the last thing in it, into a response.
func resigned(t *testing.T, response []byte, algorithm string, signer crypto.Signer) []byte {
	t.Helper()
	in := cryptobyte.String(response)
	var outer, explicit, body, id, basic, seq, tbs cryptobyte.String
	explicitTag := tags.Tag(0).ContextSpecific().Constructed()
	if !in.ReadASN1(&outer, tags.SEQUENCE) || !outer.SkipASN1(tags.ENUM) || !outer.ReadASN1(&explicit, explicitTag) ||
		!explicit.ReadASN1(&body, tags.SEQUENCE) || !body.ReadASN1Element(&id, tags.OBJECT_IDENTIFIER) ||
		!body.ReadASN1(&basic, tags.OCTET_STRING) || !basic.ReadASN1(&seq, tags.SEQUENCE) || !seq.ReadASN1Element(&tbs, tags.SEQUENCE) {
		t.Fatal("no response")
	}
	signature, err := signer.Sign(rand.Reader, tbs, crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	var b cryptobyte.Builder
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(explicitTag, func(b *cryptobyte.Builder) {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(id)
				b.AddASN1(tags.OCTET_STRING, func(b *cryptobyte.Builder) {
					b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddBytes(tbs)
						b.AddBytes([]byte(algorithm))
						b.AddASN1BitString(signature)
					})
				})
			})
		})
	})
	return b.BytesOrPanic()
}
