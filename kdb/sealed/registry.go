package sealed

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

var _ kdb.Registry = (*tx)(nil)

// The registry has a record of each certificate that a CA issued, and one more of each that it revoked. The issuer's own record has number
// and digest of both, and the head has the digest of the issuers' records. So the revocations of a CA are verified without reading what
// else it issued, and without reading the entries.

func issuerHex(issuer [32]byte) string { return hex.EncodeToString(issuer[:]) }

func issuedPrefix(issuer [32]byte) string { return prefixIssued + issuerHex(issuer) + "/" }

func revokedPrefix(issuer [32]byte) string { return prefixRevoked + issuerHex(issuer) + "/" }

func issuerKey(issuer [32]byte) string { return prefixIssuer + issuerHex(issuer) }

// encodeIssued is the plain text of the record of a certificate. Issuer and serial number are in its key.
func encodeIssued(r *kdb.Issued) []byte {
	e := encoder{make([]byte, 0, 32+len(r.Certificate))}
	e.u8(formatVersion)
	e.time(r.At)
	e.bytes(r.Certificate)
	if len(r.Certificate) == 0 {
		e.bytes([]byte(r.Subject))
		e.time(r.NotAfter)
	}
	return e.b
}

func decodeIssued(b []byte) (kdb.Issued, error) {
	d := decoder{b: b}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return kdb.Issued{}, fmt.Errorf("%w %d", kdb.ErrVersion, version)
	}
	r := kdb.Issued{At: d.time(), Certificate: d.bytes()}
	if d.err == nil && len(r.Certificate) == 0 {
		r.Subject, r.NotAfter = string(d.bytes()), d.time()
	}
	return r, d.end()
}

// revocation is the plain text of the record of a revoked certificate.
type revocation struct {
	at           time.Time
	reason       uint8
	invalidSince time.Time // zero if it is not known: then it is not in the record
}

func (r *revocation) same(other *revocation) bool {
	return r.at.Equal(other.at) && r.reason == other.reason && r.invalidSince.Equal(other.invalidSince)
}

// fill puts the revocation into the record of its certificate.
func (r *revocation) fill(of *kdb.Issued) {
	of.RevokedAt, of.Reason, of.InvalidSince = r.at, int(r.reason), r.invalidSince
}

func (r *revocation) encode() []byte {
	e := encoder{make([]byte, 0, 16)}
	e.u8(formatVersion)
	e.time(r.at)
	e.u8(r.reason)
	if !r.invalidSince.IsZero() {
		e.time(r.invalidSince)
	}
	return e.b
}

func decodeRevocation(b []byte) (revocation, error) {
	d := decoder{b: b}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return revocation{}, fmt.Errorf("%w %d", kdb.ErrVersion, version)
	}
	r := revocation{at: d.time(), reason: d.u8()}
	if len(d.b) > 0 {
		if r.invalidSince = d.time(); r.invalidSince.IsZero() {
			d.fail("an invalidity date without a value")
		}
	}
	return r, d.end()
}

// maxSerial is the longest serial number in a key: 64 bytes in hexadecimal, where RFC 5280, 4.1.2.2 allows 20.
const maxSerial = 128

func checkSerial(serial string) error {
	if serial == "" || len(serial) > maxSerial || strings.Trim(serial, "0123456789abcdef-") != "" {
		return fmt.Errorf("recording a certificate: %w: the serial number %q", kdb.ErrUnsupported, serial)
	}
	return nil
}

// PutIssued implements kdb.Registry.
func (t *tx) PutIssued(r kdb.Issued) error {
	if t.operation == "" {
		return errReading
	}
	if err := checkSerial(r.Serial); err != nil {
		return err
	}
	of, err := t.issuer(r.Issuer)
	if err == nil {
		err = t.putIssued(of, &r)
	}
	if err == nil {
		err = t.putRevoked(of, &r)
	}
	if err != nil {
		return err
	}
	e := kdb.Entry{Certificates: [][]byte{r.Certificate}}
	return t.log(t.operation, "serial "+r.Serial, e.Fingerprint())
}

// putIssued stores the record of a certificate unless it is there already.
func (t *tx) putIssued(of *issuer, r *kdb.Issued) error {
	key, plain := issuedPrefix(r.Issuer)+r.Serial, encodeIssued(r)
	old, err := t.stx.Get(key)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	default:
		if there, err := t.open(key, old); err == nil && bytes.Equal(there, plain) {
			return nil
		}
	}
	return t.putCounted(&of.issued, of, key, plain)
}

// putRevoked stores the revocation of a certificate, or removes it.
func (t *tx) putRevoked(of *issuer, r *kdb.Issued) error {
	if err := t.readRevoked(r.Issuer, of); err != nil {
		return err
	}
	key := revokedPrefix(r.Issuer) + r.Serial
	was, there := of.revocations[r.Serial]
	now := revocation{r.RevokedAt, uint8(r.Reason), r.InvalidSince}
	switch {
	case r.RevokedAt.IsZero() && !there, there && was.same(&now):
		return nil
	case r.RevokedAt.IsZero():
		delete(of.revocations, r.Serial)
		return t.deleteCounted(&of.revoked, of, key)
	}
	of.revocations[r.Serial] = now
	return t.putCounted(&of.revoked, of, key, now.encode())
}

// Issued implements kdb.Registry. That no revocation was removed or put back is verified once in a transaction.
func (t *tx) Issued(issuer [32]byte, serial string) (r kdb.Issued, err error) {
	if err := t.ctx.Err(); err != nil {
		return r, err
	}
	of, err := t.issuer(issuer)
	if err == nil {
		err = t.readRevoked(issuer, of)
	}
	if err != nil {
		return r, err
	}
	key := issuedPrefix(issuer) + serial
	value, err := t.stx.Get(key)
	revoked, isRevoked := of.revocations[serial]
	switch {
	case errors.Is(err, store.ErrNotFound) && isRevoked:
		return r, fmt.Errorf("%s: %w: the record is missing", place(key), kdb.ErrCorrupt)
	case errors.Is(err, store.ErrNotFound):
		return r, fmt.Errorf("serial number %s: %w", serial, kdb.ErrNotFound)
	case err != nil:
		return r, err
	}
	r, err = t.openIssued(store.Record{Key: key, Value: value})
	revoked.fill(&r)
	return r, err
}

func (t *tx) openIssued(record store.Record) (kdb.Issued, error) {
	plain, err := t.open(record.Key, record.Value)
	if err != nil {
		return kdb.Issued{}, err
	}
	r, err := decodeIssued(plain)
	if err == nil {
		r.Issuer, r.Serial, err = splitSerial(record.Key)
	}
	if err != nil {
		return kdb.Issued{}, fmt.Errorf("%s: %w", place(record.Key), err)
	}
	return r, nil
}

// splitSerial takes issuer and serial number out of a key.
func splitSerial(key string) (issuer [32]byte, serial string, err error) {
	digits, serial, _ := strings.Cut(key[len(prefixIssued):], "/")
	if len(digits) == 2*len(issuer) {
		_, err = hex.Decode(issuer[:], []byte(digits))
	}
	if err != nil || len(digits) != 2*len(issuer) {
		err = fmt.Errorf("%w: its key names no issuer", kdb.ErrCorrupt)
	}
	return issuer, serial, err
}

// AllIssued implements kdb.Registry. What was removed or put back is an error at the end.
func (t *tx) AllIssued(issuer [32]byte) iter.Seq2[kdb.Issued, error] {
	return func(yield func(kdb.Issued, error) bool) {
		of, err := t.issuer(issuer)
		if err == nil {
			err = t.readRevoked(issuer, of)
		}
		var seen counted
		revoked, version := 0, t.head.logSeq
		if err == nil {
			for record, err := range t.stx.Scan(issuedPrefix(issuer), "") {
				var r kdb.Issued
				if err == nil {
					r, err = t.openIssued(record)
				}
				if err != nil {
					yield(kdb.Issued{}, err)
					return
				}
				seen.add(t.digester, record.Key, record.Value)
				if revocation, is := of.revocations[r.Serial]; is {
					revocation.fill(&r)
					revoked++
				}
				if !yield(r, nil) {
					return
				}
			}
			if version == t.head.logSeq && (seen != of.issued || revoked != len(of.revocations)) {
				err = of.issued.mismatch(issuer, "certificates", seen)
			}
		}
		if err != nil {
			yield(kdb.Issued{}, err)
		}
	}
}

// LastCRLNumber implements kdb.Registry.
func (t *tx) LastCRLNumber(issuer [32]byte) (uint64, error) {
	of, err := t.issuer(issuer)
	if err != nil {
		return 0, err
	}
	return of.number, nil
}

// NextCRLNumber implements kdb.Registry.
func (t *tx) NextCRLNumber(issuer [32]byte, least uint64) (uint64, error) {
	if t.operation == "" {
		return 0, errReading
	}
	of, err := t.issuer(issuer)
	if err != nil {
		return 0, err
	}
	of.number = max(of.number+1, least)
	of.changed, t.changed = true, true
	return of.number, nil
}
