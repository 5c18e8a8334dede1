package cms

import (
	"bytes"
	"errors"
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/document"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
	"certkdb/pki/pbe"
)

// container is a decoded CMS database.
type container struct {
	files    [3]*file // by role; a companion that is missing is nil
	password []byte   // nil if it was not given
	missing  error    // says why it was not
	keys     [][]byte // passwords of single keys
	verified bool     // the codes of all files were right, or the database is new
	budget   *pbe.Budget
}

// decode reads the three files. Certificates and labels are in clear, so without the password the database can be
// listed; nothing vouches for it then.
func decode(files keyfile.Files, passwords keyfile.Passwords) (keyfile.Container, error) {
	c := &container{budget: pbe.NewBudget(pbe.UsualWork), keys: passwords.Keys}
	for i := range c.files {
		data := files.Main
		if role(i) != roleKeys {
			if data = files.Companions[roles[i].ext]; len(data) == 0 {
				continue
			}
		}
		var err error
		if c.files[i], err = parseFile(data, role(i)); err != nil {
			return nil, err
		}
	}
	if err := c.unlock(passwords); err != nil {
		return nil, err
	}
	c.describe()
	return c, nil
}

// unlock asks for the password and verifies the files with it.
func (c *container) unlock(passwords keyfile.Passwords) error {
	c.missing = kdb.ErrNoPassword
	if passwords.Database == nil {
		return nil
	}
	password, err := passwords.Database()
	if errors.Is(err, kdb.ErrNoPassword) {
		c.missing = err
		return nil
	}
	if err == nil && password == nil {
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range c.files {
		switch {
		case f == nil:
			continue
		case f.role == roleKeys && !f.verifies(password):
			return fmt.Errorf(
				"verifying the header of the %s (%s) by %s: %w, or the header was changed",
				f.role,
				roles[f.role].ext,
				f.version.name,
				kdb.ErrPassword,
			)
		case !f.verifies(password) && len(f.slots) == 0:
			f.raw = nil // nothing is lost in it: it is written with the next change
			continue
		case !f.verifies(password):
			return fmt.Errorf(
				"verifying the header of the %s (%s) by %s: %w: it has another password than the .kdb, or was changed; restore it or move it away",
				f.role,
				roles[f.role].ext,
				f.version.name,
				kdb.ErrCorrupt,
			)
		}
		if err := f.verify(password); err != nil {
			return err
		}
	}
	c.password, c.verified = bytes.Clone(password), true
	return nil
}

// describe gives the slots unique labels, and hides what cannot be shown.
func (c *container) describe() {
	labels := document.New[*slot](nil)
	for s := range c.all() {
		if s.hidden == "" && s.cert != nil {
			if _, err := splitCertificate(s.cert); err != nil {
				s.hidden = err.Error()
			}
		}
		if c.received(s) {
			s.hidden = "its certificate was received"
		}
		if s.hidden == "" {
			e := kdb.Entry{Certificates: s.certificates(), Request: s.request}
			s.shown = labels.Add(document.Label(s.label, document.Automatic(&e)), s)
		}
	}
}

// received reports whether a request has its certificate in the key database already: GSKit keeps the request when a
// certificate is requested again (-recreate), and so does a process that is killed between writing the two files.
func (c *container) received(s *slot) bool {
	if s.choice != choiceRequest || s.hidden != "" {
		return false
	}
	for _, k := range c.files[roleKeys].slots {
		if k.choice == choicePersonal && k.hidden == "" && k.label == s.label && key.SameKey(k.publicKey(), s.publicKey()) {
			return true
		}
	}
	return false
}

// all yields the slots of the key database and of the request database.
func (c *container) all() func(func(*slot) bool) {
	return func(yield func(*slot) bool) {
		for _, f := range c.files[:roleCRL] {
			if f == nil {
				continue
			}
			for _, s := range f.slots {
				if !yield(s) {
					return
				}
			}
		}
	}
}

func (s *slot) certificates() [][]byte {
	if s.cert == nil {
		return nil
	}
	return [][]byte{s.cert}
}

// Version implements keyfile.Container.
func (c *container) Version() string { return fmt.Sprint(c.files[roleKeys].version.number) }

// Entries implements keyfile.Container.
func (c *container) Entries() []kdb.Entry {
	pool, budget := c.issuers(), pbe.NewBudget(0)
	var list []kdb.Entry
	for s := range c.all() {
		if s.hidden == "" {
			list = append(list, c.entryOf(s, pool, budget))
		}
	}
	return list
}

// Entry implements keyfile.Container.
func (c *container) Entry(label string) (kdb.Entry, error) {
	_, s := c.find(label)
	if s == nil {
		return kdb.Entry{}, fmt.Errorf("label %q: %w", label, kdb.ErrNotFound)
	}
	var pool *issuers.Pool
	if s.choice == choicePersonal {
		pool = c.issuers()
	}
	return c.entryOf(s, pool, pbe.NewBudget(0)), nil
}

func (c *container) entryOf(s *slot, pool *issuers.Pool, budget *pbe.Budget) kdb.Entry {
	e := kdb.Entry{Label: s.shown}
	switch s.choice {
	case choiceTrusted:
		e.Kind, e.Trusted = kdb.KindTrusted, s.trusted()
		e.Certificates = [][]byte{bytes.Clone(s.cert)}
	case choicePersonal:
		// Bit 0 is set in every personal entry that GSKit wrote, so it says nothing about trust there.
		e.Kind, e.Default = kdb.KindPersonal, c.isDefault(s)
		e.Certificates = chainOf(s, pool)
	case choiceRequest:
		e.Kind, e.Request = kdb.KindRequest, bytes.Clone(s.request)
	case choiceSecret:
		e.Kind = kdb.KindSecretKey
		if !s.listed {
			s.listed = true
			s.open(budget, c.missing, c.password) //nolint:errcheck // a key that does not open is listed without its algorithm
		}
		if s.plain != nil {
			_, e.KeyAlgorithm = secretOf(s.plain)
		}
	}
	return e
}

// isDefault says that a slot is the default entry: KdbTool marks every personal entry, and then none is.
func (c *container) isDefault(s *slot) bool {
	return s.isDefault() && c.files[roleKeys].index().marked == 1
}

// Key implements keyfile.Container.
func (c *container) Key(label string) ([]byte, error) {
	_, s := c.find(label)
	switch {
	case s == nil:
		return nil, fmt.Errorf("label %q: %w", label, kdb.ErrNotFound)
	case s.choice == choiceTrusted:
		return nil, fmt.Errorf("label %q: %w: a trusted certificate has no key", label, kdb.ErrNotFound)
	}
	plain, err := c.open(s)
	if err != nil {
		return nil, err
	}
	if s.choice == choiceSecret {
		plain, _ = secretOf(plain)
	}
	return bytes.Clone(plain), nil
}

// open opens the key of a slot with the password of the database, or one of those of single keys.
func (c *container) open(s *slot) ([]byte, error) {
	return s.open(c.budget, c.missing, append([][]byte{c.password}, c.keys...)...)
}

func (c *container) find(label string) (*file, *slot) {
	for _, f := range c.files[:roleCRL] {
		if f == nil {
			continue
		}
		if s := f.index().shown[label]; s != nil {
			return f, s
		}
	}
	return nil, nil
}

// Delete implements keyfile.Container. A request that the label hid goes with it.
func (c *container) Delete(label string) error {
	f, s := c.find(label)
	if s == nil {
		return fmt.Errorf("label %q: %w", label, kdb.ErrNotFound)
	}
	f.remove(s)
	for _, f := range c.files[:roleCRL] {
		if f != nil && s.choice == choicePersonal {
			f.removeHidden(s.label)
		}
	}
	return nil
}

// Encode implements keyfile.Container. Files that did not change keep their bytes; under another password all of them
// are written, and every key is sealed again.
func (c *container) Encode(password []byte) (keyfile.Files, error) {
	if password == nil || !c.verified {
		return keyfile.Files{}, fmt.Errorf(
			"writing a CMS database: %w: its integrity codes need the password that it was read with",
			kdb.ErrNoPassword,
		)
	}
	changed := c.password != nil && !bytes.Equal(password, c.password)
	for i, f := range c.files {
		if f == nil || f.raw != nil && !changed {
			continue
		}
		if err := c.write(c.file(role(i)), password, changed); err != nil {
			return keyfile.Files{}, err
		}
	}
	c.password = bytes.Clone(password)
	return c.output(), nil
}

// write seals what is to be sealed in a file and writes it.
func (c *container) write(f *file, password []byte, changed bool) error {
	for _, s := range f.slots {
		if changed && f.role != roleCRL && s.opaque() {
			return fmt.Errorf(
				"sealing record %d, label %q, under the new password: %w: it may hold a key, and %s",
				s.number,
				s.label,
				kdb.ErrUnsupported,
				s.hidden,
			)
		}
		if changed && s.sealed != nil && !s.toSeal {
			if _, err := c.open(s); err != nil {
				return fmt.Errorf("sealing the key of label %q under the new password: %w", s.label, err)
			}
			s.toSeal = true
		}
		if !s.toSeal {
			continue
		}
		sealed, err := f.version.seal(s.plain, password)
		if err != nil {
			return err
		}
		s.sealed, s.raw, s.toSeal = sealed, nil, false
	}
	if changed {
		f.newSalt()
	}
	return f.encode(password)
}

func (c *container) output() keyfile.Files {
	files := keyfile.Files{Main: c.files[roleKeys].raw, Companions: map[string][]byte{}}
	for i, f := range c.files[1:] {
		if f != nil {
			files.Companions[roles[i+1].ext] = f.raw
		}
	}
	return files
}
