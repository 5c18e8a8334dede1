package kdb

import (
	"crypto/sha256"

	"certkdb/pki/cert"
)

// Leaf is an entry's own certificate with all that an entry says of it. It is read once, on whatever processor is free, and travels with
// the entry: see [Entry.WithLeaf].
type Leaf struct {
	cert   *cert.Certificate
	sha256 [32]byte
	facts  Summary // what a summary has of the certificate
}

// ReadLeaf parses a certificate in DER.
func ReadLeaf(der []byte) (*Leaf, error) {
	c, err := cert.Parse(der)
	if err != nil {
		return nil, err
	}
	l := &Leaf{cert: c, sha256: sha256.Sum256(der)}
	l.facts.describe(c)
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
