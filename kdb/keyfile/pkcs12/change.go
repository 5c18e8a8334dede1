package pkcs12

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/document"
	"certkdb/pki/oid"
)

// begin takes stock at the first change.
func (c *Container) begin() {
	if c.dirty = true; c.stock != nil {
		return
	}
	c.stock = document.NewStock[*bag]()
	for b := range c.bags() {
		if b.cert != nil {
			c.stock.Add(b.cert, b)
		}
	}
	for _, r := range c.records.All() {
		c.enter(r)
	}
}

// enter counts a record in.
func (c *Container) enter(r *record) {
	if c.stock.Need(r.chain); r.cert != nil {
		r.cert.owner = r
	}
}

// Put implements [keyfile.Container].
func (c *Container) Put(e kdb.Entry) error {
	if e.Kind != kdb.KindSecretKey && len(e.Key) > 0 && !isPrivateKeyInfo(e.Key) {
		return fmt.Errorf("storing %q in a PKCS #12 file: %w: the key is not a PrivateKeyInfo (PKCS #8)", e.Label, kdb.ErrParse)
	}
	return c.store(e)
}

// Update implements [keyfile.Container].
func (c *Container) Update(e kdb.Entry) error {
	if _, err := c.records.Find(e.Label); err != nil {
		return err
	}
	return c.store(e)
}

// store puts an entry in the place of the one that has the label, with the bags of that which are the same.
func (c *Container) store(e kdb.Entry) error {
	old, err := c.records.Find(e.Label)
	if err != nil {
		old = nil
	}
	if e.Kind == kdb.KindTrusted && len(e.Certificates) > 1 {
		return fmt.Errorf("storing %q in a PKCS #12 file: %w: a trusted entry with a chain", e.Label, kdb.ErrUnsupported)
	}
	r, err := c.newRecord(e, old)
	if err != nil {
		return fmt.Errorf("storing %q in a PKCS #12 file: %w", e.Label, err)
	}
	c.begin()
	if r.isDefault {
		for _, other := range c.records.All() {
			if other.isDefault && other != old {
				other.isDefault = false
				c.dropCopies(other) // which may have the mark
			}
		}
	}
	if old == nil {
		err = c.records.Insert(r.label, r)
	} else {
		err = c.records.Replace(r.label, r)
	}
	c.enter(r)
	c.keepBags(r)
	if old != nil {
		c.dropBags(old, r)
	}
	return err
}

// Rename implements [keyfile.Container]. Certificates of the chain that have the old name, as some programs write it, get the new one:
// they would be taken for entries of their own.
func (c *Container) Rename(from, to string) error {
	r, err := c.records.Find(from)
	if err == nil {
		err = c.records.Rename(from, to)
	}
	if err != nil {
		return err
	}
	c.begin()
	for _, der := range r.chain {
		for _, b := range c.stock.Places(der) {
			if b.friendlyName() == from {
				b.setFriendlyName(to)
			}
		}
	}
	for _, b := range []*bag{r.key, r.cert} {
		if b != nil {
			b.setFriendlyName(to)
		}
	}
	c.dropCopies(r)
	r.label = to
	return nil
}

// newRecord makes the record and the bags of an entry, reusing those of the old one that are the same.
func (c *Container) newRecord(e kdb.Entry, old *record) (*record, error) {
	r := &record{label: e.Label, kind: e.Kind, trusted: e.Trusted, isDefault: e.Default, request: e.Request, changed: true}
	if e.Kind == kdb.KindSecretKey {
		return r, c.setSecret(r, e, old)
	}
	if len(e.Certificates) > 0 {
		r.setCert(e.Certificates[0], old)
		r.chain = e.Certificates[1:]
	}
	if e.Kind == kdb.KindTrusted {
		r.cert.setTrustedKeyUsage(e.Trusted)
		return r, nil
	}
	c.setKey(r, e, old)
	return r, nil
}

// setCert gives a record its certificate's bag: that of the old record, or a new one.
func (r *record) setCert(der []byte, old *record) {
	if old != nil && old.kind == r.kind && old.cert != nil && bytes.Equal(old.cert.cert, der) {
		r.cert = old.cert
	} else {
		r.cert = newCertBag(der)
	}
	r.cert.nameAfter(r.label)
}

// setKey gives a record its private key's bag. A key that the old record has is taken as it is encrypted there, which keeps a password of
// its own.
func (c *Container) setKey(r *record, e kdb.Entry, old *record) {
	if len(e.Key) == 0 || old.hasPrivateKey() && c.open(old) == nil && bytes.Equal(old.plain, e.Key) {
		r.key, r.plain, r.toEncrypt = old.key, old.plain, old.toEncrypt
	} else {
		r.key, r.plain, r.toEncrypt = &bag{id: oidShroudedKeyBag}, bytes.Clone(e.Key), true
	}
	r.key.nameAfter(r.label)
	id := e.LocalKeyID
	if len(id) == 0 {
		id = r.key.localKeyID()
	}
	if len(id) == 0 && r.cert != nil {
		sum := sha1.Sum(r.cert.cert) // as OpenSSL makes it
		id = sum[:]
	}
	r.key.setLocalKeyID(id)
	if r.cert != nil {
		r.cert.setLocalKeyID(id)
	}
}

// hasPrivateKey says whether there is a record, with a private key.
func (r *record) hasPrivateKey() bool {
	return r != nil && r.key != nil && r.kind != kdb.KindSecretKey
}

// setSecret gives a record the bag of a secret key.
func (c *Container) setSecret(r *record, e kdb.Entry, old *record) error {
	if len(e.Key) == 0 && old != nil && old.kind == kdb.KindSecretKey {
		r.key, r.plain, r.toEncrypt, r.algorithm = old.key, old.plain, old.toEncrypt, old.algorithm
		r.key.nameAfter(r.label)
		return nil
	}
	if !c.profile.encrypt {
		return fmt.Errorf("%w: a secret key in a file without password", kdb.ErrUnsupported)
	}
	if len(e.Key) == 0 || len(e.Certificates) > 0 {
		return fmt.Errorf("%w: a secret key entry has a key and nothing else", kdb.ErrUnsupported)
	}
	if _, err := secretID(e.KeyAlgorithm); err != nil {
		return err
	}
	r.key, r.plain, r.toEncrypt, r.algorithm = &bag{id: oidSecretBag}, bytes.Clone(e.Key), true, e.KeyAlgorithm
	r.key.nameAfter(r.label)
	return nil
}

// secretID is the inverse of secretName.
func secretID(algorithm string) (string, error) {
	i := slices.IndexFunc(secretNames[:], func(n [2]string) bool { return n[1] == algorithm })
	if i >= 0 {
		return secretNames[i][0], nil
	}
	if !oid.IsDotted(algorithm) {
		return "", fmt.Errorf("%w: a secret key of algorithm %q, which has no object identifier here", kdb.ErrUnsupported, algorithm)
	}
	return algorithm, nil
}

// secretPKCS8 wraps a secret key as Java does.
func secretPKCS8(algorithm string, secret []byte) ([]byte, error) {
	id, err := secretID(algorithm)
	if err != nil {
		return nil, err
	}
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(0)
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addOID(b, id) })
			b.AddASN1OctetString(secret)
		})
	}), nil
}

// keepBags puts a record's bags, and the certificates of its chain that are missing, into the file.
func (c *Container) keepBags(r *record) {
	if r.cert != nil && !r.cert.placed {
		c.place(r.cert)
	}
	for _, der := range r.chain {
		if len(c.stock.Places(der)) == 0 {
			c.place(newCertBag(der))
		}
	}
	if r.key != nil && !r.key.placed {
		c.place(r.key)
	}
}

// place appends a bag to the SafeContents with bags of its kind, else to a new one: certificates are encrypted together, keys
// each alone.
func (c *Container) place(b *bag) {
	isCert := b.id == oidCertBag
	to := &c.keySafe
	if isCert {
		to = &c.certSafe
	}
	if *to == nil {
		*to = c.safeWith(func(other *bag) bool { return (other.id == oidCertBag) == isCert && other.id != oidSafeContents })
	}
	if *to == nil {
		*to = &safe{encrypted: isCert && c.profile.encrypt}
		c.safes = append(c.safes, *to)
	}
	if b.placed = true; isCert {
		c.stock.Add(b.cert, b)
	}
	(*to).bags = append((*to).bags, b)
}

// safeWith finds the first SafeContents with a bag of a kind.
func (c *Container) safeWith(matches func(*bag) bool) *safe {
	i := slices.IndexFunc(c.safes, func(s *safe) bool { return slices.ContainsFunc(s.bags, matches) })
	if i < 0 {
		return nil
	}
	return c.safes[i]
}

// Delete implements [keyfile.Container]. Certificates that only the entry's chain needed go with it; one that other chains
// need stays without its label.
func (c *Container) Delete(label string) error {
	r, err := c.records.Find(label)
	if err != nil {
		return err
	}
	c.begin()
	c.dropBags(r, nil)
	return c.records.Remove(label)
}

// dropBags removes the bags of a record that its successor, if any, and the other entries do not need.
func (c *Container) dropBags(r, successor *record) {
	c.stock.Release(r.chain)
	c.dropCopies(r)
	if r.key != nil && (successor == nil || successor.key != r.key) {
		r.key.removed = true
	}
	if r.cert != nil && (successor == nil || successor.cert != r.cert) {
		r.cert.owner = nil
		c.dropCert(r.cert)
		c.dropSpare(r.cert.cert)
	}
	for _, der := range r.chain {
		c.dropSpare(der)
	}
}

// dropSpare removes the bags of a certificate that no entry and no chain needs.
func (c *Container) dropSpare(der []byte) {
	owned := func(b *bag) bool { return b.owner != nil }
	for _, b := range c.stock.Spare(der, owned, func(a, b *bag) int { return 0 }) {
		c.dropCert(b)
	}
}

// dropCopies removes what says the same as a record that is changed: it would be an entry of its own.
func (c *Container) dropCopies(r *record) {
	for _, other := range r.copies {
		if other.key != nil {
			other.key.removed = true
		}
		if other.cert != nil {
			c.dropCert(other.cert)
		}
	}
	r.copies = nil
}

// dropCert removes the bag of a certificate, or takes its label and trust if a chain needs it and no other bag has it.
func (c *Container) dropCert(b *bag) {
	if c.stock.Last(b.cert, b) {
		for _, id := range []string{oidFriendlyName, oidLocalKeyID, oidTrustedKeyUsage} {
			if b.has(id) {
				b.set(id, nil)
			}
		}
		b.setMarks(marks{})
		return
	}
	b.removed = true
	c.stock.Remove(b.cert, b)
}
