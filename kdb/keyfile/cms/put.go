package cms

import (
	"bytes"
	"crypto/subtle"
	"fmt"

	"certkdb/kdb"
)

func (c *container) isHidden(label string) bool {
	for _, f := range c.files[:roleCRL] {
		if f != nil && f.index().hidden[label] {
			return true
		}
	}
	return false
}

// Put implements keyfile.Container. The chain of a personal entry becomes entries of their own, which are not trusted.
// GSKit marks every personal entry, so that trust in one is not kept.
func (c *container) Put(e kdb.Entry) error { return c.put(e) }

// Update implements keyfile.Container.
func (c *container) Update(e kdb.Entry) error {
	if e.Kind == kdb.KindPersonal && e.Trusted {
		return fmt.Errorf(
			"storing label %q in a CMS database: %w: GSKit marks every personal entry; add the certificate under another label to trust it",
			e.Label,
			kdb.ErrUnsupported,
		)
	}
	return c.put(e)
}

func (c *container) put(e kdb.Entry) error {
	if err := c.holds(&e); err != nil {
		return err
	}
	f, s := c.find(e.Label)
	if s == nil && c.isHidden(e.Label) {
		return fmt.Errorf("storing label %q: %w, in a record that cannot be shown", e.Label, kdb.ErrExists)
	}
	if err := c.add(f, s, &e); err != nil {
		return err
	}
	if e.Kind == kdb.KindPersonal {
		c.addChain(e.Certificates[1:])
	}
	return nil
}

// Rename implements keyfile.Container. A request that the label hides keeps hidden under the new one.
func (c *container) Rename(from, to string) error {
	f, s := c.find(from)
	if s == nil {
		return fmt.Errorf("label %q: %w", from, kdb.ErrNotFound)
	}
	if _, other := c.find(to); other != nil || c.isHidden(to) {
		return fmt.Errorf("storing label %q: %w", to, kdb.ErrExists)
	}
	if s.choice == choicePersonal {
		for _, f := range c.files[:roleCRL] {
			if f != nil {
				f.relabelHidden(s.label, to)
			}
		}
	}
	renamed := *s
	renamed.label, renamed.shown, renamed.raw = to, to, nil
	f.replace(s, &renamed)
	return nil
}

// relabelHidden gives the requests that a received certificate of the label hides another label.
func (f *file) relabelHidden(from, to string) {
	for i, s := range f.slots {
		if s.choice == choiceRequest && s.hidden != "" && s.label == from {
			renamed := *s
			renamed.label, renamed.raw = to, nil
			f.slots[i] = &renamed
			f.changed()
		}
	}
}

// add stores the entry itself. f and s are where its label is already; they may be nil.
func (c *container) add(f *file, s *slot, e *kdb.Entry) error {
	next := newSlot(e)
	if s != nil {
		next.keep(s, e)
		if c.equal(s, next, e) {
			return nil
		}
	}
	if next.choice != choiceTrusted && next.sealed == nil && !next.toSeal {
		return fmt.Errorf("entry %q of kind %s needs its key", e.Label, e.Kind)
	}
	to := c.file(next.home())
	if s != nil && f == to {
		next.number = s.number
		to.replace(s, next)
	} else {
		if s != nil {
			f.remove(s)
		}
		to.append(next)
	}
	if e.Default {
		c.takeDefault(next)
	}
	return nil
}

// holds reports why the format cannot hold an entry.
func (c *container) holds(e *kdb.Entry) error {
	switch {
	case e.Kind == kdb.KindPersonal && len(e.Certificates) == 0:
		return fmt.Errorf("storing label %q in a CMS database: %w: it holds no private key without a certificate or request",
			e.Label, kdb.ErrUnsupported)
	case e.Kind == kdb.KindSecretKey && len(e.Key) > 0 && !isAES(e):
		return fmt.Errorf("storing label %q in a CMS database: %w: it keeps no algorithm of a secret key, so only AES keys (not %q)",
			e.Label, kdb.ErrUnsupported, e.KeyAlgorithm)
	}
	for _, der := range e.Certificates {
		if _, err := splitCertificate(der); err != nil {
			return fmt.Errorf("storing label %q: %w", e.Label, err)
		}
	}
	return nil
}

// newSlot makes a slot out of an entry, without number.
func newSlot(e *kdb.Entry) *slot {
	s := &slot{label: e.Label, shown: e.Label}
	trusted := true // as every writer known sets it on what is not a trusted certificate
	switch e.Kind {
	case kdb.KindTrusted:
		s.choice, s.cert, trusted = choiceTrusted, e.Certificates[0], e.Trusted
	case kdb.KindPersonal:
		s.choice, s.cert = choicePersonal, e.Certificates[0]
	case kdb.KindRequest:
		s.choice, s.request = choiceRequest, e.Request
	case kdb.KindSecretKey:
		s.choice = choiceSecret
	}
	s.setFlags(trusted, e.Default)
	if s.choice != choiceTrusted && len(e.Key) > 0 {
		s.plain, s.toSeal = e.Key, true
	}
	return s
}

// home is the file that a record belongs to.
func (s *slot) home() role {
	if s.choice == choiceRequest {
		return roleRequests
	}
	return roleKeys
}

// keep takes over from the old slot of the label what the new one does not bring: the label as it is in
// the file, the flags of the trailer, and the sealed key.
func (s *slot) keep(old *slot, e *kdb.Entry) {
	s.label, s.trailer = old.label, old.trailer
	if s.choice != choiceTrusted && len(e.Key) == 0 {
		s.sealed, s.plain, s.toSeal = old.sealed, old.plain, old.toSeal
	}
}

// equal reports whether the new slot would say nothing that the old one does not.
func (c *container) equal(old, next *slot, e *kdb.Entry) bool {
	if old.choice != next.choice || !bytes.Equal(old.cert, next.cert) || !bytes.Equal(old.request, next.request) ||
		c.isDefault(old) != next.isDefault() || old.choice == choiceTrusted && old.trusted() != next.trusted() {
		return false
	}
	if !next.toSeal || len(e.Key) == 0 {
		return true
	}
	plain, err := c.open(old)
	if err == nil && old.choice == choiceSecret {
		plain, _ = secretOf(plain)
	}
	return err == nil && subtle.ConstantTimeCompare(plain, e.Key) == 1
}

// file returns the file of a role to be written. It makes a new one in the version of the key database if that is missing, or is of
// another version and empty: IBM's Java tool puts an empty request database of version 3 next to a key database of version 4 or 6.
func (c *container) file(r role) *file {
	v := c.files[roleKeys].version
	if f := c.files[r]; f == nil || f.version != v && len(f.slots) == 0 {
		c.files[r] = newFile(r, v)
	}
	return c.files[r]
}

func (f *file) replace(old, next *slot) {
	for i, s := range f.slots {
		if s == old {
			f.slots[i] = next
		}
	}
	f.changed()
}

// takeDefault takes the mark of the default entry from whichever other entry has it.
func (c *container) takeDefault(from *slot) {
	f := c.files[roleKeys]
	for i, s := range f.slots {
		if s != from && s.hidden == "" && s.isDefault() {
			changed := *s
			changed.raw = nil
			changed.setFlags(s.trusted(), false)
			f.slots[i] = &changed
			f.changed()
		}
	}
}
