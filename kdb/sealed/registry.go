package sealed

import (
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/pki/cert"
)

var _ kdb.Registry = (*tx)(nil)

// The registry's records are in the head's digest by themselves, as summaries are: nothing else vouches for them.

func issuedPrefix(issuer [32]byte) string { return prefixIssued + hex.EncodeToString(issuer[:]) + "/" }

func numberKey(issuer [32]byte) string { return prefixNumber + hex.EncodeToString(issuer[:]) }

// encodeIssued is the plain text of a record of the registry. Issuer and serial number are in its key.
func encodeIssued(r *kdb.Issued) []byte {
	e := encoder{make([]byte, 0, 32+len(r.Certificate))}
	e.u8(formatVersion)
	e.time(r.At)
	e.time(r.RevokedAt)
	e.u8(uint8(r.Reason))
	e.bytes(r.Certificate)
	return e.b
}

func decodeIssued(b []byte) (kdb.Issued, error) {
	d := decoder{b: b}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return kdb.Issued{}, fmt.Errorf("%w %d", kdb.ErrVersion, version)
	}
	r := kdb.Issued{At: d.time(), RevokedAt: d.time(), Reason: int(d.u8()), Certificate: d.bytes()}
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
	key := issuedPrefix(r.Issuer) + r.Serial
	if err := t.replaceDigested(key, encodeIssued(&r)); err != nil {
		return err
	}
	e := kdb.Entry{Certificates: [][]byte{r.Certificate}}
	return t.log(t.operation, "serial "+r.Serial, e.Fingerprint())
}

// replaceDigested stores a record that the digest covers by itself.
func (t *tx) replaceDigested(key string, plain []byte) error {
	old, err := t.stx.Get(key)
	switch {
	case err == nil:
		t.digester.toggle(&t.head.digest, key, old)
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	return t.put(key, plain, nil)
}

// Issued implements kdb.Registry.
func (t *tx) Issued(issuer [32]byte, serial string) (kdb.Issued, error) {
	if err := t.ctx.Err(); err != nil {
		return kdb.Issued{}, err
	}
	key := issuedPrefix(issuer) + serial
	value, err := t.stx.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return kdb.Issued{}, fmt.Errorf("serial number %s: %w", serial, kdb.ErrNotFound)
	}
	if err != nil {
		return kdb.Issued{}, err
	}
	return t.openIssued(store.Record{Key: key, Value: value})
}

func (t *tx) openIssued(record store.Record) (kdb.Issued, error) {
	plain, err := t.open(record.Key, record.Value)
	if err != nil {
		return kdb.Issued{}, err
	}
	r, err := decodeIssued(plain)
	issuer, serial, _ := strings.Cut(strings.TrimPrefix(record.Key, prefixIssued), "/")
	if n, bad := hex.Decode(r.Issuer[:], []byte(issuer)[:min(len(issuer), 2*len(r.Issuer))]); err == nil &&
		(bad != nil || n != len(r.Issuer)) {
		err = fmt.Errorf("%w: its key names no issuer", kdb.ErrCorrupt)
	}
	if err != nil {
		return kdb.Issued{}, fmt.Errorf("%s: %w", place(record.Key), err)
	}
	r.Serial = serial
	return r, nil
}

// AllIssued implements kdb.Registry.
func (t *tx) AllIssued(issuer [32]byte) iter.Seq2[kdb.Issued, error] {
	return func(yield func(kdb.Issued, error) bool) {
		for record, err := range t.stx.Scan(issuedPrefix(issuer), "") {
			var r kdb.Issued
			if err == nil {
				r, err = t.openIssued(record)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// LastCRLNumber implements kdb.Registry.
func (t *tx) LastCRLNumber(issuer [32]byte) (uint64, error) {
	return t.crlNumber(numberKey(issuer))
}

// NextCRLNumber implements kdb.Registry.
func (t *tx) NextCRLNumber(issuer [32]byte) (uint64, error) {
	if t.operation == "" {
		return 0, errReading
	}
	key := numberKey(issuer)
	number, err := t.crlNumber(key)
	if err != nil {
		return 0, err
	}
	e := encoder{}
	e.u8(formatVersion)
	e.u64(number + 1)
	return number + 1, t.replaceDigested(key, e.b)
}

// crlNumber is the number of the last revocation list, 0 if there was none.
func (t *tx) crlNumber(key string) (uint64, error) {
	value, err := t.stx.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	var plain []byte
	if err == nil {
		plain, err = t.open(key, value)
	}
	if err != nil {
		return 0, err
	}
	d := decoder{b: plain}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return 0, fmt.Errorf("%s: %w %d", place(key), kdb.ErrVersion, version)
	}
	number := d.u64()
	if err := d.end(); err != nil {
		return 0, fmt.Errorf("%s: %w", place(key), err)
	}
	return number, nil
}

// registry verifies the records of what was issued.
func (c *checker) registry() error {
	for _, prefix := range []string{prefixIssued, prefixNumber} {
		for record, err := range c.t.stx.Scan(prefix, "") {
			if err != nil {
				c.blamed = true
				return err
			}
			c.t.digester.toggle(&c.digest, record.Key, record.Value)
			if prefix == prefixNumber {
				_, err = c.t.crlNumber(record.Key)
			} else {
				err = c.issued(record)
			}
			if err != nil {
				c.blamed = true
				if err := c.fault(place(record.Key), err); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *checker) issued(record store.Record) error {
	r, err := c.t.openIssued(record)
	if err != nil {
		return err
	}
	if parsed, err := cert.Parse(r.Certificate); err != nil || parsed.SerialHex() != r.Serial {
		c.finding(place(record.Key), "its certificate cannot be parsed, or has a different serial number")
	}
	return nil
}

// resealRegistry copies the registry and adds it to the digest of what was read.
func resealRegistry(from, to *tx, digest *[32]byte) error {
	for _, prefix := range []string{prefixIssued, prefixNumber} {
		for record, err := range from.stx.Scan(prefix, "") {
			var plain []byte
			if err == nil {
				from.digester.toggle(digest, record.Key, record.Value)
				plain, err = from.open(record.Key, record.Value)
			}
			if err == nil {
				err = to.put(record.Key, plain, nil)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
