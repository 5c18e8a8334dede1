package inspect

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs12"
	"certkdb/pki/key"
)

// store shows a key store. PKCS #12 is shown bag by bag, since entries join what stands apart in the file; other databases by their
// entries.
func (s *inspection) store(driver *kdb.Driver, data []byte) error {
	s.found.Format = driver.Name
	if driver.Data != nil {
		data = driver.Data
	}
	if driver.Name == pkcs12.Codec().Name {
		return s.pkcs12(data)
	}
	source := op.DB{Location: s.File, Password: s.Password, KeyPassword: s.KeyPasswords, LockTimeout: s.LockTimeout}
	options, err := source.Options(s.ctx, s.env)
	if err != nil {
		return err
	}
	db, err := driver.Open(s.ctx, op.Named(s.File), options)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.View(s.ctx, s.entries); err != nil {
		return err
	}
	s.warn(op.Attach(s.env, op.Named(s.File), db).Unverified())
	info, err := db.Info(s.ctx)
	s.found.Version = info.Version
	return err
}

// warn gives a warning, if there is one.
func (s *inspection) warn(warning error) {
	if warning != nil && s.env.Warn != nil {
		s.env.Warn(warning)
	}
}

func (s *inspection) entries(tx kdb.Tx) error {
	s.found.Items = s.found.Items[:0]
	var first error
	for summary, err := range tx.Summaries("") {
		if err != nil {
			return err
		}
		entry, err := tx.Entry(summary.Label)
		if err != nil {
			return err
		}
		item, err := s.entry(tx, &summary, &entry)
		if err != nil {
			item.Error = err.Error()
			first = firstOf(first, fmt.Errorf("reading %q: label %q: %w", s.File, summary.Label, err))
		}
		s.found.Items = append(s.found.Items, item)
	}
	return first
}

func (s *inspection) entry(tx kdb.Tx, summary *kdb.Summary, entry *kdb.Entry) (Item, error) {
	item := Item{
		Type: summary.Kind.String(), Label: summary.Label, LocalKeyID: fmt.Sprintf("%x", entry.LocalKeyID),
		Trusted: summary.Trusted, Default: summary.Default,
	}
	s.summary(&item, summary)
	for _, der := range entry.Certificates {
		c, err := newCertificate(der)
		if err != nil {
			return item, err
		}
		item.Certificates = append(item.Certificates, c)
	}
	switch {
	case len(item.Certificates) > 0:
		item.SHA256, item.SPKISHA256 = item.Certificates[0].SHA256, item.Certificates[0].SPKISHA256
	case len(entry.Request) > 0:
		item.SHA256 = op.HexDigest(sha256.Sum256(entry.Request))
		if err := s.request(&item, entry.Request); err != nil {
			return item, err
		}
	}
	return item, s.entryKey(tx, &item, entry)
}

// entryKey opens the key of an entry; a key with an unknown password stays closed.
func (s *inspection) entryKey(tx kdb.Tx, item *Item, entry *kdb.Entry) error {
	if entry.Kind == kdb.KindTrusted {
		return nil
	}
	secret, err := tx.Key(entry.Label)
	if item.lock(err) {
		item.Algorithm = entry.KeyAlgorithm
		return nil
	}
	if err != nil {
		return err
	}
	defer clear(secret)
	return s.anyKey(item, entry.Kind == kdb.KindSecretKey, secret, entry.KeyAlgorithm)
}

// lock notes that the key does not open, if err says so, and how it is encrypted.
func (i *Item) lock(err error) bool {
	i.Unsupported = errors.Is(err, kdb.ErrUnsupported) || errors.Is(err, kdb.ErrEncryption)
	i.Locked = i.Unsupported || errors.Is(err, kdb.ErrPassword) || errors.Is(err, kdb.ErrNoPassword)
	var closed *kdb.ClosedKey
	if i.Locked && errors.As(err, &closed) {
		i.Encryption = closed.Encryption
	}
	return i.Locked
}

// anyKey describes a private key, or a secret one, of which not even a digest is shown: it would help to guess it.
func (s *inspection) anyKey(item *Item, isSecret bool, secret []byte, algorithm string) error {
	if isSecret {
		item.Algorithm, item.KeyType = algorithm, strings.TrimPrefix(fmt.Sprintf("%s, %d bits", algorithm, 8*len(secret)), ", ")
		return nil
	}
	private, err := key.ReadPrivate(secret)
	if err != nil {
		return fmt.Errorf("reading the private key: %w: %w", kdb.ErrParse, err)
	}
	s.key(item, &private)
	return nil
}

// pkcs12 shows the bags of PKCS #12.
func (s *inspection) pkcs12(data []byte) error {
	var keys [][]byte
	for _, source := range s.KeyPasswords {
		password, err := source.Read(s.env, "private keys")
		if err != nil {
			return err
		}
		keys = append(keys, password)
		s.passwords = append(s.passwords, password)
	}
	container, err := pkcs12.Decode(data, keyfile.Passwords{Keys: keys, Database: func() ([]byte, error) {
		password, err := s.Password.Read(s.env, s.File)
		s.passwords = append(s.passwords, password)
		return password, err
	}})
	if err != nil {
		return fmt.Errorf("reading %q: %w", s.File, err)
	}
	s.found.Version = container.Version()
	if container.Unverified() {
		s.warn(op.WithoutPassword(op.Named(s.File)))
	}
	var first error
	for i, bag := range container.Bags() {
		item, err := s.bag(&bag)
		if err != nil {
			item.Error = err.Error()
			first = firstOf(first, fmt.Errorf("reading %q: bag %d: %w", s.File, i+1, err))
		}
		s.found.Items = append(s.found.Items, item)
	}
	return first
}

func (s *inspection) bag(bag *pkcs12.Bag) (Item, error) {
	item := Item{
		Type: bag.Type, Label: bag.FriendlyName, LocalKeyID: fmt.Sprintf("%x", bag.LocalKeyID), TrustedKeyUsage: bag.TrustedKeyUsage,
	}
	switch bag.Type {
	case "certificate":
		if bag.Certificate == nil { // an SDSI certificate, which no known program writes
			return item, nil
		}
		return item, s.certificate(&item, bag.Certificate)
	case "key", "shrouded-key":
		return item, s.bagKey(&item, bag)
	case "secret":
		if bag.IsSecretKey() {
			return item, s.bagSecret(&item, bag)
		}
	}
	return item, nil
}

func (s *inspection) bagSecret(item *Item, bag *pkcs12.Bag) error {
	item.Type = typeSecretKey
	algorithm, secret, err := bag.Secret()
	if item.lock(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer clear(secret)
	return s.anyKey(item, true, secret, algorithm)
}

func (s *inspection) bagKey(item *Item, bag *pkcs12.Bag) error {
	item.Type = "private-key"
	pkcs8, err := bag.Key()
	if item.lock(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer clear(pkcs8)
	return s.anyKey(item, false, pkcs8, "")
}
