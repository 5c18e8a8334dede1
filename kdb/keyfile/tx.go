package keyfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sort"

	"certkdb/kdb"
)

// tx is the transaction of a View or Update. It keeps its own view of the entries, so that the container is asked for them once.
type tx struct {
	ctx       context.Context
	container Container
	writable  bool
	changed   bool
	entries   map[string]*kdb.Entry
	labels    []string // sorted; nil after a change
	summaries map[string]kdb.Summary
}

func newTx(ctx context.Context, container Container, writable bool) *tx {
	list := container.Entries()
	t := &tx{ctx: ctx, container: container, writable: writable, summaries: map[string]kdb.Summary{}}
	t.entries = make(map[string]*kdb.Entry, len(list))
	for i := range list {
		t.entries[list[i].Label] = &list[i]
	}
	return t
}

func (t *tx) find(label string) (*kdb.Entry, error) {
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	e, ok := t.entries[label]
	if !ok {
		return nil, fmt.Errorf("%w: %q", kdb.ErrNotFound, label)
	}
	return e, nil
}

// Summary implements [kdb.Tx].
func (t *tx) Summary(label string) (kdb.Summary, error) {
	e, err := t.find(label)
	if err != nil {
		return kdb.Summary{}, err
	}
	return t.summary(e), nil
}

// summary never fails: a file that others wrote may hold certificates that are none, and is listed nevertheless.
func (t *tx) summary(e *kdb.Entry) kdb.Summary {
	s, ok := t.summaries[e.Label]
	if !ok {
		var err error
		if s, err = kdb.Summarize(e); err != nil {
			s.Warning = "it cannot be read: " + err.Error()
		}
		t.summaries[e.Label] = s
	}
	s.Default = e.Default // it may have been taken from this entry by another one
	return s
}

// Summaries implements [kdb.Tx].
func (t *tx) Summaries(after string) iter.Seq2[kdb.Summary, error] {
	return func(yield func(kdb.Summary, error) bool) {
		labels := t.sorted()
		for _, label := range labels[sort.SearchStrings(labels, after+"\x00"):] {
			if err := t.ctx.Err(); err != nil {
				yield(kdb.Summary{}, err)
				return
			}
			e, ok := t.entries[label]
			if ok && !yield(t.summary(e), nil) {
				return
			}
		}
	}
}

func (t *tx) sorted() []string {
	if t.labels == nil {
		t.labels = slices.Sorted(maps.Keys(t.entries))
	}
	return t.labels
}

// Entry implements [kdb.Tx].
func (t *tx) Entry(label string) (kdb.Entry, error) {
	e, err := t.find(label)
	if err != nil {
		return kdb.Entry{}, err
	}
	return clone(e), nil
}

// clone copies an entry without its key.
func clone(e *kdb.Entry) kdb.Entry {
	c := *e
	c.Key, c.Request, c.LocalKeyID = nil, bytes.Clone(e.Request), bytes.Clone(e.LocalKeyID)
	c.Certificates = nil
	for _, der := range e.Certificates {
		c.Certificates = append(c.Certificates, bytes.Clone(der))
	}
	return c
}

// Key implements [kdb.Tx].
func (t *tx) Key(label string) ([]byte, error) {
	e, err := t.find(label)
	if err != nil {
		return nil, err
	}
	if e.Kind == kdb.KindTrusted {
		return nil, fmt.Errorf("%w: %q has no private key", kdb.ErrNotFound, label)
	}
	key, err := t.container.Key(label)
	if err != nil {
		return nil, fmt.Errorf("opening the key of %q: %w", label, err)
	}
	return bytes.Clone(key), nil
}

// Default implements [kdb.Tx].
func (t *tx) Default() (string, error) {
	for label, e := range t.entries {
		if e.Default {
			return label, nil
		}
	}
	return "", t.ctx.Err()
}

// Audit implements [kdb.Tx]: foreign files have no audit log.
func (t *tx) Audit(string, string) error { return nil }

func (t *tx) mayWrite() error {
	if !t.writable {
		return fmt.Errorf("%w: a change while only viewing", kdb.ErrUnsupported)
	}
	return t.ctx.Err()
}

// Put implements [kdb.Tx].
func (t *tx) Put(e kdb.Entry) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	if err := check(&e); err != nil {
		return err
	}
	old := t.entries[e.Label]
	if old != nil {
		before := t.summary(old)
		e.KeepMarks(&before)
		if t.same(&e, old) {
			return nil
		}
	}
	return t.put(e)
}

// check is Entry.Check, but for private keys alone, which many key files have: whether one can be put is for the format to say.
func check(e *kdb.Entry) error {
	if e.Kind == kdb.KindPersonal && len(e.Certificates) == 0 && len(e.Key) > 0 {
		return kdb.CheckLabel(e.Label)
	}
	return e.Check()
}

// put stores an entry, which is changed. One without its key keeps the key that it has.
func (t *tx) put(e kdb.Entry) error {
	if err := t.container.Put(e); err != nil {
		return err
	}
	t.changed = true
	if t.entries[e.Label] == nil {
		t.labels = nil
	}
	if e.Default {
		for _, other := range t.entries {
			other.Default = false
		}
	}
	e.Key = nil
	t.entries[e.Label] = &e
	delete(t.summaries, e.Label)
	return nil
}

// Certify implements [kdb.Tx].
func (t *tx) Certify(label string, certificates [][]byte) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	old, err := t.find(label)
	if err != nil {
		return err
	}
	if old.Kind != kdb.KindPersonal && old.Kind != kdb.KindRequest {
		return fmt.Errorf("%w: %q has no private key", kdb.ErrNotFound, label)
	}
	if len(certificates) == 0 {
		return fmt.Errorf("label %q: %w: a private key alone", label, kdb.ErrUnsupported)
	}
	e, before := *old, t.summary(old)
	e.Kind, e.Certificates, e.Request, e.Trusted, e.Default = kdb.KindPersonal, certificates, nil, false, false
	if e.KeepMarks(&before); t.same(&e, old) {
		return nil
	}
	return t.put(e)
}

// Rename implements [kdb.Tx].
func (t *tx) Rename(from, to string) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	if err := kdb.CheckLabel(to); err != nil {
		return err
	}
	e, err := t.find(from)
	if err != nil || from == to {
		return err
	}
	if t.entries[to] != nil {
		return fmt.Errorf("label %q: %w", to, kdb.ErrExists)
	}
	if err := t.container.Rename(from, to); err != nil {
		return fmt.Errorf("renaming %q: %w", from, err)
	}
	t.changed, t.labels = true, nil
	renamed := *e
	renamed.Label = to
	t.entries[to] = &renamed
	delete(t.entries, from)
	delete(t.summaries, from)
	return nil
}

// Mark implements [kdb.Tx].
func (t *tx) Mark(label string, m kdb.Marks) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	old, err := t.find(label)
	if err != nil {
		return err
	}
	s := t.summary(old)
	if err := m.Check(&s); err != nil {
		return err
	}
	e := *old
	if m.Trusted != nil {
		e.Trusted = *m.Trusted
	}
	if m.Default != nil {
		e.Default = *m.Default
	}
	if e.Trusted == old.Trusted && e.Default == old.Default {
		return nil
	}
	return t.put(e)
}

// same says that putting e would change nothing. The time of an entry is that of its first put.
func (t *tx) same(e, old *kdb.Entry) bool {
	if e.Kind != old.Kind || e.Trusted != old.Trusted || e.Default != old.Default || e.KeyAlgorithm != old.KeyAlgorithm ||
		!bytes.Equal(e.Request, old.Request) || !slices.EqualFunc(e.Certificates, old.Certificates, bytes.Equal) {
		return false
	}
	if len(e.LocalKeyID) > 0 && !bytes.Equal(e.LocalKeyID, old.LocalKeyID) {
		return false
	}
	if len(e.Key) == 0 {
		return true
	}
	key, err := t.container.Key(e.Label)
	return err == nil && bytes.Equal(key, e.Key)
}

// Delete implements [kdb.Tx].
func (t *tx) Delete(label string) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	if _, err := t.find(label); err != nil {
		return err
	}
	if err := t.container.Delete(label); err != nil && !errors.Is(err, kdb.ErrNotFound) {
		return fmt.Errorf("deleting %q: %w", label, err)
	}
	t.changed, t.labels = true, nil
	delete(t.entries, label)
	delete(t.summaries, label)
	return nil
}
