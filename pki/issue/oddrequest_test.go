package issue_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/pki"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// oddRequest writes a PKCS #10 request by hand (RFC 2986, 4): what no library makes, others send.
type oddRequest struct {
	version    int64
	subject    []byte   // DER
	attributes [][]byte // DER; nil leaves them out altogether
	pss        bool     // an RSA key, signed by RSASSA-PSS with a salt of 20 bytes
}

func element(tag asn1.Tag, parts ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, p := range parts {
			b.AddBytes(p)
		}
	})
	return b.BytesOrPanic()
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// commonName is a subject of one attribute, a UTF8String.
func commonName(value string) []byte {
	return element(asn1.SEQUENCE, element(asn1.SET, element(asn1.SEQUENCE, []byte("\x06\x03\x55\x04\x03"),
		element(asn1.UTF8String, []byte(value)))))
}

// asks is an attribute of an identifier in hexadecimal DER that asks for a DNS name in an extension.
func asks(t testing.TB, id, dns string) []byte {
	san := element(asn1.SEQUENCE, element(asn1.Tag(2).ContextSpecific(), []byte(dns)))
	extension := element(asn1.SEQUENCE, []byte("\x06\x03\x55\x1d\x11"), element(asn1.OCTET_STRING, san))
	return element(asn1.SEQUENCE, unhex(t, id), element(asn1.SET, element(asn1.SEQUENCE, extension)))
}

func (o oddRequest) der(t testing.TB) []byte {
	t.Helper()
	var signer crypto.Signer
	var options crypto.SignerOpts = crypto.SHA256
	var err error
	algorithm := unhex(t, "300a06082a8648ce3d040302") // ecdsa-with-SHA256
	if signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); o.pss {
		// RSASSA-PSS with SHA-256, MGF1 with SHA-256, and the default salt (RFC 4055, 3.1).
		algorithm = unhex(t,
			"303c06092a864886f70d01010a302fa00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500")
		options = &rsa.PSSOptions{SaltLength: 20, Hash: crypto.SHA256}
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	var version cryptobyte.Builder
	version.AddASN1Int64(o.version)
	info := [][]byte{version.BytesOrPanic(), o.subject, spki}
	if o.attributes != nil {
		info = append(info, element(asn1.Tag(0).Constructed().ContextSpecific(), o.attributes...))
	}
	tbs := element(asn1.SEQUENCE, info...)
	digest := sha256.Sum256(tbs)
	signature, err := signer.Sign(rand.Reader, digest[:], options)
	if err != nil {
		t.Fatal(err)
	}
	return element(asn1.SEQUENCE, tbs, algorithm, element(asn1.BIT_STRING, []byte{0}, signature))
}

func TestSign_oddRequests(t *testing.T) {
	t.Parallel()
	const extensionRequest, ms = "06092a864886f70d01090e", "060a2b06010401823702010e"
	ca, _ := issuetest.NewCA(t, issue.Request{})
	good := commonName("odd.example.com")
	for _, c := range []struct {
		rule    string
		request oddRequest
		kind    error // nil: it is signed
		says    string
	}{
		{"no attributes at all", oddRequest{subject: good}, nil, ""},
		{"an empty list of attributes", oddRequest{subject: good, attributes: [][]byte{}}, nil, ""},
		{"Microsoft's attribute", oddRequest{subject: good, attributes: [][]byte{asks(t, ms, "ms.example.com")}}, nil, ""},
		{"a version of its own", oddRequest{version: 1, subject: good}, nil, ""},
		{"RSASSA-PSS with a salt of another length", oddRequest{subject: good, pss: true}, nil, ""},
		{
			"extensions asked for twice",
			oddRequest{subject: good, attributes: [][]byte{asks(t, extensionRequest, "a.example.com"), asks(t, ms, "b.example.com")}},
			pki.ErrParse,
			"its attribute extensionRequest: it is there more than once",
		},
		{
			"a name with spaces",
			oddRequest{subject: good, attributes: [][]byte{asks(t, extensionRequest, "a b<>")}},
			pki.ErrRefused,
			"is not a host name",
		},
		{"an empty name", oddRequest{subject: good, attributes: [][]byte{asks(t, extensionRequest, "")}}, pki.ErrRefused, "is empty"},
		{
			"NUL in a name",
			oddRequest{subject: good, attributes: [][]byte{asks(t, extensionRequest, "a.example.com\x00.example.org")}},
			pki.ErrRefused, "not allowed",
		},
		{"NUL in the subject", oddRequest{subject: commonName("a\x00b")}, pki.ErrRefused, "control character"},
		{"a subject that is not UTF-8", oddRequest{subject: commonName("a\xffb")}, pki.ErrRefused, "not UTF-8"},
		{"nobody", oddRequest{subject: element(asn1.SEQUENCE)}, pki.ErrRefused, "needs a subject or an alternative name"},
		{
			"an empty part",
			oddRequest{subject: append([]byte{}, element(asn1.SEQUENCE, element(asn1.SET), good[2:])...)},
			pki.ErrRefused,
			"a part of the subject is empty",
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			issued, err := ca.Sign(c.request.der(t), issue.Request{}, false)
			switch {
			case c.kind == nil && err != nil:
				t.Error(err)
			case c.kind == nil:
				if ours, _ := issuetest.Parse(t, issued.Certificate); ours.Subject.CommonName() != "odd.example.com" {
					t.Error(ours.Subject)
				}
			case !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says):
				t.Errorf("%v, not %q", err, c.says)
			}
		})
	}
}

// A certificate for rsaEncryption would lift the restriction of an RSASSA-PSS key (RFC 4055, 1.2).
func TestSign_refusesKeysOnlyForPSS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	issuetest.MustTool(t, dir, "openssl", "req", "-new", "-newkey", "rsa-pss:2048", "-nodes", "-keyout", "key.pem", "-subj", "/CN=x",
		"-outform", "DER", "-out", "req.der")
	request, err := os.ReadFile(filepath.Join(dir, "req.der"))
	if err != nil {
		t.Fatal(err)
	}
	ca, _ := issuetest.NewCA(t, issue.Request{})
	if _, err := ca.Sign(request, issue.Request{}, false); !errors.Is(err, pki.ErrRefused) || !strings.Contains(err.Error(), "rsapss2048") {
		t.Errorf("%v", err)
	}
}
