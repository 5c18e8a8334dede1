package pem_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/kdb/keyfile/pkcs7"
)

// identity is a key and its certificate.
type identity struct {
	key  crypto.Signer
	cert *x509.Certificate
}

// issue makes a certificate; by a nil issuer it signs itself.
func issue(t testing.TB, cn string, issuer *identity, ca bool) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cn}, IsCA: ca, BasicConstraintsValid: true,
		NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
	}
	if issuer == nil {
		issuer = &identity{key, template}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{key, cert}
}

func (i *identity) certPEM() string { return armoured("CERTIFICATE", i.cert.Raw) }

func (i *identity) pkcs8(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (i *identity) keyPEM(t testing.TB) string { return armoured("PRIVATE KEY", i.pkcs8(t)) }

func (i *identity) request(t testing.TB) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: i.cert.Subject}, i.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// entries collects entries in short: kind, common name or label, number of certificates, P for a key.
func entries(input string, o pem.Options) ([]pem.Entry, error) {
	var list []pem.Entry
	for e, err := range pem.Entries(pem.Items(strings.NewReader(input)), o) {
		if err != nil {
			return list, err
		}
		if err := e.Check(); err != nil {
			return list, fmt.Errorf("an entry that cannot be stored: %w", err)
		}
		list = append(list, e)
	}
	return list, nil
}

func short(list []pem.Entry) string {
	var out []string
	for _, e := range list {
		label := e.Label
		if i := strings.LastIndexByte(label, '-'); i > 0 {
			label = label[:i]
		}
		s := fmt.Sprintf("%s %s %d", e.Kind, label, len(e.Certificates))
		if !e.Trusted && e.Kind == kdb.KindTrusted {
			s += " distrusted"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func TestEntries_grouping(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	sub := issue(t, "sub", root, true)
	leaf := issue(t, "leaf", sub, false)
	other := issue(t, "other", nil, true)
	bundle, err := pkcs7.Encode([][]byte{root.cert.Raw, other.cert.Raw})
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(leaf.key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	request := armoured("CERTIFICATE REQUEST", leaf.request(t))
	reject := der(0x30, der(0xa0, der(6, []byte{0x55, 0x1d, 0x25, 0})))
	for _, c := range []struct{ name, input, want string }{
		{"certificates are trusted", root.certPEM() + other.certPEM(), "trusted root 1, trusted other 1"},
		{
			"a key, its certificate and its chain", leaf.keyPEM(t) + leaf.certPEM() + sub.certPEM() + root.certPEM() + other.certPEM(),
			"personal leaf 3, trusted other 1",
		},
		{"in any order", other.certPEM() + root.certPEM() + leaf.certPEM() + sub.certPEM() + leaf.keyPEM(t), "personal leaf 3, trusted other 1"},
		{"a gap in the chain", leaf.keyPEM(t) + leaf.certPEM() + root.certPEM(), "personal leaf 1, trusted root 1"},
		{"two keys", leaf.keyPEM(t) + leaf.certPEM() + sub.certPEM() + sub.keyPEM(t) + root.certPEM(), "personal leaf 3, personal sub 2"},
		{"a self-signed one", other.certPEM() + other.keyPEM(t), "personal other 1"},
		{"the key twice", leaf.keyPEM(t) + leaf.certPEM() + armoured("EC PRIVATE KEY", sec1), "personal leaf 1"},
		{"the certificate twice", leaf.keyPEM(t) + leaf.certPEM() + leaf.certPEM(), "personal leaf 1"},
		{
			"SEC 1 with parameters",
			armoured("EC PARAMETERS", der(6, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7})) + armoured("EC PRIVATE KEY", sec1) + leaf.certPEM(),
			"personal leaf 1",
		},
		{"a request", request + leaf.keyPEM(t), "request leaf 0"},
		{"a request and its certificate", request + leaf.keyPEM(t) + leaf.certPEM(), "personal leaf 1"},
		{"PKCS #7", armoured("PKCS7", bundle) + leaf.certPEM(), "trusted root 1, trusted other 1, trusted leaf 1"},
		{"PKCS #7 in DER", string(bundle), "trusted root 1, trusted other 1"},
		{"the chain in PKCS #7", leaf.keyPEM(t) + leaf.certPEM() + sub.certPEM() + armoured("PKCS7", bundle), "personal leaf 3, trusted other 1"},
		{"DER after DER", string(leaf.cert.Raw) + string(leaf.pkcs8(t)), "personal leaf 1"},
		{
			"distrusted", armoured("TRUSTED CERTIFICATE", append(root.cert.Raw[:len(root.cert.Raw):len(root.cert.Raw)], reject...)),
			"trusted root 1 distrusted",
		},
	} {
		list, err := entries(c.input, pem.Options{})
		if got := short(list); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}
}

func TestEntries_keepsWhatCame(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	list, err := entries("Bag Attributes\n    friendlyName: My Server\n    localKeyID: AB CD\n"+leaf.certPEM()+
		"Bag Attributes\n    friendlyName: its key\n"+leaf.keyPEM(t), pem.Options{})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	e := list[0]
	if e.Label != "My Server" || !bytes.Equal(e.LocalKeyID, []byte{0xab, 0xcd}) || !bytes.Equal(e.Key, leaf.pkcs8(t)) ||
		!bytes.Equal(e.Certificates[0], leaf.cert.Raw) {
		t.Errorf("got %q %x", e.Label, e.LocalKeyID)
	}
	list, err = entries("friendlyName: its key\n"+leaf.keyPEM(t)+leaf.certPEM(), pem.Options{})
	if err != nil || len(list) != 1 || list[0].Label != "its key" {
		t.Errorf("the label of the key is lost: %v %v", list, err)
	}
}

func TestEntries_errors(t *testing.T) {
	t.Parallel()
	leaf, other := issue(t, "leaf", nil, false), issue(t, "other", nil, false)
	bad := armoured("CERTIFICATE", certificate(1)) // of the right shape only
	good := leaf.certPEM()
	lines := strings.Count(good, "\n")
	for _, c := range []struct {
		name, input string
		want        error
		text        string
	}{
		{"key alone", leaf.keyPEM(t), pem.ErrNoCertificate, "private key 1 (line 1)"},
		{"key of another", leaf.keyPEM(t) + other.certPEM(), pem.ErrNoCertificate, "private key 1 (line 1)"},
		{"bad certificate", good + good + bad, kdb.ErrParse, fmt.Sprintf("certificate 3 (line %d)", 2*lines+1)},
		{
			"bad request", armoured("CERTIFICATE REQUEST", der(0x30, der(0x30, integer(0), empty, algorithm), algorithm, bits)) + good,
			kdb.ErrParse, "certificate request 1 (line 1)",
		},
		{"garbled", good + strings.Replace(good, "MII", "M*I", 1), kdb.ErrParse, fmt.Sprintf("certificate 2 (line %d)", lines+1)},
		{"public key alone", armoured("PUBLIC KEY", leaf.cert.RawSubjectPublicKeyInfo), kdb.ErrParse, "it holds a public key"},
		{"request alone", armoured("CERTIFICATE REQUEST", leaf.request(t)), kdb.ErrParse, "it holds a certificate request"},
		{
			"encrypted, nobody to ask",
			"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n" +
				"DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAECAwQFBgc=\n-----END RSA PRIVATE KEY-----\n",
			kdb.ErrNoPassword, "encrypted private key 1 (line 1)",
		},
	} {
		_, err := entries(c.input, pem.Options{})
		if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.text) {
			t.Errorf("%s: %v; want %v with %q", c.name, err, c.want, c.text)
		}
	}
}

func TestEntries_invalidPiecesAreLeftOut(t *testing.T) {
	t.Parallel()
	leaf, other := issue(t, "leaf", nil, false), issue(t, "other", nil, false)
	var reported []error
	input := leaf.certPEM() + armoured("CERTIFICATE", certificate(1)) + strings.Replace(leaf.certPEM(), "MII", "M*I", 1) + leaf.keyPEM(t) +
		issue(t, "x", nil, false).keyPEM(t) + other.certPEM()
	list, err := entries(input, pem.Options{Invalid: func(err error) { reported = append(reported, err) }})
	if got := short(list); err != nil || got != "personal leaf 1, trusted other 1" || len(reported) != 3 {
		t.Errorf("got %s, %v, reported %v", got, err, reported)
	}
}

func TestEntries_ignoredPiecesAreNamed(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	var ignored []pem.Kind
	input := leaf.certPEM() + armoured("PUBLIC KEY", leaf.cert.RawSubjectPublicKeyInfo) + armoured("CERTIFICATE REQUEST", leaf.request(t))
	list, err := entries(input, pem.Options{Ignored: func(i pem.Item) { ignored = append(ignored, i.Kind) }})
	if err != nil || len(list) != 1 || fmt.Sprint(ignored) != "[public key certificate request]" {
		t.Errorf("got %v %v, ignored %v", list, err, ignored)
	}
}

// A bundle is passed on before it was read to its end, so that memory stays flat.
func TestEntries_streams(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	blocks, read := 100_000, 0
	items := func(yield func(pem.Item, error) bool) {
		for i := range blocks {
			read++
			if !yield(pem.Item{Kind: pem.Certificate, DER: leaf.cert.Raw, Number: i + 1, Line: 1}, nil) {
				return
			}
		}
	}
	for _, err := range pem.Entries(items, pem.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if read > blocks/2 {
		t.Errorf("%d of %d certificates were read before the first entry came out", read, blocks)
	}
}

// Of thousands of keys with certificates that are not theirs, each is reported, and the one pair is found.
func TestEntries_manyKeys(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	good, private := leaf.keyPEM(t)+leaf.certPEM(), leaf.keyPEM(t)
	var input strings.Builder
	input.WriteString(good)
	const keys = 3000
	for range keys {
		_, other, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		input.WriteString(armoured("PRIVATE KEY", pkcs8Of(t, other)) + leaf.certPEM())
	}
	input.WriteString(private)
	bad := 0
	list, err := entries(input.String(), pem.Options{Invalid: func(error) { bad++ }})
	if err != nil || short(list) != "personal leaf 1" || bad != keys {
		t.Errorf("got %s, %v, %d bad", short(list), err, bad)
	}
}

func BenchmarkEntries(b *testing.B) {
	block := issue(b, "leaf", nil, false).certPEM()
	input := strings.Repeat(block, 10000)
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range pem.Entries(pem.Items(strings.NewReader(input)), pem.Options{}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestEntries_expiredIssuerFirst: of two certificates of one CA the chain has the one that is valid longer, wherever it stands.
func TestEntries_expiredIssuerFirst(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	sub := issue(t, "sub", root, true)
	leaf := issue(t, "leaf", sub, false)
	template := *sub.cert
	template.NotBefore, template.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, &template, root.cert, sub.key.Public(), root.key)
	if err != nil {
		t.Fatal(err)
	}
	expired := armoured("CERTIFICATE", der)
	for _, text := range []string{
		leaf.keyPEM(t) + leaf.certPEM() + expired + sub.certPEM() + root.certPEM(),
		leaf.keyPEM(t) + leaf.certPEM() + sub.certPEM() + expired + root.certPEM(),
	} {
		found := false
		for e, err := range pem.Entries(pem.Items(strings.NewReader(text)), pem.Options{}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind != kdb.KindPersonal {
				continue
			}
			found = true
			if len(e.Certificates) != 3 || !bytes.Equal(e.Certificates[1], sub.cert.Raw) {
				t.Errorf("the chain has %d certificates, or the expired one", len(e.Certificates))
			}
		}
		if !found {
			t.Error("no personal entry")
		}
	}
}
