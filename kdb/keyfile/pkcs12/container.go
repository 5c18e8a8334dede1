package pkcs12

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/document"
	"certkdb/pki/oid"
	"certkdb/pki/pbe"
)

// Container is the content of one PKCS #12 file. It implements [keyfile.Container].
type Container struct {
	secrets  secrets
	profile  profile
	chosen   bool     // the profile was asked for, not seen in the file
	mac      *pbe.MAC // as read
	trailing int      // bytes after the file's structure
	// unverified says that the file has a MAC and was read without its password.
	unverified bool
	safes      []*safe
	records    *document.Document[*record]
	stock      *document.Stock[*bag] // nil until the first change
	dirty      bool
	// where certificates and keys are added, once that is known
	certSafe, keySafe *safe
}

var _ keyfile.Container = (*Container)(nil)

// record is an entry with the bags that hold it.
type record struct {
	label string
	kind  kdb.Kind
	key   *bag // of a private or secret key
	cert  *bag
	chain [][]byte // after the entry's own certificate
	// copies are records that say the same again.
	copies []*record
	spki   []byte // of a private key; nil if nothing shows it
	// trusted and isDefault are as in kdb.Entry.
	trusted, isDefault bool
	// plain is a key that was opened, or put; toEncrypt says that it has yet to be encrypted.
	plain     []byte
	toEncrypt bool
	// closed says that no password fits the key, which was found out once.
	closed error
	// algorithm is a secret key's, or the type of a private key without certificate.
	algorithm string
	request   []byte // of KindRequest
	// changed says that localKeyId, marks and chain are to be looked after when writing.
	changed bool
}

// New makes an empty file to be written in a profile: 2023 (also ""), 2026, legacy, gskit or passwordless.
func New(name string) (*Container, error) {
	p, err := profileNamed(name)
	if err != nil {
		return nil, err
	}
	return &Container{profile: p, chosen: true, records: document.New[*record](nil)}, nil
}

// Decode reads a file. The errors are those of [keyfile.Codec].
func Decode(data []byte, passwords keyfile.Passwords) (*Container, error) {
	p, err := parsePFX(data)
	if err != nil {
		return nil, err
	}
	c := &Container{
		secrets: secrets{source: passwords, budget: pbe.NewBudget(0)}, mac: p.mac, trailing: p.trailing,
		records: document.New[*record](nil),
	}
	if p.mac != nil {
		err := c.secrets.verify(p.mac, p.content)
		// Without its password a file that encrypts no certificates can be listed, as a Java key store can, but nothing vouches for it.
		if c.unverified = errors.Is(err, kdb.ErrNoPassword); err != nil && !c.unverified {
			return nil, err
		}
	}
	decrypt := func(algorithm, ciphertext []byte) ([]byte, error) {
		return c.secrets.open(algorithm, ciphertext, isSequence)
	}
	if err := c.parseSafes(p.content, decrypt); err != nil {
		return nil, c.explain(err)
	}
	c.profile = c.seenProfile()
	err = c.makeRecords()
	if err == nil {
		err = c.proveByKey()
	}
	if err != nil {
		return nil, c.explain(err)
	}
	c.secrets.budget = pbe.NewBudget(pbe.UsualWork) // for keys that are asked for
	return c, nil
}

// proveByKey opens a key of a file in which nothing else tells the right password from a wrong one.
func (c *Container) proveByKey() error {
	if c.mac != nil || slices.ContainsFunc(c.safes, func(s *safe) bool { return s.encrypted }) {
		return nil
	}
	var failed error
	for _, r := range c.records.All() {
		if r.key == nil || r.key.id == oidKeyBag {
			continue
		}
		err := c.open(r)
		if err == nil {
			return nil
		}
		if failed == nil || errors.Is(err, kdb.ErrPassword) {
			failed = err
		}
	}
	return failed
}

// explain adds to a wrong password that it was right for the MAC. One that is missing needs no explanation.
func (c *Container) explain(err error) error {
	if c.unverified && errors.Is(err, kdb.ErrNoPassword) {
		return c.secrets.missing
	}
	if c.mac != nil && errors.Is(err, kdb.ErrPassword) {
		return fmt.Errorf("reading a PKCS #12 file whose MAC is right: %w; its content has another password", err)
	}
	return fmt.Errorf("reading a PKCS #12 file: %w", err)
}

// seenProfile is the profile that comes nearest to how the file was written.
func (c *Container) seenProfile() profile {
	encrypted, old := false, false
	note := func(algorithm []byte) {
		d, err := pbe.Describe(algorithm)
		encrypted = true
		old = old || err == nil && d.Name != "PBES2"
	}
	for _, s := range c.safes {
		if s.encrypted {
			note(s.algorithm)
		}
	}
	for b := range c.bags() {
		if algorithm, _, err := pbe.SplitPKCS8(b.value); b.id == oidShroudedKeyBag && err == nil {
			note(algorithm)
		}
	}
	name := "2023"
	switch d, err := c.describeMAC(); {
	case c.mac == nil && !encrypted:
		name = "passwordless"
	case err == nil && d.PBMAC1():
		name = "2026"
	case old, !encrypted && err == nil && d.Name == "HMAC-SHA-1": // the MAC is all that an empty file has
		name = "legacy"
	}
	if name == "legacy" && c.hasGSKitSigner() {
		name = profileGSKit
	}
	p, _ := profileNamed(name)
	return p
}

func (c *Container) describeMAC() (pbe.Description, error) {
	if c.mac == nil {
		return pbe.Description{}, errors.New("no MAC")
	}
	return c.mac.Describe()
}

// bags yields all bags that are left in the file's order.
func (c *Container) bags() func(yield func(*bag) bool) {
	return func(yield func(*bag) bool) {
		for _, s := range c.safes {
			if !walk(s.bags, yield) {
				return
			}
		}
	}
}

// Version implements [keyfile.Container]: the version of the PFX.
func (c *Container) Version() string { return "3" }

func (c *Container) hasGSKitSigner() bool {
	for b := range c.bags() {
		if b.isGSKitSigner() {
			return true
		}
	}
	return false
}

// Profile names how the file will be written: 2023, 2026, legacy, gskit or passwordless.
func (c *Container) Profile() string { return c.profile.name }

// Entries implements [keyfile.Container].
func (c *Container) Entries() []kdb.Entry {
	list := make([]kdb.Entry, 0, c.records.Len())
	for _, r := range c.records.All() {
		list = append(list, r.entry())
	}
	return list
}

// Unverified says that the file has a MAC, and was read without the password that verifies it.
func (c *Container) Unverified() bool { return c.unverified }

// Shortened implements [keyfile.Shortener].
func (c *Container) Shortened() iter.Seq2[string, int] { return c.records.Shortened() }

// Entry implements [keyfile.Container].
func (c *Container) Entry(label string) (kdb.Entry, error) {
	r, err := c.records.Find(label)
	if err != nil {
		return kdb.Entry{}, err
	}
	return r.entry(), nil
}

func (r *record) entry() kdb.Entry {
	e := kdb.Entry{
		Label: r.label, Kind: r.kind, Trusted: r.trusted, Default: r.isDefault, KeyAlgorithm: r.algorithm,
		LocalKeyID: bytes.Clone(r.localKeyID()), Request: bytes.Clone(r.request),
	}
	if r.cert != nil {
		e.Certificates = append(e.Certificates, bytes.Clone(r.cert.cert))
	}
	for _, der := range r.chain {
		e.Certificates = append(e.Certificates, bytes.Clone(der))
	}
	e.Added = javaTime(e.LocalKeyID)
	return e
}

// localKeyID is the key's, else the certificate's.
func (r *record) localKeyID() []byte {
	if r.key != nil {
		if id := r.key.localKeyID(); id != nil {
			return id
		}
	}
	if r.cert != nil {
		return r.cert.localKeyID()
	}
	return nil
}

// Key implements [keyfile.Container].
func (c *Container) Key(label string) ([]byte, error) {
	r, err := c.records.Find(label)
	if err != nil {
		return nil, err
	}
	if r.key == nil {
		return nil, fmt.Errorf("%w: %q has no private key", kdb.ErrNotFound, label)
	}
	if err := c.open(r); err != nil {
		return nil, err
	}
	return bytes.Clone(r.plain), nil
}

// open makes the key of a record readable.
func (c *Container) open(r *record) error {
	if r.plain != nil {
		return nil
	}
	if r.closed != nil {
		return r.closed
	}
	plain, err := c.openBag(r.key)
	if errors.Is(err, kdb.ErrPassword) {
		r.closed = err
	}
	if err != nil {
		return err
	}
	if r.kind != kdb.KindSecretKey {
		r.plain = plain
		return nil
	}
	algorithm, secret, ok := splitPKCS8(plain)
	if !ok {
		return bad("a secret key is not a PrivateKeyInfo")
	}
	r.algorithm, r.plain = secretName(algorithm), secret
	return nil
}

// openBag returns the PrivateKeyInfo in a key bag, a shrouded key bag or a Java secret bag.
func (c *Container) openBag(b *bag) ([]byte, error) {
	encrypted := b.value
	switch b.id {
	case oidKeyBag:
		return b.value, nil
	case oidSecretBag:
		encrypted, _ = b.secretValue()
	}
	algorithm, ciphertext, err := pbe.SplitPKCS8(encrypted)
	if err != nil && isPrivateKeyInfo(encrypted) {
		return encrypted, nil // GnuTLS encrypts nothing where the password is empty, and calls it shrouded all the same
	}
	if err != nil {
		return nil, keyfile.KeyError(err)
	}
	plain, err := c.secrets.open(algorithm, ciphertext, isPrivateKeyInfo)
	if err != nil {
		return nil, &kdb.ClosedKey{Encryption: keyfile.Encryption(algorithm), Err: err}
	}
	der, _, err := normalize(plain) // which isPrivateKeyInfo did
	return der, err
}

// KeyProtection implements keyfile.Container.
func (c *Container) KeyProtection(label string) (string, error) {
	r, err := c.records.Find(label)
	switch {
	case err != nil || r.key == nil:
		return "", err
	case r.toEncrypt:
		return keyfile.EncryptsLater, nil
	}
	encrypted := r.key.value
	if r.key.id == oidSecretBag {
		encrypted, _ = r.key.secretValue()
	}
	if r.key.id == oidKeyBag || isPrivateKeyInfo(encrypted) {
		return keyfile.NotEncrypted, nil
	}
	return keyfile.Protection(encrypted), nil
}

// secretNames are the names that Java gives to the algorithms of secret keys.
var secretNames = [...][2]string{
	{oid.AES, "AES"},
	{oid.TripleDESCBC, "DESede"},
	{oid.DESCBC, "DES"},
	{oid.RC4, "ARCFOUR"},
	{oid.HMACWithSHA1, "HmacSHA1"},
	{oid.HMACWithSHA224, "HmacSHA224"},
	{oid.HMACWithSHA256, "HmacSHA256"},
	{oid.HMACWithSHA384, "HmacSHA384"},
	{oid.HMACWithSHA512, "HmacSHA512"},
	{"1.2.840.113549.1.9.16.3.18", "ChaCha20-Poly1305"},
	{oid.PBEWithMD5AndDES, "PBEWithMD5AndDES"}, // a password that keytool -importpass stored
}

func secretName(id string) string {
	i := slices.IndexFunc(secretNames[:], func(n [2]string) bool { return n[0] == id })
	if i < 0 {
		return id
	}
	return secretNames[i][1]
}
