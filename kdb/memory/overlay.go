package memory

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"

	"certkdb/kdb"
)

// Overlay is a set of changes that are kept in memory and seen over a transaction, which itself stays as it is.
type Overlay struct {
	records map[string]*record // nil marks a label that is deleted
	// folded are the labels that have a record, by the form in which the format compares them; of a format that does.
	folded map[string][]string
	// def is the label of the default entry, nil if that is the one below.
	def     *string
	issued  map[serial]kdb.Issued
	numbers map[[32]byte]uint64 // of the last revocation list
	changed bool
}

type serial struct {
	issuer [32]byte
	number string
}

// record is what a label has: the entry of another label below, or an entry of its own.
type record struct {
	below        string // "" if the entry is here
	entry        kdb.Entry
	certificates [][]byte // in place of those below
	trusted      *bool    // in place of the mark below
	deployments  *[]byte  // in place of those below
}

// NewOverlay returns an overlay without changes.
func NewOverlay() *Overlay {
	return &Overlay{
		records: map[string]*record{}, folded: map[string][]string{}, issued: map[serial]kdb.Issued{}, numbers: map[[32]byte]uint64{},
	}
}

// Clone returns a copy: changes of one are not seen in the other.
func (o *Overlay) Clone() *Overlay {
	c := *o
	c.records, c.folded = make(map[string]*record, len(o.records)), maps.Clone(o.folded)
	c.issued, c.numbers = maps.Clone(o.issued), maps.Clone(o.numbers)
	for label, r := range o.records {
		if r != nil {
			r = new(*r)
		}
		c.records[label] = r
	}
	return &c
}

// Changed says whether there is any change, audit records included.
func (o *Overlay) Changed() bool { return o.changed }

// On returns the transaction that shows the changes over tx and takes further ones. It is a [kdb.Registry], and
// removes damaged entries, if tx is a registry.
func (o *Overlay) On(tx kdb.Tx) kdb.Tx {
	t := &overlayTx{Overlay: o, base: tx, lax: true}
	if registry, ok := tx.(kdb.Registry); ok {
		t.lax = false
		return &registryTx{overlayTx: t, registry: registry}
	}
	return t
}

type overlayTx struct {
	*Overlay
	base kdb.Tx
	// lax takes incomplete entries and unreadable certificates, as key files do.
	lax bool
}

var _ kdb.Tx = (*overlayTx)(nil)

func notFound(label string) error {
	return fmt.Errorf("label %q: %w", label, kdb.ErrNotFound)
}

// Fold implements kdb.Folder.
func (t *overlayTx) Fold(label string) string {
	if below, ok := t.base.(kdb.Folder); ok {
		return below.Fold(label)
	}
	return label
}

// find returns the label of the entry that a label stands for: its own, else the only one that the format takes for it. Without an entry
// it returns the label as it is.
func (t *overlayTx) find(label string) string {
	if _, folds := t.base.(kdb.Folder); !folds || t.records[label] != nil {
		return label
	}
	found := slices.Clip(t.folded[t.Fold(label)])
	if below, err := t.base.Summary(label); err == nil {
		if _, here := t.records[below.Label]; !here {
			found = append(found, below.Label)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return label
}

// set gives a label a record; nil marks it as deleted.
func (t *overlayTx) set(label string, r *record) {
	had := t.records[label] != nil
	t.records[label], t.changed = r, true
	if _, folds := t.base.(kdb.Folder); !folds {
		return
	}
	folded := t.Fold(label)
	switch same := t.folded[folded]; { // a clone may have the same slice
	case had && r == nil:
		t.folded[folded] = slices.DeleteFunc(slices.Clone(same), func(other string) bool { return other == label })
	case !had && r != nil:
		t.folded[folded] = append(slices.Clip(same), label)
	}
}

// Summary implements kdb.Tx.
func (t *overlayTx) Summary(label string) (kdb.Summary, error) {
	label = t.find(label)
	s, err := t.summary(label)
	if err != nil {
		return s, err
	}
	def, err := t.Default()
	s.Default = label == def
	return s, err
}

// summary leaves the default mark as it is below.
func (t *overlayTx) summary(label string) (kdb.Summary, error) {
	r, here := t.records[label]
	switch {
	case !here:
		return t.base.Summary(label)
	case r == nil:
		return kdb.Summary{}, notFound(label)
	case r.below == "" || r.certificates != nil:
		e, err := t.entry(label)
		if err != nil {
			return kdb.Summary{}, err
		}
		s, err := kdb.Summarize(&e)
		if err != nil && t.lax {
			s.Warning, err = "it cannot be read: "+err.Error(), nil
		}
		return s, err
	}
	s, err := t.base.Summary(r.below)
	s.Label = label
	if r.trusted != nil {
		s.Trusted = *r.trusted
	}
	if r.deployments != nil {
		s.Deployed = len(*r.deployments) > 0
	}
	return s, err
}

// Summaries implements kdb.Tx.
func (t *overlayTx) Summaries(after string) iter.Seq2[kdb.Summary, error] {
	return func(yield func(kdb.Summary, error) bool) {
		def, err := t.Default()
		if err != nil {
			yield(kdb.Summary{}, err)
			return
		}
		for s, err := range t.merged(after) {
			s.Default = s.Label == def
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// merged joins the labels of the overlay with those below that it says nothing about.
func (t *overlayTx) merged(after string) iter.Seq2[kdb.Summary, error] {
	return func(yield func(kdb.Summary, error) bool) {
		labels := t.labels(after)
		upTo := func(end string) bool { // yields those before the next label below
			for len(labels) > 0 && (end == "" || labels[0] < end) {
				s, err := t.summary(labels[0])
				if labels = labels[1:]; !yield(s, err) {
					return false
				}
			}
			return true
		}
		for s, err := range t.base.Summaries(after) {
			if err != nil {
				yield(s, err)
				return
			}
			if _, here := t.records[s.Label]; here {
				continue
			}
			if !upTo(s.Label) || !yield(s, nil) {
				return
			}
		}
		upTo("")
	}
}

// Labels implements kdb.Tx.
func (t *overlayTx) Labels(after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		here := t.labels(after)
		for label, err := range t.base.Labels(after) {
			if err != nil {
				yield("", err)
				return
			}
			for len(here) > 0 && here[0] < label {
				if !yield(here[0], nil) {
					return
				}
				here = here[1:]
			}
			if _, changed := t.records[label]; !changed && !yield(label, nil) {
				return
			}
		}
		for _, label := range here {
			if !yield(label, nil) {
				return
			}
		}
	}
}

// labels returns those of the overlay that are greater than after, in their order.
func (t *overlayTx) labels(after string) []string {
	var labels []string
	for _, label := range slices.Sorted(maps.Keys(t.records)) {
		if t.records[label] != nil && label > after {
			labels = append(labels, label)
		}
	}
	return labels
}

// Find implements kdb.Tx.
func (t *overlayTx) Find(trait kdb.Trait) iter.Seq2[kdb.Summary, error] {
	return func(yield func(kdb.Summary, error) bool) {
		labels, err := t.labelsBy(trait)
		if err != nil {
			yield(kdb.Summary{}, err)
			return
		}
		kdb.Labelled(t, labels)(yield)
	}
}

// labelsBy finds entries below, as far as the overlay says nothing about their labels, and those of the overlay.
func (t *overlayTx) labelsBy(trait kdb.Trait) ([]string, error) {
	var labels []string
	for s, err := range t.base.Find(trait) {
		if err != nil {
			return nil, err
		}
		if _, here := t.records[s.Label]; !here {
			labels = append(labels, s.Label)
		}
	}
	for _, label := range t.labels("") {
		e, err := t.entry(label)
		if err != nil {
			return nil, err
		}
		if slices.Contains(kdb.Traits(&e), trait) || kdb.HasBareKey(t, &e, trait) {
			labels = append(labels, label)
		}
	}
	slices.Sort(labels)
	return labels, nil
}

// Entry implements kdb.Tx.
func (t *overlayTx) Entry(label string) (kdb.Entry, error) {
	label = t.find(label)
	e, err := t.entry(label)
	if err != nil {
		return e, err
	}
	def, err := t.Default()
	e.Default = label == def
	return e, err
}

// entry leaves the default mark as it is below.
func (t *overlayTx) entry(label string) (kdb.Entry, error) {
	r, here := t.records[label]
	if !here {
		return t.base.Entry(label)
	}
	if r == nil {
		return kdb.Entry{}, notFound(label)
	}
	e := r.entry
	e.Key = nil
	if r.below != "" {
		var err error
		if e, err = t.base.Entry(r.below); err != nil {
			return e, err
		}
		e.Label = label
		if r.certificates != nil {
			e.Kind, e.Certificates, e.Request = kdb.KindPersonal, r.certificates, nil
		}
	}
	if r.trusted != nil {
		e.Trusted = *r.trusted
	}
	if r.deployments != nil {
		e.Deployments = *r.deployments
	}
	e.Certificates = slices.Clone(e.Certificates)
	return e, nil
}

// Key implements kdb.Tx.
func (t *overlayTx) Key(label string) ([]byte, error) {
	label = t.find(label)
	r, here := t.records[label]
	switch {
	case !here:
		return t.base.Key(label)
	case r != nil && r.below != "":
		return t.base.Key(r.below)
	case r == nil, len(r.entry.Key) == 0:
		return nil, notFound(label)
	}
	return bytes.Clone(r.entry.Key), nil
}

// Default implements kdb.Tx.
func (t *overlayTx) Default() (string, error) {
	if t.def != nil {
		return *t.def, nil
	}
	return t.base.Default()
}

// here returns the record of a label, which is then changed.
func (t *overlayTx) here(label string) (*record, kdb.Summary, error) {
	s, err := t.Summary(label)
	if err != nil {
		return nil, s, err
	}
	r := t.records[label]
	if r == nil {
		r = &record{below: label}
	}
	t.set(label, r)
	return r, s, nil
}
