// Package inspect has the operations that show and judge, and change nothing: list, show, check, validate, lint.
package inspect

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/deploy"
	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/key"
)

// Show tells all about one entry.
type Show struct {
	Label string
}

// Shown is an entry with its certificates in detail.
type Shown struct {
	op.Entry
	// KeyEncryption tells how the private key is encrypted in its database, "" if the entry has none.
	KeyEncryption string        `json:"key_encryption,omitempty"`
	Certificates  []Certificate `json:"certificates"`
	RequestPEM    string        `json:"request_pem,omitempty"`
	// Request is the request in detail, as far as a request has what a certificate has.
	Request *Certificate `json:"-"`
	// RevokedAt and Reason are set, and the status is revoked, if its CA is in the database and has taken it back.
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	// Deployments are the files that the entry is deployed to.
	Deployments []deploy.Target `json:"deployments"`
}

// Certificate is one certificate in detail.
type Certificate struct {
	Subject            string      `json:"subject"`
	Issuer             string      `json:"issuer"`
	Serial             string      `json:"serial"`
	SerialDecimal      string      `json:"serial_decimal"`
	Version            int         `json:"version"`
	NotBefore          time.Time   `json:"not_before"`
	NotAfter           time.Time   `json:"not_after"`
	KeyType            string      `json:"key_type"`
	SignatureAlgorithm string      `json:"signature_algorithm"`
	SHA256             string      `json:"sha256"`
	SHA1               string      `json:"sha1"`
	SPKISHA256         string      `json:"spki_sha256"`
	Extensions         []Extension `json:"extensions"`
	Warning            string      `json:"warning,omitempty"`
	PEM                string      `json:"pem"`

	// Raw are the parts that other programs show byte by byte.
	Raw Raw `json:"-"`
}

// Raw are parts of a certificate or request as they stand in it.
type Raw struct {
	DER, SPKI, Signature         []byte
	KeyOID, SignatureOID         string // dotted
	KeyBits                      int    // 0 if the kind of key has no size
	SubjectKeyID, AuthorityKeyID []byte
	SAN                          [][2]string // kinds ("dns") and values, in their order
}

// Extension is one extension in words.
type Extension struct {
	Name     string `json:"name"`
	Critical bool   `json:"critical"`
	Value    string `json:"value"`
}

// Run shows.
func (o Show) Run(ctx context.Context, s *op.Session) (Shown, error) {
	var shown Shown
	err := s.View(ctx, func(tx kdb.Tx) error {
		summary, err := op.MustHave(tx, o.Label)
		if err != nil {
			return err
		}
		entry, err := tx.Entry(o.Label)
		if err != nil {
			return err
		}
		if shown, err = describe(&summary, &entry, s.Env.Now()); err == nil {
			err = shown.addRevocation(tx, &entry)
		}
		if protector, ok := tx.(kdb.KeyProtector); ok && err == nil {
			shown.KeyEncryption, err = protector.KeyProtection(o.Label)
		}
		if err == nil {
			shown.Deployments, err = deploy.Targets(&entry)
		}
		return err
	})
	return shown, err
}

func (s *Shown) addRevocation(tx kdb.Tx, entry *kdb.Entry) error {
	record, revoked, err := op.RevocationOf(tx, entry)
	if revoked {
		s.Status, s.RevokedAt, s.Reason = op.StatusRevoked, op.TimePointer(record.RevokedAt), cert.Reason(record.Reason).String()
	}
	return err
}

func describe(s *kdb.Summary, entry *kdb.Entry, now time.Time) (Shown, error) {
	shown := Shown{Entry: op.NewEntry(s, now)}
	for _, der := range entry.Certificates {
		c, err := newCertificate(der)
		if err != nil {
			return shown, err
		}
		shown.Certificates = append(shown.Certificates, c)
	}
	if len(entry.Request) > 0 {
		shown.RequestPEM = op.PEMString("CERTIFICATE REQUEST", entry.Request)
		r, err := newRequest(entry.Request)
		if err != nil {
			return shown, err
		}
		shown.Request = &r
	}
	return shown, nil
}

func newCertificate(der []byte) (Certificate, error) {
	c, err := cert.Parse(der)
	if err != nil {
		return Certificate{}, err
	}
	detail := Certificate{
		Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: c.SerialHex(), SerialDecimal: c.Serial.String(),
		Version: c.Version, NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), KeyType: c.KeyType,
		SignatureAlgorithm: c.SignatureAlgorithm.Name, SHA256: op.HexDigest(sha256.Sum256(der)),
		SPKISHA256: op.HexDigest(sha256.Sum256(c.RawSPKI)),
		Warning:    c.Warning(), PEM: op.PEMString("CERTIFICATE", der),
	}
	old := sha1.Sum(der) // still what many consoles show; nothing depends on it
	detail.SHA1 = hex.EncodeToString(old[:])
	detail.Extensions = newExtensions(c.Describe())
	detail.Raw = newRaw(der, c.RawSPKI, c.Signature, c.SignatureAlgorithm.OID, c.SAN)
	detail.Raw.SubjectKeyID, detail.Raw.AuthorityKeyID = c.SKI, c.AKI
	return detail, nil
}

func newRequest(der []byte) (Certificate, error) {
	r, err := cert.ParseRequest(der)
	if err != nil {
		return Certificate{}, err
	}
	detail := Certificate{
		Subject: r.Subject.String(), Version: r.Version, KeyType: r.KeyType, SignatureAlgorithm: r.SignatureAlgorithm.Name,
		Raw: newRaw(der, r.RawSPKI, r.Signature, r.SignatureAlgorithm.OID, r.SAN),
	}
	detail.Extensions = newExtensions(cert.DescribeExtensions(r.Extensions))
	return detail, nil
}

func newRaw(der, spki, signature []byte, algorithm string, san cert.SAN) Raw {
	raw := Raw{DER: der, SPKI: spki, Signature: signature, SignatureOID: algorithm}
	public := key.DescribePublic(spki)
	raw.KeyOID, raw.KeyBits = public.OID, public.Bits
	for _, n := range san {
		kind, value, _ := strings.Cut(n.String(), ":")
		raw.SAN = append(raw.SAN, [2]string{kind, value})
	}
	return raw
}

func newExtensions(lines []cert.Line) []Extension {
	var list []Extension
	for _, line := range lines {
		list = append(list, Extension{Name: line.Name, Critical: line.Critical, Value: line.Value})
	}
	return list
}
