package keyfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/document"
	"certkdb/pki/cert"
)

// tx is the transaction of a View or Update. It keeps its own view of the entries, so that the container is asked for them once.
type tx struct {
	ctx       context.Context
	codec     *Codec
	container Container
	writable  bool
	changed   bool
	entries   *document.Document[*kdb.Entry]
	labels    []string // sorted; nil after a change
	summaries map[string]kdb.Summary
	index     *kdb.Index // nil after a change
}

func newTx(ctx context.Context, codec *Codec, container Container, writable bool) *tx {
	t := &tx{ctx: ctx, codec: codec, container: container, writable: writable, summaries: map[string]kdb.Summary{}}
	t.entries = document.New[*kdb.Entry](codec.Fold)
	for _, e := range container.Entries() {
		t.entries.Add(e.Label, &e)
	}
	return t
}

func (t *tx) find(label string) (*kdb.Entry, error) {
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	return t.entries.Find(label)
}

// Summary implements [kdb.Tx].
func (t *tx) Summary(label string) (kdb.Summary, error) {
	e, err := t.find(label)
	if err != nil {
		return kdb.Summary{}, err
	}
	return t.summary(e), nil
}

// summary never fails: a file that others wrote may hold certificates that cannot be parsed, and can still be listed.
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
			if e, err := t.entries.Find(label); err == nil && !yield(t.summary(e), nil) {
				return
			}
		}
	}
}

// Labels implements [kdb.Tx].
func (t *tx) Labels(after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		labels := t.sorted()
		for _, label := range labels[sort.SearchStrings(labels, after+"\x00"):] {
			if !yield(label, nil) {
				return
			}
		}
	}
}

// Find implements [kdb.Tx].
func (t *tx) Find(trait kdb.Trait) iter.Seq2[kdb.Summary, error] {
	return func(yield func(kdb.Summary, error) bool) {
		if t.index == nil {
			var err error
			if t.index, err = kdb.NewIndex(t); err != nil {
				yield(kdb.Summary{}, err)
				return
			}
		}
		t.index.Find(t, trait)(yield)
	}
}

// KeyProtection implements [kdb.KeyProtector].
func (t *tx) KeyProtection(label string) (string, error) {
	if _, err := t.find(label); err != nil {
		return "", err
	}
	return t.container.KeyProtection(label)
}

func (t *tx) sorted() []string {
	if t.labels == nil {
		t.labels = make([]string, 0, t.entries.Len())
		for label := range t.entries.All() {
			t.labels = append(t.labels, label)
		}
		slices.Sort(t.labels)
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
	key, err := t.container.Key(e.Label)
	if err != nil {
		return nil, fmt.Errorf("opening the key of %q: %w", label, err)
	}
	return bytes.Clone(key), nil
}

// Default implements [kdb.Tx].
func (t *tx) Default() (string, error) {
	for label, e := range t.entries.All() {
		if e.Default {
			return label, nil
		}
	}
	return "", t.ctx.Err()
}

// Audit implements [kdb.Tx]: foreign files have no audit log.
func (t *tx) Audit(string, string) error { return nil }

// errViewing is the error of a change within a View.
var errViewing = errors.New("a change while only viewing")

func (t *tx) mayWrite() error {
	if !t.writable {
		return errViewing
	}
	t.index = nil
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
	old, err := t.entries.Find(e.Label)
	if err != nil {
		old = nil
	} else {
		before := t.summary(old)
		e.Label = old.Label
		if e.KeepMarks(&before); t.same(&e, old) {
			return nil
		}
	}
	if err := t.container.Put(e); err != nil {
		return err
	}
	return t.reread(e.Label, old == nil)
}

// check reports why no file can hold an entry. It is Entry.Check, but for private keys alone, which many key files have: whether one can
// be put is for the format to say.
func check(e *kdb.Entry) error {
	err := e.Check()
	if e.Kind == kdb.KindPersonal && len(e.Certificates) == 0 && len(e.Key) > 0 {
		err = kdb.CheckLabel(e.Label)
	}
	if err != nil {
		return err
	}
	if e.Default && e.Kind != kdb.KindPersonal {
		return fmt.Errorf("label %q: %w: only a personal entry can be the default", e.Label, kdb.ErrUnsupported)
	}
	return readable(e)
}

// readable reports, wrapping kdb.ErrParse, which certificate or request of an entry cannot be read.
func readable(e *kdb.Entry) error {
	for i, der := range e.Certificates {
		if _, err := cert.Parse(der); err != nil {
			return fmt.Errorf("storing %q: %w: certificate %d: %w", e.Label, kdb.ErrParse, i+1, err)
		}
	}
	if e.Kind == kdb.KindRequest {
		if _, err := cert.ParseRequest(e.Request); err != nil {
			return fmt.Errorf("storing %q: %w: %w", e.Label, kdb.ErrParse, err)
		}
	}
	return nil
}

// Accepts implements [kdb.Accepter].
func (t *tx) Accepts(e kdb.Entry) error { return t.codec.accepts(e) }

// Fold implements [kdb.Folder].
func (t *tx) Fold(label string) string {
	if t.codec.Fold == nil {
		return label
	}
	return t.codec.Fold(label)
}

// accepts tries the entry in a new container.
func (c *Codec) accepts(e kdb.Entry) error {
	if c.New == nil {
		return fmt.Errorf("storing %q: %w: %s files are only read", e.Label, kdb.ErrUnsupported, c.Name)
	}
	if err := check(&e); err != nil {
		return err
	}
	container, err := c.New("")
	if err != nil {
		return err
	}
	trial := clone(&e)
	trial.Key = bytes.Clone(e.Key)
	return container.Put(trial)
}

// reread takes an entry as the container has it after a change.
func (t *tx) reread(label string, added bool) error {
	t.changed = true
	e, err := t.container.Entry(label)
	if err != nil {
		return fmt.Errorf("reading back %q: %w", label, err) // unreachable: it was stored
	}
	if e.Default {
		for _, other := range t.entries.All() {
			other.Default = false
		}
	}
	if delete(t.summaries, e.Label); added {
		t.labels = nil
		t.entries.Add(e.Label, &e)
		return nil
	}
	return t.entries.Replace(label, &e)
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
	e.KeepMarks(&before)
	if err := readable(&e); err != nil {
		return err
	}
	return t.update(&e, old)
}

// update stores an entry without its key in the place of old, which it may equal.
func (t *tx) update(e, old *kdb.Entry) error {
	if t.same(e, old) {
		return nil
	}
	return t.write(e)
}

// TrustsImplicitly implements [kdb.Implicit].
func (t *tx) TrustsImplicitly(label string) bool {
	c, ok := t.container.(Implicit)
	return ok && c.TrustsImplicitly(label)
}

// write stores an entry without its key in the place of the one with its label.
func (t *tx) write(e *kdb.Entry) error {
	if err := t.container.Update(*e); err != nil {
		return err
	}
	return t.reread(e.Label, false)
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
	if err != nil || e.Label == to {
		return err
	}
	old := e.Label
	if err := t.entries.Rename(old, to); err != nil {
		return err
	}
	if err := t.container.Rename(old, to); err != nil {
		return errors.Join(fmt.Errorf("renaming %q: %w", from, err), t.entries.Rename(to, old))
	}
	t.labels = nil
	delete(t.summaries, old)
	return t.reread(to, false)
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
	if m.Trusted != nil && e.Trusted && t.TrustsImplicitly(e.Label) {
		return t.write(&e)
	}
	return t.update(&e, old)
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
	e, err := t.find(label)
	if err != nil {
		return err
	}
	label = e.Label
	if err := t.container.Delete(label); err != nil && !errors.Is(err, kdb.ErrNotFound) {
		return fmt.Errorf("deleting %q: %w", label, err)
	}
	t.changed, t.labels = true, nil
	delete(t.summaries, label)
	return t.entries.Remove(label)
}
