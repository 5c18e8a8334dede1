package optest

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
	"sync/atomic"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/cert"
)

// Identity is a private key with its certificate, and the chain above it without the root.
type Identity struct {
	Certificate []byte
	Chain       [][]byte
	Key         []byte // PKCS #8
	signer      crypto.Signer
	parsed      *x509.Certificate
}

var lastSerial atomic.Int64

// Adapt changes a certificate before it is signed.
type Adapt = func(*x509.Certificate)

// NewCA makes a root.
func NewCA(t testing.TB, name string, changes ...Adapt) *Identity {
	t.Helper()
	return (*Identity)(nil).issue(t, name, true, Now.AddDate(5, 0, 0), changes...)
}

// CA makes an intermediate CA.
func (i *Identity) CA(t testing.TB, name string, changes ...Adapt) *Identity {
	t.Helper()
	return i.issue(t, name, true, Now.AddDate(3, 0, 0), changes...)
}

// Issue makes an identity for a host, valid for a year.
func (i *Identity) Issue(t testing.TB, host string, changes ...Adapt) *Identity {
	t.Helper()
	return i.issue(t, host, false, Now.AddDate(1, 0, 0), changes...)
}

// Until makes an identity for a host, valid until a time.
func (i *Identity) Until(t testing.TB, host string, end time.Time) *Identity {
	t.Helper()
	return i.issue(t, host, false, end)
}

func (i *Identity) issue(t testing.TB, name string, isCA bool, end time.Time, changes ...Adapt) *Identity {
	t.Helper()
	signer, pkcs8 := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x1000 + lastSerial.Add(1)), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true, IsCA: isCA,
		NotBefore: Now.AddDate(-1, 0, 0), NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if isCA {
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	} else {
		template.DNSNames, template.ExtKeyUsage = []string{name}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, change := range changes {
		change(template)
	}
	made := &Identity{Key: pkcs8, signer: signer}
	parent, by := template, signer
	if i != nil {
		parent, by = i.parsed, i.signer
		if i.parsed.Issuer.String() != i.parsed.Subject.String() {
			made.Chain = append([][]byte{i.Certificate}, i.Chain...)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, signer.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	made.Certificate = der
	if made.parsed, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return made
}

func newKey(t testing.TB) (crypto.Signer, []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return private, pkcs8
}

// As is the CA under another spelling of its name, which what it issues will have.
func (i *Identity) As(t testing.TB, name string) *Identity {
	t.Helper()
	other, parsed := *i, *i.parsed
	var err error
	if parsed.RawSubject, err = asn1.Marshal(pkix.Name{CommonName: name}.ToRDNSequence()); err != nil {
		t.Fatal(err)
	}
	other.parsed = &parsed
	return &other
}

// Trusted is the certificate as a trusted entry.
func (i *Identity) Trusted(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{i.Certificate}}
}

// Personal is an entry with the key, the certificate and its chain.
func (i *Identity) Personal(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindPersonal, Certificates: append([][]byte{i.Certificate}, i.Chain...), Key: i.Key}
}

// Default is the personal entry, marked as the default.
func (i *Identity) Default(label string) kdb.Entry {
	e := i.Personal(label)
	e.Default = true
	return e
}

// Parts are the certificate and the key as Go has them.
func (i *Identity) Parts() (*x509.Certificate, crypto.Signer) { return i.parsed, i.signer }

// Serial is the serial number of the certificate.
func (i *Identity) Serial(t testing.TB) string {
	t.Helper()
	c, err := cert.Parse(i.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	return c.SerialHex()
}

// Request makes an entry with a certificate request and its key.
func Request(t testing.TB, label string) kdb.Entry {
	t.Helper()
	signer, pkcs8 := newKey(t)
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: label}, DNSNames: []string{label + ".example"}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, signer)
	if err != nil {
		t.Fatal(err)
	}
	return kdb.Entry{Label: label, Kind: kdb.KindRequest, Request: der, Key: pkcs8}
}

// Receive issues the certificate for a request.
func (i *Identity) Receive(t testing.TB, request []byte) []byte {
	t.Helper()
	r, err := x509.ParseCertificateRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x1000 + lastSerial.Add(1)), Subject: r.Subject, DNSNames: r.DNSNames, BasicConstraintsValid: true,
		NotBefore: Now.AddDate(0, 0, -1), NotAfter: Now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.parsed, r.PublicKey, i.signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Secret is an entry with a secret key.
func Secret(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef"), KeyAlgorithm: "AES"}
}

// Crowd are trusted entries of roots that have nothing to do with the others.
func Crowd(t testing.TB, n int) []kdb.Entry {
	t.Helper()
	crowd := make([]kdb.Entry, n)
	for i := range crowd {
		crowd[i] = NewCA(t, fmt.Sprintf("Root %d of the crowd", i)).Trusted(fmt.Sprintf("crowd %d", i))
	}
	return crowd
}

// SameReads calls do with sessions on a small and a large database, and reports if it reads more records of the large one.
func SameReads(t *testing.T, what string, entries []kdb.Entry, do func(s *op.Session) error) {
	t.Helper()
	reads := func(crowd int) int {
		s, store := Sealed(t, append(Crowd(t, crowd), entries...)...)
		before := store.Reads()
		if err := do(s); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return store.Reads() - before
	}
	// A look-up may meet one more record of a larger index.
	if small, large := reads(2), reads(120); large > small+small/4+2 {
		t.Errorf("%s: %d records are read in a database of %d entries, %d in one of %d",
			what, large, 120+len(entries), small, 2+len(entries))
	}
}

// CRL makes a revocation list of the CA.
func (i *Identity) CRL(t testing.TB, number int64, revoked ...x509.RevocationListEntry) []byte {
	t.Helper()
	template := &x509.RevocationList{
		Number: big.NewInt(number), ThisUpdate: Now.Add(-time.Hour), NextUpdate: Now.AddDate(0, 0, 7), RevokedCertificateEntries: revoked,
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, i.parsed, i.signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Revoked is an entry of a revocation list; since is its invalidity date, if it is not zero.
func Revoked(serial int64, reason int, since time.Time) x509.RevocationListEntry {
	e := x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: Now.Add(-time.Hour), ReasonCode: reason}
	if !since.IsZero() {
		value, _ := asn1.MarshalWithParams(since, "generalized") // a time always has an encoding
		e.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 24}, Value: value}}
	}
	return e
}
