package sealed

import (
	"errors"
	"fmt"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// counted is a set of records: how many there are, and their digest.
type counted struct {
	count  uint64
	digest [32]byte
}

func (c *counted) add(d digester, key string, value []byte) {
	c.count++
	d.toggle(&c.digest, key, value)
}

func (c *counted) remove(d digester, key string, value []byte) {
	c.count--
	d.toggle(&c.digest, key, value)
}

// mismatch says that other records are there than were counted.
func (c *counted) mismatch(issuer [32]byte, what string, there counted) error {
	return fmt.Errorf("%w: issuer %s: %d %s are recorded, and %d should be: a record was removed or an older one was put back",
		kdb.ErrCorrupt, issuerHex(issuer), there.count, what, max(c.count, 0))
}

// issuer is the record of a CA in the registry.
type issuer struct {
	number          uint64  // of its last revocation list
	issued, revoked counted // records i/ and r/

	stored      []byte // the record as it is stored, nil if there is none
	changed     bool
	revocations map[string]revocation // by serial number, verified; nil before they are needed
}

func (i *issuer) encode() []byte {
	e := encoder{make([]byte, 0, 96)}
	e.u8(formatVersion)
	e.u64(i.number)
	for _, set := range []counted{i.issued, i.revoked} {
		e.u64(set.count)
		e.raw(set.digest[:])
	}
	return e.b
}

func decodeIssuer(b []byte) (issuer, error) {
	d := decoder{b: b}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return issuer{}, fmt.Errorf("%w %d", kdb.ErrVersion, version)
	}
	i := issuer{number: d.u64(), issued: counted{d.u64(), d.hash()}, revoked: counted{d.u64(), d.hash()}}
	return i, d.end()
}

// issuer returns the record of a CA; an empty one if it issued nothing yet. The head vouches for it: the first call in a transaction
// compares the digest of all these records, of which there are as many as CAs.
func (t *tx) issuer(id [32]byte) (*issuer, error) {
	if t.issuers == nil {
		if err := t.verifyIssuers(); err != nil {
			return nil, err
		}
		t.issuers = make(map[[32]byte]*issuer)
	}
	if i, known := t.issuers[id]; known {
		return i, nil
	}
	i := &issuer{}
	value, err := t.stx.Get(issuerKey(id))
	if err == nil {
		*i, err = t.openIssuer(store.Record{Key: issuerKey(id), Value: value})
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	i.stored = value
	t.issuers[id] = i
	return i, nil
}

func (t *tx) openIssuer(record store.Record) (i issuer, err error) {
	plain, err := t.open(record.Key, record.Value)
	if err != nil {
		return i, err
	}
	if i, err = decodeIssuer(plain); err != nil {
		return i, fmt.Errorf("%s: %w", place(record.Key), err)
	}
	return i, nil
}

func (t *tx) verifyIssuers() error {
	var digest [32]byte
	for record, err := range t.stx.Scan(prefixIssuer, "") {
		if err != nil {
			return err
		}
		t.digester.toggle(&digest, record.Key, record.Value)
	}
	if digest != t.head.issuers {
		return fmt.Errorf("%w: a CA's record of what it issued was removed, or an older one was put back", kdb.ErrCorrupt)
	}
	return nil
}

// readRevoked reads the revocations of a CA and verifies their number and digest.
func (t *tx) readRevoked(id [32]byte, of *issuer) error {
	if of.revocations != nil {
		return nil
	}
	list := make(map[string]revocation)
	var seen counted
	prefix := revokedPrefix(id)
	for record, err := range t.stx.Scan(prefix, "") {
		if err != nil {
			return err
		}
		seen.add(t.digester, record.Key, record.Value)
		r, err := t.openRevocation(record)
		if err != nil {
			return err
		}
		list[strings.TrimPrefix(record.Key, prefix)] = r
	}
	if seen != of.revoked {
		return of.revoked.mismatch(id, "revocations", seen)
	}
	of.revocations = list
	return nil
}

func (t *tx) openRevocation(record store.Record) (r revocation, err error) {
	plain, err := t.open(record.Key, record.Value)
	if err != nil {
		return r, err
	}
	if r, err = decodeRevocation(plain); err != nil {
		return r, fmt.Errorf("%s: %w", place(record.Key), err)
	}
	return r, nil
}

// putCounted stores a record that an issuer's record vouches for.
func (t *tx) putCounted(set *counted, of *issuer, key string, plain []byte) error {
	if err := t.uncount(set, key); err != nil {
		return err
	}
	value, err := t.putValue(key, plain)
	if err != nil {
		return err
	}
	set.add(t.digester, key, value)
	of.changed = true
	return nil
}

func (t *tx) deleteCounted(set *counted, of *issuer, key string) error {
	if err := t.uncount(set, key); err != nil {
		return err
	}
	of.changed, t.changed = true, true
	return t.stx.Delete(key)
}

// uncount takes a record that is there out of the count.
func (t *tx) uncount(set *counted, key string) error {
	old, err := t.stx.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		set.remove(t.digester, key, old)
	}
	return err
}

// flushIssuers stores the issuers' records that changed, and accounts for them in the head.
func (t *tx) flushIssuers() error {
	for id, i := range t.issuers {
		if !i.changed {
			continue
		}
		key := issuerKey(id)
		if i.stored != nil {
			t.digester.toggle(&t.head.issuers, key, i.stored)
		}
		value, err := t.putValue(key, i.encode())
		if err != nil {
			return err
		}
		t.digester.toggle(&t.head.issuers, key, value)
		i.stored, i.changed = value, false
	}
	return nil
}
