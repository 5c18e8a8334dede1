package sealed

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"certkdb/kdb"
)

var errReading = errors.New("the transaction is for reading only")

// Put implements kdb.Tx.
func (t *tx) Put(e kdb.Entry) error {
	if t.operation == "" {
		return errReading
	}
	if err := e.Check(); err != nil {
		return err
	}
	old, raw, err := t.summary(e.Label)
	if errors.Is(err, kdb.ErrNotFound) {
		old, err = summary{}, nil
	}
	if err != nil {
		return err
	}
	return t.replace(&e, &old, raw)
}

// Certify implements kdb.Tx.
func (t *tx) Certify(label string, certificates [][]byte) error {
	if t.operation == "" {
		return errReading
	}
	old, raw, err := t.summary(label)
	if err != nil {
		return err
	}
	if !old.hasKey || !needsKey(old.Kind) {
		return fmt.Errorf("private key of label %q: %w", label, kdb.ErrNotFound)
	}
	e, err := t.entry(&old)
	if err != nil {
		return err
	}
	e.Kind, e.Certificates, e.Request, e.Trusted, e.Default = kdb.KindPersonal, certificates, nil, false, false
	if len(certificates) == 0 {
		return fmt.Errorf("label %q: %w: a private key alone", label, kdb.ErrUnsupported)
	}
	return t.replace(&e, &old, raw)
}

// needsKey says that an entry of the kind has a private key.
func needsKey(k kdb.Kind) bool { return k == kdb.KindPersonal || k == kdb.KindRequest }

// replace stores an entry in the place of old, whose summary is sealed in raw, nil if there is none. An entry without its key keeps that
// of old.
func (t *tx) replace(e *kdb.Entry, old *summary, raw []byte) error {
	e.KeepMarks(&old.Summary)
	e.Added = t.added(e, old)
	if err := t.keepDeployments(e, old); err != nil {
		return err
	}
	if raw == nil {
		t.head.entries++
	} else {
		if same, err := t.same(e, old); same || err != nil {
			return err
		}
		if err := t.unindex(old); err != nil {
			return err
		}
		t.digester.toggle(&t.head.digest, prefixSummary+e.Label, raw)
	}
	var err error
	if raw == nil && e.Kind == kdb.KindTrusted {
		err = t.later(e)
	} else {
		err = t.store(e, old)
	}
	if err != nil {
		return fmt.Errorf("storing label %q: %w", e.Label, err)
	}
	return nil
}

// keepDeployments gives an entry those that its label has.
func (t *tx) keepDeployments(e *kdb.Entry, old *summary) error {
	e.Deployments = nil
	if !old.Deployed || !e.Kind.KeepsDeployments() {
		return nil
	}
	stored, err := t.entry(old)
	e.Deployments = stored.Deployments
	if errors.Is(err, kdb.ErrCorrupt) {
		return nil // what is damaged may be replaced
	}
	return err
}

// added is the time when the entry came to its label.
func (t *tx) added(e *kdb.Entry, old *summary) time.Time {
	switch {
	case !e.Added.IsZero():
		return e.Added.UTC().Truncate(time.Second)
	case !old.Added.IsZero():
		return old.Added
	}
	return t.db.now().UTC().Truncate(time.Second)
}

// same reports whether the entry is already stored as it is.
func (t *tx) same(e *kdb.Entry, old *summary) (bool, error) {
	if e.Kind != old.Kind || e.Trusted != old.Trusted || e.Default != old.Default || !e.Added.Equal(old.Added) {
		return false, nil
	}
	stored, err := t.entry(old)
	if err != nil || !bytes.Equal(encodeCerts(&stored), encodeCerts(e)) || len(e.Key) == 0 {
		return err == nil && bytes.Equal(encodeCerts(&stored), encodeCerts(e)), err
	}
	key, err := t.key(old)
	defer clear(key)
	return err == nil && subtle.ConstantTimeCompare(key, e.Key) == 1, err
}

// store writes the records of an entry.
func (t *tx) store(e *kdb.Entry, old *summary) error {
	made, err := kdb.Summarize(e)
	if err != nil {
		return fmt.Errorf("label %q: %w", e.Label, err)
	}
	keepsKey := len(e.Key) == 0 && e.Kind == kdb.KindPersonal
	s := summary{Summary: made, hasKey: keepsKey || len(e.Key) > 0, key: old.key}
	if err := t.put(prefixCerts+e.Label, encodeCerts(e), &s.certs); err != nil {
		return err
	}
	switch {
	case len(e.Key) > 0:
		t.erase = t.erase || old.hasKey
		err = t.put(prefixKey+e.Label, encodeKey(e.Key), &s.key)
	case old.hasKey && !keepsKey:
		t.erase = true
		err = t.stx.Delete(prefixKey + e.Label)
	}
	if err != nil {
		return err
	}
	if err := t.put(prefixSummary+e.Label, s.encode(), nil); err != nil {
		return err
	}
	t.setDefault(e.Label, e.Default)
	if err := t.index(e, false); err != nil {
		return err
	}
	if old.Trusted && !s.Trusted {
		if err := t.log(opDistrust, e.Label, s.SHA256); err != nil {
			return err
		}
	}
	return t.log(t.operation, e.Label, s.SHA256)
}

func (t *tx) setDefault(label string, is bool) {
	switch {
	case is:
		t.head.defaultLabel = label
	case t.head.defaultLabel == label:
		t.head.defaultLabel = ""
	}
}

// Rename implements kdb.Tx. A record is bound to its label, so that each is opened and sealed again; the log has both labels.
func (t *tx) Rename(from, to string) error {
	if t.operation == "" {
		return errReading
	}
	if err := kdb.CheckLabel(to); err != nil {
		return err
	}
	s, raw, err := t.summary(from)
	if err != nil || from == to {
		return err
	}
	if _, _, err := t.summary(to); !errors.Is(err, kdb.ErrNotFound) {
		if err == nil {
			err = fmt.Errorf("label %q: %w", to, kdb.ErrExists)
		}
		return err
	}
	old := s.SHA256
	if err := t.move(&s, to); err != nil {
		return fmt.Errorf("renaming %q to %q: %w", from, to, err)
	}
	if t.head.defaultLabel == from {
		t.head.defaultLabel = to
	}
	t.erase = t.erase || s.hasKey
	if err := t.remove(from, raw); err != nil {
		return err
	}
	if err := t.log(opRename, to, s.SHA256); err != nil {
		return err
	}
	return t.log(opRename, from, old)
}

// move seals the records of an entry again under another label.
func (t *tx) move(s *summary, to string) error {
	e, err := t.entry(s)
	if err != nil {
		return err
	}
	from := s.Label
	if err := t.index(&e, true); err != nil {
		return err
	}
	e.Label, s.Label = to, to
	if err := t.index(&e, false); err != nil {
		return err
	}
	s.SHA256 = e.Fingerprint() // of a secret key it is the label's
	if err := t.put(prefixCerts+to, encodeCerts(&e), &s.certs); err != nil {
		return err
	}
	if s.hasKey {
		plain, err := t.part(prefixKey+from, s.key)
		if err == nil {
			err = t.put(prefixKey+to, plain, &s.key)
			clear(plain)
		}
		if err != nil {
			return err
		}
	}
	return t.put(prefixSummary+to, s.encode(), nil)
}

// Mark implements kdb.Tx.
func (t *tx) Mark(label string, m kdb.Marks) error {
	if t.operation == "" {
		return errReading
	}
	s, raw, err := t.summary(label)
	if err == nil {
		err = m.Check(&s.Summary)
	}
	if err != nil {
		return err
	}
	changed, operation := false, t.operation
	if m.Trusted != nil && *m.Trusted != s.Trusted {
		s.Trusted, changed, operation = *m.Trusted, true, opTrust
		if !s.Trusted {
			operation = opDistrust
		}
		t.digester.toggle(&t.head.digest, prefixSummary+label, raw)
		if err := t.put(prefixSummary+label, s.encode(), nil); err != nil {
			return err
		}
	}
	if m.Default != nil && *m.Default != s.Default {
		changed = true
		t.setDefault(label, *m.Default)
	}
	if !changed {
		return nil
	}
	return t.log(operation, label, s.SHA256)
}

// Delete implements kdb.Tx.
func (t *tx) Delete(label string) error {
	if t.operation == "" {
		return errReading
	}
	s, raw, err := t.summary(label)
	if err != nil {
		return err
	}
	t.head.entries--
	t.setDefault(label, false)
	t.erase = t.erase || s.hasKey
	if err := t.unindex(&s); err != nil {
		return err
	}
	if err := t.remove(label, raw); err != nil {
		return err
	}
	return t.log(opDelete, label, s.SHA256)
}

// remove deletes the records of an entry, whose summary is sealed in raw.
func (t *tx) remove(label string, raw []byte) error {
	t.digester.toggle(&t.head.digest, prefixSummary+label, raw)
	for _, prefix := range []string{prefixSummary, prefixCerts, prefixKey} {
		if err := t.stx.Delete(prefix + label); err != nil {
			return err
		}
	}
	return nil
}
