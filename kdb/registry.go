package kdb

import (
	"iter"
	"time"
)

// Registry is what a CA's database remembers of the certificates that it issued, apart from its entries. The Tx of a
// native database implements it; foreign files have no place for it.
type Registry interface {
	// PutIssued stores a record, in place of one with the same issuer and serial number.
	PutIssued(Issued) error
	// Issued returns the record of a certificate; ErrNotFound.
	Issued(issuer [32]byte, serial string) (Issued, error)
	// AllIssued yields the records of an issuer in the order of their serial numbers' digits, as a stream.
	AllIssued(issuer [32]byte) iter.Seq2[Issued, error]
	// LastCRLNumber is the number of the newest revocation list of an issuer, 0 if there is none.
	LastCRLNumber(issuer [32]byte) (uint64, error)
	// NextCRLNumber counts the revocation lists of an issuer (RFC 5280, 5.2.3): 1 at first, one more at each call, but at least the given
	// number, for an issuer that made lists elsewhere.
	NextCRLNumber(issuer [32]byte, least uint64) (uint64, error)
}

// Issued is the record of a certificate that a CA issued.
type Issued struct {
	Issuer      [32]byte // SHA-256 of the issuer's SubjectPublicKeyInfo, so that a renewed CA goes on with its records
	Serial      string   // lower-case hexadecimal
	Certificate []byte   // DER; empty if only its number is known, from a list or an index that other programs made
	// Subject and NotAfter are what is known of a certificate that is not here. A certificate that is here has its own.
	Subject  string
	NotAfter time.Time
	At       time.Time
	// RevokedAt is zero unless the certificate was revoked; Reason is a CRLReason (RFC 5280, 5.3.1).
	RevokedAt time.Time
	Reason    int
	// InvalidSince is the invalidity date of the revocation (RFC 5280, 5.3.2), zero if it is not known.
	InvalidSince time.Time
}
