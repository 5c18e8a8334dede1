package jks

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"certkdb/kdb"
)

// Put implements keyfile.Container. New aliases are in lower case: Java's JKS looks aliases up in lower case without
// having lowered those in the file (JavaKeyStore.convertAlias), so it would not find another, and keytool refuses the
// whole store for it.
func (c *container) Put(e kdb.Entry) error {
	if err := c.holds(&e); err != nil {
		return err
	}
	r, err := c.shown.Find(e.Label)
	if errors.Is(err, kdb.ErrNotFound) {
		r, err = c.add(fold(e.Label))
	}
	if err != nil {
		return fmt.Errorf("storing in a JKS key store: %w", err)
	}
	r.set(&e)
	r.sealed, r.plain, r.toSeal = nil, e.Key, r.tag == tagKey
	return nil
}

// add makes an empty record with a new alias.
func (c *container) add(alias string) (*record, error) {
	if c.isHidden(alias) {
		return nil, fmt.Errorf("label %q: %w, in an entry that cannot be shown", alias, kdb.ErrExists)
	}
	r := &record{entry: &entry{alias: alias}}
	if err := c.shown.Insert(alias, r); err != nil {
		return nil, err
	}
	c.records, c.entries = append(c.records, r), append(c.entries, r.entry)
	return r, nil
}

func (c *container) isHidden(alias string) bool {
	return slices.ContainsFunc(c.hidden, func(r *record) bool { return fold(r.alias) == alias })
}

// set gives a record the kind and the certificates of an entry.
func (r *record) set(e *kdb.Entry) {
	r.raw, r.chain, r.tag = nil, nil, tagTrusted
	certificates := e.Certificates
	if e.Kind == kdb.KindPersonal {
		r.tag = tagKey
	} else {
		certificates = certificates[:1] // there is room for no chain
	}
	for _, der := range certificates {
		r.chain = append(r.chain, certificate{typeX509, der})
	}
	switch {
	case !e.Added.IsZero() && !e.Added.Equal(r.added()):
		r.created = e.Added.UnixMilli()
	case r.created == 0:
		r.created = time.Now().UnixMilli()
	}
}

// holds reports why the format cannot hold an entry.
func (c *container) holds(e *kdb.Entry) error {
	if c.magic == magicJCEKS {
		return errReadOnly()
	}
	switch {
	case e.Kind == kdb.KindSecretKey:
		return unsupported(e.Label, "it holds no secret keys; use a PKCS #12 file or a native database")
	case e.Kind == kdb.KindRequest:
		return unsupported(e.Label, "it holds no certificate requests; use a native, PKCS #12 or CMS database")
	case e.Kind == kdb.KindTrusted && !e.Trusted:
		return unsupported(e.Label, "every certificate without a key in it is trusted")
	case len(e.Certificates) == 0:
		return unsupported(e.Label, "every entry in it has a certificate")
	}
	return nil
}

func unsupported(label, why string) error {
	return fmt.Errorf("storing label %q in a JKS key store: %w: %s", label, kdb.ErrUnsupported, why)
}

func errReadOnly() error {
	return fmt.Errorf("changing a JCEKS key store: %w: JCEKS is only read; copy its entries into a new PKCS #12 file or native database",
		kdb.ErrUnsupported)
}

// Update implements keyfile.Container. Java knows no marks.
func (c *container) Update(e kdb.Entry) error {
	if err := c.holds(&e); err != nil {
		return err
	}
	switch {
	case e.Default:
		return unsupported(e.Label, "it has no default entry; Java programs name the alias")
	case e.Kind == kdb.KindPersonal && e.Trusted:
		return unsupported(e.Label, "an entry with a key cannot be trusted in it; add the certificate under another label")
	}
	r, err := c.shown.Find(e.Label)
	if err == nil {
		r.set(&e)
	}
	return err
}

// Rename implements keyfile.Container. The sealed key stays as it is, with a password of its own.
func (c *container) Rename(from, to string) error {
	if c.magic == magicJCEKS {
		return errReadOnly()
	}
	r, err := c.shown.Find(from)
	if err != nil {
		return err
	}
	alias := fold(to)
	if c.isHidden(alias) {
		return fmt.Errorf("label %q: %w, in an entry that cannot be shown", to, kdb.ErrExists)
	}
	if err := c.shown.Rename(from, alias); err != nil {
		return err
	}
	if r.alias != alias {
		r.alias, r.raw = alias, nil
	}
	return nil
}

// Delete implements keyfile.Container. Entries that the alias hid go with it.
func (c *container) Delete(label string) error {
	if c.magic == magicJCEKS {
		return errReadOnly()
	}
	deleted, err := c.shown.Find(label)
	if err != nil {
		return err
	}
	same := func(r *record) bool { return r.alias == deleted.alias }
	c.records = slices.DeleteFunc(c.records, same)
	c.hidden = slices.DeleteFunc(c.hidden, same)
	c.entries = slices.DeleteFunc(c.entries, func(e *entry) bool { return e.alias == deleted.alias })
	return c.shown.Remove(label)
}
