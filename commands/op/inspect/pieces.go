package inspect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/name"
	"certkdb/pki/oid"
	"certkdb/pki/pbe"
)

// inspection is one run of Inspect.
type inspection struct {
	Inspect
	ctx   context.Context
	env   *op.Env
	found Inspected
	// passwords of keys, once they were read.
	passwords [][]byte
	asked     bool
}

func (s *inspection) forget() {
	for _, password := range s.passwords {
		clear(password)
	}
}

func (s *inspection) inspect(data []byte) error {
	driver, err := s.env.RecogniseInput(s.File)
	var foreign *kdb.ForeignFormat
	switch {
	case errors.As(err, &foreign) && !foreign.Loose:
		return fmt.Errorf("reading %q: %w", op.Named(s.File), foreign)
	case errors.Is(err, kdb.ErrNeedsFile):
		return err
	case err == nil && !driver.Pieces:
		return s.store(driver, data)
	}
	return s.pieces(data)
}

// pieces reads certificates, keys and the like. Of bad ones the result says why, and the first becomes the error.
func (s *inspection) pieces(data []byte) error {
	s.found.Format = "pem"
	if data[0] == 0x30 {
		s.found.Format = "der"
	}
	var first error
	container := true
	for p, err := range pem.Items(bytes.NewReader(data)) {
		if err == nil {
			err = s.piece(&p)
		} else {
			s.bad(&p, err)
		}
		if err != nil {
			first = firstOf(first, fmt.Errorf("reading %q: %w", s.File, err))
		}
		container = container && p.Kind == pem.PKCS7
		if p.DER != nil && p.Type == "" && s.found.Format == "pem" {
			s.found.Format = "base64"
		}
	}
	if container && first == nil {
		s.found.Format = "pkcs7"
	}
	return first
}

// bad notes a piece that could not be read.
func (s *inspection) bad(p *pem.Item, err error) {
	item := newItem(p)
	item.Error = err.Error()
	s.found.Items = append(s.found.Items, item)
}

// typeOfKind are the names of pieces in results.
var typeOfKind = sync.OnceValue(func() map[pem.Kind]string {
	return map[pem.Kind]string{
		pem.Certificate: "certificate", pem.Request: "request", pem.PrivateKey: "private-key", pem.EncryptedKey: "private-key",
		pem.OpenSSHKey: "private-key", pem.PublicKey: "public-key", pem.RevocationSet: "crl", pem.Parameters: "parameters", pem.Other: "block",
		pem.PKCS7: "pkcs7", pem.PKCS12: "pkcs12",
	}
})

// typeSecretKey is the type of items that are symmetric keys.
const typeSecretKey = "secret-key"

func newItem(p *pem.Item) Item {
	item := Item{Type: typeOfKind()[p.Kind], PEMType: p.Type, Line: p.Line, Label: p.Label, LocalKeyID: fmt.Sprintf("%x", p.LocalKeyID)}
	if p.Kind == pem.Other && p.Type == op.SecretKeyBlock {
		item.Type = typeSecretKey
	}
	if p.Line == 0 {
		item.Offset = &p.Offset
	}
	return item
}

func (s *inspection) piece(p *pem.Item) error {
	switch p.Kind {
	case pem.PKCS7:
		return s.pkcs7(p)
	case pem.PKCS12:
		return s.pkcs12(p.DER)
	}
	item := newItem(p)
	err := s.fill(&item, p)
	if err != nil {
		item.Error = err.Error()
	}
	s.found.Items = append(s.found.Items, item)
	return err
}

// fill describes a piece; the error says where it stands.
func (s *inspection) fill(item *Item, p *pem.Item) error {
	switch p.Kind {
	case pem.Certificate:
		item.Trusted = p.Aux != nil && len(p.Aux.Trust) > 0
		return located(p, s.certificate(item, p.DER))
	case pem.PrivateKey, pem.EncryptedKey, pem.OpenSSHKey:
		return s.privateKey(item, p)
	}
	return located(p, s.public(item, p.DER))
}

func located(p *pem.Item, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", p.Where(), err)
}

// certificate fills in what a certificate says.
func (s *inspection) certificate(item *Item, der []byte) error {
	detail, err := newCertificate(der)
	if err != nil {
		return fmt.Errorf("%w: %w", kdb.ErrParse, err)
	}
	entry := kdb.Entry{Kind: kdb.KindTrusted, Certificates: [][]byte{der}}
	summary, err := kdb.Summarize(&entry)
	if err != nil {
		return err
	}
	item.Certificates = []Certificate{detail}
	s.summary(item, &summary)
	item.SHA256, item.SPKISHA256 = detail.SHA256, detail.SPKISHA256
	item.flaw = flawOf(der)
	return nil
}

// flawOf finds what makes every program refuse a certificate that can be read here, although keeping it does no harm: invalid times
// (RFC 5280, 4.1.2.5) and names with values that are not text (X.520, 2.6.1; RFC 5280, 4.1.2.4). "" if there is nothing of the kind.
func flawOf(der []byte) string {
	c, err := cert.Parse(der)
	switch {
	case err != nil:
		return err.Error()
	case !c.TimesReadable():
		return "a validity time is not a time"
	case !textual(c.Subject) || !textual(c.Issuer):
		return "a name has a value that is not text"
	}
	return ""
}

// textual allows BIT STRING, too, which x500UniqueIdentifier is, and SEQUENCE, which postal addresses are.
func textual(n name.Name) bool {
	const bitString, sequence, generalString = 3, 0x30, 27
	for _, rdn := range n.RDNs {
		for _, a := range rdn {
			isText := a.Value != "" || len(a.Raw) <= 2 // empty
			if a.Tag == generalString || !isText && a.Tag != bitString && a.Tag != sequence {
				return false
			}
		}
	}
	return true
}

// summary fills in what a listing of the entry would show.
func (s *inspection) summary(item *Item, summary *kdb.Summary) {
	e := op.NewEntry(summary, s.env.Now())
	item.Subject, item.Issuer, item.Serial, item.KeyType = e.Subject, e.Issuer, e.Serial, e.KeyType
	item.NotBefore, item.NotAfter, item.Status = e.NotBefore, e.NotAfter, e.Status
	item.SANs, item.Warning = e.SANs, e.Warning
}

// public fills in what needs no password and is no certificate.
func (s *inspection) public(item *Item, der []byte) error {
	if item.Type == typeSecretKey {
		return s.anyKey(item, true, der, "")
	}
	if len(der) > 0 {
		item.SHA256 = op.HexDigest(sha256.Sum256(der))
	}
	switch item.Type {
	case "request":
		return s.request(item, der)
	case "crl":
		return s.crl(item, der)
	case "public-key":
		spki, err := key.ReadPublic(der)
		if err != nil {
			return fmt.Errorf("%w: %w", kdb.ErrParse, err)
		}
		item.KeyType, item.SPKISHA256 = key.DescribePublic(spki).Type, op.HexDigest(sha256.Sum256(spki))
		item.PEM = op.PEMString("PUBLIC KEY", spki)
	}
	return nil
}

func (s *inspection) request(item *Item, der []byte) error {
	r, err := cert.ParseRequest(der)
	if err != nil {
		return fmt.Errorf("%w: %w", kdb.ErrParse, err)
	}
	summary, err := kdb.Summarize(&kdb.Entry{Kind: kdb.KindRequest, Request: der})
	if err != nil {
		return err
	}
	s.summary(item, &summary)
	item.SPKISHA256, item.PEM = op.HexDigest(sha256.Sum256(r.RawSPKI)), op.PEMString("CERTIFICATE REQUEST", der)
	item.Extensions = newExtensions(cert.DescribeExtensions(r.Extensions))
	return nil
}

func (s *inspection) crl(item *Item, der []byte) error {
	c, err := cert.ParseCRL(der)
	if err != nil {
		return fmt.Errorf("%w: %w", kdb.ErrParse, err)
	}
	revoked := len(c.Revoked)
	item.Issuer, item.Revoked = c.Issuer.String(), &revoked
	item.ThisUpdate, item.NextUpdate = op.TimePointer(c.ThisUpdate), op.TimePointer(c.NextUpdate)
	if c.Number != nil {
		item.Number = c.Number.String()
	}
	for i := range c.Revoked {
		item.RevokedCertificates = append(item.RevokedCertificates, revokedCertificate(&c.Revoked[i]))
	}
	others := slices.DeleteFunc(slices.Clone(c.Extensions), func(e cert.Extension) bool { return e.ID == oid.CRLNumber && c.Number != nil })
	item.Extensions, item.PEM = newExtensions(cert.DescribeExtensions(others)), op.PEMString("X509 CRL", der)
	return nil
}

func revokedCertificate(r *cert.Revoked) RevokedCertificate {
	out := RevokedCertificate{
		Serial: r.SerialHex(), RevokedAt: r.Date.UTC(), Reason: r.Reason.String(), Hold: r.Reason == cert.CertificateHold,
		InvalidSince: op.TimePointer(r.InvalidityDate()),
	}
	for _, n := range r.Issuer {
		out.Issuer = strings.TrimPrefix(out.Issuer+", "+n.String(), ", ")
	}
	return out
}

// privateKey opens a key if it can. A key for which no password was given is described as far as it goes.
func (s *inspection) privateKey(item *Item, p *pem.Item) error {
	if p.Kind == pem.EncryptedKey {
		if err := describeEncryption(item, p); err != nil {
			return located(p, err)
		}
	}
	private, err := s.open(p)
	if errors.Is(err, errClosed) {
		item.Locked = true
		return nil
	}
	if err != nil {
		return err
	}
	defer clear(private.PKCS8)
	s.key(item, &private)
	return nil
}

// errClosed says that no password was given.
var errClosed = fmt.Errorf("%w for the encrypted keys", kdb.ErrNoPassword)

// open tries the passwords one after the other.
func (s *inspection) open(p *pem.Item) (key.Private, error) {
	tried := 0
	for {
		more := false
		private, err := p.OpenKey(func(string) ([]byte, error) {
			passwords, err := s.keyPasswords()
			if err != nil {
				return nil, err
			}
			if tried >= len(passwords) {
				return nil, errClosed
			}
			more = tried+1 < len(passwords)
			return passwords[tried], nil
		})
		tried++
		if !more || !errors.Is(err, kdb.ErrPassword) {
			return private, err
		}
	}
}

// keyPasswords reads the passwords once.
func (s *inspection) keyPasswords() ([][]byte, error) {
	if s.asked {
		return s.passwords, nil
	}
	for _, source := range append([]op.Password{s.Password}, s.KeyPasswords...) {
		if !source.Given() {
			continue
		}
		password, err := source.Read(s.env, "private keys")
		if err != nil {
			return nil, err
		}
		s.passwords = append(s.passwords, password)
	}
	s.asked = true
	return s.passwords, nil
}

func describeEncryption(item *Item, p *pem.Item) error {
	if p.Header("DEK-Info") == "" {
		if _, _, err := pbe.SplitPKCS8(p.DER); err != nil {
			return fmt.Errorf("%w: %w", kdb.ErrParse, err)
		}
	}
	item.Encryption = p.Encryption()
	return nil
}

func (s *inspection) key(item *Item, private *key.Private) {
	item.KeyType, item.PKCS8SHA256 = private.Type, op.HexDigest(sha256.Sum256(private.PKCS8))
	if private.SPKI != nil {
		item.SPKISHA256 = op.HexDigest(sha256.Sum256(private.SPKI))
	}
}

// pkcs7 shows the contents of PKCS #7.
func (s *inspection) pkcs7(p *pem.Item) error {
	contents, err := pkcs7.Parse(p.DER)
	if err != nil {
		err = fmt.Errorf("%s: %w", p.Where(), err)
		s.bad(p, err)
		return err
	}
	var first error
	add := func(n int, item Item, fill func(*Item) error) {
		if err := fill(&item); err != nil {
			err = fmt.Errorf("%s, %s %d: %w", p.Where(), item.Type, n+1, err)
			item.Error = err.Error()
			first = firstOf(first, err)
		}
		s.found.Items = append(s.found.Items, item)
	}
	for i, der := range contents.Certificates {
		add(i, Item{Type: "certificate", Line: p.Line}, func(item *Item) error { return s.certificate(item, der) })
	}
	for i, der := range contents.CRLs {
		add(i, Item{Type: "crl", Line: p.Line}, func(item *Item) error { return s.public(item, der) })
	}
	return first
}

// firstOf keeps the first error.
func firstOf(first, next error) error {
	if first != nil {
		return first
	}
	return next
}
