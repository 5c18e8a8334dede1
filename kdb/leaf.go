package kdb

import (
	"bytes"
	"crypto/sha256"

	"certkdb/pki/cert"
)

// Leaf is an entry's own certificate with all that an entry says of it. It is read once, on whatever processor is free, and travels with
// the entry: see [Entry.WithLeaf].
type Leaf struct {
	cert   *cert.Certificate
	sha256 [32]byte
	facts  Summary // what a summary has of the certificate
	issuer Trait   // ByIssuer
}

// ReadLeaf parses a certificate in DER. What it makes of the issuer comes from the leaf before, if that has the same one; it may be nil.
func ReadLeaf(der []byte, before *Leaf) (*Leaf, error) {
	l := &Leaf{sha256: sha256.Sum256(der)}
	var err error
	if before != nil {
		l.cert, err = cert.ParseAfter(before.cert, der)
	} else {
		l.cert, err = cert.Parse(der)
	}
	if err != nil {
		return nil, err
	}
	l.facts.describe(l.cert)
	if before != nil && bytes.Equal(l.cert.RawIssuer, before.cert.RawIssuer) {
		l.facts.Issuer, l.issuer = before.facts.Issuer, before.issuer
	} else {
		l.facts.Issuer, l.issuer = l.cert.Issuer.String(), ByIssuer(l.cert.Issuer)
	}
	return l, nil
}

// of returns the leaf if it was made of this certificate, else nil.
func (l *Leaf) of(der []byte) *Leaf {
	if l == nil || len(der) == 0 || len(l.cert.Raw) != len(der) || &l.cert.Raw[0] != &der[0] {
		return nil
	}
	return l
}

// Leaf is the entry's own certificate, the first of Certificates, as cert.Parse reads it.
func (e *Entry) Leaf() (*cert.Certificate, error) {
	if l := e.leaf.of(e.Certificates[0]); l != nil {
		return l.cert, nil
	}
	return cert.Parse(e.Certificates[0])
}

// WithLeaf is the entry with its own certificate, Certificates[0], read already; nil is not.
func (e Entry) WithLeaf(l *Leaf) Entry {
	e.leaf = l
	return e
}
