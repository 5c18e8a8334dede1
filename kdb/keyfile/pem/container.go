package pem

import (
	"bytes"
	"errors"
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/document"
	"certkdb/kdb/keyfile/pem/armour"
	"certkdb/pki/key/openssh"
)

// container is a decoded file: its parts in order, and the entries that they make.
type container struct {
	version string
	fixed   string // why nothing can be changed; "" if it can
	mark    []byte // byte order mark
	crlf    bool
	parts   []*part
	tail    []byte  // text after the last part
	bad     []error // pieces that cannot be read; they stay

	records *document.Document[*record]
	stock   *document.Stock[*part] // nil until the first change, as are ids: the localKeyIDs that are taken, or were
	ids     map[string]bool

	passwords keyfile.Passwords
	password  []byte // of the database, once it was asked for
	resealed  bool
	// iterations protect new private keys; 0 is the number of package pbe.
	iterations int
}

func newContainer(passwords keyfile.Passwords) *container {
	return &container{
		version: "RFC 7468", tail: []byte(emptyMark), passwords: passwords, records: document.New[*record](nil),
	}
}

// Version implements keyfile.Container.
func (c *container) Version() string { return c.version }

// Entries implements keyfile.Container.
func (c *container) Entries() []kdb.Entry {
	list := make([]kdb.Entry, 0, c.records.Len())
	for _, r := range c.records.All() {
		list = append(list, r.entry())
	}
	return list
}

// Entry implements keyfile.Container.
func (c *container) Entry(label string) (kdb.Entry, error) {
	r, err := c.records.Find(label)
	if err != nil {
		return kdb.Entry{}, err
	}
	return r.entry(), nil
}

// Key implements keyfile.Container.
func (c *container) Key(label string) ([]byte, error) {
	r, err := c.records.Find(label)
	if err == nil && r.key == nil {
		err = fmt.Errorf("label %q: %w", label, kdb.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("the key of %w", err)
	}
	if err := c.open(r.key); err != nil {
		return nil, err
	}
	e := r.entry()
	if e.Key = r.key.private.PKCS8; len(e.Certificates)+len(e.Request) > 0 {
		if err := e.CheckKey(); err != nil {
			return nil, fmt.Errorf("%s: %w", r.key.item.Where(), err)
		}
	}
	return bytes.Clone(r.key.private.PKCS8), nil
}

// open opens a private key: with the passwords for keys, else with the database's.
func (c *container) open(p *part) error {
	if p.private.PKCS8 != nil {
		return nil
	}
	for _, password := range c.passwords.Keys {
		if err := p.openWith(password); !errors.Is(err, kdb.ErrPassword) {
			p.foreign = true
			return err
		}
	}
	if c.password == nil && c.passwords.Database != nil {
		password, err := c.passwords.Database()
		if err != nil {
			return fmt.Errorf("%s: it is encrypted: %w", p.item.Where(), err)
		}
		c.password = bytes.Clone(password)
	}
	if c.password == nil {
		return fmt.Errorf("%s: it is encrypted: %w", p.item.Where(), kdb.ErrNoPassword)
	}
	return p.openWith(c.password)
}

func (p *part) openWith(password []byte) error {
	private, err := p.item.OpenKey(func(string) ([]byte, error) { return bytes.Clone(password), nil })
	if err == nil {
		p.private = private
	}
	return err
}

// encrypted says that the key is, in the file.
func (p *part) encrypted() bool {
	if p.item.Kind == OpenSSHKey {
		k, err := openssh.Parse(p.item.DER)
		return err == nil && k.Encrypted()
	}
	return p.item.Kind == EncryptedKey
}

// keyParts are the private keys of the file, each once.
func (c *container) keyParts() []*part {
	var list []*part
	seen := map[*part]bool{}
	for _, r := range c.records.All() {
		if r.key != nil && !seen[r.key] {
			seen[r.key] = true
			list = append(list, r.key)
		}
	}
	return list
}

// Unlock implements keyfile.Sealer.
func (c *container) Unlock() error {
	var wrong error
	for _, p := range c.keyParts() {
		if !p.encrypted() {
			continue
		}
		err := c.open(p)
		switch {
		case err == nil && !p.foreign:
			return nil // the password is right; keys with others have their own
		case errors.Is(err, kdb.ErrPassword):
			wrong = err
		case err != nil && !unsupported(err):
			return err
		}
	}
	return wrong
}

// Reseal implements keyfile.Sealer.
func (c *container) Reseal() error {
	if c.fixed != "" {
		return c.refuse("changing a password")
	}
	c.begin()
	for _, p := range c.keyParts() {
		if err := c.open(p); err != nil && !errors.Is(err, kdb.ErrPassword) && !unsupported(err) {
			return err
		}
		p.open = p.private.PKCS8 != nil && !p.foreign
		c.resealed = c.resealed || p.open
	}
	if !c.resealed {
		return fmt.Errorf("%w: there is no private key in it that the password opens, and certificates are public", kdb.ErrUnsupported)
	}
	for _, r := range c.records.All() {
		if r.key != nil && r.key.open {
			c.dropCopies(r)
		}
	}
	return nil
}

// dropCopies removes the copies of the key, which would stay in clear otherwise.
func (c *container) dropCopies(r *record) {
	for _, p := range r.copies {
		if isKey(p.item.Kind) {
			c.remove(p)
		}
	}
}

func (c *container) refuse(doing string) error {
	return fmt.Errorf("%s: %w", doing, &kdb.Limit{Reason: c.fixed, Way: kdb.WayCopy})
}

// Encode implements keyfile.Container. Only new private keys need the password, and all of them when it changes.
func (c *container) Encode(password []byte) (keyfile.Files, error) {
	if c.fixed != "" {
		return keyfile.Files{}, c.refuse("writing it")
	}
	if c.stock != nil {
		c.explain()
	}
	if err := c.seal(password); err != nil {
		return keyfile.Files{}, err
	}
	out := bytes.Clone(c.mark)
	for _, p := range c.all() {
		out = p.write(out)
	}
	out = append(out, c.tail...)
	if !bytes.Contains(out, []byte(armour.BeginMark)) && !bytes.HasPrefix(out, []byte(emptyMark)) {
		out = append([]byte(emptyMark), bytes.TrimPrefix(out, c.mark)...)
	}
	return keyfile.Files{Main: out}, nil
}
