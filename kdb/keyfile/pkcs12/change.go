package pkcs12

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/oid"
)

// ledger counts what certificates are used for while a file is changed.
type ledger struct {
	bags     map[[32]byte][]*bag // certificate bags that are left, by fingerprint
	entries  map[[32]byte][]*record
	chainUse map[[32]byte]int // by how many chains
}

// books returns the ledger, made at the first change.
func (c *Container) books() *ledger {
	if c.ledger != nil {
		return c.ledger
	}
	l := &ledger{bags: map[[32]byte][]*bag{}, entries: map[[32]byte][]*record{}, chainUse: map[[32]byte]int{}}
	for b := range c.bags() {
		if b.cert != nil {
			sum := sha256.Sum256(b.cert)
			l.bags[sum] = append(l.bags[sum], b)
		}
	}
	for _, r := range c.records.All() {
		l.enter(r)
	}
	c.ledger = l
	return l
}

func (l *ledger) enter(r *record) {
	if r.cert != nil {
		sum := sha256.Sum256(r.cert.cert)
		l.entries[sum] = append(l.entries[sum], r)
	}
	for _, der := range r.chain {
		l.chainUse[sha256.Sum256(der)]++
	}
}

func (l *ledger) leave(r *record) {
	if r.cert != nil {
		sum := sha256.Sum256(r.cert.cert)
		l.entries[sum] = slices.DeleteFunc(l.entries[sum], func(other *record) bool { return other == r })
	}
	for _, der := range r.chain {
		l.chainUse[sha256.Sum256(der)]--
	}
}

// Put implements [keyfile.Container].
func (c *Container) Put(e kdb.Entry) error { return c.store(e, len(e.Key) > 0) }

// Update implements [keyfile.Container].
func (c *Container) Update(e kdb.Entry) error {
	old, err := c.records.Find(e.Label)
	if err != nil {
		return err
	}
	return c.store(e, old.hasPrivateKey())
}

// store puts an entry in the place of the one that has the label, with the bags of that which are the same.
func (c *Container) store(e kdb.Entry, hasKey bool) error {
	if err := kdb.CheckLabel(e.Label); err != nil {
		return fmt.Errorf("storing in a PKCS #12 file: %w", err)
	}
	old, err := c.records.Find(e.Label)
	if err != nil {
		old = nil
	}
	if err = checkParts(e, hasKey); err != nil {
		return fmt.Errorf("storing %q in a PKCS #12 file: %w", e.Label, err)
	}
	r, err := c.newRecord(e, old)
	if err != nil {
		return fmt.Errorf("storing %q in a PKCS #12 file: %w", e.Label, err)
	}
	if r.isDefault {
		for _, other := range c.records.All() {
			other.isDefault = false
		}
		r.isDefault = true
	}
	c.dirty = true
	l := c.books()
	if old == nil {
		err = c.records.Insert(r.label, r)
	} else {
		l.leave(old)
		err = c.records.Replace(r.label, r)
	}
	l.enter(r)
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
	l := c.books()
	for _, der := range r.chain {
		for _, b := range l.bags[sha256.Sum256(der)] {
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
	r.label, c.dirty = to, true
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

// checkParts says why an entry cannot be stored. hasKey says that it brings its private key or that there is one under its label.
func checkParts(e kdb.Entry, hasKey bool) error {
	unlike := func(want string) error {
		return fmt.Errorf("%w: an entry of kind %s without %s", kdb.ErrUnsupported, e.Kind, want)
	}
	switch certs := len(e.Certificates); {
	case e.Kind == kdb.KindTrusted && (certs != 1 || len(e.Key) > 0):
		return unlike("just one certificate and no key")
	case e.Kind == kdb.KindPersonal && !hasKey:
		return unlike("its key")
	case e.Kind == kdb.KindRequest && (certs > 0 || !hasKey || len(e.Request) == 0):
		return unlike("a request and its key and no certificate")
	case e.Kind < kdb.KindTrusted || e.Kind > kdb.KindSecretKey:
		return fmt.Errorf("%w: an entry of kind %s", kdb.ErrUnsupported, e.Kind)
	}
	for i, der := range e.Certificates {
		if _, err := cert.Parse(der); err != nil {
			return fmt.Errorf("%w: certificate %d: %w", kdb.ErrParse, i+1, err)
		}
	}
	if e.Kind == kdb.KindRequest {
		if _, err := cert.ParseRequest(e.Request); err != nil {
			return fmt.Errorf("%w: %w", kdb.ErrParse, err)
		}
	}
	if e.Kind != kdb.KindSecretKey && len(e.Key) > 0 && !isPrivateKeyInfo(e.Key) {
		return fmt.Errorf("%w: the key is no PrivateKeyInfo (PKCS #8)", kdb.ErrParse)
	}
	return nil
}

// setCert gives a record its certificate's bag: that of the old record, or a new one.
func (r *record) setCert(der []byte, old *record) {
	if old != nil && old.kind == r.kind && old.cert != nil && bytes.Equal(old.cert.cert, der) {
		r.cert = old.cert
	} else {
		r.cert = newCertBag(der)
	}
	r.cert.setFriendlyName(r.label)
}

// setKey gives a record its private key's bag. A key that the old record has is taken as it is encrypted there, which keeps a password of
// its own.
func (c *Container) setKey(r *record, e kdb.Entry, old *record) {
	if len(e.Key) == 0 || old.hasPrivateKey() && c.open(old) == nil && bytes.Equal(old.plain, e.Key) {
		r.key, r.plain, r.fresh = old.key, old.plain, old.fresh
	} else {
		r.key, r.plain, r.fresh = &bag{id: oidShroudedKeyBag}, bytes.Clone(e.Key), true
	}
	r.key.setFriendlyName(r.label)
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
		r.key, r.plain, r.fresh, r.algorithm = old.key, old.plain, old.fresh, old.algorithm
		r.key.setFriendlyName(r.label)
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
	r.key, r.plain, r.fresh, r.algorithm = &bag{id: oidSecretBag}, bytes.Clone(e.Key), true, e.KeyAlgorithm
	r.key.setFriendlyName(r.label)
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
	l := c.ledger
	if r.cert != nil {
		sum := sha256.Sum256(r.cert.cert)
		if !r.cert.placed {
			l.bags[sum] = append(l.bags[sum], r.cert)
			c.place(r.cert)
		}
	}
	for _, der := range r.chain {
		sum := sha256.Sum256(der)
		if len(l.bags[sum]) == 0 {
			b := newCertBag(der)
			l.bags[sum] = []*bag{b}
			c.place(b)
		}
	}
	if r.key != nil && !r.key.placed {
		c.place(r.key)
	}
}

// place appends a bag to the SafeContents where its like are, else to a new one: certificates are encrypted together, keys
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
	b.placed = true
	(*to).bags = append((*to).bags, b)
}

// safeWith finds the first SafeContents with a bag of a kind.
func (c *Container) safeWith(like func(*bag) bool) *safe {
	i := slices.IndexFunc(c.safes, func(s *safe) bool { return slices.ContainsFunc(s.bags, like) })
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
	c.books().leave(r)
	c.dirty = true
	c.dropBags(r, nil)
	return c.records.Remove(label)
}

// dropBags removes the bags of a record that its successor, if any, and the other entries do not need.
func (c *Container) dropBags(r, successor *record) {
	if r.key != nil && (successor == nil || successor.key != r.key) {
		r.key.gone = true
	}
	if r.cert != nil && (successor == nil || successor.cert != r.cert) {
		c.dropCert(r.cert)
	}
	for _, der := range r.chain {
		sum := sha256.Sum256(der)
		if c.ledger.chainUse[sum] > 0 {
			continue
		}
		for _, b := range slices.Clone(c.ledger.bags[sum]) {
			if !slices.ContainsFunc(c.ledger.entries[sum], func(e *record) bool { return e.cert == b }) {
				c.dropCert(b)
			}
		}
	}
}

// dropCert removes the bag of a certificate, or takes its label and trust if a chain needs it and no other bag has it.
func (c *Container) dropCert(b *bag) {
	sum := sha256.Sum256(b.cert)
	if c.ledger.chainUse[sum] > 0 && len(c.ledger.bags[sum]) == 1 {
		for _, id := range []string{oidFriendlyName, oidLocalKeyID, oidTrustedKeyUsage} {
			if b.has(id) {
				b.set(id, nil)
			}
		}
		b.setMarks(marks{})
		return
	}
	b.gone = true
	c.ledger.bags[sum] = slices.DeleteFunc(c.ledger.bags[sum], func(other *bag) bool { return other == b })
}
