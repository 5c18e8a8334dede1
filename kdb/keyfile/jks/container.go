package jks

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/pki/cert"
	"certkdb/pki/pbe"
)

// container is a decoded JKS or JCEKS file.
type container struct {
	store
	records   []*record // in the order of store.entries
	passwords keyfile.Passwords
	password  []byte // of the file; nil if it was not given
	verified  bool   // the digest was right, or the store is new
	found     *index // nil until it is needed
	budget    *pbe.Budget
}

// record is an entry of the file with what the database makes of it.
type record struct {
	*entry
	label  string
	hidden string // why it is not shown; "" if it is
	// plain is the opened key, or one that was put and is sealed when the file is written.
	plain  []byte
	secret *secretKey // the opened secret key
	listed bool       // a listing tried to open the secret key
	fresh  bool       // plain is to be sealed
}

// decode reads a file. Without its password it can be listed, as in Java, but nothing vouches for it.
func decode(data []byte, passwords keyfile.Passwords, magic uint32) (keyfile.Container, error) {
	s, digest, err := parse(data)
	if err != nil {
		return nil, err
	}
	if s.magic != magic {
		return nil, fmt.Errorf("reading a key store: %w: it begins with %08x, a %s file with %08x", kdb.ErrParse, s.magic, formatName(magic), magic)
	}
	c := &container{store: s, passwords: passwords, budget: pbe.NewBudget(pbe.UsualWork)}
	if c.password, err = askPassword(passwords); err != nil {
		return nil, err
	}
	if c.password != nil {
		if subtle.ConstantTimeCompare(digest, storeDigest(data[:len(data)-digestSize], c.password)) != 1 {
			return nil, fmt.Errorf("verifying the digest of a %s key store (SHA-1 with the password): %w, or the file was changed", formatName(magic), kdb.ErrPassword)
		}
		c.verified = true
	}
	c.describe()
	return c, nil
}

// askPassword returns nil if there is no password to be had.
func askPassword(passwords keyfile.Passwords) ([]byte, error) {
	if passwords.Database == nil {
		return nil, nil
	}
	password, err := passwords.Database()
	if errors.Is(err, kdb.ErrNoPassword) {
		return nil, nil
	}
	return bytes.Clone(password), err
}

// describe makes the records. Of entries with the same alias Java sees the last one.
func (c *container) describe() {
	last := map[string]int{}
	for i, e := range c.entries {
		last[e.alias] = i
	}
	taken := map[string]bool{}
	for i, e := range c.entries {
		r := &record{entry: e}
		switch {
		case last[e.alias] != i:
			r.hidden = "a later entry has the same alias, and Java sees only that one"
		default:
			r.hidden = e.unreadable()
		}
		if r.hidden == "" {
			r.label = uniqueLabel(e, taken)
		}
		c.records = append(c.records, r)
	}
}

// unreadable says why an entry cannot be shown; "" if it can.
func (e *entry) unreadable() string {
	for _, crt := range e.chain {
		if !isX509(crt.kind) {
			return fmt.Sprintf("its certificate is of type %q", crt.kind)
		}
		if _, err := cert.Parse(crt.der); err != nil {
			return err.Error()
		}
	}
	if e.tag != tagSecret {
		return ""
	}
	if o, err := parseJava(e.sealed); err != nil || !o.is("javax.crypto.SealedObject") {
		return "it holds a Java object that is no sealed key"
	}
	return ""
}

// uniqueLabel is the alias where it can be a label, else one made from the certificate.
func uniqueLabel(e *entry, taken map[string]bool) string {
	base := e.alias
	if kdb.CheckLabel(base) != nil {
		base = "unnamed"
		if len(e.chain) > 0 {
			base = kdb.AutoLabel(&kdb.Entry{Certificates: [][]byte{e.chain[0].der}})
		}
	}
	label := base
	for n := 2; taken[label]; n++ {
		label = fmt.Sprintf("%s (%d)", base, n)
	}
	taken[label] = true
	return label
}

// Version implements keyfile.Container.
func (c *container) Version() string { return fmt.Sprint(c.version) }

// Entries implements keyfile.Container.
func (c *container) Entries() []kdb.Entry {
	budget := pbe.NewBudget(0) // the keys that it does not suffice for are listed without their algorithm
	var list []kdb.Entry
	for _, r := range c.records {
		if r.hidden == "" {
			list = append(list, c.entryOf(r, budget))
		}
	}
	return list
}

func (c *container) entryOf(r *record, budget *pbe.Budget) kdb.Entry {
	e := kdb.Entry{Label: r.label, Added: r.added()}
	for _, crt := range r.chain {
		e.Certificates = append(e.Certificates, bytes.Clone(crt.der))
	}
	switch r.tag {
	case tagKey:
		e.Kind = kdb.KindPersonal
	case tagTrusted:
		e.Kind, e.Trusted = kdb.KindTrusted, true
	case tagSecret:
		// The name of the algorithm is sealed together with the key.
		e.Kind = kdb.KindSecretKey
		if r.secret == nil && !r.listed {
			r.listed = true
			c.openSecret(r, budget) //nolint:errcheck // a key that does not open is listed without its algorithm
		}
		if r.secret != nil {
			e.KeyAlgorithm = r.secret.algorithm
		}
	}
	return e
}

// Key implements keyfile.Container.
func (c *container) Key(label string) ([]byte, error) {
	r := c.find(label)
	switch {
	case r == nil:
		return nil, fmt.Errorf("label %q: %w", label, kdb.ErrNotFound)
	case r.tag == tagTrusted:
		return nil, fmt.Errorf("label %q: %w: a trusted certificate has no key", label, kdb.ErrNotFound)
	case r.tag == tagSecret:
		k, err := c.openSecret(r, c.budget)
		return bytes.Clone(k.key), inLabel(label, err)
	}
	key, err := c.openKey(r)
	return bytes.Clone(key), inLabel(label, err)
}

func inLabel(label string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("key of label %q: %w", label, err)
}

func (c *container) find(label string) *record {
	return c.index().labels[label]
}

// candidates are the passwords that a key may have, the file's own first, as keytool does it.
func (c *container) candidates() [][]byte {
	var list [][]byte
	if c.password != nil {
		list = append(list, c.password)
	}
	return append(list, c.passwords.Keys...)
}

// openKey opens a private key with the first password that fits.
func (c *container) openKey(r *record) ([]byte, error) {
	if r.plain != nil {
		return r.plain, nil
	}
	err := fmt.Errorf("opening a private key: %w", kdb.ErrNoPassword)
	for _, password := range c.candidates() {
		if r.plain, err = unprotect(r.sealed, password, c.budget); err == nil {
			return r.plain, nil
		}
		if !errors.Is(err, kdb.ErrPassword) {
			break
		}
	}
	return nil, &kdb.ClosedKey{Encryption: r.encryption(), Err: err}
}

// openSecret opens a secret key; the derivations that it takes come off the budget.
func (c *container) openSecret(r *record, budget *pbe.Budget) (secretKey, error) {
	if r.secret != nil {
		return *r.secret, nil
	}
	sealed, err := readSealedKey(r.sealed)
	if err != nil {
		return secretKey{}, fmt.Errorf("reading a secret key: %w", err)
	}
	err = fmt.Errorf("opening a secret key: %w", kdb.ErrNoPassword)
	for _, password := range c.candidates() {
		if limit := sealed.parameters.spend(budget); limit != nil {
			return secretKey{}, fmt.Errorf("opening a secret key: %w", limit)
		}
		var k secretKey
		if k, err = sealed.open(password); err == nil {
			r.secret = &k
			return k, nil
		}
		if !errors.Is(err, kdb.ErrPassword) {
			break
		}
	}
	return secretKey{}, err
}

// Put implements keyfile.Container. New aliases are in lower case: Java's JKS looks aliases up in lower case without
// having lowered those in the file (JavaKeyStore.convertAlias), so it would not find another, and keytool refuses the
// whole store for it. The label keeps its case until the file is read again.
func (c *container) Put(e kdb.Entry) error {
	if err := c.holds(&e); err != nil {
		return err
	}
	if e.Kind == kdb.KindTrusted {
		e.Certificates = e.Certificates[:1] // there is room for no chain
	}
	r := c.find(e.Label)
	if r == nil {
		var err error
		if r, err = c.relabel(&e); err != nil {
			return err
		}
	}
	if r != nil && r.same(&e) && (len(e.Key) == 0 || c.sameKey(r, e.Key)) {
		return nil
	}
	if e.Kind == kdb.KindPersonal && len(e.Key) == 0 && (r == nil || r.tag != tagKey) {
		return fmt.Errorf("entry %q of kind %s needs its key", e.Label, e.Kind)
	}
	if r != nil {
		r.set(&e)
		return nil
	}
	twin := c.twin(&e)
	r = &record{entry: &entry{alias: strings.ToLower(e.Label)}, label: e.Label}
	c.index().add(r)
	c.records, c.entries = append(c.records, r), append(c.entries, r.entry)
	r.set(&e)
	if twin != nil {
		r.sealed, r.plain, r.fresh = twin.sealed, bytes.Clone(twin.plain), twin.fresh
	}
	return nil
}

// twin finds a record with the key and the certificate of an entry that is new. The key is taken as it is sealed there, so that renaming
// keeps a password of the key's own.
func (c *container) twin(e *kdb.Entry) *record {
	if e.Kind != kdb.KindPersonal {
		return nil
	}
	for _, r := range c.records {
		if r.tag == tagKey && r.plain != nil && len(r.chain) > 0 && bytes.Equal(r.chain[0].der, e.Certificates[0]) &&
			subtle.ConstantTimeCompare(r.plain, e.Key) == 1 {
			return r
		}
	}
	return nil
}

// holds reports why the format cannot hold an entry.
func (c *container) holds(e *kdb.Entry) error {
	if c.magic == magicJCEKS {
		return errReadOnly()
	}
	if err := kdb.CheckLabel(e.Label); err != nil {
		return err
	}
	unsupported := func(why string) error {
		return fmt.Errorf("storing label %q in a JKS key store: %w: %s", e.Label, kdb.ErrUnsupported, why)
	}
	switch {
	case e.Kind == kdb.KindSecretKey:
		return unsupported("it holds no secret keys; use a PKCS #12 file or a native database")
	case e.Kind == kdb.KindRequest:
		return unsupported("it holds no certificate requests; use a native or CMS database")
	case e.Kind == kdb.KindTrusted && !e.Trusted:
		return unsupported("every certificate without a key in it is trusted")
	case len(e.Certificates) == 0:
		return unsupported("every entry in it has a certificate")
	// Together with its key the entry is a copy from elsewhere, and loses a mark that Java does not know; without
	// one, setting the mark is what was asked for.
	case len(e.Key) == 0 && e.Default:
		return unsupported("it has no default entry; Java programs name the alias")
	case len(e.Key) == 0 && e.Kind == kdb.KindPersonal && e.Trusted:
		return unsupported("an entry with a key cannot be trusted in it; add the certificate under another label")
	}
	return nil
}

// Rename implements keyfile.Container. The sealed key stays as it is, with a password of its own.
func (c *container) Rename(from, to string) error {
	if c.magic == magicJCEKS {
		return errReadOnly()
	}
	r := c.find(from)
	if r == nil {
		return fmt.Errorf("label %q: %w", from, kdb.ErrNotFound)
	}
	alias := strings.ToLower(to)
	for _, other := range c.index().aliases[alias] {
		if other != r {
			return fmt.Errorf("storing label %q: %w as %q; aliases in a JKS key store do not differ by case", to, kdb.ErrExists, other.alias)
		}
	}
	c.found = nil
	if r.label = to; r.alias != alias {
		r.alias, r.raw = alias, nil
	}
	return nil
}

func errReadOnly() error {
	return fmt.Errorf("changing a JCEKS key store: %w: JCEKS is only read; copy its entries into a new PKCS #12 file or native database",
		kdb.ErrUnsupported)
}

// relabel finds the entry that differs from the label by case alone. If it is the same entry it takes the label over;
// two such entries would be one for Java.
func (c *container) relabel(e *kdb.Entry) (*record, error) {
	alias := strings.ToLower(e.Label)
	found := c.index().aliases[alias]
	if len(found) == 0 {
		return nil, nil
	}
	r := found[0]
	if len(found) > 1 || r.hidden != "" || !r.same(e) {
		return nil, fmt.Errorf("storing label %q: %w as %q; aliases in a JKS key store do not differ by case", e.Label, kdb.ErrExists, r.alias)
	}
	c.found = nil
	if r.label = e.Label; r.alias != alias {
		r.alias, r.raw = alias, nil
	}
	return r, nil
}

// same reports whether the record holds the entry's certificates in the entry's kind.
func (r *record) same(e *kdb.Entry) bool {
	if (r.tag == tagKey) != (e.Kind == kdb.KindPersonal) || len(r.chain) != len(e.Certificates) {
		return false
	}
	for i, crt := range r.chain {
		if !bytes.Equal(crt.der, e.Certificates[i]) {
			return false
		}
	}
	return true
}

func (c *container) sameKey(r *record, key []byte) bool {
	old, err := c.openKey(r)
	return err == nil && subtle.ConstantTimeCompare(old, key) == 1
}

// set replaces what the record holds; a personal entry that is put without a key keeps the sealed one.
func (r *record) set(e *kdb.Entry) {
	r.raw, r.chain, r.tag = nil, nil, tagTrusted
	for _, der := range e.Certificates {
		r.chain = append(r.chain, certificate{typeX509, der})
	}
	if e.Kind == kdb.KindPersonal {
		r.tag = tagKey
	} else {
		r.sealed, r.plain, r.fresh = nil, nil, false
	}
	if len(e.Key) > 0 {
		r.sealed, r.plain, r.fresh = nil, e.Key, true
	}
	switch {
	case !e.Added.IsZero() && !e.Added.Equal(r.added()):
		r.created = e.Added.UnixMilli()
	case r.created == 0:
		r.created = time.Now().UnixMilli()
	}
}

// Delete implements keyfile.Container. Entries that the alias hid go with it.
func (c *container) Delete(label string) error {
	if c.magic == magicJCEKS {
		return errReadOnly()
	}
	gone := c.find(label)
	if gone == nil {
		return fmt.Errorf("label %q: %w", label, kdb.ErrNotFound)
	}
	records := c.records
	c.records, c.entries, c.found = nil, nil, nil
	for _, r := range records {
		if r.alias != gone.alias {
			c.records, c.entries = append(c.records, r), append(c.entries, r.entry)
		}
	}
	return nil
}

// Encode implements keyfile.Container. Under another password the keys that opened with the old one are sealed anew;
// the others keep what they have, as with keytool -storepasswd.
func (c *container) Encode(password []byte) (keyfile.Files, error) {
	switch {
	case c.magic == magicJCEKS:
		return keyfile.Files{}, errReadOnly()
	case password == nil:
		return keyfile.Files{}, fmt.Errorf("writing a JKS key store: %w: its digest needs one", kdb.ErrNoPassword)
	case !c.verified:
		return keyfile.Files{}, fmt.Errorf("writing a JKS key store that was read without its password: %w", kdb.ErrNoPassword)
	}
	changed := c.password != nil && !bytes.Equal(password, c.password)
	for _, r := range c.records {
		if err := c.reseal(r, password, changed); err != nil {
			return keyfile.Files{}, inLabel(r.label, err)
		}
	}
	c.password = bytes.Clone(password)
	body := c.body()
	return keyfile.Files{Main: append(body, storeDigest(body, password)...)}, nil
}

func (c *container) reseal(r *record, password []byte, changed bool) error {
	if changed && !r.fresh && r.tag == tagKey {
		plain, err := unprotect(r.sealed, c.password, c.budget)
		if err != nil {
			return nil // it has a password of its own, or is sealed in a way that is not known here
		}
		r.plain, r.fresh = plain, true
	}
	if !r.fresh {
		return nil
	}
	sealed, err := protect(r.plain, password)
	if err != nil {
		return err
	}
	r.sealed, r.raw, r.fresh = sealed, nil, false
	return nil
}
