package sealed

import (
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/pki/cert"
)

// registry verifies the records of what was issued and revoked.
func (c *checker) registry() error {
	found := make(map[[32]byte]*issuer)
	blamed := false
	for _, prefix := range []string{prefixIssued, prefixRevoked} {
		for record, err := range c.t.stx.Scan(prefix, "") {
			if err != nil {
				return err
			}
			if err := c.registered(prefix, record, found); err != nil {
				blamed = true
				if err := c.fault(place(record.Key), err); err != nil {
					return err
				}
			}
		}
	}
	var digest [32]byte
	for record, err := range c.t.stx.Scan(prefixIssuer, "") {
		if err != nil {
			return err
		}
		c.t.digester.toggle(&digest, record.Key, record.Value)
		i, err := c.t.openIssuer(record)
		if err == nil {
			err = c.compareIssuer(record.Key, &i, found)
		}
		if err != nil {
			blamed = true
			if err := c.fault(place(record.Key), err); err != nil {
				return err
			}
		}
	}
	for id := range found {
		c.finding(place(issuerKey(id)), "it is missing, though there are records of what it issued")
	}
	if digest != c.t.head.issuers && !blamed && len(found) == 0 {
		c.finding("head", "the digest of the issuers is another: a CA's record of what it issued was removed, or an older one was put back")
	}
	return nil
}

// registered counts a record and opens it.
func (c *checker) registered(prefix string, record store.Record, found map[[32]byte]*issuer) error {
	id, _, err := splitSerial(record.Key)
	if err != nil {
		return err
	}
	if found[id] == nil {
		found[id] = &issuer{}
	}
	if prefix == prefixRevoked {
		found[id].revoked.add(c.t.digester, record.Key, record.Value)
		_, err := c.t.openRevocation(record)
		return err
	}
	found[id].issued.add(c.t.digester, record.Key, record.Value)
	r, err := c.t.openIssued(record)
	if err != nil {
		return err
	}
	if len(r.Certificate) == 0 {
		return nil
	}
	if parsed, err := cert.Parse(r.Certificate); err != nil || parsed.SerialHex() != r.Serial {
		c.finding(place(record.Key), "its certificate cannot be parsed, or has a different serial number")
	}
	return nil
}

// compareIssuer compares an issuer's record with what was found of it.
func (c *checker) compareIssuer(key string, i *issuer, found map[[32]byte]*issuer) error {
	id, _, err := splitSerial(key)
	if err != nil {
		return err
	}
	there := found[id]
	if there == nil {
		there = &issuer{}
	}
	delete(found, id)
	switch {
	case there.issued != i.issued:
		return i.issued.mismatch(id, "certificates", there.issued)
	case there.revoked != i.revoked:
		return i.revoked.mismatch(id, "revocations", there.revoked)
	}
	return nil
}

// resealRegistry copies the registry. What is not as the head and the issuers' records say stops it.
func resealRegistry(from, to *tx) error {
	if err := from.verifyIssuers(); err != nil {
		return err
	}
	to.issuers = make(map[[32]byte]*issuer)
	read := make(map[[32]byte]*issuer)
	for _, prefix := range []string{prefixIssued, prefixRevoked} {
		for record, err := range from.stx.Scan(prefix, "") {
			if err != nil {
				return err
			}
			if err := resealRegistered(from, to, prefix, record, read); err != nil {
				return err
			}
		}
	}
	for record, err := range from.stx.Scan(prefixIssuer, "") {
		if err != nil {
			return err
		}
		i, err := from.openIssuer(record)
		if err != nil {
			return err
		}
		c := checker{t: from}
		id, _, _ := splitSerial(record.Key)
		if to.issuers[id] == nil {
			to.issuers[id] = &issuer{changed: true}
		}
		to.issuers[id].number = i.number
		if err := c.compareIssuer(record.Key, &i, read); err != nil {
			return err
		}
	}
	for id := range read {
		return fmt.Errorf("%s: %w: it is missing", place(issuerKey(id)), kdb.ErrCorrupt)
	}
	return nil
}

// resealRegistered copies a record, and counts it on both sides.
func resealRegistered(from, to *tx, prefix string, record store.Record, read map[[32]byte]*issuer) error {
	id, _, err := splitSerial(record.Key)
	if err != nil {
		return err
	}
	plain, err := from.open(record.Key, record.Value)
	if err != nil {
		return err
	}
	value, err := to.putValue(record.Key, plain)
	if err != nil {
		return err
	}
	if read[id] == nil {
		read[id], to.issuers[id] = &issuer{}, &issuer{changed: true}
	}
	old, made := &read[id].issued, &to.issuers[id].issued
	if prefix == prefixRevoked {
		old, made = &read[id].revoked, &to.issuers[id].revoked
	}
	old.add(from.digester, record.Key, record.Value)
	made.add(to.digester, record.Key, value)
	return nil
}
