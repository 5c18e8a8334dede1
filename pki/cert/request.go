package cert

import (
	"errors"
	"fmt"

	"certkdb/pki/key"
	"certkdb/pki/name"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Request is a PKCS #10 certification request (RFC 2986).
type Request struct {
	Raw        []byte
	RawTBS     []byte // CertificationRequestInfo
	RawSubject []byte
	RawSPKI    []byte
	Signature  []byte
	Version    int // 1
	Subject    name.Name
	SAN        SAN
	KeyType    string
	// SignatureAlgorithm is the algorithm of the request's own signature, by the key that it asks a certificate for.
	SignatureAlgorithm oid.Algorithm
	// Extensions are those that it asks for (RFC 2985, 5.4.2).
	Extensions []Extension
	// KeyUsage, ExtKeyUsage, IsCA and MaxPathLen are decoded from them as in a [Certificate].
	KeyUsage    KeyUsage
	ExtKeyUsage []string
	IsCA        bool
	MaxPathLen  int
	// ChallengePassword says that it has one; the password itself is not kept (RFC 2985, 5.4.1).
	ChallengePassword bool

	malformed []Malformation
}

// ParseRequest reads one PKCS #10 request. The signature is not verified.
func ParseRequest(der []byte) (*Request, error) {
	r := &Request{Raw: der, MaxPathLen: -1}
	if err := r.parse(der); err != nil {
		return nil, fmt.Errorf("reading a certificate request: %w", err)
	}
	return r, nil
}

func (r *Request) parse(der cryptobyte.String) error {
	s, err := readSigned(der)
	if err != nil {
		return err
	}
	r.RawTBS, r.SignatureAlgorithm, r.Signature = s.tbs, s.algorithm, s.signature
	return r.parseInfo(s.tbs)
}

func (r *Request) parseInfo(tbs cryptobyte.String) error {
	var err error
	tbs.ReadASN1(&tbs, asn1.SEQUENCE)
	if !tbs.ReadASN1Integer(&r.Version) || r.Version < 0 || r.Version > 1<<16 {
		return errors.New("its version is not a small INTEGER")
	}
	r.Version++
	if r.RawSubject, r.Subject, err = readName(&tbs); err != nil {
		return fmt.Errorf("its subject: %w", err)
	}
	spki, err := key.ReadSPKI(&tbs)
	if err != nil {
		return fmt.Errorf("its public key: %w", err)
	}
	r.RawSPKI, r.KeyType = spki.Raw, spki.Describe().Type
	if tbs.Empty() {
		return nil // some programs leave the attributes out altogether
	}
	var attributes cryptobyte.String
	if !tbs.ReadASN1(&attributes, asn1.Tag(0).Constructed().ContextSpecific()) || !tbs.Empty() {
		return errors.New("unexpected data follows the public key")
	}
	for !attributes.Empty() {
		if err := r.readAttribute(&attributes); err != nil {
			return fmt.Errorf("its attributes: %w", err)
		}
	}
	return nil
}

const idExtensionRequest = oid.ExtensionRequest

func (r *Request) readAttribute(from *cryptobyte.String) error {
	var seq, id, values cryptobyte.String
	if !from.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) ||
		!seq.ReadASN1(&values, asn1.SET) || !seq.Empty() {
		return errors.New("one is not a type and a SET of values")
	}
	dotted, err := oid.Decode(id)
	if err != nil {
		return err
	}
	switch dotted {
	case idExtensionRequest, oid.MSExtensionRequest: // extensionRequest, and Microsoft's of the same form
		return r.readExtensionRequest(values)
	case oid.ChallengePassword:
		r.ChallengePassword = true
	}
	return nil
}

func (r *Request) readExtensionRequest(values cryptobyte.String) error {
	if values.Empty() {
		return nil
	}
	var one cryptobyte.String
	if !values.ReadASN1Element(&one, asn1.SEQUENCE) {
		return errors.New("the extension request is not a SEQUENCE")
	}
	if len(r.Extensions) > 0 || !values.Empty() { // which one counts is open; programs differ
		r.malformed = append(r.malformed, Malformation{ID: idExtensionRequest, Err: errors.New("it is there more than once")})
		return nil
	}
	extensions, err := readExtensions(one)
	if err != nil {
		return err
	}
	r.Extensions = extensions
	c := Certificate{Extensions: extensions, MaxPathLen: -1}
	c.decodeExtensions()
	r.SAN, r.KeyUsage, r.ExtKeyUsage = c.SAN, c.KeyUsage, c.ExtKeyUsage
	r.IsCA, r.MaxPathLen = c.IsCA, c.MaxPathLen
	r.malformed = append(r.malformed, c.malformed...)
	return nil
}

// Malformed returns the requested extensions that could not be decoded, and the attribute that has them if there are several.
func (r *Request) Malformed() []Malformation { return r.malformed }
